"""``realtime-mer devices``: what there is to listen to."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from realtime_mer.commands.arguments import AsJson
from realtime_mer.commands.first_words import say
from realtime_mer.errors import DeviceError
from realtime_mer.printing.lines import line, notice

if TYPE_CHECKING:
    from realtime_mer.audio.devices import Device

_BAR_DB = 3.0  # of one sign


def devices(
    as_json: AsJson = False,
    levels: Annotated[
        bool,
        typer.Option("--levels", help="Listen to each for a second: how loud is each channel?"),
    ] = False,
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget",
            metavar="NAME",
            help="Forget which channels were picked of this device, or of 'all'.",
        ),
    ] = None,
) -> None:
    """See what you can listen to: microphones, and what this machine plays.

    `realtime-mer live mic --device NAME` then listens to one; a part of its name will do.
    """
    if forget is not None:
        from realtime_mer.audio.picking import RememberedChannels

        forgotten = RememberedChannels().forget(forget)
        for name in forgotten:
            line(f"All channels of {name} are heard again.")
        if not forgotten:
            print("No channels were remembered.")
        return

    from realtime_mer.audio.devices import survey

    say("Asking the sound system for its devices")

    from rich.table import Table

    from realtime_mer.printing.console import console

    listing = survey()
    if levels:
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
        _show_midi_ports()
    for problem in listing.problems.values():
        notice(problem)


def _show_midi_ports() -> None:
    """Print where MIDI can be sent, with the extra for it and where this machine has MIDI."""
    from realtime_mer.errors import ServiceError
    from realtime_mer.outlets import midi

    if midi.MIDI.missing():
        return
    try:
        names = midi.ports()
    except ServiceError:  # most machines have none, and listen all the same
        return
    if names:
        line("MIDI ports, for --midi: " + "; ".join(names))


def show_levels(devices: Sequence["Device"], *, as_json: bool) -> None:
    """Listen to each device in turn and print the level of each of its channels."""
    from realtime_mer.audio.levels import channel_levels

    found = []
    for device in devices:
        levels: list[float] = []
        problem = None
        try:
            levels = channel_levels(device)
        except DeviceError as error:
            problem = str(error)
        found.append({**device.to_dict(), "levels_dbfs": levels, "problem": problem})
        if not as_json:
            line(f"{device.index} {device.name} ({device.kind})")
            for channel, level in enumerate(levels, start=1):
                line(f"  channel {channel:2} {level:7.1f} dBFS  {_bar(level)}".rstrip())
            if problem is not None:
                line(f"  {problem}")
    if as_json:
        print(json.dumps(found, indent=2))
    elif not found:
        line("No device to listen to.")


def _bar(level: float) -> str:
    from realtime_mer.audio.downmix import CARRIES_DBFS

    return "#" * round(max(0.0, level - CARRIES_DBFS) / _BAR_DB)
