"""Who may do what in which room: asked of the tokens that are kept."""

from collections.abc import Callable
from dataclasses import dataclass

from realtime_mer.errors import InputError
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.tokens.grants import Tokens, digest_of


class Rights:
    """What holders of tokens may do, as it is kept at this moment.

    Args:
        tokens: those that are kept.
        asked: whether a token has to be shown at all.
        say: takes a line for people.

    Raises:
        InputError: they cannot be read.
    """

    def __init__(self, tokens: Tokens, *, asked: bool, say: Callable[[str], None]) -> None:
        self.asked = asked
        self._tokens, self._say = tokens, say
        tokens.changed()
        self._grants = {grant.digest: grant for grant in tokens.grants()}

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
        """Look at the tokens again; return whether they have changed."""
        if not self._tokens.changed():
            return False
        try:
            self._grants = {grant.digest: grant for grant in self._tokens.grants()}
        except InputError as error:  # nobody who was let in is to be thrown out for that
            self._say(f"{error}. Until then the tokens of before hold.")
            return False
        return True


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
