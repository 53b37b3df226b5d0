"""OSC over UDP, for lighting, video and music software.

``docs/subscribe.md`` lists the addresses that an output without routes has. UDP has no connection:
nobody needs to listen, and what is lost is lost; so an output sends every value of every estimate,
unless its routes say otherwise.
"""

import socket
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictStr
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.wires import Message, Table, Url, Value, Wire

_MOST_BYTES = 1432
"""Of a bundle: what an Ethernet frame holds."""

_BUNDLE = b"#bundle\0" + (1).to_bytes(8, "big")  # "immediately"


class OscPlace(Table):
    """Where a value goes.

    Attributes:
        address: of the message, such as ``/booth/warmth``.
        type: of its argument: f, i (rounded), d, s, or T for true and false; None for what the
            value is.
    """

    address: Annotated[StrictStr, Field(pattern=r"^/[^\s#*,?\[\]{}]+$", max_length=255)]
    type: Literal["f", "i", "d", "s", "T"] | None = None


class OscOptions(Table):
    """What an OSC output has besides.

    Attributes:
        bundle: whether what is sent at one moment goes in one bundle.
    """

    bundle: StrictBool = False


class OscConnection:
    """A socket that sends to one machine.

    Args:
        url: its name is looked up here.
        options: of the output.

    Raises:
        ServiceError: the name cannot be looked up.
    """

    def __init__(self, url: Url, options: OscOptions) -> None:
        self._bundle = options.bundle
        family, self._address = look_up(url)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def send(self, messages: Sequence[Message[OscPlace]]) -> int:
        """Send messages; what the system has no room for counts as not taken."""
        refused = 0
        encoded = [encode(message.place, message.value) for message in messages]
        for datagram, count in self._datagrams(encoded):
            try:
                self._socket.sendto(datagram, self._address)
            except (BlockingIOError, ConnectionRefusedError):  # UDP: who listens again gets more
                refused += count
        return refused

    def close(self) -> None:
        """Send nothing any more."""
        self._socket.close()

    def _datagrams(self, encoded: Sequence[bytes]) -> list[tuple[bytes, int]]:
        """Return what goes in one piece, and how many messages each holds."""
        if not self._bundle:
            return [(message, 1) for message in encoded]
        bundles: list[tuple[bytes, int]] = []
        for message in encoded:
            element = len(message).to_bytes(4, "big") + message
            last, count = bundles[-1] if bundles else (b"", 0)
            if count and len(last) + len(element) <= _MOST_BYTES:
                bundles[-1] = (last + element, count + 1)
            else:
                bundles.append((_BUNDLE + element, 1))
        return bundles


def look_up(url: Url) -> tuple[socket.AddressFamily, Any]:
    """Return the family and the address of the machine.

    Raises:
        ServiceError: the name cannot be looked up.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError) as error:
        raise ServiceError(f"there is no machine {url.host!r}; give its address.") from error
    return family, address


def encode(place: OscPlace, value: Value) -> bytes:
    """Return a message with one argument.

    Without a type floats are ``f``, whole numbers ``i`` and texts ``s``; yes and no are ``T`` and
    ``F``.
    """
    kind = place.type or ("T" if isinstance(value, bool) else _KINDS[type(value)])
    builder = OscMessageBuilder(place.address)
    match kind:
        case "T":
            builder.add_arg(bool(value), "T" if value else "F")
        case "s":
            builder.add_arg(str(value), "s")
        case _ if isinstance(value, str):  # a type for numbers, and a text: as it is
            builder.add_arg(value, "s")
        case "i":
            # Left to itself the library makes whole numbers beyond 32 bits an h, which few know.
            builder.add_arg(_four_bytes(round(value)), "i")
        case _:
            builder.add_arg(float(value), kind)
    return builder.build().dgram


_KINDS = {float: "f", int: "i", str: "s"}


def _four_bytes(number: int) -> int:
    return number % 2**31 if number >= 0 else max(number, -(2**31))


def _check(url: Url) -> None:
    if url.host is None or not url.port:
        raise InputError(f"{url.text!r}: give a machine and a port, as in {OSC.example}")
    if url.path not in ("", "/") or url.user is not None:
        raise InputError(f"{url.text!r}: give a machine and a port alone, as in {OSC.example}")


def _route(address: str, source: str, kind: str = "f") -> dict[str, str]:
    return {"from": source, "address": f"/mer/{address}", "type": kind}


OSC = Wire(
    scheme="osc",
    example="osc://127.0.0.1:9000",
    place=OscPlace,
    options=OscOptions,
    connect=OscConnection,
    check=_check,
    every=True,
    routes=(
        _route("seq", "seq", "i"),
        _route("time", "t"),
        *(_route(name, name) for name in ("valence", "arousal", "valence_sd", "arousal_sd")),
        _route("quadrant", "quadrant", "i"),
        *(_route(f"quadrants/{name}", f"quadrants.{name}") for name in QUADRANTS),
        *(_route(f"gems/{name}", f"gems.{name}") for name in GEMS),
        _route("mood", "mood", "s"),
        _route("status", "status", "s"),
        *(_route(name, name) for name in ("music", "familiar", "changed")),
        _route("turns", "turns", "i"),
        _route("level", "level_dbfs"),
        _route("peak", "peak_dbfs"),
        _route("marker", "marker", "s"),
    ),
)
"""The wire ``osc``."""
