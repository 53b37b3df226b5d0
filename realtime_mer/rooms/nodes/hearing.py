"""What workers tell of a room, put in order: each hop once (pure)."""

from collections.abc import Iterable, Sequence

from realtime_mer.rooms.machines.reports import ToldHop

MOST_WAITING = 1200
"""Hops of a room that may wait for those before them: what NATS keeps, twice."""


class Hearing:
    """Puts the hops of a room in order.

    Hops come as they are told, some twice, and of those that were told while NATS was away none.
    Where some are missing, those behind them wait until somebody has looked for them.

    Attributes:
        next: number of the hop that is to come; None before the first.
        worker: which told of the room last; None for none.
        looking: whether those that are missing are to be looked for.
        late: hops that came again, or after later ones.
        missed: hops that were not found.
    """

    def __init__(self) -> None:
        self.next: int | None = None
        self.worker: str | None = None
        self.looking = False
        self.late = self.missed = 0
        self._skipped = 0
        self._waiting: list[ToldHop] = []

    def hear(self, hops: Sequence[ToldHop]) -> list[ToldHop]:
        """Take what was told, and return what is to be handed on, in order."""
        ready: list[ToldHop] = []
        for hop in hops:
            if self.looking:
                self._wait(hop)
            elif self._is_old(hop):
                self.late += 1
            elif self._follows(hop):
                ready.append(self._take(hop))
            else:
                self.looking = True
                self._wait(hop)
        return ready

    def found(self, hops: Iterable[ToldHop]) -> list[ToldHop]:
        """Take what was found of what is missing; return what is to be handed on, in order."""
        by_number = {hop.estimate.seq: hop for hop in (*hops, *self._waiting)}
        self._waiting, self.looking = [], False
        ready = []
        for number in sorted(by_number):
            hop = by_number[number]
            if self._is_old(hop):
                continue
            if not self._follows(hop):
                self.missed += number - (self.next or 0)
            ready.append(self._take(hop))
        return ready

    def glance(self, hop: ToldHop) -> bool:
        """Take the newest hop where nobody follows the room; return whether it is to be told."""
        if self.looking or self._is_old(hop):
            return False
        self._take(hop)
        return True

    def _wait(self, hop: ToldHop) -> None:
        self._waiting.append(hop)
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[0]
            self.missed += 1

    def _is_old(self, hop: ToldHop) -> bool:
        return self.next is not None and hop.estimate.seq < self.next

    def _follows(self, hop: ToldHop) -> bool:
        """Whether it is the next, or those before it were left out by whoever computes."""
        estimate = hop.estimate
        if self.next is None:
            return True
        return estimate.seq - self.next <= max(0, estimate.skipped - self._skipped)

    def _take(self, hop: ToldHop) -> ToldHop:
        self.next, self._skipped = hop.estimate.seq + 1, hop.estimate.skipped
        return hop
