"""When the music turns: a new section or song, told from the spectrum's shape as it sounds.

Pure: it depends on the columns alone, one a hop. Causal novelty, after Foote's (2000): the last
seconds are laid beside the minute before, band by band, in units of how much that minute differs
from itself. It needs no network: what a checkpoint learnt and how wide its layers are is nothing to
it, and turning the volume changes nothing, since a column counts without its mean over the bands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError

_BLOCK_S = 0.5  # what is looked at between two answers; the minute is kept in such blocks


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
    """Tell of each hop how much the music has changed, and when it turns.

    After a turn it begins anew, so that one change is told once: the next comes ``recent_s`` and
    ``least_past_s`` later at the earliest. What comes out does not depend on how hops are grouped.

    Args:
        hop_s: seconds from one column to the next.
        policy: times and thresholds.

    Attributes:
        changed: in [0, 1): 0 for the last seconds being as those before, 0.5 where it counts as a
            turn; 0 while there is too little to compare. It moves every half second.
        turns: how often the music has turned.
    """

    def __init__(self, *, hop_s: float, policy: ChangePolicy | None = None) -> None:
        policy = policy or ChangePolicy()
        self._hops = max(1, round(_BLOCK_S / hop_s))  # of a block

        def blocks(seconds: float) -> int:
            return max(1, round(seconds / (self._hops * hop_s)))

        self._policy = policy
        self._recent = blocks(policy.recent_s)
        self._least = self._recent + blocks(policy.least_past_s)
        self._most = self._recent + blocks(policy.past_s)
        self._usual = blocks(policy.usual_s)
        self.turns = 0
        self.restart()

    def restart(self) -> None:
        """Forget the music so far; turns go on counting."""
        self.changed = 0.0
        self._blocks: NDArray[np.float64] | None = None  # (n, M), oldest first
        self._stretches: NDArray[np.float64] | None = None  # means of so many as are recent
        self._sum: NDArray[np.float64] | None = None  # of the block that is filling
        self._filled = 0

    def saved(self) -> dict[str, NDArray[np.float64]]:
        """Return all that it knows, as arrays by their names."""
        kept = {
            "changes.blocks": self._blocks,
            "changes.stretches": self._stretches,
            "changes.sum": self._sum,
        }
        told = np.array([self.changed, self.turns, self._filled], np.float64)
        return {"changes": told} | {
            name: table.copy() for name, table in kept.items() if table is not None
        }

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what was saved; from the start where nothing of it was."""
        self.restart()
        if "changes" not in saved:
            return
        changed, turns, filled = saved["changes"].tolist()
        self.changed, self.turns, self._filled = changed, int(turns), int(filled)
        self._blocks = saved.get("changes.blocks")
        self._stretches = saved.get("changes.stretches")
        self._sum = saved.get("changes.sum")

    def take(self, column: NDArray[np.floating]) -> bool:
        """Take the next hop's column, and return whether the music turns with it.

        Args:
            column: ``(M,)`` log-mel of the hop, in log10 of power, finite.
        """
        shape = column.astype(np.float64)
        shape -= shape.mean()
        self._sum = shape if self._sum is None else self._sum + shape
        self._filled += 1
        if self._filled < self._hops:
            return False
        block = self._sum[np.newaxis] / self._hops
        self._sum, self._filled = None, 0
        self._blocks = _with(self._blocks, block, most=self._most)
        if len(self._blocks) >= self._recent:
            mean = self._blocks[-self._recent :].mean(axis=0, keepdims=True)
            most = self._most - self._recent + 1
            self._stretches = _with(self._stretches, mean, most=most)
        if self._stretches is None or len(self._blocks) < self._least:
            self.changed = 0.0
            return False
        ratio = self._distance(self._blocks, self._stretches) / self._policy.turns_at
        self.changed = ratio / (1 + ratio)
        if ratio < 1:
            return False
        self.turns += 1
        # Not even the last seconds are kept: most of them may be of the music before.
        self._blocks = self._stretches = None
        return True

    def _distance(self, blocks: NDArray[np.float64], stretches: NDArray[np.float64]) -> float:
        """Return how far the last blocks are from the others, 1 being how far such usually are."""
        past = blocks[: -self._recent]
        # How much stretches of the past that are as long as the last one differ: a distance to
        # their mean must be told from that.
        own = stretches[: -self._recent].var(axis=0)
        count, usual = len(past), self._usual
        variance = (count * own + usual * self._policy.usual_variance) / (count + usual)
        away = stretches[-1] - past.mean(axis=0)
        return float(np.mean(away**2 / variance))


def _with(
    rows: NDArray[np.float64] | None, row: NDArray[np.float64], *, most: int
) -> NDArray[np.float64]:
    """Return rows with one more behind them, of more than ``most`` the newest."""
    return row if rows is None else np.vstack((rows, row))[-most:]
