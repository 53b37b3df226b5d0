"""What ``realtime-mer devices --levels`` shows: how loud each channel of each device is."""

import json
from collections.abc import Sequence

from realtime_mer.audio.devices import Device
from realtime_mer.audio.downmix import CARRIES_DBFS
from realtime_mer.audio.levels import channel_levels
from realtime_mer.errors import DeviceError
from realtime_mer.printing.lines import line

_BAR_DB = 3.0  # of one sign


def show_levels(devices: Sequence[Device], *, as_json: bool) -> None:
    """Listen to each device in turn and print the level of each of its channels."""
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
    return "#" * round(max(0.0, level - CARRIES_DBFS) / _BAR_DB)
