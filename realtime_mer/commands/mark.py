"""``realtime-mer mark``: note what happens now in a running session."""

import secrets
from typing import Annotated

import typer

from realtime_mer.commands.arguments import DEFAULT_URL, Ca, Token, Url
from realtime_mer.commands.first_words import say
from realtime_mer.errors import InputError, ServiceError


def mark(
    label: Annotated[str, typer.Argument(help="What happens now, in one line.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    ca: Ca = None,
) -> None:
    """Mark this moment of a running session, for everybody who follows it.

    `realtime-mer mark "the drop"` puts a marker into the session on this machine.
    """
    set_marker(url, label, token=token, ca=ca)


def set_marker(url: str, label: str, *, token: str | None, ca: str | None = None) -> None:
    """Set a marker and return once the service has sent it to everybody.

    Args:
        url, token, ca: as for ``client.subscribe``.
        label: one line.

    Raises:
        InputError: the label cannot be used.
        ServiceError: nobody serves there, or it refuses.
    """
    from realtime_mer.wire.protocol import MAX_LABEL, Hello, Marker

    if not 1 <= len(label) <= MAX_LABEL or not label.isprintable():
        raise InputError(f"marker {label!r}: give one line of 1 to {MAX_LABEL} characters.")
    say(f"Setting the marker at {url}")

    from realtime_mer.client.streams import subscribe

    name = secrets.token_hex(8)
    with subscribe(
        url, streams=["markers"], token=token, ca=ca, reconnect=False, events=True
    ) as messages:
        for message in messages:
            if isinstance(message, Hello):
                messages.mark(label, id=name)
            elif isinstance(message, Marker) and message.id == name:
                return
    raise ServiceError(f"the marker {label!r} was not set: {url} stopped")
