"""The report's sections that set a run beside others, clip by clip."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..markdown import number, protocols, table, with_interval
from .measure import NETWORK
from .targets import JUDGED

_Rows = Sequence[Mapping[str, Any]]


def against(network_rows: _Rows, rows: _Rows) -> str:
    """Return the section on another run of the same folds, figure by figure."""
    if not rows:
        return ""
    network = {(row["data"], row["metric"]): row for row in network_rows}
    lines = [
        [
            row["data"],
            row["metric"],
            number(row["value"]),
            number(network[row["data"], row["metric"]]["value"]),
            marked(row, "lead_"),
            f"{row['n']} / {row['groups']}",
        ]
        for row in rows
    ]
    other = rows[0]["model"]
    clear = sum("**" in line[-2] for line in lines)
    head = ["data", "metric", other, "this run", "this run less that", "n / groups"]
    return (
        f"## Beside `{other}`\n\nAnother run of the same folds, clip by clip: paired draws of "
        f"groups, **bold** where the interval leaves 0 out ({clear} of {len(lines)}). Of RMSE and "
        f"MAE less is better.\n\n{table(head, lines)}\n\nProtocol:\n\n{protocols(rows)}"
    )


def tried(network_rows: _Rows, rows: _Rows) -> str:
    """Return the section on the runs that were tried, by the figures that are wanted."""
    if not rows:
        return ""
    names = dict.fromkeys(row["model"] for row in rows)
    settings = {row["model"]: row["settings"] for row in rows}
    others = {(row["data"], row["metric"], row["model"]): row for row in rows}
    lines = []
    for row in network_rows:
        if (row["data"], row["metric"]) in JUDGED:
            cells = []
            for name in names:
                other = others[row["data"], row["metric"], name]
                cells.append(f"{number(other['value'])}<br>{marked(other, 'lead_')}")
            lines.append([row["data"], row["metric"], with_interval(row), *cells])
    head = ["data", "metric", NETWORK, *names]
    told = "\n".join(f"- `{name}`: {settings[name]}" for name in names)
    return (
        "## What was tried\n\nRuns on the same folds, and below each figure how far this run's "
        "lies above it, from paired draws; **bold** where the interval leaves 0 out. The folds "
        "that judge also chose, so that a small lead is a little optimistic.\n\n"
        f"{table(head, lines)}\n\nSettings that differ, in brackets this run's:\n\n{told}\n\n"
        f"Protocol:\n\n{protocols(rows)}"
    )


def leads(baselines: _Rows) -> str:
    """Return the section on how far the network lies above each baseline."""
    if not baselines:
        return ""
    models = list(dict.fromkeys(row["model"] for row in baselines))
    found = {(row["data"], row["metric"], row["model"]): row for row in baselines}
    lines = []
    for data, metric in dict.fromkeys((row["data"], row["metric"]) for row in baselines):
        cells = [
            marked(found[key], "lead_") if (key := (data, metric, model)) in found else "–"
            for model in models
        ]
        lines.append([data, metric, *cells])
    return (
        "## The network less each baseline\n\nPaired: both are judged by the same draws of groups. "
        "**Bold** where the interval leaves 0 out. Of RMSE and MAE less is better.\n\n"
        f"{table(['data', 'metric', *models], lines)}"
    )


def marked(row: Mapping[str, Any], prefix: str) -> str:
    """Return a difference with its interval, bold where that leaves 0 out."""
    text = with_interval(row, prefix, sign=True)
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    return f"**{text}**" if low is not None and (low > 0 or high < 0) else text
