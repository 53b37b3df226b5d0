"""Precision, recall and F1 of each class, with the pictures of the confusions."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ...markdown import table
from ..systems.registry import SYSTEMS
from ..systems.system import Task
from ..trials.costs import Records
from ..trials.protocols import LEAKY
from ..trials.records import STREAMING, Record, SystemRecord
from .cells import counted, metric, metric_text, pairs, system_of
from .leakage import KINDS
from .plots import plot_confusions
from .printed import told


def classes(records: Records, out: Path) -> Iterator[str]:
    """Yield the lines of the page and draw a picture for each corpus and task into a folder."""
    yield "# Precision, recall and F1 of each class"
    yield ""
    yield (
        f"Of segments, of clips for the streaming model; written by `python -m training papers`. "
        f"{LEAKY} knows the songs it is asked about, and where a system over-samples, some of the "
        "segments it is asked about were made. Printed: by the paper, of its own copy of the "
        "corpus."
    )
    classified = [record for record in records if record.confusion is not None]

    def corpus_and_task(record: Record) -> tuple[str, Task]:
        return record.asked.corpus, record.asked.task

    for (corpus, task), own in groupby(sorted(classified, key=corpus_and_task), corpus_and_task):
        rows = list(own)
        both: list[tuple[str, SystemRecord | None, Record | None]]
        both = [(system.name, leaky, honest) for system, leaky, honest in pairs(rows)]
        both += [(STREAMING, None, row) for row in rows if system_of(row) == STREAMING]
        plot = out / f"{corpus}-{task}.png"
        plot_confusions(both, plot, title=f"{corpus}, {KINDS[task]}")
        yield ""
        yield f"## {corpus}, {task}"
        yield ""
        yield f"![confusions]({plot.name})"
        for _, *two in both:
            for record in two:
                if record is not None:
                    yield from _class_table(record)


def _class_table(record: Record) -> Iterator[str]:
    asked = record.asked
    figures = next((system.figures for system in SYSTEMS if system.name == asked.system), ())
    scores, confusion = record.per_class or {}, record.confusion or ()
    kinds = ("precision", "recall", "F1")
    rows = []
    for n, name in enumerate(record.classes or ()):
        printed = [
            f"{kind} {text}{f' ({note})' if note else ''}"
            for kind in kinds
            for text, note in told(figures, asked.corpus, f"{kind} {name}")
        ]
        rows.append(
            (
                name,
                f"{sum(confusion[n])}",
                *(f"{scores[kind][n]:.2f}" for kind in kinds),
                ", ".join(printed),
            )
        )
    shown = any(row[-1] for row in rows)
    head = ("class", "n", *kinds, "printed")
    yield ""
    yield f"### {asked.system}, {asked.protocol}"
    yield ""
    unit = record.metrics[0]["unit"]
    numbers = "; ".join(
        f"{name} {metric_text(metric(record, name, unit))}" for name in ("accuracy", "macro-F1")
    )
    yield f"{numbers}{counted(record)}"
    yield ""
    yield table(head if shown else head[:-1], [row if shown else row[:-1] for row in rows])
