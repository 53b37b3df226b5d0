"""What a token lets do, as it is kept: never the token itself (pure)."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from pydantic import TypeAdapter
from pydantic_core import to_json

from realtime_mer.errors import InputError, ProtocolError
from realtime_mer.rooms.names import Right, check_room
from realtime_mer.wire.bounds import read_value

EVERY_ROOM = "*"
"""In the place of a room's name: all of them, also those to come."""

MAX_GRANT = 4096
"""Longest grant between machines, in bytes."""

_LONGEST_NOTE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A token, as it is kept.

    Attributes:
        id: by which it is listed and revoked.
        room: name of the room, or ``EVERY_ROOM``.
        right: what it lets do.
        digest: SHA-256 of the token, in hexadecimal.
        made_at: ISO 8601 time with offset.
        note: whom it was made for, as a person would say it.
    """

    id: str
    room: str
    right: Right
    digest: str
    made_at: str
    note: str = ""

    def allows(self, room: str, right: Right) -> bool:
        """Whether its holder may do something in a room."""
        return self.room in (room, EVERY_ROOM) and self.right.covers(right)

    def encode(self) -> bytes:
        """Return it as JSON."""
        return to_json(asdict(self))


class Tokens(Protocol):
    """What is kept of tokens, as far as who asks for them sees it."""

    def grants(self) -> tuple[Grant, ...]:
        """Return all that hold now, oldest first.

        Raises:
            InputError: they cannot be read.
        """

    def changed(self) -> bool:
        """Return whether they may have changed since this was asked last."""


class TokenStore(Protocol):
    """Where tokens are made and revoked."""

    def grants(self) -> tuple[Grant, ...]:
        """As of ``Tokens``."""

    def make(self, room: str, right: Right, *, note: str = "") -> tuple[Grant, str]:
        """Add a token and return it; nobody can read it again.

        Raises:
            InputError: no room can have this name, or nothing can be written.
            ServiceError: what keeps them does not answer.
        """

    def revoke(self, ids: list[str]) -> list[Grant]:
        """Take tokens away and return them; a running service ends their connections.

        Raises:
            InputError: there is no such token; then none is taken away.
            ServiceError: what keeps them does not answer.
        """


def digest_of(token: str) -> str:
    """Return what is kept of a token; it has 256 random bits, so that no salt and no cost helps."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_grant(room: str, right: Right, *, note: str, taken: Collection[str]) -> tuple[Grant, str]:
    """Return what is to be kept of a new token, and the token.

    Args:
        room, right, note: of the grant.
        taken: ids that it must not have.

    Raises:
        InputError: no room can have this name, or the note is too long.
    """
    if room != EVERY_ROOM:
        check_room(room)
    if len(note) > _LONGEST_NOTE:
        raise InputError(
            f"A note of {len(note)} characters is too long: give {_LONGEST_NOTE} at most."
        )
    while (name := secrets.token_hex(3)) in taken:
        pass
    token = secrets.token_urlsafe()
    grant = Grant(
        id=name,
        room=room,
        right=right,
        digest=digest_of(token),
        made_at=datetime.now().astimezone().isoformat("T", "seconds"),
        note=note,
    )
    return grant, token


def check_known(ids: Collection[str], known: Collection[str]) -> None:
    """Refuse what is the id of no token.

    Raises:
        InputError: there is no such token.
    """
    if unknown := [name for name in ids if name not in known]:
        raise InputError(f"There is no token {unknown[0]}: see `realtime-mer rooms token list`")


_GRANT: TypeAdapter[Grant | None] = TypeAdapter(Grant | None)


def parse_grant(data: bytes, *, key: str) -> Grant:
    """Read a grant that another process wrote.

    Args:
        data: as of ``Grant.encode``.
        key: under which it stood: its id.

    Raises:
        ProtocolError: ``bad_grant``, it is none.
    """
    grant = read_value(
        _GRANT, data, code="bad_grant", what="what is kept of a token", most=MAX_GRANT
    )
    if grant.id != key:
        raise ProtocolError("bad_grant", f"token {grant.id} under the name of {key}")
    return grant
