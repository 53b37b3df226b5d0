"""Who computes the rooms of a service, as far as the service sees it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from realtime_mer.rooms.room import Room
from realtime_mer.wire.protocol import Marker, RecordingState
from realtime_mer.wire.sound import Open


class Host(Protocol):
    """The service, as far as whoever computes sees it."""

    def find(self, name: str) -> Room | None:
        """Return a room that is there; else None."""

    def all(self) -> list[Room]:
        """Return all rooms."""

    async def room(self, name: str) -> Room:
        """Return a room, a new one if there is none.

        Raises:
            ProtocolError: ``too_many_rooms``.
        """

    def forget(self, name: str) -> bool:
        """Let a room go, and say goodbye to who watches it; False where it is to be here."""

    def recorded(self) -> Mapping[str, RecordingState]:
        """Return what is recorded here of rooms, by their names."""

    def stop(self) -> None:
        """Let the service end, from any thread."""


@dataclass(frozen=True, slots=True)
class Number:
    """Something that is counted.

    Attributes:
        name: of the metric, without what all names begin with.
        what: the same for people.
        value: at this moment.
        total: whether it only grows.
    """

    name: str
    what: str
    value: float
    total: bool = False


class Computer(Protocol):
    """Whoever computes rooms. Everything is called in the service's loop, and does not block it."""

    @property
    def ready(self) -> bool:
        """Whether sound that is given now is computed."""

    @property
    def fault(self) -> str | None:
        """Why the service had to end, for people; None where it did not."""

    def late(self, name: str) -> str | None:
        """Return what watchers are told of a room that is fed where nothing is told for some time.

        None where that cannot be for any reason but the room's own.
        """

    def recorded(self, name: str) -> RecordingState | None:
        """Return what is recorded of a room on other machines; None for nothing."""

    def placed(self, name: str) -> dict[str, str | None]:
        """Return which processes have to do with a room, by what they do, for who manages it."""

    async def begin(self, host: Host) -> list[str]:
        """Begin to compute; return the names of the rooms that there were before.

        Raises:
            InputError: what was kept, or what it needs, cannot be used.
        """

    async def end(self) -> None:
        """Compute what came, see that it was told, keep it, and end."""

    async def enter(self, name: str) -> int:
        """Let a room come; return how many samples of it have been."""

    async def claim(self, room: str, opened: Open, *, resume: str, manages: bool) -> int | None:
        """As ``seats.Claim`` promises."""

    def push(self, room: str, samples: NDArray[np.float32], *, missing: int, fresh: bool) -> None:
        """As ``seats.Push`` promises."""

    def marked(self, room: str, marker: Marker) -> None:
        """Hear of a marker that somebody set who watches a room here."""

    def kept(self, name: str) -> int:
        """Return how many hops of a room are safe if this process were killed now."""

    def look(self) -> None:
        """See what is to be done, twice a second."""

    def numbers(self) -> Iterable[Number]:
        """Yield what is counted."""
