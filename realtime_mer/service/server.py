"""The WebSocket service: one asyncio loop in its own thread, fed from any thread.

The thread that publishes only puts a value into a bounded queue; encoding, thinning and sending
happen in the loop thread. ``reception`` holds who is let in, ``audience`` what they are told, and
``connection`` what is one reader's.
"""

import asyncio
import logging
import secrets
import socket
import ssl as tls
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from websockets.http11 import Request

from realtime_mer.errors import ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.service.audience import Audience
from realtime_mer.service.connection import Connection, Limits, address_of
from realtime_mer.service.door import Door
from realtime_mer.service.gate import Admission, EventsAdmission, Gate, OneToken
from realtime_mer.service.listening import check_port, check_token, usual_address
from realtime_mer.service.metrics import Metrics, Traffic
from realtime_mer.service.owners import Owners
from realtime_mer.service.pages import Page
from realtime_mer.service.reception import Reception
from realtime_mer.wire import access
from realtime_mer.wire.protocol import (
    CloseCode,
    Event,
    Hello,
    LevelMessage,
    Marker,
    StatusMessage,
    Subscribe,
)
from realtime_mer.wire.settings import Change, Settings
from realtime_mer.wording import SESSION_END

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Service:
    """An outlet: sends estimates, status, level and markers to whoever subscribes.

    ``publish`` may be called from any thread and never blocks: it puts the event in a bounded queue
    and wakes the service. Before ``start`` and after ``close`` it does nothing. As a context
    manager it starts and closes.

    Args:
        hello: what every client is told first; ``session`` and ``authorization_required`` are
            filled in.
        host: address to listen on; beyond loopback a token is required.
        port: TCP port, 0 for any free one.
        token: what a client has to show; None for nothing.
        weak_token: whether a token under 128 bits of randomness will do beyond loopback.
        name: what this machine is called on the network besides its own name; None for nothing.
        ssl: context for TLS; None for plain text.
        key: what a client on this machine has to show before it may ask for other settings; None
            where nobody may.
        limits: bounds on what clients can do; None for the usual.

    Raises:
        InputError: a port or token that cannot be used, or a token that could be guessed.
        ServiceError: the token is missing where it is required.
    """

    def __init__(
        self,
        *,
        hello: Hello,
        host: str = "127.0.0.1",
        port: int = 8765,
        token: str | None = None,
        weak_token: bool = False,
        name: str | None = None,
        ssl: tls.SSLContext | None = None,
        key: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        limits = limits if limits is not None else Limits()

        # These cross between the threads: appended to on one side, emptied on the other.
        self._ordered: deque[StatusMessage | Marker] = deque(maxlen=256)
        self._estimates: deque[Estimate] = deque(maxlen=64)
        self._levels: deque[LevelMessage] = deque(maxlen=64)
        self._markers: deque[Marker] = deque(maxlen=256)
        self._overflows = self._markers_lost = 0
        self._woken = False

        # The loop thread alone writes these.
        self._owners = Owners(key)
        self._key = key
        self._metrics = Metrics(self._traffic)
        self._audience = Audience(
            hello=replace(hello, session=secrets.token_hex(8), history_s=limits.history_s),
            limits=limits,
            metrics=self._metrics,
            owners=self._owners,
            marked=self._marked,
            full=lambda: self._reception.full,
        )
        self._reception = Reception(_OneSession(self._audience), limits=limits, log=_log)
        self._names = (socket.gethostname(), *([] if name is None else [name]))
        self._door = self._make_door(host, port, token=token, weak_token=weak_token, ssl=ssl)

        self._stop: asyncio.Event
        self._reason = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # For the threads of the caller.

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Listen; returns once the port is bound.

        Where the system allows fewer open files than the connections that may come and 512 more,
        this process asks for as many.

        Raises:
            ServiceError: the port is busy, the address is not there, or it was started before.
        """
        if self._thread is not None:
            raise ServiceError("this service was started before: make a new one")
        self._reception.allow_files()
        bound: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._thread_main, args=(bound,), name="realtime-mer-service", daemon=True
        )
        self._thread.start()
        bound.result()

    def close(self, reason: str = SESSION_END) -> None:
        """Say ``bye`` to all and free the port; returns when both are done. May be called twice."""
        loop, self._loop = self._loop, None
        if loop is not None:
            self._reason = reason
            loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    @property
    def port(self) -> int:
        """The port; once started, the one that is bound."""
        return self._door.port

    @property
    def url(self) -> str:
        """Where a client on this machine connects."""
        return self._door.url

    @property
    def token(self) -> str | None:
        """What a client has to show; None for nothing."""
        return self._door.token

    @property
    def key(self) -> str | None:
        """What a client on this machine has to show before it may ask for other settings."""
        return self._key

    def open_door(
        self,
        host: str,
        port: int = 0,
        *,
        token: str | None = None,
        ssl: tls.SSLContext | None = None,
    ) -> Door:
        """Listen on another address too, with a token of its own; returns once it is bound.

        Whoever comes by it sees the same session, from its past on.

        Args:
            host, port, token, ssl: as for the service itself.

        Raises:
            InputError: a port or token that cannot be used, or a token that could be guessed.
            ServiceError: the token is missing where it is required, nobody can listen there, or the
                service does not run.
        """
        door = self._make_door(host, port, token=token, weak_token=False, ssl=ssl)
        self._call(self._reception.open(door))
        return door

    def close_door(self, door: Door, reason: str) -> None:
        """Listen there no longer, and say ``bye`` to all who came by it; returns when both is done.

        Does nothing for a door that is closed, or where the service does not run any more.
        """
        with suppress(ServiceError):
            self._call(self._shut(door, reason))

    def take_changes(self) -> list[Change]:
        """Remove and return what clients who may ask for other settings have asked for."""
        return self._owners.take()

    def tell_settings(self, settings: Settings) -> None:
        """Tell how settings stand: who may change them, and in ``hello`` whoever comes."""
        self._audience.hello = replace(
            self._audience.hello, smoothing_s=settings.smoothing_s, delay_s=settings.delay_s
        )
        self._soon(self._owners.tell, settings)

    def refuse_change(self, message: str) -> None:
        """Tell those who may change settings that something could not be changed."""
        self._soon(self._owners.refuse, message)

    def _soon(self, function: Callable[[_T], None], value: _T) -> None:
        """Call something in the service's thread, if that runs."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it was closed since
                loop.call_soon_threadsafe(function, value)

    def _call(self, step: Coroutine[Any, Any, None]) -> None:
        """Run something in the service's thread and wait for it."""
        loop = self._loop
        try:
            if loop is None:
                raise RuntimeError
            future = asyncio.run_coroutine_threadsafe(step, loop)
        except RuntimeError as error:  # it was closed since
            step.close()
            raise ServiceError("the service does not run") from error
        try:
            future.result()
        except CancelledError as error:
            raise ServiceError("the service has ended") from error

    @property
    def clients(self) -> int:
        """How many clients are connected, subscribed or not, readers of events among them."""
        return len(self._audience)

    @property
    def open_connections(self) -> int:
        """How many connections are open, those of clients and those for a page or in between."""
        return len(self._reception.connections)

    @property
    def dropped(self) -> int:
        """How many messages gave way to newer ones so far, over all clients.

        Nearly always estimates and levels that waited for slow readers; besides, markers of which
        too many waited for one, and whatever was published faster than the service's thread could
        take it.
        """
        return self._audience.counts.dropped + self._overflows

    def publish(self, event: Event) -> None:
        """Send an event to all who subscribed to its stream; a marker carries its times."""
        match event:
            case Estimate():
                self._hand_over(self._estimates, event)
            case LevelMessage():
                self._hand_over(self._levels, event)
            case StatusMessage() | Marker():
                self._hand_over(self._ordered, event)

    def faults(self) -> dict[str, int]:
        """Return what its own thread could not take in time, and what clients sent too fast."""
        return {
            "messages that came too fast for the service": self._overflows,
            "markers of subscribers that came too fast": self._markers_dropped,
        }

    def take_markers(self) -> list[Marker]:
        """Remove and return the markers that clients set since the last call, oldest first.

        They carry their times and were sent to all who subscribed to ``markers`` already. Of more
        than 256 the oldest are forgotten, and counted in ``faults``.
        """
        markers: list[Marker] = []
        while self._markers:
            markers.append(self._markers.popleft())
        return markers

    def _hand_over(self, queue: deque[Any], event: Event) -> None:
        loop = self._loop
        if loop is None:
            return
        if len(queue) == queue.maxlen:
            self._overflows += 1
        queue.append(event)
        # The loop lowers the flag before it empties the queues, so that no event stays behind; at
        # worst two threads wake it twice.
        if not self._woken:
            self._woken = True
            try:
                loop.call_soon_threadsafe(self._distribute)
            except RuntimeError:  # the loop was closed since we looked
                self._loop = None

    def _thread_main(self, bound: "Future[None]") -> None:
        try:
            asyncio.run(self._run(bound))
        finally:
            if not bound.done():
                bound.set_exception(ServiceError("the service ended before it could listen"))

    # In the loop thread.

    @property
    def _markers_dropped(self) -> int:
        return self._audience.counts.markers_dropped + self._markers_lost

    async def _run(self, bound: "Future[None]") -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._reception.notices.handle)
        self._stop = asyncio.Event()
        try:
            await self._reception.open(self._door)
        except ServiceError as error:
            bound.set_exception(error)
            return
        self._loop = loop
        bound.set_result(None)
        await self._stop.wait()
        self._distribute()
        self._audience.end()
        await asyncio.gather(*[self._shut(door, self._reason) for door in self._reception.doors])

    def _make_door(
        self,
        host: str,
        port: int,
        *,
        token: str | None,
        weak_token: bool,
        ssl: tls.SSLContext | None,
    ) -> Door:
        check_port(port)
        if token is not None:
            check_token(token, host=host, weak=weak_token)
        if token is None and not access.is_loopback(host):
            raise ServiceError(
                f"host {host or '0.0.0.0'} opens the service to the network: give a --token"
            )
        gate = Gate(
            host=usual_address(host),
            names=self._names,
            rights=OneToken(token),
            metrics=self._metrics.render,
            now=self._audience.now,
            told=lambda line: self._reception.notices.tell("wrong tokens", line),
            guesses=self._reception.guesses,
        )
        return Door(host=gate.host, port=port, token=token, ssl=ssl, gate=gate)

    async def _shut(self, door: Door, reason: str) -> None:
        if self._reception.listens(door):
            server = self._reception.stop_listening(door)
            partings = self._audience.part(
                reason,
                code=CloseCode.GOING_AWAY,
                why="the service stops",
                of=lambda other: other is door,
            )
            await self._reception.shut(door, server, partings)

    def _traffic(self) -> Traffic:
        return replace(
            self._audience.traffic(self._reception),
            dropped_total=self.dropped,
            markers_dropped_total=self._markers_dropped,
        )

    def _distribute(self) -> None:
        # Only what is there now: whoever publishes faster than this sends would otherwise never
        # let the loop go on to what clients send. What comes meanwhile wakes it again.
        self._woken = False
        for _ in range(len(self._ordered)):
            self._audience.tell(self._ordered.popleft())
        for _ in range(len(self._estimates)):
            self._audience.offer(self._estimates.popleft())
        for _ in range(len(self._levels)):
            self._audience.offer(self._levels.popleft())

    def _marked(self, marker: Marker) -> None:
        self._markers_lost += len(self._markers) == self._markers.maxlen
        self._markers.append(marker)


class _OneSession:
    """What is behind the doors of a service of one session.

    Args:
        audience: of the session.
    """

    def __init__(self, audience: Audience) -> None:
        self._audience = audience

    def judge(self, client: Connection, request: Request) -> Page | Admission | EventsAdmission:
        """As ``Site`` promises."""
        return client.gate.judge(
            request.method,
            request.path,
            request.headers,
            address=address_of(client),
            now=time.monotonic(),
        )

    def send_events(self, client: Connection, asked: Subscribe, *, head: bytes) -> None:
        """As ``Site`` promises."""
        self._audience.send_events(client, asked, head=head)

    async def attend(self, client: Connection) -> None:
        """As ``Site`` promises."""
        await self._audience.attend(client)
