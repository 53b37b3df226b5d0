"""Who may do what in which room: tokens, of which only a digest is kept on disk."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from realtime_mer.errors import InputError
from realtime_mer.rooms.names import Right, check_room
from realtime_mer.writing.replacing import replacing

TOKENS = "tokens.json"
"""The file's name in the folder of a service."""

EVERY_ROOM = "*"
"""In the place of a room's name: all of them, also those to come."""


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


_FILE = TypeAdapter(tuple[Grant, ...])


def digest_of(token: str) -> str:
    """Return what is kept of a token; it has 256 random bits, so that no salt and no cost helps."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenFile:
    """The tokens of a service, in a file that commands change while it runs.

    Args:
        path: of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def grants(self) -> tuple[Grant, ...]:
        """Return all tokens, oldest first.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return _FILE.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            raise InputError(
                f"{self.path} holds no tokens that can be read: move it away, and make new ones "
                "with `realtime-mer rooms token make`"
            ) from error

    def make(self, room: str, right: Right, *, note: str = "") -> tuple[Grant, str]:
        """Add a token and return it; nobody can read it again.

        Raises:
            InputError: no room can have this name, or the file cannot be written.
        """
        if room != EVERY_ROOM:
            check_room(room)
        token = secrets.token_urlsafe()
        grants = self.grants()
        grant = Grant(
            id=_fresh_id(grants),
            room=room,
            right=right,
            digest=digest_of(token),
            made_at=datetime.now().astimezone().isoformat("T", "seconds"),
            note=note,
        )
        self._write((*grants, grant))
        return grant, token

    def revoke(self, ids: list[str]) -> list[Grant]:
        """Take tokens away and return them; a running service ends their connections.

        Raises:
            InputError: there is no such token; then none is taken away.
        """
        grants = self.grants()
        known = {grant.id for grant in grants}
        if unknown := [name for name in ids if name not in known]:
            raise InputError(f"There is no token {unknown[0]}: see `realtime-mer rooms token list`")
        self._write(tuple(grant for grant in grants if grant.id not in ids))
        return [grant for grant in grants if grant.id in ids]

    def _write(self, grants: tuple[Grant, ...]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path, "w", encoding="utf-8") as file:
                os.chmod(file.name, 0o600)
                json.dump([asdict(grant) for grant in grants], file, indent=1)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}") from error


def _fresh_id(grants: tuple[Grant, ...]) -> str:
    taken = {grant.id for grant in grants}
    while (name := secrets.token_hex(3)) in taken:
        pass
    return name


class Rights:
    """What holders of tokens may do, as the file says at this moment.

    Args:
        file: of the tokens.
        asked: whether a token has to be shown at all.
        say: takes a line for people.

    Raises:
        InputError: the file cannot be read.
    """

    def __init__(self, file: TokenFile, *, asked: bool, say: Callable[[str], None]) -> None:
        self.asked = asked
        self._file, self._say = file, say
        self._seen = self._looks()
        self._grants = {grant.digest: grant for grant in file.grants()}

    def allows(self, token: str, room: str, right: Right) -> bool:
        """Whether the holder of a token may do something in a room."""
        grant = self._grants.get(digest_of(token))
        return grant is not None and grant.allows(room, right)

    def may(self, token: str | None, room: str, right: Right) -> bool:
        """Whether somebody who showed a token, or None, may do something in a room."""
        return not self.asked or (token is not None and self.allows(token, room, right))

    def knows(self, token: str) -> bool:
        """Whether a token is one, of whichever room."""
        return digest_of(token) in self._grants

    def named(self, room: str) -> bool:
        """Whether a token was made for a room."""
        return any(grant.room == room for grant in self._grants.values())

    def renew(self) -> bool:
        """Look at the file again; return whether it has changed."""
        if (seen := self._looks()) == self._seen:
            return False
        self._seen = seen
        try:
            self._grants = {grant.digest: grant for grant in self._file.grants()}
        except InputError as error:  # nobody who was let in is to be thrown out for that
            self._say(f"{error}. Until then the tokens of before hold.")
            return False
        return True

    def _looks(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(frozen=True, slots=True)
class RoomRights:
    """What has to be shown in one room, or for all of them (``gate.Rights``).

    Attributes:
        rights: of the service.
        room: its name, or ``EVERY_ROOM`` for a token of all rooms.
        right: to do what.
    """

    rights: Rights
    room: str
    right: Right

    @property
    def asked(self) -> bool:
        """Whether anything has to be shown."""
        return self.rights.asked

    @property
    def guessable(self) -> bool:
        """Whether it could be found by trying: tokens are made here, of 256 bits."""
        return False

    def accepts(self, token: str) -> bool:
        """Whether a token lets do it."""
        return self.rights.allows(token, self.room, self.right)


@dataclass(frozen=True, slots=True)
class AnyRoomRights:
    """What has to be shown where everybody is told of his own rooms alone (``gate.Rights``).

    Attributes:
        rights: of the service.
    """

    rights: Rights

    @property
    def asked(self) -> bool:
        """Whether anything has to be shown."""
        return self.rights.asked

    @property
    def guessable(self) -> bool:
        """As ``RoomRights``."""
        return False

    def accepts(self, token: str) -> bool:
        """Whether a token is of any room."""
        return self.rights.knows(token)
