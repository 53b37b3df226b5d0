"""What a room may be called, where it is, and what one may do in it (pure)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from realtime_mer.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
NAME_RULE = (
    "1 to 63 letters, digits, dots, hyphens and underscores of ASCII, the first one a letter or "
    "digit"
)
"""What a room may be called, for people."""
ROOMS = "/rooms"
"""Where the rooms are listed, and below which they are."""


class Right(StrEnum):
    """What a token lets do."""

    FEED = "feed"
    WATCH = "watch"
    MANAGE = "manage"
    """Both, and take a room over from whoever feeds it."""

    def covers(self, other: "Right") -> bool:
        """Whether who has this right may do what the other one lets do."""
        return self in (other, Right.MANAGE)


def check_room(name: str) -> str:
    """Return a name that a room may have.

    Raises:
        InputError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be a room's name: give {NAME_RULE}")
    return name


@dataclass(frozen=True, slots=True)
class Address:
    """Where in a service of rooms a path leads.

    Attributes:
        room: its name; None for what is of no room.
        rest: what is asked of the room, or of the service, as of one session: ``/`` and so on; None
            where the path stops at the room's name without a slash.
    """

    room: str | None
    rest: str | None


def address(path: str) -> Address:
    """Return where a path leads, which has no query; what no room can be called leads to none."""
    if not path.startswith(f"{ROOMS}/"):
        return Address(None, path)
    name, slash, rest = path[len(ROOMS) + 1 :].partition("/")
    if not _NAME.fullmatch(name):
        return Address(None, path)
    return Address(name, f"/{rest}" if slash else None)
