"""``realtime-mer display``: the window on a running session."""

from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import DEFAULT_URL, LayoutOption, Token, Url
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output


def display(
    url: Url = DEFAULT_URL,
    token: Token = None,
    screenshot: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write a picture of the window, then close.")
    ] = None,
    after: Annotated[
        float, typer.Option(metavar="SECONDS", help="When to take the picture.")
    ] = 10.0,
    layout: LayoutOption = None,
) -> None:
    """Open the window on a session that runs, on this machine or another.

    `realtime-mer display ws://192.168.1.20:8765 --token TOKEN` shows one on the network.
    """
    if screenshot is not None:
        check_output(screenshot, option="--screenshot")
    say(f"Opening the window on {url}")

    from realtime_mer.client.streams import subscribe
    from realtime_mer.display import main as window

    subscribe(url, token=token)  # connects to nothing, but refuses what is no address before Qt
    raise typer.Exit(
        window(
            url,
            token,
            screenshot=screenshot,
            after=after,
            layout=None if layout is None else layout.value,
        )
    )
