"""The WebSocket service: one asyncio loop in its own thread, fed from any thread.

The thread that publishes only puts a value into a bounded queue; encoding, thinning and sending
happen in the loop thread. ``connection`` holds what is one reader's.
"""

import asyncio
import logging
import secrets
import socket
import ssl as tls
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from realtime_mer.errors import ProtocolError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.service import events
from realtime_mer.service.connection import (
    Connection,
    Limits,
    Open,
    TlsHandshake,
    address_of,
    framed,
    text_frame,
)
from realtime_mer.service.door import Door
from realtime_mer.service.event_stream import EventStream
from realtime_mer.service.gate import Admission, EventsAdmission, Gate, Verdict
from realtime_mer.service.guesses import Guesses
from realtime_mer.service.listening import (
    allow_files,
    cannot_listen,
    check_port,
    check_token,
    usual_address,
)
from realtime_mer.service.lobby import Lobby
from realtime_mer.service.metrics import Metrics, Traffic
from realtime_mer.service.notices import LibraryLog, Notices
from realtime_mer.service.owners import Owners
from realtime_mer.service.pages import Page
from realtime_mer.service.replies import guard, reply
from realtime_mer.wire import access
from realtime_mer.wire.mailbox import MessageBudget
from realtime_mer.wire.past import Past
from realtime_mer.wire.protocol import (
    PROTOCOL,
    Authorize,
    Bye,
    CloseCode,
    Event,
    Hello,
    LevelMessage,
    Marker,
    Own,
    Ping,
    Pong,
    StatusMessage,
    Subscribe,
    encode,
    parse_client_message,
)
from realtime_mer.wire.settings import Change, Settings
from realtime_mer.wire.turns import Turns
from realtime_mer.wording import SESSION_END

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_OTHER_FILES = 512  # those of the rest of the program


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
        self._limits = limits if limits is not None else Limits()
        self._hello = replace(hello, session=secrets.token_hex(8), history_s=self._limits.history_s)

        # These cross between the threads: appended to on one side, emptied on the other.
        self._ordered: deque[StatusMessage | Marker] = deque(maxlen=256)
        self._estimates: deque[Estimate] = deque(maxlen=64)
        self._levels: deque[LevelMessage] = deque(maxlen=64)
        self._markers: deque[Marker] = deque(maxlen=256)
        self._overflows = 0
        self._woken = False

        # The loop thread alone writes these.
        self._connections: set[Open] = set()
        self._lobby: Lobby[Connection | TlsHandshake] = Lobby(
            places=self._limits.waiting, places_per_address=self._limits.waiting_per_address
        )
        self._clients: set[Connection] = set()
        self._event_streams: set[EventStream] = set()
        self._latest: dict[str, tuple[str, float]] = {}
        self._past: Past[bytes] = Past(text_frame, seconds=self._limits.history_s)
        self._histories_total = self._histories_refused = 0
        self._t: float | None = None
        # Senders take turns, or many together could crowd out the markers of one.
        self._turns: Turns[Connection, Marker] = Turns(
            per_second=self._limits.markers_per_s,
            burst=self._limits.marker_burst,
            places=self._limits.markers_per_client,
        )
        self._next_turn: asyncio.TimerHandle | None = None
        self._owners = Owners(key)
        self._key = key
        self._dropped = self._markers_dropped = 0
        self._connections_total = self._refused_total = self._markers_total = 0
        self._metrics = Metrics(self._traffic)
        self._notices = Notices(_log, clock=time.monotonic)
        self._guesses = Guesses()
        self._names = (socket.gethostname(), *([] if name is None else [name]))
        self._door = self._make_door(host, port, token=token, weak_token=weak_token, ssl=ssl)
        self._servers: dict[Door, Server] = {}

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
        # A system may allow so few (macOS: 256) that its own bounds would never be reached.
        allow_files(self._limits.connections + self._limits.waiting + _OTHER_FILES)
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
        return self._door.gate.token

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
        self._call(self._listen(door))
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
        self._hello = replace(
            self._hello, smoothing_s=settings.smoothing_s, delay_s=settings.delay_s
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
        return len(self._clients) + len(self._event_streams)

    @property
    def open_connections(self) -> int:
        """How many connections are open, those of clients and those for a page or in between."""
        return len(self._connections)

    @property
    def dropped(self) -> int:
        """How many messages gave way to newer ones so far, over all clients.

        Nearly always estimates and levels that waited for slow readers; besides, markers of which
        too many waited for one, and whatever was published faster than the service's thread could
        take it.
        """
        return self._dropped + self._overflows

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

    async def _run(self, bound: "Future[None]") -> None:
        asyncio.get_running_loop().set_exception_handler(self._notices.handle)
        self._stop = asyncio.Event()
        try:
            await self._listen(self._door)
        except ServiceError as error:
            bound.set_exception(error)
            return
        self._loop = asyncio.get_running_loop()
        bound.set_result(None)
        await self._stop.wait()
        self._distribute()
        self._markers_dropped += len(self._turns)
        await asyncio.gather(*[self._shut(door, self._reason) for door in list(self._servers)])

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
            token=token,
            metrics=self._metrics.render,
            now=self._now,
            told=lambda line: self._notices.tell("wrong tokens", line),
            guesses=self._guesses,
        )
        return Door(host=gate.host, port=port, ssl=ssl, gate=gate)

    async def _listen(self, door: Door) -> None:
        limits = self._limits
        try:
            server = await serve(
                self._attend,
                door.host,
                door.port,
                select_subprotocol=_select_subprotocol,
                process_request=self._answer,
                process_response=_guard,
                create_connection=cast(Any, partial(self._make_connection, door)),
                compression=None,
                server_header=None,
                open_timeout=limits.open_timeout_s,
                close_timeout=limits.close_timeout_s,
                max_size=limits.message_bytes,
                max_queue=4,
                write_limit=limits.write_bytes,
                logger=LibraryLog(_log, self._notices),
            )
        except (OSError, UnicodeError) as error:
            raise cannot_listen(door.host, door.port, error) from error
        door.port = server.sockets[0].getsockname()[1]
        self._servers[door] = server

    async def _shut(self, door: Door, reason: str) -> None:
        server = self._servers.pop(door, None)
        if server is None:
            return
        server.close(close_connections=False)
        text = encode(Bye(reason=reason))
        bye, last_event = framed(text), events.named("bye", text)
        partings: list[asyncio.Future[None]] = []
        for client in [client for client in self._clients if client.door is door]:
            client.deliver(bye)
            partings.append(client.part(CloseCode.GOING_AWAY, "the service stops"))
        for reader in [reader for reader in self._event_streams if reader.door is door]:
            reader.part(last_event)
            partings.append(reader.gone)
        if partings:
            await asyncio.wait(partings)
        for connection in list(self._connections):  # still in a handshake
            if connection.door is door:
                connection.transport.abort()
        await server.wait_closed()

    def _traffic(self) -> Traffic:
        return Traffic(
            clients=self.clients,
            waiting=len(self._lobby),
            connections_total=self._connections_total,
            wrong_tokens_total=self._guesses.total,
            unlogged_total=self._notices.left_out,
            evicted_total=self._lobby.evicted,
            refused_total=self._refused_total,
            dropped_total=self.dropped,
            histories_total=self._histories_total,
            histories_refused_total=self._histories_refused,
            markers_total=self._markers_total,
            markers_dropped_total=self._markers_dropped,
        )

    def _make_connection(
        self, door: Door, /, *args: Any, **kwargs: Any
    ) -> Connection | TlsHandshake:
        connection = Connection(
            *args,
            limits=self._limits,
            others=self._connections,
            lobby=self._lobby,
            door=door,
            **kwargs,
        )
        return connection if door.ssl is None else TlsHandshake(connection, door.ssl)

    def _distribute(self) -> None:
        # Only what is there now: whoever publishes faster than this sends would otherwise never
        # let the loop go on to what clients send. What comes meanwhile wakes it again.
        self._woken = False
        for _ in range(len(self._ordered)):
            self._tell(self._ordered.popleft())
        for _ in range(len(self._estimates)):
            estimate = self._estimates.popleft()
            self._t = estimate.t
            self._metrics.count(estimate)
            self._offer("estimates", estimate)
        for _ in range(len(self._levels)):
            self._offer("level", self._levels.popleft())

    def _tell(self, message: StatusMessage | Marker) -> None:
        try:
            text = encode(message)
        except ProtocolError as error:
            _not_sent(error)
            return
        if isinstance(message, Marker):
            self._past.mark(message)
            self._offer_clients("markers", text, t=0.0)
            return
        self._latest["status"] = text, message.t
        self._metrics.count(message)
        frame = framed(text)
        for client in self._clients:
            if "status" in client.streams:
                client.deliver(frame)
        self._offer_event_streams("status", text, t=message.t)

    def _hand_on_markers(self) -> None:
        now = asyncio.get_running_loop().time()
        while (marker := self._turns.take(now)) is not None:
            self._markers_dropped += len(self._markers) == self._markers.maxlen
            self._markers.append(marker)
            self._markers_total += 1
            self._tell(marker)
        wait_s = self._turns.wait_s(now)
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        if wait_s is not None:
            loop = asyncio.get_running_loop()
            self._next_turn = loop.call_later(wait_s, self._hand_on_markers)

    def _offer(self, stream: str, value: Estimate | LevelMessage) -> None:
        try:
            text = encode(value)
        except ProtocolError as error:
            _not_sent(error)
            return
        self._latest[stream] = text, value.t
        if isinstance(value, Estimate):
            self._past.add(value)
        self._offer_clients(stream, text, t=value.t)

    def _offer_clients(self, stream: str, text: str, *, t: float) -> None:
        frame = framed(text)
        for client in self._clients:
            self._dropped += client.offer(stream, frame, t=t)
        self._offer_event_streams(stream, text, t=t)

    def _offer_event_streams(self, stream: str, text: str, *, t: float) -> None:
        if self._event_streams:
            event = events.event(stream, text)
            for reader in self._event_streams:
                self._dropped += reader.offer(stream, event, t=t)

    def _now(self) -> str | None:
        """Return the latest estimate as JSON; None before there is one."""
        text, _ = self._latest.get("estimates", (None, 0.0))
        return text

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that is not, or must not become, a WebSocket; None lets it go on."""
        client = cast(Connection, connection)
        outcome = client.door.gate.judge(
            request.method,
            request.path,
            request.headers,
            address=address_of(client),
            now=time.monotonic(),
        )
        tls = client.door.ssl is not None
        if not isinstance(outcome, Page) and self._full:
            outcome = Page.text(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients")
        if isinstance(outcome, EventsAdmission):
            response = reply(events.page(outcome.origin), tls=tls)
            if request.method == "GET":
                # The transport is another's then, so that nobody sends the response again.
                self._send_events(client, outcome.asked, head=response.serialize())
            return response
        if isinstance(outcome, Admission):
            if outcome.authorized:
                client.let_in()
            return None
        page = outcome.without_body() if request.method == "HEAD" else outcome
        return reply(page, tls=tls)

    def _send_events(self, client: Connection, asked: Subscribe, *, head: bytes) -> None:
        self._connections_total += 1
        reader = EventStream(client, asked, head=head, readers=self._event_streams)
        for stream, (text, t) in self._latest.items():
            reader.offer(stream, events.event(stream, text), t=t)

    @property
    def _full(self) -> bool:
        """Whether all places are taken of those who may stay."""
        return len(self._connections) - len(self._lobby) >= self._limits.connections

    async def _attend(self, connection: ServerConnection) -> None:
        client = cast(Connection, connection)
        self._clients.add(client)
        self._connections_total += 1
        client.deliver(text_frame(client.door.greeting(self._hello)))
        client.read_on()
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
            self._owners.leave(client)
            self._markers_dropped += self._turns.leave(client)
            if client.parting is not None:
                self._refused_total += (client.parting_code or 0) >= CloseCode.UNAUTHORIZED
                await asyncio.wait([client.parting])

    def _receive(self, client: Connection, text: str | bytes) -> None:
        try:
            message = parse_client_message(text)
        except ProtocolError as error:
            client.refuse(error.code, str(error))
            return
        if isinstance(message, Authorize) and not client.authorized:
            self._try_token(client, message.token)
        if client.parting is not None:
            return
        if message is not None and not client.authorized:
            client.refuse("unauthorized", "a token is needed first: give --token")
            client.part(CloseCode.UNAUTHORIZED, "wrong token or none")
        elif isinstance(message, Subscribe):
            self._subscribe(client, message)
        elif isinstance(message, Marker):
            marker = replace(message, t=self._t, wall_time=_wall_time())
            if self._turns.put(client, marker):
                self._hand_on_markers()
            else:
                self._markers_dropped += 1
                client.refuse("too_many_markers", "too many markers wait: set fewer, or later")
        elif isinstance(message, Own):
            self._owners.own(client, message.key)
        elif isinstance(message, Change):
            self._owners.ask(client, message)
        elif isinstance(message, Ping):
            client.deliver(text_frame(Pong(id=message.id)))

    def _subscribe(self, client: Connection, message: Subscribe) -> None:
        past = None
        if message.history > 0 and client.may_have_history():
            self._histories_total += 1
            past = self._past.read(
                message.history,
                estimates="estimates" in message.streams,
                markers="markers" in message.streams,
            )
        elif message.history > 0:
            self._histories_refused += 1
            client.refuse("too_much_history", "you got the past several times: ask again later")
        if "status" in message.streams and "status" in self._latest:
            client.deliver(framed(self._latest["status"][0]))
        client.subscribe(message, past=past, begin=lambda: self._begin(client))

    def _begin(self, client: Connection) -> None:
        """Offer the latest of what a client subscribed to."""
        for stream, (text, t) in self._latest.items():
            if stream != "status":
                client.offer(stream, framed(text), t=t)

    def _try_token(self, client: Connection, token: str) -> None:
        verdict = client.door.gate.check(token, address=address_of(client), now=time.monotonic())
        if verdict is Verdict.TOO_SOON:
            client.refuse("too_many_guesses", "too many wrong tokens from your address: wait")
            client.part(CloseCode.TOO_MANY_MESSAGES, "too many wrong tokens")
        elif verdict is Verdict.RIGHT and self._full:  # since its handshake
            client.part(CloseCode.TRY_AGAIN_LATER, "too many clients")
        elif verdict is Verdict.RIGHT:
            client.let_in()


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


def _guard(connection: ServerConnection, request: Request, response: Response) -> None:
    guard(response, tls=cast(Connection, connection).door.ssl is not None)


def _wall_time() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
