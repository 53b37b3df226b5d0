"""Processor time that rows of the table will cost, estimated from rows that were run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...corpora import Clip
from ..systems.features import segments_in
from ..systems.system import System
from .options import TrialOptions
from .protocols import LEAKY, Protocol, task_of
from .records import Record, SystemRecord

Clips = Mapping[str, Sequence[Clip]]
"""Clips of corpora by the corpus' name."""

Records = Sequence[Record]


@dataclass(frozen=True, kw_only=True)
class PlannedRow:
    """A row that is wanted.

    Attributes:
        system, corpus, protocol: which.
        minutes: of one core; None where no row of the system was ever run.
        kept: whether a record of as many epochs is there.
    """

    system: System
    corpus: str
    protocol: Protocol
    minutes: float | None
    kept: bool


def asked_as(protocol: Protocol) -> str:
    """Return what records call a protocol."""
    return LEAKY if protocol == "paper" else protocol


def find(records: Records, system: str, corpus: str, protocol: str) -> SystemRecord | None:
    """Return the record of a row, the protocol called as in records; None without one."""
    for record in records:
        asked = record.asked
        if isinstance(record, SystemRecord) and (asked.system, asked.corpus, asked.protocol) == (
            system,
            corpus,
            protocol,
        ):
            return record
    return None


def core_minutes(
    system: System,
    corpus: str,
    protocol: str,
    clips: Clips,
    records: Records,
    *,
    epochs: int | None = None,
) -> float | None:
    """Return what a row would cost, from the same system's rows; None without one.

    Args:
        system: which.
        corpus: on which.
        protocol: as records call it.
        clips: of every corpus that the records may be of.
        records: all there are. A row of this very corpus counts before others.
        epochs: instead of the system's own number.
    """
    segments = {
        name: sum(segments_in(clip.seconds, system.view) for clip in own)
        for name, own in clips.items()
    }
    rows = [record for record in records if isinstance(record, SystemRecord)]
    for record in sorted(rows, key=lambda record: record.asked.corpus != corpus):
        asked = record.asked
        known = asked.system == system.name and asked.protocol == protocol
        if not known or asked.most_steps is not None or not segments.get(asked.corpus):
            continue
        share = segments[corpus] / segments[asked.corpus]
        longer = (epochs or system.epochs) / asked.epochs if system.epochs else 1
        heard = segments[corpus] * system.view.hop_s * record.cpu_ms_per_second / 1000
        return float(heard + record.fit_cpu_seconds * share * longer) / 60
    return None


def plan(
    systems: Sequence[System],
    corpora: Clips,
    protocols: Sequence[Protocol],
    records: Records,
    *,
    known: Clips,
    options: TrialOptions,
) -> list[PlannedRow]:
    """Return the rows that fit their corpus' labels: kept ones, then from cheap to dear.

    Those of unknown cost come last. That a record is there does not yet mean that nothing it
    depends on has changed: ``run_row`` looks closer.

    Args:
        systems: which.
        corpora: on which.
        protocols: which.
        records: all there are.
        known: clips of every corpus that the records may be of.
        options: how rows are run.
    """
    rows = []
    for corpus, clips in corpora.items():
        for system in systems:
            if task_of(system, clips) is None:
                continue
            wanted = (options.epochs_of(system), options.steps_of(system))
            for protocol in protocols:
                name = asked_as(protocol)
                record = find(records, system.name, corpus, name)
                rows.append(
                    PlannedRow(
                        system=system,
                        corpus=corpus,
                        protocol=protocol,
                        minutes=core_minutes(
                            system, corpus, name, known, records, epochs=options.epochs
                        ),
                        kept=record is not None
                        and (record.asked.epochs, record.asked.most_steps) == wanted,
                    )
                )
    # A system without epochs is solved at once.
    return sorted(
        rows,
        key=lambda row: (
            not row.kept,
            row.minutes is None and row.system.epochs > 0,
            row.minutes or 0,
        ),
    )


def sentence(rows: Sequence[PlannedRow]) -> str:
    """Return how many rows are to be run and what they cost, in words."""
    left = [row for row in rows if not row.kept]
    if not left:
        return f"{len(rows)} rows, all of which are kept"
    known = [row.minutes for row in left if row.minutes is not None]
    cost = f"about {sum(known):.0f} core minutes" if known else "at a cost not measured here"
    unknown = len(left) - len(known)
    besides = f", and {unknown} whose cost is not measured" if known and unknown else ""
    return (
        f"{len(rows)} rows, of which {len(rows) - len(left)} are kept and {len(left)} are run: "
        f"{cost}{besides}"
    )
