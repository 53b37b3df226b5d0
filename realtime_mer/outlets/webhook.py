"""Webhooks of programs on this machine: a value is a request over HTTP, sent by a rule as a rule.

Of this machine alone, so that no mapping from elsewhere tells the network what you listen to. Each
batch has a connection of its own: what was kept open, most programs close within seconds.
"""

import json
import socket
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from pydantic import Field, StrictStr

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.wires import Message, Table, Url, Wire
from realtime_mer.wire import access

_ANSWER_S = 3.0
_BATCH_S = 5.0  # then what is left of a batch is not sent any more
_MOST_BYTES = 1 << 16  # that are read of an answer
_PORT = 80


class HookPlace(Table):
    """Where a request goes.

    Attributes:
        path: what comes behind the output's own address, such as ``/api/webhook/mood``.
        method: ``POST`` and ``PUT`` bring the value, ``GET`` brings nothing.
    """

    path: Annotated[StrictStr, Field(pattern=r"^/[!-~]*$", max_length=1000)] = ""
    method: Literal["POST", "PUT", "GET"] = "POST"


class HookConnection:
    """A program that takes requests.

    Args:
        url: of it.
        options: none.

    Raises:
        OSError: nobody listens there.
    """

    def __init__(self, url: Url, options: Table) -> None:
        self._host, self._port = url.host or "127.0.0.1", url.port or _PORT
        self._path = quote(url.path)
        self._query = f"?{urlencode(url.query)}" if url.query else ""
        socket.create_connection((self._host, self._port), timeout=_ANSWER_S).close()

    def send(self, messages: Sequence[Message[HookPlace]]) -> int:
        """Send a request for each and wait for its answer; one not 2xx counts as not taken."""
        refused = 0
        end = time.monotonic() + _BATCH_S
        try:
            with closing(HTTPConnection(self._host, self._port, timeout=_ANSWER_S)) as connection:
                for message in messages:
                    late = time.monotonic() > end
                    refused += late or not self._ask(connection, message)
        except HTTPException as error:
            raise ServiceError("that is no HTTP: it says something else") from error
        return refused

    def close(self) -> None:
        """There is nothing to let go of."""

    def _ask(self, connection: HTTPConnection, message: Message[HookPlace]) -> bool:
        place, body = message.place, None
        if place.method != "GET":
            body = json.dumps({"value": message.value, "t": message.t}).encode()
        path = f"{self._path.rstrip('/')}{place.path}" if place.path else self._path
        where = f"{path or '/'}{self._query}"
        kind = {} if body is None else {"Content-Type": "application/json"}
        connection.request(place.method, where, body, {"User-Agent": "realtime-mer", **kind})
        with connection.getresponse() as answer:
            if answer.read(_MOST_BYTES + 1)[_MOST_BYTES:]:
                connection.close()  # it opens again for the next
            return 200 <= answer.status < 300


def _check(url: Url) -> None:
    if url.host is None or not access.is_loopback(url.host):
        raise InputError(
            f"{url.shown!r}: webhooks go to this machine alone, as in {HTTP.example}; for another "
            "one let a program here pass them on"
        )
    if url.user is not None:
        raise InputError(f"{url.shown!r}: there is no user or password here")


HTTP = Wire(
    scheme="http",
    example="http://127.0.0.1:8123/api/webhook/mood",
    place=HookPlace,
    options=Table,
    connect=HookConnection,
    check=_check,
)
"""The wire ``http``."""
