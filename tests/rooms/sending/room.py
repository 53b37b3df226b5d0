"""A room of a service in a test's own hands: it takes sound, and does nothing with it."""

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from realtime_mer.wire.sound import (
    SOUND_PROTOCOL,
    Chunk,
    End,
    Farewell,
    Open,
    Ready,
    Refusal,
    SoundClose,
    Taken,
    encode_sound_message,
    parse_chunk,
    parse_sender_message,
)
from tests.patience import PATIENCE_S


class Room:
    """Takes the sound of one sender at a time; a context manager that listens.

    Args:
        next: index of the sample that it expects first.
        context: for TLS; None for plain text.
        refusal: the code and close with which it turns a sender away; None lets it in.

    Attributes:
        opened: what senders said first.
        paths: what they asked for.
        chunks: that came, over all connections.
        ended: how many senders said that their sound has ended.
        notice: what senders are told of what becomes of their sound.
    """

    def __init__(
        self,
        *,
        next: int = 0,
        context: ssl.SSLContext | None = None,
        refusal: tuple[str, SoundClose] | None = None,
    ) -> None:
        self.next, self.refusal = next, refusal
        self.opened: list[Open] = []
        self.paths: list[str] = []
        self.chunks: list[Chunk] = []
        self.ended = 0
        self.notice = "Nothing of the sound is kept."
        self._context = context
        self._news = threading.Condition()
        self._connections: set[ServerConnection] = set()
        self._server: Server
        self._thread: threading.Thread
        self.port = 0

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.vanish()

    @property
    def url(self) -> str:
        """Of the service."""
        return f"{'ws' if self._context is None else 'wss'}://localhost:{self.port}"

    def listen(self) -> None:
        """Be there, at the port of before if there was one."""
        self._server = serve(
            self._attend,
            "localhost",
            self.port,
            ssl=self._context,
            subprotocols=[Subprotocol(SOUND_PROTOCOL)],
            compression=None,
        )
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def vanish(self) -> None:
        """Be gone without a word."""
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._connections):
            connection.socket.shutdown(socket.SHUT_RDWR)

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        with self._news:
            assert self._news.wait_for(lambda: bool(condition()), PATIENCE_S)

    def confirm(self, *, undelivered: int = 0) -> None:
        """Say what came, as a service does every second.

        Args:
            undelivered: samples of that which nobody will compute.
        """
        taken = Taken(
            next=self.next,
            kept=self.next,
            lost=0,
            repeated=0,
            skipped=0,
            undelivered=undelivered,
            drift_ppm=-12.5,
        )
        for connection in list(self._connections):
            connection.send(encode_sound_message(taken))

    def _attend(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        assert connection.request is not None
        self.paths.append(connection.request.path)
        try:
            for message in connection:
                self._take(connection, message)
                with self._news:
                    self._news.notify_all()
        except (ConnectionClosed, OSError):
            pass  # it vanished
        finally:
            self._connections.discard(connection)

    def _take(self, connection: ServerConnection, message: str | bytes) -> None:
        if isinstance(message, bytes):
            chunk = parse_chunk(message)
            self.chunks.append(chunk)
            self.next = chunk.index + len(chunk.data) // 2
            return
        match parse_sender_message(message):
            case Open() as opened if self.refusal is None:
                self.opened.append(opened)
                connection.send(encode_sound_message(self._ready()))
            case Open() as opened:
                code, close = self.refusal
                self.opened.append(opened)
                refusal = Refusal(code=code, message=f"this is why: {code}")
                connection.send(encode_sound_message(refusal))
                connection.close(close, code)
            case End():
                self.ended += 1
                farewell = Farewell(reason="the sound has ended", next=self.next)
                connection.send(encode_sound_message(farewell))
                connection.close(SoundClose.DONE)

    def _ready(self) -> Ready:
        return Ready(
            room="hall",
            next=self.next,
            server_version="0",
            message_bytes=1 << 20,
            messages_per_s=200.0,
            message_burst=1000,
            speed=2.0,
            ahead_s=15.0,
            stall_s=30.0,
            estimates_stored=False,
            sound_stored=False,
            resume="come-back",
            notice=self.notice,
        )
