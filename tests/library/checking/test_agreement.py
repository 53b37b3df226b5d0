"""How far an owner and the model agree, beside what scipy says of the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from realtime_mer.library.checking.agreement import Measured, agreement, wilson

RNG = np.random.default_rng(3)
MODEL = RNG.uniform(-0.7, 0.7, 20)
OWN = np.clip(0.1 + 0.8 * MODEL + RNG.normal(0, 0.2, 20), -1, 1)
INTERVALS = [(value - 0.25, value + 0.25) for value in MODEL]


def test_r_is_pearsons_and_its_interval_near_that_of_fisher() -> None:
    found = agreement(OWN, MODEL, INTERVALS).r
    assert found is not None
    expected = stats.pearsonr(OWN, MODEL)
    low, high = expected.confidence_interval(0.95)
    assert found.value == pytest.approx(expected.statistic)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.12), pytest.approx(high, abs=0.06))


def test_ccc_is_that_of_lin_and_falls_with_an_offset_where_r_stays() -> None:
    one, other = agreement(OWN, MODEL, INTERVALS), agreement(OWN - 0.6, MODEL, INTERVALS)
    assert one.ccc is not None
    assert other.ccc is not None
    assert one.r is not None
    assert other.r is not None
    expected = 2 * np.cov(OWN, MODEL, bias=True)[0, 1]
    expected /= OWN.var() + MODEL.var() + (OWN.mean() - MODEL.mean()) ** 2
    assert one.ccc.value == pytest.approx(expected)
    assert other.ccc.value < one.ccc.value - 0.1
    assert other.r.value == pytest.approx(one.r.value)


def test_who_says_the_same_agrees_wholly() -> None:
    found = agreement(MODEL, MODEL, INTERVALS)
    assert found.r == found.ccc == Measured(value=pytest.approx(1), low=pytest.approx(1),
                                            high=pytest.approx(1))  # fmt: skip
    assert found.difference == found.shift == Measured(value=0, low=0, high=0)
    assert found.inside.value == 1
    assert found.inside.low < 0.9  # 20 of 20 is no proof of more


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
def test_whoever_gives_all_tracks_the_same_has_no_r(constant: float) -> None:
    same = np.full(20, constant)
    found = agreement(same, MODEL, INTERVALS)
    assert found.r is None
    assert found.ccc is not None
    assert found.ccc.value == 0
    assert agreement(same, same, INTERVALS).ccc is None


def test_differences_are_means_with_percentiles_of_a_bootstrap() -> None:
    found = agreement(OWN, MODEL, INTERVALS)
    for measured, each in ((found.difference, abs(OWN - MODEL)), (found.shift, OWN - MODEL)):
        expected = stats.bootstrap([each], np.mean, method="percentile", rng=1)
        interval = expected.confidence_interval
        assert measured.value == pytest.approx(each.mean())
        assert measured.low == pytest.approx(interval.low, abs=0.02)
        assert measured.high == pytest.approx(interval.high, abs=0.02)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_shares_interval_is_that_of_wilson(case: tuple[int, int]) -> None:
    hits, count = case
    found = wilson(hits, count)
    expected = stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == (
        pytest.approx(expected.low, abs=1e-6), pytest.approx(expected.high, abs=1e-6),
    )  # fmt: skip


def test_the_part_within_the_models_interval_counts_its_ends() -> None:
    found = agreement([0.0, 0.5, -0.5, 0.6], [0.0] * 4, [(-0.5, 0.5)] * 4)
    assert found.inside.value == 0.75
