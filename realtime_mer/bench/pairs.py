"""What pairs of turns say, measured with something and without it: whether it costs anything.

A machine is faster in one minute than in the next, so only what was measured in turn is compared.
"""

import math
from collections.abc import Sequence


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return an interval for the median of whatever values these were drawn from.

    It runs from the k-th smallest to the k-th largest, and misses the median where fewer than k
    values lie on one side of it, as fewer than k heads come in as many throws of a coin: k is the
    largest for which that has a chance of at most 5 %, and 1 where there is none (the sign test).

    Args:
        values: at least one.

    Returns:
        Its ends, and the chance that it holds the median.
    """
    ordered, count = sorted(values), len(values)
    k, missed = 1, 2 * 0.5**count
    while (wider := missed + 2 * math.comb(count, k) * 0.5**count) <= 0.05:
        k, missed = k + 1, wider
    return ordered[k - 1], ordered[count - k], max(0.0, 1 - missed)


def verdict(low: float, high: float, *, bound: float) -> str:
    """Return ``yes`` where every ratio of an interval lies above 1 by less than ``bound``.

    ``no`` where none does; otherwise ``undecided``: the machine is too noisy, or the rounds too few
    or too short. Below 1 it was faster beside it, which harms nobody.
    """
    if high < 1 + bound:
        return "yes"
    return "no" if low >= 1 + bound else "undecided"
