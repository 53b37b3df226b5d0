"""What a sender of sound and a service of rooms say to each other (no socket).

The sender speaks first. Its JSON texts and those of the service are the messages below, ``type``
first; its binary messages are chunks of sound. ``docs/rooms.md`` is the reference. Unknown fields
and types are ignored, as in ``realtime_mer.wire.protocol``.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter

from realtime_mer.errors import ProtocolError
from realtime_mer.wire.bounds import SIGNS, STRICT, Count, Name, Text, Token, read_with_care

SOUND_PROTOCOL = "realtime-mer.sound.v1"
"""Name and version, as negotiated in ``Sec-WebSocket-Protocol``."""

Format = Literal["s16le", "f32le", "opus"]
"""How samples are written: interleaved and little-endian, full scale 32768 or 1.0; or one packet of
Opus a chunk, whose rate is 48000."""

FRAME_BYTES: Mapping[str, int] = {"s16le": 2, "f32le": 4}
"""Bytes of one sample of one channel; a packet of Opus has no such thing."""

OPUS_RATE = 48_000
"""What packets of Opus are decoded to, in Hz, and what their indices count."""

MAX_SOUND_MESSAGE = 1 << 20
"""Most bytes of a chunk: 2.7 s of stereo in floats at 48 kHz."""

MAX_TEXT = 4096
"""Longest text of a sender, in characters."""

_INDEX = struct.Struct("<Q")
INDEX_BYTES = _INDEX.size
"""What stands before the samples of a chunk."""


class SoundClose(IntEnum):
    """Why the service closed a sender's connection."""

    DONE = 1000
    """The sender said ``end``, and all that came before it was taken."""
    GOING_AWAY = 1001
    """The service stops, after ``bye``: connect again, and go on from ``next``."""
    TOO_BIG = 1009
    """A message of more than ``MAX_SOUND_MESSAGE`` bytes."""
    BAD_MESSAGE = 4400
    """Something that cannot be read; an ``error`` said what."""
    UNAUTHORIZED = 4401
    """No token, one that does not let you feed this room, or one that was revoked meanwhile."""
    NOT_OPENED = 4408
    """No ``open`` in time."""
    ROOM_IS_FED = 4409
    """Somebody else feeds this room."""
    TAKEN_OVER = 4410
    """Somebody who manages the room took it over: do not connect again by yourself."""
    STALLED = 4411
    """Nothing came for so long that the place was given up: connect again."""
    TOO_MANY_ROOMS = 4412
    """The service has as many rooms as it may."""
    NOT_READY = 4413
    """What lies between the machines of the service cannot be reached: connect again later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """What a sender is going to send; a later one takes the place of the earlier.

    Attributes:
        rate: samples a second of each channel.
        channels: interleaved; they are made one as in a live session.
        format: how samples are written.
        token: that lets feed this room; where one is asked for, here or in the request's
            ``Authorization`` header.
        live: whether the sound happens now. Where it does not (a file), its estimates tell no time
            of day and no latency, and nothing of it is ever skipped.
        take_over: end the connection of whoever feeds the room; the token has to manage it.
        fresh: what comes has nothing to do with what the room heard before.
        resume: what ``ready`` called so, on a connection that was lost: the place is still yours,
            also if the service did not notice yet that you were gone.
        source: what is listened to, as a person would call it.
    """

    rate: Annotated[int, Field(ge=1, le=2**31 - 1)]
    channels: Annotated[int, Field(ge=1, le=65535)] = 1
    format: Format = "s16le"
    token: Token | None = None
    live: bool = True
    take_over: bool = False
    fresh: bool = False
    resume: Token | None = None
    source: Annotated[str, Field(max_length=200, pattern=f"^{SIGNS}*$")] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """The sound ends here: take what came, say ``bye`` and close."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """The answer to ``open``: send from here on.

    Attributes:
        room: its name.
        next: index of the sample that is expected next, at the rate that was opened. A sender that
            begins gives its first sample this index. One that comes back goes on with the index
            that it had got to: what is missing in between is a gap, what comes twice is left out.
        resume: say it in ``open`` when you come back.
        protocol: ``SOUND_PROTOCOL`` of the service.
        server_version: version of realtime-mer there.
        message_bytes: most bytes of a message.
        messages_per_s, message_burst: messages that may be sent, in the long run and at once; what
            is more waits in the sender's socket.
        speed: seconds of sound that may be sent in a second in the long run, such as of a file or
            of what was kept while the network was away; what is more waits likewise.
        ahead_s: seconds of sound that may be sent at once.
        stall_s: seconds without a message after which the place is given up.
        estimates_stored, sound_stored: what the service writes to its disk of this room.
        notice: the same for people, who are to read it before they speak.
    """

    room: Name
    next: Count
    resume: Token
    protocol: Text = SOUND_PROTOCOL
    server_version: Text
    message_bytes: Count
    messages_per_s: Annotated[float, Field(gt=0)]
    message_burst: Count
    speed: Annotated[float, Field(gt=0)]
    ahead_s: Annotated[float, Field(gt=0)]
    stall_s: Annotated[float, Field(gt=0)]
    estimates_stored: bool
    sound_stored: bool
    notice: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """How the sender fares; comes every second while sound comes.

    Attributes:
        next: index of the sample that is expected next.
        kept: those before this index would not be asked for again if the service were killed now;
            what is not kept yet is worth keeping for a while.
        lost: samples that never came and became gaps, so far.
        repeated: samples that came twice and were left out, so far.
        skipped: hops that were left out because the service was too slow, so far.
        undelivered: samples of this sender that came and were lost on their way to whoever
            computes, such as while NATS was away for longer than a node keeps them, so far.
        drift_ppm: how much faster the sender's clock runs than that of the service, in millionths;
            None until that can be told.
    """

    next: Count
    kept: Count
    lost: Count
    repeated: Count
    skipped: Count
    undelivered: Count
    drift_ppm: Annotated[float, Field(ge=-1e6, le=1e6)] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Something was refused; the connection is closed after it.

    Attributes:
        code: ``bad_json``, ``bad_message``, ``bad_format``, ``bad_chunk``, ``bad_index``,
            ``too_large``, ``unauthorized``, ``room_is_fed``, ``taken_over``, ``too_many_rooms``,
            ``too_many_guesses``, ``not_opened``, ``not_ready``, ``stalled``.
        message: one line for people: what happened and what to do.
    """

    code: Text
    message: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Farewell:
    """The last message: the service stops, or the sound has ended."""

    reason: Text
    next: Count


SenderMessage = Open | End
ServiceMessage = Ready | Taken | Refusal | Farewell

SENDER_TYPES: Mapping[str, type[SenderMessage]] = {"open": Open, "end": End}
SERVICE_TYPES: Mapping[str, type[ServiceMessage]] = {
    "ready": Ready,
    "taken": Taken,
    "error": Refusal,
    "bye": Farewell,
}
_NAMES = {message: name for name, message in [*SENDER_TYPES.items(), *SERVICE_TYPES.items()]}


@cache
def _checks(side: Literal["sender", "service"]) -> Mapping[str, TypeAdapter[Any]]:
    types: Mapping[str, type[Any]] = SENDER_TYPES if side == "sender" else SERVICE_TYPES
    return {
        name: TypeAdapter(cast(Any, message | None), config=STRICT)
        for name, message in types.items()
    }


def encode_sound_message(message: SenderMessage | ServiceMessage) -> str:
    """Return a message as one JSON object, ``type`` first."""
    body = {field.name: getattr(message, field.name) for field in fields(message)}
    return json.dumps({"type": _NAMES[type(message)], **body}, allow_nan=False, ensure_ascii=False)


def parse_sender_message(text: str) -> SenderMessage | None:
    """Read what a sender said; None for a type that this version does not know.

    Raises:
        ProtocolError: ``too_large``, ``bad_json`` or ``bad_message``.
    """
    if len(text) > MAX_TEXT:
        raise ProtocolError("too_large", f"message of {len(text)} characters: at most {MAX_TEXT}")
    message: SenderMessage | None = read_with_care(text, _checks("sender"))
    return message


def parse_service_message(text: str) -> ServiceMessage | None:
    """Read what a service said to a sender; None for a type that this version does not know.

    Raises:
        ProtocolError: ``bad_json`` or ``bad_message``.
    """
    message: ServiceMessage | None = read_with_care(text, _checks("service"))
    return message


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of sound.

    Attributes:
        index: of its first sample (of each channel), counted from where the room began.
        data: its samples, or a packet of Opus.
    """

    index: int
    data: bytes

    def encode(self) -> bytes:
        """Return it as a binary message.

        Raises:
            ProtocolError: ``bad_chunk``, the index is no unsigned number of 64 bits.
        """
        if not 0 <= self.index < 1 << 64:
            raise ProtocolError("bad_chunk", f"index {self.index}: give 0 to 2**64 - 1")
        return _INDEX.pack(self.index) + self.data


def parse_chunk(message: bytes) -> Chunk:
    """Read a binary message; one without samples says that none came until its index.

    Raises:
        ProtocolError: ``bad_chunk``, it is too short for an index.
    """
    if len(message) < INDEX_BYTES:
        raise ProtocolError(
            "bad_chunk",
            f"a binary message of {len(message)} bytes: give the index of the first sample, "
            f"{INDEX_BYTES} bytes, little-endian, and the samples",
        )
    return Chunk(_INDEX.unpack_from(message)[0], message[INDEX_BYTES:])
