"""What ``realtime-mer subscribe`` and ``realtime-mer mark`` do."""

import json
import secrets
from contextlib import ExitStack
from dataclasses import asdict

from rich.console import Console

from realtime_mer.client.streams import Gap, subscribe
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.live.terminal import TerminalView, marker_line
from realtime_mer.wire.protocol import MAX_LABEL, Bye, Hello, Marker, StatusMessage

_BACKLOG = 256  # a pipe that is slow for a moment loses nothing


def print_subscription(
    url: str,
    *,
    token: str | None,
    ca: str | None = None,
    max_rate: float | None,
    jsonl: bool,
    jsonl_markers: bool = False,
    count: int | None,
) -> None:
    """Print estimates until the service stops, ``count`` have come, or Ctrl-C.

    Args:
        url, token, ca, max_rate: as for ``client.subscribe``.
        jsonl: a JSON line for every estimate instead of a view for people.
        jsonl_markers: among these also a line for every marker, told by its ``type``.
        count: stop after so many; None for no limit.

    Raises:
        ServiceError: nobody serves there, or it refuses.
    """
    console = Console(stderr=jsonl, highlight=False, soft_wrap=True)
    messages = subscribe(
        url,
        streams=("estimates", "status", "markers"),
        max_rate=max_rate,
        token=token,
        ca=ca,
        events=True,
        backlog=_BACKLOG,
    )
    seen = 0
    with ExitStack() as stack:
        view: TerminalView | None = None
        try:
            for message in messages:
                match message:
                    case Hello() if view is None and not jsonl:
                        view = stack.enter_context(
                            TerminalView(console=console, source=url, model=message.model)
                        )
                    case Estimate():
                        seen += 1
                        if view is not None:
                            view.show(message)
                        else:
                            print(json.dumps(message.to_dict(), allow_nan=False), flush=True)
                        if seen == count:
                            return
                    case StatusMessage() if view is not None:
                        view.message(f"{message.status.value}: {message.detail}")
                    case Marker() if view is not None:
                        view.message(marker_line(message))
                    case Marker() if jsonl_markers:
                        line = {"type": "marker", **asdict(message)}
                        print(json.dumps(line, allow_nan=False), flush=True)
                    case Gap(missed_s=float() as missed):
                        console.print(f"{url}: back; {missed:.1f} s of sound were missed.")
                    case Gap():
                        console.print(f"{url}: back, and started anew; its time begins at 0.")
                    case Bye():
                        console.print(f"{url}: {message.reason}; waiting for it to return.")
        except KeyboardInterrupt:
            return


def set_marker(url: str, label: str, *, token: str | None, ca: str | None = None) -> None:
    """Set a marker and return once the service has sent it to everybody.

    Args:
        url, token, ca: as for ``client.subscribe``.
        label: one line.

    Raises:
        InputError: the label cannot be used.
        ServiceError: nobody serves there, or it refuses.
    """
    if not 1 <= len(label) <= MAX_LABEL or not label.isprintable():
        raise InputError(f"marker {label!r}: give one line of 1 to {MAX_LABEL} characters.")
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
