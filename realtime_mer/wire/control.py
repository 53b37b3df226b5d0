"""What a session and the window it started say to each other: values <-> lines of JSON (pure).

The window is a child process of the session and an ordinary client of its service. What nobody else
may do, such as changing the source, does not travel over the WebSocket but over the child's
standard streams: commands on its standard output, reports on its standard input, one JSON object a
line. The session starts the window with ``--controls`` where it listens; without that argument
(``realtime-mer display URL``) there is no pipe, and both streams are to be left alone.

A command is carried out between two blocks of sound and answered by the new ``SessionState``, by
``Devices``, or by ``Failed``; a ``SessionState`` also comes at the start and whenever anything in
it changed. Standard output that is closed ends nothing; standard input that ends means that the
session is over.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from realtime_mer.wire.settings import Change, Settings

CONTROLS_OPTION = "--controls"
"""Argument that tells the window that its standard streams lead to the session."""

MAX_LINE = 65536
"""Longest line either side reads, in characters."""

_LONGEST = 4096
_Line = Annotated[str, Field(max_length=_LONGEST, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
_Path = Annotated[str, Field(min_length=1, max_length=_LONGEST, pattern=r"^[^\x00]+$")]
_Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class _Value:
    """A value that knows the line it travels as."""

    def to_json(self) -> str:
        """Return it as one line of JSON, in ASCII, without the line break."""
        key, name = _TAGS[type(self)]
        return json.dumps({key: name, **asdict(cast(Any, self))}, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class Pause(_Value):
    """Make no estimates until ``Resume``: a device is thrown away, a file or the demo waits."""


@dataclass(frozen=True, kw_only=True)
class Resume(_Value):
    """Go on after ``Pause``."""


@dataclass(frozen=True, kw_only=True)
class Reset(_Value):
    """Forget all that was heard: the window fills anew and the LSTM state starts afresh."""


@dataclass(frozen=True, kw_only=True)
class AskDevices(_Value):
    """Ask what there is to listen to; ``Devices`` answers."""


@dataclass(frozen=True, kw_only=True)
class AskLevels(_Value):
    """Ask how loud each channel of the device that is heard is; ``ChannelLevels`` answers."""


@dataclass(frozen=True, kw_only=True)
class ChangeSource(_Value):
    """Listen to something else; if that cannot be opened, the old source goes on.

    Attributes:
        source: ``mic``, ``system``, ``demo`` or the path of a file.
        device: name of the device, for ``mic`` and ``system``; None for the default one.
        channels: those of the device to hear, from 1 on, which are remembered; none for all, which
            forgets what was remembered; None for what was remembered.
    """

    source: _Path
    device: _Line | None = None
    channels: tuple[Annotated[int, Field(ge=1, le=128)], ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Record(_Value):
    """Begin to record the session.

    Attributes:
        name: what to call it; None for a name of the session's choice.
        sound: whether to record its sound too.
    """

    name: _Name | None = None
    sound: bool = False


@dataclass(frozen=True, kw_only=True)
class StopRecording(_Value):
    """End the recording; the session goes on."""


@dataclass(frozen=True, kw_only=True)
class ChangeSettings(_Value):
    """Change what can be changed while the session runs.

    Attributes:
        change: what is to be otherwise.
    """

    change: Change


@dataclass(frozen=True, kw_only=True)
class SessionState(_Value):
    """How the session stands.

    Attributes:
        paused: whether it makes no estimates because somebody asked so.
        source: as in ``ChangeSource``; ``-`` for standard input.
        device: name of the device asked for; None for the default one or no device.
        title: the source as a person would call it.
        recording: name of the session that is being recorded; None for none.
        sound: whether its sound is recorded too.
        settings: how what else can be changed stands.
    """

    paused: bool
    source: _Path
    device: _Line | None
    title: _Line
    recording: _Line | None
    sound: bool
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, kw_only=True)
class DeviceEntry:
    """One thing to listen to.

    Attributes:
        kind: ``mic`` or ``system``, the ``source`` of a ``ChangeSource`` to it.
        name: its ``device``.
        default: whether it is what its kind means without a name.
    """

    kind: Literal["mic", "system"]
    name: _Line
    default: bool


@dataclass(frozen=True, kw_only=True)
class Devices(_Value):
    """What there is to listen to."""

    devices: Annotated[tuple[DeviceEntry, ...], Field(max_length=1024)] = field(default=())


@dataclass(frozen=True, kw_only=True)
class ChannelLevels(_Value):
    """How loud each channel of the device that is heard was in the last second.

    Attributes:
        levels: of each in dBFS, from -120.
    """

    levels: Annotated[tuple[Annotated[float, Field(ge=-120)], ...], Field(max_length=128)]


@dataclass(frozen=True, kw_only=True)
class Failed(_Value):
    """A command could not be carried out; everything is as it was before.

    Attributes:
        do: the command's name, such as ``source``.
        message: one line for people: what happened and what to do.
    """

    do: _Name
    message: _Line


Command = (
    Pause
    | Resume
    | Reset
    | AskDevices
    | AskLevels
    | ChangeSource
    | Record
    | StopRecording
    | ChangeSettings
)
Report = SessionState | Devices | ChannelLevels | Failed

COMMANDS: Mapping[str, type[Command]] = {
    "pause": Pause,
    "resume": Resume,
    "reset": Reset,
    "devices": AskDevices,
    "levels": AskLevels,
    "source": ChangeSource,
    "record": Record,
    "stop-recording": StopRecording,
    "settings": ChangeSettings,
}
REPORTS: Mapping[str, type[Report]] = {
    "state": SessionState,
    "devices": Devices,
    "levels": ChannelLevels,
    "failed": Failed,
}
_TAGS: Mapping[type, tuple[str, str]] = {
    **{kind: ("do", name) for name, kind in COMMANDS.items()},
    **{kind: ("say", name) for name, kind in REPORTS.items()},
}

# What checks a line is made when the first one is read: a session without a window reads none.
_CONFIG = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, defer_build=True)
# In a union, since pydantic takes no settings for a dataclass itself.
_ADAPTERS: Mapping[tuple[str, str], TypeAdapter[Any]] = {
    tag: TypeAdapter(cast(Any, kind | None), config=_CONFIG) for kind, tag in _TAGS.items()
}


def parse_command(line: str | bytes) -> Command | None:
    """Read a line from the window; None for one that is malformed or unknown."""
    command: Command | None = _parse(line, "do")
    return command


def parse_report(line: str | bytes) -> Report | None:
    """Read a line from the session; None for one that is malformed or unknown."""
    report: Report | None = _parse(line, "say")
    return report


def one_line(text: str) -> str:
    """Return text as either side accepts it: no control characters, no half characters, bounded."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", whole)[:_LONGEST]


def command_name(command: Command) -> str:
    """Return the name that a command travels under, such as ``stop-recording``."""
    return _TAGS[type(command)][1]


def _parse(line: str | bytes, key: str) -> Any:
    if len(line) > MAX_LINE:
        return None
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):  # a ValueError too where it is not UTF-8
        return None
    name = content.get(key) if isinstance(content, dict) else None
    adapter = _ADAPTERS.get((key, name)) if isinstance(name, str) else None
    if adapter is None:
        return None
    try:
        return adapter.validate_json(line)
    except ValidationError:
        return None
