"""Rows of the table that were asked for: what is kept stays, the rest is run and kept."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from realtime_mer.audio.files import load_audio

from ...corpora import Clip, label_hash
from ...corpora.splits import Split
from ..systems.features import cut, segment_store
from ..systems.system import PaperSplit, System, View
from .corpora import clips_here, default_split, read_corpus
from .costs import plan, sentence
from .options import TrialOptions
from .protocols import (
    LEAKY,
    Protocol,
    SegmentPredictions,
    labelled_segments,
    predict_as_paper,
    predict_grouped,
    task_of,
)
from .records import (
    SystemAsked,
    SystemRecord,
    evaluation,
    predictions_by_clip,
    provenance,
    read_record,
    read_records,
    record_path,
    refuse_shorter,
    write_record,
)


def run_rows(
    systems: Sequence[System],
    corpora: Sequence[str],
    protocols: Sequence[Protocol],
    *,
    root: Path,
    options: TrialOptions,
    announce: Callable[[str], None] = lambda _sentence: None,
) -> Iterator[SystemRecord]:
    """Run what is not kept yet and yield every record: kept rows first, then from cheap to dear.

    Args:
        systems: which; those that a corpus has no labels for are passed over.
        corpora: by name.
        protocols: who learns from what.
        root: folder of the corpora.
        options: how rows are run.
        announce: is told how many rows there are and what they cost.

    Raises:
        InputError: a row of more epochs or steps is kept; nothing was run yet.
    """
    clips = {
        found[0].corpus: found
        for found in (read_corpus(root, name, options.cache, jobs=options.jobs) for name in corpora)
        if found
    }
    rows = plan(
        systems,
        clips,
        protocols,
        read_records(options.records),
        known=clips_here(root) | clips,
        options=options,
    )
    for row in rows:
        refuse_shorter(
            record_path(options.records, row.system.name, row.corpus, row.protocol),
            options.epochs_of(row.system),
            options.steps_of(row.system),
        )
    announce(sentence(rows))
    splits = {name: default_split(root, found) for name, found in clips.items()}
    for row in rows:
        record = run_row(row.system, clips[row.corpus], row.protocol, splits[row.corpus], options)
        if record is not None:
            yield record


def run_row(
    system: System,
    clips: Sequence[Clip],
    protocol: Protocol,
    split: Split,
    options: TrialOptions,
) -> SystemRecord | None:
    """Return the record of one system on one corpus under one protocol, running what is not kept.

    Each fit is kept in the cache as soon as it is judged, until the row is whole: a row that was
    killed goes on with the next fit.

    Args:
        system: which.
        clips: of one corpus.
        protocol: who learns from what.
        split: the folds of the grouped protocol.
        options: how rows are run.

    Returns:
        None where the corpus has no labels that the system can learn.

    Raises:
        InputError: a row of more epochs or steps is kept; it is not replaced.
    """
    task = task_of(system, clips)
    if task is None:
        return None
    corpus = clips[0].corpus
    segments = segment_store(clips, system.view, options.cache, jobs=options.jobs)
    effort = options.effort(system)
    facts = {
        "system": system.name,
        "corpus": corpus,
        "protocol": LEAKY if protocol == "paper" else protocol,
        "task": task,
        "view": _view(system.view),
        "settings": dict(system.settings),
        "balance": system.balance,
        "epochs": effort.epochs,
        "most_steps": options.steps_of(system),
        "seed": effort.seed,
        "labels_sha256": label_hash(clips),
        "audio_sha256": segments.audio_sha256,
        "split": _division(system.split) if protocol == "paper" else split.hash,
    }
    # As it will be read again, so that the two can be compared.
    asked = SystemAsked(**json.loads(json.dumps(facts)))
    path = record_path(options.records, system.name, corpus, protocol)
    if path.is_file():
        kept = read_record(path)
        if isinstance(kept, SystemRecord) and kept.asked == asked:
            return kept
    refuse_shorter(path, asked.epochs, asked.most_steps)
    unfinished = options.cache / "papers" / f"unfinished-{_hash(facts)}"
    data = labelled_segments(clips, segments, task)
    folds = split.folds if protocol == "grouped" else max(1, system.split.folds)
    with Progress(transient=True) as bar:
        name = f"{system.name} on {corpus}, {asked.protocol}"
        row = bar.add_task(name, total=folds * effort.epochs or None)

        def step(_epoch: int, measured: Mapping[str, float]) -> None:
            text = ", ".join(f"{what} {value:.3f}" for what, value in measured.items())
            bar.update(row, advance=1, description=f"{name}: {text}")

        shown = replace(effort, progress=step)
        predictions = (
            predict_as_paper(system, data, shown, kept=unfinished)
            if protocol == "paper"
            else predict_grouped(system, data, split, shown, kept=unfinished)
        )
    record = SystemRecord(
        asked=asked,
        leaks=system.split.leaks if protocol == "paper" else None,
        **evaluation(
            predictions,
            data.clips,
            task,
            "segments" if protocol == "paper" else "both",
            options.resamples,
        ),
        parameters=predictions.parameters,
        resamples=options.resamples,
        fits=len(predictions.train_sizes),
        learnt=list(predictions.train_sizes),
        fit_cpu_seconds=round(predictions.fit_s, 1),
        curve=_rounded(predictions.curve),
        threads=effort.threads,
        cpu_ms_per_second=round(_ms_per_second(system.view, data.clips, predictions), 2),
        **provenance(),
        predictions=predictions_by_clip(predictions, data.clips, task),
    )
    write_record(record, path)
    shutil.rmtree(unfinished, ignore_errors=True)
    return record


def _division(split: PaperSplit) -> dict[str, Any]:
    # Whether the text states it changes no number, so that rows are the same with and without.
    return {name: value for name, value in asdict(split).items() if name != "stated"}


def _hash(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _rounded(curve: Sequence[Mapping[str, float]]) -> list[dict[str, float | None]]:
    """Return a learning curve for JSON: four digits, None for what is no number."""
    return [
        {name: round(value, 4) if np.isfinite(value) else None for name, value in epoch.items()}
        for epoch in curve
    ]


def _view(view: View) -> dict[str, Any]:
    names = ("name", "version", "sample_rate", "seconds", "hop_s", "longest_s", "fill")
    return {name: getattr(view, name) for name in names}


def _ms_per_second(view: View, clips: Sequence[Clip], predictions: SegmentPredictions) -> float:
    """Return the processor time that features and prediction take, in ms per second of sound."""
    piece = cut(
        load_audio(clips[int(predictions.clip[0])].path, sample_rate=view.sample_rate), view
    )[0]
    times = []
    for _ in range(3):
        before = time.process_time()
        view.compute(piece)
        times.append(time.process_time() - before)
    return 1000 * (float(np.median(times)) + predictions.predict_s) / view.hop_s
