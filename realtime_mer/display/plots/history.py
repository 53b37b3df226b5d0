"""``History`` and ``Spectrum``: the last minutes of estimates and spectrum, for the plots to draw.

Their arrays are made once and written round and round, so that they never grow.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime_mer.estimate import Estimate
from realtime_mer.wire.protocol import History as Past

_BREAK_SECONDS = 1.0  # a longer hole in stream time is drawn as a hole
_COLUMNS = 6
_TURNS = 5


class History:
    """The last estimates as columns ``t, valence, arousal, valence_sd, arousal_sd, turns``.

    Every row is written twice, a capacity apart, so that the past is always one contiguous slice.

    Args:
        capacity: rows that are kept.
    """

    def __init__(self, *, capacity: int) -> None:
        self._rows = np.empty((2 * capacity, _COLUMNS))
        self._capacity = capacity
        self._written = 0

    def __len__(self) -> int:
        return min(self._written, self._capacity)

    def add(self, estimate: Estimate) -> bool:
        """Append an estimate; a hole in time becomes a row of NaN, a step back forgets the past.

        Returns:
            Whether it stepped back: this is another stream, or the same one started afresh.
        """
        anew = bool(len(self)) and bool(estimate.t <= self.rows()[-1, 0])
        if anew:
            self.clear()
        self._append(
            (
                estimate.t,
                estimate.valence,
                estimate.arousal,
                estimate.valence_sd,
                estimate.arousal_sd,
                estimate.turns,
            )
        )
        return anew

    def add_past(self, past: Past) -> bool:
        """Append what a service told of the time before; return whether any of it was new."""
        known = self.rows()[-1, 0] if len(self) else -np.inf
        columns = past.t, past.valence, past.arousal, past.valence_sd, past.arousal_sd, past.turns
        new = [row for row in zip(*columns, strict=True) if row[0] > known]
        for row in new:
            self._append(row)
        return bool(new)

    def clear(self) -> None:
        """Forget all."""
        self._written = 0

    def _append(self, row: tuple[float, ...]) -> None:
        if len(self):
            last = self.rows()[-1, 0]
            if row[0] - last > _BREAK_SECONDS:
                self._write(((row[0] + last) / 2, *[np.nan] * (_COLUMNS - 1)))
        self._write(row)

    def _write(self, row: tuple[float, ...]) -> None:
        place = self._written % self._capacity
        self._rows[place] = self._rows[place + self._capacity] = row
        self._written += 1

    def rows(self, *, seconds: float | None = None) -> NDArray[np.float64]:
        """Return the kept rows, oldest first, ``(n, 6)``: a view that the next ``add`` may change.

        Args:
            seconds: only those at most so much older than the newest.
        """
        end = (self._written - 1) % self._capacity + 1 + self._capacity
        rows = self._rows[end - len(self) : end]
        if seconds is None or not len(rows):
            return rows
        return rows[np.searchsorted(rows[:, 0], rows[-1, 0] - seconds) :]


def runs(rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Cut rows at those of NaN and return the pieces between."""
    holes = np.flatnonzero(np.isnan(rows[:, 1]))
    starts = np.concatenate(([0], holes + 1))
    ends = np.concatenate((holes, [len(rows)]))
    return [rows[a:b] for a, b in zip(starts, ends, strict=True) if b > a]


def turned(rows: NDArray[np.float64]) -> list[float]:
    """Return when the music turned within rows of ``History``, in seconds of sound, oldest first.

    A turn in a hole is told behind it. What happened up to the first row is not known.
    """
    whole = rows[~np.isnan(rows[:, _TURNS])]
    places = np.flatnonzero(np.diff(whole[:, _TURNS]) > 0) + 1
    found: list[float] = whole[places, 0].tolist()
    return found


def thinned(rows: NDArray[np.float64], *, step: float) -> NDArray[np.float64]:
    """Return the means of rows over cells of stream time, and the newest row as it is.

    The cells stay where they are as time goes on, so that a line drawn from them moves but does not
    tremble. A cell with a hole is a hole.

    Args:
        rows: of ``History``, oldest first.
        step: seconds of a cell.
    """
    if len(rows) < 3:
        return rows.copy()
    cells = np.floor(rows[:-1, 0] / step)
    starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
    means = np.add.reduceat(rows[:-1], starts) / np.diff(starts, append=len(cells))[:, None]
    return np.concatenate((means, rows[-1:]))


class Spectrum:
    """The last columns of the log-mel picture, one per hop, in memory that is taken once.

    Every column is written twice, a capacity apart, so that the past is always one contiguous
    slice.

    Args:
        capacity: columns that are kept.
        bands: numbers in each.

    Attributes:
        missed: hops that never came, so far.
    """

    def __init__(self, *, capacity: int, bands: int) -> None:
        self._columns = np.zeros((2 * capacity, bands), dtype=np.uint8)
        self._capacity, self._bands = capacity, bands
        self.missed = 0
        self._written = 0
        self._last: float | None = None

    def add(self, t: float, column: Sequence[int], *, hop: float) -> bool:
        """Append the column of a hop; hops that never came stay empty.

        Args:
            t: seconds of sound at the end of the hop; a step back forgets the past.
            column: numbers from 0 to 255, low frequencies first.
            hop: seconds from one column to the next.

        Returns:
            Whether it was added: not if it is there already or has another number of bands.
        """
        if len(column) != self._bands or t == self._last:
            return False
        steps = 1 if self._last is None else round((t - self._last) / hop)
        if steps < 0 or steps > self._capacity:
            self._columns[:] = 0
            steps = 1
        self.missed += max(0, steps - 1)
        for _ in range(steps - 1):
            self._write(0)
        self._write(column)
        self._last = t
        return True

    def _write(self, column: Sequence[int] | int) -> None:
        place = self._written % self._capacity
        self._columns[place] = self._columns[place + self._capacity] = column
        self._written += 1

    def columns(self) -> NDArray[np.uint8]:
        """Return the past, oldest first, ``(capacity, bands)``: a view that ``add`` may change."""
        start = self._written % self._capacity
        return self._columns[start : start + self._capacity]
