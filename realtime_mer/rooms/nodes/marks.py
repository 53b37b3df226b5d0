"""A marker on its way to the watchers at other nodes, as text (pure)."""

from dataclasses import dataclass

from realtime_mer.errors import ProtocolError
from realtime_mer.wire.protocol import Marker, encode, parse_server_message

MAX_MARK = 4096
"""Longest marker, in bytes."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker that somebody set.

    Attributes:
        node: what the node calls itself at which it was set, and whose watchers have it.
        marker: with the time at which it came there.
    """

    node: str
    marker: Marker

    def encode(self) -> bytes:
        """Return it as UTF-8."""
        return f"{self.node}\n{encode(self.marker)}".encode()


def parse_mark(data: bytes) -> Mark:
    """Read a marker.

    Raises:
        ProtocolError: ``bad_mark`` or as of ``wire.protocol``: it is none.
    """
    if len(data) > MAX_MARK:
        raise ProtocolError("bad_mark", f"a marker of {len(data)} bytes: at most {MAX_MARK}")
    try:
        node, _, text = data.decode().partition("\n")
    except UnicodeDecodeError as error:
        raise ProtocolError("bad_mark", f"no marker: {error}") from error
    marker = parse_server_message(text)
    if not isinstance(marker, Marker):
        raise ProtocolError("bad_mark", "a message of something else than a marker")
    return Mark(node, marker)
