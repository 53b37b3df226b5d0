"""What the service answers over plain HTTP (pure, no socket)."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from realtime_mer.web import Asset

_TEXT = "text/plain; charset=utf-8"
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) [^ ]+ HTTP/([0-9.]+)\r?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """An answer.

    Attributes:
        status: of HTTP.
        body: empty where only the headers were asked for.
        length: of the body, also where that was left out; None where none is told.
        headers: all but ``Date``, ``Connection`` and ``Content-Length``.
    """

    status: HTTPStatus
    body: bytes
    length: int | None
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def text(cls, status: HTTPStatus, text: str, **headers: str) -> "Page":
        """Return a line for people; ``headers`` with underscores for hyphens."""
        return cls.of(f"{text}\n".encode(), _TEXT, status=status, **headers)

    @classmethod
    def json(cls, value: Any, *, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> "Page":
        """Return a value for programs; ``headers`` likewise."""
        body = json.dumps(value, allow_nan=False).encode()
        return cls.of(body, "application/json; charset=utf-8", status=status, **headers)

    @classmethod
    def of(
        cls, body: bytes, content_type: str, *, status: HTTPStatus = HTTPStatus.OK, **headers: str
    ) -> "Page":
        """Return bytes of any kind that no cache keeps; ``headers`` likewise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(
            status=status,
            body=body,
            length=len(body),
            headers={**GUARDS, "Content-Type": content_type, **named},
        )

    @classmethod
    def file(cls, found: Asset, *, connections: str = "connect-src 'self'") -> "Page":
        """Return a file of a page.

        Browsers ask for it every time: a page of an older version must not talk to a newer service.

        Args:
            found: the file.
            connections: the directive of its policy that says where it may connect.
        """
        policy = f"{_POLICY}; {_OWN_FILES}; {connections}"
        return _found(found.body, found.content_type, cache="no-cache", policy=policy)

    def over_tls(self) -> "Page":
        """Return what is answered over TLS: the browser is told to keep to it for a day.

        No longer, since the next service of this machine may have no certificate.
        """
        return replace(self, headers={**self.headers, **STRICT})

    def without_body(self) -> "Page":
        """Return what HEAD gets."""
        return replace(self, body=b"")


METHODS = ("GET", "HEAD")
"""What is answered with what is at the path."""

NOW = "/now"
"""The latest estimate."""

LIBRARY = "/realtime-mer.js"
"""The module that pages of others may import."""


def answer(
    path: str,
    *,
    authorities: Sequence[str],
    origin: str | None,
    metrics: Callable[[], tuple[bytes, str]] | None,
    now: Callable[[], str | None] | None,
    files: Callable[[str], Asset | None],
) -> Page:
    """Return what is at a path.

    Args:
        path: of the request, with or without a query.
        authorities: ``HOST:PORT`` as the browser reached the service, or may have; its page may
            connect there.
        origin: of a page that asks and may connect; None for no page, or any other.
        metrics: gives the body and content type of ``/metrics``; None where the request lacks the
            token.
        now: gives the latest estimate as JSON, None before there is one; None likewise.
        files: gives what a browser gets for a path; None where there is nothing.
    """
    path = path.partition("?")[0]
    if path == "/healthz":
        return Page.text(HTTPStatus.OK, "ok")
    if path == "/metrics":
        if metrics is None:
            return token_needed()
        return _found(*metrics(), cache="no-store", policy=_POLICY)
    if path == NOW:
        return token_needed() if now is None else _latest(now(), origin)
    found = files(path)
    if found is None:
        return Page.text(HTTPStatus.NOT_FOUND, "nothing here")
    page = Page.file(found, connections=_connections(authorities))
    if found.microphone:
        return replace(page, headers={**page.headers, "Permissions-Policy": _MICROPHONE})
    if path == LIBRARY:
        return replace(page, headers={**page.headers, **shared_with(origin)})
    return page


def token_needed() -> Page:
    """Return what is said to whoever shows no token."""
    return Page.text(HTTPStatus.UNAUTHORIZED, "a token is needed", WWW_Authenticate="Bearer")


def shared_with(origin: str | None) -> dict[str, str]:
    """Return the headers that let a page of an origin read an answer; None for no page."""
    shared = {} if origin is None else {"Access-Control-Allow-Origin": origin}
    return {"Vary": "Origin", **shared}


def _latest(estimate: str | None, origin: str | None) -> Page:
    if estimate is None:
        return Page(
            status=HTTPStatus.NO_CONTENT,
            body=b"",
            length=None,  # RFC 9110, 8.6
            headers=GUARDS | shared_with(origin),
        )
    page = _found(f"{estimate}\n".encode(), "application/json", cache="no-store", policy=_POLICY)
    return replace(page, headers={**page.headers, **shared_with(origin)})


def not_understood(head: bytes, *, too_large: bool) -> Page:
    """Return what a request gets that cannot be read as one.

    Args:
        head: of the request, as far as it was read.
        too_large: whether a header of it is too long, or there are too many.
    """
    line = _REQUEST_LINE.fullmatch(head.partition(b"\n")[0])
    if line is None:
        return Page.text(HTTPStatus.BAD_REQUEST, "not a request of HTTP")
    method, version = line[1].decode("ascii"), line[2]
    if version not in (b"1.0", b"1.1"):
        return Page.text(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 is spoken")
    if method not in METHODS:
        return not_allowed()
    if too_large:
        page = Page.text(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many or too long headers")
    else:
        page = Page.text(
            HTTPStatus.BAD_REQUEST, "only a request in ASCII without a body is answered"
        )
    return page.without_body() if method == "HEAD" else page


def not_allowed() -> Page:
    """Return what other methods than ``METHODS`` get."""
    return Page.text(
        HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered", Allow=", ".join(METHODS)
    )


def _connections(authorities: Sequence[str]) -> str:
    # Not every browser counts ws: as 'self'. Behind a proxy, only the page knows which it is.
    both = (f"ws://{authority} wss://{authority}" for authority in authorities)
    return f"connect-src 'self' {' '.join(both)}"


def _found(body: bytes, content_type: str, *, cache: str, policy: str) -> Page:
    return Page(
        status=HTTPStatus.OK,
        body=body,
        length=len(body),
        headers={
            **GUARDS,
            "Content-Security-Policy": policy,
            "Content-Type": content_type,
            "Cache-Control": cache,
        },
    )


_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_MICROPHONE = "camera=(), geolocation=(), microphone=(self)"
_OWN_FILES = (
    "script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' data:; "
    "font-src 'self'; manifest-src 'self'"
)
GUARDS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Headers of every answer that is no page."""

STRICT = {"Strict-Transport-Security": "max-age=86400"}
"""What every answer over TLS has besides."""
