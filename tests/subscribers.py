"""A service and its subscribers in a test's own hands."""

import asyncio
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket
from websockets.typing import Subprotocol

from realtime_mer.estimate import Status
from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import PROTOCOL, Hello, StatusMessage
from tests.patience import PATIENCE_S

HELLO = Hello(server_version="0.1.0", model="default", hop=0.1, window=3.0, sample_rate=24000)
SMALL_RECEIVE_BUFFER = 4096

_T = TypeVar("_T")


@contextmanager
def running(**options: Any) -> Iterator[Service]:
    with Service(**{"hello": HELLO, "port": 0, **options}) as service:
        yield service


def in_loop(service: Service, function: Callable[[], _T]) -> _T:
    """What a function returns in the service's own thread."""

    async def call() -> _T:
        return function()

    assert service._loop is not None
    return asyncio.run_coroutine_threadsafe(call(), service._loop).result(PATIENCE_S)


def let_time_pass(service: Service, seconds: float) -> None:
    """Set the service's clock ahead; afterwards has happened whatever was due until then."""

    def set_ahead() -> None:
        loop = asyncio.get_running_loop()
        before = loop.time
        loop.time = lambda: before() + seconds  # type: ignore[method-assign]

    in_loop(service, set_ahead)
    in_loop(service, lambda: None)


class Client:
    """A subscriber in the test's own hands: it reads only when it is told to."""

    def __init__(
        self,
        service: Service,
        *streams: str,
        max_rate: float | None = None,
        **options: Any,
    ) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
        sock.connect(("127.0.0.1", service.port))
        connecting = open_websocket(
            options.pop("url", service.url),
            sock=sock,
            max_queue=1,
            ping_interval=None,
            close_timeout=1,
            compression=options.pop("compression", None),
            subprotocols=options.pop("subprotocols", [Subprotocol(PROTOCOL)]),
            **options,
        )
        self._open = ExitStack()
        self.socket: ClientConnection = self._open.enter_context(connecting)
        self.hello = self.receive()
        if streams:
            self.send(type="subscribe", streams=streams, max_rate=max_rate)
            self.settle()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def flood(self, limits: Limits) -> None:
        """Send one message more than may be sent at once; the service closes, so it is the last."""
        for _ in range(limits.message_burst + 1):
            self.send(type="ping")

    def receive(self) -> dict[str, Any]:
        message = json.loads(self.socket.recv(timeout=PATIENCE_S))
        assert isinstance(message, dict)
        return message

    def settle(self) -> list[dict[str, Any]]:
        """Everything that was on its way: what comes until the answer to a ping."""
        self.send(type="ping", id="settle")
        return self.until("pong")[:-1]

    def until(self, kind: str) -> list[dict[str, Any]]:
        messages = [self.receive()]
        while messages[-1]["type"] != kind:
            messages.append(self.receive())
        return messages

    def close_code(self) -> int:
        """Read to the end and return the code the service closed with."""
        with suppress(ConnectionClosedError):
            for _ in self.socket:
                pass
        assert self.socket.close_code is not None
        return self.socket.close_code


def status(detail: str) -> StatusMessage:
    return StatusMessage(status=Status.MUSIC, detail=detail, t=1.0, wall_time=None, source="a file")


def seqs(messages: list[dict[str, Any]]) -> list[int]:
    return [message["seq"] for message in messages if message["type"] == "estimate"]


def get(service: Service, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def numbers(text: str) -> dict[str, float]:
    """What ``/metrics`` counts, by name."""
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }
