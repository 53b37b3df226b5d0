"""``PlainServer``: plain HTTP in threads, for what is asked once and answered from files.

It lets in whom the live service lets in: names, origins and tokens are judged alike.
"""

import socket
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from realtime_mer.errors import InputError
from realtime_mer.service.listening import cannot_listen, check_port, check_token, usual_address
from realtime_mer.service.pages import Page
from realtime_mer.wire import access

_AT_ONCE = 32  # connections; more are closed unanswered
_PATIENCE_S = 10.0  # for a request to come, and for some of an answer to be taken
_HEADERS = ("Host", "Origin", "Authorization", "Range", "If-Range")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a client asks for, by a name of this service and from no page of others.

    Attributes:
        method: ``GET``, also where only the headers are asked for, or ``POST``.
        target: path and query.
        authorized: whether it showed the token, or there is none.
        range, if_range: the headers of that name; "" where there is not exactly one.
        body: of a POST.
    """

    method: str
    target: str
    authorized: bool
    range: str = ""
    if_range: str = ""
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """An answer that is too long to be held.

    Attributes:
        page: its status, headers and length; its body is not looked at.
        parts: its body; closed where nobody takes it to the end.
    """

    page: Page
    parts: Generator[bytes, None, None]


class PlainServer(ThreadingHTTPServer):
    """Answers requests; ``serve_forever`` runs it, ``shutdown`` ends that.

    Args:
        host, port: where to listen; 0 for any free one.
        token: what a client has to show as a bearer; None for nothing, on this machine alone.

    Attributes:
        most_body: bytes that a POST may bring; 0 where there is none.

    Raises:
        InputError: a port or token that cannot be used, or no token beyond this machine.
        ServiceError: nobody can listen there.
    """

    daemon_threads = True
    request_queue_size = _AT_ONCE
    most_body = 0

    def __init__(self, *, host: str, port: int, token: str | None) -> None:
        check_port(port)
        if token is not None:
            check_token(token, host=host)
        elif not access.is_loopback(host):
            raise InputError(f"whoever reaches {host} could ask: give --token")
        self.host, self.token = host, token
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((usual_address(host), port), _Handler)
        except (OSError, UnicodeError) as error:
            raise cannot_listen(host, port, error) from error

    @property
    def url(self) -> str:
        """Where a client on this machine asks."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{access.authority(host, self.server_address[1])}/"

    def answer(self, request: Request) -> Page | Streamed:
        """Return what a request gets; each kind has its own, called from many threads at once."""
        raise NotImplementedError

    def refuse(self, status: HTTPStatus, message: str) -> Page:
        """Return an error."""
        return Page.text(status, message)

    def refusal(self, headers: Mapping[str, list[str]]) -> Page | None:
        """Return what is said to whoever may not ask at all; None to all others.

        Args:
            headers: every value of the headers that matter.
        """
        host = access.host_of(headers["Host"], prefix="//")
        if host is None or not access.is_own_name(
            host, listening_on=self.host, names=(socket.gethostname(),)
        ):
            return self.refuse(HTTPStatus.FORBIDDEN, "not a name of this service")
        if not access.is_trusted_origin(headers["Origin"], host):
            return self.refuse(HTTPStatus.FORBIDDEN, "not for pages of other hosts")
        return None

    def authorizes(self, headers: Mapping[str, list[str]]) -> bool:
        """Whether a request shows the token, or there is none."""
        if self.token is None:
            return True
        shown = access.bearer_token(next(iter(headers["Authorization"]), ""))
        return shown is not None and access.same_token(shown, self.token)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, of which there are not more than so many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of those who went away; what is a fault of ours is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S
    server: PlainServer

    def version_string(self) -> str:
        return "realtime-mer"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("GET", with_body=False)

    def do_POST(self) -> None:
        if self.server.most_body:
            self._answer("POST")
        else:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, "Unsupported method ('POST')")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no record of who asks for what."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request, or none that is answered, as all else is."""
        self.close_connection = True
        status = HTTPStatus(code)
        self._send(self.server.refuse(status, message or status.phrase))

    def _answer(self, method: str, *, with_body: bool = True) -> None:
        headers = {name: self.headers.get_all(name, []) for name in _HEADERS}
        comes_more = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        refusal = self.server.refusal(headers)
        if refusal is not None or (comes_more and method != "POST"):
            self.close_connection = True  # what follows may be no request
        if refusal is not None:
            self._send(refusal, with_body=with_body)
            return
        body = self._body() if method == "POST" else b""
        if body is None:
            return
        request = Request(
            method=method,
            target=self.path,
            authorized=self.server.authorizes(headers),
            range=_only(headers["Range"]),
            if_range=_only(headers["If-Range"]),
            body=body,
        )
        self._send(self.server.answer(request), with_body=with_body)

    def _body(self) -> bytes | None:
        """Return what a POST brings; None where that was refused."""
        told = self.headers.get_all("Content-Length", [])
        if len(told) != 1 or "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.LENGTH_REQUIRED, "say how long the body is")
            return None
        if not (told[0].isascii() and told[0].isdigit()):
            self.send_error(HTTPStatus.BAD_REQUEST, "that is no length")
            return None
        if len(told[0]) > len(str(self.server.most_body)) or int(told[0]) > self.server.most_body:
            self.send_error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {self.server.most_body} bytes"
            )
            return None
        body = self.rfile.read(int(told[0]))
        if len(body) < int(told[0]):
            self.close_connection = True  # it went away
            return None
        return body

    def _send(self, answer: Page | Streamed, *, with_body: bool = True) -> None:
        page = answer.page if isinstance(answer, Streamed) else answer
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(page.length))
        self.end_headers()
        if not with_body:
            return
        if not isinstance(answer, Streamed):
            self.wfile.write(page.body)
            return
        sent = 0
        with closing(answer.parts) as parts:
            for part in parts:
                self.wfile.write(part)
                sent += len(part)
        if sent != page.length:
            self.close_connection = True  # nobody must take what comes next for the rest


def _only(values: list[str]) -> str:
    return values[0] if len(values) == 1 else ""
