"""``Owners``: those clients who may change the session's settings, and what they ask for."""

from collections import deque

from realtime_mer.service.connection import Connection, text_frame
from realtime_mer.wire import access
from realtime_mer.wire.settings import Change, Settings

_MOST_CHANGES = 16  # that wait: many more than a person asks for while the session is busy


class Owners:
    """Who showed the session's key, from the session's own machine.

    All but ``take`` is for the service's thread.

    Args:
        key: the session's; None where nobody may change anything.
    """

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._changes: deque[Change] = deque()
        self._settings: bytes | None = None
        self._clients: set[Connection] = set()

    def own(self, client: Connection, key: str) -> None:
        """Let a client change settings if it may; it is told how they stand."""
        here = access.is_loopback(client.address)
        if not (here and self._key is not None and access.same_token(key, self._key)):
            client.refuse("not_owner", "only the link that the session printed on its own machine")
            return
        self._clients.add(client)
        if self._settings is not None:
            client.deliver(self._settings)

    def leave(self, client: Connection) -> None:
        """Part with a client."""
        self._clients.discard(client)

    def ask(self, client: Connection, change: Change) -> None:
        """Let a change wait until it is taken."""
        if client not in self._clients:
            client.refuse("not_owner", "only the link that the session printed on its own machine")
        elif len(self._changes) >= _MOST_CHANGES:
            client.refuse("not_changed", "the session is busy: try again")
        else:
            self._changes.append(change)

    def take(self) -> list[Change]:
        """Remove and return the changes that wait, oldest first. From one thread."""
        return [self._changes.popleft() for _ in range(len(self._changes))]

    def tell(self, settings: Settings) -> None:
        """Tell all of them how settings stand, and those to come."""
        self._settings = text_frame(settings)
        for client in list(self._clients):
            client.deliver(self._settings)

    def refuse(self, message: str) -> None:
        """Tell all of them that something could not be changed."""
        for client in list(self._clients):
            client.refuse("not_changed", message)
