"""Where the labels of a drawing stand, so that none covers another. Lengths are pixels."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle: its centre and its size."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: "Box") -> bool:
        """Return whether the two share more than an edge."""
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2
            and abs(self.y - other.y) < (self.height + other.height) / 2
        )


@dataclass(frozen=True, kw_only=True)
class Discs:
    """Any number of discs: their centres and their radii, each ``(n,)``."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    radius: NDArray[np.float64]

    def cover(self, box: Box) -> bool:
        """Return whether one of them covers a part of a rectangle."""
        aside = np.maximum(abs(self.x - box.x) - box.width / 2, 0.0)
        below = np.maximum(abs(self.y - box.y) - box.height / 2, 0.0)
        return bool(np.any(np.hypot(aside, below) < self.radius))


def rows(labels: Sequence[tuple[float, float]], *, most: int) -> list[int | None]:
    """Return the row, from 0, in which each label stands over its place on an axis.

    Args:
        labels: centre and width of each.
        most: rows that there may be. A label that none of them has room for gets None.
    """
    ends: list[list[tuple[float, float]]] = [[] for _ in range(most)]
    found: list[int | None] = []
    for centre, width in labels:
        start, end = centre - width / 2, centre + width / 2
        for number, taken in enumerate(ends):
            if all(end <= a or b <= start for a, b in taken):
                taken.append((start, end))
                found.append(number)
                break
        else:
            found.append(None)
    return found


def free_place(
    home: Box, *, taken: Sequence[Box], discs: Discs | None = None, within: float, far: float
) -> Box | None:
    """Return the place nearest to home where a label covers no other and no disc covers it.

    Args:
        home: the label where it would stand by itself.
        taken: labels that stand already.
        discs: what must not cover it.
        within: side of the square from (0, 0) that it must not leave.
        far: how far it may go.
    """
    for x, y in _places_around(home.x, home.y, far=far):
        box = Box(x=x, y=y, width=home.width, height=home.height)
        inside = (
            box.width / 2 <= x <= within - box.width / 2
            and box.height / 2 <= y <= within - box.height / 2
        )
        if not inside or any(map(box.overlaps, taken)):
            continue
        if discs is None or not discs.cover(box):
            return box
    return None


def _places_around(x: float, y: float, *, far: float) -> Iterator[tuple[float, float]]:
    yield x, y
    for step in range(1, int(far / 4) + 1):
        for turn in range(16):
            angle = turn * math.tau / 16
            yield x + 4 * step * math.cos(angle), y + 4 * step * math.sin(angle)
