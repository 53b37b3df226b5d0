"""A row of the table as it is kept: everything needed to repeat and to judge it, as JSON.

Attributes are called as in the files, so that rows that took hours are read for ever.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from realtime_mer.errors import InputError

from ...corpora import Clip
from ...files import read_json, write_json
from ...learn.run import git_commit
from ..systems.system import Task, labels_of
from .protocols import Protocol, SegmentPredictions
from .scores import clip_table, confusion, per_class, score, segment_table

STREAMING = "streaming"
"""How the streaming CNN-LSTM of this repository is called among the papers' systems."""

_PACKAGES = ("torch", "librosa", "scikit-learn", "imbalanced-learn", "numpy")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a row is known by: one that was asked for likewise is not run again.

    Attributes:
        system, corpus, task: which.
        protocol: as ``LEAKY`` or "grouped".
        epochs: of each fit.
        split: hash of the folds; under the paper's protocol its division.
        labels_sha256: of the corpus.
    """

    system: str
    corpus: str
    protocol: str
    task: Task
    epochs: int
    split: str | Mapping[str, Any]
    labels_sha256: str


@dataclass(frozen=True, kw_only=True)
class SystemAsked(Asked):
    """What a row of a paper's system is known by.

    Attributes:
        view: what it hears, all that its arrays depend on.
        settings, balance: as in ``System``.
        most_steps: limit of each fit; None for none.
        seed: of weights, order and random divisions.
        audio_sha256: of the corpus.
    """

    view: Mapping[str, Any]
    settings: Mapping[str, Any]
    balance: str | None
    most_steps: int | None
    seed: int
    audio_sha256: str


@dataclass(frozen=True, kw_only=True)
class StreamingAsked(Asked):
    """What a row of the streaming model is known by.

    Attributes:
        run: name of the run.
        unheard: whether it learnt nothing of the corpus.
    """

    run: str
    unheard: bool = False


@dataclass(frozen=True, kw_only=True)
class Record:
    """A row of any system.

    Attributes:
        asked: what it is known by.
        leaks: what crosses the division; None where nothing does.
        n: numbers of ``segments``, of those ``made by over-sampling``, and of ``clips``.
        metrics: rows of ``scores.score``.
        classes, confusion, per_class: of a classifier: names; counts, a true class a row;
            precision, recall and F1.
        parameters: how many numbers it learnt.
        cpu_ms_per_second: processor time of a second of sound; None where it is not known.
        git_commit, versions, platform: what it was run with.
        predictions: see ``predictions_by_clip``.
    """

    asked: Asked
    leaks: str | None
    n: Mapping[str, int]
    metrics: Sequence[Mapping[str, Any]]
    classes: Sequence[str] | None = None
    confusion: Sequence[Sequence[int]] | None = None
    per_class: Mapping[str, Sequence[float]] | None = None
    parameters: int
    cpu_ms_per_second: float | None
    git_commit: str
    versions: Mapping[str, str]
    platform: str
    predictions: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SystemRecord(Record):
    """A row of a paper's system.

    Attributes:
        resamples: draws behind an interval; None in rows of before it was kept.
        fits: how many there were.
        learnt: training segments of each, over-sampled ones among them.
        fit_cpu_seconds: processor time of all fits.
        curve: what the first fit measured after each epoch, None for what is no number.
        threads: of a fit.
    """

    asked: SystemAsked
    cpu_ms_per_second: float
    resamples: int | None = None
    fits: int
    learnt: Sequence[int]
    fit_cpu_seconds: float
    curve: Sequence[Mapping[str, float | None]]
    threads: int


@dataclass(frozen=True, kw_only=True)
class StreamingRecord(Record):
    """A row of the streaming model.

    Attributes:
        fit_seconds: wall time of all folds, on all corpora at once.
    """

    asked: StreamingAsked
    fit_seconds: float


_LEFT_OUT = ("classes", "confusion", "per_class", "resamples")
"""What stands in no file where it is None."""


def read_record(path: Path) -> SystemRecord | StreamingRecord:
    """Read a row that is kept.

    Raises:
        InputError: the file holds none.
    """
    content = read_json(path)
    try:
        if content["asked"]["system"] == STREAMING:
            return StreamingRecord(**content | {"asked": StreamingAsked(**content["asked"])})
        return SystemRecord(**content | {"asked": SystemAsked(**content["asked"])})
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no row of the papers' table ({error}); delete it and run the row anew"
        ) from error


def write_record(record: Record, path: Path) -> None:
    """Write a row whole or not at all."""
    content = asdict(record)
    for name in _LEFT_OUT:
        if content.get(name, 0) is None:
            del content[name]
    if not content["asked"].get("unheard", True):
        del content["asked"]["unheard"]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)


def record_path(folder: Path, system: str, corpus: str, protocol: Protocol) -> Path:
    """Return where a row is kept."""
    return folder / corpus / f"{system}.{protocol}.json"


def read_records(folder: Path) -> list[SystemRecord | StreamingRecord]:
    """Return every row that is kept below a folder, in the order of their paths."""
    return [read_record(path) for path in sorted(folder.glob("*/*.json"))]


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
    kept = read_json(path)["asked"]
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
