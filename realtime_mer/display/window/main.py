"""The main window: it takes what is new, and lets the parts of its face draw it in turn."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QLabel, QLayout, QMainWindow, QScrollArea

from realtime_mer.display.latest import Latest
from realtime_mer.display.pipe import SessionPipe
from realtime_mer.display.plots.history import History, Spectrum, thinned
from realtime_mer.display.plots.plane import TRAIL_SECONDS
from realtime_mer.display.plots.timelines import POINTS, TimeLine
from realtime_mer.display.plots.waterfall import BANDS, COLUMNS
from realtime_mer.display.preferences import Preferences, load, save
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.theme import THEMES, LayoutName, Theme
from realtime_mer.display.window.dialogs import KeysDialog, NoteDialog, RecordDialog, WordsDialog
from realtime_mer.display.window.face import Face, palette, style
from realtime_mer.display.window.menus import Menus
from realtime_mer.display.window.phone import PhoneDialog
from realtime_mer.display.window.turns import Held, Turns
from realtime_mer.estimate import Estimate, Status
from realtime_mer.wire.control import (
    AskDevices,
    ChangeSource,
    Command,
    DeviceEntry,
    Devices,
    Failed,
    Pause,
    Record,
    Report,
    Reset,
    Resume,
    SessionState,
    StopRecording,
)
from realtime_mer.wire.protocol import Marker
from realtime_mer.wording import RECORDING_SIGNS, STATUS_NOTES, STATUS_WORDS, clock, signed

_FRAME_MS = 16
_CAPACITY = 8192  # rows of history: four minutes at the hop of 0.1 s, with room for a shorter one
_LINE_PERIOD = 0.25  # seconds; in that time two minutes move by about a pixel
_TRAIL_STEP = 0.4  # seconds from one corner of the trail to the next
_LATE_SECONDS = 2.0  # a connected service that sends nothing for so long is said to be late
_NOTICE_SECONDS = 5.0
_FAILURE_SECONDS = 15.0
_MARK_SECONDS = 3.0  # a marker that has not come back by then was not set
_MOST_MARKERS = 200  # that are listed
_PRIVACY = "No sound reaches this window: only estimates, levels and a coarse spectrum, kept for "


class Window(QMainWindow):
    """The display of one service.

    A timer looks into the slot sixty times a second; where nothing is new nothing is drawn.

    Args:
        latest: what the reader saw last.
        url: address of the service, for the eye.
        link: address of the browser display, for a phone; None where it cannot be reached.
        mark: sets a marker with a label and an id; returns False where it cannot.
        pipe: leads to the session that opened the window; None where it may only watch.
        settings: where preferences are remembered; None for nowhere.
        layout: which layout; None for that of the last time.
    """

    def __init__(
        self,
        latest: Latest[Snapshot],
        *,
        url: str,
        link: str | None = None,
        mark: Callable[[str, str], bool] | None = None,
        pipe: SessionPipe | None = None,
        settings: QSettings | None = None,
        layout: LayoutName | None = None,
    ) -> None:
        super().__init__()
        self._latest, self._url, self._link = latest, url, link
        self._mark, self._pipe, self._settings = mark, pipe, settings
        self._version = -1
        self._snapshot = Snapshot()
        self._seen: Estimate | None = None
        self._arrived = time.monotonic()
        self._history = History(capacity=_CAPACITY)
        self._spectrum = Spectrum(capacity=COLUMNS, bands=BANDS)
        self._level_t: float | None = None
        self._markers: deque[Marker] = deque(maxlen=_MOST_MARKERS)
        self._marked: deque[float] = deque(maxlen=_MOST_MARKERS)  # when, in this stream
        self._asked: dict[str, tuple[str, float]] = {}  # markers on their way, until when
        self._start = 0.0  # of the session's clock, in seconds of sound
        self._state: SessionState | None = None
        self._devices: tuple[DeviceEntry, ...] = ()
        self._no_devices = ""  # why there are none
        self._current = False
        self._waited = False
        self._notice_until = 0.0
        self._now = time.monotonic()

        self.preferences = load(settings) if settings is not None else Preferences()
        if layout is not None:
            self.preferences = replace(self.preferences, layout=layout)
        self.setWindowTitle("realtime-mer")
        self.resize(1280, 800)
        # First: a window that gets it later takes its place for one without the frame on X11.
        if self.preferences.on_top:
            self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)
        if self.preferences.geometry:
            self.restoreGeometry(QByteArray(self.preferences.geometry))
        self._page = QScrollArea(widgetResizable=True)
        self._page.setFrameShape(QFrame.Shape.NoFrame)
        self.setCentralWidget(self._page)
        # The window may be smaller than its parts: the page has scroll bars.
        arrangement = self.layout()
        if arrangement is not None:
            arrangement.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.notice = QLabel(self, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.notice.setObjectName("notice")
        self.menus = Menus(
            self,
            handlers={
                "mark": self.set_marker,
                "note": self._ask_note,
                "pause": lambda on: self._command(Pause() if on else Resume()),
                "reset": lambda: self._command(Reset()),
                "record": self._ask_recording,
                "stop": lambda: self._command(StopRecording()),
                "screenshot": lambda: self.take_picture(_default_picture()),
                "picture": self._ask_picture,
                "close": self.close,
                "mic": lambda: self._choose(ChangeSource(source="mic")),
                "system": lambda: self._choose(ChangeSource(source="system")),
                "demo": lambda: self._choose(ChangeSource(source="demo")),
                "file": self._ask_file,
                "sources": lambda: self.menus.popup_devices(self),
                "turn": self._turn_layout,
                "words": self._ask_words,
                "larger": lambda: self._prefer(self.preferences.scaled(1)),
                "smaller": lambda: self._prefer(self.preferences.scaled(-1)),
                "normal": lambda: self._prefer(replace(self.preferences, scale=1.0)),
                "full": self._fill_screen,
                "top": self._keep_on_top,
                "keys": lambda: KeysDialog(self.menus.keys(), parent=self).open(),
                "phone": self.show_phone,
            },
            choose=self._choose,
            arrange=self.arrange,
            controls=pipe is not None,
        )
        self.menus.actions["top"].setChecked(self.preferences.on_top)
        self.menus.actions["stop"].setEnabled(False)
        self.menus.devices.aboutToShow.connect(lambda: self._command(AskDevices(), quiet=True))
        self._build()
        self._command(AskDevices(), quiet=True)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(_FRAME_MS)

    # -- layout ------------------------------------------------------------------------------

    @property
    def theme(self) -> Theme:
        """The present layout."""
        return THEMES[self.preferences.layout]

    def arrange(self, layout: str) -> None:
        """Show a layout of ``THEMES``; what was shown before stays."""
        self._prefer(replace(self.preferences, layout=THEMES[layout].name))  # type: ignore[index]

    def _turn_layout(self) -> None:
        self.arrange("dj" if self.preferences.layout == "therapy" else "therapy")

    def _prefer(self, preferences: Preferences) -> None:
        if preferences != self.preferences:
            self.preferences = preferences
            self._build()

    def _build(self) -> None:
        """Make a face by the preferences and show on it what is known."""
        theme, scale = self.theme, self.preferences.scale
        self.setPalette(palette(theme))
        self.setStyleSheet(style(theme, scale=scale))
        self.face = Face(
            theme,
            scale=scale,
            words=self.preferences.words,
            mark=self.set_marker,
            restart=self._restart_clock,
            phone=self.show_phone,
        )
        self._page.setPalette(palette(theme))
        self._page.setWidget(self.face)  # deletes the old one
        self.menus.layouts[theme.name].setChecked(True)
        self._mood = Held(theme.hold_s)
        turns = self._turns = Turns()
        for line in self.face.lines:
            turns.add(line.accessibleName(), partial(self._draw_line, line), period=_LINE_PERIOD)
        turns.add("trail", self._draw_trail, period=_TRAIL_STEP)
        turns.add("numbers", self._draw_numbers, period=theme.numbers_s)
        turns.add("gems", self._draw_gems, period=theme.numbers_s)
        turns.add("quadrants", self._draw_quadrants, period=theme.numbers_s)
        turns.add("health", self._draw_health, period=0.5)
        turns.add("meter", self._draw_meter, period=0.0)
        turns.add("waterfall", self._draw_waterfall, period=0.0)
        turns.want("health")
        if self._level_t is not None:
            turns.want("meter", "waterfall")
        if self._seen is not None:
            self._show_estimate(self._seen)
        self._show_markers()
        self._show_health()
        self._show_state()
        self.notice.hide()

    # -- what is new -------------------------------------------------------------------------

    def refresh(self, now: float | None = None) -> bool:
        """Take what is new and draw what is due; return whether anything was drawn.

        Args:
            now: seconds on the clock of ``time.monotonic``, by default its reading.
        """
        self._now = now = time.monotonic() if now is None else now
        version, snapshot = self._latest.get()
        new = version != self._version
        if new:
            self._version = version
            self._take(snapshot)
        if self._pipe is not None:
            for report in self._pipe.take():
                self._take_report(report)
            if self._pipe.ended:
                self.close()
        for id in [id for id, (_, until) in self._asked.items() if until < now]:
            label, _ = self._asked.pop(id)
            self.say(f"The marker {label!r} was not confirmed: is there a connection?", failed=True)
        if self.notice.isVisible() and now > self._notice_until:
            self.notice.hide()
        drawn = self._show_state()
        # A frame with an estimate has enough to do; the next one has the turn.
        self._waited = new and not self._waited
        if not self._waited:
            drawn |= self._turns.take(now)
        return self.face.plane.advance(now) or drawn or new

    def stop(self) -> None:
        """Look into the slot only when ``refresh`` is called."""
        self._timer.stop()

    def _take(self, snapshot: Snapshot) -> None:
        before, self._snapshot = self._snapshot, snapshot
        estimate = snapshot.estimate
        if estimate is not None and estimate is not self._seen:
            self._seen, self._arrived = estimate, self._now
            if self._history.add(estimate):
                self._marked.clear()
            self._show_estimate(estimate)
        if snapshot.levels is not before.levels:
            self._take_levels()
        if snapshot.markers is not before.markers:
            self._take_markers(before)
        if (snapshot.link, snapshot.source, snapshot.hello, snapshot.recording) != (
            before.link,
            before.source,
            before.hello,
            before.recording,
        ):
            self._show_health()

    def _take_levels(self) -> None:
        hop = self._snapshot.hello.hop if self._snapshot.hello is not None else 0.1
        for level in self._snapshot.levels:
            if self._level_t is not None and 0 <= self._level_t - level.t < 64 * hop:
                continue  # seen before
            self._level_t = level.t
            if level.mel is not None and self._spectrum.add(level.t, level.mel, hop=hop):
                self._turns.want("waterfall")
        if (self._snapshot.levels[-1].mel is None) == self.face.waterfall.isVisibleTo(self.face):
            self._turns.want("waterfall")
        self._turns.want("meter")

    def _take_markers(self, before: Snapshot) -> None:
        for marker in self._snapshot.markers:
            if any(marker is old for old in before.markers):
                continue
            self._markers.append(marker)
            if marker.t is not None:
                self._marked.append(marker.t)
            ours = self._asked.pop(marker.id, None)
            at = "" if marker.t is None else f" at {clock(max(0.0, marker.t - self._start))}"
            self.say(f"Marker{at}: {marker.label}")
            notes = self.face.notes
            if ours is not None and notes is not None and notes.note.text().strip() == ours[0]:
                notes.note.clear()  # not before: a note that was not set is not lost
        self._show_markers()

    def _take_report(self, report: Report) -> None:
        match report:
            case SessionState():
                before, self._state = self._state, report
                self.menus.show_state(report)
                self._show_devices()
                if before is not None:
                    self._say_change(before, report)
                self._show_health()
            case Devices():
                self._devices, self._no_devices = report.devices, ""
                self._show_devices()
            case Failed(do="devices"):  # the window asked, not a person: the menu says it
                self._devices, self._no_devices = (), report.message
                self._show_devices()
            case Failed():
                message = report.message
                if report.do == "source" and self._state is not None:
                    message = f"{message.rstrip('.')}. Still listening to {self._state.title}."
                self.say(message, failed=True)
                if self._state is not None:
                    self.menus.show_state(self._state)  # the tick that it took at once goes back

    def _say_change(self, before: SessionState, state: SessionState) -> None:
        if (before.source, before.device) != (state.source, state.device):
            self.say(f"Listening to {state.title}.")
        elif before.recording is None and state.recording is not None:
            sound = "with its SOUND" if state.sound else "without sound"
            self.say(f"Recording {state.recording}, {sound}.")
        elif before.recording is not None and state.recording is None:
            self.say(f"The recording of {before.recording} has ended.")

    # -- drawing -----------------------------------------------------------------------------

    def _show_estimate(self, estimate: Estimate) -> None:
        self.face.plane.show_estimate(estimate, now=self._now)
        self._turns.want("trail", "valence", "arousal", "numbers", "gems", "quadrants", "health")
        if not self._snapshot.levels:
            self._turns.want("meter")

    def _draw_trail(self) -> Iterator[None]:
        rows = self._history.rows(seconds=TRAIL_SECONDS)
        return self.face.plane.show_trail(thinned(rows, step=_TRAIL_STEP))

    def _draw_line(self, line: TimeLine) -> None:
        rows = self._history.rows(seconds=self.theme.line_s)
        line.show_rows(thinned(rows, step=self.theme.line_s / POINTS), marked=self._marked)

    def _draw_numbers(self) -> None:
        estimate = self._seen
        if estimate is None:
            return
        for reading, name, value, sd in (
            (self.face.valence, "valence", estimate.valence, estimate.valence_sd),
            (self.face.arousal, "arousal", estimate.arousal, estimate.arousal_sd),
        ):
            muted = self.theme.muted
            reading.show_pieces(
                (f"{name} ", muted),
                (signed(value), None),
                (f" \N{PLUS-MINUS SIGN} {sd:.2f}", muted),
            )
        if self.face.notes is not None:
            self.face.notes.clock.show_text(clock(max(0.0, estimate.t - self._start)))

    def _draw_gems(self) -> None:
        if self._seen is not None:
            self.face.gems.show_shares(self._seen.gems, current=self._current)

    def _draw_quadrants(self) -> None:
        if self._seen is not None:
            self.face.quadrants.show_shares(self._seen.quadrants, current=self._current)

    def _draw_meter(self) -> None:
        levels = self._snapshot.levels
        if levels:
            level, peak = levels[-1].level_dbfs, max(level.peak_dbfs for level in levels[-3:])
        elif self._seen is not None:
            level = peak = self._seen.level_dbfs
        else:
            return
        self.face.meter.show_level(level, peak, now=self._now)

    def _draw_waterfall(self) -> None:
        levels = self._snapshot.levels
        if not levels:
            return
        waterfall, heard = self.face.waterfall, levels[-1].mel is not None
        if heard != waterfall.isVisibleTo(self.face):
            waterfall.setVisible(heard)
        if heard:
            waterfall.show_columns(self._spectrum.columns())

    def _draw_health(self) -> None:
        self._show_health()

    def _show_health(self) -> None:
        snapshot, estimate, hello = self._snapshot, self._seen, self._snapshot.hello
        parts = []
        if estimate is not None:
            none = estimate.latency_ms is None
            latency = "\N{EN DASH}" if none else f"{estimate.latency_ms:.0f} ms"
            parts = [
                f"latency {latency}",
                f"xruns {estimate.xruns}",
                f"skipped {estimate.skipped}",
                f"state age {clock(estimate.state_age_s)}",
            ]
        if hello is not None:
            parts.append(f"{hello.sample_rate / 1000:g} kHz, {1 / hello.hop:.3g}/s")
        self.face.health.show_text("   ".join(parts))
        link = "connected to" if snapshot.link is Link.CONNECTED else "not connected to"
        origin = [
            *([f"source {snapshot.source}"] if snapshot.source else []),
            *([f"model {hello.model}"] if hello is not None else []),
        ]
        self.face.origin.show_text("   ".join([*origin, self._url.partition("://")[2]]))
        self.face.origin.setToolTip("   ".join([*origin, f"{link} {self._url}"]))
        self._show_recording()

    def _show_recording(self) -> None:
        """Say what is recorded, and in the therapy layout also what is not."""
        recording = self._snapshot.recording
        sign = told = ""
        colour = self.theme.record
        if recording is not None:
            told = recording.sentence
            sign = RECORDING_SIGNS[recording.estimates, recording.sound]
            if not (recording.estimates or recording.sound):
                colour = self.theme.warning
        self.face.recording.show_text(sign, colour=colour)
        if self.face.privacy is not None:
            minutes = f"{self.theme.line_s / 60:.0f} minutes. "
            nothing = "The session is not being recorded."
            self.face.privacy.show_text(_PRIVACY + minutes + (told or nothing))

    def _show_markers(self) -> None:
        if self.face.notes is not None:
            self.face.notes.show_markers(self._markers, start=self._start)

    def _show_state(self) -> bool:
        """Say in words what the numbers are of; return whether that is new."""
        words, note, current = self._state_in_words()
        face, theme = self.face, self.theme
        mood = self._seen.mood if self._seen is not None else ""
        self._mood.offer(mood, now=self._now)
        mood = self._mood.word
        face.plane.show_mood(mood)
        mood = self.preferences.words.get(mood, mood)
        drawn = face.mood.show_text(mood, colour=theme.text if current else theme.muted)
        drawn |= face.plane.set_current(current)
        drawn |= face.status.show_text(words, colour=theme.good if current else theme.warning)
        if current != self._current:
            self._current = current
            self._turns.want("gems", "quadrants")
        return face.note.show_text(note) or drawn

    def _state_in_words(self) -> tuple[str, str, bool]:
        """Return the state in a word, a note to it, and whether music is estimated now."""
        snapshot = self._snapshot
        if snapshot.link is not Link.CONNECTED:
            return snapshot.link.value, snapshot.problem, False
        status = snapshot.status
        if status in (None, Status.MUSIC, Status.WARMING_UP):
            late = self._now - self._arrived
            if snapshot.estimate is None or late > _LATE_SECONDS:
                return "waiting", f"no estimate for {late:.0f} s" if late >= 1 else "", False
        if status is None:
            return "waiting", "", False
        if status is Status.MUSIC:
            return STATUS_WORDS[status], "", True
        return STATUS_WORDS[status], snapshot.detail or STATUS_NOTES[status], False

    def say(self, words: str, *, failed: bool = False) -> None:
        """Show a notice for a while, over everything else.

        Args:
            words: one or two sentences.
            failed: something that was asked for was not done; it stays longer.
        """
        self.notice.setText(words)
        self.notice.setProperty("failed", failed)
        self.notice.style().unpolish(self.notice)  # Qt looks at properties only when it polishes
        self.notice.style().polish(self.notice)
        self._notice_until = self._now + (_FAILURE_SECONDS if failed else _NOTICE_SECONDS)
        self._place_notice()
        self.notice.show()
        self.notice.raise_()

    def _place_notice(self) -> None:
        words = self.notice.fontMetrics().horizontalAdvance(self.notice.text())
        width = min(720, self.width() - 80, words + 60)
        self.notice.setFixedWidth(max(240, width))
        self.notice.setFixedHeight(self.notice.heightForWidth(self.notice.width()) + 4)
        self.notice.move(
            (self.width() - self.notice.width()) // 2, self.height() - self.notice.height() - 56
        )

    # -- what can be asked for ---------------------------------------------------------------

    def set_marker(self, note: str = "") -> None:
        """Set a marker at this moment of the stream.

        Args:
            note: its label; "marker" if empty.
        """
        label, id = note.strip() or "marker", secrets.token_hex(8)
        connected = self._snapshot.link is Link.CONNECTED
        if not connected or self._mark is None or not self._mark(label, id):
            self.say(f"The marker {label!r} was not set: there is no connection.", failed=True)
            return
        self._asked[id] = (label, self._now + _MARK_SECONDS)

    def _ask_note(self) -> None:
        if self.face.notes is not None:
            self.face.notes.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            NoteDialog(self.set_marker, parent=self).open()

    def _restart_clock(self) -> None:
        self._start = self._seen.t if self._seen is not None else 0.0
        self._turns.want("numbers")
        self._show_markers()

    def _command(self, command: Command, *, quiet: bool = False) -> None:
        if self._pipe is not None and not self._pipe.send(command) and not quiet:
            self.say("The session is busy and was not asked: try again.", failed=True)

    def _choose(self, source: ChangeSource) -> None:
        self._command(source)
        self._show_devices()  # ticked once the session says so

    def _show_devices(self) -> None:
        self.menus.show_devices(self._devices, self._state, problem=self._no_devices)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Listen to a file")
        if path:
            self._choose(ChangeSource(source=path))

    def _ask_recording(self) -> None:
        RecordDialog(
            lambda name, sound: self._command(Record(name=name or None, sound=sound)), parent=self
        ).open()

    def _ask_words(self) -> None:
        WordsDialog(
            self.preferences.words,
            lambda words: self._prefer(replace(self.preferences, words=words)),
            parent=self,
        ).open()

    def _ask_picture(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Picture of the window", str(_default_picture()), "PNG (*.png)"
        )
        if path:
            self.take_picture(Path(path))

    def take_picture(self, path: Path) -> bool:
        """Write a PNG of the window; return whether it was written."""
        self.notice.hide()
        written = self.grab().save(str(path), "PNG")
        if written:
            self.say(f"The picture is in {path}.")
        else:
            self.say(f"No picture was written to {path}: may its folder be written?", failed=True)
        return written

    def _fill_screen(self, full: bool) -> None:
        self.menuBar().setHidden(full)
        self.showFullScreen() if full else self.showNormal()

    def _keep_on_top(self, on_top: bool) -> None:
        self.preferences = replace(self.preferences, on_top=on_top)
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint, on_top)
        self.show()  # a window with another flag is another window to the system

    def show_phone(self) -> None:
        """Open the dialog with the link for a phone, without holding up the window."""
        dialog = PhoneDialog(self._link, parent=self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    # -- the window itself -------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_notice()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._settings is not None:
            if not self.isFullScreen():
                geometry = bytes(self.saveGeometry().data())
                self.preferences = replace(self.preferences, geometry=geometry)
            save(self._settings, self.preferences)
        super().closeEvent(event)


def _default_picture() -> Path:
    pictures = QStandardPaths.StandardLocation.PicturesLocation
    folder = Path(QStandardPaths.writableLocation(pictures))
    if not folder.is_dir():
        folder = Path.home()
    # To the millisecond, so that two pictures within a second are two.
    now = datetime.now()
    return folder / f"realtime-mer-{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}.png"
