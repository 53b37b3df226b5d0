"""Subscribing to a service from Python: an asyncio stream and its blocking twin."""

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from inspect import signature
from types import TracebackType
from typing import ParamSpec, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from realtime_mer.client.blocking import LoopThread, blocking
from realtime_mer.client.connecting import (
    OPEN_TIMEOUT_S,
    Unreachable,
    normalised,
    open_connection,
    retry_delay,
)
from realtime_mer.errors import InputError, ProtocolError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.wire.mailbox import Mailbox
from realtime_mer.wire.past import MAX_MARKERS
from realtime_mer.wire.protocol import (
    MAX_HISTORY_S,
    PROTOCOL,
    STREAMS,
    Bye,
    ErrorMessage,
    Hello,
    History,
    LevelMessage,
    Marker,
    StatusMessage,
    Subscribe,
    encode,
    parse_server_message,
)
from realtime_mer.wire.tls import client_context


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """What a client missed while it had no connection, told before the next estimate.

    Attributes:
        offline_s: seconds without a connection.
        missed_s: seconds of sound whose estimates were missed; None where the service was started
            anew meanwhile, so that its stream time began at 0.
    """

    offline_s: float
    missed_s: float | None


StreamMessage = Estimate | StatusMessage | LevelMessage | Marker | History | Hello | Bye | Gap
"""What a stream yields; ``Hello``, ``Bye`` and ``Gap`` only with ``events``, ``History`` only where
it was asked for."""

_P = ParamSpec("_P")


class Stream:
    """A subscription: ``async with connect(url) as stream: async for estimate in stream``.

    The iterator yields every message in order while its reader keeps up; of the estimates (and of
    the levels) that come while the reader is busy it keeps the latest ``backlog``. It ends when the
    service says ``bye``, or, with ``reconnect``, never.

    Args:
        url: ``ws://HOST:PORT``, ``wss://…``, or just ``HOST:PORT``.
        streams: some of ``estimates``, ``status``, ``level``, ``markers``; the iterator yields
            ``Estimate``, ``StatusMessage``, ``LevelMessage`` and ``Marker`` values.
        max_rate: most estimates, and most levels, per second of sound; None for every one.
        history: seconds of the past to begin with, 0 to 600: the iterator yields it as ``History``
            values before the first estimate. After a loss it yields what was missed so far as the
            service still has it, and nothing twice.
        token: what the service asks for, if it asks.
        reconnect: after a loss connect again, by and by more patiently; otherwise the iterator
            ends with the service's ``bye`` or raises ServiceError at a loss.
        events: also yield ``Hello`` at every connection, ``Bye`` at every loss, and a ``Gap`` where
            estimates were missed in between.
        backlog: estimates, and levels, kept for a reader that is busy; 1 is always the latest.
        ca: path of a PEM file with the certificate to trust, for ``wss://`` with one of your own;
            None for the authorities that this machine trusts.

    Attributes:
        hello: what the service said of itself at the latest connection.
        reconnects: how often the connection was lost and made again.

    Raises:
        InputError: an argument that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        streams: Sequence[str] = ("estimates",),
        max_rate: float | None = None,
        history: float = 0.0,
        token: str | None = None,
        reconnect: bool = True,
        events: bool = False,
        backlog: int = 1,
        ca: str | None = None,
    ) -> None:
        unknown = [stream for stream in streams if stream not in STREAMS]
        if isinstance(streams, str) or unknown:
            raise InputError(f"streams {streams!r}: give a list of {', '.join(STREAMS)}")
        if max_rate is not None and not 0 < max_rate <= 1000:
            raise InputError(f"max_rate {max_rate}: give more than 0 and at most 1000 a second")
        if not 0 <= history <= MAX_HISTORY_S:
            raise InputError(f"history {history}: give 0 to {MAX_HISTORY_S:g} seconds")
        if backlog < 1:
            raise InputError(f"backlog {backlog}: keep at least 1")
        self.hello: Hello
        self.reconnects = 0
        self._url = normalised(url)
        self._subscribe = encode(
            Subscribe(streams=tuple(streams), max_rate=max_rate, history=history)
        )
        self._tls = client_context(ca) if self._url.startswith("wss:") else None
        self._max_rate = max_rate
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._reconnect = reconnect
        self._events = events
        self._mailbox: Mailbox[StreamMessage] = Mailbox(ordered_limit=256, slot_size=backlog)
        # Whoever sets markers must not end the stream of a program that is busy.
        self._mailbox.select(["estimates", "level"], several={"markers": 256})
        self._news = asyncio.Event()
        self._last: tuple[str, Estimate] | None = None
        self._marked: deque[Marker] = deque(maxlen=MAX_MARKERS)  # told so far
        self._lost_at: float | None = None
        self._connection: ClientConnection
        self._reader: asyncio.Task[None] | None = None

    @property
    def replaced(self) -> int:
        """Estimates, levels and markers that newer ones pushed out as the reader was busy."""
        return self._mailbox.replaced

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            ServiceError: there is no service at the address, or it refuses.
        """
        await self._connect()
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._news.set())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        reader = self._entered()
        reader.cancel()
        with suppress(asyncio.CancelledError, ServiceError, ProtocolError):
            await reader
        await self._connection.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamMessage:
        """Wait for the next message.

        Raises:
            InputError: it was not entered.
            ServiceError: the service refused a reconnection, or closed for a reason of ours.
            ProtocolError: the service sent an ``error``, or something that is none of its messages.
        """
        reader = self._entered()
        while True:
            message = self._mailbox.take()
            if message is not None:
                return message
            if reader.done():
                reader.result()
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()

    async def mark(self, label: str, *, id: str = "") -> None:
        """Set a marker at this moment of the stream, for everybody who subscribed to markers.

        Args:
            label: one line of 1 to 200 characters.
            id: up to 64 characters, given back with the marker.

        Raises:
            InputError: the stream was not entered.
            ServiceError: the connection is down just now.
        """
        self._entered()
        try:
            await self._connection.send(encode(Marker(label=label, id=id)))
        except ConnectionClosed as error:
            raise ServiceError(f"the marker {label!r} was not set: no connection") from error

    def _entered(self) -> asyncio.Task[None]:
        if self._reader is None:
            raise InputError("this stream is not connected: use it inside its async with block")
        return self._reader

    async def _connect(self) -> None:
        connection = await open_connection(self._url, self._headers, self._tls)
        self._connection = connection
        ready = False
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                hello = parse_server_message(await connection.recv())
                if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
                    raise ServiceError(
                        f"{self._url} does not speak {PROTOCOL}: use one version on both sides"
                    )
                await connection.send(self._subscribe)
            ready = True
        except (ConnectionClosed, TimeoutError) as error:
            raise Unreachable(f"{self._url} answered and fell silent: try again") from error
        finally:
            if not ready:
                await connection.close()
        self.hello = hello
        if self._events:
            self._keep(hello)

    async def _connect_again(self) -> None:
        for attempt in itertools.count():
            await asyncio.sleep(retry_delay(attempt, random.random()))
            with suppress(Unreachable):
                await self._connect()
                self.reconnects += 1
                return

    async def _read(self) -> None:
        while True:
            bye = await self._read_connection()
            if bye is None:
                code, reason = self._connection.close_code, self._connection.close_reason
                lost = f"connection to {self._url} lost: {reason or f'close code {code}'}"
                if not self._reconnect:
                    raise ServiceError(f"{lost}; subscribe again")
                bye = Bye(reason=lost)
            if self._events:
                self._keep(bye)
            self._lost_at = time.monotonic()
            if not self._reconnect:
                return
            await self._connect_again()

    async def _read_connection(self) -> Bye | None:
        """Keep what comes until the connection closes; return the ``bye`` if there was one."""
        bye = None
        with suppress(ConnectionClosed):
            async for text in self._connection:
                message = parse_server_message(text)
                if isinstance(message, ErrorMessage):
                    if message.code == "unauthorized":
                        raise ServiceError(f"{self._url} needs its token: give it with --token")
                    raise ProtocolError(message.code, message.message)
                if isinstance(message, Bye):
                    bye = message
                elif isinstance(
                    message, Estimate | LevelMessage | StatusMessage | Marker | History
                ):
                    self._keep(message)
                    # Lets a reader that waits have this one before the next comes.
                    await asyncio.sleep(0)
        return bye

    def _note_gap(self, estimate: Estimate) -> bool:
        """Tell what was missed before this estimate; False if it came before the connection broke.

        A service sends its latest estimate to whoever subscribes, so the first one after a loss may
        be known already.
        """
        session = self.hello.session
        # Without a session, as of a service that tells none, any seq may be a new one.
        last = self._last[1] if self._last and session and self._last[0] == session else None
        if last is not None and estimate.seq <= last.seq:
            return False
        if self._lost_at is not None and self._last is not None:
            step = max(self.hello.hop, 1 / self._max_rate if self._max_rate else 0.0)
            missed = None if last is None else round(max(0.0, estimate.t - last.t - step), 6)
            offline = round(time.monotonic() - self._lost_at, 3)
            if self._events and missed != 0:
                self._keep(Gap(offline_s=offline, missed_s=missed))
        self._lost_at = None
        self._last = session, estimate
        return True

    def _unknown(self, past: History) -> History:
        """Return what of the past was not told before the connection broke."""
        if self._last is not None and self.hello.session and self._last[0] == self.hello.session:
            past = past.after(self._last[1].seq)
        markers = tuple(marker for marker in past.markers if marker not in self._marked)
        self._marked.extend(markers)
        return replace(past, markers=markers)

    def _keep(self, message: StreamMessage) -> None:
        if isinstance(message, Estimate):
            if not self._note_gap(message):
                return
            self._mailbox.offer("estimates", message, t=message.t)
        elif isinstance(message, LevelMessage):
            self._mailbox.offer("level", message, t=message.t)
        elif isinstance(message, History):
            past = self._unknown(message)
            if past.seq or past.markers:
                self._mailbox.put(past)
        elif isinstance(message, Marker):
            self._marked.append(message)
            self._mailbox.offer("markers", message, t=0.0)
        else:
            self._mailbox.put(message)
        if self._mailbox.hopeless:
            raise ServiceError("too many messages wait to be read: read them faster")
        self._news.set()


connect = Stream
"""The name under which a program asks for a stream."""


class Subscription(Iterator[StreamMessage]):
    """The messages of a service, blocking. Leave its ``with`` block, or drop it, to disconnect."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._loop = LoopThread()
        # A generator, which ends by itself where it is dropped; it must not know this object.
        self._messages = blocking(stream, self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __next__(self) -> StreamMessage:
        """Wait for the next message.

        Raises:
            ServiceError: there is no service at the address, or it refuses.
            ProtocolError: the service sent an ``error``, or something that is none of its messages.
        """
        return next(self._messages)

    def mark(self, label: str, *, id: str = "") -> None:
        """Set a marker at this moment of the stream, as ``Stream.mark`` does.

        Raises:
            ServiceError: the connection is down just now, or not made yet.
        """
        if not self._loop.running:
            raise ServiceError(f"the marker {label!r} was not set: ask for a message first")
        self._loop.run(self._stream.mark(label, id=id))

    def close(self) -> None:
        """Disconnect; may be called twice."""
        self._messages.close()


def _twin(connect: Callable[_P, Stream]) -> Callable[_P, Subscription]:
    def subscribe(*args: _P.args, **options: _P.kwargs) -> Subscription:
        """Return the messages of a service as a blocking iterator: ``for x in subscribe(url)``.

        The twin of ``connect`` for plain threads, with the same arguments. It connects when the
        first message is asked for; the connection is served by a thread of its own, so that a
        reader that is busy gets the latest afterwards.

        Raises:
            InputError: an argument that cannot be used.
        """
        return Subscription(connect(*args, **options))

    # One signature for both: type checkers take it from the ParamSpec, help() from here.
    shown = signature(connect).replace(return_annotation=Subscription)
    subscribe.__signature__ = shown  # type: ignore[attr-defined]
    return subscribe


subscribe = _twin(connect)
