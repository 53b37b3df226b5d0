"""The library's service: audio features over plain HTTP, on this machine unless told otherwise."""

import socket
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from realtime_mer.errors import InputError
from realtime_mer.library.spotify.answers import answer, refusal
from realtime_mer.library.spotify.features import Features
from realtime_mer.service.listening import cannot_listen, check_port, check_token, usual_address
from realtime_mer.service.pages import Page
from realtime_mer.wire import access

_AT_ONCE = 32  # connections; more are closed unanswered
_PATIENCE_S = 10.0  # for a request to come


class FeatureServer(ThreadingHTTPServer):
    """Answers with the features of tracks; ``serve_forever`` runs it, ``shutdown`` ends that.

    Args:
        features: by the ids of tracks.
        host, port: where to listen; 0 for any free port.
        token: what a client has to show as a bearer; None for nothing, on this machine alone.

    Raises:
        InputError: a port or token that cannot be used, or no token beyond this machine.
        ServiceError: nobody can listen there.
    """

    daemon_threads = True
    request_queue_size = _AT_ONCE

    def __init__(
        self,
        features: Mapping[str, Features],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
    ) -> None:
        check_port(port)
        if token is not None:
            check_token(token, host=host)
        elif not access.is_loopback(host):
            raise InputError(f"whoever reaches {host} could ask: give --token")
        self.features, self.host, self.token = features, host, token
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((usual_address(host), port), _Request)
        except (OSError, UnicodeError) as error:
            raise cannot_listen(host, port, error) from error

    @property
    def url(self) -> str:
        """Where a client on this machine asks; Spotify's has its paths below ``/v1/``."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{access.authority(host, self.server_address[1])}/v1/"

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

    def judged(self, target: str, headers: Mapping[str, list[str]]) -> Page:
        """Return what is answered to a request.

        Args:
            target: path and query.
            headers: every value of the headers that matter.
        """
        host = access.host_of(headers["Host"], prefix="//")
        if host is None or not access.is_own_name(
            host, listening_on=self.host, names=(socket.gethostname(),)
        ):
            return refusal(HTTPStatus.FORBIDDEN, "not a name of this service")
        if not access.is_trusted_origin(headers["Origin"], host):
            return refusal(HTTPStatus.FORBIDDEN, "not for pages of other hosts")
        if self.token is not None:
            shown = access.bearer_token(next(iter(headers["Authorization"]), ""))
            if shown is None or not access.same_token(shown, self.token):
                return refusal(
                    HTTPStatus.UNAUTHORIZED, "a token is needed", WWW_Authenticate="Bearer"
                )
        return answer(target, self.features)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S
    server: FeatureServer

    def version_string(self) -> str:
        return "realtime-mer"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no record of who asks for what."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request, or none that is answered, as all else: in JSON."""
        self.close_connection = True
        status = HTTPStatus(code)
        self._send(refusal(status, message or status.phrase), with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        names = ("Host", "Origin", "Authorization")
        headers = {name: self.headers.get_all(name, []) for name in names}
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what follows may be no request
        self._send(self.server.judged(self.path, headers), with_body=with_body)

    def _send(self, page: Page, *, with_body: bool) -> None:
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(page.length))
        self.end_headers()
        if with_body:
            self.wfile.write(page.body)
