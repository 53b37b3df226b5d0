"""How far an owner's placings and the model's numbers agree, and how sure that is (pure)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

FEWEST = 3
"""Tracks below which nothing is measured."""

SURE = 0.95
"""Part of intervals that hold what they are of."""

RESAMPLES = 2000

_SDS = 1.959964  # of a normal distribution to either side, for ``SURE``


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A value and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far two raters of the same tracks agree on one axis.

    Attributes:
        count: tracks.
        r: Pearson's correlation; None where one of them gives all tracks the same.
        ccc: concordance correlation (Lin 1989), which an offset or a slope lowers too; None where
            both give all tracks the same.
        difference: mean absolute difference.
        shift: mean of the owner's rating less the model's.
        inside: part of the owner's placings within the model's interval, with Wilson's interval.
    """

    count: int
    r: Measured | None
    ccc: Measured | None
    difference: Measured
    shift: Measured
    inside: Measured


def agreement(
    own: Sequence[float],
    model: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    *,
    seed: int = 0,
) -> Agreement:
    """Measure one axis, with percentiles of a bootstrap over tracks.

    Args:
        own: the owner's ratings.
        model: the model's, of the same tracks; at least ``FEWEST``.
        intervals: the model's, lowest and highest.
        seed: of the bootstrap.
    """
    x, y = np.asarray(model, dtype=np.float64), np.asarray(own, dtype=np.float64)
    low, high = np.asarray(intervals, dtype=np.float64).T
    inside = int(np.sum((low <= y) & (y <= high)))
    again = resamples(len(x), seed=seed)
    pairs = x[again], y[again]

    def measured(of: Callable[[Numbers, Numbers], Numbers]) -> Measured:
        return with_percentiles(float(of(x[None], y[None])[0]), of(*pairs))

    return Agreement(
        count=len(x),
        r=measured(_r) if np.ptp(x) and np.ptp(y) else None,
        ccc=measured(_ccc) if np.ptp(x) or np.ptp(y) else None,
        difference=measured(lambda x, y: np.abs(y - x).mean(axis=1)),
        shift=measured(lambda x, y: (y - x).mean(axis=1)),
        inside=wilson(inside, len(x)),
    )


def resamples(count: int, *, seed: int) -> NDArray[np.int64]:
    """Return which tracks each of ``RESAMPLES`` draws with replacement holds, ``(draws, n)``."""
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def with_percentiles(value: float, drawn: Numbers) -> Measured:
    """Return a value with the percentiles of what draws gave; those that gave nothing are left."""
    low, high = np.quantile(drawn[np.isfinite(drawn)], ((1 - SURE) / 2, (1 + SURE) / 2))
    return Measured(value=value, low=float(low), high=float(high))


def wilson(hits: int, count: int) -> Measured:
    """Return a share with Wilson's interval, which has a width at 0 and 1 too."""
    share, z = hits / count, _SDS**2 / count
    middle = (share + z / 2) / (1 + z)
    half = math.sqrt(z * (share * (1 - share) + z / 4)) / (1 + z)
    return Measured(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def _moments(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return covariance, both variances and the distance of the means, of each row."""
    apart = x.mean(axis=1) - y.mean(axis=1)
    # Rounding leaves something of the variance of what is all the same.
    varies_x, varies_y = np.ptp(x, axis=1) > 0, np.ptp(y, axis=1) > 0
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    both = (x * y).mean(axis=1) * varies_x * varies_y
    return both, (x**2).mean(axis=1) * varies_x, (y**2).mean(axis=1) * varies_y, apart


def _r(x: Numbers, y: Numbers) -> Numbers:
    both, of_x, of_y, _ = _moments(x, y)
    with np.errstate(invalid="ignore"):
        return np.asarray(both / np.sqrt(of_x * of_y))


def _ccc(x: Numbers, y: Numbers) -> Numbers:
    both, of_x, of_y, apart = _moments(x, y)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * both / (of_x + of_y + apart**2))
