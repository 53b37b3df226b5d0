"""Estimates as OSC messages over UDP, for lighting, video and music software.

``docs/subscribe.md`` lists the addresses. UDP has no connection: nobody needs to listen, and what
is lost is lost; so every estimate is sent whole, in plain messages that any receiver understands.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder

from realtime_mer.emotion import QUADRANTS
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.wire import access
from realtime_mer.wire.mailbox import Mailbox
from realtime_mer.wire.protocol import Event, LevelMessage, Marker, StatusMessage

Value = float | int | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where OSC messages go.

    Attributes:
        host: name or address; one machine, a broadcast or a multicast address.
        port: of UDP.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read ``HOST:PORT``, ``[IPV6]:PORT`` or just ``PORT`` for this machine.

        Raises:
            InputError: it is none of these.
        """
        host, _, port = text.rpartition(":")
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
            raise InputError(f"--osc {text!r}: give HOST:PORT, such as 127.0.0.1:9000.")
        return cls(host=host.removeprefix("[").removesuffix("]") or "127.0.0.1", port=int(port))

    def look_up(self) -> tuple[socket.AddressFamily, Any]:
        """Return the family and the address of the machine.

        Raises:
            ServiceError: the name cannot be looked up.
        """
        try:
            family, _, _, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_DGRAM
            )[0]
        except (OSError, UnicodeError) as error:
            where = access.authority(self.host, self.port)
            raise ServiceError(
                f"--osc {where}: there is no machine {self.host!r}; give its address."
            ) from error
        return family, address


def check_rate(max_rate: float | None) -> None:
    """Refuse a rate that cannot be.

    Raises:
        InputError: it is not more than 0, or more than 1000 a second.
    """
    if max_rate is not None and not 0 < max_rate <= 1000:
        raise InputError(f"--osc-rate {max_rate}: give more than 0 and at most 1000 a second.")


class OscSender:
    """An outlet: sends estimates, status, level and markers to one target, without waiting for it.

    Estimates and levels belong to one thread; status and markers may come from any.

    Args:
        target: its name is looked up once, here.
        max_rate: most estimates, and most levels, per second of sound; None for every one.

    Attributes:
        sent: messages handed to the system.
        failed: messages that the system did not take: no way there, or its buffer was full.

    Raises:
        InputError: ``max_rate`` is not more than 0.
        ServiceError: the name cannot be looked up.
    """

    def __init__(self, target: Target, *, max_rate: float | None = None) -> None:
        check_rate(max_rate)
        family, self._address = target.look_up()
        self.sent = 0
        self.failed = 0
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._due: Mailbox[Estimate | LevelMessage] = Mailbox()
        self._due.select(["estimates", "level"], max_rate=max_rate)

    def publish(self, event: Event) -> None:
        """Send a status or marker at once, an estimate or level if the rate allows."""
        match event:
            case Estimate():
                self._due.offer("estimates", event, t=event.t)
                self._send_due()
            case LevelMessage():
                self._due.offer("level", event, t=event.t)
                self._send_due()
            case StatusMessage():
                self._send("/mer/status", event.status.value)
            case Marker():
                self._send("/mer/marker", event.label)

    def faults(self) -> dict[str, int]:
        """Return what the system did not take."""
        return {"OSC messages that the system did not send": self.failed}

    def close(self) -> None:
        """Send nothing any more."""
        self._socket.close()

    def _send_due(self) -> None:
        while (item := self._due.take()) is not None:
            for address, value in messages(item):
                self._send(address, value)

    def _send(self, address: str, value: Value) -> None:
        try:
            self._socket.sendto(_encode(address, value), self._address)
        except OSError:  # UDP: whoever listens again gets the next one
            self.failed += 1
        else:
            self.sent += 1


def messages(item: Estimate | LevelMessage) -> Iterator[tuple[str, Value]]:
    """Yield the addresses and values of an estimate or level; ``docs/subscribe.md`` explains them.

    Floats are OSC type ``f``, whole numbers ``i`` and texts ``s``.
    """
    if isinstance(item, LevelMessage):
        yield "/mer/level", float(item.level_dbfs)
        yield "/mer/peak", float(item.peak_dbfs)
        return
    yield "/mer/seq", item.seq
    yield "/mer/time", float(item.t)
    yield "/mer/valence", float(item.valence)
    yield "/mer/arousal", float(item.arousal)
    yield "/mer/valence_sd", float(item.valence_sd)
    yield "/mer/arousal_sd", float(item.arousal_sd)
    likeliest = max(QUADRANTS, key=lambda name: item.quadrants[name])
    yield "/mer/quadrant", 1 + QUADRANTS.index(likeliest)
    for name, probability in item.quadrants.items():
        yield f"/mer/quadrants/{name}", float(probability)
    for name, share in item.gems.items():
        yield f"/mer/gems/{name}", float(share)
    yield "/mer/mood", item.mood
    yield "/mer/status", item.status.value
    if item.music is not None:
        yield "/mer/music", float(item.music)
    if item.familiar is not None:
        yield "/mer/familiar", float(item.familiar)


def _encode(address: str, value: Value) -> bytes:
    builder = OscMessageBuilder(address)
    # Left to itself the library makes whole numbers beyond 32 bits an h, which few receivers know.
    kind = {float: "f", int: "i", str: "s"}[type(value)]
    builder.add_arg(value % 2**31 if isinstance(value, int) else value, kind)
    return builder.build().dgram
