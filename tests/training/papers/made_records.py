"""Rows of the papers' table that no system was run for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from training.papers.trials.records import (
    StreamingAsked,
    StreamingRecord,
    SystemAsked,
    SystemRecord,
)

_ASKED: Mapping[str, Any] = {
    "corpus": "grekow",
    "protocol": "grouped",
    "task": "quadrants",
    "epochs": 5,
    "split": "folds",
    "labels_sha256": "labels",
}
_RECORD: Mapping[str, Any] = {
    "leaks": None,
    "n": {"segments": 88, "made by over-sampling": 0, "clips": 40},
    "metrics": (),
    "parameters": 1,
    "cpu_ms_per_second": 1.0,
    "git_commit": "unknown",
    "versions": {},
    "platform": "made",
    "predictions": {},
}


def system_record(system: str, *, asked: Mapping[str, Any], **changes: Any) -> SystemRecord:
    """Return a row of a paper's system, all else made up."""
    known = SystemAsked(
        system=system,
        **_ASKED,
        view={},
        settings={},
        balance=None,
        most_steps=None,
        seed=0,
        audio_sha256="sound",
    )
    record = SystemRecord(
        asked=replace(known, **asked),
        **_RECORD,
        fits=5,
        learnt=(200,),
        fit_cpu_seconds=0.0,
        curve=(),
        threads=1,
    )
    return replace(record, **changes)


def streaming_record(*, asked: Mapping[str, Any], **changes: Any) -> StreamingRecord:
    """Return a row of the streaming model, all else made up."""
    known = StreamingAsked(system="streaming", **_ASKED, run="default")
    record = StreamingRecord(asked=replace(known, **asked), **_RECORD, fit_seconds=1.0)
    return replace(record, **changes)
