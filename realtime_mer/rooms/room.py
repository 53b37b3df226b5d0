"""One room: where its sound has got to, who sends it, and what is told of it.

Everything here runs in the service's loop, and is told the time.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.intake import Intake
from realtime_mer.estimate import Estimate, Status
from realtime_mer.rooms.clock import SenderClock
from realtime_mer.rooms.limits import Allowance, RoomLimits
from realtime_mer.rooms.nodes.seats import Claim, Elsewhere, Push, RoomState, Sender, comes_back
from realtime_mer.rooms.timeline import Place, Timeline
from realtime_mer.service.audience import Audience
from realtime_mer.service.gate import Gate
from realtime_mer.service.metrics import Metrics
from realtime_mer.wire import access
from realtime_mer.wire.clocks import ahead
from realtime_mer.wire.protocol import (
    Event,
    LevelMessage,
    Marker,
    RecordingState,
    StatusMessage,
)
from realtime_mer.wire.sound import Open
from realtime_mer.wording import NO_SOUND_COMES, NOBODY_SENDS, STATUS_SENTENCES, literal

_LATE_S = 3.0


class Tap(Protocol):
    """Takes the sound of a room besides whoever computes, such as a recording."""

    def __call__(self, samples: NDArray[np.float32], missing: int) -> None:
        """Take the next sound: float32 ``(n,)``, after so many samples that were lost."""


@dataclass(slots=True)
class RoomCounts:
    """What happened to a room since this service began.

    Attributes:
        estimates: told.
        skipped: hops that were left out because inference was behind.
        gaps: how often sound was lost on its way here.
        lost_s, repeated_s: seconds of sound that never came, or came twice.
        messages, bytes: of senders.
        senders: that came.
        refused: messages of senders that were refused, and senders that were.
    """

    estimates: int = 0
    skipped: int = 0
    gaps: int = 0
    lost_s: float = 0.0
    repeated_s: float = 0.0
    messages: int = 0
    bytes: int = 0
    senders: int = 0
    refused: int = 0


class Room:
    """A room of a service.

    Args:
        name: of the room.
        audience: whoever follows it.
        gate: through which they come.
        metrics: of the audience.
        push: takes its sound.
        claim: lets one sender feed it, of all there are.
        rate, hop_samples: of the recogniser.
        start: samples that had been when this service began.
        limits: what it may ask.

    Attributes:
        sender: whoever feeds it; None for nobody.
        opened: what the latest sender said that it sends; None before the first.
        resume: what lets the sender come back.
        counts: what happened so far.
        latest: estimate; None before the first.
        allowance: of seconds of sound.
        progress: is set whenever something was computed.
        heard_at: when sound came or its sender did, in seconds of a steady clock; None for never.
        told_at: when an estimate was told of, likewise.
        outlets: take what happens besides the audience, such as a recording.
        taps: take its sound, as it is computed: mono, at the recogniser's rate.
        recording: tells what is recorded of the room at this moment; None for nothing.
        elsewhere: how it is fed on another machine; None where it is not.
    """

    def __init__(
        self,
        name: str,
        *,
        audience: Audience,
        gate: Gate,
        metrics: Metrics,
        push: Push,
        claim: Claim,
        rate: int,
        hop_samples: int,
        start: int,
        limits: RoomLimits,
    ) -> None:
        self.name = name
        self.audience, self.gate, self.metrics = audience, gate, metrics
        self.sender: Sender | None = None
        self.opened: Open | None = None
        self.resume = ""
        self.counts = RoomCounts()
        self.latest: Estimate | None = None
        self.allowance = Allowance(per_second=limits.speed, burst=limits.ahead_s)
        self.progress = asyncio.Event()
        self.outlets: list[Callable[[Event], None]] = []
        self.taps: list[Tap] = []
        self.recording: Callable[[], RecordingState | None] = lambda: None
        self.elsewhere: Elsewhere | None = None
        self._push, self._claim = push, claim
        self._opening = asyncio.Lock()
        self._rate, self._hop = rate, hop_samples
        self._start = start
        self._given = start  # samples handed on to be computed, from where the room began
        self._told = start // hop_samples  # hops that were told of
        self._quiet_s = limits.quiet_s
        self._intake = Intake(target_rate=rate)
        self._timeline: Timeline | None = None
        self._ended = False  # its latest sender said so
        self._fresh = False  # what comes next has nothing to do with what came before
        self._clock = SenderClock()
        self._undelivered = 0  # samples of its sender that came and were lost behind this
        self.heard_at: float | None = None
        self.told_at: float | None = None
        self._fed_since: float | None = None
        self._quiet = False  # its sender is there, and nothing comes
        self._said: tuple[Status, str, str, RecordingState | None] | None = None

    @property
    def seconds(self) -> Fraction:
        """Seconds of sound that came since the room began, lost ones counted in."""
        return Fraction(self._start, self._rate) + self._intake.taken_s

    @property
    def position(self) -> int:
        """Samples at the recogniser's rate that came since the room began, lost ones counted in."""
        return self._given

    @property
    def followed(self) -> bool:
        """Whether anybody here takes all that is told of it."""
        return len(self.audience) > 0 or bool(self.outlets or self.taps)

    @property
    def source(self) -> str:
        """What is listened to, as a person would call it."""
        if self.sender is None and self.elsewhere is not None:
            named = self.elsewhere.source
        else:
            named = "" if self.opened is None else self.opened.source
        return literal(named or f"room {self.name}")

    @property
    def timeline(self) -> Timeline | None:
        """Of the latest sender."""
        return self._timeline

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the sender's clock runs; None until that can be told."""
        return self._clock.drift_ppm if self.opened is not None and self.opened.live else None

    @property
    def undelivered(self) -> int:
        """Samples of its sender, at that one's rate, that came and that nobody will compute."""
        rate = self._rate if self.opened is None else self.opened.rate
        return round(Fraction(self._undelivered * rate, self._rate))

    @property
    def backlog_s(self) -> float:
        """Seconds of whole hops that came and were not told of yet."""
        return max(0, self._given // self._hop - self._told) * self._hop / self._rate

    def index_at(self, hops: int) -> int:
        """Return the index, at the sender's rate, of the sample after so many hops."""
        rate = self._rate if self.opened is None else self.opened.rate
        return round(Fraction(hops * self._hop * rate, self._rate))

    # -- sound ----------------------------------------------------------------------------------

    async def open(
        self, opened: Open, sender: Sender, *, manages: bool, clock: Callable[[], float]
    ) -> int:
        """Let somebody feed the room, and return the index of the sample that is expected.

        Args:
            opened: what it is going to send.
            sender: who it is.
            manages: whether it may take the room from somebody else.
            clock: a steady one, in seconds.

        Raises:
            ProtocolError: ``room_is_fed``, ``unauthorized`` or ``not_ready``.
        """
        async with self._opening:
            by_itself, resume = False, self.resume
            same = self.sender is sender or self._resumes(opened)
            if self.sender is not sender:
                if self.sender is not None:
                    by_itself = comes_back(
                        self.name, opened, resumes=self._resumes(opened), manages=manages
                    )
                resume = secrets.token_urlsafe()
            start = await self._claim(self.name, opened, resume=resume, manages=manages)
            if start is not None:
                self._go_on_from(start)
            if self.sender is not sender:
                if self.sender is not None:
                    self.sender.replaced(by_itself=by_itself)
                self.counts.senders += 1
            self.sender, self.resume = sender, resume
            if not same:
                self._undelivered = 0
            return self._begin(opened, now=clock())

    def _resumes(self, opened: Open) -> bool:
        return opened.resume is not None and access.same_token(opened.resume, self.resume)

    def _go_on_from(self, start: int) -> None:
        """Know that the room has been fed up to here on another machine."""
        for tap in self.taps:
            tap(np.zeros(0, np.float32), max(0, start - self._given))
        self._intake, self._timeline = Intake(target_rate=self._rate), None
        self._start = self._given = start

    def _begin(self, opened: Open, *, now: float) -> int:
        same_rate = self.opened is not None and self.opened.rate == opened.rate
        if self._timeline is None or not same_rate:
            index = round(self.seconds * opened.rate)
            self._timeline = Timeline(rate=opened.rate, next_index=index)
        self.opened, self._ended = opened, False
        self._fresh |= opened.fresh
        self._clock = SenderClock()
        self.heard_at, self._quiet = now, False
        return self._timeline.next

    def leave(self, sender: Sender) -> None:
        """Let go of a sender, if it is that of the room."""
        if self.sender is sender:
            self.sender = None

    def take(
        self, samples: NDArray[np.float32], place: Place, *, rate: int, arrived_at: float
    ) -> Iterator[None]:
        """Take a chunk bit by bit: another room may be served at each ``yield``.

        Args:
            samples: ``(n, channels)``, as they were decoded.
            place: where they belong.
            rate: theirs, in Hz.
            arrived_at: when they came, in seconds of a steady clock.
        """
        self.heard_at, self._quiet = arrived_at, False
        samples = samples[place.repeated :]
        self.counts.repeated_s += place.repeated / rate
        self.counts.lost_s += place.missing / rate
        self.counts.gaps += place.missing > 0
        end = self.seconds + Fraction(place.missing + len(samples), rate)
        self._clock.take(float(end), arrived_at)
        missing, step = place.missing, max(1, rate // 10)
        for start in range(0, max(1, len(samples)), step):
            part = samples[start : start + step]
            block = Block(
                samples=part,
                rate=rate,
                arrived_at=arrived_at,
                missing=missing,
                fresh=self._fresh and len(part) > 0,
            )
            missing = 0
            self._fresh &= not block.fresh
            for piece in self._intake.push(block):
                self._hand_on(piece.samples, missing=piece.missing, fresh=piece.fresh)
            yield

    def overhear(self, samples: NDArray[np.float32], *, position: int) -> None:
        """Take sound of this room that came to another machine, for the taps alone.

        Args:
            samples: float32 ``(n,)``, at the recogniser's rate; not to be changed any more.
            position: of the first of them.
        """
        start = max(self._given, position)
        samples = samples[start - position :]
        if len(samples):
            for tap in self.taps:
                tap(samples, start - self._given)
            self._given = start + len(samples)

    def lose(self, samples: int, *, gap: bool) -> None:
        """Count sound that came, was handed on, and was lost before anybody could compute it.

        Args:
            samples: so many, at the recogniser's rate.
            gap: whether that is another gap than what was lost before.
        """
        self.counts.gaps += gap
        self.counts.lost_s += samples / self._rate
        self._undelivered += samples

    def flush(self) -> None:
        """Hand on what the resampler still holds: the sound has ended."""
        self._ended = True
        for piece in self._intake.flush():
            self._hand_on(piece.samples, missing=piece.missing, fresh=piece.fresh)

    def _hand_on(self, samples: NDArray[np.float32], *, missing: int, fresh: bool) -> None:
        self._given += missing + len(samples)
        for tap in self.taps:
            tap(samples, missing)
        self._push(self.name, samples, missing=missing, fresh=fresh)

    # -- what is told ---------------------------------------------------------------------------

    def dated(self, estimate: Estimate, *, now: float) -> Estimate:
        """Return an estimate of sound that came here with what is known of that here.

        Args:
            estimate: of this room.
            now: seconds of the steady clock.
        """
        captured_at = self.captured_at(estimate.t)
        if captured_at is not None:
            age = max(0.0, now - captured_at)
            when = datetime.fromtimestamp(now - age + ahead(time.time)).astimezone()
            estimate = replace(
                estimate,
                latency_ms=round(1000 * age, 3),
                wall_time=when.isoformat("T", "milliseconds"),
            )
        return replace(estimate, xruns=self.counts.gaps)

    def tell(self, estimate: Estimate, level: LevelMessage, *, now: float) -> None:
        """Tell everybody what came of a hop.

        Args:
            estimate, level: of this room, the next ones.
            now: seconds of the steady clock.
        """
        self._told = estimate.seq + 1
        self.counts.estimates += 1
        self.counts.skipped = estimate.skipped
        self.latest = estimate
        self.told_at = now
        if self.elsewhere is not None:
            self.heard_at = now
        self.progress.set()
        self._say(estimate.status, STATUS_SENTENCES[estimate.status])
        self._publish(estimate)
        self._publish(level)

    def look(self, now: float, *, late: str | None = None) -> None:
        """Say so where nobody sends, or nothing comes; to be called now and then.

        Args:
            now: seconds of the steady clock.
            late: what is said where sound comes and nothing was told of it for a while; None for
                nothing.
        """
        if self.sender is not None:
            self._quiet = quiet = self.heard_at is not None and now - self.heard_at > self._quiet_s
        elif self.elsewhere is not None and self.elsewhere.state in ("fed", "waiting"):
            quiet = self.elsewhere.state == "waiting"
        else:
            self._fed_since = None
            self._say(Status.RECONNECTING, NOBODY_SENDS)
            return
        if quiet:
            self._fed_since = None
            self._say(Status.RECONNECTING, NO_SOUND_COMES)
            return
        if self._fed_since is None:
            self._fed_since = now
        if late is not None and now - max(self._fed_since, self.told_at or 0.0) > _LATE_S:
            self._say(Status.RECONNECTING, late)

    def _say(self, status: Status, detail: str) -> None:
        said = status, detail, self.source, self.recording()
        if said == self._said:
            return
        self._said = said
        latest = self.latest
        self._publish(
            StatusMessage(
                status=status,
                detail=detail,
                t=0.0 if latest is None else latest.t,
                wall_time=None if latest is None else latest.wall_time,
                source=self.source,
                xruns=self.counts.gaps if latest is None else max(self.counts.gaps, latest.xruns),
                skipped=self.counts.skipped,
                recording=said[-1],
            )
        )

    def mark(self, marker: Marker) -> None:
        """Take a marker that a watcher set here; the audience has it already."""
        for outlet in self.outlets:
            outlet(marker)

    def mark_from_elsewhere(self, marker: Marker) -> None:
        """Take a marker that a watcher set on another machine."""
        self._publish(marker)

    def _publish(self, event: Event) -> None:
        for outlet in self.outlets:
            outlet(event)
        if isinstance(event, Estimate | LevelMessage):
            self.audience.offer(event)
        else:
            self.audience.tell(event)

    def captured_at(self, t: float) -> float | None:
        """Return when the sound at a time of its own was captured; None without a clock.

        Args:
            t: seconds of sound since the room began.
        """
        if self.opened is None or not self.opened.live:
            return None
        return self._clock.captured_at(t)

    # -- for lists ------------------------------------------------------------------------------

    @property
    def status(self) -> Status | None:
        """What was said last; None before anything was."""
        return None if self._said is None else self._said[0]

    @property
    def state(self) -> RoomState:
        """``fed``, ``waiting`` (somebody is there and sends nothing), ``ended`` or ``empty``."""
        if self.sender is None:
            if self.elsewhere is not None:
                return self.elsewhere.state
            return "ended" if self._ended else "empty"
        return "waiting" if self._quiet else "fed"

    def summary(self) -> dict[str, Any]:
        """Return what a list of rooms says of it, ready for JSON."""
        recording = self.recording()
        return {
            "name": self.name,
            "state": self.state,
            "status": None if self.status is None else self.status.value,
            "detail": None if self._said is None else self._said[1],
            "source": self.source,
            "estimate": None if self.latest is None else self.latest.to_dict(),
            "watchers": len(self.audience),
            "recording": None if recording is None else asdict(recording),
            "backlog_s": round(self.backlog_s, 3),
            "drift_ppm": self.drift_ppm,
            "counts": {
                name: round(value, 3) if isinstance(value, float) else value
                for name in RoomCounts.__slots__
                for value in [getattr(self.counts, name)]
            },
        }
