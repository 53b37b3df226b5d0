"""Sound of a stream that comes in pieces of any length, until its hops are whole. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeHops:
    """Successive hops of a stream.

    Attributes:
        samples: float32 ``(H * hop_samples,)``, H >= 0.
        lost: int64 ``(H,)``, how many samples of each stand for lost sound; None for none at all.
        anew: bool ``(H,)``, before which of them the stream is to forget all; None for none.
    """

    samples: NDArray[np.float32]
    lost: NDArray[np.int64] | None
    anew: NDArray[np.bool_] | None


class Pending:
    """What of a stream's sound has come and is not a whole hop yet.

    Args:
        hop_samples: samples of a hop.
        position: samples of the stream that came before, whole hops.

    Attributes:
        position: samples taken so far, those left out counted in.
    """

    def __init__(self, hop_samples: int, *, position: int = 0) -> None:
        self._hop = hop_samples
        self.position = position
        self._samples: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._gaps: list[LostSamples] = []
        self._resets: set[int] = set()  # hops that begin anew, by number

    def __len__(self) -> int:
        """How many samples wait."""
        return len(self._samples)

    def push(
        self,
        samples: NDArray[np.float32],
        *,
        gaps: Sequence[LostSamples] = (),
        resets: Sequence[int] = (),
    ) -> WholeHops:
        """Take the next samples and return the hops that they complete.

        Args:
            samples: float32 ``(n,)``, n >= 0.
            gaps: parts of these samples that stand for lost sound, by positions.
            resets: positions from which on nothing that came before counts; the rest of a hop that
                has begun goes with it.
        """
        hop, start = self._hop, self.position - len(self._samples)
        first = start // hop
        heard = np.concatenate((self._samples, samples)) if len(self._samples) else samples
        self.position += len(samples)
        count = len(heard) // hop
        used = count * hop
        self._samples = heard[used:].copy()
        self._gaps += gaps
        lost = self._lost(start, count) if self._gaps else None
        self._resets |= {-(-at // hop) for at in resets}
        anew = None
        if self._resets:
            anew = np.zeros(count, dtype=bool)
            anew[[at - first for at in self._resets if first <= at < first + count]] = True
            self._resets = {at for at in self._resets if at >= first + count}
        return WholeHops(samples=heard[:used], lost=lost, anew=anew)

    def skip(self, hops: int) -> bool:
        """Leave out hops, where none has begun; return whether one of them was to begin anew."""
        self.position += hops * self._hop
        passed = {at for at in self._resets if at * self._hop < self.position}
        self._resets -= passed
        return bool(passed)

    def _lost(self, start: int, count: int) -> NDArray[np.int64]:
        lost = [
            sum(gap.overlap(start + index * self._hop, self._hop) for gap in self._gaps)
            for index in range(count)
        ]
        end = start + count * self._hop
        self._gaps = [gap for gap in self._gaps if gap.start + gap.length > end]
        return np.array(lost, dtype=np.int64)
