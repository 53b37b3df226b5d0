"""Plots of the papers' systems: confusions, one picture a corpus, and how one of them learnt."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.files import replacing
from training.papers.protocols import LEAKY

_COLUMNS = 4
_PANEL = 2.1
"""Inches of a panel, titles and all."""


def plot_confusions(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the confusions of the records of one corpus and task, a panel each.

    Colour and number are the share of a true class, in per cent. Classes are numbered from 1.
    """
    rows = -(-len(records) // _COLUMNS)
    canvas = Figure(figsize=(_COLUMNS * _PANEL, rows * _PANEL + 0.4), dpi=100, layout="constrained")
    panels = canvas.subplots(rows, _COLUMNS, squeeze=False).flat
    for axes, record in zip(panels, records, strict=False):
        _confusion(axes, record)
    for axes in list(canvas.axes)[len(records) :]:
        axes.set_axis_off()
    names = records[0]["classes"]
    canvas.suptitle(
        "rows: true, columns: said; "
        + ", ".join(f"{number} {name}" for number, name in enumerate(names, start=1)),
        fontsize=7,
    )
    _save(canvas, path)


def _confusion(axes: Axes, record: Mapping[str, Any]) -> None:
    counts = np.array(record["confusion"], float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for (true, said), share in np.ndenumerate(shares):
        if counts[true, said]:
            axes.text(
                said,
                true,
                f"{100 * share:.0f}",
                ha="center",
                va="center",
                fontsize=7 if len(counts) < 5 else 4.5,
                color="white" if share > 0.5 else "black",
            )
    numbers = [str(number) for number in range(1, len(counts) + 1)]
    axes.set_xticks(range(len(counts)), numbers, fontsize=5)
    axes.set_yticks(range(len(counts)), numbers, fontsize=5)
    axes.tick_params(length=0, pad=1)
    axes.set_title(f"{record['asked']['system']}\n{record['asked']['protocol']}", fontsize=7)


def plot_curves(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the accuracy on the watched part after each epoch of records' first fits."""
    canvas = Figure(figsize=(5.2, 2.8), dpi=100, layout="constrained")
    axes = canvas.subplots()
    for record in records:
        asked = record["asked"]
        curve = [epoch["watched accuracy"] for epoch in record["curve"]]
        axes.plot(
            range(1, len(curve) + 1),
            [np.nan if value is None else value for value in curve],
            "-" if asked["protocol"] == LEAKY else "--",
            marker=".",
            label=f"{asked['system']}, {asked['protocol']}",
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy, watched part")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    _save(canvas, path)


def _save(canvas: Figure, path: Path) -> None:
    with replacing(path) as partial:
        canvas.savefig(partial, metadata={"Software": None})
