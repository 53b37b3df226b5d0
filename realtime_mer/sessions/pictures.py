"""The drawings of a report, as SVG elements without a font of their own."""

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import MOOD_WORDS, quadrant_of
from realtime_mer.sessions.course import Course, Numbers, Segment
from realtime_mer.wording import STATUS_WORDS, clock, signed

QUADRANT_COLOURS = {"Q1": "#f0c742", "Q2": "#ee7a2f", "Q3": "#5aabe2", "Q4": "#2fc79b"}
"""Those of the window: apart in brightness too, and safe for colour-blind eyes."""

_COLOURS = {"valence": "#1d5f92", "arousal": "#8a5200"}
_INK, _MUTED, _GRID, _NONE = "#24302e", "#56615e", "#c9c5b9", "#ecebe6"

_WIDTH = 960
_LEFT, _RIGHT, _TOP = 40, 12, 26  # above is room for the numbers of markers
_PANEL, _GAP, _STRIP, _AXIS = 170, 14, 28, 24
_POINTS = 900  # about one a pixel
_LETTER = 7.7  # pixels that a letter takes, generously

_SIZE, _EDGE = 520, 26  # of the plane
_SMALLEST, _LARGEST = 9.0, 34.0  # radii: enough for a number, and of all the music


def course_picture(
    course: Course, segments: Sequence[Segment], *, markers: Sequence[float | None]
) -> str:
    """Return valence and arousal over time, one above the other, and the moods below.

    Args:
        course: of one estimate or more.
        segments: of it.
        markers: their times, in the order of their numbers; None for one without.
    """
    start, end = course.start, course.end
    height = _TOP + 2 * _PANEL + 2 * _GAP + _STRIP + _AXIS
    bottom = height - _AXIS

    def x(t: float) -> float:
        return _LEFT + (min(max(t, start), end) - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)

    shapes: list[str] = []
    tops = (_TOP, _TOP + _PANEL + _GAP)
    for top, name, means, sds in (
        (tops[0], "valence", course.valence, course.valence_sd),
        (tops[1], "arousal", course.arousal, course.arousal_sd),
    ):
        shapes += _panel(course, name, means, sds, x=x, top=top)
    for one in segments[1:]:
        shapes += [
            _line(x(one.start), top, x(one.start), top + _PANEL, _MUTED, dash="2 3") for top in tops
        ]
    strip = tops[1] + _PANEL + _GAP
    shapes += [_strip_part(one, x=x, top=strip) for one in segments]
    for number, t in enumerate(markers, start=1):
        if t is not None:
            shapes.append(_line(x(t), _TOP - 8, x(t), bottom, "#000", dash="7 3"))
            shapes.append(_text(x(t), _TOP - 12, f"{number}", fill="#000"))
    shapes += [_text(x(t), height - 5, clock(t)) for t in _ticks(start, end)]
    return _svg(_WIDTH, height, shapes)


def plane_picture(segments: Sequence[Segment]) -> str:
    """Return the segments of music on the valence-arousal plane, joined in order of time.

    The area of each is its share of the time, its number that of its row in the table.
    """
    inner = _SIZE - 2 * _EDGE

    def x(valence: float) -> float:
        return _EDGE + (valence + 1) / 2 * inner

    def y(arousal: float) -> float:
        return _EDGE + (1 - arousal) / 2 * inner

    shapes = []
    for name, left, top in (("Q1", 0, 1), ("Q2", -1, 1), ("Q3", -1, 0), ("Q4", 0, 0)):
        shapes.append(
            f'<rect x="{x(left):.1f}" y="{y(top):.1f}" width="{inner / 2}" height="{inner / 2}" '
            f'fill="{QUADRANT_COLOURS[name]}" fill-opacity="0.16"/>'
        )
    shapes.append(_line(x(-1), y(0), x(1), y(0), _GRID))
    shapes.append(_line(x(0), y(-1), x(0), y(1), _GRID))
    shapes += [
        _text(x(word.valence), y(word.arousal) + 4, word.word, fill="#7d8683")
        for word in MOOD_WORDS
    ]
    shapes.append(_text(x(0.0), _SIZE - 6, "valence: unpleasant to pleasant"))
    shapes.append(
        f'<g transform="translate(14 {y(0):.1f}) rotate(-90)">'
        f"{_text(0, 0, 'arousal: calm to energetic')}</g>"
    )
    music = [
        (number, one, x(one.valence), y(one.arousal))
        for number, one in enumerate(segments, start=1)
        if one.valence is not None and one.arousal is not None
    ]
    whole = sum(one.end - one.start for _, one, _, _ in music)
    path = " ".join(f"{a:.1f},{b:.1f}" for _, _, a, b in music)
    shapes.append(f'<polyline points="{path}" fill="none" stroke="{_INK}" stroke-opacity="0.35"/>')
    # The longest first, so that no disc is hidden by a larger one.
    for number, one, a, b in sorted(music, key=lambda item: item[1].start - item[1].end):
        radius = max(_SMALLEST, _LARGEST * math.sqrt((one.end - one.start) / whole))
        shapes.append(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius:.1f}" fill="{_INK}" '
            'fill-opacity="0.85" stroke="#fff"/>'
        )
        shapes.append(_text(a, b + 5, f"{number}", fill="#fff"))
    return _svg(_SIZE, _SIZE, shapes)


def _panel(
    course: Course,
    name: str,
    means: Numbers,
    sds: Numbers,
    *,
    x: Callable[[float], float],
    top: int,
) -> list[str]:
    def y(value: float) -> float:
        return top + (1 - max(-1.0, min(1.0, value))) / 2 * _PANEL

    shapes = [
        f'<rect x="{x(start):.1f}" y="{top}" width="{x(stop) - x(start):.1f}" height="{_PANEL}" '
        f'fill="{_NONE}"/>'
        for start, stop in _runs(~course.music, course.t, course.hop)
    ]
    for value in (-1, 0, 1):
        shapes.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), _GRID))
        word = signed(value)[:2] if value else "0"
        shapes.append(_text(_LEFT - 6, y(value) + 4, word, anchor="end"))
    colour = _COLOURS[name]
    for piece in _pieces(course.t, course.hop):
        times, mean, sd = (_thinned(all_[piece]) for all_ in (course.t, means, sds))
        line = _points(x, y, times, mean)
        band = [*_points(x, y, times, mean + sd), *reversed(_points(x, y, times, mean - sd))]
        shapes.append(f'<polygon points="{" ".join(band)}" fill="{colour}" fill-opacity="0.2"/>')
        shapes.append(
            f'<polyline points="{" ".join(line)}" fill="none" stroke="{colour}" '
            'stroke-width="1.5"/>'
        )
    label = f'<tspan font-weight="bold">{name}</tspan>'
    width = (len(name) + 2) * _LETTER
    shapes.append(
        f'<rect x="{_LEFT + 4}" y="{top + 5}" width="{width:.0f}" height="19" fill="#fff" '
        'fill-opacity="0.75" rx="2"/>'
    )
    shapes.append(
        f'<text x="{_LEFT + 9}" y="{top + 18}" font-size="14" fill="{colour}">{label}</text>'
    )
    return shapes


def _strip_part(one: Segment, *, x: Callable[[float], float], top: int) -> str:
    """Return a segment in the strip of moods, with its word where that fits in."""
    left, width = x(one.start), x(one.end) - x(one.start)
    word = one.mood or STATUS_WORDS[one.status]
    fill = _NONE
    if one.valence is not None and one.arousal is not None:
        fill = QUADRANT_COLOURS[quadrant_of(one.valence, one.arousal)]
    shape = (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_STRIP}" fill="{fill}" '
        'stroke="#fff"/>'
    )
    if width > (len(word) + 1) * _LETTER:
        shape += _text(left + width / 2, top + _STRIP / 2 + 4, word, fill="#000")
    return shape


def _svg(width: float, height: float, shapes: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}">{"".join(shapes)}</svg>'


def _text(x: float, y: float, text: str, *, anchor: str = "middle", fill: str = _MUTED) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="14" text-anchor="{anchor}" fill="{fill}">'
        f"{escape(text)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'
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


def _ticks(start: float, end: float) -> list[float]:
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((s for s in steps if (end - start) / s <= 12), 7200)
    return [float(t) for t in range(math.ceil(start / step) * step, int(end) + 1, step)]
