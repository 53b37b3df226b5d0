"""The newest sound of a room that is fed here, while it may have to be sent again (pure)."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from realtime_mer.rooms.machines.chunks import SoundChunk

KEPT_S = 10.0
"""Seconds of sound that are kept at most: what NATS may be away for."""
BEHIND_S = 3.0
"""Seconds of them behind what was told: who takes the room of a dead worker begins there."""


class Untold:
    """Keeps the newest chunks of a room, those that were sent included.

    Args:
        rate: samples a second.

    Attributes:
        lost: samples that gave way to newer ones before they were sent.
    """

    def __init__(self, *, rate: int) -> None:
        self.lost = 0
        self._most, self._behind = round(KEPT_S * rate), round(BEHIND_S * rate)
        self._chunks: deque[SoundChunk] = deque()
        self._sent = 0  # how many of them, from the oldest on

    @property
    def samples(self) -> int:
        """How many are kept."""
        return sum(len(chunk.samples) for chunk in self._chunks)

    def add(self, chunk: SoundChunk) -> None:
        """Keep a chunk that follows those before it, and is not sent yet."""
        self._chunks.append(chunk)
        while len(self._chunks) > 1 and chunk.end - self._chunks[0].end >= self._most:
            self._give_way()

    def unsent(self) -> Iterator[SoundChunk]:
        """Yield what was not sent yet, oldest first; each counts as sent once it is asked for."""
        while self._sent < len(self._chunks):
            self._sent += 1
            yield self._chunks[self._sent - 1]

    def told(self, position: int) -> None:
        """Let go of what lies far enough behind what was told."""
        while self._sent and self._chunks[0].end <= position - self._behind:
            self._chunks.popleft()
            self._sent -= 1

    def again(self) -> None:
        """Take nothing for sent: nobody knows what of it arrived."""
        self._sent = 0

    def _give_way(self) -> None:
        gone = self._chunks.popleft()
        if self._sent:
            self._sent -= 1
            return
        self.lost += len(gone.samples)
        after = self._chunks[0]
        # What is missing before it is told, or it would be looked for.
        missing = after.position - gone.start
        self._chunks[0] = replace(after, missing=missing, fresh=after.fresh or gone.fresh)
