"""What several commands refuse by their arguments alone, before anything heavy is imported."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from realtime_mer.commands.arguments import MQTT_VARIABLE
from realtime_mer.errors import InputError

if TYPE_CHECKING:
    from realtime_mer.outlets.mapping.tables import Plan


def check_output(path: str | Path, *, option: str) -> None:
    """Refuse a file that cannot be written; it is neither made nor touched.

    Args:
        path: of the file.
        option: that named it.

    Raises:
        InputError: it is a folder, or it or its folder is not there or may not be written.
    """
    file = Path(path)
    there = file.exists()
    if file.is_dir():
        problem = errno.EISDIR
    elif not there and not file.parent.exists():
        problem = errno.ENOENT
    elif not there and not file.parent.is_dir():
        problem = errno.ENOTDIR
    elif not os.access(file if there else file.parent, os.W_OK):
        problem = errno.EACCES
    else:
        return
    raise InputError(f"{option} {path} cannot be written: {os.strerror(problem)}.")


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
