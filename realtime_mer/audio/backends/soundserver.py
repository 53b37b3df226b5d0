"""The sources of a sound server, by its own names, and where it has moved what we record.

PulseAudio, and PipeWire, which speaks its protocol, show to PortAudio as one ``default``. They also
move a recording to another source without telling it: when the default is another, when the device
is pulled out, and when somebody does so in a mixer.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from realtime_mer.audio.backends.found import Found, MovedTo
from realtime_mer.audio.devices import Device, Kind
from realtime_mer.errors import DeviceError

_NONE = 2**32 - 1  # PulseAudio's number of no sink
# The server converts to it. A source's own rate pulsectl 24.12 reads from memory that is gone.
_RATE = 48_000


def find_sources(kind: Kind) -> list[Found]:
    """Return a sound server's sources of a kind. Raises DeviceError, with advice, without one."""
    with _connected() as server:
        default = _default(server, kind)
        return [
            Found(
                device=Device(
                    index=0,
                    name=source.description or source.name,
                    kind=kind,
                    rate=_RATE,
                    channels=source.channel_count,
                    default=source.name == default,
                    backend="soundcard",
                ),
                handle=source.name,
            )
            for source in server.source_list()
            if _kind(source) == kind
        ]


@contextmanager
def watch(found: Found, *, follow: bool) -> Iterator[MovedTo]:
    """Watch over a source that this process records.

    What it yields returns the source to record from now on: the one that we are left with or that
    is the default now, where the default is followed; else the same, as it has to be opened anew.
    It raises DeviceError where the source is gone.
    """
    kind = found.device.kind
    with _connected() as server:
        first = _default(server, kind)

        def moved_to() -> Any:
            with _answering():
                sources = server.source_list()
                outputs = server.source_output_list()
                default = _default(server, kind)
            there = {source.name for source in sources if _kind(source) == kind}
            if found.handle not in there:
                raise DeviceError(
                    f"{found.device.name!r} is gone: plug it in again, or choose another device"
                )
            if follow and default != first and default in there - {found.handle}:
                return default
            heard = {source.index: source.name for source in sources}
            ours = {
                heard.get(output.source, found.handle)
                for output in outputs
                if output.proplist.get("application.process.id") == str(os.getpid())
            }
            elsewhere = ours - {found.handle}
            if not elsewhere:
                return None
            there &= elsewhere
            return min(there) if follow and there else found.handle

        yield moved_to


@contextmanager
def _connected() -> Iterator[Any]:
    try:
        import pulsectl  # its import loads PulseAudio's library
    except OSError as error:
        raise DeviceError(
            f"the PulseAudio library cannot be loaded ({error}): install it, on Debian or Ubuntu "
            "with `sudo apt install libpulse0`"
        ) from error
    except ImportError as error:
        raise DeviceError(f"pulsectl cannot be loaded ({error}): install it again") from error
    with pulsectl.Pulse("realtime-mer", connect=False) as server, _answering():
        # PulseAudio's own way to start where it does not run yet, as for every other program.
        server.connect(autospawn=True)
        yield server


@contextmanager
def _answering() -> Iterator[None]:
    import pulsectl

    try:
        yield
    except pulsectl.PulseError as error:
        raise DeviceError(
            "no PulseAudio or PipeWire server answers: start one, for example with "
            "`pulseaudio --start`, or log in to a desktop"
        ) from error


def _default(server: Any, kind: Kind) -> str | None:
    """Return the name of the default source of a kind; None where there is none."""
    about = server.server_info()
    if kind == "input":
        return about.default_source_name or None
    return f"{about.default_sink_name}.monitor" if about.default_sink_name else None


def _kind(source: Any) -> Kind:
    return "input" if source.monitor_of_sink == _NONE else "loopback"
