"""What is recorded of rooms, at whichever node: everybody knows who sends to one or watches it."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import TypeAdapter
from pydantic_core import to_json

from realtime_mer.rooms.machines.chunks import parse_chunk
from realtime_mer.rooms.machines.link import Away, Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.presence import Presence
from realtime_mer.rooms.nodes.computer import Host
from realtime_mer.wire.bounds import STRICT, Name, read_value
from realtime_mer.wire.protocol import RecordingState

MAX_RECORD = 1024
"""Longest word of what is recorded, in bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What a node records of a room now.

    Attributes:
        node: what it calls itself.
        estimates, sound: as of ``RecordingState``.
        version: of this form.
    """

    node: Name
    estimates: bool
    sound: bool
    version: Literal[1] = 1

    def encode(self) -> bytes:
        """Return it as JSON."""
        return to_json(self)


@cache
def _reader() -> TypeAdapter[Record | None]:
    return TypeAdapter(Record | None, config=STRICT)


def parse_record(data: bytes) -> Record:
    """Read what a node records.

    Raises:
        ProtocolError: ``bad_record``, it is none, or one of another version.
    """
    return read_value(_reader(), data, code="bad_record", what="what is recorded", most=MAX_RECORD)


class Recorded:
    """Tells other nodes what is recorded here, hears what they record, and their sound for that.

    Args:
        link: to NATS.
        presence: of nodes.
        node: what this one calls itself.
        seats: the rooms that are fed here.
    """

    def __init__(self, link: Link, presence: Presence, *, node: str, seats: Container[str]) -> None:
        self._link, self._presence, self._node, self._seats = link, presence, node, seats
        self._host: Host
        self._states: dict[str, dict[str, RecordingState]] = {}  # by room and node
        self._overheard: set[str] = set()

    async def begin(self, host: Host) -> None:
        """Hear of what others record.

        Raises:
            Away: NATS does not answer.
        """
        self._host = host
        await self._link.follow(Kind.RECORDED, "*", self._hear)

    def of(self, room: str) -> RecordingState | None:
        """Return what others record of a room; None for nothing."""
        return together(self._states.get(room, {}).values())

    def tell(self) -> None:
        """Say what is recorded here."""
        for room, state in self._host.recorded().items():
            record = Record(node=self._node, estimates=state.estimates, sound=state.sound)
            self._link.send(Kind.RECORDED, room, record.encode())

    async def look(self, now: float) -> None:
        """Forget the nodes that are gone, and hear the rooms whose sound is recorded here.

        Raises:
            Away: NATS does not answer.
        """
        for room, nodes in list(self._states.items()):
            for node in [each for each in nodes if self._presence.gone(each, now)]:
                del nodes[node]
            if not nodes:
                del self._states[room]
        for room, state in self._host.recorded().items():
            if state.sound and room not in self._overheard:
                self._overheard.add(room)
                try:
                    await self._link.follow(Kind.SOUND, room, self._overhear)
                except Away:
                    self._overheard.discard(room)
                    raise

    def _hear(self, stored: Stored) -> None:
        record = parse_record(stored.data)
        if record.node != self._node:
            state = RecordingState(estimates=record.estimates, sound=record.sound)
            self._states.setdefault(stored.key, {})[record.node] = state

    def _overhear(self, stored: Stored) -> None:
        chunk, room = parse_chunk(stored.data), self._host.find(stored.key)
        if room is not None and stored.key not in self._seats:
            room.overhear(chunk.samples, position=chunk.position)


def together(states: Iterable[RecordingState | None]) -> RecordingState | None:
    """Return what is recorded of a room by several; None where none of them does."""
    known = [state for state in states if state is not None]
    if not known:
        return None
    return RecordingState(
        estimates=any(state.estimates for state in known),
        sound=any(state.sound for state in known),
    )
