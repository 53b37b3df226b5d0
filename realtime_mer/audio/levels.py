"""How loud each channel of a device is, for whoever has to find out which one is live."""

import time

import numpy as np

from realtime_mer.audio.devices import Device
from realtime_mer.audio.downmix import Downmix
from realtime_mer.audio.sources import DeviceSource

_LISTEN_S = 1.0
_LIMIT_S = 5.0  # an idle sink starts late


def channel_levels(device: Device) -> list[float]:
    """Listen to a device for a second; return the level of each channel in dBFS, >= -120.

    Levels are without offset, each that of the loudest 0.1 s. A device that gives no sound, as an
    idle sink may, reads -120 throughout.

    Raises:
        DeviceError: it cannot be opened.
    """
    source = DeviceSource(kind=device.kind, device=device.name)
    loudest = np.full(source.device.channels, -120.0)
    try:
        downmix = Downmix(rate=source.device.rate, channels=source.device.channels)
        heard, until = 0.0, time.monotonic() + _LIMIT_S
        while heard < _LISTEN_S and time.monotonic() < until and (block := source.read()):
            for start in range(0, len(block.samples), block.rate // 10):
                downmix.mix(block.samples[start : start + block.rate // 10])
                loudest = np.maximum(loudest, downmix.levels_dbfs)
            heard += len(block.samples) / block.rate
    finally:
        source.close()
    return [round(float(level), 1) for level in loudest]
