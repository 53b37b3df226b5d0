"""Wires found by their scheme: those of this package, and those that other packages bring.

What another package brings may raise anything, so it is called under ``errors.foreign`` alone: from
here on it raises what a wire may, and one that breaks is a target that cannot be reached for now.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from realtime_mer.errors import InputError, ServiceError, foreign
from realtime_mer.outlets.wires import Announcing, Connection, Message, Table, Url, Wire
from realtime_mer.wire.protocol import Hello
from realtime_mer.wording import nearest

WIRES = "realtime_mer.outlets"
"""The group of entry points that bring other wires: a ``Wire``, by its scheme."""

_BUILT_IN = {
    "file": "realtime_mer.outlets.lines_file:FILE",
    "http": "realtime_mer.outlets.webhook:HTTP",
    "lsl": "realtime_mer.outlets.lsl:LSL",
    "mqtt": "realtime_mer.outlets.mqtt:MQTT",
    "mqtts": "realtime_mer.outlets.mqtt:MQTTS",
    "obs": "realtime_mer.outlets.obs:OBS",
    "osc": "realtime_mer.outlets.osc:OSC",
    "midi": "realtime_mer.outlets.midi:MIDI",
    "sacn": "realtime_mer.outlets.dmx:SACN",
    "artnet": "realtime_mer.outlets.dmx:ARTNET",
}


def schemes() -> list[str]:
    """Return the schemes of all wires that are installed."""
    return sorted({*_BUILT_IN, *(entry.name for entry in entry_points(group=WIRES))})


def find_wire(scheme: str) -> Wire[Any, Any]:
    """Return the wire of a scheme.

    Raises:
        InputError: there is none, or it cannot be loaded.
    """
    if scheme in _BUILT_IN:
        module, _, name = _BUILT_IN[scheme].partition(":")
        built_in: Wire[Any, Any] = getattr(import_module(module), name)
        return built_in
    for entry in entry_points(group=WIRES, name=scheme):
        return _brought(entry)
    near = nearest(scheme, known := schemes())
    guess = f" Did you mean {near}?" if near else ""
    raise InputError(f"there is no wire {scheme!r}; there are: {', '.join(known)}.{guess}")


def _brought(entry: EntryPoint) -> Wire[Any, Any]:
    """Return what another package brings, guarded.

    Raises:
        InputError: it cannot be loaded, or is no wire.
    """
    what = f"the wire {entry.name} ({entry.value})"
    with foreign(what, InputError):
        wire = entry.load()
    if not isinstance(wire, Wire):
        raise InputError(f"{what} is no Wire of realtime_mer.outlets.wires, but {wire!r}.")

    def connect(url: Url, options: Table) -> Connection[Any]:
        with foreign(what, ServiceError, kept=(OSError,)):
            connection = wire.connect(url, options)
            kind = _GuardedAnnouncing if isinstance(connection, Announcing) else _Guarded
            return kind(connection, what)

    def check(url: Url) -> None:
        with foreign(what, InputError):
            wire.check(url)

    def misfit(place: Table, options: Table) -> str | None:
        with foreign(what, InputError):
            return wire.misfit(place, options)

    return replace(wire, connect=connect, check=check, misfit=misfit)


class _Guarded:
    """A connection that another package opened.

    Args:
        connection: what it gave.
        what: what the wire is, for people.
    """

    def __init__(self, connection: Any, what: str) -> None:
        self._send, self._close, self._what = connection.send, connection.close, what

    def send(self, messages: Sequence[Message[Any]], /) -> int:
        """Send, and look at what is counted.

        Raises:
            OSError, ServiceError: as every connection.
        """
        with foreign(self._what, ServiceError, kept=(OSError,)):
            refused: int = self._send(messages)
            if refused not in range(len(messages) + 1):
                raise ValueError(
                    f"send returned {refused!r} for how many of {len(messages)} were not taken"
                )
        return refused

    def close(self) -> None:
        """Let go of everything.

        Raises:
            ServiceError: it could not.
        """
        with foreign(self._what, ServiceError):
            self._close()


class _GuardedAnnouncing(_Guarded):
    """One that wants to know what it will be sent."""

    def __init__(self, connection: Any, what: str) -> None:
        super().__init__(connection, what)
        self._announce = connection.announce

    def announce(self, places: Collection[Any], hello: Hello | None, /) -> None:
        """Tell it.

        Raises:
            OSError, ServiceError: as every connection.
        """
        with foreign(self._what, ServiceError, kept=(OSError,)):
            self._announce(places, hello)
