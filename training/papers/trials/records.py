"""A row of the table as it is kept: everything needed to repeat and to judge it, as JSON."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from realtime_mer.errors import InputError

from ...corpora import Clip
from ...learn.run import git_commit
from ..systems.system import Task, labels_of
from .protocols import Protocol, SegmentPredictions
from .scores import clip_table, confusion, per_class, score, segment_table

STREAMING = "streaming"
"""How the streaming CNN-LSTM of this repository is called among the papers' systems."""

_PACKAGES = ("torch", "librosa", "scikit-learn", "imbalanced-learn", "numpy")


def record_path(folder: Path, system: str, corpus: str, protocol: Protocol) -> Path:
    """Return where a row is kept."""
    return folder / corpus / f"{system}.{protocol}.json"


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Return every row that is kept below a folder, in the order of their paths."""
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*.json"))
    ]


def refuse_shorter(path: Path, epochs: int, most_steps: int | None) -> None:
    """Keep a row that took hours from being replaced by a trial.

    Args:
        path: where a row is, or would be, kept.
        epochs: of the row to come.
        most_steps: of each of its fits; None for no limit.

    Raises:
        InputError: the row that is kept had more epochs, or more steps.
    """
    if not path.is_file():
        return
    kept = json.loads(path.read_text(encoding="utf-8"))["asked"]
    limit = kept.get("most_steps")
    fewer_steps = most_steps is not None and (limit is None or most_steps < limit)
    if epochs < kept["epochs"] or fewer_steps:
        raise InputError(
            f"{path} is a row of {_length(kept['epochs'], limit)}, which one of "
            f"{_length(epochs, most_steps)} does not replace; name another folder by --out, or "
            "delete that file"
        )


def _length(epochs: int, most_steps: int | None) -> str:
    limit = "" if most_steps is None else f" and at most {most_steps} steps"
    return f"{epochs} epochs{limit}"


def evaluation(
    predictions: SegmentPredictions, clips: Sequence[Clip], task: Task, unit: str, resamples: int
) -> dict[str, Any]:
    """Return the metrics of segments, of clips, or of both, and a classifier's confusions."""
    tables = {}
    if unit != "clips":
        tables["segments"] = segment_table(predictions, clips, task)
        if predictions.oversampled.any():
            tables["real segments"] = tables["segments"][~predictions.oversampled].reset_index(
                drop=True
            )
    if unit != "segments":
        tables["clips"] = clip_table(predictions, clips, task)
    metrics = [
        row
        for name, table in tables.items()
        for row in score(table, task, unit=name, resamples=resamples)
    ]
    evaluated: dict[str, Any] = {
        "n": {
            "segments": len(predictions.clip),
            "made by over-sampling": int(predictions.oversampled.sum()),
            "clips": len(np.unique(predictions.clip)),
        },
        "metrics": metrics,
    }
    if task != "affect":
        first = next(iter(tables.values()))
        counts = confusion(
            first["true"].to_numpy(), first["predicted"].to_numpy(), len(labels_of(task))
        )
        precision, recall, f1 = per_class(counts).round(4).tolist()
        evaluated |= {
            "classes": list(labels_of(task)),
            "confusion": counts.tolist(),
            "per_class": {"precision": precision, "recall": recall, "F1": f1},
        }
    return evaluated


def predictions_by_clip(
    predictions: SegmentPredictions, clips: Sequence[Clip], task: Task
) -> dict[str, Any]:
    """Return what was predicted of every real segment by clip.

    Of classes a text with a digit, from 0, for each segment; else valence and arousal of each.
    """
    by_clip: dict[str, Any] = {}
    for number in np.unique(predictions.clip[~predictions.oversampled]):
        rows = predictions.predicted[(predictions.clip == number) & ~predictions.oversampled]
        by_clip[clips[number].id] = (
            rows.round(3).tolist() if task == "affect" else "".join(map(str, rows.argmax(1)))
        )
    return by_clip


def provenance() -> dict[str, Any]:
    """Return what a row was run with: commit, versions, platform."""
    return {
        "git_commit": git_commit(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "platform": platform.platform(),
    }
