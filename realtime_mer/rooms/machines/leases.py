"""Who computes which room, as it stands in NATS: a lease a room, taken and given up by condition.

A lease holds for as long as the beats of its worker are heard.
"""

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.entries import Lease, parse_lease
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind


class Leases:
    """What is known of the leases, and this worker's hand on them.

    Args:
        link: to NATS.
        me: this worker's id.
    """

    def __init__(self, link: Link, me: str) -> None:
        self._link, self._me = link, me
        self._known: dict[str, tuple[int, Lease | None]] = {}  # revision, and who has it

    def holder(self, room: str) -> str | None:
        """Return whose lease a room is, alive or not; None where it is nobody's."""
        lease = self._known.get(room, (0, None))[1]
        return None if lease is None or lease.rests is not None else lease.worker

    def rested(self, room: str) -> int:
        """Return after which sender, by its epoch, a room was let go; 0 for none."""
        lease = self._known.get(room, (0, None))[1]
        return 0 if lease is None else lease.rests or 0

    async def load(self) -> None:
        """Forget what was known, and read all.

        Raises:
            Away: NATS does not answer.
        """
        self._known.clear()
        for stored in await self._link.read(Kind.LEASES):
            self.hear(stored)

    def hear(self, stored: Stored) -> None:
        """Take what was written of a room."""
        if stored.sequence <= self._known.get(stored.key, (0, None))[0]:
            return
        try:
            lease = parse_lease(stored.data)
        except ProtocolError:  # nobody's who could be reached: as good as free
            lease = None
        self._known[stored.key] = stored.sequence, lease

    async def holds(self, room: str) -> bool:
        """Return whether a room is this worker's, as NATS has it now.

        Raises:
            Away: NATS does not answer.
        """
        stored = await self._link.last(Kind.LEASES, room)
        if stored is None:
            self._known.pop(room, None)
        else:
            self.hear(stored)
        return self.holder(room) == self._me

    async def take(self, room: str) -> bool:
        """Take a room, unless somebody else did meanwhile; return whether it is this worker's.

        Raises:
            Away: NATS does not answer.
        """
        return await self._write(room, Lease(worker=self._me).encode())

    async def give_up(self, room: str, *, rests: int | None = None) -> None:
        """Let whoever wants it take a room, unless somebody has.

        Args:
            room: it.
            rests: epoch of its last sender, where nobody is to want it before the next.

        Raises:
            Away: NATS does not answer.
        """
        word = b"" if rests is None else Lease(worker=self._me, rests=rests).encode()
        await self._write(room, word)

    async def _write(self, room: str, data: bytes) -> bool:
        revision, _ = self._known.get(room, (0, None))
        stored = await self._link.put(Kind.LEASES, room, data, expected=revision)
        if stored is None:
            return await self.holds(room)  # what was known was old, or the word came twice
        self.hear(Stored(room, data, stored))
        return True
