"""The WebSocket service: one asyncio loop in its own thread, fed from any thread.

The thread that publishes only puts a value into a bounded queue; encoding, thinning and sending
happen in the loop thread. A reader is written to only while its socket takes what it is given;
meanwhile its mailbox keeps the latest (see docs/decisions/0005-mailbox-per-reader.md).
"""

import asyncio
import errno
import hmac
import ipaddress
import logging
import socket
import ssl as tls
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from realtime_mer.errors import InputError, ProtocolError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.protocol import (
    PROTOCOL,
    Authorize,
    Bye,
    CloseCode,
    ErrorMessage,
    Hello,
    LevelMessage,
    Mailbox,
    Marker,
    MessageBudget,
    Ping,
    Pong,
    ServerMessage,
    StatusMessage,
    Subscribe,
    encode,
    parse_client_message,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one service allows.

    Attributes:
        connections: most clients at a time, subscribed or not.
        handshakes: most connections beyond those, still in the opening handshake.
        open_timeout_s: seconds a client has for the opening handshake.
        subscribe_timeout_s: seconds a client has, once connected, to authorize and subscribe.
        messages_per_s, message_burst: messages a client may send, in the long run and at once.
        message_bytes: a longer message closes the connection; one over ``MAX_CLIENT_MESSAGE`` is
            refused with an ``error``.
        control_messages: control messages that may wait for a reader.
        socket_bytes: send buffer asked of the operating system for each reader. It bounds how old
            the estimates are that a reader finds after a pause.
        write_bytes: bytes waiting beyond that which stop the writing to a reader.
        stall_timeout_s: seconds after which a reader that takes nothing is closed.
        close_timeout_s: seconds a client has to answer a close before it is cut off.
    """

    connections: int = 256
    handshakes: int = 64
    open_timeout_s: float = 5.0
    subscribe_timeout_s: float = 10.0
    messages_per_s: float = 20.0
    message_burst: int = 40
    message_bytes: int = 65536
    control_messages: int = 32
    socket_bytes: int = 16384
    write_bytes: int = 4096
    stall_timeout_s: float = 30.0
    close_timeout_s: float = 1.0


class Service:
    """Sends estimates, status, level and markers to whoever subscribes.

    The ``publish_…`` methods may be called from any thread and never block: they put the value in a
    bounded queue and wake the service. Before ``start`` and after ``stop`` they do nothing. As a
    context manager it starts and stops.

    Args:
        hello: what every client is told first; ``authorization_required`` is filled in.
        host: address to listen on; beyond loopback a token is required.
        port: TCP port, 0 for any free one.
        token: what a client has to show; None for nothing.
        ssl: context for TLS; None for plain text.
        limits: bounds on what clients can do.

    Raises:
        InputError: a port or token that cannot be used.
        ServiceError: the token is missing where it is required.
    """

    def __init__(
        self,
        *,
        hello: Hello,
        host: str = "127.0.0.1",
        port: int = 8765,
        token: str | None = None,
        ssl: tls.SSLContext | None = None,
        limits: Limits = Limits(),
    ) -> None:
        if not 0 <= port <= 65535:
            raise InputError(f"port {port} does not exist: choose 0 (any free one) to 65535")
        if token is not None and not (token and all("!" <= letter <= "~" for letter in token)):
            raise InputError("the token must be ASCII letters, digits and signs without spaces")
        if token is None and not _is_loopback(host):
            raise ServiceError(
                f"host {host or '0.0.0.0'} opens the service to the network: give a --token"
            )
        # "localhost" would listen on two addresses, for port 0 even on two different ports.
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._token = token
        self._ssl = ssl
        self._limits = limits
        self._hello = encode(replace(hello, authorization_required=token is not None))

        # These cross between the threads: appended to on one side, emptied on the other.
        self._control: deque[StatusMessage | Marker] = deque(maxlen=256)
        self._estimates: deque[Estimate] = deque(maxlen=64)
        self._level: deque[LevelMessage] = deque(maxlen=1)
        self._markers: deque[Marker] = deque(maxlen=256)
        self._overflows = 0
        self._woken = False

        # The loop thread alone writes these.
        self._connections: set[_Client] = set()
        self._clients: set[_Client] = set()
        self._latest: dict[str, tuple[str, float]] = {}
        self._t: float | None = None
        self._dropped = 0

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
        self.stop()

    def start(self) -> None:
        """Listen; returns once the port is bound.

        Raises:
            ServiceError: the port is busy, the address is not there, or it was started before.
        """
        if self._thread is not None:
            raise ServiceError("this service was started before: make a new one")
        bound: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._thread_main, args=(bound,), name="realtime-mer-service", daemon=True
        )
        self._thread.start()
        bound.result()

    def stop(self, reason: str = "the service stops") -> None:
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
        return self._port

    @property
    def url(self) -> str:
        """Where a client on this machine connects."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        scheme = "ws" if self._ssl is None else "wss"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def clients(self) -> int:
        """How many clients are connected, subscribed or not."""
        return len(self._clients)

    @property
    def dropped(self) -> int:
        """How many messages gave way to newer ones so far, over all clients.

        Nearly always estimates and levels that waited for slow readers; besides, whatever was
        published faster than the service's thread could take it.
        """
        return self._dropped + self._overflows

    def publish_estimate(self, estimate: Estimate) -> None:
        """Send an estimate to all who subscribed to ``estimates``."""
        self._publish(self._estimates, estimate)

    def publish_status(self, status: StatusMessage) -> None:
        """Send a status to all who subscribed to ``status``."""
        self._publish(self._control, status)

    def publish_level(self, level: LevelMessage) -> None:
        """Send a level to all who subscribed to ``level``."""
        self._publish(self._level, level)

    def publish_marker(self, marker: Marker) -> None:
        """Send a marker, complete with its times, to all who subscribed to ``markers``."""
        self._publish(self._control, marker)

    def take_markers(self) -> list[Marker]:
        """Remove and return the markers that clients set since the last call, oldest first.

        They carry their times and were sent to all who subscribed to ``markers`` already. Of more
        than 256 the oldest are forgotten.
        """
        markers: list[Marker] = []
        while self._markers:
            markers.append(self._markers.popleft())
        return markers

    def _publish(self, queue: deque[Any], value: ServerMessage) -> None:
        loop = self._loop
        if loop is None:
            return
        if len(queue) == queue.maxlen and queue is not self._level:
            self._overflows += 1
        queue.append(value)
        # The loop lowers the flag before it empties the queues, so that no value stays behind; at
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

    async def _run(self, bound: "Future[None]") -> None:
        self._stop = asyncio.Event()
        limits = self._limits
        try:
            server = await serve(
                self._attend,
                self._host,
                self._port,
                ssl=self._ssl,
                select_subprotocol=_select_subprotocol,
                process_request=self._answer,
                create_connection=cast(Any, self._make_connection),
                compression=None,
                server_header=None,
                open_timeout=limits.open_timeout_s,
                close_timeout=limits.close_timeout_s,
                max_size=limits.message_bytes,
                max_queue=4,
                write_limit=limits.write_bytes,
                logger=_log,
            )
        except (OSError, UnicodeError) as error:
            bound.set_exception(_cannot_listen(self._host, self._port, error))
            return
        self._port = server.sockets[0].getsockname()[1]
        self._loop = asyncio.get_running_loop()
        bound.set_result(None)
        await self._stop.wait()
        self._distribute()
        await self._shut(server)

    async def _shut(self, server: Server) -> None:
        server.close(close_connections=False)
        bye = encode(Bye(reason=self._reason))
        partings = []
        for client in list(self._clients):
            client.deliver(bye)
            partings.append(client.part(CloseCode.GOING_AWAY, "the service stops"))
        if partings:
            await asyncio.wait(partings)
        for connection in list(self._connections):  # still in the opening handshake
            connection.transport.abort()
        await server.wait_closed()

    def _make_connection(self, *args: Any, **kwargs: Any) -> "_Client":
        return _Client(*args, limits=self._limits, connections=self._connections, **kwargs)

    def _distribute(self) -> None:
        self._woken = False
        while self._control:
            self._tell(self._control.popleft())
        while self._estimates:
            estimate = self._estimates.popleft()
            self._t = estimate.t
            self._offer("estimates", estimate)
        while self._level:
            self._offer("level", self._level.popleft())

    def _tell(self, message: StatusMessage | Marker) -> None:
        text = _encode(message)
        if text is None:
            return
        stream = "markers"
        if isinstance(message, StatusMessage):
            stream = "status"
            self._latest[stream] = text, message.t
        for client in self._clients:
            if stream in client.streams:
                client.deliver(text)

    def _offer(self, stream: str, value: Estimate | LevelMessage) -> None:
        text = _encode(value)
        if text is None:
            return
        self._latest[stream] = text, value.t
        for client in self._clients:
            self._dropped += client.offer(stream, text, t=value.t)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that is not, or must not become, a WebSocket; None lets it go on."""
        headers = request.headers
        host = _host_of(headers.get_all("Host"), prefix="//")
        if host is None or not self._is_own_name(host):
            return _respond(connection, HTTPStatus.FORBIDDEN, "not a name of this service")
        if request.method != "GET":
            response = _respond(connection, HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered")
            response.headers["Allow"] = "GET"
            return response
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return _respond(connection, HTTPStatus.OK, "ok")
        if path != "/":
            return _respond(connection, HTTPStatus.NOT_FOUND, "nothing here")
        if "Upgrade" not in headers:
            return _respond(
                connection, HTTPStatus.OK, f"realtime-mer: a WebSocket service, {PROTOCOL}"
            )
        if not _is_trusted_origin(headers.get_all("Origin"), host):
            return _respond(connection, HTTPStatus.FORBIDDEN, "not for pages of other hosts")
        if len(self._clients) >= self._limits.connections:
            return _respond(connection, HTTPStatus.SERVICE_UNAVAILABLE, "too many clients")
        credentials = headers.get_all("Authorization")
        if self._token is not None and credentials:
            scheme, _, token = credentials[0].partition(" ")
            if scheme.lower() != "bearer" or not _same(token.strip(), self._token):
                response = _respond(connection, HTTPStatus.UNAUTHORIZED, "wrong token")
                response.headers["WWW-Authenticate"] = "Bearer"
                return response
            cast(_Client, connection).authorized = True
        return None

    def _is_own_name(self, host: str) -> bool:
        # DNS rebinding needs a name that an attacker controls; an address cannot be rebound.
        if _is_address(host) or _is_loopback(host) or host == self._host.lower():
            return True
        # On a network routers add domains of their own (.local, .lan); there the token guards.
        own_name = socket.gethostname().lower().partition(".")[0]
        return not _is_loopback(self._host) and host.partition(".")[0] == own_name

    async def _attend(self, connection: ServerConnection) -> None:
        client = cast(_Client, connection)
        client.authorized = client.authorized or self._token is None
        self._clients.add(client)
        client.deliver(self._hello)
        budget = MessageBudget(
            per_second=self._limits.messages_per_s, burst=self._limits.message_burst
        )
        try:
            async with asyncio.timeout(self._limits.subscribe_timeout_s) as deadline:
                async for text in client:
                    if budget.spend(time.monotonic()):
                        self._receive(client, text)
                    else:
                        client.refuse("too_many_messages", "too many messages: send fewer")
                        client.part(CloseCode.TOO_MANY_MESSAGES, "too many messages")
                    if client.parting is not None:
                        break
                    if client.subscribed:
                        deadline.reschedule(None)
        except TimeoutError:
            if client.authorized:
                client.part(CloseCode.NOT_SUBSCRIBED, "no subscribe in time")
            else:
                client.part(CloseCode.UNAUTHORIZED, "no token in time")
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(client)
            if client.parting is not None:
                await asyncio.wait([client.parting])

    def _receive(self, client: "_Client", text: str | bytes) -> None:
        try:
            message = parse_client_message(text)
        except ProtocolError as error:
            client.refuse(error.code, str(error))
            return
        if isinstance(message, Authorize) and not client.authorized:
            client.authorized = self._token is not None and _same(message.token, self._token)
        if message is not None and not client.authorized:
            client.refuse("unauthorized", "a token is needed first: give --token")
            client.part(CloseCode.UNAUTHORIZED, "wrong token or none")
        elif isinstance(message, Subscribe):
            client.subscribe(message)
            for stream, (text, t) in self._latest.items():
                if stream != "status":
                    client.offer(stream, text, t=t)
                elif stream in client.streams:
                    client.deliver(text)
        elif isinstance(message, Marker):
            marker = replace(message, t=self._t, wall_time=_wall_time())
            self._markers.append(marker)
            self._tell(marker)
        elif isinstance(message, Ping):
            client.deliver(encode(Pong(id=message.id)))


class _Client(ServerConnection):
    """A connection with its mailbox, written to only while its socket takes what it is given."""

    def __init__(
        self, *args: Any, limits: Limits, connections: "set[_Client]", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.authorized = False
        self.subscribed = False
        self.streams: frozenset[str] = frozenset()
        self.parting: asyncio.Task[None] | None = None
        self._mailbox: Mailbox[str] = Mailbox(control_limit=limits.control_messages)
        self._limits = limits
        self._connections = connections
        self._stall: asyncio.TimerHandle | None = None

    def subscribe(self, message: Subscribe) -> None:
        """Send these streams from now on."""
        self.subscribed = True
        self.streams = frozenset(message.streams)
        self._mailbox.select(
            [stream for stream in ("estimates", "level") if stream in self.streams],
            max_rate=message.max_rate,
        )

    def deliver(self, text: str) -> None:
        """Send a control message, in order."""
        self._mailbox.put(text)
        if self._mailbox.hopeless:
            self.part(CloseCode.TOO_SLOW, "too many messages wait for this reader")
        else:
            self._pump()

    def refuse(self, code: str, message: str) -> None:
        """Send an ``error``."""
        self.deliver(encode(ErrorMessage(code=code, message=message)))

    def offer(self, stream: str, text: str, *, t: float) -> int:
        """Send the newest message of a stream as soon as possible; how many it pushed out."""
        pushed_out = self._mailbox.offer(stream, text, t=t)
        self._pump()
        return pushed_out

    def part(self, code: CloseCode, reason: str) -> "asyncio.Task[None]":
        """Close the connection, and cut it off if the client does not answer in time."""
        if self.parting is None:
            self.parting = self.loop.create_task(self._part(code, reason))
        return self.parting

    async def _part(self, code: CloseCode, reason: str) -> None:
        try:
            # A reader that takes nothing would hold up close() for ever.
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self.close(code, reason)
        except TimeoutError:
            self.transport.abort()

    def _pump(self) -> None:
        while not self.paused and self.parting is None:
            text = self._mailbox.take()
            if text is None:
                return
            broadcast((self,), text)

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.socket_bytes)
        self._connections.add(self)
        if len(self._connections) > self._limits.connections + self._limits.handshakes:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._end_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # The answers to WebSocket pings are written without regard to the reader.
        if self.transport.get_write_buffer_size() > 16 * self._limits.write_bytes:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(
            self._limits.stall_timeout_s, self.part, CloseCode.TOO_SLOW, "this reader takes nothing"
        )

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()
        self._pump()

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def _encode(message: ServerMessage) -> str | None:
    try:
        return encode(message)
    except ProtocolError as error:
        # A defect of whoever published it, which must not end the service for everybody.
        _log.error("not sent: %s", error)
        return None


def _select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    if PROTOCOL in offered:
        return Subprotocol(PROTOCOL)
    if offered:
        raise NegotiationError(f"this service speaks {PROTOCOL}, not {', '.join(offered)}")
    return None


def _respond(connection: ServerConnection, status: HTTPStatus, text: str) -> Response:
    response = connection.respond(status, f"{text}\n")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> ServiceError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ServiceError(
            f"port {port} on {host} is in use by another program: choose another with --port, "
            "or --port 0 for any free one"
        )
    if isinstance(error, PermissionError):
        return ServiceError(f"port {port} may not be used by this user: choose another with --port")
    return ServiceError(f"cannot listen on {host} port {port}: {error}; choose another --host")


def _wall_time() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if _is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _host_of(values: Sequence[str], *, prefix: str = "") -> str | None:
    """Return the host of the one ``Host`` or ``Origin`` header in lower case, without the port."""
    if len(values) != 1:
        return None
    try:
        return urlsplit(f"{prefix}{values[0]}").hostname
    except ValueError:
        return None


def _is_trusted_origin(values: Sequence[str], host: str) -> bool:
    """Whether a page may connect: none at all, one of this service's host, or one of loopback."""
    if not values:
        return True
    origin = _host_of(values)
    return origin is not None and (origin == host or _is_loopback(origin))
