"""``realtime-mer subscribe``: the estimates of a running session."""

import json
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated

import typer

from realtime_mer.commands.arguments import DEFAULT_URL, Ca, Token, Url
from realtime_mer.commands.first_words import say

_BACKLOG = 256  # a pipe that is slow for a moment loses nothing


def subscribe(
    url: Url = DEFAULT_URL,
    token: Token = None,
    ca: Ca = None,
    max_rate: Annotated[
        float | None, typer.Option(help="Most estimates per second; all of them without it.")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print JSON lines for programs.")] = False,
    markers: Annotated[
        bool, typer.Option("--markers", help="Among the JSON lines, a line for every marker too.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many estimates.")] = None,
) -> None:
    """Follow a session that runs, on this machine or another: its estimates and markers.

    `realtime-mer subscribe ws://192.168.1.20:8765 --token TOKEN` follows one on the network.

    One more example:

    `realtime-mer subscribe --jsonl --max-rate 2 | jq .valence`
    """
    print_subscription(
        url,
        token=token,
        ca=ca,
        max_rate=max_rate,
        jsonl=jsonl,
        jsonl_markers=markers,
        count=count,
    )


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
    say(f"Connecting to {url}")

    from realtime_mer.client.streams import Gap
    from realtime_mer.client.streams import subscribe as subscribed
    from realtime_mer.estimate import Estimate
    from realtime_mer.live.terminal import TerminalView, marker_line
    from realtime_mer.printing.console import console
    from realtime_mer.wire.protocol import Bye, Hello, Marker, StatusMessage

    shown = console(stderr=jsonl)
    messages = subscribed(
        url,
        streams=("estimates", "status", "markers"),
        max_rate=max_rate,
        token=token,
        ca=ca,
        events=True,
        backlog=_BACKLOG,
    )
    seen, told = 0, ""
    with ExitStack() as stack:
        view: TerminalView | None = None
        try:
            for message in messages:
                match message:
                    case Hello() if view is None and not jsonl:
                        view = stack.enter_context(
                            TerminalView(console=shown, source=url, model=message.model)
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
                        said = f"{message.status.value}: {message.detail}"
                        if said != told:  # else it is of recording or outlets
                            told = said
                            view.message(said)
                    case Marker() if view is not None:
                        view.message(marker_line(message))
                    case Marker() if jsonl_markers:
                        line = {"type": "marker", **asdict(message)}
                        print(json.dumps(line, allow_nan=False), flush=True)
                    case Gap(missed_s=float() as missed):
                        shown.print(f"{url}: back; {missed:.1f} s of sound were missed.")
                    case Gap():
                        shown.print(f"{url}: back, and started anew; its time begins at 0.")
                    case Bye():
                        shown.print(f"{url}: {message.reason}; waiting for it to return.")
        except KeyboardInterrupt:
            return
