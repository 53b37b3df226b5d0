"""The WebSocket service: one asyncio loop in its own thread, fed from any thread.

The thread that publishes only puts a value into a bounded queue; encoding, thinning and sending
happen in the loop thread. A reader is written to only while its socket takes what it is given;
meanwhile its mailbox keeps the latest (see docs/decisions/0005-mailbox-per-reader.md).
"""

import asyncio
import errno
import logging
import secrets
import socket
import ssl as tls
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State
from websockets.typing import Subprotocol

from realtime_mer import access
from realtime_mer.errors import InputError, ProtocolError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.metrics import Metrics, Traffic
from realtime_mer.pages import Page, answer
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
        open_timeout_s: seconds a client has for the opening handshake, or to take a page.
        opening_bytes: most it may send in the opening handshake.
        subscribe_timeout_s: seconds a client has, once connected, to authorize and subscribe.
        messages_per_s, message_burst: messages a client may send, in the long run and at once.
        frames_per_s, frame_burst: the same for WebSocket frames of any kind, pings and fragments
            included; more cuts the connection off.
        message_bytes: a longer message closes the connection; one over ``MAX_CLIENT_MESSAGE`` is
            refused with an ``error``.
        control_messages: control messages that may wait for a reader.
        socket_bytes: send and receive buffers asked of the operating system for each client. The
            one bounds how old the estimates are that a reader finds after a pause, the other how
            much of a flood is read at once.
        write_bytes: bytes waiting beyond that which stop the writing to a reader.
        stall_timeout_s: seconds after which a reader that takes nothing is closed.
        close_timeout_s: seconds a client has to answer a close before it is cut off.
    """

    connections: int = 256
    handshakes: int = 64
    open_timeout_s: float = 5.0
    opening_bytes: int = 16384
    subscribe_timeout_s: float = 10.0
    messages_per_s: float = 20.0
    message_burst: int = 40
    frames_per_s: float = 100.0
    frame_burst: int = 200
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
        hello: what every client is told first; ``session`` and ``authorization_required`` are
            filled in.
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
        if token is None and not access.is_loopback(host):
            raise ServiceError(
                f"host {host or '0.0.0.0'} opens the service to the network: give a --token"
            )
        # "localhost" would listen on two addresses, for port 0 even on two different ports.
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._token = token
        self._ssl = ssl
        self._limits = limits
        self._hello = _frame(
            replace(
                hello,
                session=secrets.token_hex(8),
                authorization_required=token is not None,
            )
        )

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
        self._latest: dict[str, tuple[bytes, float]] = {}
        self._t: float | None = None
        self._dropped = 0
        self._connections_total = self._refused_total = self._markers_total = 0
        self._metrics = Metrics(self._traffic)

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
        return f"{scheme}://{access.authority(host, self._port)}"

    @property
    def token(self) -> str | None:
        """What a client has to show; None for nothing."""
        return self._token

    @property
    def clients(self) -> int:
        """How many clients are connected, subscribed or not."""
        return len(self._clients)

    @property
    def open_connections(self) -> int:
        """How many connections are open, those of clients and those for a page or in between."""
        return len(self._connections)

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
        bye = _frame(Bye(reason=self._reason))
        partings = []
        for client in list(self._clients):
            client.deliver(bye)
            partings.append(client.part(CloseCode.GOING_AWAY, "the service stops"))
        if partings:
            await asyncio.wait(partings)
        for connection in list(self._connections):  # still in the opening handshake
            connection.transport.abort()
        await server.wait_closed()

    def _traffic(self) -> Traffic:
        return Traffic(
            clients=len(self._clients),
            connections_total=self._connections_total,
            refused_total=self._refused_total,
            dropped_total=self.dropped,
            markers_total=self._markers_total,
        )

    def _make_connection(self, *args: Any, **kwargs: Any) -> "_Client":
        return _Client(*args, limits=self._limits, connections=self._connections, **kwargs)

    def _distribute(self) -> None:
        self._woken = False
        while self._control:
            self._tell(self._control.popleft())
        while self._estimates:
            estimate = self._estimates.popleft()
            self._t = estimate.t
            self._metrics.count(estimate)
            self._offer("estimates", estimate)
        while self._level:
            self._offer("level", self._level.popleft())

    def _tell(self, message: StatusMessage | Marker) -> None:
        try:
            frame = _frame(message)
        except ProtocolError as error:
            _not_sent(error)
            return
        stream = "markers"
        if isinstance(message, StatusMessage):
            stream = "status"
            self._latest[stream] = frame, message.t
            self._metrics.count(message)
        for client in self._clients:
            if stream in client.streams:
                client.deliver(frame)

    def _offer(self, stream: str, value: Estimate | LevelMessage) -> None:
        try:
            frame = _frame(value)
        except ProtocolError as error:
            _not_sent(error)
            return
        self._latest[stream] = frame, value.t
        for client in self._clients:
            self._dropped += client.offer(stream, frame, t=value.t)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that is not, or must not become, a WebSocket; None lets it go on."""
        page = self._page(cast(_Client, connection), request)
        if page is None:
            return None
        if request.method == "HEAD":
            page = page.without_body()
        headers = Headers(
            {
                **page.headers,
                "Date": formatdate(usegmt=True),
                "Connection": "close",
                "Content-Length": str(page.length),
            }
        )
        return Response(page.status.value, page.status.phrase, headers, page.body)

    def _page(self, client: "_Client", request: Request) -> Page | None:
        headers = request.headers
        host = access.host_of(headers.get_all("Host"), prefix="//")
        if host is None or not access.is_own_name(
            host, listening_on=self._host, machine=socket.gethostname()
        ):
            return Page.text(HTTPStatus.FORBIDDEN, "not a name of this service")
        if request.method not in ("GET", "HEAD"):
            return Page.text(
                HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered", Allow="GET, HEAD"
            )
        credentials = headers.get_all("Authorization")
        authorized = self._token is None
        if self._token is not None and credentials:
            token = access.bearer_token(credentials[0])
            if token is None or not access.same_token(token, self._token):
                return Page.text(HTTPStatus.UNAUTHORIZED, "wrong token", WWW_Authenticate="Bearer")
            authorized = True
        origins = headers.get_all("Origin")
        trusted = access.is_trusted_origin(origins, host)
        if "Upgrade" not in headers or request.path.partition("?")[0] != "/":
            return answer(
                request.path,
                authority=access.authority(host, access.port_of(headers["Host"])),
                origin=origins[0] if origins and trusted else None,
                metrics=self._metrics.render if authorized else None,
            )
        if not trusted:
            return Page.text(HTTPStatus.FORBIDDEN, "not for pages of other hosts")
        if len(self._clients) >= self._limits.connections:
            return Page.text(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients")
        client.authorized = authorized
        return None

    async def _attend(self, connection: ServerConnection) -> None:
        client = cast(_Client, connection)
        self._clients.add(client)
        self._connections_total += 1
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
                self._refused_total += client.parting_code is not CloseCode.GOING_AWAY
                await asyncio.wait([client.parting])

    def _receive(self, client: "_Client", text: str | bytes) -> None:
        try:
            message = parse_client_message(text)
        except ProtocolError as error:
            client.refuse(error.code, str(error))
            return
        if isinstance(message, Authorize) and not client.authorized:
            client.authorized = self._token is not None and access.same_token(
                message.token, self._token
            )
        if message is not None and not client.authorized:
            client.refuse("unauthorized", "a token is needed first: give --token")
            client.part(CloseCode.UNAUTHORIZED, "wrong token or none")
        elif isinstance(message, Subscribe):
            client.subscribe(message)
            for stream, (frame, t) in self._latest.items():
                if stream != "status":
                    client.offer(stream, frame, t=t)
                elif stream in client.streams:
                    client.deliver(frame)
        elif isinstance(message, Marker):
            marker = replace(message, t=self._t, wall_time=_wall_time())
            self._markers.append(marker)
            self._markers_total += 1
            self._tell(marker)
        elif isinstance(message, Ping):
            client.deliver(_frame(Pong(id=message.id)))


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
        self.parting_code: CloseCode | None = None
        self._mailbox: Mailbox[bytes] = Mailbox(control_limit=limits.control_messages)
        self._frames = MessageBudget(per_second=limits.frames_per_s, burst=limits.frame_burst)
        self._opening_bytes = 0
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

    def deliver(self, frame: bytes) -> None:
        """Send a control message, in order."""
        self._mailbox.put(frame)
        if self._mailbox.hopeless:
            self.part(CloseCode.TOO_SLOW, "too many messages wait for this reader")
        else:
            self._pump()

    def refuse(self, code: str, message: str) -> None:
        """Send an ``error``."""
        self.deliver(_frame(ErrorMessage(code=code, message=message)))

    def offer(self, stream: str, frame: bytes, *, t: float) -> int:
        """Send the newest message of a stream as soon as possible; how many it pushed out."""
        pushed_out = self._mailbox.offer(stream, frame, t=t)
        self._pump()
        return pushed_out

    def part(self, code: CloseCode, reason: str) -> "asyncio.Task[None]":
        """Close the connection, and cut it off if the client does not answer in time."""
        if self.parting is None:
            self.parting_code = code
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
        # send() would make the frame anew for every reader, and wait for the slow ones.
        while not self.paused and self.parting is None and self.state is State.OPEN:
            frame = self._mailbox.take()
            if frame is None:
                return
            self.transport.write(frame)

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, buffer, self._limits.socket_bytes)
        self._connections.add(self)
        if len(self._connections) > self._limits.connections + self._limits.handshakes:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._end_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.state is State.CONNECTING:
            self._opening_bytes += len(data)
            if self._opening_bytes > self._limits.opening_bytes:
                self.transport.abort()
                return
        super().data_received(data)
        # The answers to WebSocket pings are written without regard to the reader.
        if self.transport.get_write_buffer_size() > 16 * self._limits.write_bytes:
            self.transport.abort()

    def process_event(self, event: Event) -> None:
        # Pings, pongs and fragments are not messages, but cost time all the same.
        if not self._frames.spend(self.loop.time()):
            self.transport.abort()
        super().process_event(event)

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


def _frame(message: ServerMessage) -> bytes:
    """Return a message as it is written to every socket: servers neither mask nor compress."""
    return bytes(Frame(Opcode.TEXT, encode(message).encode()).serialize(mask=False))


def _not_sent(error: ProtocolError) -> None:
    # A defect of whoever published it, which must not end the service for everybody.
    _log.error("not sent: %s", error)


def _select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    if PROTOCOL in offered:
        return Subprotocol(PROTOCOL)
    if offered:
        raise NegotiationError(f"this service speaks {PROTOCOL}, not {', '.join(offered)}")
    return None


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
