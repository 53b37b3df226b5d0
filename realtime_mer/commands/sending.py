"""The options of what goes to lights, instruments and the like, and what they come to."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime_mer.errors import InputError

if TYPE_CHECKING:
    from realtime_mer.outlets.mapping.tables import Plan

MQTT_VARIABLE = "REALTIME_MER_MQTT"
"""May hold the address of the broker that live sessions tell."""

Osc = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Send OSC messages there, over UDP.")
]
OscRate = Annotated[
    float | None, typer.Option(help="Most estimates per second by OSC; all without it.")
]
_OF_MQTT = "Tell this MQTT broker, and Home Assistant by it, as in mqtt://user:password@host."
Mqtt = Annotated[str | None, typer.Option(metavar="URL", help=_OF_MQTT)]
MqttOrVariable = Annotated[
    str | None, typer.Option(metavar="URL", envvar=MQTT_VARIABLE, help=_OF_MQTT)
]
Lsl = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Be two streams of the Lab Streaming Layer, so named."),
]
Midi = Annotated[
    str | None,
    typer.Option(
        metavar="PORT", help="Send MIDI controllers to this port; 'virtual' is one of its own."
    ),
]
MapFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--map",
        metavar="FILE",
        help="Send what this mapping says, to lights, instruments and the like; may stand several "
        "times. See `realtime-mer map`.",
    ),
]


def read_plans(
    *,
    osc: str | None,
    osc_rate: float | None,
    mqtt: str | None,
    lsl: str | None,
    midi: str | None,
    maps: Iterable[Path],
    slower: str | None = None,
) -> "list[Plan]":
    """Return the plans of the short ways, and refuse what cannot be used, mappings included.

    Args:
        osc, osc_rate, mqtt, lsl, midi, maps: the options.
        slower: what to give instead where sound passes faster than anybody can follow.

    Raises:
        InputError: one of them cannot be used, or needs something that is not installed.
    """
    if osc_rate is not None and osc is None:
        raise InputError(f"--osc-rate {osc_rate:g} is of no use without --osc.")
    if slower is not None and mqtt == os.environ.get(MQTT_VARIABLE):
        mqtt = None  # which was not asked for now
    maps = list(maps)
    asked = {"--osc": osc, "--mqtt": mqtt, "--lsl": lsl, "--midi": midi, "--map": maps}
    given = [option for option, value in asked.items() if value is not None and value != []]
    if not given:
        return []
    if slower is not None:
        raise InputError(f"{given[0]} needs {slower}: nobody could follow what is faster.")

    from realtime_mer.outlets import short_ways

    plans: list[Plan] = []
    if osc is not None:
        plans.append(short_ways.osc_plan(osc, max_rate=osc_rate))
    if mqtt is not None:
        plans.append(short_ways.mqtt_plan(mqtt))
    if lsl is not None:
        plans.append(short_ways.lsl_plan(lsl))
    if midi is not None:
        plans.append(short_ways.midi_plan(midi))
    check_maps(maps, plans)
    return plans


def check_maps(maps: Iterable[Path], plans: "Iterable[Plan]" = ()) -> None:
    """Refuse mappings, and plans, that cannot be used or need something that is not installed.

    Raises:
        InputError: it says which, and what is wrong.
    """
    from realtime_mer.outlets.map_file import refuse_missing
    from realtime_mer.outlets.mapping.tables import load_plan

    for plan in [*plans, *map(load_plan, maps)]:
        refuse_missing(plan)
