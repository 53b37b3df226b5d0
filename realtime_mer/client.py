"""Subscribing to a service from Python: an asyncio stream and its blocking twin."""

import asyncio
import random
import ssl as tls
import threading
import time
from collections.abc import Coroutine, Generator, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from realtime_mer.errors import InputError, ProtocolError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.protocol import (
    MAX_SERVER_MESSAGE,
    PROTOCOL,
    STREAMS,
    Bye,
    ErrorMessage,
    Hello,
    LevelMessage,
    Mailbox,
    Marker,
    StatusMessage,
    Subscribe,
    encode,
    parse_server_message,
)
from realtime_mer.tls import client_context


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


StreamMessage = Estimate | StatusMessage | LevelMessage | Marker | Hello | Bye | Gap
"""What a stream yields; ``Hello``, ``Bye`` and ``Gap`` only with ``events``."""

_T = TypeVar("_T")

_OPEN_TIMEOUT_S = 5.0
_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 10.0


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
        if backlog < 1:
            raise InputError(f"backlog {backlog}: keep at least 1")
        self.hello: Hello
        self.reconnects = 0
        self._url = _normalised(url)
        self._subscribe = encode(Subscribe(streams=tuple(streams), max_rate=max_rate))
        self._tls = client_context(ca) if self._url.startswith("wss:") else None
        self._max_rate = max_rate
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._reconnect = reconnect
        self._events = events
        self._mailbox: Mailbox[StreamMessage] = Mailbox(control_limit=256, slot_size=backlog)
        self._mailbox.select(["estimates", "level"])
        self._news = asyncio.Event()
        self._last: tuple[str, Estimate] | None = None
        self._lost_at: float | None = None
        self._connection: ClientConnection
        self._reader: asyncio.Task[None]

    @property
    def replaced(self) -> int:
        """Estimates and levels that newer ones pushed out because the reader was busy."""
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
        self._reader.cancel()
        with suppress(asyncio.CancelledError, ServiceError, ProtocolError):
            await self._reader
        await self._connection.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamMessage:
        """Wait for the next message.

        Raises:
            ServiceError: the service refused a reconnection, or closed for a reason of ours.
            ProtocolError: the service sent an ``error``, or something that is none of its messages.
        """
        while True:
            message = self._mailbox.take()
            if message is not None:
                return message
            if self._reader.done():
                self._reader.result()
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()

    async def mark(self, label: str, *, id: str = "") -> None:
        """Set a marker at this moment of the stream, for everybody who subscribed to markers.

        Args:
            label: one line of 1 to 200 characters.
            id: up to 64 characters, given back with the marker.

        Raises:
            ServiceError: the connection is down just now.
        """
        try:
            await self._connection.send(encode(Marker(label=label, id=id)))
        except ConnectionClosed as error:
            raise ServiceError(f"the marker {label!r} was not set: no connection") from error

    async def _connect(self) -> None:
        connection = await _open_connection(self._url, self._headers, self._tls)
        self._connection = connection
        ready = False
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                hello = parse_server_message(await connection.recv())
                if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
                    raise ServiceError(
                        f"{self._url} does not speak {PROTOCOL}: use one version on both sides"
                    )
                await connection.send(self._subscribe)
            ready = True
        except (ConnectionClosed, TimeoutError) as error:
            raise _Unreachable(f"{self._url} answered and fell silent: try again") from error
        finally:
            if not ready:
                await connection.close()
        self.hello = hello
        if self._events:
            self._keep(hello)

    async def _connect_again(self) -> None:
        delay = _FIRST_DELAY_S
        while True:
            # Chance keeps the clients of a restarted service from coming all at once.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            try:
                await self._connect()
            except _Unreachable:
                delay = min(2 * delay, _LONGEST_DELAY_S)
            else:
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
                elif isinstance(message, Estimate | LevelMessage | StatusMessage | Marker):
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

    def _keep(self, message: StreamMessage) -> None:
        if isinstance(message, Estimate):
            if not self._note_gap(message):
                return
            self._mailbox.offer("estimates", message, t=message.t)
        elif isinstance(message, LevelMessage):
            self._mailbox.offer("level", message, t=message.t)
        else:
            self._mailbox.put(message)
        if self._mailbox.hopeless:
            raise ServiceError("too many messages wait to be read: read them faster")
        self._news.set()


connect = Stream
"""The name under which a program asks for a stream."""


def subscribe(
    url: str,
    *,
    streams: Sequence[str] = ("estimates",),
    max_rate: float | None = None,
    token: str | None = None,
    reconnect: bool = True,
    events: bool = False,
    backlog: int = 1,
    ca: str | None = None,
) -> "Subscription":
    """Return the messages of a service as a blocking iterator: ``for estimate in subscribe(url)``.

    The twin of ``connect`` for plain threads. It connects when the first message is asked for; the
    connection is served by a thread of its own, so that a reader that is busy gets the latest
    afterwards.

    Args:
        url, streams, max_rate, token, reconnect, events, backlog, ca: as for ``connect``.

    Raises:
        InputError: an argument that cannot be used.
    """
    stream = Stream(
        url,
        streams=streams,
        max_rate=max_rate,
        token=token,
        reconnect=reconnect,
        events=events,
        backlog=backlog,
        ca=ca,
    )
    return Subscription(stream)


class Subscription(Iterator[StreamMessage]):
    """The messages of a service, blocking. Leave its ``with`` block, or drop it, to disconnect."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._loop = _LoopThread()
        # A generator, which ends by itself where it is dropped; it must not know this object.
        self._messages = _blocking(stream, self._loop)

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


class _LoopThread:
    """An event loop in a thread, for callers that have none."""

    def __init__(self) -> None:
        self.running = False
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="realtime-mer-client", daemon=True
        )
        self._thread.start()
        self.running = True

    def run(self, step: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(step, self._loop)
        while not future.done():
            # Windows delivers Ctrl-C only between waits (not run on Windows).
            futures.wait([future], timeout=0.5)
        return future.result()

    def stop(self) -> None:
        self.running = False
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _blocking(stream: Stream, loop: _LoopThread) -> Generator[StreamMessage, None, None]:
    loop.start()
    try:
        loop.run(stream.__aenter__())
        try:
            while True:
                try:
                    message = loop.run(stream.__anext__())
                except StopAsyncIteration:
                    return
                yield message
        finally:
            loop.run(stream.__aexit__(None, None, None))
    finally:
        loop.stop()


class _Unreachable(ServiceError):
    """Nobody there for now: worth another try once there was somebody."""


async def _open_connection(
    url: str, headers: Mapping[str, str], tls_context: tls.SSLContext | None
) -> ClientConnection:
    try:
        return await open_websocket(
            url,
            ssl=tls_context,
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers=headers,
            compression=None,
            proxy=None,
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=1.0,
            max_size=MAX_SERVER_MESSAGE,
            max_queue=4,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            raise ServiceError(f"{url} refuses the token: give the right --token") from error
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise _Unreachable(f"{url} is full or about to stop: try again later") from error
        raise ServiceError(
            f"{url} is no realtime-mer service, or not by this name (HTTP {status})"
        ) from error
    except InvalidHandshake as error:
        raise _Unreachable(f"{url} is no realtime-mer service: {error}") from error
    except tls.SSLCertVerificationError as error:
        raise ServiceError(
            f"{url} shows a certificate that is not trusted ({error.verify_message}): give the "
            "right one to trust with --ca"
        ) from error
    except (OSError, TimeoutError) as error:
        raise _Unreachable(
            f"nothing answers at {url}: start the service with realtime-mer live"
        ) from error


def _normalised(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "ws", url
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    try:
        parse_uri(f"{scheme}://{rest}")
    except (InvalidURI, ValueError) as error:
        raise InputError(f"{url!r} is no address of a service: give ws://HOST:PORT") from error
    return f"{scheme}://{rest}"
