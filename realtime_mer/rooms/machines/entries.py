"""What processes tell each other besides sound and estimates, as bytes (pure)."""

import struct
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from realtime_mer.errors import ProtocolError
from realtime_mer.wire.bounds import STRICT, Count, Text, read_value

Role = Literal["worker", "node"]
"""What a process does: compute rooms, or take in their sound."""

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
_SAVED = struct.Struct("<Bd7xQ")
_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """That a process lives, said once a second.

    Attributes:
        id: what it calls itself; no other does.
        role: what it does.
        host: the machine it runs on, for people.
        rooms: how many it has.
        most: how many it may have.
        accepting: whether it takes more.
    """

    id: _Id
    role: Role
    host: Text
    rooms: Count
    most: Count
    accepting: bool

    def encode(self) -> bytes:
        """Return it as JSON."""
        return to_json(asdict(self))


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """Who computes a room.

    Attributes:
        worker: its id.
        rests: where it has let the room go because nobody feeds it, the epoch of the last sender,
            all of whose sound was computed; else None.
    """

    worker: _Id
    rests: Count | None = None

    def encode(self) -> bytes:
        """Return it as JSON."""
        return to_json(asdict(self))


_BEAT: TypeAdapter[Beat | None] = TypeAdapter(Beat | None, config=STRICT)
_LEASE: TypeAdapter[Lease | None] = TypeAdapter(Lease | None, config=STRICT)


def parse_beat(data: bytes) -> Beat:
    """Read a beat.

    Raises:
        ProtocolError: ``bad_entry``, it is none.
    """
    return read_value(_BEAT, data, code="bad_entry", what="a beat")


def parse_lease(data: bytes) -> Lease | None:
    """Read a lease; None where the room was given up.

    Raises:
        ProtocolError: ``bad_entry``, it is none.
    """
    return read_value(_LEASE, data, code="bad_entry", what="a lease") if data else None


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedState:
    """A room's state as it lies in NATS.

    Attributes:
        seq: how many hops had been: the state is that at ``seq`` times the samples of a hop.
        behind_s: seconds of sound that had come by then and were not computed.
        state: as of ``states.packed``.
    """

    seq: int
    behind_s: float
    state: bytes

    def encode(self) -> bytes:
        """Return it as bytes, little-endian."""
        return _SAVED.pack(_VERSION, self.behind_s, self.seq) + self.state


def parse_saved(data: bytes) -> SavedState:
    """Read a state.

    Raises:
        ProtocolError: ``bad_entry``, it is none, or one of another version.
    """
    if len(data) < _SAVED.size or data[0] != _VERSION:
        raise ProtocolError("bad_entry", f"{len(data)} bytes are no state of this version")
    _, behind_s, seq = _SAVED.unpack_from(data)
    if not 0 <= behind_s < 1e9 or seq >= 1 << 53:
        raise ProtocolError("bad_entry", f"a state after {seq} hops, {behind_s} s behind")
    return SavedState(seq=seq, behind_s=behind_s, state=data[_SAVED.size :])
