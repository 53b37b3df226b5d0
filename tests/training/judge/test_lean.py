import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.emotion import QUADRANTS, quadrant_of
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.network import EmotionNetwork
from training.judge.calibration import rescale
from training.judge.evaluate import POINT, Predictions, load_rescaling, run_clip
from training.judge.evaluate import QUADRANTS as SHARES
from training.judge.lean import CLEAR, ENOUGH, LEANS, agreeing, fit_leans, lean_head, leaning
from training.judge.rescale import LEAN, rescale_head
from training.learn.run import REFIT, Run

_COORDINATE = st.floats(-1, 1, width=32)
_POINTS = st.lists(st.tuples(_COORDINATE, _COORDINATE), min_size=1, max_size=30)


def _sure_of(quadrants: list[int], share: float = 0.7) -> np.ndarray:
    said = np.full((len(quadrants), 4), (1 - share) / 3, np.float32)
    said[np.arange(len(quadrants)), quadrants] = share
    return said


@given(_POINTS)
def test_every_clear_hop_agrees_with_its_own_quadrant_and_with_no_other(
    points: list[tuple[float, float]],
) -> None:
    said = np.array(points, np.float32)
    clear = sum(abs(v) > np.float32(CLEAR) and abs(a) > np.float32(CLEAR) for v, a in points)
    own = [QUADRANTS.index(quadrant_of(*point)) for point in points]
    assert agreeing(said, _sure_of(own)) == (clear, clear)
    for turn in (1, 2, 3):
        others = [(quadrant + turn) % 4 for quadrant in own]
        assert agreeing(said, _sure_of(others)) == (0, clear)


@given(_POINTS, st.lists(st.integers(0, 3), min_size=30, max_size=30), st.sampled_from(LEANS))
def test_leaning_quadrants_are_shares_and_agree_at_least_as_often(
    points: list[tuple[float, float]], quadrants: list[int], lean: float
) -> None:
    point, said = np.array(points, np.float32), _sure_of(quadrants[: len(points)])
    leant = leaning(point, said, lean)
    np.testing.assert_allclose(leant.sum(1), 1.0, rtol=1e-5)
    assert agreeing(point, leant)[0] >= agreeing(point, said)[0]
    if lean == 0.0:
        np.testing.assert_array_equal(leant, said)


def test_a_leaning_head_says_what_leaning_estimates_say() -> None:
    sizes = NetworkConfig(channels=(4, 4, 8), column_channels=8, embedding=8)
    network = EmotionNetwork(sizes).eval()
    frames = np.random.default_rng(0).uniform(0, 4, (200, 64)).astype(np.float32)
    rescale_head(network, {"valence": 1.5, "arousal": 0.8})
    before = run_clip(network, frames)
    lean_head(network, 1.5)
    after = run_clip(network, frames)
    expected = leaning(before[:, POINT], before[:, SHARES], 1.5)
    np.testing.assert_allclose(after[:, SHARES], expected, atol=1e-5)
    assert np.abs(after[:, SHARES] - before[:, SHARES]).max() > 0.01
    for others in (slice(0, 4), slice(8, 17)):
        np.testing.assert_allclose(after[:, others], before[:, others], rtol=1e-5)


def test_the_least_lean_that_suffices_every_corpus_is_taken() -> None:
    point = np.tile([[math.tanh(0.5), math.tanh(0.5)]], (10, 1))
    # The other side of valence is ahead by 1.5 logits; a lean of l adds 2 * 0.5 * l to the point's.
    odds = np.exp([0.0, 1.5, -2.0, -2.0])
    against = np.tile(odds / odds.sum(), (10, 1))
    agreed = _sure_of([0] * 10)
    folds = np.array([0, 1, 0, 1])
    clips = [("one", point, agreed), ("one", point, agreed), *[("two", point, against)] * 2]
    assert fit_leans(clips, folds, 2) == ([2.0, 2.0], 2.0)
    assert fit_leans(clips[:2], folds[:2], 2) == ([0.0, 0.0], 0.0)
    stubborn = [("one", point, _sure_of([2] * 10, 1.0))]
    assert fit_leans(stubborn, folds[:1], 2)[1] == LEANS[-1]


def test_a_folds_lean_does_not_know_the_clips_it_is_judged_by() -> None:
    point = np.tile([[0.5, 0.5]], (10, 1))
    agreed, against = _sure_of([0] * 10), _sure_of([1] * 10)
    folds = np.array([0, 1])
    held, refit = fit_leans([("one", point, agreed), ("one", point, against)], folds, 2)
    assert held[0] > 0, "fold 0 is judged under what fold 1 wants"
    assert held[1] == 0
    assert refit > 0


def test_what_a_run_says_after_evaluation_agrees(run: Run) -> None:
    said = np.zeros((40, 17), np.float32) + 0.1
    said[:, POINT] = (0.4, 0.4)
    said[:, SHARES] = (0.3, 0.5, 0.1, 0.1)
    hops = {clip.key: said.copy() for clip in run.clips}
    leant = rescale(run, Predictions(hops, run.split.fold_of))
    for key in hops:
        same, asked = agreeing(leant.hops[key][:, POINT], leant.hops[key][:, SHARES])
        assert same >= ENOUGH * asked > 0
    assert load_rescaling(run, REFIT)[LEAN] > 0
