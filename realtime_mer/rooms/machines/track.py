"""How far a room's sound has come, by the positions that its chunks tell (pure).

What came before is left out, what is missing is a gap, and what neither explains is a hole, which
the sound that NATS keeps may fill.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realtime_mer.rooms.machines.chunks import SoundChunk

_MOST_STAMPS = 4096  # of chunks whose hops were not computed yet; more than NATS keeps


@dataclass(frozen=True, slots=True)
class Part:
    """What of a chunk comes next.

    Attributes:
        samples: float32 ``(n,)``.
        missing: samples that were lost before them.
        fresh: what came before those has nothing to do with them.
    """

    samples: NDArray[np.float32]
    missing: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is known of a moment of a room's sound.

    Attributes:
        captured_at: when it was, in seconds since 1970; None where the sound does not happen now.
        gaps: how often sound had been lost by then.
    """

    captured_at: float | None
    gaps: int


class Track:
    """Takes the chunks of a room in any order, as often as they come.

    Args:
        position: from which on sound is wanted: that of the state that it goes on from, where a
            hop ends.
        rate, hop_samples: of the recogniser.

    Attributes:
        next: the position that is expected next.
        epoch: the highest that was seen.
        repeated: samples that came again.
        lost: samples that never came.
        outdated: chunks of feeders that had been replaced.
    """

    def __init__(self, position: int, *, rate: int, hop_samples: int) -> None:
        self.next = self._begun = position
        self.epoch = self.repeated = self.lost = self.outdated = 0
        self._rate, self._hop = rate, hop_samples
        self._anew = False  # what comes next, because of a chunk that was left out
        self._stamps: deque[tuple[int, int, Stamp]] = deque(maxlen=_MOST_STAMPS)

    def hole(self, chunk: SoundChunk) -> int:
        """Return how many samples before a chunk neither came nor are called missing by it."""
        return 0 if chunk.epoch < self.epoch else max(0, chunk.start - self.next)

    def holed(self, chunks: Iterable[SoundChunk]) -> bool:
        """Whether something is missing before or among chunks that follow one another."""
        position = self.next
        for chunk in chunks:
            if chunk.start > position:
                return True
            position = max(position, chunk.end)
        return False

    def take(self, chunk: SoundChunk) -> Part | None:
        """Take a chunk and return what of it comes next; None for nothing."""
        if chunk.epoch < self.epoch:
            self.outdated += 1
            return None
        self.epoch = chunk.epoch
        # A stream begins anew with the next whole hop: the state that this goes on from does not
        # know of it yet, if that is its first.
        known = self._begun - self._hop if self.next == self._begun else self.next - 1
        self._anew |= chunk.fresh and chunk.start > known
        if chunk.end <= self.next:
            self.repeated += len(chunk.samples)
            return None
        missing = max(0, chunk.position - self.next)
        repeated = max(0, self.next - chunk.position)
        self.lost += missing
        self.repeated += repeated
        part = Part(chunk.samples[repeated:], missing, self._anew)
        self._anew = False
        self.next = chunk.end
        stamp = Stamp(chunk.captured_at, chunk.gaps)
        self._stamps.append((chunk.end, chunk.position, stamp))
        return part

    def stamp(self, position: int) -> Stamp:
        """Return what is known of the moment before a position, up to which sound has come.

        Positions are asked for in their order: what lies before is forgotten.
        """
        while self._stamps and self._stamps[0][0] < position:
            self._stamps.popleft()
        if not self._stamps:
            return Stamp(None, 0)
        _, begin, stamp = self._stamps[0]
        if stamp.captured_at is None:
            return stamp
        return replace(stamp, captured_at=stamp.captured_at + (position - begin) / self._rate)
