"""``Snapshot``: all that the display knows of the service at one moment (no thread, no Qt).

Each message of the service makes a new one of it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from realtime_mer.client.streams import Gap
from realtime_mer.estimate import Estimate, Status
from realtime_mer.wire.protocol import (
    Bye,
    Hello,
    History,
    LevelMessage,
    Marker,
    OutletState,
    RecordingState,
    ServerMessage,
    StatusMessage,
)

_LEVELS = _ESTIMATES = 64  # six seconds, for a window that was held up
_MARKERS = 64
_PARTS = 64  # of the past: ten minutes are some twenty


class Link(StrEnum):
    """Whether the service is there."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is known of the service at one moment.

    Attributes:
        link: whether the service is there.
        problem: why it is not, empty otherwise.
        hello: what it said of itself, None before it has spoken.
        source: where its sound comes from, None before it has said so.
        estimates: its last, oldest first, at most 64.
        status: what it last said of the sound, None before the first word.
        detail: what it said about that status, may be empty.
        recording: what is recorded there; None for nothing, or before it has said so.
        outlets: how those fare that it sends values to besides; none before it has said so.
        levels: its last levels, oldest first, at most 64.
        markers: its last markers, oldest first, at most 64.
        past: what it sent of the time before, oldest first, since it was last connected to.
    """

    link: Link = Link.CONNECTING
    problem: str = ""
    hello: Hello | None = None
    source: str | None = None
    estimates: tuple[Estimate, ...] = ()
    status: Status | None = None
    detail: str = ""
    recording: RecordingState | None = None
    outlets: tuple[OutletState, ...] = ()
    levels: tuple[LevelMessage, ...] = ()
    markers: tuple[Marker, ...] = ()
    past: tuple[History, ...] = ()

    @property
    def estimate(self) -> Estimate | None:
        """The latest estimate, None before the first."""
        return self.estimates[-1] if self.estimates else None

    def after(self, message: ServerMessage | Gap) -> "Snapshot":
        """Return what is known once a message has come; most types change nothing."""
        match message:
            case Hello():
                same = self.hello is not None and self.hello.session == message.session
                return replace(
                    self,
                    link=Link.CONNECTED,
                    problem="",
                    hello=message,
                    estimates=self.estimates if same else (),
                    past=(),
                )
            case Estimate():
                same = message.status is self.status
                return replace(
                    self,
                    estimates=(*self.estimates[1 - _ESTIMATES :], message),
                    status=message.status,
                    detail=self.detail if same else "",
                )
            case StatusMessage():
                return replace(
                    self,
                    status=message.status,
                    detail=message.detail,
                    source=message.source,
                    recording=message.recording,
                    outlets=message.outlets,
                )
            case LevelMessage():
                return replace(self, levels=(*self.levels[1 - _LEVELS :], message))
            case Marker():
                return replace(self, markers=(*self.markers[1 - _MARKERS :], message))
            case History():
                return replace(self, past=(*self.past[1 - _PARTS :], message))
            case Bye():
                return self.lost(message.reason)
            case _:
                return self

    def lost(self, problem: str) -> "Snapshot":
        """Return what is known once the service is away; the last estimate stays."""
        return replace(self, link=Link.RECONNECTING, problem=problem)
