"""``Gate`` decides what a request gets: a page, a refusal, or a WebSocket (pure, no socket)."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from websockets.datastructures import Headers

from realtime_mer.service.pages import Page, answer
from realtime_mer.wire import access


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """A request may become a WebSocket.

    Attributes:
        authorized: whether it showed the token, or there is none.
    """

    authorized: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """Judges requests.

    Attributes:
        host: what the service listens on.
        machine: name of this machine.
        token: what a client has to show; None for nothing.
        metrics: gives the body and content type of ``/metrics``.
    """

    host: str
    machine: str
    token: str | None
    metrics: Callable[[], tuple[bytes, str]]

    def accepts(self, token: str) -> bool:
        """Whether this is the token."""
        return self.token is not None and access.same_token(token, self.token)

    def judge(self, method: str, path: str, headers: Headers) -> Page | Admission:
        """Return the page that answers a request, or that it may become a WebSocket.

        Args:
            method, path, headers: of the request, as they came.
        """
        host = access.host_of(headers.get_all("Host"), prefix="//")
        if host is None or not access.is_own_name(
            host, listening_on=self.host, machine=self.machine
        ):
            return Page.text(HTTPStatus.FORBIDDEN, "not a name of this service")
        if method not in ("GET", "HEAD"):
            return Page.text(
                HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered", Allow="GET, HEAD"
            )
        credentials = headers.get_all("Authorization")
        if self.token is not None and credentials:
            token = access.bearer_token(credentials[0])
            if token is None or not self.accepts(token):
                return Page.text(HTTPStatus.UNAUTHORIZED, "wrong token", WWW_Authenticate="Bearer")
        authorized = self.token is None or bool(credentials)
        origins = headers.get_all("Origin")
        trusted = access.is_trusted_origin(origins, host)
        if "Upgrade" not in headers or path.partition("?")[0] != "/":
            return answer(
                path,
                authority=access.authority(host, access.port_of(headers["Host"])),
                origin=origins[0] if origins and trusted else None,
                metrics=self.metrics if authorized else None,
            )
        if not trusted:
            return Page.text(HTTPStatus.FORBIDDEN, "not for pages of other hosts")
        return Admission(authorized=authorized)
