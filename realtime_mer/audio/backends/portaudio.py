"""Inputs that PortAudio opens: all of them but those of a sound server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.backends.found import BLOCK_S, Found, Read
from realtime_mer.audio.devices import Device
from realtime_mer.errors import DeviceError

# PortAudio lets Python be late by this much; it delivers in smaller periods all the same.
_BUFFER_S = 0.04
# PortAudio's ALSA converters claim 32 channels or more; microphones behind them have one or two.
_CONVERTER_CHANNELS = 32
_VIRTUAL_OUTPUTS = ("blackhole", "loopback", "soundflower")


def find_inputs(*, virtual: bool) -> list[Found]:
    """Return the inputs that PortAudio knows, or, of those of macOS, the virtual outputs.

    Raises:
        DeviceError: PortAudio cannot be loaded, or there is no virtual output.
    """
    try:
        import sounddevice  # its import starts PortAudio, which reads the list of devices
    except OSError as error:
        raise DeviceError(
            f"PortAudio cannot be loaded ({error}): install it, on Debian or Ubuntu with "
            "`sudo apt install libportaudio2`"
        ) from error
    except ImportError as error:
        raise DeviceError(f"sounddevice cannot be loaded ({error}): install it again") from error
    apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    inputs = [device for device in sounddevice.query_devices() if device["max_input_channels"] > 0]
    if sys.platform == "win32":
        # Windows lists every device once for each of its four interfaces; WASAPI is the native one.
        native = [one for one in inputs if "WASAPI" in apis[one["hostapi"]]["name"]]
        if native:
            inputs = native
            default = apis[native[0]["hostapi"]]["default_input_device"]
    found: list[Found] = []
    for one in inputs:
        is_virtual = sys.platform == "darwin" and any(
            word in one["name"].casefold() for word in _VIRTUAL_OUTPUTS
        )
        if is_virtual != virtual:
            continue
        channels = one["max_input_channels"]
        device = Device(
            index=0,
            name=one["name"],
            kind="loopback" if virtual else "input",
            rate=round(one["default_samplerate"]),
            channels=channels if channels < _CONVERTER_CHANNELS else 2,
            default=one["index"] == default or (virtual and not found),
            backend="sounddevice",
        )
        found.append(Found(device=device, handle=one["index"]))
    if virtual and not found:
        raise DeviceError(
            "macOS lets no program hear what others play: install BlackHole "
            "(existential.audio/blackhole), make a Multi-Output Device of it and your speakers in "
            "Audio MIDI Setup, and choose that as the sound output"
        )
    return found


@contextmanager
def open_input(found: Found) -> Iterator[Read]:
    """Open an input at its own rate and channels. Raises DeviceError where that fails."""
    import sounddevice

    device = found.device
    frames = max(1, round(device.rate * BLOCK_S))
    try:
        with sounddevice.InputStream(
            device=found.handle,
            samplerate=device.rate,
            channels=device.channels,
            dtype="float32",
            latency=_BUFFER_S,
        ) as stream:

            def read() -> tuple[NDArray[np.float32], bool]:
                samples, overflowed = stream.read(frames)
                return samples, overflowed

            yield read
    except sounddevice.PortAudioError as error:
        raise DeviceError(
            f"{device.name!r} cannot be opened or stopped working ({error.args[0]}): see that no "
            "other program holds it and that this one may use the microphone, or choose another "
            "device; `realtime-mer devices` lists them"
        ) from error
