"""What is measured on a table of clips: predictions beside people's labels and the baselines'.

A table has a row for each clip, as ``training.judge.evaluate.clip_table`` makes it. Every metric is
a function of such a table, so that the bootstrap can draw tables of resampled groups.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from realtime_mer.emotion import GEMS

QUADRANT_COLUMNS = tuple(f"quadrant_{number}" for number in range(4))
AFFECT = ("valence", "arousal")

Metric = Callable[[pd.DataFrame], float]


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
    groups = list(table.groupby("group", sort=True).indices.values())
    # Without its texts a table is drawn from several times faster.
    numbers = table.select_dtypes(["number", "bool"])
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = generator.integers(0, len(groups), len(groups))
        values.append(metric(numbers.iloc[np.concatenate([groups[n] for n in drawn])]))
    return np.array(values, np.float64)


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
    """Return the metric that is a column's mean."""
    return lambda table: float(table[column].mean())


def correlation(predicted: str, true: str) -> Metric:
    """Return Pearson's r of two columns, no number where one of them is constant."""

    def metric(table: pd.DataFrame) -> float:
        return pearson(table[predicted].to_numpy(float), table[true].to_numpy(float))

    return metric


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


def quadrant_metrics() -> dict[str, tuple[Metric, Metric]]:
    """Return what is measured of quadrants: name, metric of the prediction and of the baseline."""

    def predicted_quadrant(table: pd.DataFrame) -> Any:
        return table[list(QUADRANT_COLUMNS)].to_numpy().argmax(1)

    def truth(table: pd.DataFrame) -> Any:
        return table["true_quadrant"].to_numpy(int)

    def f1(table: pd.DataFrame, answer: Any) -> float:
        return float(
            f1_score(truth(table), answer, average="macro", labels=range(4), zero_division=0)
        )

    def auc(axis: str, positive: tuple[int, int], *, by_quadrants: bool) -> Metric:
        columns = [f"quadrant_{number}" for number in positive] if by_quadrants else [axis]

        def metric(table: pd.DataFrame) -> float:
            above = np.isin(truth(table), positive)
            if above.all() or not above.any():
                return float("nan")
            return float(roc_auc_score(above, table[columns].sum(axis=1)))

        return metric

    def chance(_table: pd.DataFrame) -> float:
        return 0.5

    return {
        "accuracy": (
            lambda table: float(accuracy_score(truth(table), predicted_quadrant(table))),
            lambda table: float(accuracy_score(truth(table), table["majority"].to_numpy(int))),
        ),
        "macro-F1": (
            lambda table: f1(table, predicted_quadrant(table)),
            lambda table: f1(table, table["majority"].to_numpy(int)),
        ),
        "AUC valence, from quadrants": (auc("valence", (0, 3), by_quadrants=True), chance),
        "AUC arousal, from quadrants": (auc("arousal", (0, 1), by_quadrants=True), chance),
        "AUC valence, from valence": (auc("valence", (0, 3), by_quadrants=False), chance),
        "AUC arousal, from arousal": (auc("arousal", (0, 1), by_quadrants=False), chance),
    }


def gems_metrics() -> dict[str, tuple[Metric, Metric]]:
    """Return what is measured of shares: name, metric of the prediction and of the baseline."""

    def deviance(table: pd.DataFrame, prefix: str) -> float:
        # Of shares of several listeners; scikit-learn's log loss takes classes, not shares.
        true = table[[f"true_{item}" for item in GEMS]].to_numpy(float)
        share = np.clip(table[[f"{prefix}{item}" for item in GEMS]].to_numpy(float), 1e-4, 1 - 1e-4)
        likelihood = true * np.log(share) + (1 - true) * np.log(1 - share)
        return float(-2 * (table["answers"].to_numpy(float)[:, None] * likelihood).sum())

    def explained(table: pd.DataFrame) -> float:
        saturated = deviance(table, "true_")
        return 1 - (deviance(table, "") - saturated) / (deviance(table, "mean_") - saturated)

    items = {item: correlation(item, f"true_{item}") for item in GEMS}
    return {
        "mean r over nine items": (
            lambda table: float(np.mean([metric(table) for metric in items.values()])),
            zero,
        ),
        # Of what the training songs' mean shares leave unexplained: 0 is no better than they.
        "binomial deviance explained": (explained, zero),
        **{f"r {item}": (metric, zero) for item, metric in items.items()},
    }


def affect_metrics() -> dict[str, tuple[Metric, Metric]]:
    """Return what is measured of ratings: name, metric of the prediction and of the baseline."""

    def pair(score: Callable[[Any, Any], float], axis: str) -> tuple[Metric, Metric]:
        return (
            lambda table: float(score(table[f"true_{axis}"], table[axis])),
            lambda table: float(score(table[f"true_{axis}"], table[f"mean_{axis}"])),
        )

    def ccc(true: Any, predicted: Any) -> float:
        # Lin's (1989), with moments over n. Neither scikit-learn nor SciPy has it.
        shared = np.cov(true, predicted, bias=True)
        gap = (np.mean(true) - np.mean(predicted)) ** 2
        return float(2 * shared[0, 1] / (shared[0, 0] + shared[1, 1] + gap))

    scores = {
        "R²": r2_score,
        "RMSE": root_mean_squared_error,
        "MAE": mean_absolute_error,
        "CCC": ccc,
    }
    return {
        name: found
        for axis in AFFECT
        for name, found in (
            *((f"{name} {axis}", pair(score, axis)) for name, score in scores.items()),
            *correlation_metrics(axis).items(),
        )
    }


def correlation_metrics(*axes: str) -> dict[str, tuple[Metric, Metric]]:
    """Return what is measured of ratings on another scale than the predictions'."""
    return {f"r {axis}": (correlation(axis, f"true_{axis}"), zero) for axis in axes or AFFECT}


def sign_metrics() -> dict[str, tuple[Metric, Metric]]:
    """Return how often arousal has the right sign: metric of the prediction and of the baseline."""

    def sign(column: str) -> Metric:
        return lambda table: float(
            (np.sign(table[column]) == np.sign(table["true_arousal"])).mean()
        )

    return {"sign of arousal where |arousal| > .5": (sign("arousal"), sign("mean_arousal"))}
