"""An owner's scale beside the model's: found where it is, and refused where it means nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from realtime_mer.library.checking.agreement import Measured
from realtime_mer.library.checking.own_scale import Line, fitted, scale_of

MODEL = np.linspace(-0.6, 0.6, 20)


def owner(offset: float, slope: float, *, scatter: float = 0.1, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, scatter, len(MODEL))
    return np.clip(offset + slope * MODEL + noise, -1, 1)


def test_a_scale_of_ones_own_is_found() -> None:
    axis = fitted(owner(0.2, 0.5), MODEL)
    assert axis.used is not None
    assert axis.used.offset.low < 0.2 < axis.used.offset.high
    assert axis.used.slope.low < 0.5 < axis.used.slope.high
    assert axis.used.count == 20


def test_slope_and_offset_are_those_of_theil_and_sen() -> None:
    own = owner(-0.1, 1.4, scatter=0.2)
    line = fitted(own, MODEL).line
    assert line is not None
    assert line.slope.value == pytest.approx(stats.theilslopes(own, MODEL).slope)
    assert line.offset.value == pytest.approx(np.median(own - line.slope.value * MODEL))


def test_a_fifth_of_odd_answers_hardly_moves_it() -> None:
    own = owner(0.2, 0.5, scatter=0.02)
    odd = own.copy()
    odd[:4] = 1.0
    clean, line = fitted(own, MODEL).line, fitted(odd, MODEL).line
    assert clean is not None
    assert line is not None
    assert line.slope.value == pytest.approx(clean.slope.value, abs=0.2)
    assert line.offset.value == pytest.approx(clean.offset.value, abs=0.06)


@pytest.mark.parametrize(
    ("own", "model", "why"),
    [
        (owner(0.2, 0.5)[:9], MODEL[:9], "9 tracks are too few: it takes 10"),
        (owner(0.2, 0.0, scatter=0.4), MODEL, "more than chance may"),
        (owner(0.0, -0.8), MODEL, "more than chance may"),
        (np.zeros(20), MODEL, "more than chance may"),
        (owner(0.0, 1.0), MODEL, "cannot be told from the model's own scale"),
        (owner(0.2, 0.5), MODEL / 20, "the model gives these tracks nearly the same number"),
        (owner(0.2, 0.5), np.zeros(20), "the model gives these tracks nearly the same number"),
    ],
    ids="few noise opposite constant same near-alike alike".split(),
)
def test_a_scale_that_means_nothing_is_refused_with_its_reason(own, model, why) -> None:
    axis = fitted(own, model)
    assert axis.used is None
    assert why in axis.refused


@pytest.mark.slow
def test_of_owners_who_go_by_the_models_scale_few_are_given_another() -> None:
    given_one = sum(
        fitted(owner(0, 1, scatter=0.3, seed=seed), MODEL).used is not None for seed in range(100)
    )
    assert given_one <= 20


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(0.01, 3))
def test_a_line_keeps_the_order_and_stays_on_the_plane(one, other, offset, slope) -> None:
    line = Line(
        offset=Measured(value=offset, low=offset, high=offset),
        slope=Measured(value=slope, low=slope, high=slope),
        count=20,
    )
    low, high = sorted((one, other))
    assert -1 <= line(low) <= line(high) <= 1


def test_a_scale_says_which_axis_it_moves_and_how() -> None:
    pairs = [((v, 0.0), (m, m)) for v, m in zip(owner(0.2, 0.5, scatter=0.0), MODEL, strict=True)]
    scale = scale_of(pairs, models=["ab"])
    assert scale.means_something
    assert scale.words == "own scale: valence +0.20 +0.50 m"
    assert not scale_of([], models=[]).means_something
