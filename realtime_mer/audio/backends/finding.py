"""Which library finds and opens what.

On Linux the sources of the sound server are recorded by SoundCard, and the sound cards that can be
opened past it by PortAudio. PortAudio also has all inputs without a server, on macOS and on
Windows, where SoundCard has the loopbacks. macOS has none: virtual outputs such as BlackHole stand
in for them.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from realtime_mer.audio.backends import portaudio, soundcard, soundserver
from realtime_mer.audio.backends.found import Found, MovedTo, Read
from realtime_mer.audio.devices import Kind
from realtime_mer.errors import DeviceError


def find_all(kind: Kind) -> list[Found]:
    """List the devices of a kind. Raises DeviceError, with advice, where that is impossible."""
    if sys.platform == "linux":
        found = _linux_inputs() if kind == "input" else _served(kind)
    elif kind == "loopback" and sys.platform != "darwin":
        found = soundcard.find_loopbacks()
    else:
        found = portaudio.find_inputs(virtual=kind == "loopback")
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
    by_portaudio = found.device.backend == "sounddevice"
    opened = portaudio.open_input if by_portaudio else soundcard.open_source
    with opened(found) as read:
        yield read


@contextmanager
def watch(found: Found, *, follow: bool) -> Iterator[MovedTo]:
    """Watch over a device that is recorded; see ``soundserver.watch``. Others stay as they are."""
    if isinstance(found.handle, str):
        with soundserver.watch(found, follow=follow) as moved_to:
            yield moved_to
    else:
        yield lambda: None


def _served(kind: Kind) -> list[Found]:
    """Return the sound server's sources, where there is what records them."""
    found = soundserver.find_sources(kind)
    soundcard.load()
    return found


def _linux_inputs() -> list[Found]:
    """Return the sound server's sources, and the sound cards that can be opened past it."""
    try:
        sources = _served("input")
    except DeviceError:
        return portaudio.find_inputs(virtual=False)
    try:
        others = portaudio.find_inputs(virtual=False)
    except DeviceError:
        others = []  # without PortAudio there still is the server
    # The rest of what ALSA names are ways to the same server: without a microphone there they
    # record what the system plays.
    cards = [one for one in others if "(hw:" in one.device.name]
    served = any(one.device.default for one in sources)
    return sources + [
        replace(one, device=replace(one.device, default=one.device.default and not served))
        for one in cards
    ]
