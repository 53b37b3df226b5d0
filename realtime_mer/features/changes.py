"""When the music turns: a new section or song, told from the spectrum's shape as it sounds.

Pure: it depends on the columns alone, one a hop. Causal novelty, after Foote's (2000): the last
seconds are laid beside the minute before, band by band, in units of how much that minute differs
from itself. It needs no network: what a checkpoint learnt and how wide its layers are is nothing to
it, and turning the volume changes nothing, since a column counts without its mean over the bands.

It is written for many streams at once, each with what it would be told alone to the last bit: what
is kept of the minute are whole numbers. Their sums are exact, so they neither depend on an order
nor drift, and what enters and leaves the minute is added and taken away.

Dimensions: n streams, M bands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError

_BLOCK_S = 0.5  # what is looked at between two answers; the minute is kept in such blocks
_MOST = (1 << 15) - 1  # of 16 bits
_STEPS = 4096  # of one log10 of power: a hundredth of what a block of music wavers by, and less


@dataclass(frozen=True, kw_only=True)
class ChangePolicy:
    """What is laid beside what, and from where on it is another music.

    The numbers were chosen on a fold of clips spliced to one another.

    Attributes:
        recent_s: seconds that are laid beside those before.
        past_s: most seconds before them.
        least_past_s: fewest; with fewer nothing is said.
        usual_variance: how much stretches of ``recent_s`` of one piece differ in a band, in the
            square of log10 of power; the mean over clips of Emotify and 4Q.
        usual_s: seconds of music that this counts for beside what the past itself tells.
        turns_at: ratio of the distance to that variance at which the music has turned.
    """

    recent_s: float = 5.0
    past_s: float = 60.0
    least_past_s: float = 8.0
    usual_variance: float = 0.05
    usual_s: float = 10.0
    turns_at: float = 6.5

    def __post_init__(self) -> None:
        if not 0 < self.recent_s <= self.least_past_s <= self.past_s:
            raise InputError(
                f"recent_s {self.recent_s}, least_past_s {self.least_past_s} and past_s "
                f"{self.past_s} must be more than 0 and in this order."
            )
        if min(self.usual_variance, self.usual_s, self.turns_at) <= 0:
            raise InputError("usual_variance, usual_s and turns_at must be more than 0.")


class ChangeDetector:
    """Tell of each hop of many streams how much the music has changed, and when it turns.

    After a turn it begins anew, so that one change is told once: the next comes ``recent_s`` and
    ``least_past_s`` later at the earliest. What comes out does not depend on how hops are grouped.

    Args:
        hop_s: seconds from one column to the next.
        policy: times and thresholds.
        streams: how many there are; each is a row.

    Attributes:
        changed: float64 ``(streams,)``, in [0, 1): 0 for the last seconds being as those before,
            0.5 where it counts as a turn; 0 while there is too little to compare. It moves every
            half second.
        turns: int64 ``(streams,)``, how often the music has turned.
    """

    def __init__(
        self, *, hop_s: float, policy: ChangePolicy | None = None, streams: int = 1
    ) -> None:
        policy = policy or ChangePolicy()
        self._hops = max(1, round(_BLOCK_S / hop_s))  # of a block

        def blocks(seconds: float) -> int:
            return max(1, round(seconds / (self._hops * hop_s)))

        self._policy = policy
        self._recent = blocks(policy.recent_s)
        self._least = self._recent + blocks(policy.least_past_s)
        self._most = self._recent + blocks(policy.past_s)
        self._usual = blocks(policy.usual_s)
        # Blocks, by how much before a new one they come: those of the stretch that leaves the past
        # with it, of that which enters the past, and those that are recent besides it.
        run = np.arange(self._recent)
        self._places = np.concatenate(
            (run - self._most, run - 2 * self._recent + 1, run[1:] - self._recent)
        )
        self._runs = [0, self._recent, 2 * self._recent][: 2 + (self._recent > 1)]
        self.changed = np.zeros(streams)
        self.turns = np.zeros(streams, np.int64)
        self._filled = np.zeros(streams, np.int64)  # hops of the block that is filling
        self._count = np.zeros(streams, np.int64)  # blocks since it began
        self._allot(0)

    def _allot(self, bands: int) -> None:
        """Make room for what is kept band by band; how many there are tells the first column."""
        streams = len(self.turns)
        self._filling = np.zeros((streams, bands))  # sums over the block that is filling
        self._blocks = np.zeros((streams, self._most, bands), np.int16)  # rings
        # Of the blocks of the past, of its stretches that are as long as what is recent, each the
        # sum of its blocks, and of their squares.
        self._sums = np.zeros((streams, 3, bands), np.int64)

    def resize(self, streams: int) -> None:
        """Make room for so many streams, >= those there are, which stay as they are."""
        for name in ("changed", "turns", "_filled", "_count", "_filling", "_blocks", "_sums"):
            before = getattr(self, name)
            table = np.zeros((streams, *before.shape[1:]), before.dtype)
            table[: len(before)] = before
            setattr(self, name, table)

    def restart(self, rows: NDArray[np.int64]) -> None:
        """Let streams forget the music so far; turns go on counting."""
        self.changed[rows] = 0.0
        self._filled[rows] = 0
        self._filling[rows] = 0.0
        self._forget(rows)

    def saved(self, row: int) -> dict[str, NDArray[Any]]:
        """Return all that is known of a stream, as arrays by their names."""
        told = [self.changed[row], self.turns[row], self._filled[row], self._count[row]]
        saved: dict[str, NDArray[Any]] = {"changes": np.array(told, np.float64)}
        if self._filling.shape[1]:  # else no column has come to any stream
            saved["changes.filling"] = self._filling[row].copy()
            saved["changes.blocks"] = self._blocks[row].copy()
            saved["changes.sums"] = self._sums[row].copy()
        return saved

    def restore(self, row: int, saved: Mapping[str, NDArray[Any]]) -> None:
        """Let a stream go on from what was saved; from the start where nothing of it was."""
        self.restart(np.array([row]))
        self.turns[row] = 0
        if "changes" not in saved:
            return
        changed, turns, filled, count = saved["changes"].tolist()
        self.changed[row], self.turns[row] = changed, int(turns)
        self._filled[row], self._count[row] = int(filled), int(count)
        if "changes.filling" in saved:
            self._know(len(saved["changes.filling"]))
            self._filling[row] = saved["changes.filling"]
            self._blocks[row] = saved["changes.blocks"]
            self._sums[row] = saved["changes.sums"]

    def take(self, rows: NDArray[np.int64], columns: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Take the next hop's columns of n streams, and return whose music turns with it.

        Args:
            rows: ``(n,)``, each of them once.
            columns: ``(n, M)`` log-mel of the hop, in log10 of power, finite.
        """
        self._know(columns.shape[1])
        # A slice is copied in a fraction of the time that a list of one row takes.
        at = slice(rows[0], rows[0] + 1) if len(rows) == 1 else rows
        self._filling[at] += columns
        filled = self._filled[at] + 1
        self._filled[at] = filled
        whole: NDArray[np.bool_] = filled == self._hops
        if not whole.any():
            return whole
        turned = np.zeros(len(columns), dtype=bool)
        turned[whole] = self._compare(rows[whole])
        return turned

    def _know(self, bands: int) -> None:
        if bands == self._filling.shape[1]:
            return
        if self._filling.shape[1]:
            raise InputError(
                f"A column has {bands} bands where those before had {self._filling.shape[1]}; "
                "give columns of one recogniser."
            )
        self._allot(bands)

    def _compare(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Close the blocks of streams that are full; return whose music turns."""
        recent, most, count = self._recent, self._most, self._count[rows]
        shape = self._filling[rows] * (_STEPS / self._hops)
        shape -= np.add.reduce(shape, axis=1, keepdims=True) / shape.shape[1]
        block = np.minimum(np.maximum(np.rint(shape), -_MOST), _MOST).astype(np.int64)
        self._filling[rows], self._filled[rows] = 0.0, 0
        # What leaves the past is read before the new block takes its place.
        places = (count[:, np.newaxis] + self._places) % most
        kept = self._blocks[rows[:, np.newaxis], places].astype(np.int64)
        self._blocks[rows, places[:, 0]] = block
        leaves, enters, stretch_enters = (
            (count >= first)[:, np.newaxis] for first in (most, recent, 2 * recent - 1)
        )
        runs = np.add.reduceat(kept, self._runs, axis=1)
        left, entered = runs[:, 0] * leaves, runs[:, 1] * stretch_enters
        sums = self._sums[rows]
        sums[:, 0] += kept[:, 2 * recent - 1] * enters - kept[:, 0] * leaves
        sums[:, 1] += entered - left
        sums[:, 2] += entered**2 - left**2
        self._sums[rows], self._count[rows] = sums, count + 1
        ratio = np.zeros(len(rows))
        known = count + 1 >= self._least
        if known.any():
            newest = (runs[:, -1] * (recent > 1) + block)[known]
            past = np.minimum(count[known] + 1, most) - recent
            ratio[known] = self._distance(newest, sums[known], past[:, np.newaxis])
            ratio /= self._policy.turns_at
        self.changed[rows] = ratio / (1 + ratio)
        turned: NDArray[np.bool_] = ratio >= 1
        if turned.any():
            self.turns[rows] += turned
            # Not even the last seconds are kept: most of them may be of the music before.
            self._forget(rows[turned])
        return turned

    def _distance(
        self, newest: NDArray[np.int64], sums: NDArray[np.int64], past: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return how far the last blocks are from the others, 1 being how far such usually are.

        Args:
            newest: sums of the last blocks, ``(n, M)``.
            sums: of the past, ``(n, 3, M)``.
            past: how many blocks it has, ``(n, 1)``.
        """
        size, stretches = self._recent * _STEPS, past - self._recent + 1
        # How much stretches of the past that are as long as the last one differ: a distance to
        # their mean must be told from that.
        own = (stretches * sums[:, 2] - sums[:, 1] ** 2) / (stretches * size) ** 2
        usual = self._usual
        variance = (past * own + usual * self._policy.usual_variance) / (past + usual)
        away = newest / size - sums[:, 0] / (past * _STEPS)
        distance: NDArray[np.float64] = np.add.reduce(away**2 / variance, axis=1) / away.shape[1]
        return distance

    def _forget(self, rows: NDArray[np.int64]) -> None:
        self._count[rows] = 0
        self._sums[rows] = 0
