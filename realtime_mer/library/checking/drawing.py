"""Which tracks an owner is asked about: some of each part of the plane, in an order of chance."""

import math
from collections.abc import Iterator, Sequence
from random import Random

from realtime_mer.library.tracks import Point


def drawn(places: Sequence[Point], *, count: int, seed: int) -> Iterator[int]:
    """Yield which tracks are asked about, each once: ``count`` of them, and then who stands in.

    The part of the plane that the tracks cover is cut into equal cells, about one a track that is
    wanted. From cell to cell in an order of chance one track of each is taken by chance, then a
    second one of each, and so on. So rare moods are asked about as well as common ones, and the
    order tells nothing of where a track lies.

    Args:
        places: of all tracks.
        count: how many are wanted, >= 1, which sets the size of cells.
        seed: of chance; the same tracks with the same seed come in the same order.
    """
    rng = Random(seed)
    cells: dict[tuple[int, int], list[int]] = {}
    side = math.ceil(math.sqrt(count))
    valence = _cells([place.valence for place in places], side)
    arousal = _cells([place.arousal for place in places], side)
    for number, cell in enumerate(zip(valence, arousal, strict=True)):
        cells.setdefault(cell, []).append(number)
    waiting = list(cells.values())
    rng.shuffle(waiting)
    for cell_of in waiting:
        rng.shuffle(cell_of)
    while waiting:
        yield from (cell_of.pop() for cell_of in waiting)
        waiting = [cell_of for cell_of in waiting if cell_of]


def _cells(values: Sequence[float], side: int) -> list[int]:
    """Return in which of ``side`` equal steps from the least to the greatest each value lies."""
    least, greatest = min(values, default=0.0), max(values, default=0.0)
    width = (greatest - least) / side
    if not width:
        return [0] * len(values)
    return [min(int((value - least) / width), side - 1) for value in values]
