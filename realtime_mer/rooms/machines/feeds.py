"""Which node feeds a room, and what is known of its sound: the word of it in NATS."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.newest import Newest
from realtime_mer.rooms.machines.presence import Presence
from realtime_mer.rooms.nodes.seats import RoomState
from realtime_mer.wire import access
from realtime_mer.wire.bounds import SIGNS, STRICT, Count, Name, read_value

MAX_FEED = 4096
"""Longest word of a room, in bytes."""

IDLE_S = 300.0
"""Seconds without a sender after which a room rests: no worker has it until it is fed again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """How a room is fed.

    Attributes:
        node: what the node calls itself whose sender has the room's place; None for nobody.
        epoch: how often the place was given away, which is how chunks tell one sender from another;
            0 for a room that was named and never fed.
        state: of the room.
        source: what is listened to, as a person would call it.
        position: samples that were handed on when this was written, from where the room began.
        resume: digest of what lets the sender come back; empty for nothing.
        resumed: whether that sender has come back, and did not take the place from another.
        version: of this form.
    """

    node: Name | None = None
    epoch: Count = 0
    state: RoomState = "empty"
    source: Annotated[str, Field(max_length=200, pattern=f"^{SIGNS}*$")] = ""
    position: Count = 0
    resume: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    resumed: bool = False
    version: Literal[1] = 1

    def encode(self) -> bytes:
        """Return it as JSON."""
        return to_json(asdict(self))

    def lets_back(self, resume: str | None) -> bool:
        """Whether somebody says what lets the sender come back."""
        return resume is not None and access.same_token(digest(resume), self.resume)


def digest(resume: str) -> str:
    """Return what of a secret is written down, which is random and hence cannot be tried."""
    return hashlib.sha256(resume.encode()).hexdigest()


@cache
def _reader() -> TypeAdapter[Feed | None]:
    return TypeAdapter(Feed | None, config=STRICT)


def parse_feed(data: bytes) -> Feed:
    """Read the word of a room.

    Raises:
        ProtocolError: ``bad_feed``, it is none, or one of another version.
    """
    return read_value(_reader(), data, code="bad_feed", what="how a room is fed", most=MAX_FEED)


class Feeds:
    """Which rooms are to be computed, by what nodes say of them (the times are told).

    Args:
        presence: of nodes.
    """

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._newest = Newest(Kind.FEEDS, _said)
        self._unfed_since: dict[str, float] = {}

    def hear(self, stored: Stored) -> None:
        """Take what a node has written of a room.

        Raises:
            ProtocolError: ``bad_feed``, it cannot be read.
        """
        self._newest.hear(stored)

    async def load(self, link: Link) -> None:
        """Read all.

        Raises:
            Away: NATS does not answer.
        """
        await self._newest.load(link)

    def wanted(self, now: float, *, rested: Callable[[str], int]) -> set[str]:
        """Return the rooms that are to be computed.

        Args:
            now: seconds of a steady clock.
            rested: returns the epoch of the last sender of a room all of whose sound was computed
                when it was let go; 0 for none.
        """
        nodes = {beat.id for beat in self._presence.alive("node", now)}
        feeds = dict(self._newest.items())
        fed = {room for room, feed in feeds.items() if feed.node in nodes}
        unfed = {
            room for room, feed in feeds.items() if room not in fed and feed.epoch > rested(room)
        }
        self._unfed_since = {room: self._unfed_since.get(room, now) for room in unfed}
        return fed | unfed

    def epoch(self, room: str) -> int:
        """Return that of the last sender of a room; 0 for none."""
        feed = self._newest.get(room)
        return 0 if feed is None else feed.epoch

    def idle(self, room: str, now: float) -> bool:
        """Whether nobody has fed a room for so long that it is to rest, as of ``wanted``."""
        return now - self._unfed_since.get(room, now) >= IDLE_S


def _said(stored: Stored) -> Feed | None:
    return parse_feed(stored.data) if stored.data else None
