"""A resampler as one convolution of a graph: the filter of soxr, read off its own impulses.

A change of rate by U / D is linear, and repeats itself every D samples in and U out: D impulses
tell all of it. The teachers were heard behind soxr's, and what a resampler leaves near the end of a
band moves what they hear, so no other filter will do.

Dimensions: B streams, n samples in, m = n U / D out.
"""

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from .nodes import Graph

_LONGEST_S = 0.5  # far longer than any filter rings
_PERIODS = 20  # made side by side; onnxruntime is slow at convolutions with few channels
_FAINTEST = 1e-7  # of the strongest coefficient; below float32's own grain


def resampled(graph: Graph, samples: str, *, rate: int, wanted: int) -> str:
    """Return sound ``(B, n)`` at another rate, ``(B, m)``, as ``soxr.resample`` gives it.

    Args:
        graph: where the nodes go.
        samples: at ``rate``, n a multiple of 20 D; digital zeros are before and behind.
        rate, wanted: Hz.
    """
    filters, before = _filters(rate, wanted)
    up, taps = filters.shape
    down = rate // math.gcd(rate, wanted)
    side_by_side = np.zeros((_PERIODS, up, taps + (_PERIODS - 1) * down))
    for period in range(_PERIODS):
        side_by_side[period, :, period * down : period * down + taps] = filters
    periods = graph.op(
        "Conv",
        graph.op("Unsqueeze", samples, graph.whole(1)),
        graph.constant(side_by_side.reshape(_PERIODS * up, 1, -1)),
        kernel_shape=[side_by_side.shape[2]],
        strides=[_PERIODS * down],
        pads=[before, taps - before - down],
    )
    return graph.reshape(graph.op("Transpose", periods, perm=[0, 2, 1]), 0, -1)


def _filters(rate: int, wanted: int) -> tuple[NDArray[np.float64], int]:
    """Return what each of U samples out makes of samples in, (U, taps).

    Besides how many of those lie before the first of the D samples that the U are of.
    """
    shared = math.gcd(rate, wanted)
    up, down = wanted // shared, rate // shared
    periods = math.ceil(_LONGEST_S * shared)
    middle = periods // 2
    table = np.zeros((up, periods * down))  # by place of the impulse, of the outputs at the middle
    for phase in range(down):
        impulse = np.zeros(periods * down)
        impulse[middle * down + phase] = 1.0
        answer = soxr.resample(impulse, rate, wanted).reshape(periods, up)
        # The output k periods behind an impulse is what the middle makes of one k periods before.
        for period in range(1, periods):
            table[:, (2 * middle - period) * down + phase] = answer[period]
    heard = np.flatnonzero(np.abs(table).max(0) > _FAINTEST * np.abs(table).max())
    first = min(heard[0] // down, middle)
    last = max(heard[-1] // down + 1, middle + 1)
    return table[:, first * down : last * down], int(middle - first) * down
