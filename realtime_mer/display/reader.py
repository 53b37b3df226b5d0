"""The thread that reads the service and leaves what it saw in a slot."""

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from realtime_mer.client.streams import Gap
from realtime_mer.display.latest import Latest
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.errors import ProtocolError, ServiceError
from realtime_mer.wire.protocol import ServerMessage

_WAITS = (0.5, 1.0, 2.0, 4.0)  # seconds before each new try, the last for ever
_MOST_MARKERS = 8  # on their way at a time


class Messages(Protocol):
    """The messages of a service, as ``client.Subscription`` gives them."""

    def __iter__(self) -> Iterator[ServerMessage | Gap]: ...

    def mark(self, label: str, *, id: str = "") -> None:
        """Set a marker; raise ServiceError where there is no connection."""


class Reader:
    """Reads messages in a thread of its own, and connects again whenever they end.

    Args:
        subscribe: opens a connection and gives its messages until it ends; raises ServiceError or
            ProtocolError.
        latest: where what was seen is put.
        waits: seconds before each new try; the last holds for all that follow.
    """

    def __init__(
        self,
        subscribe: Callable[[], Messages],
        *,
        latest: Latest[Snapshot],
        waits: tuple[float, ...] = _WAITS,
    ) -> None:
        self._subscribe, self._latest, self._waits = subscribe, latest, waits
        self._messages: Messages | None = None
        self._marking = threading.BoundedSemaphore(_MOST_MARKERS)
        self._stop = threading.Event()
        # A daemon, because a read that waits for a silent service cannot be interrupted.
        self._thread = threading.Thread(target=self._run, name="display reader", daemon=True)

    def start(self) -> None:
        """Start to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no further; a read that waits for a service that says nothing is left behind."""
        self._stop.set()

    def mark(self, label: str, id: str) -> bool:
        """Ask the service for a marker, without waiting for it; it comes back among the messages.

        Args:
            label: one line of 1 to 200 characters.
            id: given back with the marker.

        Returns:
            False where it cannot be asked for: no connection, or too many on their way.
        """
        messages = self._messages
        if messages is None or not self._marking.acquire(blocking=False):
            return False

        def send() -> None:
            try:
                messages.mark(label, id=id)
            except (ServiceError, RuntimeError):
                # Lost, or (the latter) its event loop is closed: whoever waits for the marker to
                # come back says so.
                pass
            finally:
                self._marking.release()

        # A thread of its own: a stalled network may hold it up as long as it likes.
        threading.Thread(target=send, name="display marker", daemon=True).start()
        return True

    def _run(self) -> None:
        snapshot = Snapshot()
        tries = 0
        messages: Messages | None
        while not self._stop.is_set():
            try:
                messages = self._messages = self._subscribe()
                for message in messages:
                    if self._stop.is_set():
                        return
                    snapshot = snapshot.after(message)
                    if snapshot.link is Link.CONNECTED:
                        tries = 0
                    self._latest.put(snapshot)
                snapshot = snapshot.lost(snapshot.problem or "the connection ended")
            except (ServiceError, ProtocolError) as error:
                snapshot = snapshot.lost(str(error))
            finally:
                # Dropped here, a connection closes here, not while the interpreter ends.
                messages = self._messages = None
            self._latest.put(snapshot)
            self._stop.wait(self._waits[min(tries, len(self._waits) - 1)])
            tries += 1
