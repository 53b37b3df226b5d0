"""One reader of server-sent events: what waits for it, and how it ends.

It came as every connection does and was judged as one; then it takes over the transport. It is
written to only while its socket takes what it is given; everything runs in the service's loop.
"""

import asyncio
from collections.abc import Callable

from realtime_mer.service import events
from realtime_mer.service.connection import Connection
from realtime_mer.wire.mailbox import Mailbox
from realtime_mer.wire.protocol import Subscribe


class EventStream(asyncio.Protocol):
    """Sends the newest of each stream, and each of the last markers.

    Args:
        connection: that asked; it is at its end as a WebSocket.
        asked: for what.
        head: of the response.
        readers: all that read events; it counts itself among them until it is gone.

    Attributes:
        asked: for what.
        token: that was shown; None where none is asked for.
        gone: is done once the connection is lost.
    """

    def __init__(
        self,
        connection: Connection,
        asked: Subscribe,
        *,
        head: bytes,
        readers: "set[EventStream]",
    ) -> None:
        self.asked = asked
        self.door, self.token = connection.door, connection.token
        self._limits, self._others = connection.limits, connection.others
        self._loop = connection.loop
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._readers = readers
        self._came = 0
        self._paused = self._parting = False
        self._mailbox: Mailbox[bytes] = Mailbox()
        several = {"status": 1, "markers": self._limits.markers}
        self._mailbox.select(
            [stream for stream in asked.streams if stream not in several],
            max_rate=asked.max_rate,
            several={stream: size for stream, size in several.items() if stream in asked.streams},
        )
        self.transport = connection.hand_over(self)
        self._others.add(self)
        readers.add(self)
        self.transport.write(head + events.BEGINNING)
        self._timer = self._loop.call_later(self._limits.keep_alive_s, self._keep_alive)

    def offer(self, stream: str, event: bytes, *, t: float) -> int:
        """Send the newest of a stream as soon as possible; how many it pushed out."""
        pushed_out = self._mailbox.offer(stream, event, t=t)
        self._pump()
        return pushed_out

    def part(self, farewell: bytes) -> None:
        """Say a last event and end; whoever does not take it in time is cut off."""
        if self._parting:
            return
        if not self._paused:
            self.transport.write(farewell)
        self._parting = True
        self.transport.close()
        self._wait(self._limits.close_timeout_s, self.transport.abort)

    def _pump(self) -> None:
        while not (self._paused or self._parting):
            event = self._mailbox.take()
            if event is None:
                return
            self.transport.write(event)

    def _keep_alive(self) -> None:
        self.transport.write(events.KEEP_ALIVE)
        if not self._paused:  # else it runs out as for any other that takes nothing
            self._wait(self._limits.keep_alive_s, self._keep_alive)

    def _wait(self, seconds: float, then: Callable[[], object]) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then)

    # Callbacks of the transport.

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._readers.discard(self)
        self._others.discard(self)
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._came += len(data)  # nobody asked
        if self._came > self._limits.opening_bytes:
            self.transport.abort()

    def pause_writing(self) -> None:
        self._paused = True
        if not self._parting:
            self._wait(self._limits.stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._paused = False
        if not self._parting:
            self._wait(self._limits.keep_alive_s, self._keep_alive)
        self._pump()
