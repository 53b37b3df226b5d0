"""What a worker writes of a room: what is told, under the condition that nobody told since.

States follow what was told: whoever goes on from one has told nothing less than what lies before.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.entries import SavedState
from realtime_mer.rooms.machines.link import Away, Link
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.reports import MAX_HOPS, Report, ToldHop, parse_report

_AGAIN_S = 0.25
_MOST_WAITING = 600  # hops; a minute of them, as long as NATS keeps what is told


class Telling:
    """Writes what a worker computes of one room, in order and once.

    Args:
        link: to NATS.
        room: its name.
        me: this worker's id.
        holds: asks NATS whether the room is still this worker's.
        told: takes each report that NATS has, and when.

    Attributes:
        seq: the number of the last hop that was told, by whichever worker; -1 for none.
        told_hops: how many were told by this one.
        given_way: hops that were left out because NATS was away for too long.
    """

    def __init__(
        self,
        link: Link,
        room: str,
        me: str,
        *,
        holds: Callable[[], Awaitable[bool]],
        told: Callable[[Report, float], None] = lambda report, at: None,
    ) -> None:
        self.seq = -1
        self.told_hops = self.given_way = 0
        self._link, self._room, self._me = link, room, me
        self._holds, self._told = holds, told
        self._expected = 0  # number in its stream of what was told last
        self._waiting: deque[ToldHop] = deque()
        self._newest: ToldHop | None = None
        self._state: SavedState | None = None
        self._wake, self._done = asyncio.Event(), asyncio.Event()
        self._done.set()

    @property
    def waiting(self) -> int:
        """How many hops were computed and not told yet."""
        return len(self._waiting)

    async def begin(self) -> None:
        """Find out what was told last; what is computed up to there is not told again.

        Raises:
            Away: NATS does not answer.
        """
        last = await self._link.last(Kind.TOLD, self._room)
        self._expected = 0 if last is None else last.sequence
        if last is not None:
            with suppress(ProtocolError):  # of who knows whom: what comes next is told after it
                self.seq = max(self.seq, parse_report(last.data).hops[-1].estimate.seq)
        while self._waiting and self._waiting[0].estimate.seq <= self.seq:
            self._waiting.popleft()

    def tell(self, hop: ToldHop) -> None:
        """Tell of a hop soon."""
        if hop.estimate.seq <= self.seq:
            return
        self._waiting.append(hop)
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            self.given_way += 1
        self._turn()

    def keep(self, state: SavedState) -> None:
        """Keep a state once all before it was told, unless a newer one comes first."""
        self._state = state
        self._turn()

    def newest(self) -> ToldHop | None:
        """Return what was told last; None where nothing was since this was asked."""
        newest, self._newest = self._newest, None
        return newest

    async def settled(self) -> None:
        """Wait until all was told and kept."""
        await self._done.wait()

    async def run(self) -> None:
        """Write, until somebody else turns out to have the room."""
        while True:
            await self._wake.wait()
            try:
                if not await self._write():
                    return
            except Away:
                await asyncio.sleep(_AGAIN_S)

    def _turn(self) -> None:
        self._done.clear()
        self._wake.set()

    async def _write(self) -> bool:
        """Write what is next; return whether the room is still this worker's."""
        batch = [self._waiting[place] for place in range(min(MAX_HOPS, len(self._waiting)))]
        if batch:
            report = Report(self._me, batch)
            stored = await self._link.put(
                Kind.TOLD, self._room, report.encode(), expected=self._expected
            )
            if stored is None:
                # Somebody else told, or the answer to what this told was lost, or NATS was
                # restarted and counts anew.
                if not await self._holds():
                    return False
                await self.begin()
                return True
            self._expected, self._newest = stored, batch[-1]
            self.seq = self._newest.estimate.seq
            self.told_hops += len(batch)
            while self._waiting and self._waiting[0].estimate.seq <= self.seq:
                self._waiting.popleft()
            self._told(report, time.time())
        state = self._state
        if state is not None and (not self._waiting or self._waiting[0].estimate.seq >= state.seq):
            await self._link.put(Kind.STATES, self._room, state.encode())
            if self._state is state:
                self._state = None
        if not self._waiting and self._state is None:
            self._wake.clear()
            self._done.set()
        return True
