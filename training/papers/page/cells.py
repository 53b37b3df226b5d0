"""What stands in a cell of the papers' table: figures, epochs, and which row a record is of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ...markdown import number, with_interval
from ..systems.registry import SYSTEMS
from ..systems.system import System
from ..trials.costs import Records
from ..trials.protocols import LEAKY
from ..trials.records import Record, StreamingRecord, SystemRecord

CUT_SHORT = "†"
"""Behind rows that learnt for fewer epochs than their system does by itself."""


def system_of(record: Record) -> str:
    """Return the name of a record's system."""
    return record.asked.system


def protocol_of(record: Record) -> str:
    """Return what a record calls its protocol."""
    return record.asked.protocol


def pairs(records: Records) -> Iterator[tuple[System, SystemRecord | None, SystemRecord | None]]:
    """Yield the systems that have a record, with the LEAKY and the grouped one.

    Args:
        records: of one corpus and task.
    """
    for system in SYSTEMS:
        found = {
            protocol_of(record): record
            for record in records
            if isinstance(record, SystemRecord) and system_of(record) == system.name
        }
        if found:
            yield system, found.get(LEAKY), found.get("grouped")


def learnt_nothing(record: Record) -> bool:
    """Return whether a row is of a network that learnt nothing of the corpus."""
    return isinstance(record, StreamingRecord) and record.asked.unheard


def metric(record: Record, name: str, unit: str) -> Mapping[str, Any]:
    """Return a record's row of a metric over segments, real segments or clips."""
    return next(row for row in record.metrics if row["metric"] == name and row["unit"] == unit)


def cells(record: Record | None, metrics: Sequence[str], unit: str) -> str:
    """Return metrics of a record, a line each, then baselines and n."""
    if record is None:
        return "–"
    rows = [metric(record, name, unit) for name in metrics]
    if len(rows) == 1:
        lines = [with_interval(rows[0]), f"baseline {number(rows[0]['baseline'])}"]
    else:
        short = [name.removesuffix(" valence").removesuffix(" arousal") for name in metrics]
        lines = [f"{name} {with_interval(row)}" for name, row in zip(short, rows, strict=True)]
        plain = ", ".join(
            f"{name} {number(row['baseline'])}" for name, row in zip(short, rows, strict=True)
        )
        lines.append(f"baseline {plain}")
    lines[-1] += f"; n {rows[0]['n']}"
    if unit == "segments" and record.n["made by over-sampling"]:
        real = [metric(record, name, "real segments") for name in metrics]
        lines.append(
            f"real ones alone {', '.join(number(row['value']) for row in real)}; n {real[0]['n']}"
        )
    return "<br>".join(lines)


def metric_text(row: Mapping[str, Any]) -> str:
    """Return a metric's value with interval, baseline and n."""
    return f"{with_interval(row)}, baseline {number(row['baseline'])}, n {row['n']}"


def epochs_told(system: System, *records: SystemRecord | None) -> str:
    """Return how long a system learnt, and of how many epochs, where they are fewer."""
    there = [record for record in records if record is not None]
    told = beside(
        f"{effort(record)} of {system.epochs}" if is_cut_short(system, record) else effort(record)
        for record in there
    )
    return f"{told} {CUT_SHORT}" if any(is_cut_short(system, record) for record in there) else told


def is_cut_short(system: System, record: SystemRecord) -> bool:
    """Return whether a row learnt for less than its system does by itself."""
    asked = record.asked
    return bool(system.epochs) and (asked.epochs < system.epochs or asked.most_steps is not None)


def unequal(leaky: SystemRecord | None, honest: SystemRecord | None) -> str | None:
    """Return why the two protocols' rows tell nothing by their difference; None where they do."""
    if leaky is None or honest is None or effort(leaky) == effort(honest):
        return None
    return f"not comparable: {effort(honest)} against {effort(leaky)} epochs"


def effort(record: SystemRecord) -> str:
    """Return a row's epochs, and its steps where they were limited."""
    asked = record.asked
    most = asked.most_steps
    if not asked.epochs:
        return "–"
    return str(asked.epochs) if most is None else f"{asked.epochs} ({most} steps at most)"


def counted(record: Record) -> str:
    """Return of how many a LEAKY row's segments over-sampling made, for those that have such."""
    made = record.n["made by over-sampling"]
    return f", {made} of them made by over-sampling" if made else ""


def beside(texts: Iterable[str]) -> str:
    """Return texts beside one another, one alone where neighbours are the same."""
    return " / ".join(text for text, _ in groupby(texts))


def spaced(value: int) -> str:
    """Return a count with its thousands apart."""
    return f"{value:,}".replace(",", " ")


def per_cent(share: float) -> str:
    """Return a share in per cent."""
    return f"{100 * share:.1f} %"
