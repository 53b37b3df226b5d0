"""Plots of the papers' systems: confusions, one picture a corpus, and how one of them learnt."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...files import replacing
from ...markdown import number
from ..trials.protocols import LEAKY
from ..trials.records import Record, SystemRecord
from .cells import counted, effort, metric

_DPI = 200
_TYPE = 6.5
"""Points of the smallest type."""

_ABREAST = 2
"""Systems in a row, two panels each."""

_PANEL = (2.15, 2.55)
"""Inches of a panel, title and all."""

Pair = tuple[str, Record | None, Record | None]
"""A system's name, its LEAKY and its grouped record."""


def plot_confusions(pairs: Sequence[Pair], path: Path, *, title: str) -> None:
    """Draw the confusions of one corpus and task: LEAKY left, grouped right, blank where missing.

    Colour and number are the share of a true class, in per cent. Where there are more than four
    classes they are numbered from 1.
    """
    names = next(
        record.classes or () for _, *both in pairs for record in both if record is not None
    )
    rows = -(-len(pairs) // _ABREAST)
    width, height = _PANEL
    canvas = Figure(
        figsize=(2 * _ABREAST * width, rows * height + 0.6), dpi=_DPI, layout="constrained"
    )
    panels = canvas.subplots(rows, 2 * _ABREAST, squeeze=False).flat
    for axes in panels:
        axes.set_axis_off()
    records = [(name, record) for name, *both in pairs for record in both]
    for axes, (name, record) in zip(canvas.axes, records, strict=False):
        if record is None:
            axes.set_title(f"{name}: no such row\n", fontsize=_TYPE, color="grey")
        else:
            _confusion(axes, record)
    numbered = ", ".join(f"{place} {name}" for place, name in enumerate(names, start=1))
    canvas.suptitle(
        f"{title}; rows: true, columns: said, in % of a true class"
        + (f"\n{numbered.replace('_', ' ')}" if len(names) > 4 else ""),
        fontsize=_TYPE + 1.5,
    )
    _save(canvas, path)


def _confusion(axes: Axes, record: Record) -> None:
    counts = np.array(record.confusion, float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.set_axis_on()
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for (true, predicted), share in np.ndenumerate(shares):
        if counts[true, predicted]:
            axes.text(
                predicted,
                true,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=_TYPE if len(counts) > 4 else _TYPE + 2,
                color="white" if share > 0.5 else "black",
            )
    names = record.classes or ()
    ticks = names if len(names) <= 4 else [str(place) for place in range(1, len(names) + 1)]
    axes.set_xticks(range(len(ticks)), ticks, fontsize=_TYPE)
    axes.set_yticks(range(len(ticks)), ticks, fontsize=_TYPE)
    axes.tick_params(length=0, pad=1.5)
    asked, unit = record.asked, record.metrics[0]["unit"]
    row = metric(record, "accuracy", unit)
    made = record.n["made by over-sampling"]
    axes.set_title(
        f"{asked.system}, {asked.protocol}\n"
        f"accuracy {number(row['value'])}, baseline {number(row['baseline'])}\n"
        f"{row['n']} {unit}" + (f", {made} of them made" if made else ""),
        fontsize=_TYPE,
    )


def plot_curves(records: Sequence[SystemRecord], path: Path) -> None:
    """Draw the accuracy on the watched part after each epoch of records' first fits.

    A thin line is the baseline of the row, which is of the part that is tested.
    """
    canvas = Figure(figsize=(6.4, 4.4), dpi=_DPI, layout="constrained")
    axes = canvas.subplots()
    for place, record in enumerate(records):
        asked = record.asked
        curve = [epoch["watched accuracy"] for epoch in record.curve]
        line = "-" if asked.protocol == LEAKY else "--"
        row = metric(record, "accuracy", "segments")
        fit = "one fit" if record.fits == 1 else f"the first of {record.fits} folds"
        colour = f"C{place}"
        axes.plot(
            range(1, len(curve) + 1),
            [np.nan if value is None else value for value in curve],
            line,
            color=colour,
            marker=".",
            label=f"{asked.protocol}, {effort(record)} epochs, {fit}, "
            f"learnt from {record.learnt[0]} segments",
        )
        axes.axhline(
            row["baseline"],
            color=colour,
            linewidth=0.8,
            linestyle=line,
            label=f"{asked.protocol}, baseline of all that is tested: "
            f"{number(row['baseline'])}, n {row['n']}{counted(record)}",
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy, watched part")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    canvas.legend(fontsize=_TYPE, loc="outside lower center")
    if records:
        asked = records[0].asked
        axes.set_title(f"{asked.corpus}: {asked.system} while it learns", fontsize=9)
    _save(canvas, path)


def _save(canvas: Figure, path: Path) -> None:
    with replacing(path) as partial:
        canvas.savefig(partial, metadata={"Software": None})
