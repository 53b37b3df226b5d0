"""What pairs of turns say, and how surely."""

import pytest

from realtime_mer.bench.pairs import median_interval, verdict


@pytest.mark.parametrize(
    ("count", "low", "high", "coverage"),
    # Tables of the sign test: n, ranks of the interval's ends, confidence.
    [(6, 1, 6, 0.969), (10, 2, 9, 0.979), (12, 3, 10, 0.961), (20, 6, 15, 0.959)],
)
def test_the_interval_of_a_median_is_that_of_the_sign_test(
    count: int, low: int, high: int, coverage: float
) -> None:
    *ends, covered = median_interval([float(rank) for rank in range(count, 0, -1)])
    assert ends == [low, high]
    assert covered == pytest.approx(coverage, abs=6e-4)


@pytest.mark.parametrize(("count", "coverage"), [(1, 0.0), (2, 0.5), (5, 0.9375)])
def test_too_few_values_say_how_little_their_range_covers(count: int, coverage: float) -> None:
    values = [float(rank) for rank in range(count)]
    assert median_interval(values) == (0.0, count - 1.0, coverage)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.95, 1.05, "yes"),
        (0.70, 0.90, "yes"),  # faster beside a stalled client, as chance will have it
        (0.95, 1.10, "undecided"),
        (0.50, 2.00, "undecided"),
        (1.10, 1.30, "no"),
    ],
)
def test_what_the_interval_says_of_the_bound(low: float, high: float, expected: str) -> None:
    assert verdict(low, high, bound=0.10) == expected
