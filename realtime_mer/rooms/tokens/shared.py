"""What a node knows of the tokens of all nodes, which lie in NATS."""

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.newest import Newest
from realtime_mer.rooms.tokens.grants import Grant, parse_grant


class SharedTokens:
    """The tokens of all nodes (``Tokens``), as they were heard last.

    While NATS is away those of before hold.

    Attributes:
        garbage: entries that cannot be read, which let nobody in.
    """

    def __init__(self) -> None:
        self.garbage = 0
        self._newest = Newest(Kind.TOKENS, self._read)
        self._changed = False

    def grants(self) -> tuple[Grant, ...]:
        """As ``Tokens`` promises."""
        kept = (grant for _, grant in self._newest.items())
        return tuple(sorted(kept, key=lambda grant: (grant.made_at, grant.id)))

    def changed(self) -> bool:
        """As ``Tokens`` promises."""
        changed, self._changed = self._changed, False
        return changed

    def hear(self, stored: Stored) -> None:
        """Take what was written of a token."""
        self._newest.hear(stored)
        self._changed = True

    async def load(self, link: Link) -> None:
        """Forget what was known, and read all.

        Raises:
            Away: NATS does not answer; what was known holds.
        """
        await self._newest.load(link)
        self._changed = True

    def _read(self, stored: Stored) -> Grant | None:
        try:
            return parse_grant(stored.data, key=stored.key) if stored.data else None
        except ProtocolError:
            self.garbage += 1
            return None
