"""What every sound library is asked for: a device that can be opened, and its sound."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.devices import Device

BLOCK_S = 0.01
"""Seconds of sound read at a time."""

Read = Callable[[], tuple[NDArray[np.float32], bool]]
"""Blocks until sound is there; returns it, ``(frames, channels)``, and whether some was lost."""

MovedTo = Callable[[], Any]
"""Returns the handle of the device that is to be heard from now on; None as long as all is well."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A device, and what its library calls it.

    Attributes:
        device: the device.
        handle: a PortAudio index, a SoundCard microphone, or a sound server's name of a source.
    """

    device: Device
    handle: Any
