"""Integrated loudness by ITU-R BS.1770-4 and EBU R 128, from powers of tenths of a second.

The K-weighting is applied to spectra: the power of a tenth of a second after the filter is the sum
of its spectrum's power times the square of the filter's gain. What a filter in time would carry
from one tenth to the next is left out, which moves no result of the tests by .05 LU.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

_BLOCK = 4  # tenths of a second
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET = -0.691

# The two filters of BS.1770, annex 1, tables 1 and 2, at 48 kHz: numerator, denominator.
_RATE = 48_000
_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))

_CHANNEL_WEIGHTS = {5: (1.0, 1.0, 1.0, 1.41, 1.41), 6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)}


def k_weighting(frequencies: ArrayLike) -> Numbers:
    """Return the square of the gain of BS.1770's filters at frequencies in Hz, ``(n,)``.

    They are defined at 48 kHz, and taken to be flat above what that holds.
    """
    turn = np.exp(-2j * np.pi * np.minimum(np.asarray(frequencies), _RATE / 2) / _RATE)
    gain = np.ones_like(turn)
    for above, below in (_SHELF, _HIGH_PASS):
        gain *= np.polyval(above[::-1], turn) / np.polyval(below[::-1], turn)
    return np.asarray(np.abs(gain) ** 2)


def of_channels(count: int) -> Numbers:
    """Return the weight of each channel: 1, but for the surround channels of 5.0 and 5.1."""
    return np.array(_CHANNEL_WEIGHTS.get(count, (1.0,) * count))


class Gate:
    """Takes the K-weighted power of each tenth of a second, and tells the integrated loudness."""

    def __init__(self) -> None:
        self._powers: list[Numbers] = []

    def add(self, powers: ArrayLike) -> None:
        """Take the next tenths of a second: mean squares, summed over the channels."""
        self._powers.append(np.asarray(powers, dtype=np.float64))

    def loudness(self) -> float | None:
        """Return the loudness in LUFS; None where no block of 0.4 s is above -70 LUFS."""
        powers = np.concatenate(self._powers) if self._powers else np.zeros(0)
        if len(powers) < _BLOCK:
            return None
        sums = np.concatenate(([0.0], np.cumsum(powers)))
        blocks = (sums[_BLOCK:] - sums[:-_BLOCK]) / _BLOCK
        loud = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
        if not len(loud):
            return None
        gate = _lufs(loud.mean()) + _RELATIVE_GATE_LU
        return round(_lufs(loud[loud > _power(gate)].mean()), 2)


def _lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))
