"""What SoundCard records: the sources of a sound server, and what Windows plays."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.backends.found import BLOCK_S, Found, Read
from realtime_mer.audio.devices import Device
from realtime_mer.errors import DeviceError

_RATE = (
    48_000  # SoundCard does not tell the device's own, and Windows converts to what is asked for
)


def find_loopbacks() -> list[Found]:
    """Return the loopbacks of Windows. Raises DeviceError where SoundCard cannot be loaded."""
    soundcard = load()
    try:
        speaker = soundcard.default_speaker().id
    except (IndexError, RuntimeError):  # no speaker at all
        speaker = None
    found = []
    for microphone in soundcard.all_microphones(include_loopback=True):
        if not microphone.isloopback:
            continue
        device = Device(
            index=0,
            name=microphone.name,
            kind="loopback",
            rate=_RATE,
            channels=microphone.channels,
            default=microphone.id == speaker,
            backend="soundcard",
        )
        found.append(Found(device=device, handle=microphone))
    return found


@contextmanager
def open_source(found: Found) -> Iterator[Read]:
    """Record a microphone or a loopback. Raises DeviceError where that fails."""
    device = found.device
    frames = round(device.rate * BLOCK_S)
    soundcard = load()
    try:
        microphone = found.handle
        if isinstance(microphone, str):
            microphone = soundcard.get_microphone(microphone, include_loopback=True)
        with (
            microphone.recorder(samplerate=device.rate, blocksize=frames) as recorder,
            warnings.catch_warnings(record=True) as discontinuities,
        ):
            warnings.simplefilter("always")  # on Windows a gap is told by a warning

            def read() -> tuple[NDArray[np.float32], bool]:
                samples = recorder.record()
                overflowed = bool(discontinuities)
                discontinuities.clear()
                return np.asarray(samples, dtype=np.float32), overflowed

            yield read
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        # What SoundCard raises when the server or the device goes away.
        raise DeviceError(
            f"{device.name!r} cannot be recorded or stopped ({error}): see that the sound server "
            "runs and the device is there"
        ) from error


def load() -> Any:
    """Return SoundCard. Raises DeviceError where it cannot be loaded."""
    try:
        import soundcard  # on Linux its import connects to the sound server
    except AssertionError as error:  # SoundCard's way of saying that the connection failed
        raise DeviceError("no PulseAudio or PipeWire server answers any more") from error
    except (OSError, ImportError) as error:
        raise DeviceError(f"soundcard cannot be loaded ({error}): install it again") from error
    return soundcard
