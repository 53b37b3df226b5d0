"""A session as one HTML page that loads nothing: plots, shares, segments, markers, limits."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from realtime_mer.display.words import STATUS_WORDS, clock, signed
from realtime_mer.estimate import Status
from realtime_mer.protocol import LevelMessage, Marker
from realtime_mer.sessions.course import (
    SHORTEST_SEGMENT_S,
    SMALLEST_CHANGE,
    Course,
    Numbers,
    Segment,
    segments,
)
from realtime_mer.sessions.store import Session

LIMITS = (
    "These numbers are what the music expresses as estimated by a model; they are not a "
    "measurement of a person's state, and no diagnosis can rest on them.",
    "The model was trained on ratings of music by panels of listeners. It does not know who "
    "listens, what the music means to them, or its words.",
    "The band around each line is one standard deviation of a panel's rating: about a third of "
    "ratings would lie outside it even if the model were right.",
    "Sound that is not music, such as speech or applause, gets estimates like any other.",
    "Segments and change points are found by a rule, stated below; another rule finds others.",
)
"""What a reader must know, in plain words."""

_QUADRANT_WORDS = {
    "Q1": "pleasant, energetic",
    "Q2": "unpleasant, energetic",
    "Q3": "unpleasant, calm",
    "Q4": "pleasant, calm",
}
_COLOURS = {"valence": "#0072b2", "arousal": "#d55e00"}  # Okabe and Ito: safe for colour-blind eyes

_WIDTH, _HEIGHT = 960, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 24, 8, 24
_POINTS = 900  # about one a pixel

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:60rem;
margin:2rem auto;padding:0 1rem}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}
svg{width:100%;height:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .8rem .2rem 0;
border-bottom:1px solid #ddd;vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums}
.limits{border-left:.3rem solid #d55e00;padding:.2rem 1rem;background:#fdf3ee}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{color:#555}dd{margin:0}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr,svg{break-inside:avoid}}
"""


def report(sessions: Sequence[Session]) -> str:
    """Return a page on one session, or on several one after the other with a table of all.

    Args:
        sessions: one or more.
    """
    title = " and ".join(session.name for session in sessions)
    courses = [
        Course.of(session.estimates(), hop=session.manifest.hello.hop) for session in sessions
    ]
    parts = [f"<h1>{escape(title)}</h1>", _limits()]
    if len(sessions) > 1:
        parts.append(_comparison(sessions, courses))
    for session, course in zip(sessions, courses, strict=True):
        if len(sessions) > 1:
            parts.append(f"<h1>{escape(session.name)}</h1>")
        parts += _session(session, course)
    parts.append(_rule())
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _limits() -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in LIMITS)
    title = "<h2>What this is, and what it is not</h2>"
    return f'<section class="limits">{title}<ul>{items}</ul></section>'


def _rule() -> str:
    return (
        "<h2>How segments were found</h2><p>A stretch of music is cut where its mean valence and "
        "arousal change. Of all cuts the one is made that lowers the sum of squared distances from "
        "the means of the segments most, and again on both sides. A segment lasts at least "
        f"{SHORTEST_SEGMENT_S:g} s; two of that length are told apart where their means lie "
        f"{SMALLEST_CHANGE:g} apart, longer ones where the cut lowers the sum as much. The word of "
        "a segment is the one nearest to its mean on the plane.</p>"
    )


def _session(session: Session, course: Course) -> list[str]:
    markers: list[Marker] = []
    clipped = levels = 0
    for message in session.messages():
        if isinstance(message, Marker):
            markers.append(message)
        elif isinstance(message, LevelMessage):
            levels += 1
            clipped += message.peak_dbfs >= 0.0
    found = segments(course)
    parts = [_facts(session, course)]
    if not len(course.t):
        return [*parts, "<p>No estimate was recorded.</p>"]
    cuts = [segment.start for segment in found[1:]]
    moments = [marker.t for marker in markers if marker.t is not None]
    for name, means, sds in (
        ("valence", course.valence, course.valence_sd),
        ("arousal", course.arousal, course.arousal_sd),
    ):
        parts.append(f"<h2>Course of {name}</h2>")
        parts.append(_plot(course, name, means, sds, cuts=cuts, markers=moments))
    parts.append(
        "<p>Line: estimate. Band: one standard deviation. Grey: warming up, or no music "
        "and the last estimate is held. Dotted: change points. Dashed: markers.</p>"
    )
    quadrants = {
        f"{name} {_QUADRANT_WORDS[name]}": seconds
        for name, seconds in course.seconds_of_quadrant().items()
    }
    parts += ["<h2>Time in each quadrant</h2>", _shares(quadrants)]
    parts += ["<h2>Time in each mood</h2>", _shares(course.seconds_of_mood())]
    parts += ["<h2>Segments</h2>", _segments(found)]
    parts += ["<h2>Markers and notes</h2>", _markers(markers)]
    parts += ["<h2>Signal quality</h2>", _quality(session, course, clipped, levels)]
    return parts


def _facts(session: Session, course: Course) -> str:
    manifest = session.manifest
    facts = {
        "Person": manifest.pseudonym or "not stated",
        "Begun": manifest.started_at,
        "Ended": manifest.ended_at or "not noted: it is still recorded, or was cut off",
        "Sound": f"{clock(course.seconds)}, {len(course.t)} estimates",
        "Source": manifest.source,
        "Model": manifest.hello.model,
        "Sound kept": "yes" if manifest.audio else "no",
        "Software": f"realtime-mer {manifest.software}",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return f"<dl>{rows}</dl>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: int = 0) -> str:
    """Return a table; its last ``numbers`` columns are numbers."""
    names = list(head)
    first = len(names) - numbers

    def line(tag: str, cells: Iterable[str]) -> str:
        return (
            "<tr>"
            + "".join(
                f"<{tag}{' class=n' if i >= first else ''}>{escape(cell)}</{tag}>"
                for i, cell in enumerate(cells)
            )
            + "</tr>"
        )

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', names)}</thead><tbody>{body}</tbody></table>"


def _shares(seconds: Mapping[str, float]) -> str:
    whole = sum(seconds.values())
    if not whole:
        return "<p>There was no music.</p>"
    rows = [(name, clock(value), f"{value / whole:.0%}") for name, value in seconds.items()]
    return _table(("of the music", "time", "share"), rows, numbers=2)


def _segments(found: Sequence[Segment]) -> str:
    rows = []
    for one in found:
        values = ("", "")
        if one.valence is not None and one.arousal is not None:
            values = (
                f"{signed(one.valence)} ± {one.valence_sd:.2f}",
                f"{signed(one.arousal)} ± {one.arousal_sd:.2f}",
            )
        rows.append(
            (clock(one.start), clock(one.end), one.mood or STATUS_WORDS[one.status], *values)
        )
    return _table(("from", "to", "what", "valence", "arousal"), rows, numbers=2)


def _markers(markers: Sequence[Marker]) -> str:
    if not markers:
        return "<p>None.</p>"
    return _table(
        ("at", "time of day", "note"),
        [
            (clock(one.t) if one.t is not None else "", one.wall_time or "", one.label)
            for one in markers
        ],
    )


def _quality(session: Session, course: Course, clipped: int, levels: int) -> str:
    rows = [
        (STATUS_WORDS[status], f"{seconds:.1f} s")
        for status, seconds in course.seconds_of_status().items()
    ]
    rows += [
        ("input overflows (xruns)", str(course.xruns)),
        ("hops left out", str(course.skipped)),
        ("measured levels at full scale or over it (clipping)", f"{clipped} of {levels}"),
        ("median level", f"{float(np.median(course.level_dbfs)):.0f} dBFS"),
        ("messages that could not be recorded", str(session.manifest.lost)),
        ("lines that cannot be read", str(session.damaged)),
    ]
    rows += [("failure", failure) for failure in session.manifest.failures]
    return _table(("what", "how much"), rows, numbers=1)


def _comparison(sessions: Sequence[Session], courses: Sequence[Course]) -> str:
    def mean(values: Numbers, course: Course) -> str:
        own = values[course.music]
        return f"{signed(float(own.mean()))} (spread {own.std():.2f})" if len(own) else "no music"

    rows = {
        "begun": [session.manifest.started_at for session in sessions],
        "sound": [clock(course.seconds) for course in courses],
        "music": [clock(course.seconds_of_status().get(Status.MUSIC, 0.0)) for course in courses],
        "mean valence of the music": [mean(course.valence, course) for course in courses],
        "mean arousal of the music": [mean(course.arousal, course) for course in courses],
        "longest mood": [next(iter(course.seconds_of_mood()), "none") for course in courses],
        **{
            f"time in {name}, {words}": [
                clock(course.seconds_of_quadrant()[name]) for course in courses
            ]
            for name, words in _QUADRANT_WORDS.items()
        },
    }
    head = ("", *(session.name for session in sessions))
    body = _table(head, [(name, *cells) for name, cells in rows.items()], numbers=len(sessions))
    return f"<h2>Compared</h2>{body}"


# -- plots ---------------------------------------------------------------------------------------


def _plot(
    course: Course,
    name: str,
    means: Numbers,
    sds: Numbers,
    *,
    cuts: Sequence[float],
    markers: Sequence[float],
) -> str:
    end = course.seconds

    def x(t: float) -> float:
        return _LEFT + t / end * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (1 - max(-1.0, min(1.0, value))) / 2 * (_HEIGHT - _TOP - _BOTTOM)

    def vertical(t: float, dash: str, colour: str) -> str:
        return (
            f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
            f'stroke="{colour}" stroke-dasharray="{dash}"/>'
        )

    shapes = []
    for start, stop in _runs(~course.music, course.t, course.hop):
        shapes.append(
            f'<rect x="{x(start):.1f}" y="{_TOP}" width="{x(stop) - x(start):.1f}" '
            f'height="{_HEIGHT - _TOP - _BOTTOM}" fill="#e8e8e8"/>'
        )
    for value in (-1, 0, 1):
        shapes.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value)}" y2="{y(value)}" '
            f'stroke="#999"/><text x="{_LEFT - 6}" y="{y(value) + 4}" text-anchor="end">'
            f"{escape(signed(value)[:2]) if value else '0'}</text>"
        )
    for t in _ticks(end):
        shapes.append(
            f'<text x="{x(t):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{clock(t)}</text>'
        )
    colour = _COLOURS[name]
    for piece in _pieces(course.t, course.hop):
        times, mean, sd = (_thinned(all_[piece]) for all_ in (course.t, means, sds))
        line = _points(x, y, times, mean)
        upper, lower = _points(x, y, times, mean + sd), _points(x, y, times, mean - sd)
        band = " ".join([*upper, *reversed(lower)])
        shapes.append(f'<polygon points="{band}" fill="{colour}" fill-opacity="0.2"/>')
        shapes.append(
            f'<polyline points="{" ".join(line)}" fill="none" stroke="{colour}" '
            'stroke-width="1.5"/>'
        )
    shapes += [vertical(t, "2 3", "#555") for t in cuts]
    shapes += [vertical(t, "7 3", "#000") for t in markers]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-size="12" fill="#444" '
        f'aria-label="{name} from -1 to 1 over {clock(end)}">{"".join(shapes)}</svg>'
    )


def _points(
    x: Callable[[float], float], y: Callable[[float], float], t: Numbers, values: Numbers
) -> list[str]:
    return [f"{x(a):.1f},{y(b):.1f}" for a, b in zip(t.tolist(), values.tolist(), strict=True)]


def _thinned(values: Numbers) -> Numbers:
    """Return means over equally many values each, so that there are about ``_POINTS``."""
    size = math.ceil(len(values) / _POINTS)
    starts = np.arange(0, len(values), size)
    sums: Numbers = np.add.reduceat(values, starts)
    return sums / np.diff([*starts, len(values)])


def _pieces(t: Numbers, hop: float) -> list[slice]:
    """Return the stretches without a hole."""
    holes = np.flatnonzero(np.diff(t) > 1.5 * hop) + 1
    bounds = [0, *holes.tolist(), len(t)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _runs(flags: NDArray[np.bool_], t: Numbers, hop: float) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff([False, *flags.tolist(), False]))
    return [(float(t[a]) - hop, float(t[b - 1])) for a, b in edges.reshape(-1, 2)]


def _ticks(end: float) -> list[float]:
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((s for s in steps if end / s <= 12), 7200)
    return [float(t) for t in range(0, int(end) + 1, step)]
