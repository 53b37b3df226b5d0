import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.features.log_mel import LogMel
from tests.networks import knowing_loudness
from training.features.cache import Heard, feature_store, log_mel, log_pitch, pitch_transform
from training.judge.level import crossing, farthest, level
from training.learn.augment import with_gain
from training.learn.run import Run

FEATURES = FeatureConfig(pitch=PitchConfig())
GAINS_DB = (-30, -6, 12)


@pytest.mark.parametrize("gain", [-30.0, 12.0])
def test_frames_with_a_gain_are_those_of_the_louder_sound(gain: float) -> None:
    time = np.arange(FEATURES.sample_rate) / FEATURES.sample_rate
    sound = 0.1 * np.sin(2 * np.pi * 440 * time * (1 + time))
    mel, pitch = LogMel(FEATURES).eval(), pitch_transform(FEATURES)
    assert pitch is not None
    plain, louder = (
        Heard(log_mel(mel, samples), log_pitch(pitch, samples))
        for samples in (np.float32(sound), np.float32(sound * 10 ** (gain / 20)))
    )
    for found, expected in zip(with_gain(plain, gain, FEATURES), louder, strict=True):
        np.testing.assert_allclose(found, expected, atol=4e-3)


def test_the_farther_of_two_axes_counts_whichever_way_it_went() -> None:
    np.testing.assert_array_equal(farthest(np.array([[0.1, -0.3], [-0.2, 0.0]])), [0.3, 0.2])


def test_a_clip_crosses_between_the_last_gain_that_is_near_and_the_first_that_is_not() -> None:
    gains = (0, -6, -12, -18)
    moved = np.array([[0, 0], [0.02, 0.05], [0.0, -0.15], [0.0, -0.05]])
    assert crossing(gains, moved) == pytest.approx(-9.0)
    assert crossing(gains, moved / 10) == -math.inf


@pytest.mark.slow
def test_a_network_that_hears_loudness_alone_is_said_to_move_and_a_deaf_one_to_stay(
    run: Run, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.judge.level.GAINS_DB", GAINS_DB)
    run = replace(run, clips=run.clips[::3])
    features = feature_store(run.clips, run.config.features, cache_root)
    found = {}
    for name, weight in (("hears", 1.0), ("deaf", 0.0)):
        network = knowing_loudness(run.config.network, weight=weight)
        monkeypatch.setattr("training.judge.level.load_network", lambda *_, own=network: own)
        rows = level(run, features, resamples=20)
        found[name] = {(row["metric"], row["gain_db"], row["fold"]): row for row in rows}
    hears, deaf = found["hears"], found["deaf"]
    over = "moved by more than 0.1, share of clips"
    for gain in GAINS_DB:
        assert deaf["moved, mean", gain, None]["value"] == 0.0
        assert deaf[over, gain, None]["value"] == 0.0
        whole = hears["arousal moved, mean", gain, None]
        assert (whole["n"], whole["data"]) == (12, "emotify, grekow, panda4q")
        assert hears["valence moved, mean", gain, None]["value"] == 0.0
        assert whole["low"] <= whole["value"] <= whole["high"]
        # What the folds moved by is what all moved by, each clip counted once.
        folds = [hears["moved, mean, one fold", gain, fold] for fold in range(run.split.folds)]
        assert sum(row["n"] for row in folds) == 12
        mean = sum(row["value"] * row["n"] for row in folds) / 12
        assert mean == pytest.approx(hears["moved, mean", gain, None]["value"], abs=1e-3)
    means = [hears["arousal moved, mean", gain, None]["value"] for gain in (-6, -30)]
    assert means == sorted(means)
    assert means[-1] > 0.1
    assert hears[over, -30, None]["value"] > 0.5
