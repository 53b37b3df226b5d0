"""How an answer goes out as a response of HTTP (pure, no socket)."""

from email.utils import formatdate
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.exceptions import RequestLineTooLong, SecurityError
from websockets.http11 import Response

from realtime_mer.service.pages import GUARDS, STRICT, Page, not_understood


def reply(page: Page, *, tls: bool) -> Response:
    """Return the response that is a page; after it the connection ends.

    Args:
        page: the answer.
        tls: whether it goes over TLS.
    """
    secured = page.over_tls() if tls else page
    headers = Headers(
        {
            **secured.headers,
            "Date": formatdate(usegmt=True),
            "Connection": "close",
        }
    )
    if page.length is not None:
        headers["Content-Length"] = str(page.length)
    return Response(page.status.value, page.status.phrase, headers, page.body)


def reply_to_unreadable(head: bytes, error: Exception, *, tls: bool) -> Response:
    """Return the response to a request that cannot be read as one.

    Args:
        head: of the request, as far as it came.
        error: that the WebSocket library found in it, which may answer nothing by itself.
        tls: whether it goes over TLS.
    """
    if isinstance(error, RequestLineTooLong):
        page = Page.text(HTTPStatus.REQUEST_URI_TOO_LONG, "the first line is too long")
    else:
        page = not_understood(head, too_large=isinstance(error, SecurityError))
    return reply(page, tls=tls)


def guard(response: Response, *, tls: bool) -> None:
    """Give an answer that the WebSocket library made up the headers of ours that it lacks."""
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        return
    for name, value in {**GUARDS, **(STRICT if tls else {})}.items():
        if name not in response.headers:
            response.headers[name] = value
