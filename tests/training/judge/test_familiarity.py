"""How near a window lies to what a network learnt from, fitted on songs that it never heard."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from realtime_mer.errors import InputError
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.familiarity import Familiarity
from training.corpora import read_clips
from training.features.cache import FeatureStore, feature_store
from training.judge.evaluate import FAMILIARITY, load_network, run_network
from training.judge.familiarity import (
    QUANTILES,
    fit,
    fit_familiarity,
    held_out_familiarity,
    knots,
    tells_familiarity,
)
from training.learn.run import Run, open_run
from training.learn.train import train_part


def test_the_distance_is_that_of_mahalanobis_in_units_of_the_median() -> None:
    random = np.random.default_rng(0)
    rows = (random.standard_normal((4000, 3)) @ random.standard_normal((3, 3)) + 2).astype(
        np.float32
    )
    centre, directions = fit(rows, directions=3)
    found = np.linalg.norm((rows - centre.numpy()) @ directions.numpy(), axis=1)
    apart = rows - rows.mean(0)
    inverse = np.linalg.inv(np.cov(rows, rowvar=False))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", apart, inverse, apart))
    np.testing.assert_allclose(found, expected / np.median(expected), rtol=2e-3)


def test_the_directions_kept_are_those_that_vary_most_and_one_that_does_not_counts_little() -> None:
    rows = np.random.default_rng(1).standard_normal((500, 4)) * [3.0, 0.0, 1.0, 0.1]
    _, directions = fit(rows.astype(np.float32), directions=2)
    assert directions.shape == (4, 2)
    assert (directions[[1, 3]].abs().max() < 0.05 * directions[[0, 2]].abs().max()).all()
    _, every = fit(rows.astype(np.float32), directions=4)
    assert torch.isfinite(every).all()


@given(arrays(np.float32, st.integers(1, 50), elements=st.floats(0, 100, width=32)))
def test_knots_rise_and_lie_at_the_quantiles(distances: np.ndarray) -> None:
    found = knots(distances)
    assert (np.diff(found) > 0).all()
    assert (found >= np.quantile(distances, QUANTILES) - 1e-3).all()


def test_familiarity_falls_from_one_to_nothing_along_its_knots() -> None:
    told = Familiarity(NetworkConfig(embedding=1))
    told.load_state_dict(
        {
            "centre": torch.zeros(1),
            "directions": torch.ones(1, 1),
            "knots": torch.tensor([1.0, 2.0, 4.0, 5.0, 9.0]),
        }
    )
    at = torch.tensor([0.0, 1.0, 1.5, 2.0, -3.0, 4.0, 5.0, 7.0, 9.0, 50.0])
    expected = torch.tensor([1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.25, 0.125, 0.0, 0.0])
    torch.testing.assert_close(told(at[:, None]), expected)


@pytest.fixture
def fitted(
    corpora_root: Path, tiny_config: Path, cache_root: Path, tmp_path: Path
) -> tuple[Run, FeatureStore]:
    """A run of two folds whose networks were trained for a step."""
    text = tiny_config.read_text().replace("[network]", "[network]\nfamiliar = true")
    tiny_config.write_text(text)
    run = open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)
    features = feature_store(run.clips, run.config.features, cache_root)
    config = replace(run.config, epochs=1, steps_per_epoch=1)
    for number, part in enumerate(run.parts):
        train_part(
            run.training_clips(part), features, None, config, run.folder / part, stream_key=number
        )
    return run, features


@pytest.mark.slow
def test_a_song_is_as_familiar_as_others_that_nobody_heard_and_what_is_unlike_all_is_not(
    fitted: tuple[Run, FeatureStore],
) -> None:
    run, features = fitted
    fit_familiarity(run, features, [0, 1])
    network = load_network(run, "all")

    def familiar(frames: np.ndarray) -> float:
        silence = np.zeros((NetworkConfig.history_frames, 64), np.float32)
        heard = torch.from_numpy(np.concatenate((silence, frames.astype(np.float32))))
        with torch.inference_mode():
            return float(network(heard[None])[0].familiar[0, -10:].mean())

    songs = [familiar(features[clip.key]) for clip in run.clips]
    assert np.mean(songs) > 0.5
    assert familiar(np.full((300, 64), 6.0)) < 0.05
    # What it is measured by is each part's own.
    first, second = (load_network(run, f"fold-{fold}").familiarity for fold in (0, 1))
    assert first is not None
    assert second is not None
    assert not torch.equal(first.knots, second.knots)
    # A clip's, for its intervals, is told by the network that never heard it.
    told = held_out_familiarity(run, features)
    assert set(told) == {clip.key for clip in run.clips}
    clip = run.held_out_clips("fold-1")[0]
    expected = run_network(load_network(run, "fold-1"), *features.heard(clip.key)).familiar[0]
    np.testing.assert_array_equal(told[clip.key], expected)


@pytest.mark.slow
def test_only_a_part_that_was_fitted_tells_what_is_familiar(
    fitted: tuple[Run, FeatureStore],
) -> None:
    run, features = fitted
    assert not tells_familiarity(run, "all")
    fit_familiarity(run, features, [0])
    assert tells_familiarity(run, "fold-0")
    assert tells_familiarity(run, "all")
    assert not tells_familiarity(run, "fold-1")


@pytest.mark.slow
def test_what_was_fitted_to_other_weights_is_refused(fitted: tuple[Run, FeatureStore]) -> None:
    run, features = fitted
    fit_familiarity(run, features, [0])
    with pytest.raises(InputError, match="run evaluate again"):
        load_network(run, "fold-1")
    weights = run.weights("fold-0")
    weights.write_bytes(run.weights("fold-1").read_bytes())
    with pytest.raises(InputError, match=FAMILIARITY):
        load_network(run, "fold-0")
