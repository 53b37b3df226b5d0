"""One connection of the service: what waits for its reader, and what its client may do.

A reader is written to only while its socket takes what it is given; meanwhile its mailbox keeps the
latest (see docs/decisions/0005-mailbox-per-reader.md). Everything here runs in the service's loop.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from realtime_mer.service.door import Door
from realtime_mer.service.gate import Gate
from realtime_mer.service.lobby import Lobby
from realtime_mer.service.replies import reply_to_unreadable
from realtime_mer.wire import access
from realtime_mer.wire.mailbox import Mailbox, MessageBudget
from realtime_mer.wire.protocol import (
    MAX_HISTORY_S,
    PROTOCOL,
    CloseCode,
    ErrorMessage,
    ServerMessage,
    Subscribe,
    encode,
)

_SLICE = 4096
"""Bytes of sound that are read before others have their turn: some two hundred tiny frames."""

_BODY_PER_HEAD = 64
"""How much more than a head may come after one that was refused: who sends a body reads the answer
only afterwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one service allows.

    Attributes:
        connections: most clients at a time that showed the token, or where there is none.
        waiting: most connections beyond those: in the TLS or opening handshake, fetching a page,
            or without the token so far. For one too many the oldest is cut off.
        waiting_per_address: the same for one address, a network of 64 bits for IPv6.
        open_timeout_s: seconds a client has for the TLS handshake, and again for the opening
            handshake or to take a page.
        opening_bytes: most it may send in the opening handshake.
        subscribe_timeout_s: seconds a client has, once connected, to authorize and subscribe.
        messages_per_s, message_burst: messages a client may send, in the long run and at once.
        frames_per_s, frame_burst: the same for WebSocket frames of any kind, pings and fragments
            included; more cuts the connection off.
        message_bytes: a longer message closes the connection; one over ``MAX_CLIENT_MESSAGE`` is
            refused with an ``error``.
        markers_per_s, marker_burst: markers handed on, of all clients together, in the long run and
            at once; beyond that clients take turns.
        markers_per_client: markers of one client that may wait for its turn; more are refused with
            an ``error``.
        markers: markers that may wait for a reader; of more the oldest give way.
        levels: the same for levels: at the hop of 0.1 s a little more than the 3 s that inference
            may be behind, whose levels come all at once.
        ordered_messages: other ordered messages that may wait for a reader.
        history_s: seconds of the past that are kept for newcomers.
        histories_per_s, history_burst: how often one client gets the past, in the long run and at
            once; beyond that it gets what is new, and an ``error``.
        socket_bytes: send and receive buffers asked of the operating system for each client. The
            one bounds how old the estimates are that a reader finds after a pause, the other how
            much of a flood is read at once.
        write_bytes: bytes waiting beyond that which stop the writing to a reader.
        stall_timeout_s: seconds after which a reader that takes nothing is closed.
        keep_alive_s: seconds between two comments to a reader of events, which has no pings.
        close_timeout_s: seconds a client has to answer a close before it is cut off.
    """

    connections: int = 256
    waiting: int = 256
    waiting_per_address: int = 64
    open_timeout_s: float = 5.0
    opening_bytes: int = 16384
    subscribe_timeout_s: float = 10.0
    messages_per_s: float = 20.0
    message_burst: int = 40
    frames_per_s: float = 100.0
    frame_burst: int = 200
    message_bytes: int = 65536
    markers_per_s: float = 20.0
    marker_burst: int = 40
    markers_per_client: int = 8
    markers: int = 32
    levels: int = 32
    ordered_messages: int = 32
    history_s: float = MAX_HISTORY_S
    histories_per_s: float = 0.1
    history_burst: int = 4
    socket_bytes: int = 16384
    write_bytes: int = 4096
    stall_timeout_s: float = 30.0
    keep_alive_s: float = 15.0
    close_timeout_s: float = 1.0


class Pace(Protocol):
    """What somebody may still send: whoever goes into debt waits until it is paid."""

    def spend(self, amount: float, now: float) -> float:
        """Spend some at ``now`` (seconds of any steady clock); return the seconds to wait."""


class Open(Protocol):
    """A connection that takes a place, whatever it speaks."""

    @property
    def door(self) -> Door:
        """It came by."""

    @property
    def transport(self) -> asyncio.Transport:
        """Its way to the other side."""


class Connection(ServerConnection):
    """A reader with its mailbox, written to only while its socket takes what it is given.

    Its life, by what may happen next:

    - *Opening* [``state`` is CONNECTING]: the handshake; too many bytes of it cut it off, as does
      the time limit of the server. It waits in the ``lobby`` from its first byte on.
    - *Greeted*: ``hello`` was sent. Until it is ``authorized``, where that is asked for, it stays
      in the lobby, which may cut it off for a newer one, and anything but a token makes it part;
      until it has ``subscribed`` a deadline runs.
    - *Subscribed*: it gets what it asked for, and may subscribe anew. If it asked for the past it
      gets that first [``catching_up``], as fast as it reads and never faster: nothing of it waits
      in memory. What is new begins where the past ends.
    - *Parting* [``parting``]: the closing handshake was begun, nothing more is written, and whoever
      does not answer in time is cut off. No way leads back.
    - *Lost*: the transport is gone, be it handed over, and it is no longer counted.

    Greeted and subscribed readers are *taking* or *stalled* besides. The transport says so
    (``pause_writing``, ``resume_writing``): what comes for a stalled one waits in the mailbox, and
    a timer runs that makes it part.

    Args:
        args, kwargs: of ``ServerConnection``.
        limits: what it may do.
        others: all open connections of the service, which it counts itself among.
        lobby: those of them that were not let in yet.
        door: it came by.

    Attributes:
        gate: judges what it asks and shows; that of its door, or of a room behind it.
        speaks: the protocol that it is to speak.
        place: what it asked for, of a service that has more than one session.
        authorized: whether it showed the token, if there is one; set by ``let_in``.
        token: that it showed; None where none is asked for.
        subscribed: whether it asked for anything yet.
        streams: what it asked for.
        parting: closes it; None as long as it may stay.
        parting_code: the reason.
    """

    def __init__(
        self,
        *args: Any,
        limits: Limits,
        others: set[Open],
        lobby: "Lobby[Connection | TlsHandshake]",
        door: Door,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.gate: Gate = door.gate
        self.speaks = PROTOCOL
        self.place = ""
        self.authorized = False
        self.token: str | None = None
        self.subscribed = False
        self.streams: frozenset[str] = frozenset()
        self.parting: asyncio.Task[None] | None = None
        self.parting_code: int | None = None
        self._mailbox: Mailbox[bytes] = Mailbox(
            ordered_limit=limits.ordered_messages, slot_sizes={"level": limits.levels}
        )
        self._frames = MessageBudget(per_second=limits.frames_per_s, burst=limits.frame_burst)
        self._histories = MessageBudget(
            per_second=limits.histories_per_s, burst=limits.history_burst
        )
        self._past: Iterator[bytes] | None = None
        self._catch_up: Callable[[], None] = lambda: None
        self._turn: asyncio.Handle | None = None  # to send the next of the past
        self._opening_bytes = 0
        self._head = b""  # of the request, as far as it came
        self._asked = False  # the head is whole
        self._early = b""  # came after it and before its answer
        self._pace: Pace | None = None  # of frames, where they are read slice by slice
        self._unread = bytearray()  # of those
        self._debt_s = 0.0
        self._slice: asyncio.Handle | None = None  # to read the next
        self._ended_early = False
        self._refused = False  # the head cannot be read, and an answer said so
        self.limits = limits
        self.others = others
        self.lobby = lobby
        self.door = door
        self._stall: asyncio.TimerHandle | None = None  # runs while it is stalled

    @property
    def address(self) -> str:
        """The IP address that it comes from; empty once it has gone."""
        peer = self.transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def let_in(self, token: str | None) -> None:
        """Give it a place of those who may stay, for a token that it showed."""
        self.authorized = True
        self.token = token
        self.lobby.leave(self)

    def allow(self, *, message_bytes: int, frames: Pace, socket_bytes: int) -> None:
        """Let it send more than a reader may: sound.

        It is read slice by slice, so that thousands of tiny frames hold up nobody else, and later
        where there are too many. It is not pinged: its answer would wait behind the sound. Whoever
        takes that looks after the time in which nothing comes.

        Args:
            message_bytes: most of a message.
            frames: how many WebSocket frames, pings and fragments included.
            socket_bytes: receive buffer asked of the operating system.
        """
        self.protocol.max_message_size = message_bytes
        self._pace = frames
        if self.keepalive_task is not None:
            self.keepalive_task.cancel()
        # Here it is decided when the transport is read.
        self.recv_messages.pause = lambda: None
        self.recv_messages.resume = self._read_slice_soon
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, socket_bytes)

    def hand_over(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        """Let another protocol have the transport; as a WebSocket it is lost."""
        transport, self.transport = self.transport, _HandedOver()
        transport.set_protocol(protocol)
        self.connection_lost(None)
        return transport

    def read_on(self) -> None:
        """Read what came before the handshake was answered."""
        if self._early:
            self.data_received(b"")
        if self._ended_early:
            self.transport.close()

    @property
    def catching_up(self) -> bool:
        """Whether it still gets the past."""
        return self._past is not None

    def may_have_history(self) -> bool:
        """Whether it may get the past once more; asking counts."""
        return self._histories.spend(self.loop.time())

    def subscribe(
        self,
        message: Subscribe,
        *,
        past: Iterator[bytes] | None = None,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        """Send these streams from now on.

        Args:
            message: says which.
            past: what to send before them; None for nothing.
            begin: called where they begin, to offer the latest of each.
        """
        self.subscribed = True
        self.streams = frozenset(message.streams)

        def catch_up() -> None:
            self._past = None
            self._mailbox.select(
                [stream for stream in ("estimates", "level") if stream in self.streams],
                max_rate=message.max_rate,
                several={"markers": self.limits.markers} if "markers" in self.streams else None,
            )
            begin()

        self._past, self._catch_up = past, catch_up
        if past is None:
            catch_up()
        else:
            self._mailbox.select(())  # what waits of the streams is of the past
            self._pump()

    def deliver(self, frame: bytes) -> None:
        """Send an ordered message, in order."""
        self._mailbox.put(frame)
        if self._mailbox.hopeless:
            self.part(CloseCode.TOO_SLOW, "too many messages wait for this reader")
        else:
            self._pump()

    def refuse(self, code: str, message: str) -> None:
        """Send an ``error``."""
        self.deliver(text_frame(ErrorMessage(code=code, message=message)))

    def offer(self, stream: str, frame: bytes, *, t: float) -> int:
        """Send the newest message of a stream as soon as possible; how many it pushed out."""
        if not self._mailbox and self._past is None and self._takes:
            if self._mailbox.passes(stream, t=t):
                self.transport.write(frame)
            return 0
        pushed_out = self._mailbox.offer(stream, frame, t=t)
        self._pump()
        return pushed_out

    def part(self, code: int, reason: str) -> "asyncio.Task[None]":
        """Close the connection, and cut it off if the client does not answer in time."""
        if self.parting is None:
            self.parting_code = code
            self.parting = self.loop.create_task(self._part(code, reason))
        return self.parting

    async def _part(self, code: int, reason: str) -> None:
        try:
            # A reader that takes nothing would hold up close() for ever.
            async with asyncio.timeout(self.limits.close_timeout_s):
                await self.close(code, reason)
        except TimeoutError:
            self.transport.abort()

    @property
    def _takes(self) -> bool:
        """Whether its socket takes what it is given, and it may still be given anything."""
        return not self.paused and self.parting is None and self.state is State.OPEN

    def _pump(self) -> None:
        # send() would make the frame anew for every reader, and wait for the slow ones.
        while self._takes:
            frame = self._mailbox.take()
            if frame is None:
                self._send_past()
                return
            self.transport.write(frame)

    def _send_past(self) -> None:
        """Send one message of the past, and the next one in a later turn of the loop.

        However many readers catch up at once, what is new goes to the others in between.
        """
        if self._past is None or self._turn is not None:
            return
        frame = next(self._past, None)
        if frame is None:
            self._catch_up()
            return
        self.transport.write(frame)
        self._turn = self.loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn = None
        self._pump()

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, buffer, self.limits.socket_bytes)
        _come_in(self)

    def connection_lost(self, exc: Exception | None) -> None:
        _go(self)
        self._end_stall()
        if self._slice is not None:
            self._slice.cancel()
        self._unread.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.state is State.CONNECTING:
            self._open(data)
            return
        if self._early:
            data, self._early = self._early + data, b""
        if self._pace is not None:
            self._unread += data
            self.transport.pause_reading()
            self._read_slice_soon()
            return
        self._read(data)

    def _read_slice_soon(self) -> None:
        # What was read before it was lost is still taken, and that asks for more.
        if self._slice is None and self.state is not State.CLOSED:
            self._slice = self.loop.call_soon(self._read_slice)

    def _read_slice(self) -> None:
        """Read some of what came, and the rest once others had their turn and it may be read."""
        self._slice = None
        if self.recv_messages.paused:
            return  # until it resumes
        if not self._unread:
            self.transport.resume_reading()
            return
        part = bytes(self._unread[:_SLICE])
        del self._unread[:_SLICE]
        self._debt_s = 0.0
        self._read(part)
        if self.transport.is_closing():
            return
        if self._debt_s > 0:
            self._slice = self.loop.call_later(self._debt_s, self._read_slice)
        else:
            self._read_slice_soon()

    def _read(self, data: bytes) -> None:
        super().data_received(data)
        # The answers to WebSocket pings are written without regard to the reader.
        if self.transport.get_write_buffer_size() > 16 * self.limits.write_bytes:
            self.transport.abort()

    def _open(self, data: bytes) -> None:
        """Read on in the opening request, within its bounds."""
        self._opening_bytes += len(data)
        data = b"" if self._refused else self._of_the_request(data)
        if len(self._head) > self.limits.opening_bytes:
            self.transport.abort()
            return
        if data:
            super().data_received(data)
        if self._refused:
            self._early = b""
        most = self.limits.opening_bytes * (_BODY_PER_HEAD if self._refused else 1)
        if self._opening_bytes > most:
            self.transport.abort()

    def _of_the_request(self, data: bytes) -> bytes:
        """Return what belongs to the opening request; what comes with it waits for its answer.

        A second request in the same breath would be read as frames that nobody may send yet.
        """
        if self._asked:
            self._early += data
            return b""
        before = len(self._head)
        self._head += data
        end = self._head.find(b"\r\n\r\n", max(0, before - 3))
        if end < 0:
            return data
        self._asked = True
        self._head, self._early = self._head[: end + 4], self._head[end + 4 :]
        return self._head[before:]

    def send_data(self) -> None:
        error = self.protocol.handshake_exc
        if error is not None and self.request is None and not self._refused:
            # The library ends the connection without a word, or with words that lack our headers.
            self._refused = True
            *_, end = self.protocol.data_to_send()
            answer = reply_to_unreadable(self._head, error, tls=self.door.ssl is not None)
            self.protocol.writes += [answer.serialize(), end]
        super().send_data()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as asyncio has it
        if self.state is State.CONNECTING and self._asked and not self.protocol.eof_sent:
            # It said all it has to say, and still waits for the answer. TLS cannot end by halves.
            self._ended_early = self.transport.can_write_eof()
            return self._ended_early
        super().eof_received()
        return None

    def process_event(self, event: Event) -> None:
        # Pings, pongs and fragments are not messages, but cost time all the same.
        if self._pace is not None:
            self._debt_s = self._pace.spend(1, self.loop.time())
        elif not self._frames.spend(self.loop.time()):
            self.transport.abort()
        super().process_event(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(
            self.limits.stall_timeout_s, self.part, CloseCode.TOO_SLOW, "this reader takes nothing"
        )

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()
        self._pump()

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


class _HandedOver(asyncio.Transport):
    """In the place of a transport that went to somebody else: nothing is left to end."""

    def abort(self) -> None:
        pass


class TlsHandshake(asyncio.Protocol):
    """A connection until its TLS handshake is done: counted, and given up after a time.

    A server socket of asyncio that speaks TLS itself tells nobody of a connection before that is
    done, though each one holds 200 KiB.

    Args:
        connection: takes over.
        context: of the service.
    """

    def __init__(self, connection: Connection, context: ssl.SSLContext) -> None:
        self.limits = connection.limits
        self.others, self.lobby = connection.others, connection.lobby
        self.door = connection.door
        self.transport: asyncio.Transport
        self.protocol = connection.protocol  # websockets looks for it in whatever it is handed
        self._connection = connection
        self._context = context
        self._early = b""
        self._task: asyncio.Task[None]

    @property
    def speaks(self) -> str:
        """The protocol that the connection is to speak: websockets asks whatever it is handed."""
        return self._connection.speaks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        _come_in(self)
        if not self.transport.is_closing():
            self.transport.pause_reading()  # start_tls() goes on; what comes is not plain text
            self._task = asyncio.get_running_loop().create_task(self._shake_hands())

    def data_received(self, data: bytes) -> None:
        self._early += data  # came with the end of the handshake

    def connection_lost(self, exc: Exception | None) -> None:
        _go(self)

    async def _shake_hands(self) -> None:
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self.transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self.limits.open_timeout_s,
                ssl_shutdown_timeout=self.limits.close_timeout_s,
            )
        except OSError:  # no TLS, too slow, or turned away
            return
        if secured is None or secured.is_closing():
            return
        _go(self)
        secured.set_protocol(self._connection)
        self._connection.connection_made(secured)
        if self._early:
            self._connection.data_received(self._early)


def _come_in(connection: Connection | TlsHandshake) -> None:
    """Count a connection, and cut off who has to go for it."""
    connection.others.add(connection)
    evicted = connection.lobby.enter(connection, address_of(connection))
    if evicted is not None:
        evicted.transport.abort()


def _go(connection: Connection | TlsHandshake) -> None:
    connection.others.discard(connection)
    connection.lobby.leave(connection)


def address_of(connection: Connection | TlsHandshake) -> str:
    """Return where a connection comes from, as what one sender is counted by."""
    peer = connection.transport.get_extra_info("peername")
    return access.sender(peer[0]) if peer else ""  # it has gone again


def text_frame(message: ServerMessage) -> bytes:
    """Return a message as it is written to every socket."""
    return framed(encode(message))


def framed(text: str) -> bytes:
    """Return a text as it is written to every socket: servers neither mask nor compress."""
    return bytes(Frame(Opcode.TEXT, text.encode()).serialize(mask=False))
