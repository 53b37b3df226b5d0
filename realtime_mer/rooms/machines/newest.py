"""The newest word under each key of a bucket, as it is heard, and read anew when NATS is back."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind

_T = TypeVar("_T")


class Newest(Generic[_T]):
    """What stands in a bucket, as far as it was heard.

    Args:
        kind: of the bucket.
        read: returns what a word says; None where it takes away what was said before.
    """

    def __init__(self, kind: Kind, read: Callable[[Stored], _T | None]) -> None:
        self._kind, self._read = kind, read
        self._words: dict[str, tuple[int, _T | None]] = {}
        self._anew: dict[str, tuple[int, _T | None]] | None = None  # while all are read

    def get(self, key: str) -> _T | None:
        """Return what is said under a key; None for nothing."""
        return self._words.get(key, (0, None))[1]

    def items(self) -> Iterator[tuple[str, _T]]:
        """Yield each key under which something is said, and that."""
        for key, (_, word) in self._words.items():
            if word is not None:
                yield key, word

    def hear(self, stored: Stored) -> None:
        """Take what was written, unless something newer is known.

        Raises:
            ProtocolError: as of ``read``.
        """
        word = self._read(stored)
        for words in (self._words, self._anew):
            if words is not None and stored.sequence > words.get(stored.key, (-1, None))[0]:
                words[stored.key] = stored.sequence, word

    async def load(self, link: Link) -> None:
        """Forget what was known and read all. What is heard meanwhile counts.

        Raises:
            Away: NATS does not answer; what was known holds.
        """
        self._anew = {}
        try:
            for stored in await link.read(self._kind):
                self.hear(stored)
            self._words = self._anew  # NATS may have lost what it kept
        finally:
            self._anew = None
