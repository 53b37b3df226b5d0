"""The sound libraries, behind one small interface. Only the capture process uses this module.

Input devices are opened by PortAudio (sounddevice), loopbacks by SoundCard; on macOS, which has no
loopbacks, virtual outputs such as BlackHole are listed as loopbacks and opened by PortAudio.
Nothing here was run on macOS or Windows.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.devices import Device, Kind
from realtime_mer.errors import DeviceError

BLOCK_S = 0.01
"""Seconds of sound read at a time."""

Read = Callable[[], tuple[NDArray[np.float32], bool]]
"""Blocks until sound is there; returns it, ``(frames, channels)``, and whether some was lost."""

# PortAudio lets Python be late by this much; it delivers in smaller periods all the same.
_BUFFER_S = 0.04
# The sound server converts to what is asked for; SoundCard does not tell the device's own rate.
_LOOPBACK_RATE = 48_000
# PortAudio's ALSA converters claim 32 channels or more; microphones behind them have one or two.
_CONVERTER_CHANNELS = 32
_VIRTUAL_OUTPUTS = ("blackhole", "loopback", "soundflower")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A device, and what its library calls it: a PortAudio index or a SoundCard microphone."""

    device: Device
    handle: Any


def find_all(kind: Kind) -> list[Found]:
    """List the devices of a kind. Raises DeviceError, with advice, where that is impossible."""
    if kind == "loopback" and sys.platform != "darwin":
        found = _soundcard_loopbacks()
    else:
        found = _portaudio_inputs(virtual=kind == "loopback")
    seen: Counter[str] = Counter()
    unique = []
    for index, one in enumerate(found):
        name = one.device.name  # two interfaces of one make have the same
        seen[name] += 1
        name = name if seen[name] == 1 else f"{name} #{seen[name]}"
        unique.append(replace(one, device=replace(one.device, index=index, name=name)))
    return unique


@contextmanager
def open_device(found: Found) -> Iterator[Read]:
    """Open a device at its own rate and channels. Raises DeviceError where that fails."""
    opened = _open_portaudio if found.device.backend == "sounddevice" else _open_soundcard
    with opened(found) as read:
        yield read


def _portaudio_inputs(*, virtual: bool) -> list[Found]:
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
def _open_portaudio(found: Found) -> Iterator[Read]:
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


def _soundcard_loopbacks() -> list[Found]:
    try:
        import soundcard  # its import connects to the sound server
    except AssertionError as error:  # SoundCard's way of saying that the connection failed
        raise DeviceError(
            "no PulseAudio or PipeWire server answers: start one, for example with "
            "`pulseaudio --start`, or log in to a desktop"
        ) from error
    except OSError as error:
        raise DeviceError(
            f"the PulseAudio library cannot be loaded ({error}): install it, on Debian or Ubuntu "
            "with `sudo apt install libpulse0`"
        ) from error
    except ImportError as error:
        raise DeviceError(f"soundcard cannot be loaded ({error}): install it again") from error
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
            rate=_LOOPBACK_RATE,
            channels=microphone.channels,
            # PulseAudio calls a speaker's loopback speaker.monitor, Windows by the speaker's id.
            default=microphone.id in (speaker, f"{speaker}.monitor"),
            backend="soundcard",
        )
        found.append(Found(device=device, handle=microphone))
    return found


def hears_only_loopbacks() -> bool:
    """Return whether the sound server has no microphone; to be asked after listing loopbacks.

    ALSA's way to PulseAudio then is an input all the same, which records what the system plays.
    """
    if sys.platform != "linux":
        return False
    import soundcard

    return not soundcard.all_microphones(include_loopback=False)


@contextmanager
def _open_soundcard(found: Found) -> Iterator[Read]:
    device = found.device
    frames = round(device.rate * BLOCK_S)
    try:
        with (
            found.handle.recorder(samplerate=device.rate, blocksize=frames) as recorder,
            warnings.catch_warnings(record=True) as discontinuities,
        ):
            warnings.simplefilter("always")  # on Windows a gap is told by a warning

            def read() -> tuple[NDArray[np.float32], bool]:
                samples = recorder.record()
                overflowed = bool(discontinuities)
                discontinuities.clear()
                return np.asarray(samples, dtype=np.float32), overflowed

            yield read
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        # What SoundCard raises when the server or the device goes away.
        raise DeviceError(
            f"the system audio of {device.name!r} cannot be recorded or stopped ({error}): see "
            "that the sound server runs and the output device is there"
        ) from error
