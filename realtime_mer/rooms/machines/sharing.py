"""Which worker computes which room (pure: the times are told).

Every room puts all workers into an order of its own (rendezvous hashing), which each worker finds
out by itself. So rooms are spread evenly, and where a worker comes or goes only its rooms move.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

STEP_S = 1.0
"""Seconds that the next in a room's order waits longer than the one before: it may be stuck."""
SETTLE_S = 2.0
"""Seconds for which those who live must have been the same before a room moves for balance."""
LISTEN_S = 1.2
"""Seconds that a worker listens who else is there, before it takes its first room."""


def order(room: str, workers: Iterable[str]) -> list[str]:
    """Return workers in the order in which a room wants them."""
    return sorted(workers, key=lambda worker: (_weight(room, worker), worker), reverse=True)


def _weight(room: str, worker: str) -> bytes:
    return blake2b(f"{worker}\n{room}".encode(), digest_size=8).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Moves:
    """What a worker is to do now.

    Attributes:
        take: rooms that nobody computes, those that wait longest first.
        hand_over: rooms of its own that another one is to have.
    """

    take: list[str]
    hand_over: list[str]


class Sharing:
    """Decides for one worker.

    Args:
        me: its id.
        now: seconds of any steady clock, as in the rest.
    """

    def __init__(self, me: str, now: float) -> None:
        self._me = me
        self._begun = now
        self._free_since: dict[str, float] = {}
        self._members: frozenset[str] = frozenset()
        self._changed_at = now

    def restart(self, now: float) -> None:
        """Listen anew who is there."""
        self._begun = self._changed_at = now
        self._free_since.clear()

    def look(
        self, holders: Mapping[str, str | None], *, accepting: Collection[str], now: float
    ) -> Moves:
        """Return what to do now.

        Args:
            holders: of every room that is to be computed, who does; None for nobody that lives.
            accepting: workers that live and take rooms.
            now: seconds.
        """
        members = frozenset(accepting)
        if members != self._members:
            self._members, self._changed_at = members, now
        free = {room for room, holder in holders.items() if holder is None}
        self._free_since = {room: self._free_since.get(room, now) for room in free}
        settled = now - self._changed_at >= SETTLE_S
        return Moves(
            take=self._to_take(members, now),
            hand_over=self._to_hand_over(holders, members) if settled else [],
        )

    def _to_take(self, members: frozenset[str], now: float) -> list[str]:
        if self._me not in members or now - self._begun < LISTEN_S:
            return []
        return [
            room
            for room, since in sorted(self._free_since.items(), key=lambda entry: entry[1])
            if now - since >= STEP_S * order(room, members).index(self._me)
        ]

    def _to_hand_over(
        self, holders: Mapping[str, str | None], members: frozenset[str]
    ) -> list[str]:
        everyone = members | {self._me}
        return [
            room
            for room, holder in holders.items()
            if holder == self._me and order(room, everyone)[0] != self._me
        ]
