"""A place on the plane that is moved with keys, and the plane as text (pure)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from realtime_mer.errors import InputError
from realtime_mer.library.tracks import Point
from realtime_mer.wording import signed

STEP = 0.1
"""By how much a key moves the place."""

COLUMNS, ROWS = 41, 11
"""Of the plane as text; odd, so that neutral has a cell of its own."""

SCALE = (
    "Valence is how pleasant the music sounds, from -1 (very unpleasant) to 1 (very pleasant); "
    "arousal is how much energy it has, from -1 (very calm) to 1 (very energetic). 0 is neutral. "
    "Say what the music expresses, not what it does to you."
)
"""What the owner is told of the scale."""

_KEYS = re.compile(r"\x1b[\[O][A-D]|[\xe0\x00][HKMP]|.", re.DOTALL)
_MOVES = {
    "\x1b[A": (0, 1), "\x1bOA": (0, 1), "\xe0H": (0, 1), "\x00H": (0, 1), "k": (0, 1),
    "\x1b[B": (0, -1), "\x1bOB": (0, -1), "\xe0P": (0, -1), "\x00P": (0, -1), "j": (0, -1),
    "\x1b[C": (1, 0), "\x1bOC": (1, 0), "\xe0M": (1, 0), "\x00M": (1, 0), "l": (1, 0),
    "\x1b[D": (-1, 0), "\x1bOD": (-1, 0), "\xe0K": (-1, 0), "\x00K": (-1, 0), "h": (-1, 0),
}  # fmt: skip
"""Arrow keys as terminals and as Windows send them, and the letters of vi."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the owner stands: whole steps of ``STEP`` from neutral."""

    right: int = 0
    up: int = 0

    @classmethod
    def at(cls, point: Point) -> Self:
        """Return the place that is nearest to a point."""
        return cls(round(point.valence / STEP), round(point.arousal / STEP))

    @property
    def point(self) -> Point:
        """Its coordinates."""
        return Point(valence=round(self.right * STEP, 6), arousal=round(self.up * STEP, 6))

    def moved(self, key: str) -> Self:
        """Return where a key leads; any other key than those that move leads nowhere."""
        right, up = _MOVES.get(key, (0, 0))
        most = round(1 / STEP)
        return replace(
            self,
            right=min(most, max(-most, self.right + right)),
            up=min(most, max(-most, self.up + up)),
        )


def keys(text: str) -> Iterator[str]:
    """Yield the keys in what came of the keyboard at once; an arrow key is several characters."""
    yield from _KEYS.findall(text)


def plane(place: Place) -> list[str]:
    """Return the plane as lines of text, with where the owner stands."""
    point = place.point
    column, row = _cell(point.valence, COLUMNS), ROWS - 1 - _cell(point.arousal, ROWS)
    middle_column, middle_row = COLUMNS // 2, ROWS // 2
    lines = ["energetic".center(COLUMNS)]
    for line in range(ROWS):
        cells = ["-" if line == middle_row else " "] * COLUMNS
        cells[middle_column] = "+" if line == middle_row else "|"
        if line == row:
            cells[column] = "O"
        lines.append("".join(cells))
    left, right = "unpleasant", "pleasant"
    lines[1 + middle_row] = f"{left} {lines[1 + middle_row]} {right}"
    indent = " " * (len(left) + 1)
    lines = [line if line.startswith(left) else indent + line for line in lines]
    lines.append(indent + "calm".center(COLUMNS))
    lines.append(f"valence {signed(point.valence)}   arousal {signed(point.arousal)}")
    return lines


def read_point(text: str) -> Point:
    """Return the point that was typed: valence and arousal, with a space or comma between.

    Raises:
        InputError: it is none.
    """
    words = text.replace(",", " ").replace("\N{MINUS SIGN}", "-").split()
    try:
        valence, arousal = (float(word) for word in words)
    except ValueError:
        valence = arousal = 2.0
    if abs(valence) <= 1 and abs(arousal) <= 1:  # no NaN is
        return Point(valence=valence, arousal=arousal)
    raise InputError(f"{text!r} is no place: type valence and arousal from -1 to 1, as in 0.3 -0.5")


def _cell(value: float, cells: int) -> int:
    return round((value + 1) / 2 * (cells - 1))
