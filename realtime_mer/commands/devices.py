"""``realtime-mer devices``: what there is to listen to."""

import json
from typing import Annotated

import typer

from realtime_mer.commands.arguments import AsJson
from realtime_mer.commands.first_words import say
from realtime_mer.printing import notice


def devices(
    as_json: AsJson = False,
    levels: Annotated[
        bool,
        typer.Option("--levels", help="Listen to each for a second: how loud is each channel?"),
    ] = False,
) -> None:
    """See what you can listen to: microphones, and what this machine plays.

    `realtime-mer live mic --device NAME` then listens to one; a part of its name will do.
    """
    from realtime_mer.audio.devices import survey

    say("Asking the sound system for its devices")

    from rich.table import Table

    from realtime_mer.console import console

    listing = survey()
    if levels:
        from realtime_mer.commands.levels import show_levels

        show_levels(listing.devices, as_json=as_json)
    elif as_json:
        print(json.dumps([device.to_dict() for device in listing.devices], indent=2))
    else:
        table = Table("index", "kind", "name", "rate", "channels", "default", box=None)
        for device in listing.devices:
            table.add_row(
                str(device.index),
                device.kind,
                device.name,
                f"{device.rate} Hz",
                str(device.channels),
                "yes" if device.default else "",
            )
        console(wrap=True).print(table if listing.devices else "No device to listen to.")
    for problem in listing.problems.values():
        notice(problem)
