"""Who feeds a room: it has one place for a sender, on whichever machine (pure)."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ProtocolError
from realtime_mer.wire.sound import Open

RoomState = Literal["fed", "waiting", "ended", "empty"]
"""How a room is fed; ``waiting``: somebody is there and sends nothing."""


class Sender(Protocol):
    """Whoever feeds a room."""

    def replaced(self, *, by_itself: bool) -> None:
        """Another connection takes the room: its own after a loss, or that of somebody else."""


class Push(Protocol):
    """Hands sound to whoever computes."""

    def __call__(
        self, room: str, samples: NDArray[np.float32], *, missing: int, fresh: bool
    ) -> None:
        """Take the next sound of a room."""


class Claim(Protocol):
    """Sees that nobody else feeds a room, on whichever machine."""

    async def __call__(self, room: str, opened: Open, *, resume: str, manages: bool) -> int | None:
        """Let somebody be the only sender of a room.

        Args:
            room: its name.
            opened: what the sender said.
            resume: what will let it come back.
            manages: whether it manages the room.

        Returns:
            How many samples of the room have been; None for as many as came here.

        Raises:
            ProtocolError: ``room_is_fed``, ``unauthorized`` or ``not_ready``.
        """


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is known of a room that is fed on another machine.

    Attributes:
        state: of its sender there.
        source: what is listened to, as a person would call it.
    """

    state: RoomState
    source: str


def comes_back(room: str, opened: Open, *, resumes: bool, manages: bool) -> bool:
    """Return whether who wants a room that is fed is its own sender, after a loss.

    Args:
        room: its name.
        opened: what was asked.
        resumes: whether it said what lets the present sender come back.
        manages: whether who asked manages the room.

    Raises:
        ProtocolError: ``room_is_fed`` or ``unauthorized``.
    """
    if resumes:
        return True
    if not opened.take_over:
        raise ProtocolError(
            "room_is_fed",
            f"somebody else feeds room {room}: use another, or take it over if you manage it",
        )
    if not manages:
        raise ProtocolError(
            "unauthorized", f"to take over room {room} needs a token that manages it"
        )
    return False
