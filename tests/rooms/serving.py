"""A service of rooms and those who send to it and watch it, in a test's own hands."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from realtime_mer.estimate import Estimate
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.nodes.alone import Alone
from realtime_mer.rooms.nodes.computer import Computer
from realtime_mer.rooms.nodes.node import Node
from realtime_mer.rooms.service import RoomsOptions, RoomsService
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from realtime_mer.wire.protocol import PROTOCOL, Event
from realtime_mer.wire.sound import SOUND_PROTOCOL, Chunk
from tests.patience import PATIENCE_S
from tests.tones import ToneRecognizer


class Serving:
    """A service that runs in a thread.

    Attributes:
        service: it.
        said: what it told people, a line each.
    """

    def __init__(
        self,
        folder: Path,
        recognizer: StreamingRecognizer | None,
        options: Any,
        computer: Computer | None = None,
    ) -> None:
        self.said: list[str] = []
        heard = recognizer or ToneRecognizer()
        keep = options.pop("keep", True)
        asked = RoomsOptions(**{"port": 0, **options})
        kept = folder if keep else None
        alone = Alone(heard, folder=kept, rooms=asked.limits.rooms, say=self.said.append)
        tokens = computer.tokens if isinstance(computer, Node) else TokenFile(folder / TOKENS)
        self.service = RoomsService(
            heard, asked, computer=computer or alone, tokens=tokens, say=self.said.append
        )
        self._bound: Future[None] = Future()
        self._thread = threading.Thread(target=self.run, name="rooms")

    def run(self) -> None:
        try:
            asyncio.run(self.service.run(lambda: self._bound.set_result(None)))
        finally:
            if not self._bound.done():
                self._bound.set_exception(RuntimeError("it ended before it could listen"))

    def start(self) -> None:
        self._thread.start()
        self._bound.result(PATIENCE_S)

    def stop(self) -> None:
        self.service.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def all_of(self, room: str) -> list[dict[str, Any]]:
        """Return a list that every estimate of a room is added to, before anybody is told of it.

        Of estimates that come faster than a watcher reads them it gets the newest.
        """
        found: list[dict[str, Any]] = []

        def take(event: Event) -> None:
            if isinstance(event, Estimate):
                found.append(event.to_dict())

        there = self.service.find(room)
        assert there is not None
        there.outlets.append(take)
        return found

    def url(self, room: str, rest: str = "") -> str:
        return f"{self.service.url}/rooms/{room}{rest}"


@contextmanager
def serving(
    folder: Path, *, recognizer: StreamingRecognizer | None = None, **options: Any
) -> Iterator[Serving]:
    made = Serving(folder, recognizer, options)
    made.start()
    try:
        yield made
    finally:
        made.stop()


class Talker:
    """A client that reads only when it is told to."""

    def __init__(
        self,
        url: str,
        protocol: str,
        token: str | None = None,
        *,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._open = ExitStack()
        self.socket = self._open.enter_context(
            connect(
                url,
                ssl=trusted,
                subprotocols=[Subprotocol(protocol)],
                additional_headers=headers,
                compression=None,
                ping_interval=None,
                close_timeout=1,
                max_queue=None,
            )
        )

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def say(self, kind: str, **message: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **message}))

    def receive(self) -> dict[str, Any]:
        message = json.loads(self.socket.recv(timeout=PATIENCE_S))
        assert isinstance(message, dict)
        return message

    def until(self, kind: str) -> list[dict[str, Any]]:
        messages = [self.receive()]
        while messages[-1]["type"] != kind:
            messages.append(self.receive())
        return messages

    def close_code(self) -> int:
        with suppress(ConnectionClosed):
            while True:
                self.socket.recv(timeout=PATIENCE_S)
        assert self.socket.close_code is not None
        return self.socket.close_code


class Feeder(Talker):
    """Whoever feeds a room.

    Attributes:
        ready: what the service answered; empty before.
        index: of the next sample.
    """

    def __init__(
        self,
        at: Serving,
        room: str,
        *,
        token: str | None = None,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(at.url(room, "/audio"), SOUND_PROTOCOL, token, trusted=trusted)
        self.ready: dict[str, Any] = {}
        self.index = 0

    def open(self, *, rate: int = 24_000, **message: Any) -> dict[str, Any]:
        self.say("open", **{"rate": rate, "format": "f32le", **message})
        self.ready = self.until("ready")[-1]
        self.index = self.ready["next"]
        return self.ready

    def send(self, samples: NDArray[Any], *, index: int | None = None) -> None:
        """Send frames ``(n,)`` or ``(n, channels)``, which are written as they are."""
        at = self.index if index is None else index
        self.socket.send(Chunk(at, np.ascontiguousarray(samples).tobytes()).encode())
        self.index = at + len(samples)

    def end(self) -> dict[str, Any]:
        """Say that the sound has ended and return the last word."""
        self.say("end")
        return self.until("bye")[-1]


class Watcher(Talker):
    """Whoever follows a room."""

    def __init__(
        self,
        at: Serving,
        room: str,
        *streams: str,
        token: str | None = None,
        history: float = 0.0,
    ) -> None:
        super().__init__(at.url(room), PROTOCOL, token)
        self.hello = self.receive()
        self.say("subscribe", streams=streams or ["estimates"], history=history)
        self.say("ping", id="settle")
        self.first = self.until("pong")[:-1]

    def wait(self, upto: int) -> dict[str, Any]:
        """Read until the estimate of this number, or a later one, and return it."""
        messages, self.first = self.first, []
        while True:
            for message in messages:
                if message["type"] == "estimate" and message["seq"] >= upto:
                    return message
            messages = [self.receive()]


def until(what: Callable[[], object]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.01)
