"""What workers tell of rooms: heard, put in order, looked for where some of it is missing.

Each hop of the rooms that somebody follows here, and of all others the newest twice a second: what
a node hears of rooms that are none of its own would else be most of its work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Set

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.reports import ToldHop, parse_glances, parse_report
from realtime_mer.rooms.nodes.hearing import Hearing


class Telling:
    """Hands on each hop of a room that is followed, once and in order.

    Everything runs in the service's loop.

    Args:
        link: to NATS.
        tell: takes a room and its next hop.
        look_for: is told of a room of which hops are missing: ``look`` is to be awaited then.
        follows: whether somebody here wants each hop of a room.

    Attributes:
        garbage: reports that cannot be read.
    """

    def __init__(
        self,
        link: Link,
        *,
        tell: Callable[[str, ToldHop], None],
        look_for: Callable[[str], None],
        follows: Callable[[str], bool],
    ) -> None:
        self.garbage = 0
        self._link, self._tell, self._look_for, self._follows = link, tell, look_for, follows
        self._rooms: dict[str, Hearing] = {}
        self._followed: dict[str, Callable[[], Awaitable[None]]] = {}  # each with what ends it
        self._turning = asyncio.Lock()

    @property
    def late(self) -> int:
        """Hops that came again."""
        return sum(room.late for room in self._rooms.values())

    @property
    def missed(self) -> int:
        """Hops of which nothing was found, those of long gaps among them."""
        return sum(room.missed for room in self._rooms.values())

    @property
    def followed(self) -> frozenset[str]:
        """Rooms of which each hop is heard."""
        return frozenset(self._followed)

    def next(self, room: str) -> int:
        """Return the number of the hop of a room that is to be told next."""
        hearing = self._rooms.get(room)
        return 0 if hearing is None or hearing.next is None else hearing.next

    def worker(self, room: str) -> str | None:
        """Return which worker told of a room last; None for none."""
        hearing = self._rooms.get(room)
        return None if hearing is None else hearing.worker

    def forget(self, room: str) -> None:
        """Know nothing of what was told of a room: it may begin anew."""
        self._rooms.pop(room, None)

    async def follow(self, rooms: Set[str]) -> None:
        """Hear each hop of these rooms alone from now on, and what was told since the last.

        Args:
            rooms: all that somebody follows.

        Raises:
            Away: NATS does not answer; ask again later.
        """
        async with self._turning:
            for room in self._followed.keys() - rooms:
                await self._followed.pop(room)()
            for room in rooms - self._followed.keys():
                self._rooms.setdefault(room, Hearing()).looking = True  # what comes waits
                self._followed[room] = await self._link.follow(Kind.TOLD, room, self.hear)
                self._look_for(room)

    def glance(self, stored: Stored) -> None:
        """Take what a worker told last of its rooms, for those that nobody follows."""
        try:
            newest = parse_glances(stored.data)
        except ProtocolError:
            self.garbage += 1
            return
        for room, hop in newest.items():
            hearing = self._rooms.setdefault(room, Hearing())
            hearing.worker = stored.key
            if not self._follows(room) and hearing.glance(hop):
                self._tell(room, hop)

    def hear(self, stored: Stored) -> None:
        """Take what a worker told of a room just now."""
        try:
            report = parse_report(stored.data)
        except ProtocolError:
            self.garbage += 1
            return
        hearing = self._rooms.setdefault(stored.key, Hearing())
        hearing.worker = report.worker
        looking = hearing.looking
        for hop in hearing.hear(report.hops):
            self._tell(stored.key, hop)
        if hearing.looking and not looking:
            self._look_for(stored.key)

    async def look(self, room: str) -> None:
        """See what was told of a room meanwhile, and hand it on.

        Raises:
            Away: NATS does not answer; look again later.
        """
        hearing = self._rooms.setdefault(room, Hearing())
        last = await self._link.last(Kind.TOLD, room)
        newest = [] if last is None else self._read(last)
        behind = bool(newest) and newest[-1].estimate.seq >= (hearing.next or 0)
        if not hearing.looking and not behind:
            return
        hearing.looking = True  # what comes meanwhile waits
        stored = await self._link.read(Kind.TOLD, room)
        hops = [hop for each in stored for hop in self._read(each)]
        if hearing.next is None and hops and hops[0].estimate.seq > 0:
            hops = []  # it has been for longer than a moment: what was before is of no interest
        for hop in hearing.found(hops):
            self._tell(room, hop)

    def _read(self, stored: Stored) -> list[ToldHop]:
        try:
            return list(parse_report(stored.data).hops)
        except ProtocolError:
            self.garbage += 1
            return []
