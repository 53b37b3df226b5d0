"""The drawings of a report, as SVG elements without a font of their own."""

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import MOOD_WORDS, quadrant_of
from realtime_mer.mood import mood_text
from realtime_mer.sessions.course import Course, Numbers, Segment
from realtime_mer.sessions.labels import Box, Discs, free_place, rows
from realtime_mer.wording import STATUS_WORDS, clock, signed

QUADRANT_COLOURS = {"Q1": "#f0c742", "Q2": "#ee7a2f", "Q3": "#5aabe2", "Q4": "#2fc79b"}
"""Those of the window: apart in brightness too, and safe for colour-blind eyes."""

_AXES = {"valence": "unpleasant to pleasant", "arousal": "calm to energetic"}
_COLOURS = {"valence": "#1d5f92", "arousal": "#8a5200"}
_INK, _MUTED, _GRID, _NONE = "#24302e", "#56615e", "#c9c5b9", "#ecebe6"

_WIDTH = 960
_LEFT, _RIGHT = 40, 12
_ROW, _ROWS = 17, 6  # of numbers above and below, where one row has no room for all
MOST_NUMBERS = 40
"""Of more segments only so many, the longest, bear numbers in a picture, and no line joins them."""

_PANEL, _GAP, _STRIP, _AXIS = 170, 14, 28, 24
_POINTS = 900  # about one a pixel
_TRIANGLE = (4, 8)  # half the width, and the height
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

    def x(t: float) -> float:
        return _LEFT + (min(max(t, start), end) - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)

    shapes: list[str] = []
    placed = [(n, x(t)) for n, t in enumerate(markers, start=1) if t is not None]
    above = rows([(at, _width(f"{n}") + 4) for n, at in placed], most=_ROWS)
    first = _ROW * (1 + max((row for row in above if row is not None), default=0)) + 9
    tops = (first, first + _PANEL + _GAP)
    for top, name, means, sds in (
        (tops[0], "valence", course.valence, course.valence_sd),
        (tops[1], "arousal", course.arousal, course.arousal_sd),
    ):
        shapes += _panel(course, name, means, sds, x=x, top=top)
        shapes += [_triangle(x(t), top + _PANEL) for t in course.turned or ()]
    for one in segments[1:] if len(segments) <= MOST_NUMBERS else ():
        shapes += [
            _line(x(one.start), top, x(one.start), top + _PANEL, _MUTED, dash="2 3") for top in tops
        ]
    strip = tops[1] + _PANEL + _GAP
    words, deepest = _strip(segments, x=x, top=strip)
    shapes += words
    tall = [first - 8 - _ROW * (row or 0) for row in above]
    shapes += [
        _line(at, top, at, strip, "#000", dash="7 3")
        for (_, at), top in zip(placed, tall, strict=True)
    ]
    shapes += [
        _text(at, top - 4, f"{number}", fill="#000", halo=True)
        for (number, at), top, row in zip(placed, tall, above, strict=True)
        if row is not None
    ]
    height = deepest + _AXIS
    for t in _ticks(start, end):
        half = _width(clock(t)) / 2  # the last one ends with the picture
        shapes.append(_text(min(x(t), _WIDTH - half), height - 5, clock(t)))
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
    shapes.append(_text(x(0.0), _SIZE - 6, f"valence: {_AXES['valence']}"))
    arousal = f"arousal: {_AXES['arousal']}"
    shapes.append(f'<g transform="translate(14 {y(0):.1f}) rotate(-90)">{_text(0, 0, arousal)}</g>')
    music = [
        (number, one, x(one.valence), y(one.arousal))
        for number, one in enumerate(segments, start=1)
        if one.valence is not None and one.arousal is not None
    ]
    whole = sum(one.end - one.start for _, one, _, _ in music)
    path = " ".join(f"{a:.1f},{b:.1f}" for _, _, a, b in music)
    if len(music) <= MOST_NUMBERS:
        shapes.append(
            f'<polyline points="{path}" fill="none" stroke="{_INK}" stroke-opacity="0.35"/>'
        )
    # The longest first, so that no disc is hidden by a larger one.
    music.sort(key=lambda item: item[1].start - item[1].end)
    radii = []
    for _, one, a, b in music:
        radius = max(_SMALLEST, _LARGEST * math.sqrt((one.end - one.start) / whole))
        radii.append(radius)
        colour = QUADRANT_COLOURS[quadrant_of(one.valence or 0.0, one.arousal or 0.0)]
        shapes.append(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius:.1f}" fill="{colour}" '
            f'fill-opacity="0.85" stroke="{_INK}"/>'
        )
    taken: list[Box] = []
    for (number, _, a, b), radius in list(zip(music, radii, strict=True))[:MOST_NUMBERS]:
        home = Box(x=a, y=b, width=_width(f"{number}"), height=15)
        box = free_place(home, taken=taken, within=_SIZE, far=70)
        if box is None:
            continue  # the table has it
        taken.append(box)
        if math.dist((box.x, box.y), (a, b)) > radius:
            shapes.append(_line(a, b, box.x, box.y, _INK))
        shapes.append(_text(box.x, box.y + 5, f"{number}", fill="#000", halo=True))
    places = np.array([(a, b) for _, _, a, b in music]).reshape(-1, 2)
    discs = Discs(x=places[:, 0], y=places[:, 1], radius=np.array(radii))
    for word in MOOD_WORDS:
        home = Box(x=x(word.valence), y=y(word.arousal), width=_width(word.word), height=17)
        box = free_place(home, taken=taken, discs=discs, within=_SIZE, far=60)
        if box is None:
            box = home  # over the discs: its rim keeps it legible
        taken.append(box)
        shapes.append(_text(box.x, box.y + 4, word.word, fill=_MUTED, halo=True))
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
    label = f'<tspan font-weight="bold">{name}</tspan>: {_AXES[name]}'
    width = _width(f"{name}: {_AXES[name]}") + 8
    shapes.append(
        f'<rect x="{_LEFT + 4}" y="{top + 5}" width="{width:.0f}" height="19" fill="#fff" '
        'fill-opacity="0.75" rx="2"/>'
    )
    shapes.append(
        f'<text x="{_LEFT + 9}" y="{top + 18}" font-size="14" fill="{colour}">{label}</text>'
    )
    return shapes


def _strip(
    segments: Sequence[Segment], *, x: Callable[[float], float], top: int
) -> tuple[list[str], float]:
    """Return the strip of moods, and where it ends.

    Each segment, or each of the longest, bears its number, and its words where they fit in. A
    number that does not fit in stands below, at the end of a line.
    """
    by_length = sorted(enumerate(segments, start=1), key=lambda item: item[1].start - item[1].end)
    longest = {number for number, _ in by_length[:MOST_NUMBERS]}
    shapes = []
    narrow = []
    for number, one in enumerate(segments, start=1):
        left, width = x(one.start), x(one.end) - x(one.start)
        fill = _NONE
        if one.valence is not None and one.arousal is not None:
            fill = QUADRANT_COLOURS[quadrant_of(one.valence, one.arousal)]
        shapes.append(
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_STRIP}" '
            f'fill="{fill}" stroke="#fff"/>'
        )
        words = (mood_text(one.words), mood_text(one.words, short=True))
        texts = words if one.words else (STATUS_WORDS[one.status],)
        if number not in longest:
            continue
        labels = [*(f"{number} {text}" for text in texts), f"{number}"]
        fitting = next((text for text in labels if _width(text) + 4 <= width), None)
        if fitting is None:
            narrow.append((number, left + width / 2))
        else:
            middle = top + _STRIP / 2 + 4
            shapes.append(_text(left + width / 2, middle, fitting, fill="#000"))
    below = rows([(at, _width(f"{number}") + 4) for number, at in narrow], most=_ROWS)
    bottom: float = top + _STRIP
    deepest = bottom
    for (number, at), row in zip(narrow, below, strict=True):
        if row is not None:
            y = bottom + _ROW * (row + 1)
            deepest = max(deepest, y)
            shapes.append(_line(at, bottom, at, y - 11, _MUTED))
            shapes.append(_text(at, y, f"{number}", fill="#000"))
    return shapes, deepest


def _svg(width: float, height: float, shapes: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}">{"".join(shapes)}</svg>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "middle",
    fill: str = _MUTED,
    halo: bool = False,
) -> str:
    rim = ' stroke="#fff" stroke-width="3" stroke-linejoin="round" paint-order="stroke"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="14" text-anchor="{anchor}" fill="{fill}"'
        f"{rim if halo else ''}>{escape(text)}</text>"
    )


def _width(text: str) -> float:
    return len(text) * _LETTER


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'
    )


def _triangle(x: float, y: float) -> str:
    """Return the sign of a turn, which stands on its place."""
    half, high = _TRIANGLE
    corners = f"{x - half:.1f},{y} {x:.1f},{y - high} {x + half:.1f},{y}"
    return f'<polygon points="{corners}" fill="{_INK}"/>'


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
