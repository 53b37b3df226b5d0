"""The plots of a report, each a PNG file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm

from ..judge.metrics import AFFECT, Interval

_NETWORK = "#1f77b4"


@contextmanager
def _figure(path: Path, *, columns: int, width: float, height: float) -> Iterator[list[Axes]]:
    # A figure of its own, not pyplot's: no window system and no state of the module.
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
        yield list(np.atleast_1d(figure.subplots(1, columns)))
        figure.savefig(path)


def learning_curves(logs: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Plot each loss of the training songs over the epochs, a line for each part of the run.

    Args:
        logs: a row for each epoch, by part.
        path: where to.
    """
    names = [
        name
        for name in ("teacher", "concordance", "likelihood", "quadrants", "gems")
        if any(name in log for log in logs.values())
    ]
    with _figure(path, columns=len(names), width=2.3 * len(names) + 0.9, height=2.8) as axes:
        for axis, name in zip(axes, names, strict=True):
            for n, (part, log) in enumerate(logs.items()):
                if name in log:
                    # A part has one colour, also where others have no such loss.
                    axis.plot(log["epoch"], log[name], label=part, linewidth=1, color=f"C{n}")
            axis.set(title=f"{name}\n(training songs)", xlabel="epoch")
        axes[0].set_ylabel("loss")
        _legend_beside(axes)


def _legend_beside(axes: Sequence[Axes]) -> None:
    """Draw one legend of all plots to the right of them, where it hides nothing."""
    lines = {
        name: line
        for axis in axes
        for line, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure = axes[0].get_figure()
    if figure is not None and lines:
        figure.legend(lines.values(), lines.keys(), fontsize=7, loc="outside right center")


def confusion(
    counts: Mapping[str, NDArray[np.integer[Any]]], names: Sequence[str], path: Path
) -> None:
    """Plot how often each class was said of each true class, (true, said), by corpus."""
    with _figure(path, columns=len(counts), width=3.6 * len(counts), height=3.7) as axes:
        for axis, (corpus, own) in zip(axes, counts.items(), strict=True):
            shares = own / own.sum(1, keepdims=True).clip(1)
            axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
            for (row, column), count in np.ndenumerate(own):
                share = shares[row, column]
                colour = "white" if share > 0.5 else "black"
                text = f"{share:.0%}\n{count}"
                axis.text(column, row, text, ha="center", va="center", color=colour)
            ticks = range(len(names))
            axis.set_xticks(ticks, names)
            axis.set_yticks(ticks, names)
            axis.set(
                xlabel="most probable quadrant",
                ylabel="labelled quadrant",
                title=f"{corpus}, out of fold, n = {own.sum()}\n(share of a row, clips)",
            )


def scatter(table: pd.DataFrame, path: Path) -> None:
    """Plot predicted against rated valence and arousal with each clip's 90 % interval.

    Args:
        table: ``true_valence``, ``valence``, ``clip_valence_sd`` and the same of arousal.
        path: where to.
    """
    reach = norm.ppf(0.95)
    with _figure(path, columns=2, width=8.0, height=4.0) as axes:
        for axis, name in zip(axes, AFFECT, strict=True):
            axis.plot((-1, 1), (-1, 1), color="black", linewidth=0.8)
            axis.errorbar(
                table[f"true_{name}"],
                table[name],
                yerr=reach * table[f"clip_{name}_sd"],
                fmt="o",
                markersize=3,
                linewidth=0.5,
                ecolor="#c0d4e8",
                color=_NETWORK,
            )
            axis.set(
                title=f"{name}, out of fold, n = {len(table)}",
                xlabel=f"rated {name} (−1 … 1)",
                ylabel=f"predicted {name}, with 90 % interval",
                xlim=(-1.05, 1.05),
                ylim=(-1.6, 1.6),
            )


def compared(
    rows: Mapping[str, Mapping[str, Interval]],
    path: Path,
    *,
    label: str,
    title: str,
    lines: Mapping[str, float] | None = None,
) -> None:
    """Plot values with their intervals, for each name a mark for each model, side by side.

    Args:
        rows: by model, then by name.
        path: where to.
        label: of the values.
        title: with n.
        lines: where dotted lines are drawn, by what they mean.
    """
    names = list(next(iter(rows.values())))
    apart = min(0.14, 0.84 / len(rows))  # the marks of a name must not reach those of the next
    with _figure(path, columns=1, width=9.5, height=3.4) as (axis,):
        for n, (model, values) in enumerate(rows.items()):
            place = np.arange(len(names)) + apart * (n - (len(rows) - 1) / 2)
            found = np.array([values.get(name, (np.nan,) * 3) for name in names], float)
            axis.errorbar(
                place,
                found[:, 0],
                yerr=np.abs(found[:, 1:].T - found[:, 0]),
                fmt="o",
                markersize=4,
                capsize=2,
                linewidth=1,
                label=model,
            )
        axis.set_xticks(range(len(names)), names, rotation=20, ha="right")
        axis.set(ylabel=label, title=title)
        for n, (meaning, value) in enumerate((lines or {}).items()):
            style = ":" if n == 0 else "--"
            axis.axhline(value, color="black", linewidth=0.8, linestyle=style, label=meaning)
        axis.grid(axis="y", linewidth=0.3)
        _legend_beside([axis])


def calibration(
    levels: Sequence[float],
    covered: Mapping[str, Sequence[Interval]],
    bins: Mapping[str, pd.DataFrame],
    path: Path,
    *,
    title: str,
) -> None:
    """Plot how many ratings the intervals hold, and how often the likeliest quadrant is right.

    Args:
        levels: of the intervals.
        covered: by output, at each level.
        bins: ``said``, ``right``, ``low``, ``high``, ``n``: a row for each bin of probability, by
            the kind of probability.
        path: where to.
        title: of the intervals, with n.
    """
    with _figure(path, columns=2, width=8.0, height=3.8) as (left, right):
        left.plot((0, 1), (0, 1), color="black", linewidth=0.8)
        for name, found in covered.items():
            values = np.array(found)
            (line,) = left.plot(levels, values[:, 0], marker="o", markersize=3, label=name)
            left.fill_between(levels, values[:, 1], values[:, 2], alpha=0.1, color=line.get_color())
        left.set(xlabel="level of the interval", ylabel="share of ratings inside", title=title)
        left.legend(fontsize=8)
        right.plot((0, 1), (0, 1), color="black", linewidth=0.8)
        for name, own in bins.items():
            spread = np.abs(own[["low", "high"]].to_numpy().T - own["right"].to_numpy())
            right.errorbar(
                own["said"],
                own["right"],
                yerr=spread,
                fmt="o-",
                capsize=2,
                markersize=4,
                linewidth=1,
                label=name,
            )
        right.legend(fontsize=8)
        right.set(
            xlabel="mean probability of the likeliest quadrant",
            ylabel="share right",
            title=f"quadrants, out of fold, n = {next(iter(bins.values()))['n'].sum()}",
            xlim=(0.2, 1.02),
            ylim=(0, 1.02),
        )
