"""Opening what a person asked to listen to, by name."""

import sys
from dataclasses import dataclass, replace

from realtime_mer.audio.block import Source
from realtime_mer.audio.devices import list_devices
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.picking import Picked, RememberedChannels, shown
from realtime_mer.audio.sources import DeviceSource
from realtime_mer.audio.spec import DEVICE_WORDS, RawFormat, check_source, no_device
from realtime_mer.audio.stdin import StdinSource
from realtime_mer.errors import AudioError, DeviceError
from realtime_mer.wording import counted


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A source that is open, and what it was opened as.

    Attributes:
        source: its reader closes it.
        spec: ``mic``, ``system``, ``demo``, ``-`` or a path.
        device: name of the device that was asked for; None for the default one or none.
        why: what it is, or why it was chosen, for people.
    """

    source: Source
    spec: str
    device: str | None = None
    why: str


def open_source(
    spec: str | None,
    *,
    device: str | None = None,
    paced: bool = True,
    raw: RawFormat | None = None,
    channels: Picked | None = None,
    remembered: RememberedChannels | None = None,
) -> Opened:
    """Open what was asked for, or the best there is.

    Args:
        spec: ``mic``, ``system``, ``demo``, ``-`` or a path; None for the microphone, else the
            system's audio, else the demo piece.
        device: index, name or part of a name of a device; None for the default one.
        paced: play files and the demo piece by the clock.
        raw: what comes on standard input; None for the usual.
        channels: which to hear, counted from 0; None for those that carry signal, or, of a device,
            those that were picked the last time. None of them (of a device) forgets that.
        remembered: what was picked of devices; None for the user's own.

    Raises:
        InputError: one of these does not go with the other, or cannot be used.
        AudioError: it cannot be opened.
    """
    remembered = remembered or RememberedChannels()
    check_source(spec, device=device, paced=paced, raw=raw, channels=channels)
    match spec:
        case None:
            opened = _best(device, remembered)
        case "mic" | "system":
            opened = _open_device(spec, device, remembered)
        case "demo":
            opened = Opened(source=_demo(paced=paced), spec=spec, why="the built-in piece")
        case "-":
            opened = _open_stdin(raw or RawFormat())
        case path:
            why = f"file, speed {'realtime' if paced else 'max'}"
            opened = Opened(source=FileSource(path, paced=paced), spec=path, why=why)
    return _picked(opened, channels, remembered)


def _picked(opened: Opened, channels: Picked | None, remembered: RememberedChannels) -> Opened:
    """Pick channels of what was opened, and remember them with a device."""
    source = opened.source
    if isinstance(source, DeviceSource):
        if channels == ():
            remembered.put(source.name, None)
            return opened
        known = remembered.get(source.name) if channels is None else channels
        if known is None:
            return opened
        try:
            source.pick(known)
        except DeviceError:
            if channels is not None:
                source.close()
                raise
            return opened  # the device is not what it was
        if channels is not None:
            remembered.put(source.name, channels)
        return replace(opened, why=f"{opened.why}, {shown(known)}")
    if channels is None or not isinstance(source, FileSource | StdinSource):
        return opened
    source.pick(channels)
    return replace(opened, why=f"{opened.why}, {shown(channels)}")


def _open_device(spec: str, device: str | None, remembered: RememberedChannels) -> Opened:
    kind, what = DEVICE_WORDS[spec]
    source = DeviceSource(kind=kind, device=device, remembered=remembered)
    named = None if device is None else source.name
    return Opened(source=source, spec=spec, device=named, why=what)


def _open_stdin(raw: RawFormat) -> Opened:
    source = StdinSource(
        sys.stdin.buffer, rate=raw.rate, channels=raw.channels, sample_format=raw.sample_format
    )
    why = f"raw {raw.sample_format}, {raw.rate} Hz, {counted(raw.channels, 'channel')}"
    return Opened(source=source, spec="-", why=why)


def _best(device: str | None, remembered: RememberedChannels) -> Opened:
    """Return the microphone, else the system's audio, else the demo piece; or the named device."""
    reasons = []
    failures: list[AudioError] = []
    found = {one.kind for one in list_devices()}
    for spec, (kind, what) in DEVICE_WORDS.items():
        if kind not in found:
            reasons.append(f"no {what}")
            continue
        try:
            opened = _open_device(spec, device, remembered)
        except AudioError as error:
            reasons.append(f"{what}: {error}")
            failures.append(error)
            continue
        why = "; ".join([*reasons, what])
        return Opened(source=opened.source, spec=spec, device=opened.device, why=why)
    if device is not None:
        raise failures[0] if failures else no_device(device)
    why = "; ".join([*reasons, "so the built-in piece plays"])
    return Opened(source=_demo(paced=True), spec="demo", why=why)


def _demo(*, paced: bool) -> Source:
    """Return the demo piece; only whoever hears it waits for its instruments to be imported."""
    from realtime_mer.audio.demo import DemoSource

    return DemoSource(paced=paced)
