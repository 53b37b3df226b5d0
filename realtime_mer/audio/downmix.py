"""Many channels in, one out: without offsets, without channels that carry nothing, never cancelled.

Everything is decided from what has come already, on a fixed grid counted in frames, so that the
result is the same whatever the block sizes, live and offline. docs/audio.md states the rules.
"""

import math
from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

CELL_S = 0.01
"""Seconds of a cell: what was learnt of one takes effect in the next, faded in over its length."""

CELLS = 10
"""Cells between two decisions about the channels."""

_AT_ONCE = 100  # cells: what they take stays near the processor, and calls of NumPy are few

OFFSET_S = 0.5
"""Time constant with which the offset follows the mean of a channel: a high-pass at 0.32 Hz."""

CARRIES_DBFS = -66.0
"""Level over 0.1 s from which a channel carries signal: that of silence."""

UNDER_LOUDEST_DB = 40.0
"""A channel whose loudest 0.1 s lies further below another's carries nothing beside it."""

CANCELLED, RESTORED = 0.4, 0.7
"""Power of the mean of N channels over a N-th of their mean power, 1 for unrelated channels: under
the one they cancel (two channels: correlation -0.6), over the other they do so no more (-0.3)."""

EXTINCT = 0.01
"""The same of 0.1 s, under which there is no doubt (-0.99): the mean is all but silent."""

_CARRIES = 10 ** (CARRIES_DBFS / 10)  # as powers
_UNDER_LOUDEST = 10 ** (UNDER_LOUDEST_DB / 10)
_SMOOTH = 10  # decisions over which powers are averaged before channels are said to cancel
_SURE = 3  # decisions with sound that it takes at least


Samples = NDArray[np.float32]
Numbers = NDArray[np.float64]
Weights = tuple[float, ...]
"""With which the channels are summed."""


class Downmix:
    """One source's channels as one. Not safe for use from two threads at a time.

    Args:
        rate: sample rate in Hz.
        channels: in a frame.
    """

    def __init__(self, *, rate: int, channels: int) -> None:
        self._channels = channels
        self._size = max(1, round(rate * CELL_S))
        self._filled = 0
        # Below, C channels of K cells with B frames each lie as (C, K, B).
        self._raw = np.zeros((channels, 1, self._size), dtype=np.float32)
        self._clean = np.zeros((channels, 1, self._size), dtype=np.float32)
        self._at = (np.arange(self._size) / self._size).astype(np.float32)
        # Each pair holds what applies at the beginning of this cell, and at its end.
        self._offsets = (np.zeros(channels), np.zeros(channels))
        self._heard = _Heard(channels)
        self._weights = (self._heard.weights, self._heard.weights)
        self._follow = 1 - math.exp(-self._size / rate / OFFSET_S)

    @property
    def levels_dbfs(self) -> Numbers:
        """Of each channel over the last 0.1 s that were decided on, >= -120, ``(channels,)``."""
        return np.asarray(10 * np.log10(np.maximum(self._heard.powers, 1e-12)))

    @property
    def cancelled(self) -> int:
        """Decisions, each for 0.1 s, that one channel stands for all since they cancel."""
        return self._heard.cancelled

    def mix(self, samples: Samples) -> Samples:
        """Return one channel of the same length.

        Args:
            samples: float32 ``(frames, channels)``, finite.
        """
        mixed = np.empty(len(samples), dtype=np.float32)
        done = 0
        while done < len(samples):
            left = len(samples) - done
            if self._filled == 0 and left >= self._size:
                count = min(left // self._size, _AT_ONCE)
                part = samples[done : done + count * self._size]
                raw = np.ascontiguousarray(part.T).reshape(self._channels, count, self._size)
                found = self._whole_cells(raw).reshape(-1)
            else:
                found = self._part_of_a_cell(samples[done : done + self._size - self._filled])
            mixed[done : done + len(found)] = found
            done += len(found)
        return mixed

    def _whole_cells(self, raw: Samples) -> Samples:
        """Return the sum of K whole cells, or of the first of them, ``(k, B)``.

        They end early where it was decided to sum otherwise from there on.
        """
        borders = self._follow_offsets(raw)
        clean = self._without(raw, borders[:-2], borders[1:-1], self._at)
        before, after = self._weights
        mixed = self._sum(clean, after)
        count = self._learn(clean, mixed if after == self._heard.equal else None)
        if before != after:
            mixed[0] = self._fade(clean[:, 0], self._at)
        self._offsets = (borders[count], borders[count + 1])
        self._weights = (after, self._heard.weights)
        return mixed[:count]

    def _part_of_a_cell(self, samples: Samples) -> Samples:
        cell = slice(self._filled, self._filled + len(samples))
        raw, at = samples.T[:, None], self._at[cell]
        old, new = self._offsets
        clean = self._without(raw, old[None], new[None], at)
        self._raw[:, :, cell], self._clean[:, :, cell] = raw, clean
        before, after = self._weights
        faded = before != after
        mixed = self._fade(clean[:, 0], at) if faded else self._sum(clean, after)[0]
        self._filled += len(samples)
        if self._filled == self._size:
            self._filled = 0
            borders = self._follow_offsets(self._raw)
            self._offsets = (borders[1], borders[2])
            self._learn(self._clean)
            self._weights = (after, self._heard.weights)
        return mixed

    def _follow_offsets(self, raw: Samples) -> Numbers:
        """Return the offsets at the borders of K whole cells and of the next, ``(K + 2, C)``."""
        means = _means(raw)
        borders = np.empty((raw.shape[1] + 2, self._channels))
        borders[:2] = self._offsets
        # Number by number: to call NumPy for a cell's few channels takes far longer.
        for channel, offset in enumerate(self._offsets[1].tolist()):
            followed = []
            for cell, mean in enumerate(means[channel]):
                offset += self._follow * (mean - offset)
                # Digital zeros have no offset; what is left of one must not keep them from being
                # zero.
                if mean == 0 and not raw[channel, cell].any():
                    offset = 0.0
                followed.append(offset)
            borders[2:, channel] = followed
        return borders

    # The arithmetic below goes element by element and channel by channel, so that no number depends
    # on how many frames or cells are worked on at a time.

    def _without(
        self,
        raw: Samples,
        old: Numbers,
        new: Numbers,
        at: Samples,
    ) -> Samples:
        """Take off offsets, each ``(K, C)``, that move in a line over each cell."""
        first, moved = old.T[:, :, None], (new - old).T[:, :, None]
        clean = moved.astype(np.float32) * at
        clean += first.astype(np.float32)
        np.subtract(raw, clean, out=clean)
        return clean

    def _sum(self, clean: Samples, weights: Weights) -> Samples:
        """Sum the channels, ``(K, B)``."""
        mixed: Samples | None = None
        for channel, weight in zip(clean, weights, strict=True):
            if weight:
                part = channel * np.float32(weight)
                mixed = part if mixed is None else np.add(mixed, part, out=mixed)
        return np.zeros(clean.shape[1:], dtype=np.float32) if mixed is None else mixed

    def _fade(self, clean: Samples, at: Samples) -> Samples:
        """Sum the channels of one cell, ``(C, b)``, whose weights move in a line over it."""
        mixed = np.zeros(clean.shape[1:], dtype=np.float32)
        for channel, first, last in zip(clean, *self._weights, strict=True):
            if first or last:
                mixed += channel * (np.float32(first) + at * np.float32(last - first))
        return mixed

    def _learn(self, clean: Samples, together: Samples | None = None) -> int:
        """Learn from whole cells; return after how many the sum changes, or of all.

        Args:
            clean: the cells.
            together: the sum of the channels that count, where it is known.
        """
        if together is None:
            together = self._sum(clean, self._heard.equal)
        powers, mixed = _means(np.square(clean)), _means(np.square(together)[None])[0]
        done = 0
        while done < len(mixed):
            part = slice(done, done + self._heard.left)
            done = min(part.stop, len(mixed))
            if self._heard.add([channel[part] for channel in powers], mixed[part]):
                break
        return done


class _Heard:
    """Which channels are heard: what is decided of them every ``CELLS`` cells.

    Plain numbers: to call NumPy for a few channels takes far longer.

    Attributes:
        weights: to sum them with from the next cell on.
        equal: the same without regard to whether they cancel.
        powers: of each channel at the last decision.
        cancelled: decisions that one channel stands for all since they cancel.
    """

    def __init__(self, channels: int) -> None:
        self._counting = [True] * channels
        self.weights = self.equal = _equal(self._counting)
        self.powers = [0.0] * channels
        self.cancelled = 0
        self._powers: list[list[float]] = [[] for _ in range(channels)]  # since the last decision
        self._mixed: list[float] = []  # the same of the mean of the channels that count
        self._loudest = [0.0] * channels  # power of each channel's loudest 0.1 s
        self._sure = 0
        self._averages = [0.0] * channels
        self._average_mixed = 0.0
        self._alone: int | None = None

    @property
    def left(self) -> int:
        """Cells until the next decision."""
        return CELLS - len(self._mixed)

    def add(self, powers: Sequence[Sequence[float]], mixed: Sequence[float]) -> bool:
        """Take the next cells, at most those left; return whether the sum is another from now on.

        Args:
            powers: of each channel, those of its cells.
            mixed: of the mean of the channels that count.
        """
        for channel, more in zip(self._powers, powers, strict=True):
            channel.extend(more)
        self._mixed.extend(mixed)
        if self.left:
            return False
        # Exact sums: no matter how many cells came at a time.
        self.powers = [math.fsum(channel) / CELLS for channel in self._powers]
        known = self.weights, self.equal
        self._decide(math.fsum(self._mixed) / CELLS)
        for channel in (*self._powers, self._mixed):
            channel.clear()
        return (self.weights, self.equal) != known

    def _decide(self, mixed: float) -> None:
        """Say which channels count, and whether one must stand for all."""
        self._loudest = list(map(max, self._loudest, self.powers))
        least = max(_CARRIES, max(self._loudest) / _UNDER_LOUDEST)
        counting = [loudest > least for loudest in self._loudest]
        if not any(counting):
            counting = [True] * len(counting)
        if counting != self._counting:
            self._counting, self.equal = counting, _equal(counting)
            self._sure, self._alone = 0, None
        elif max(compress(self.powers, counting)) > _CARRIES:
            self._compare(mixed)
        self.weights = self.equal
        if self._alone is not None:
            self.weights = _equal([at == self._alone for at in range(len(counting))])
            self.cancelled += 1

    def _compare(self, mixed: float) -> None:
        """See whether the channels that count cancel in their mean."""
        now = list(compress(self.powers, self._counting))
        extinct = mixed < EXTINCT * sum(now) / len(now) ** 2
        if extinct and self._alone is None:
            self._sure = 0  # what was before counts no more
        self._sure = min(self._sure + 1, _SMOOTH)
        self._averages = [
            average + (power - average) / self._sure
            for average, power in zip(self._averages, self.powers, strict=True)
        ]
        self._average_mixed += (mixed - self._average_mixed) / self._sure
        counting = list(compress(self._averages, self._counting))
        # Of unrelated channels the mean has their mean power divided by their number.
        unrelated = sum(counting) / len(counting) ** 2
        share = self._average_mixed / unrelated
        if self._alone is None:
            if (extinct or self._sure >= _SURE) and share < CANCELLED:
                channels = compress(range(len(self._averages)), self._counting)
                self._alone = max(channels, key=self._averages.__getitem__)
        elif share > RESTORED:
            self._alone = None


def _equal(which: Sequence[bool]) -> Weights:
    return tuple(one / sum(which) for one in which)


def _means(cells: Samples) -> list[list[float]]:
    """Return the mean of each of ``(C, K, B)``, which does not depend on how many cells there are.

    NumPy adds the numbers of one row pairwise in their own precision; where it had to convert them
    it would do so by pieces, and cut rows at other places.
    """
    means = np.add.reduce(cells, axis=-1) / np.float32(cells.shape[-1])
    rows: list[list[float]] = means.tolist()
    return rows
