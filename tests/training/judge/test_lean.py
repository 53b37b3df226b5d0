import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.emotion import QUADRANTS, quadrant_of
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.model.tied import SIGNS
from training.judge.calibration import rescale
from training.judge.evaluate import POINT, Predictions, load_rescaling, run_clip
from training.judge.evaluate import QUADRANTS as SHARES
from training.judge.lean import (
    CLEAR,
    ENOUGH,
    LEANS,
    OF_NETWORK,
    agreeing,
    fit_leans,
    lean_point,
    lean_quadrants,
    leaning_point,
    leaning_quadrants,
)
from training.judge.rescale import LEAN, rescale_head, rescaled
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
    leant = leaning_quadrants(point, said, lean)
    np.testing.assert_allclose(leant.sum(1), 1.0, rtol=1e-5)
    assert agreeing(point, leant)[0] >= agreeing(point, said)[0]
    if lean == 0.0:
        np.testing.assert_array_equal(leant, said)


@given(_POINTS, st.integers(0, 3), st.sampled_from(LEANS[1:]))
def test_a_leaning_point_moves_towards_the_likeliest_quadrant(
    points: list[tuple[float, float]], quadrant: int, lean: float
) -> None:
    point, said = np.array(points, np.float32), _sure_of([quadrant] * len(points))
    leant = leaning_point(point, said, lean)
    towards = np.array(SIGNS)[:, quadrant]
    assert (np.abs(leant) <= 1.0).all()
    assert ((leant - np.clip(point, -0.999, 0.999)) * towards >= -1e-6).all()
    np.testing.assert_array_equal(leaning_point(point, said, 0.0), point)


def test_a_leaning_head_says_what_leaning_estimates_say() -> None:
    sizes = NetworkConfig(channels=(4, 4, 8), column_channels=8, embedding=8)
    network = EmotionNetwork(sizes).eval()
    frames = np.random.default_rng(0).uniform(0, 4, (200, 64)).astype(np.float32)
    before = run_clip(network, frames)
    lean_point(network, 3.0)
    rescale_head(network, {"valence": 1.5, "arousal": 0.8})
    lean_quadrants(network, 3.0)
    after = run_clip(network, frames)
    point = leaning_point(before[:, POINT], before[:, SHARES], 3.0)
    point = np.stack([rescaled(point[:, 0], 1.5), rescaled(point[:, 1], 0.8)], axis=1)
    np.testing.assert_allclose(after[:, POINT], point, atol=1e-5)
    quadrants = leaning_quadrants(point, before[:, SHARES], 3.0)
    np.testing.assert_allclose(after[:, SHARES], quadrants, atol=1e-5)
    assert np.abs(after[:, SHARES] - before[:, SHARES]).max() > 0.01
    for others in (slice(2, 4), slice(8, 17)):
        np.testing.assert_allclose(after[:, others], before[:, others], rtol=1e-5)


def _counts(*clips: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.array(
        [
            [agreeing(point, leaning_quadrants(point, said, lean)) for point, said in clips]
            for lean in LEANS
        ]
    )


def test_the_least_lean_that_suffices_is_taken() -> None:
    point = np.tile([[math.tanh(0.5), math.tanh(0.5)]], (10, 1))
    # The other side of valence is ahead by so much; a lean of l adds l times the pull.
    odds = np.exp([0.0, 1.4 * OF_NETWORK.quadrants, -2.0, -2.0])
    against = np.tile(odds / odds.sum(), (10, 1))
    agreed = _sure_of([0] * 10)
    folds = np.array([0, 1, 0, 1])
    counts = _counts((point, agreed), (point, agreed), (point, against), (point, against))
    assert fit_leans(counts, folds, 2) == ([1.5, 1.5], 1.5)
    assert fit_leans(counts[:, :2], folds[:2], 2) == ([0.0, 0.0], 0.0)
    stubborn = _counts((point, _sure_of([2] * 10, 1.0)))
    assert fit_leans(stubborn, folds[:1], 2)[1] == LEANS[-1]


def test_a_folds_lean_does_not_know_the_clips_it_is_judged_by() -> None:
    point = np.tile([[0.5, 0.5]], (10, 1))
    agreed, against = _sure_of([0] * 10), _sure_of([1] * 10, 0.3)
    held, refit = fit_leans(_counts((point, agreed), (point, against)), np.array([0, 1]), 2)
    assert held[0] > 0, "fold 0 is judged under what fold 1 wants"
    assert held[1] == 0
    assert refit > 0


def test_what_a_run_says_after_evaluation_agrees(run: Run) -> None:
    said = np.zeros((40, 17), np.float32) + 0.1
    said[:, POINT] = (0.8, 0.8)
    said[:, SHARES] = (0.3, 0.5, 0.1, 0.1)
    hops = {clip.key: said.copy() for clip in run.clips}
    leant = rescale(run, Predictions(hops, run.split.fold_of))
    for key in hops:
        same, asked = agreeing(leant.hops[key][:, POINT], leant.hops[key][:, SHARES])
        assert same >= ENOUGH * asked > 0
    assert load_rescaling(run, REFIT)[LEAN] > 0
