"""What is measured on a table of clips: predictions beside people's labels and the baselines'.

A table has a row for each clip, as ``training.judge.evaluate.clip_table`` makes it. Every metric is
a function of such a table and of how often each of its rows counts, so that the bootstrap can draw
groups a thousand times over at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from realtime_mer.emotion import GEMS

from . import weighted
from .weighted import Floats

QUADRANT_COLUMNS = tuple(f"quadrant_{number}" for number in range(4))
AFFECT = ("valence", "arousal")

Baseline = Callable[[pd.DataFrame], float]
"""A figure of a table that needs no interval."""


@dataclass(frozen=True)
class Metric:
    """What is measured of a table.

    Attributes:
        of: maps a table of n rows and weights ``(R, n)``, how often each row counts in each of R
            draws, to ``(R,)``; see ``training.judge.weighted``.
    """

    of: Callable[[pd.DataFrame, Floats], Floats]

    def __call__(self, table: pd.DataFrame) -> float:
        """Return its value of the table as it is."""
        return float(self.of(table, np.ones((1, len(table))))[0])


class Interval(NamedTuple):
    """A value and its interval."""

    value: float
    low: float
    high: float


def bootstrap(
    table: pd.DataFrame, metric: Metric, *, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Return a metric with its 95 % percentile interval over resampled groups.

    SciPy's bootstrap draws single observations; clips of an artist are none.

    Args:
        table: with a column ``group``.
        metric: of such a table.
        resamples: how many are drawn.
    """
    values = draws(table, metric, resamples=resamples, seed=seed)
    return interval(metric(table), values)


def draws(
    table: pd.DataFrame, metric: Metric, *, resamples: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Return a metric of tables of resampled groups, (resamples,).

    Tables with the same groups in the same rows are resampled alike, so that their draws pair.
    """
    group, _ = pd.factorize(table["group"], sort=True)  # -1 for none
    groups = int(group.max()) + 1
    generator = np.random.default_rng(seed)
    values = []
    # So many at a time as fit into 32 MB of weights.
    for start in range(0, resamples, size := max(1, (1 << 22) // len(table))):
        counts = np.zeros((min(size, resamples - start), groups + 1))
        for own in counts:
            drawn = generator.integers(0, groups, groups)
            own[:groups] = np.bincount(drawn, minlength=groups)
        values.append(metric.of(table, counts[:, group]))
    return np.concatenate(values) if values else np.zeros(0)


def interval(value: float, values: NDArray[np.float64]) -> Interval:
    """Return a value with the 95 % percentile interval of its draws, those that are no number
    left out."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (2.5, 97.5)) if len(finite) else (np.nan, np.nan)
    return Interval(value, float(low), float(high))


def interval_note(resamples: int, drawn: str = "groups") -> str:
    """Return how an interval came about, for a protocol."""
    return f"95 % interval of {resamples} bootstrap draws of {drawn}"


def rounded(found: Interval, prefix: str = "", *, digits: int = 4) -> dict[str, float | None]:
    """Return ``value``, ``low`` and ``high`` as a report keeps them: None for what is no number."""
    return {
        f"{prefix}{name}": round(number, digits) if math.isfinite(number) else None
        for name, number in found._asdict().items()
    }


def row(
    table: pd.DataFrame, found: Interval, *, data: str, metric: str, protocol: str, digits: int = 4
) -> dict[str, Any]:
    """Return a value as every part of a report keeps it: with data, n, groups and protocol."""
    return {
        "data": data,
        "metric": metric,
        **rounded(found, digits=digits),
        "n": len(table),
        "groups": int(table["group"].nunique()),
        "protocol": protocol,
    }


def mean_of(column: Any) -> Metric:
    """Return the metric that is a column's mean, what is no number left out."""

    def of(table: pd.DataFrame, weights: Floats) -> Floats:
        return weighted.mean(*known(table, column, weights))

    return Metric(of)


def quantile_of(column: Any, share: float) -> Metric:
    """Return the metric that is a column's quantile, what is no number left out."""

    def of(table: pd.DataFrame, weights: Floats) -> Floats:
        return weighted.quantile(*known(table, column, weights), share)

    return Metric(of)


def sd_of(column: Any) -> Metric:
    """Return the metric that is the standard deviation of a sample in a column, over n - 1."""

    def of(table: pd.DataFrame, weights: Floats) -> Floats:
        return np.sqrt(weighted.variance(*known(table, column, weights), ddof=1))

    return Metric(of)


def known(table: pd.DataFrame, column: Any, weights: Floats) -> tuple[Floats, Floats]:
    """Return a column's numbers and their weights, those left out that are none."""
    values = table[column].to_numpy(np.float64)
    there = ~np.isnan(values)
    return values[there], weights[:, there]


def correlation(predicted: str, true: str) -> Metric:
    """Return Pearson's r of two columns, no number where one of them is constant."""

    def of(table: pd.DataFrame, weights: Floats) -> Floats:
        return weighted.pearson(
            table[predicted].to_numpy(np.float64), table[true].to_numpy(np.float64), weights
        )

    return Metric(of)


def pearson(predicted: NDArray[np.floating[Any]], true: NDArray[np.floating[Any]]) -> float:
    """Return Pearson's r, no number where a side is constant."""
    if predicted.std() == 0 or true.std() == 0:
        return math.nan
    return float(np.corrcoef(predicted, true)[0, 1])


def zero(_table: pd.DataFrame) -> float:
    """Return what a constant correlates with anything."""
    return 0.0


def coverage(z: NDArray[np.floating[Any]], level: float) -> float:
    """Return how often a central interval of a normal distribution held the rating.

    Args:
        z: errors over predictive sd.
        level: of the interval, in (0, 1).
    """
    return float(np.mean(np.abs(z) <= norm.ppf(0.5 + level / 2)))


def quadrant_metrics() -> dict[str, tuple[Metric, Baseline]]:
    """Return what is measured of quadrants: name, metric of the prediction and of the baseline."""

    def likeliest(table: pd.DataFrame) -> Any:
        return table[list(QUADRANT_COLUMNS)].to_numpy().argmax(1)

    def majority(table: pd.DataFrame) -> Any:
        return table["majority"].to_numpy(np.int64)

    def truth(table: pd.DataFrame) -> Any:
        return table["true_quadrant"].to_numpy(np.int64)

    def accuracy(answer: Callable[[pd.DataFrame], Any]) -> Metric:
        return Metric(lambda table, weights: weighted.mean(truth(table) == answer(table), weights))

    def f1(answer: Callable[[pd.DataFrame], Any]) -> Metric:
        return Metric(
            lambda table, weights: weighted.macro_f1(
                truth(table), answer(table), weights, classes=len(QUADRANT_COLUMNS)
            )
        )

    def auc(axis: str, positive: tuple[int, int], *, by_quadrants: bool) -> Metric:
        columns = [f"quadrant_{number}" for number in positive] if by_quadrants else [axis]
        return Metric(
            lambda table, weights: weighted.auc(
                np.isin(truth(table), positive),
                table[columns].sum(axis=1).to_numpy(np.float64),
                weights,
            )
        )

    def chance(_table: pd.DataFrame) -> float:
        return 0.5

    return {
        "accuracy": (accuracy(likeliest), accuracy(majority)),
        "macro-F1": (f1(likeliest), f1(majority)),
        "AUC valence, from quadrants": (auc("valence", (0, 3), by_quadrants=True), chance),
        "AUC arousal, from quadrants": (auc("arousal", (0, 1), by_quadrants=True), chance),
        "AUC valence, from valence": (auc("valence", (0, 3), by_quadrants=False), chance),
        "AUC arousal, from arousal": (auc("arousal", (0, 1), by_quadrants=False), chance),
    }


def gems_metrics() -> dict[str, tuple[Metric, Baseline]]:
    """Return what is measured of shares: name, metric of the prediction and of the baseline."""

    def deviance(table: pd.DataFrame, prefix: str, weights: Floats) -> Floats:
        true = table[[f"true_{item}" for item in GEMS]].to_numpy(float)
        share = np.clip(table[[f"{prefix}{item}" for item in GEMS]].to_numpy(float), 1e-4, 1 - 1e-4)
        likelihood = true * np.log(share) + (1 - true) * np.log(1 - share)
        return -2 * weighted.total(table["answers"].to_numpy(float) * likelihood.sum(1), weights)

    def explained(table: pd.DataFrame, weights: Floats) -> Floats:
        saturated = deviance(table, "true_", weights)
        left = deviance(table, "", weights) - saturated
        return 1 - weighted.ratio(left, deviance(table, "mean_", weights) - saturated)

    items = {item: correlation(item, f"true_{item}") for item in GEMS}
    return {
        "mean r over nine items": (
            Metric(
                lambda table, weights: np.mean(
                    [metric.of(table, weights) for metric in items.values()], axis=0
                )
            ),
            zero,
        ),
        # Of what the training songs' mean shares leave unexplained: 0 is no better than they.
        "binomial deviance explained": (Metric(explained), zero),
        **{f"r {item}": (metric, zero) for item, metric in items.items()},
    }


def affect_metrics() -> dict[str, tuple[Metric, Baseline]]:
    """Return what is measured of ratings: name, metric of the prediction and of the baseline."""

    def pair(score: Callable[[Floats, Floats, Floats], Floats], axis: str) -> tuple[Metric, Metric]:
        return scored(score, f"true_{axis}", axis), scored(score, f"true_{axis}", f"mean_{axis}")

    scores = {"R²": weighted.r2, "RMSE": _rmse, "MAE": mae, "CCC": weighted.ccc}
    found: dict[str, tuple[Metric, Baseline]] = {}
    for axis in AFFECT:
        found |= {f"{name} {axis}": pair(score, axis) for name, score in scores.items()}
        found |= correlation_metrics(axis)
    return found


def scored(score: Callable[[Floats, Floats, Floats], Floats], true: str, predicted: str) -> Metric:
    """Return the metric that is a score of two columns: of what is true, predicted, and weights."""
    return Metric(
        lambda table, weights: score(
            table[true].to_numpy(np.float64), table[predicted].to_numpy(np.float64), weights
        )
    )


def mae(true: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Return the mean absolute error."""
    return weighted.mean(np.abs(true - predicted), weights)


def _rmse(true: Floats, predicted: Floats, weights: Floats) -> Floats:
    return np.sqrt(weighted.mean((true - predicted) ** 2, weights))


def correlation_metrics(*axes: str) -> dict[str, tuple[Metric, Baseline]]:
    """Return what is measured of ratings on another scale than the predictions'."""
    return {f"r {axis}": (correlation(axis, f"true_{axis}"), zero) for axis in axes or AFFECT}


def sign_metrics() -> dict[str, tuple[Metric, Baseline]]:
    """Return how often arousal has the right sign: metric of the prediction and of the baseline."""

    def sign(column: str) -> Metric:
        return Metric(
            lambda table, weights: weighted.mean(
                (np.sign(table[column]) == np.sign(table["true_arousal"])).to_numpy(), weights
            )
        )

    return {"sign of arousal where |arousal| > .5": (sign("arousal"), sign("mean_arousal"))}
