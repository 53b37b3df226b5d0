"""The recent past of the estimates, in memory that is taken once."""

import numpy as np
from numpy.typing import NDArray

from realtime_mer.estimate import Estimate

_BREAK_SECONDS = 1.0  # a longer hole in stream time is drawn as a hole
_COLUMNS = 5


class History:
    """The last estimates as columns ``t, valence, arousal, valence_sd, arousal_sd``.

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

    def add(self, estimate: Estimate) -> None:
        """Append an estimate; a hole in time becomes a row of NaN, a step back forgets the past."""
        if len(self):
            last = self.rows()[-1, 0]
            if estimate.t <= last:  # another stream, or the same one started afresh
                self._written = 0
            elif estimate.t - last > _BREAK_SECONDS:
                middle = (estimate.t + last) / 2
                self._write((middle, *[np.nan] * (_COLUMNS - 1)))
        self._write(
            (
                estimate.t,
                estimate.valence,
                estimate.arousal,
                estimate.valence_sd,
                estimate.arousal_sd,
            )
        )

    def _write(self, row: tuple[float, ...]) -> None:
        place = self._written % self._capacity
        self._rows[place] = self._rows[place + self._capacity] = row
        self._written += 1

    def rows(self, *, seconds: float | None = None) -> NDArray[np.float64]:
        """Return the kept rows, oldest first, ``(n, 5)``: a view that the next ``add`` may change.

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
