"""Rows of the table that were asked for: those that are kept, and those that must be run."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..systems.system import Effort, System
from .corpora import clips_here, default_split, read_corpus
from .costs import epochs_of, plan, sentence, steps_of
from .protocols import Protocol
from .records import read_records, record_path, refuse_shorter
from .row import run_row


def run_rows(
    systems: Sequence[System],
    corpora: Sequence[str],
    protocols: Sequence[Protocol],
    *,
    root: Path,
    records: Path,
    cache: Path,
    epochs: int | None,
    most_steps: int | None,
    threads: int,
    jobs: int,
    resamples: int,
    seed: int = 0,
    announce: Callable[[str], None] = lambda _sentence: None,
) -> Iterator[dict[str, Any]]:
    """Run what is not kept yet and yield every record: kept rows first, then from cheap to dear.

    Args:
        systems: which; those that a corpus has no labels for are passed over.
        corpora: by name.
        protocols: who learns from what.
        root: folder of the corpora.
        records: where finished rows are kept.
        cache: where features are.
        epochs: instead of each system's own number; None for that.
        most_steps: optimiser steps of a fit at most; None for no limit.
        threads: processor threads of a network.
        jobs: processes that compute features.
        resamples: draws behind an interval.
        seed: of weights, order and random divisions.
        announce: is told how many rows there are and what they cost.

    Raises:
        InputError: a row of more epochs or steps is kept; nothing was run yet.
    """
    clips = {
        own[0].corpus: own
        for own in (read_corpus(root, name, cache, jobs=jobs) for name in corpora)
        if own
    }
    rows = plan(
        systems,
        clips,
        protocols,
        read_records(records),
        known=clips_here(root) | clips,
        epochs=epochs,
        most_steps=most_steps,
    )
    for row in rows:
        refuse_shorter(
            record_path(records, row.system.name, row.corpus, row.protocol),
            epochs_of(row.system, epochs),
            steps_of(row.system, most_steps),
        )
    announce(sentence(rows))
    splits = {name: default_split(root, own) for name, own in clips.items()}
    for row in rows:
        effort = Effort(
            epochs=epochs_of(row.system, epochs),
            most_steps=most_steps,
            threads=threads,
            seed=seed,
        )
        record = run_row(
            row.system,
            clips[row.corpus],
            row.protocol,
            splits[row.corpus],
            effort,
            folder=records,
            cache=cache,
            jobs=jobs,
            resamples=resamples,
        )
        if record is not None:
            yield record
