"""The thread that reads the service and leaves what it saw in a slot."""

import threading
from collections.abc import Callable, Iterable

from realtime_mer.client import Gap
from realtime_mer.display.latest import Latest
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.errors import ProtocolError, ServiceError
from realtime_mer.protocol import ServerMessage

_WAITS = (0.5, 1.0, 2.0, 4.0)  # seconds before each new try, the last for ever
_CLOSE_SECONDS = 1.0


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
        subscribe: Callable[[], Iterable[ServerMessage | Gap]],
        *,
        latest: Latest[Snapshot],
        waits: tuple[float, ...] = _WAITS,
    ) -> None:
        self._subscribe, self._latest, self._waits = subscribe, latest, waits
        self._stop = threading.Event()
        # A daemon, because a read that waits for a silent service cannot be interrupted.
        self._thread = threading.Thread(target=self._run, name="display reader", daemon=True)

    def start(self) -> None:
        """Start to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no further, and give the connection a moment to close."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_CLOSE_SECONDS)

    def _run(self) -> None:
        snapshot = Snapshot()
        tries = 0
        while not self._stop.is_set():
            try:
                for message in self._subscribe():
                    if self._stop.is_set():
                        return
                    snapshot = snapshot.after(message)
                    if snapshot.link is Link.CONNECTED:
                        tries = 0
                    self._latest.put(snapshot)
                snapshot = snapshot.lost(snapshot.problem or "the connection ended")
            except (ServiceError, ProtocolError) as error:
                snapshot = snapshot.lost(str(error))
            self._latest.put(snapshot)
            self._stop.wait(self._waits[min(tries, len(self._waits) - 1)])
            tries += 1
