"""What everything promises that a session's events leave by."""

from collections.abc import Mapping
from typing import Protocol

from realtime_mer.wire.protocol import Event


class Outlet(Protocol):
    """Where events go: to subscribers, to lights, to a file.

    An outlet may be slow, far away or broken, and the session must not feel it. So each has its own
    bounded queue or socket, gives way to newer events where it cannot follow, and counts what it
    gave up.
    """

    def publish(self, event: Event) -> None:
        """Take an event and return at once.

        It comes from the thread that made it: estimates and levels from one thread, status and
        markers from any. It raises nothing; what cannot be sent is counted.
        """

    def faults(self) -> Mapping[str, int]:
        """Return how many events were lost in a way that the user should know of, by what it was.

        What gives way to newer events for a slow reader, as it is meant to, is none.
        """

    def close(self) -> None:
        """Let go of everything; later events go nowhere. May be called twice."""
