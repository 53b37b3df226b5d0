"""How far other clocks are ahead of the steady one, so that a moment can be told on each."""

import time
from collections.abc import Callable

_LOOKS = 3


def ahead(clock: Callable[[], float]) -> float:
    """Return by how many seconds a clock is ahead of ``time.monotonic()``.

    Whoever is put aside between two readings is wrong by that long. So both are read a few times,
    and the quickest look, which is the least disturbed, counts.
    """
    looks = []
    for _ in range(_LOOKS):
        before, there, after = time.monotonic(), clock(), time.monotonic()
        looks.append((after - before, there - (before + after) / 2))
    return min(looks)[1]
