import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.network import EmotionNetwork
from training.judge.calibration import rescale
from training.judge.evaluate import (
    FIRST_WHOLE_HOP,
    POINT,
    Predictions,
    fingerprint,
    load_rescaling,
    run_clip,
)
from training.judge.metrics import AFFECT
from training.judge.rescale import UNCHANGED, fit_factors, rescale_head, rescaled
from training.learn.run import REFIT, Run


def _shrunk(run: Run, by: float) -> Predictions:
    """Answers that know every rating, and say it nearer to neutral than it is."""
    generator = np.random.default_rng(3)
    hops = {}
    for clip in run.clips:
        said = np.full((40, 17), 0.1)
        if clip.corpus == "grekow":
            for axis, rating in enumerate((clip.valence, clip.arousal)):
                assert rating is not None
                noise = 0.02 * generator.standard_normal(40)
                said[:, axis] = np.tanh(by * np.arctanh(0.95 * rating) + noise)
        hops[clip.key] = said.astype(np.float32)
    return Predictions(hops, run.split.fold_of)


@given(st.floats(-0.99, 0.99, allow_subnormal=False), st.floats(0.4, 2.5))
def test_what_is_rescaled_and_scaled_back_is_as_it_was(value: float, factor: float) -> None:
    there = rescaled(np.array([value]), factor)
    assert np.abs(there).max() <= 1.0
    assert np.sign(there) == np.sign([value])
    if np.abs(there).max() < 0.999:
        np.testing.assert_allclose(rescaled(there, 1 / factor), [value], atol=1e-9)


@pytest.mark.parametrize("tied", [False, True])
def test_a_rescaled_head_says_what_rescaled_estimates_say(tied: bool) -> None:
    sizes = NetworkConfig(channels=(4, 4, 8), column_channels=8, embedding=8, tied=tied)
    network = EmotionNetwork(sizes)
    frames = np.random.default_rng(0).uniform(0, 4, (200, 64)).astype(np.float32)
    before = run_clip(network.eval(), frames)
    rescale_head(network, {"valence": 1.0, "arousal": 1.4})
    after = run_clip(network, frames)
    np.testing.assert_allclose(after[:, 1], rescaled(before[:, 1], 1.4), atol=1e-5)
    untouched = [0, *range(2, 17)]
    np.testing.assert_allclose(after[:, untouched], before[:, untouched], rtol=1e-5)


def test_careful_estimates_are_rescaled_to_the_ratings(run: Run) -> None:
    careful = _shrunk(run, 0.6)
    bold = rescale(run, careful)
    for clip in run.clips:
        if clip.corpus == "grekow":
            said = bold.hops[clip.key][FIRST_WHOLE_HOP:].mean(0)
            assert said[:2] == pytest.approx([clip.valence, clip.arousal], abs=0.1)
        else:
            untouched = [2, 3, *range(8, 17)]  # the quadrants lean on the point, see test_lean
            np.testing.assert_array_equal(
                bold.hops[clip.key][:, untouched], careful.hops[clip.key][:, untouched]
            )
    assert load_rescaling(run, REFIT)["arousal"] == pytest.approx(1 / 0.6, rel=0.1)


def test_a_folds_factor_does_not_know_the_ratings_it_is_judged_by() -> None:
    generator = np.random.default_rng(4)
    ratings = generator.uniform(-0.8, 0.8, 60)
    folds = np.arange(60) % 3
    answers = [np.full(5, 0.6 * rating) for rating in ratings]
    before, refit = fit_factors(answers, ratings, folds, 3)
    ratings[folds == 1] *= 0.8
    after, other = fit_factors(answers, ratings, folds, 3)
    assert after[1] == before[1]
    assert after[0] != before[0]
    assert other != refit


def test_no_rescaling_ships_that_does_not_help_songs_it_was_not_fitted_on(run: Run) -> None:
    # What the folds want is opposite: each one's factor harms the other.
    careful, bold = _shrunk(run, 0.6), _shrunk(run, 1.6)
    hops = {key: (careful if careful.fold[key] else bold).hops[key] for key in careful.hops}
    said = rescale(run, Predictions(hops, careful.fold))
    assert {axis: load_rescaling(run, REFIT)[axis] for axis in AFFECT} == UNCHANGED
    for key, own in said.hops.items():
        np.testing.assert_array_equal(own[:, POINT], hops[key][:, POINT])


def test_a_rescaling_is_of_the_weights_it_was_found_for(run: Run) -> None:
    assert load_rescaling(run, REFIT) == {"valence": 1.0, "arousal": 1.0}
    before = fingerprint(run)
    rescale(run, _shrunk(run, 0.6))
    assert fingerprint(run) != before
    run.weights("fold-0").parent.mkdir(parents=True)
    run.weights("fold-0").write_bytes(b"other weights")
    with pytest.raises(InputError, match="run evaluate again"):
        load_rescaling(run, "fold-0")
