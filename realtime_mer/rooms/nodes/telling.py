"""What workers tell of all rooms: heard, put in order, looked for where some of it is missing."""

from collections.abc import Callable

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.reports import ToldHop, parse_report
from realtime_mer.rooms.nodes.hearing import Hearing


class Telling:
    """Hands on each hop of each room once and in order. Everything runs in the service's loop.

    Args:
        link: to NATS.
        tell: takes a room and its next hop.
        look_for: is told of a room of which hops are missing: ``look`` is to be awaited then.

    Attributes:
        garbage: reports that cannot be read.
    """

    def __init__(
        self,
        link: Link,
        *,
        tell: Callable[[str, ToldHop], None],
        look_for: Callable[[str], None],
    ) -> None:
        self.garbage = 0
        self._link, self._tell, self._look_for = link, tell, look_for
        self._rooms: dict[str, Hearing] = {}

    @property
    def late(self) -> int:
        """Hops that came again."""
        return sum(room.late for room in self._rooms.values())

    @property
    def missed(self) -> int:
        """Hops of which nothing was found, those of long gaps among them."""
        return sum(room.missed for room in self._rooms.values())

    @property
    def rooms(self) -> list[str]:
        """Those of which something was told."""
        return list(self._rooms)

    def next(self, room: str) -> int:
        """Return the number of the hop of a room that is to be told next."""
        hearing = self._rooms.get(room)
        return 0 if hearing is None or hearing.next is None else hearing.next

    def hear(self, stored: Stored) -> None:
        """Take what a worker told of a room just now."""
        try:
            hops = parse_report(stored.data).hops
        except ProtocolError:
            self.garbage += 1
            return
        hearing = self._rooms.setdefault(stored.key, Hearing())
        looking = hearing.looking
        for hop in hearing.hear(hops):
            self._tell(stored.key, hop)
        if hearing.looking and not looking:
            self._look_for(stored.key)

    async def look(self, room: str) -> None:
        """See what was told of a room meanwhile, and hand it on.

        Raises:
            Away: NATS does not answer; look again later.
        """
        hearing = self._rooms.setdefault(room, Hearing())
        if hearing.next is None:  # what was before this node is of no interest
            return
        last = await self._link.last(Kind.TOLD, room)
        newest = [] if last is None else self._read(last)
        if not hearing.looking and not (newest and newest[-1].estimate.seq >= hearing.next):
            return
        hearing.looking = True  # what comes meanwhile waits
        stored = await self._link.read(Kind.TOLD, room)
        for hop in hearing.found(hop for each in stored for hop in self._read(each)):
            self._tell(room, hop)

    def _read(self, stored: Stored) -> list[ToldHop]:
        try:
            return list(parse_report(stored.data).hops)
        except ProtocolError:
            self.garbage += 1
            return []
