"""What a committee says out of fold once the network that a run trained sits in it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from realtime_mer.features.config import FeatureConfig, LevelConfig, PitchConfig
from realtime_mer.model.config import NetworkConfig
from tests.networks import HARMONIC, SMALL, random_checkpoint
from training.features.cache import Heard
from training.judge.committee import heard_afresh
from training.judge.evaluate import JudgedNetwork, run_clip
from training.learn.config import TrainingConfig

HOP_S = 0.1
LEVEL = LevelConfig(usual_dbfs=-14.0, free_db=3.0, time_s=1.0)


def _network(sizes: NetworkConfig, level: LevelConfig | None) -> JudgedNetwork:
    features = FeatureConfig(pitch=PitchConfig() if sizes.harmonic else None)
    config = replace(TrainingConfig(name="x"), network=sizes, features=features, level=level)
    network = JudgedNetwork(config).eval()
    network.load_state_dict(random_checkpoint(config=sizes).network.state_dict())
    return network


def _heard(hops: int, *, pitched: bool) -> Heard:
    random = np.random.default_rng(hops)
    loud = np.repeat(np.linspace(0.2, 1.0, hops), 5)[:, None]
    frames = loud * random.uniform(0, 2, (5 * hops, FeatureConfig().n_mels))
    pitches = random.uniform(0, 2, (hops, PitchConfig.bins if pitched else 0))
    return Heard(frames.astype(np.float16), pitches.astype(np.float16))


@pytest.mark.parametrize("sizes", [SMALL, HARMONIC], ids=["plain", "harmonic"])
@pytest.mark.parametrize("level", [None, LEVEL], ids=["as it is", "at one level"])
def test_each_window_is_heard_as_if_nothing_had_been_before_it(
    sizes: NetworkConfig, level: LevelConfig | None
) -> None:
    network, heard = _network(sizes, level), _heard(74, pitched=bool(sizes.harmonic))
    said = heard_afresh(network, heard, windows=3, every_s=HOP_S)
    # A session follows the level of the whole sound, so that is not begun anew.
    even = heard if network.levelling is None else network.levelling(heard)
    network.levelling = None
    alone = [run_clip(network, *even.hops(at, at + 30))[-1] for at in (0, 20, 40)]
    np.testing.assert_allclose(said, alone, atol=1e-5)
    assert np.ptp(said[:, :2], axis=0).min() > 1e-4  # the windows are told apart


def test_a_last_window_whose_last_hop_is_not_whole_ends_a_hop_before() -> None:
    network, heard = _network(SMALL, None), _heard(49, pitched=False)
    said: Any = heard_afresh(network, heard, windows=2, every_s=HOP_S)
    right = run_clip(network, *heard.hops(19, 49))[-1]
    np.testing.assert_allclose(said[1], right, atol=1e-5)
