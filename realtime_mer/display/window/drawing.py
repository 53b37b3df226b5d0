"""Draws the newest estimates on the parts of the window, one slow part a frame."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import zip_longest

from PySide6.QtGui import QColor

from realtime_mer.display.plots.history import thinned, turned
from realtime_mer.display.plots.timelines import POINTS, TimeLine
from realtime_mer.display.plots.trail import TRAIL_SECONDS
from realtime_mer.display.snapshot import Link
from realtime_mer.display.theme import Theme, mood_colour
from realtime_mer.display.window.face import Face
from realtime_mer.display.window.memory import Memory, News
from realtime_mer.display.window.notes import marker_line
from realtime_mer.display.window.turns import Turns
from realtime_mer.estimate import Estimate, Status
from realtime_mer.mood import Held, mood_text
from realtime_mer.wording import (
    LOST_NOTE,
    OUTLET_NOTE,
    RECORDING_SIGNS,
    STATUS_NOTES,
    STATUS_SENTENCES,
    STATUS_WORDS,
    WAITING_NOTE,
    WAITING_WORD,
    clock,
    outlet_words,
    signed,
    turned_words,
)

_LINE_PERIOD = 0.25  # seconds; in that time two minutes move by about a pixel
_TRAIL_STEP = 0.4  # seconds from one corner of the trail to the next
_COLOUR_STEP = 0.5  # of the way to another colour, each time that the numbers change
_LATE_SECONDS = 2.0  # a connected service that sends nothing for so long is said to be late
_NO_MARKERS = "M sets a marker, N one with a note."
_PRIVACY = "No sound reaches this window: only estimates, levels and a coarse spectrum, kept for "


class Drawing:
    """Brings a face up to date, one slow part a frame.

    Args:
        face: fresh; all that is known is shown on it at once.
        theme: of the face.
        words: what to write for a mood word, where it is not the word itself.
        memory: what is known.
        url: address of the service, for the eye.
        now: seconds on the clock of ``take``.
    """

    def __init__(
        self,
        face: Face,
        *,
        theme: Theme,
        words: Mapping[str, str],
        memory: Memory,
        url: str,
        now: float,
    ) -> None:
        self._face, self._theme, self._words = face, theme, words
        self._memory, self._url, self._now = memory, url, now
        self._current = False
        self._mood = Held(theme.hold_s)
        turns = self._turns = Turns()
        for line in face.lines:
            turns.add(line.accessibleName(), partial(self._draw_line, line), period=_LINE_PERIOD)
        turns.add("trail", self._draw_trail, period=_TRAIL_STEP)
        turns.add("numbers", self._draw_numbers, period=theme.numbers_s)
        turns.add("gems", self._draw_gems, period=theme.numbers_s)
        turns.add("quadrants", self._draw_quadrants, period=theme.numbers_s)
        turns.add("health", self._draw_health, period=0.5)
        turns.add("meter", self._draw_meter, period=0.0)
        turns.add("waterfall", self._draw_waterfall, period=0.0)
        turns.want("health")
        if memory.leveled:
            turns.want("meter", "waterfall")
        if memory.seen is not None:
            self._show_estimate(memory.seen)
        self.show_markers()
        self._draw_health()
        self.show_state(now)

    def take(self, news: News, *, now: float) -> None:
        """Show at once, or want to draw, what is new."""
        self._now = now
        if news.estimate is not None:
            self._show_estimate(news.estimate)
        if news.levels:
            self._turns.want("meter")
            if news.spectrum or self._heard() != self._waterfall_stands():
                self._turns.want("waterfall")
        if news.markers or news.past:
            self.show_markers()
        if news.past is not None:
            self._turns.want("trail", "valence", "arousal")
        if news.service:
            self._draw_health()

    def draw_next(self, now: float) -> bool:
        """Draw the part whose turn it is; return False if there is none."""
        self._now = now
        return self._turns.take(now)

    def glide(self, now: float) -> bool:
        """Move the point on its way; return whether it moved."""
        return self._face.plane.advance(now)

    def show_markers(self) -> None:
        """List the markers."""
        memory, face = self._memory, self._face
        if face.notes is not None:
            face.notes.show_markers(memory.markers, start=memory.start)
        lines = [marker_line(marker, start=memory.start) for marker in reversed(memory.markers)]
        for reading, line in zip_longest(face.recent, (lines or [_NO_MARKERS])[: len(face.recent)]):
            reading.show_text(line or "")

    def restart_clock(self) -> None:
        """Show times on a clock that has begun anew."""
        self._turns.want("numbers")
        self.show_markers()

    def show_state(self, now: float) -> bool:
        """Say in words what the numbers are of; return whether that is new."""
        self._now = now
        words, note, current = self._state_in_words()
        face, theme, seen = self._face, self._theme, self._memory.seen
        mood = self._mood.offer(seen, now=now) if seen is not None else ()
        face.plane.show_mood(mood)
        said = mood_text(mood, own=self._words, short=True)
        drawn = face.heading.mood.show_text(said, colour=theme.text if current else theme.muted)
        drawn |= face.plane.set_current(current)
        drawn |= face.status.show_text(words, colour=theme.good if current else theme.warning)
        if current != self._current:
            self._current = current
            self._turns.want("gems", "quadrants", "numbers")
        return face.note.show_text(note) or drawn

    def _state_in_words(self) -> tuple[str, str, bool]:
        """Return the state in a word, a note to it, and whether music is estimated now."""
        snapshot = self._memory.snapshot
        if snapshot.link is not Link.CONNECTED:
            return snapshot.link.value, snapshot.problem, False
        status = snapshot.status
        if status in (None, Status.MUSIC, Status.WARMING_UP):
            late = self._now - self._memory.arrived
            if snapshot.estimate is None or late > _LATE_SECONDS:
                return WAITING_WORD, WAITING_NOTE.format(f"{late:.0f}") if late >= 1 else "", False
        if status is None:
            return WAITING_WORD, "", False
        if status is Status.MUSIC:
            return STATUS_WORDS[status], "", True
        # The usual sentence is too long to be read in passing.
        detail = "" if snapshot.detail == STATUS_SENTENCES[status] else snapshot.detail
        return STATUS_WORDS[status], detail or STATUS_NOTES[status], False

    def _show_estimate(self, estimate: Estimate) -> None:
        self._face.plane.show_estimate(estimate, now=self._now)
        self._turns.want("trail", "valence", "arousal", "numbers", "gems", "quadrants", "health")
        if not self._memory.snapshot.levels:
            self._turns.want("meter")

    def _draw_trail(self) -> Iterator[None]:
        rows = self._memory.history.rows(seconds=TRAIL_SECONDS)
        return self._face.plane.show_trail(thinned(rows, step=_TRAIL_STEP))

    def _draw_line(self, line: TimeLine) -> None:
        rows = self._memory.history.rows(seconds=self._theme.line_s)
        if len(rows):
            step = self._theme.line_s / POINTS
            line.show_rows(
                thinned(rows, step=step), marked=self._memory.marked, turned=turned(rows)
            )

    def _draw_numbers(self) -> None:
        estimate = self._memory.seen
        if estimate is None:
            return
        heading = self._face.heading
        for reading, value, sd in (
            (heading.valence, estimate.valence, estimate.valence_sd),
            (heading.arousal, estimate.arousal, estimate.arousal_sd),
        ):
            reading.show_pieces(
                (signed(value), None), (f" \N{PLUS-MINUS SIGN} {sd:.2f}", self._theme.text)
            )
        self._show_colour(estimate)
        if self._face.notes is not None:
            self._face.notes.clock.show_text(clock(self._memory.clock(estimate.t)))

    def _show_colour(self, estimate: Estimate) -> None:
        """Let the colour follow the mood, slowly enough never to flash; grey for what is held."""
        colour = QColor(self._theme.grid)
        if self._current:
            colour = QColor(mood_colour(self._theme, estimate.valence, estimate.arousal))
        before = self._face.heading.colour()
        step = [
            round(was + _COLOUR_STEP * (to - was)) if abs(to - was) > 2 else to
            for was, to in zip(before.getRgb()[:3], colour.getRgb()[:3], strict=True)  # type: ignore[index]
        ]
        self._face.heading.show_colour(QColor(*step))
        self._face.plane.show_colour(self._face.heading.colour())

    def _draw_gems(self) -> None:
        if self._memory.seen is not None:
            self._face.gems.show_shares(self._memory.seen.gems, current=self._current)

    def _draw_quadrants(self) -> None:
        if self._memory.seen is not None:
            self._face.quadrants.show_shares(self._memory.seen.quadrants, current=self._current)

    def _draw_meter(self) -> None:
        levels, seen = self._memory.snapshot.levels, self._memory.seen
        if levels:
            level, peak = levels[-1].level_dbfs, max(level.peak_dbfs for level in levels[-3:])
        elif seen is not None:
            level = peak = seen.level_dbfs
        else:
            return
        self._face.foot.meter.show_level(level, peak, now=self._now)

    def _heard(self) -> bool:
        """Whether the newest level comes with a column of the spectrum."""
        levels = self._memory.snapshot.levels
        return bool(levels) and levels[-1].mel is not None

    def _waterfall_stands(self) -> bool:
        return self._face.waterfall.isVisibleTo(self._face)

    def _draw_waterfall(self) -> None:
        if not self._memory.snapshot.levels:
            return
        heard = self._heard()
        if heard != self._waterfall_stands():
            self._face.waterfall.setVisible(heard)
        if heard:
            self._face.waterfall.show_columns(self._memory.spectrum.columns())

    def _draw_health(self) -> None:
        snapshot, estimate = self._memory.snapshot, self._memory.seen
        hello, foot = snapshot.hello, self._face.foot
        parts = []
        if estimate is not None:
            none = estimate.latency_ms is None
            latency = "\N{EN DASH}" if none else f"{estimate.latency_ms:.0f} ms"
            parts = [
                f"latency {latency}",
                f"xruns {estimate.xruns}",
                f"skipped {estimate.skipped}",
                f"state age {clock(estimate.state_age_s)}",
                f"columns missed {self._memory.spectrum.missed}",
            ]
            said = (
                ("music", estimate.music),
                ("familiar", estimate.familiar),
                ("changed", estimate.changed),
            )
            parts += [f"{name} {share:.0%}" for name, share in said if share is not None]
        if hello is not None:
            parts.append(f"{hello.sample_rate / 1000:g} kHz, {1 / hello.hop:.3g}/s")
        foot.health.show_text("   ".join(parts))
        # Those that are amiss come first: a line has no room for many.
        in_order = sorted(snapshot.outlets, key=lambda state: state.state == "connected")
        fare = [outlet_words(**asdict(state)) for state in in_order]
        foot.outlets.show_text("   ".join(fare))
        foot.outlets.setToolTip("\n".join(fare))
        foot.outlets.setVisible(bool(fare))
        link = "connected to" if snapshot.link is Link.CONNECTED else "not connected to"
        model = [f"model {hello.model}"] if hello is not None else []
        source = [f"source {snapshot.source}"] if snapshot.source else []
        foot.origin.show_text("   ".join([*model, self._url.partition("://")[2]]))
        foot.origin.setToolTip("   ".join([*source, *model, f"{link} {self._url}"]))
        lost = estimate is not None and estimate.xruns + estimate.skipped > 0
        failing = any(state.state == "failing" for state in snapshot.outlets)
        notes = [*([LOST_NOTE] if lost else []), *([OUTLET_NOTE] if failing else [])]
        turns = self._show_turns()
        notes += [turns] if turns else []
        foot.source.show_text("   ".join([snapshot.source or "", *notes]))
        foot.source.setToolTip(snapshot.source or "")
        self._show_recording()

    def _show_turns(self) -> str:
        """Say of the time lines when the music turned in them, and return it."""
        rows = self._memory.history.rows(seconds=self._theme.line_s)
        words = turned_words([clock(self._memory.clock(t)) for t in turned(rows)])
        for line in self._face.lines:
            if line.toolTip() != words:
                line.setToolTip(words)
                line.setAccessibleDescription(words)
        return words

    def _show_recording(self) -> None:
        """Say what is recorded, and in the therapy layout also what is not."""
        recording = self._memory.snapshot.recording
        sign = told = ""
        colour = self._theme.record
        if recording is not None:
            told = recording.sentence
            sign = RECORDING_SIGNS[recording.estimates, recording.sound]
            if not (recording.estimates or recording.sound):
                colour = self._theme.warning
        self._face.foot.recording.show_text(sign, colour=colour)
        if self._face.notes is not None:
            minutes = f"{self._theme.line_s / 60:.0f} minutes. "
            nothing = "The session is not being recorded."
            self._face.notes.show_privacy(_PRIVACY + minutes + (told or nothing))
