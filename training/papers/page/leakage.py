"""The two protocols side by side: the page's summary, the nearest neighbour and the CNN-LSTM."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...markdown import number, table, with_interval
from ..systems import nearest, yakovyna
from ..systems.system import TASKS, System, Task
from ..trials.costs import Records, find
from ..trials.protocols import LEAKY
from ..trials.records import STREAMING, Record, SystemRecord
from . import prose
from .cells import (
    CUT_SHORT,
    effort,
    is_cut_short,
    learnt_nothing,
    metric,
    metric_text,
    pairs,
    per_cent,
    system_of,
    unequal,
)
from .missing import PROTOCOLS
from .plots import plot_curves

KINDS: Mapping[Task, str] = {
    "quadrants": "four quadrants",
    "gems": "nine GEMS classes",
    "affect": "valence and arousal",
}

_SHORT = (
    "corpus",
    f"best of the papers' systems under {LEAKY}, segments",
    "the same system grouped, segments",
    "best of them grouped, clips",
    "streaming model, grouped, clips",
)

_A_FEW = 5
"""Points that are a few."""

_LATE = 5
"""Epochs at the end, and before them, whose means tell whether a network was still learning."""


def in_short(records: Records, corpora: Sequence[str]) -> Iterator[str]:
    """Yield of every corpus and task the best system's figures beside the streaming model's."""
    rows = []
    for corpus in corpora:
        for task in TASKS:
            own = [
                record
                for record in records
                if (record.asked.corpus, record.asked.task) == (corpus, task)
            ]
            systems = [pair for pair in pairs(own) if pair[0] not in nearest.SYSTEMS]
            streaming = [record for record in own if system_of(record) == STREAMING]
            for name in ("accuracy",) if task != "affect" else ("R² valence", "R² arousal"):
                if systems:
                    here = f"{corpus}, {KINDS[task]}, {name}"
                    rows.append((here, *_compared(systems, streaming, name)))
    if rows:
        yield "## In short"
        yield ""
        yield table(_SHORT, rows)
        yield ""
        yield prose.SHORT
        yield ""
        if any(row[0].startswith("panda4q, valence") for row in rows):
            yield prose.TAGS
            yield ""


def _compared(
    systems: Sequence[tuple[System, SystemRecord | None, SystemRecord | None]],
    streaming: Records,
    name: str,
) -> tuple[str, str, str, str]:
    """Return the cells of a line of the summary: see ``_SHORT``."""
    leaky = _best([(system, row) for system, row, _ in systems], name, "segments")
    same = best = "–"
    if leaky is not None:
        honest, own = next((row, own) for system, own, row in systems if system is leaky[0])
        if honest is not None:
            same = _told(leaky[0], honest, name, "segments")
            reason = unequal(own, honest)
            same += f"; {reason}" if reason else ""
    clips = _best([(system, row) for system, _, row in systems], name, "clips")
    if clips is not None:
        best = _told(*clips, name, "clips")
    return (
        "–" if leaky is None else _told(*leaky, name, "segments"),
        same,
        best,
        _of_streaming(streaming[0], name) if streaming else "–",
    )


def _of_streaming(record: Record, name: str) -> str:
    told = _figure(record, name, "clips")
    return f"{told}; learnt nothing of this corpus" if learnt_nothing(record) else told


def _best(
    rows: Sequence[tuple[System, SystemRecord | None]], name: str, unit: str
) -> tuple[System, SystemRecord] | None:
    """Return the system and the record with the highest figure."""
    known = [
        (system, row)
        for system, row in rows
        if row is not None and metric(row, name, unit)["value"] is not None
    ]
    return max(known, key=lambda pair: metric(pair[1], name, unit)["value"], default=None)


def _told(system: System, record: SystemRecord, name: str, unit: str) -> str:
    mark = f" {CUT_SHORT}" if is_cut_short(system, record) else ""
    return f"{system.name}{mark} {_figure(record, name, unit)}"


def _figure(record: Record, name: str, unit: str) -> str:
    """Return a metric, and beside R² the correlation, which no scale changes."""
    text = metric_text(metric(record, name, unit))
    if name.startswith("R² "):
        text += f"; r {with_interval(metric(record, name.replace('R²', 'r'), unit))}"
    return text


def neighbour(records: Records) -> Iterator[str]:
    """Yield the demonstration by one nearest neighbour, where both its rows are there."""
    leaky, honest = (find(records, "nearest", "emotify", protocol) for _, protocol in PROTOCOLS)
    if leaky is None or honest is None:
        return
    before, after = (metric(row, "accuracy", "segments") for row in (leaky, honest))
    real = ""
    if leaky.n["made by over-sampling"]:
        alone = metric(leaky, "accuracy", "real segments")
        real = prose.REAL.format(
            leaky_name=LEAKY,
            value=with_interval(alone),
            plain=number(alone["baseline"]),
            n=alone["n"],
        )
    yield prose.NEIGHBOUR.format(
        leaky_name=LEAKY,
        leaky=with_interval(before),
        leaky_plain=number(before["baseline"]),
        n_leaky=before["n"],
        real=real,
        honest=with_interval(after),
        plain=number(after["baseline"]),
        n_honest=after["n"],
    )


def cnn_lstm(records: Records, songs: int, out: Path) -> Iterator[str]:
    """Yield whether the CNN-LSTM reaches what its paper prints, and draw how it learnt."""
    leaky, honest = (find(records, "yakovyna", "emotify", protocol) for _, protocol in PROTOCOLS)
    if leaky is None or honest is None:
        return
    plot = out / "emotify-yakovyna-learning.png"
    plot_curves([row for row in (leaky, honest) if row.curve], plot)
    before, after = (metric(row, "accuracy", "segments") for row in (leaky, honest))
    printed = yakovyna.SYSTEMS[0].figures[0].value
    yield prose.CNN_LSTM.format(
        printed=per_cent(printed),
        epochs=effort(leaky),
        leaky=metric_text(before),
        verdict=verdict(before, printed, leaky.curve, songs),
        honest_epochs=effort(honest),
        honest=metric_text(after),
        between=between(leaky, honest),
        plot=f"{out.name}/{plot.name}",
    )
    longer, honest = (
        find(records, "yakovyna-6s", "emotify", protocol) for _, protocol in PROTOCOLS
    )
    if longer is not None and honest is not None:
        yield prose.CNN_LSTM_LONGER.format(
            printed=per_cent(yakovyna.SYSTEMS[1].figures[0].value),
            epochs=effort(longer),
            leaky=metric_text(metric(longer, "accuracy", "segments")),
            honest_epochs=effort(honest),
            honest=metric_text(metric(honest, "accuracy", "segments")),
            between=between(longer, honest),
        )


def between(leaky: SystemRecord, honest: SystemRecord) -> str:
    """Return what stands between the two protocols' numbers of the CNN-LSTM.

    Nothing is concluded from numbers that took another effort, or that are not apart.
    """
    reason = unequal(leaky, honest)
    if reason is not None:
        name = system_of(honest)
        return (
            f"The two are {reason}; `python -m training papers --system {name} --corpus emotify` "
            "runs what is cut short."
        )
    before, after = (metric(row, "accuracy", "segments") for row in (leaky, honest))
    apart = None not in (before["low"], after["high"]) and before["low"] > after["high"]
    return prose.KNOWS_SONGS if apart else prose.NOT_APART


def verdict(
    row: Mapping[str, Any],
    printed: float,
    curve: Sequence[Mapping[str, float | None]],
    songs: int,
) -> str:
    """Return how near a figure came to the printed one, and what may keep it from being nearer."""
    points = 100 * (printed - row["value"])
    if points <= 0:
        return "that is the printed figure or more."
    below = f"that is {points:.1f} points below the printed figure"
    if row["high"] is not None and row["high"] >= printed:
        return f"{below}, which lies within the interval."
    if points <= _A_FEW:
        below = f"that is within a few points of the printed figure ({points:.1f} below)"
    return f"{below}. {prose.DIFFERENCES.format(songs=songs)} {_rise(curve)}".rstrip()


def _rise(curve: Sequence[Mapping[str, float | None]]) -> str:
    """Return how the last epochs compare with those before; single ones scatter too much."""
    watched = [epoch.get("watched accuracy") for epoch in curve][-2 * _LATE :]
    known = [value for value in watched if value is not None]
    if len(known) < 2 * _LATE:
        return ""
    gain = 100 * (sum(known[_LATE:]) - sum(known[:_LATE])) / _LATE
    text = (
        f"On the part that it watches, the mean of the last {_LATE} epochs is {gain:+.1f} points "
        f"from that of the {_LATE} before"
    ).replace("-", "−")
    return f"{text}: it was still getting better." if gain > 1 else f"{text}."
