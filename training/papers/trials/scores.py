"""How well a system did: of its segments, and of whole clips by the mean over their segments."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...corpora import Clip
from ...corpora.splits import joined_groups
from ...judge import weighted
from ...judge.metrics import (
    Baseline,
    Metric,
    affect_metrics,
    bootstrap,
    correlation,
    mae,
    scored,
    zero,
)
from ..systems.system import Task, labels_of
from .protocols import SegmentPredictions

HEADLINES: dict[Task, tuple[str, ...]] = {
    "quadrants": ("accuracy",),
    "gems": ("accuracy",),
    "affect": (
        *("R² valence", "MAE valence", "r valence"),
        *("R² arousal", "MAE arousal", "r arousal"),
    ),
}
"""The metrics that the table shows of each task; the records hold more."""


def segment_table(
    predictions: SegmentPredictions, clips: Sequence[Clip], task: Task
) -> pd.DataFrame:
    """Return a row for each segment: ``group``, what is true, predicted and the baseline."""
    groups = np.array(joined_groups(clips))
    return _table(
        groups[predictions.clip],
        predictions.true,
        predictions.predicted,
        predictions.baseline,
        task,
    )


def clip_table(predictions: SegmentPredictions, clips: Sequence[Clip], task: Task) -> pd.DataFrame:
    """Return a row for each clip, its prediction being the mean over its real segments."""
    groups = np.array(joined_groups(clips))
    real = ~predictions.oversampled
    numbers = np.unique(predictions.clip[real])
    of_clip = [np.flatnonzero(real & (predictions.clip == number)) for number in numbers]
    first = [rows[0] for rows in of_clip]
    means = np.stack([predictions.predicted[rows].mean(0) for rows in of_clip])
    return _table(
        groups[numbers], predictions.true[first], means, predictions.baseline[first], task
    )


def _table(
    groups: NDArray[Any],
    true: NDArray[Any],
    predicted: NDArray[np.floating[Any]],
    baseline: NDArray[Any],
    task: Task,
) -> pd.DataFrame:
    if task != "affect":
        return pd.DataFrame(
            {"group": groups, "true": true, "predicted": predicted.argmax(1), "baseline": baseline}
        )
    columns: dict[str, Any] = {"group": groups}
    for axis, name in enumerate(labels_of(task)):
        columns |= {
            f"true_{name}": true[:, axis],
            name: predicted[:, axis],
            f"mean_{name}": baseline[:, axis],
        }
    return pd.DataFrame(columns)


def confusion(true: NDArray[Any], predicted: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Return how often each class (row) was called each (column), (classes, classes)."""
    pairs = np.asarray(true, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def per_class(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return precision, recall and F1 of each class, (3, classes); 0 where one is undefined."""
    right = np.diag(counts).astype(np.float64)
    precision = right / np.maximum(counts.sum(0), 1)
    recall = right / np.maximum(counts.sum(1), 1)
    both = precision + recall
    return np.stack((precision, recall, 2 * precision * recall / np.where(both > 0, both, 1)))


def metrics_of(task: Task) -> dict[str, tuple[Metric, Baseline]]:
    """Return what is measured of such a table: name, metric of the prediction and of the baseline.

    Macro-F1 is over the classes that occur among the labels.
    """
    if task == "affect":
        return affect_metrics() | _more_affect_metrics()
    classes = len(labels_of(task))

    def accuracy(column: str) -> Metric:
        return Metric(
            lambda table, weights: weighted.mean(
                table["true"].to_numpy() == table[column].to_numpy(), weights
            )
        )

    def macro_f1(column: str) -> Metric:
        return Metric(
            lambda table, weights: weighted.macro_f1(
                table["true"].to_numpy(np.int64),
                table[column].to_numpy(np.int64),
                weights,
                classes=classes,
                occurring=True,
            )
        )

    return {
        "accuracy": (accuracy("predicted"), accuracy("baseline")),
        "macro-F1": (macro_f1("predicted"), macro_f1("baseline")),
    }


def _more_affect_metrics() -> dict[str, tuple[Metric, Baseline]]:
    def absolute(axis: str, column: str) -> Metric:
        return scored(mae, f"true_{axis}", column)

    axes = labels_of("affect")
    return {
        f"MAE {axis}": (absolute(axis, axis), absolute(axis, f"mean_{axis}")) for axis in axes
    } | {f"r {axis}": (correlation(axis, f"true_{axis}"), zero) for axis in axes}


def score(table: pd.DataFrame, task: Task, *, unit: str, resamples: int) -> list[dict[str, Any]]:
    """Return every metric of a table with its interval (bootstrap over groups) and baseline.

    A number that the table does not define is None.
    """
    rows = []
    for name, (metric, baseline) in metrics_of(task).items():
        value = bootstrap(table, metric, resamples=resamples)
        rows.append(
            {
                "unit": unit,
                "metric": name,
                "value": _finite(value.value),
                "low": _finite(value.low),
                "high": _finite(value.high),
                "baseline": _finite(baseline(table)),
                "n": len(table),
                "groups": int(table["group"].nunique()),
            }
        )
    return rows


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
