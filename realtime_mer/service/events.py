"""Server-sent events, as the WHATWG's HTML standard has them in 9.2 (pure, no socket)."""

import json
from http import HTTPStatus
from urllib.parse import parse_qsl

from realtime_mer.errors import InputError, ProtocolError
from realtime_mer.service.pages import GUARDS, Page, shared_with
from realtime_mer.wire.protocol import Subscribe, parse_client_message

PATH = "/events"

RETRY_MS = 2000
"""How long a browser waits before it connects again."""

KEEP_ALIVE = b":\n\n"
"""A comment: readers ignore it, and whoever writes it learns that they are still there."""

_NAMES = {"estimates": "estimate", "status": "status", "level": "level", "markers": "marker"}
_ASKED = ("estimates", "status", "markers")


def asked_for(query: str) -> Subscribe:
    """Return what a query such as ``streams=estimates,level&max_rate=2`` asks for.

    Without it that is every estimate, the status and the markers.

    Raises:
        InputError: it cannot be understood.
    """
    fields = dict(parse_qsl(query, keep_blank_values=True))
    streams = fields.pop("streams", ",".join(_ASKED)).split(",")
    rate = fields.pop("max_rate", None)
    try:
        if fields:
            raise ValueError(f"no {', '.join(sorted(fields))}")
        body = {"streams": streams, "max_rate": None if rate is None else float(rate)}
        message = parse_client_message(json.dumps({"type": "subscribe", **body}))
    except (ValueError, ProtocolError) as error:
        raise InputError(
            f"ask with streams={','.join(_NAMES)} and max_rate=NUMBER alone: {error}"
        ) from error
    if not isinstance(message, Subscribe):
        raise TypeError(message)
    return message


def page(origin: str | None) -> Page:
    """Return the answer whose body they are, which has no end.

    Args:
        origin: of the page that asks; None for no page.
    """
    return Page(
        status=HTTPStatus.OK,
        body=b"",
        length=None,
        headers={
            **GUARDS,
            **shared_with(origin),
            "Content-Type": "text/event-stream; charset=utf-8",
            "X-Accel-Buffering": "no",  # a proxy that collected them first would make them late
        },
    )


BEGINNING = f"retry: {RETRY_MS}\n\n".encode()
"""What comes before the first event."""


def event(stream: str, text: str) -> bytes:
    """Return a message of a stream, JSON in one line, as an event named for its type."""
    return named(_NAMES[stream], text)


def named(name: str, text: str) -> bytes:
    """Return a line of text as an event."""
    return f"event: {name}\ndata: {text}\n\n".encode()
