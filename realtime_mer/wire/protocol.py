"""The WebSocket protocol ``realtime-mer.v1``: messages, their JSON and its limits (no socket).

A message is a frozen value; ``encode`` writes it as one JSON object with ``type`` first, and
``parse_client_message`` and ``parse_server_message`` read it back. Unknown fields are ignored and a
message of an unknown type reads as None, so that either side can be the older one. Values are
validated where they are read, not where they are made. ``docs/protocol.md`` is the reference.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, make_dataclass, replace
from dataclasses import field as dataclass_field
from dataclasses import fields as dataclass_fields
from enum import IntEnum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast, get_type_hints

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, core_schema

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import ProtocolError
from realtime_mer.estimate import ESTIMATE, Affect, Estimate, Status
from realtime_mer.wire.bounds import (
    SIGNS,
    STRICT,
    Count,
    Name,
    Seconds,
    Span,
    Text,
    Token,
    read_with_care,
)
from realtime_mer.wire.settings import Change, Settings
from realtime_mer.wording import RECORDING_SENTENCES

PROTOCOL = "realtime-mer.v1"
"""Name and version, as negotiated in ``Sec-WebSocket-Protocol``."""

Side = Literal["server", "row", "client"]
"""Who sends a message; ``row``: a server of whom no more is read than ``parse_server_row`` says."""

STREAMS = ("estimates", "status", "level", "markers")
"""What a client can subscribe to."""

MAX_CLIENT_MESSAGE = 4096
"""Longest message a client may send, in characters."""

MAX_HISTORY_S = 600.0
"""Most seconds of the past that a client may ask for, and that a service keeps."""

MAX_POINTS = 64
"""Most estimates in one message of the past."""

MAX_PAST_MARKERS = 32
"""Most markers in one message of the past."""

MAX_LABEL = 200
"""Longest label of a marker, in characters."""

MAX_SERVER_MESSAGE = 65536
"""Longest message a client needs to accept, in bytes."""


class CloseCode(IntEnum):
    """Why the service closed a connection; codes from 4000 are its own."""

    GOING_AWAY = 1001
    """The service stops, after a ``bye``."""
    TOO_BIG = 1009
    """A message far over the limit."""
    TRY_AGAIN_LATER = 1013
    """All places were taken in the moment the token was shown."""
    UNAUTHORIZED = 4401
    """No token or a wrong one; connecting again with it is pointless."""
    NOT_SUBSCRIBED = 4408
    """No ``subscribe`` in time."""
    TOO_MANY_MESSAGES = 4429
    """More messages per second than allowed."""
    TOO_SLOW = 4430
    """The reader left ordered messages waiting, or read nothing, for too long."""


_Label = Annotated[str, Field(min_length=1, max_length=MAX_LABEL, pattern=f"^{SIGNS}+$")]
_Id = Annotated[str, Field(max_length=64, pattern=f"^{SIGNS}*$")]
_Decibels = Annotated[float, Field(ge=-120, le=120)]
_Byte = Annotated[int, Field(ge=0, le=255)]
_Rating = Annotated[float, Field(ge=-1, le=1)]
_Deviation = Annotated[float, Field(ge=0, le=100)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Shares = Annotated[dict[Name, _Share], Field(max_length=64)]
_Names = Annotated[tuple[Name, ...], Field(max_length=64)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The names of what an estimate holds, in order."""

    quadrants: _Names = QUADRANTS
    gems: _Names = GEMS


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """The first message of every connection: what is running here.

    Attributes:
        server_version: version of realtime-mer on the server.
        model: name of the checkpoint.
        hop: seconds from one estimate to the next.
        window: seconds of sound the network sees at once.
        sample_rate: rate in Hz of the sound the network hears.
        smoothing_s, delay_s: as in every estimate, 0 for none.
        labels: names of the quadrants and GEMS shares.
        streams: what can be subscribed to.
        protocol: ``PROTOCOL`` of the server.
        session: differs for every start of a service; ``seq`` and ``t`` begin anew with it.
        authorization_required: whether the service waits for ``authorize`` before ``subscribe``.
        history_s: seconds of the past that ``subscribe`` can ask for, 0 for none.
    """

    server_version: Text
    model: Text
    hop: Span
    window: Span
    sample_rate: Annotated[int, Field(gt=0, le=2**31 - 1)]
    smoothing_s: Seconds = 0.0
    delay_s: Seconds = 0.0
    labels: Labels = Labels()
    streams: _Names = STREAMS
    protocol: Text = PROTOCOL
    session: _Id = ""
    authorization_required: bool = False
    history_s: Annotated[float, Field(ge=0, le=MAX_HISTORY_S)] = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingState:
    """What the service writes down of the session at this moment.

    Attributes:
        estimates: whether estimates, status, level and markers with their notes are recorded.
        sound: whether the sound is. Both are false once a recording has failed.
    """

    estimates: bool
    sound: bool

    @property
    def sentence(self) -> str:
        """The same for people."""
        return RECORDING_SENTENCES[self.estimates, self.sound]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletState:
    """How one target of a mapping fares: lights, an instrument, another program.

    Attributes:
        name: as the mapping calls it, else its wire; it holds no address.
        state: ``connecting``, ``connected`` or ``failing``.
        sent: messages that it took, so far.
        dropped: messages that gave way to newer ones or would have come too late, so far.
        failed: messages that could not be sent, so far.
    """

    name: Name
    state: Literal["connecting", "connected", "failing"]
    sent: Count
    dropped: Count
    failed: Count


MAX_OUTLETS = 32
"""Most targets that a status tells of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusMessage:
    """What changed in the health of the stream, between the estimates or without any.

    Attributes:
        status: a ``Status``.
        detail: one line for people, may be empty.
        t: seconds of sound so far.
        wall_time: ISO 8601 time with offset; None without a real clock.
        source: what is listened to, as a person would call it.
        xruns: input overflows since the start.
        skipped: hops left out since the start.
        recording: what is recorded of the session; None where no recording was asked for.
        outlets: how those fare that values are sent to besides; none where there are none.
    """

    status: Status
    detail: Text
    t: Seconds
    wall_time: Text | None
    source: Text
    xruns: Count = 0
    skipped: Count = 0
    recording: RecordingState | None = None
    outlets: Annotated[tuple[OutletState, ...], Field(max_length=MAX_OUTLETS)] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """The level of the sound, and no more of it.

    Attributes:
        t: seconds of sound at the end of what was measured.
        level_dbfs: root mean square in dB relative to full scale, >= -120.
        peak_dbfs: largest absolute sample in dB relative to full scale, >= -120.
    """

    t: Seconds
    level_dbfs: _Decibels
    peak_dbfs: _Decibels


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelMessage(Level):
    """The level of the sound, for a meter, and a column for a picture of it.

    Attributes:
        t, level_dbfs, peak_dbfs: as in ``Level``.
        mel: what the network heard of the hop, in mel bands from low to high, 64 of them: the
            loudest of its log-mel frames, 32 steps to a factor of ten in power, 0 for digital
            silence, at most 255; None where no network heard it.
    """

    mel: Annotated[tuple[_Byte, ...], Field(max_length=256)] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """A moment that a person or program wants to find again; travels in both directions.

    Attributes:
        label: one line of 1 to 200 characters.
        id: up to 64 characters chosen by the sender, given back to everybody.
        t: seconds of sound, of the latest estimate when the marker came; None before the first.
        wall_time: ISO 8601 time with offset when the marker came. A client leaves ``t`` and
            ``wall_time`` to the service.
    """

    label: _Label
    id: _Id = ""
    t: Seconds | None = None
    wall_time: Text | None = None


_T = TypeVar("_T")
_Column = Annotated[tuple[_T, ...], Field(max_length=MAX_POINTS)]


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """A part of the past, for whoever asked for it in ``subscribe``; the parts come oldest first.

    Estimates are columns of one length: what stands at one place of each belongs together. They are
    the very estimates of those numbers, so many of which were left out that about two a second
    stay; all are older than whatever else is sent of their stream.

    Attributes:
        seq, t, valence, arousal, valence_sd, arousal_sd, level_dbfs, status, turns: as in
            ``Estimate``, ratings and levels to three decimals; ``turns`` is 0 from a service that
            does not tell it.
        markers: those of that time, oldest first, each a whole message.
    """

    seq: _Column[Count] = ()
    t: _Column[Seconds] = ()
    valence: _Column[_Rating] = ()
    arousal: _Column[_Rating] = ()
    valence_sd: _Column[_Deviation] = ()
    arousal_sd: _Column[_Deviation] = ()
    level_dbfs: _Column[_Decibels] = ()
    status: _Column[Status] = ()
    turns: _Column[Count] = ()
    markers: Annotated[tuple[Marker, ...], Field(max_length=MAX_PAST_MARKERS)] = ()

    @property
    def columns(self) -> tuple[tuple[Any, ...], ...]:
        """What is known of the estimates, in the order of the attributes."""
        return tuple(getattr(self, name) for name in HISTORY_COLUMNS)

    def after(self, seq: int) -> "History":
        """Return the same with only the estimates behind this number."""
        start = bisect_right(self.seq, seq)
        columns = {name: getattr(self, name)[start:] for name in HISTORY_COLUMNS}
        return replace(self, **columns)


HISTORY_COLUMNS = tuple(field.name for field in dataclass_fields(History))[:-1]
"""The columns of a ``History``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorMessage:
    """Something the client sent was refused.

    Attributes:
        code: ``bad_json``, ``bad_message``, ``too_large``, ``too_many_messages``,
            ``too_many_markers``, ``too_many_guesses``, ``too_much_history``, ``unauthorized``,
            ``not_owner``, ``not_changed``.
        message: one line for people: what happened and what to do.
    """

    code: Text
    message: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Bye:
    """The last message: the service stops, for this reason."""

    reason: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Pong:
    """The answer to a ``ping``, with its ``id``."""

    id: _Id = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorize:
    """The token, where the client cannot send an ``Authorization`` header (a browser cannot)."""

    token: Token


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """The session's key, which lets a page on the session's own machine change its settings."""

    key: Token


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscribe:
    """Which streams to send from now on; a later one takes the place of the earlier.

    Attributes:
        streams: some of ``STREAMS``; none at all is a pause.
        max_rate: most estimates, and most levels, per second of sound; None for every one.
        history: seconds of the past, of the estimates and markers among the streams, that are to
            come before what is new.
    """

    streams: Annotated[
        tuple[Annotated[str, Field(pattern=f"^({'|'.join(STREAMS)})$")], ...], Field(max_length=16)
    ]
    max_rate: Annotated[float, Field(gt=0, le=1000)] | None = None
    history: Annotated[float, Field(ge=0, le=MAX_HISTORY_S)] = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ping:
    """Asks for a ``pong``; browsers cannot send the pings of WebSocket itself."""

    id: _Id = ""


Event = Estimate | StatusMessage | LevelMessage | Marker
"""What happens in a session, for whoever follows it."""

ServerMessage = (
    Hello
    | Estimate
    | StatusMessage
    | LevelMessage
    | Marker
    | History
    | Settings
    | ErrorMessage
    | Bye
    | Pong
)
ClientMessage = Authorize | Subscribe | Marker | Ping | Own | Change
Message = ServerMessage | ClientMessage

SERVER_TYPES: Mapping[str, type[ServerMessage]] = {
    "hello": Hello,
    "estimate": Estimate,
    "status": StatusMessage,
    "level": LevelMessage,
    "marker": Marker,
    "history": History,
    "settings": Settings,
    "error": ErrorMessage,
    "bye": Bye,
    "pong": Pong,
}
CLIENT_TYPES: Mapping[str, type[ClientMessage]] = {
    "authorize": Authorize,
    "subscribe": Subscribe,
    "marker": Marker,
    "ping": Ping,
    "own": Own,
    "change": Change,
}
_NAMES: Mapping[type[Message], str] = {
    message: name for name, message in [*SERVER_TYPES.items(), *CLIENT_TYPES.items()]
}
_FIELDS: Mapping[type[Message], tuple[str, ...]] = {
    message: tuple(field.name for field in dataclass_fields(message)) for message in _NAMES
}


def _inner(value: Any) -> dict[str, Any]:
    """Return a value inside a message; a message inside another one is whole, with its type."""
    name = _NAMES.get(type(value))
    return asdict(value) if name is None else {"type": name, **asdict(value)}


# Only what is rare holds dataclasses: ``asdict`` copies all that it finds.
_ENCODER = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_inner
)


_ESTIMATE_BOUNDS: Mapping[str, Any] = {
    **dict.fromkeys(("valence", "arousal"), _Rating),
    **dict.fromkeys(("valence_sd", "arousal_sd"), _Deviation),
    **dict.fromkeys(("quadrants", "gems"), _Shares),
    **dict.fromkeys(("seq", "turns", "xruns", "skipped"), Count),
    **dict.fromkeys(("t", "state_age_s", "smoothing_s", "delay_s"), Seconds),
    **dict.fromkeys(("music", "familiar", "changed"), _Share | None),
    "mood": Name,
    "wall_time": Text | None,
    "level_dbfs": _Decibels,
    "latency_ms": Annotated[float, Field(ge=-1e12, le=1e12)] | None,
}


def _flat_estimate(*names: str) -> Any:
    """Return the type of what an estimate has under these names as it travels, flat."""
    parts = {**get_type_hints(Affect), "mood": str, **get_type_hints(Estimate)}
    types = {**parts, **_ESTIMATE_BOUNDS}
    defaults = {field.name: field.default for field in dataclass_fields(Estimate)}
    flat = make_dataclass(
        Estimate.__name__,
        [
            (name, types[name], dataclass_field(default=defaults.get(name, MISSING)))
            for name in names
        ],
        namespace={"__doc__": Estimate.__doc__},
        kw_only=True,
    )
    return flat


_Travelling: Any = _flat_estimate(*ESTIMATE)

EstimateRow: Any = _flat_estimate(
    *("t", "valence", "arousal", "valence_sd", "arousal_sd", "quadrants"),
    *("status", "level_dbfs", "music", "changed", "turns", "xruns", "skipped"),
)
"""What the course of a session needs of an estimate: these attributes of ``Estimate``, flat."""


def _of_one_length(history: History) -> History:
    if not history.turns:  # of a service that does not tell them
        history = replace(history, turns=(0,) * len(history.t))
    if len({len(column) for column in history.columns}) > 1:
        raise ValueError("the columns differ in length")
    return history


def _whole(row: Any) -> Estimate:
    return Estimate.from_dict(vars(row))


def _adapters(types: Mapping[str, type[Any]]) -> Mapping[str, TypeAdapter[Any]]:
    # The settings reach the dataclasses through the union; pydantic takes none for a dataclass
    # itself, and the values of the core carry none of their own.
    travelling = {
        Estimate: Annotated[_Travelling, AfterValidator(_whole)],
        History: Annotated[History, AfterValidator(_of_one_length)],
    }
    return {
        name: TypeAdapter(cast(Any, travelling.get(message, message) | None), config=STRICT)
        for name, message in types.items()
    }


@cache
def adapters(side: Side) -> Mapping[str, TypeAdapter[Any]]:
    """Return what checks each type of message that a side sends, by its name.

    They are made when they are first asked for: most sessions read no message.
    """
    if side == "row":
        return {**adapters("server"), **_adapters({"estimate": EstimateRow, "level": Level})}
    return _adapters(SERVER_TYPES if side == "server" else CLIENT_TYPES)


@cache
def _reader(side: Side) -> SchemaValidator:
    """Return what reads a good message of any of these types in one pass over its text."""
    choices = {name: adapter.core_schema for name, adapter in adapters(side).items()}
    return SchemaValidator(core_schema.tagged_union_schema(choices, discriminator="type"))


def encode(message: Message) -> str:
    """Return a message as one JSON object, ``type`` first.

    Raises:
        ProtocolError: ``not_finite``, a number is NaN or infinite.
    """
    # A line of JSON and a message hold the same numbers, so a recording replays to the bit.
    if isinstance(message, Estimate):
        body = message.to_dict()
    else:
        body = {name: getattr(message, name) for name in _FIELDS[type(message)]}
    fields = {"type": _NAMES[type(message)], **body}
    if type(message) is Marker and message.t is None and message.wall_time is None:
        del fields["t"], fields["wall_time"]
    try:
        return _ENCODER.encode(fields)
    except ValueError as error:
        raise ProtocolError(
            "not_finite", f"a number is NaN or infinite, which JSON cannot hold: {message}"
        ) from error


def parse_server_message(text: str | bytes) -> ServerMessage | None:
    """Read what a server sent; None for a type that this version does not know.

    Raises:
        ProtocolError: ``too_large``, ``bad_json`` or ``bad_message``.
    """
    message: ServerMessage | None = _parse(text, "server", MAX_SERVER_MESSAGE)
    return message


def parse_server_row(text: str | bytes) -> ServerMessage | Any | None:
    """Read a message as ``parse_server_message`` does, but an estimate as an ``EstimateRow``.

    A level is read as a ``Level``. What either lacks is not looked at. That is a third of the work,
    for whoever reads hundreds of thousands.

    Raises:
        ProtocolError: as there.
    """
    return _parse(text, "row", MAX_SERVER_MESSAGE)


def parse_client_message(text: str | bytes) -> ClientMessage | None:
    """Read what a client sent; None for a type that this version does not know.

    Raises:
        ProtocolError: ``too_large``, ``bad_json`` or ``bad_message``.
    """
    message: ClientMessage | None = _parse(text, "client", MAX_CLIENT_MESSAGE)
    return message


def _parse(text: str | bytes, side: Side, limit: int) -> Any:
    if isinstance(text, bytes):
        raise ProtocolError("bad_message", "binary message: send JSON as text")
    if len(text) > limit:
        raise ProtocolError("too_large", f"message of {len(text)} characters: at most {limit}")
    # The reader lets NaN and Infinity pass in fields that nobody knows. To look for one letter is
    # quick, and hardly a message holds either.
    if "N" not in text and "I" not in text:
        try:
            return _reader(side).validate_json(text)
        except ValidationError:
            pass  # of an unknown type, or wrong: what follows says which
    return read_with_care(text, adapters(side))
