"""Many channels in, one out: without offsets, without channels that carry nothing, never cancelled.

Everything is decided from what has come already, on a fixed grid counted in frames, so that the
result is the same whatever the block sizes, live and offline. docs/audio.md states the rules.
"""

import math

import numpy as np
from numpy.typing import NDArray

CELL_S = 0.01
"""Seconds of a cell: what was learnt of one takes effect in the next, faded in over its length."""

CELLS = 10
"""Cells between two decisions about the channels."""

OFFSET_S = 0.5
"""Time constant with which the offset follows the mean of a channel: a high-pass at 0.32 Hz."""

CARRIES_DBFS = -66.0
"""Level over 0.1 s from which a channel carries signal: that of silence."""

UNDER_LOUDEST_DB = 40.0
"""A channel whose loudest 0.1 s lies further below another's carries nothing beside it."""

CANCELLED, RESTORED = 0.4, 0.7
"""Power of the mean of N channels over a N-th of their mean power, 1 for unrelated channels: under
the one they cancel (two channels: correlation -0.6), over the other they do so no more (-0.3)."""

_SMOOTH = 10  # decisions over which powers are averaged before channels are said to cancel
_SURE = 3  # decisions with sound that it takes at least


class Downmix:
    """One source's channels as one. Not safe for use from two threads at a time.

    Args:
        rate: sample rate in Hz.
        channels: in a frame.

    Attributes:
        levels_dbfs: of each channel over the last 0.1 s, >= -120, ``(channels,)``.
        cancelled: decisions, each for 0.1 s, that one channel stands for all since they cancel.
    """

    def __init__(self, *, rate: int, channels: int) -> None:
        self._channels = channels
        self._size = max(1, round(rate * CELL_S))
        self._filled = 0
        # Below, C channels of K cells with B frames each lie as (C, K, B).
        self._raw = np.zeros((channels, 1, self._size), dtype=np.float32)
        self._clean = np.zeros((channels, 1, self._size), dtype=np.float32)
        self._at = np.arange(self._size) / self._size
        every = np.ones(channels, dtype=bool)
        # Each pair holds what applies at the beginning of this cell, and at its end.
        self._offsets = (np.zeros(channels), np.zeros(channels))
        self._weights = (_equal(every), _equal(every))
        self._follow = 1 - math.exp(-self._size / rate / OFFSET_S)
        self._cells = 0
        self._powers = np.zeros(channels)  # of this decision's cells, summed
        self._mixed = 0.0  # the same of the mean of the channels that count
        self._loudest = np.zeros(channels)  # power of each channel's loudest 0.1 s
        self._counting = every
        self._sure = 0
        self._average = np.zeros(channels)
        self._average_mixed = 0.0
        self._alone: int | None = None
        self.levels_dbfs = np.full(channels, -120.0)
        self.cancelled = 0

    def mix(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one channel of the same length.

        Args:
            samples: float32 ``(frames, channels)``, finite.
        """
        mixed = np.empty(len(samples), dtype=np.float32)
        done = 0
        while done < len(samples):
            left = len(samples) - done
            if self._filled == 0 and left >= self._size:
                count = min(left // self._size, CELLS - self._cells)
                part = samples[done : done + count * self._size]
                raw = np.ascontiguousarray(part.T).reshape(self._channels, count, self._size)
                mixed[done : done + len(part)] = self._whole_cells(raw).reshape(-1)
            else:
                part = samples[done : done + self._size - self._filled]
                mixed[done : done + len(part)] = self._part_of_a_cell(part)
            done += len(part)
        return mixed

    def _whole_cells(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        borders = self._follow_offsets(raw)
        clean = self._without(raw, borders[:-2], borders[1:-1], self._at)
        mixed = self._sum(clean, self._weights, self._at)
        self._offsets = (borders[-2], borders[-1])
        self._close(clean)
        return mixed

    def _part_of_a_cell(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        cell = slice(self._filled, self._filled + len(samples))
        raw, at = samples.T[:, None], self._at[cell]
        old, new = self._offsets
        clean = self._without(raw, old[None], new[None], at)
        self._raw[:, :, cell], self._clean[:, :, cell] = raw, clean
        mixed: NDArray[np.float32] = self._sum(clean, self._weights, at)[0]
        self._filled += len(samples)
        if self._filled == self._size:
            self._filled = 0
            borders = self._follow_offsets(self._raw)
            self._offsets = (borders[-2], borders[-1])
            self._close(self._clean)
        return mixed

    def _follow_offsets(self, raw: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the offsets at the borders of K whole cells and of the next, ``(K + 2, C)``."""
        means = raw.mean(axis=-1, dtype=np.float64).tolist()
        heard = np.asarray(raw.any(axis=-1)).tolist()
        borders = np.empty((raw.shape[1] + 2, self._channels))
        borders[:2] = self._offsets
        # Number by number: to call NumPy for a cell's few channels takes far longer.
        for channel, offset in enumerate(self._offsets[1].tolist()):
            followed = []
            for mean, any_sound in zip(means[channel], heard[channel], strict=True):
                offset += self._follow * (mean - offset)
                # Digital zeros have no offset; what is left of one must not keep them from being
                # zero.
                if not any_sound:
                    offset = 0.0
                followed.append(offset)
            borders[2:, channel] = followed
        return borders

    # The arithmetic below goes element by element and channel by channel, so that no number depends
    # on how many frames or cells are worked on at a time.

    def _without(
        self,
        raw: NDArray[np.float32],
        old: NDArray[np.float64],
        new: NDArray[np.float64],
        at: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Take off offsets, each ``(K, C)``, that move in a line over each cell."""
        first, last = old.T[:, :, None], new.T[:, :, None]
        offsets = first + at * (last - first)
        return raw - offsets.astype(np.float32)

    def _sum(
        self,
        clean: NDArray[np.float32],
        weights: tuple[NDArray[np.float64], NDArray[np.float64]],
        at: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Sum the channels, whose weights may move in a line over the first cell, ``(K, B)``."""
        mixed = np.zeros(clean.shape[1:], dtype=np.float32)
        before, after = weights
        for channel in np.flatnonzero(before + after):
            first, last = before[channel], after[channel]
            if first == last:
                mixed += clean[channel] * np.float32(first)
            else:
                mixed[0] += clean[channel, 0] * (first + at * (last - first)).astype(np.float32)
                mixed[1:] += clean[channel, 1:] * np.float32(last)
        return mixed

    def _close(self, clean: NDArray[np.float32]) -> None:
        """Learn from whole cells, which all belong to one decision."""
        self._weights = (self._weights[1], self._weights[1])
        equal = _equal(self._counting)
        together = self._sum(clean, (equal, equal), self._at)
        powers = np.square(clean, dtype=np.float64).mean(axis=-1)
        mixed = np.square(together, dtype=np.float64).mean(axis=-1)
        # One after the other, so that a sum does not depend on how many came at a time.
        self._powers = np.add.accumulate(np.column_stack((self._powers, powers)), axis=1)[:, -1]
        for one in mixed.tolist():
            self._mixed += one
        self._cells += len(mixed)
        if self._cells == CELLS:
            self._decide(self._powers / CELLS, self._mixed / CELLS)
            self._cells, self._powers, self._mixed = 0, np.zeros(self._channels), 0.0

    def _decide(self, powers: NDArray[np.float64], mixed: float) -> None:
        """Say which channels count, and whether one must stand for all."""
        self.levels_dbfs = 10 * np.log10(np.maximum(powers, 1e-12))
        self._loudest = np.maximum(self._loudest, powers)
        least = max(10 ** (CARRIES_DBFS / 10), self._loudest.max() / 10 ** (UNDER_LOUDEST_DB / 10))
        counting = self._loudest > least
        if not counting.any():
            counting = np.ones(self._channels, dtype=bool)
        if (counting != self._counting).any():
            self._counting, self._sure, self._alone = counting, 0, None
        elif (powers[counting] > 10 ** (CARRIES_DBFS / 10)).any():
            self._compare(powers, mixed)
        weights = _equal(counting)
        if self._alone is not None:
            weights = _equal(np.arange(self._channels) == self._alone)
            self.cancelled += 1
        self._weights = (self._weights[0], weights)

    def _compare(self, powers: NDArray[np.float64], mixed: float) -> None:
        """See whether the channels that count cancel in their mean."""
        self._sure = min(self._sure + 1, _SMOOTH)
        self._average += (powers - self._average) / self._sure
        self._average_mixed += (mixed - self._average_mixed) / self._sure
        # Of unrelated channels the mean has their mean power divided by their number.
        unrelated = float(self._average[self._counting].mean()) / int(self._counting.sum())
        share = self._average_mixed / unrelated
        if self._alone is None:
            if self._sure >= _SURE and share < CANCELLED:
                loudest = np.where(self._counting, self._average, -1.0)
                self._alone = int(loudest.argmax())
        elif share > RESTORED:
            self._alone = None


def _equal(which: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(which / which.sum(), dtype=np.float64)
