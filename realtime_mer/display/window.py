"""The main window: plane, time lines, bars and a line about the health of the stream."""

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from realtime_mer.display import palette
from realtime_mer.display.bars import Bars, LevelMeter
from realtime_mer.display.history import History
from realtime_mer.display.latest import Latest
from realtime_mer.display.phone import PhoneDialog
from realtime_mer.display.plane import TRAIL_SECONDS, Plane
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.timelines import SECONDS, TimeLine
from realtime_mer.display.words import STATUS_NOTES, STATUS_WORDS, clock, signed
from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import Estimate, Status

_FRAME_MS = 16
_CAPACITY = 4096  # rows of history: two minutes at the hop of 0.1 s, with room for a shorter one
_LINE_PERIOD = 0.25  # seconds; in that time two minutes move by about a pixel
_LATE_SECONDS = 2.0  # a connected service that sends nothing for so long is said to be late
_QUADRANT_LABELS = {
    "Q1": "Q1  pleasant, energetic",
    "Q2": "Q2  unpleasant, energetic",
    "Q3": "Q3  unpleasant, calm",
    "Q4": "Q4  pleasant, calm",
}
_STYLE = f"""
    QWidget {{ background: {palette.BACKGROUND}; color: {palette.TEXT}; }}
    QLabel#mood {{ font-size: 34pt; font-weight: 600; }}
    QLabel#mood[current="false"] {{ color: {palette.MUTED}; }}
    QLabel#valence {{ font-size: 14pt; color: {palette.VALENCE}; }}
    QLabel#arousal {{ font-size: 14pt; color: {palette.AROUSAL}; }}
    QLabel#status {{
        font-size: 13pt; font-weight: 600; padding: 5px 14px; border-radius: 6px;
        background: {palette.PANEL}; color: {palette.GOOD}; border: 1px solid {palette.GOOD};
    }}
    QLabel#status[current="false"] {{ color: {palette.WARNING}; border-color: {palette.WARNING}; }}
    QLabel#note {{ color: {palette.WARNING}; }}
    QWidget#foot, QWidget#foot QLabel, QWidget#foot QWidget {{
        background: {palette.PANEL}; color: {palette.MUTED};
    }}
"""


class Window(QWidget):
    """The display of one service.

    A timer looks into the slot sixty times a second; where nothing is new nothing is drawn.

    Args:
        latest: what the reader saw last.
        url: address of the service, for the eye.
        link: address of the browser display, for a phone; None where it cannot be reached.
    """

    def __init__(self, latest: Latest[Snapshot], *, url: str, link: str | None = None) -> None:
        super().__init__()
        self._latest, self._url, self._link = latest, url, link
        self._version = -1
        self._snapshot = Snapshot()
        self._seen: Estimate | None = None
        self._arrived = time.monotonic()
        self._lines_behind = False
        self._lines_drawn = -_LINE_PERIOD
        self._history = History(capacity=_CAPACITY)
        self.setWindowTitle("realtime-mer")
        self.setStyleSheet(_STYLE)
        self.resize(1200, 800)
        self.setMinimumSize(900, 640)
        self._build()
        for key in (QKeySequence.StandardKey.Close, QKeySequence.StandardKey.Quit):
            QShortcut(QKeySequence(key), self, self.close)
        QShortcut(QKeySequence(Qt.Key.Key_F11), self, self._toggle_full_screen)
        QShortcut(QKeySequence(Qt.Key.Key_P), self, self.show_phone)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(_FRAME_MS)

    def _build(self) -> None:
        self.mood = _label("mood")
        self.valence = _label("valence")
        self.arousal = _label("arousal")
        self.status = _label("status")
        self.note = _label("note")
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        self.note.setWordWrap(True)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

        head = QHBoxLayout()
        head.addWidget(self.mood)
        head.addSpacing(28)
        numbers = QVBoxLayout()
        numbers.setSpacing(2)
        numbers.addStretch()
        numbers.addWidget(self.valence)
        numbers.addWidget(self.arousal)
        numbers.addStretch()
        head.addLayout(numbers)
        head.addSpacing(28)
        states = QVBoxLayout()
        states.setSpacing(4)
        states.addStretch()
        states.addWidget(self.status, alignment=Qt.AlignmentFlag.AlignRight)
        states.addWidget(self.note)
        states.addStretch()
        head.addLayout(states, stretch=1)
        head_widget = QWidget()
        head_widget.setLayout(head)
        head_widget.setFixedHeight(96)
        head.setContentsMargins(8, 0, 8, 0)

        self.plane = Plane()
        self.lines = [
            TimeLine("valence", colour=palette.VALENCE, column=1, sd_column=3),
            TimeLine("arousal", colour=palette.AROUSAL, column=2, sd_column=4),
        ]
        self.gems = Bars(
            "GEMS: share of listeners who would name it",
            labels={name: name.replace("_", " ") for name in GEMS},
            colours=dict.fromkeys(GEMS, palette.GEMS),
        )
        self.quadrants = Bars(
            "quadrants: probability",
            labels={name: _QUADRANT_LABELS[name] for name in QUADRANTS},
            colours=palette.QUADRANT,
        )
        side = QVBoxLayout()
        side.setSpacing(10)
        for line in self.lines:
            side.addWidget(line, stretch=4)
        side.addSpacing(6)
        side.addWidget(self.quadrants, stretch=3)
        side.addSpacing(6)
        side.addWidget(self.gems, stretch=6)
        middle = QHBoxLayout()
        middle.setSpacing(18)
        middle.addWidget(self.plane, stretch=56)
        middle.addLayout(side, stretch=44)

        self.level_meter = LevelMeter()
        self.level = _label("level")
        self.level.setMinimumWidth(80)
        self.health = _label("health")
        self.origin = _ElidedLabel()
        self.phone = QPushButton("phone (P)")
        self.phone.setFlat(True)
        self.phone.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.phone.clicked.connect(self.show_phone)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 0, 14, 0)
        foot.setSpacing(10)
        foot.addWidget(self.level_meter)
        foot.addWidget(self.level)
        foot.addWidget(self.health)
        foot.addWidget(self.origin, stretch=1)
        foot.addWidget(self.phone)
        foot_widget = QWidget()
        foot_widget.setObjectName("foot")
        foot_widget.setLayout(foot)
        foot_widget.setFixedHeight(34)

        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(4)
        inner = QVBoxLayout()
        inner.setContentsMargins(16, 8, 16, 6)
        inner.setSpacing(4)
        inner.addWidget(head_widget)
        inner.addLayout(middle, stretch=1)
        page.addLayout(inner, stretch=1)
        page.addWidget(foot_widget)

    def refresh(self, now: float | None = None) -> bool:
        """Draw what is new and move what moves; return whether anything was drawn.

        Args:
            now: seconds on the clock of ``time.monotonic``, by default its reading.
        """
        now = time.monotonic() if now is None else now
        version, snapshot = self._latest.get()
        drawn = version != self._version
        if drawn:
            self._version, self._snapshot = version, snapshot
            estimate = snapshot.estimate
            if estimate is not None and estimate is not self._seen:
                self._seen, self._arrived = estimate, now
                self._show_estimate(estimate, now=now)
            self._show_origin()
        drawn |= self._show_lines(now)
        drawn |= self._show_state(now)
        return self.plane.advance(now) or drawn

    def _show_estimate(self, estimate: Estimate, *, now: float) -> None:
        self._history.add(estimate)
        self.plane.show_estimate(estimate, self._history.rows(seconds=TRAIL_SECONDS), now=now)
        self._lines_behind = True
        self.mood.setText(estimate.mood)
        self.valence.setText(
            f"valence {signed(estimate.valence)} \N{PLUS-MINUS SIGN} {estimate.valence_sd:.2f}"
        )
        self.arousal.setText(
            f"arousal {signed(estimate.arousal)} \N{PLUS-MINUS SIGN} {estimate.arousal_sd:.2f}"
        )
        self.level_meter.show_level(estimate.level_dbfs)
        self.level.setText(f"{estimate.level_dbfs:.0f} dBFS".replace("-", "\N{MINUS SIGN}"))
        latency = "\N{EN DASH}" if estimate.latency_ms is None else f"{estimate.latency_ms:.0f} ms"
        self.health.setText(
            f"latency {latency}   xruns {estimate.xruns}   skipped {estimate.skipped}   "
            f"time {clock(estimate.t)}   state age {clock(estimate.state_age_s)}"
        )

    def _show_lines(self, now: float) -> bool:
        """Draw the time lines if they are behind and it is time; return whether they were drawn."""
        if not self._lines_behind or now - self._lines_drawn < _LINE_PERIOD:
            return False
        rows = self._history.rows(seconds=SECONDS)
        for line in self.lines:
            line.show_rows(rows)
        self._lines_behind, self._lines_drawn = False, now
        return True

    def _show_origin(self) -> None:
        snapshot = self._snapshot
        link = "connected to" if snapshot.link is Link.CONNECTED else "not connected to"
        parts = [
            *([f"source {snapshot.source}"] if snapshot.source else []),
            *([f"model {snapshot.model}"] if snapshot.model else []),
            f"{link} {self._url}",
        ]
        self.origin.show_text("   ".join(parts))

    def _show_state(self, now: float) -> bool:
        """Say in words what the numbers are of; return whether that is new."""
        words, note, current = self._state(now)
        self.plane.set_current(current)
        if self._seen is not None:
            self.gems.show_shares(self._seen.gems, current=current)
            self.quadrants.show_shares(self._seen.quadrants, current=current)
        if (words, note) == (self.status.text(), self.note.text()):
            return False
        self.status.setText(words)
        self.note.setText(note)
        for label in (self.status, self.mood):
            if label.property("current") != current:
                label.setProperty("current", current)
                label.style().unpolish(label)  # Qt looks at properties only when it polishes
                label.style().polish(label)
        return True

    def _state(self, now: float) -> tuple[str, str, bool]:
        """Return the state in a word, a note to it, and whether music is estimated now."""
        snapshot = self._snapshot
        if snapshot.link is not Link.CONNECTED:
            return snapshot.link.value, snapshot.problem, False
        status = snapshot.status
        if status in (None, Status.MUSIC, Status.WARMING_UP):
            late = now - self._arrived
            if snapshot.estimate is None or late > _LATE_SECONDS:
                return "waiting", f"no estimate for {late:.0f} s" if late >= 1 else "", False
        if status is None:
            return "waiting", "", False
        if status is Status.MUSIC:
            return STATUS_WORDS[status], "", True
        return STATUS_WORDS[status], snapshot.detail or STATUS_NOTES[status], False

    def show_phone(self) -> None:
        """Open the dialog with the link for a phone, without holding up the window."""
        dialog = PhoneDialog(self._link, parent=self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _toggle_full_screen(self) -> None:
        self.showNormal() if self.isFullScreen() else self.showFullScreen()


def _label(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


class _ElidedLabel(QLabel):
    """A line at the right edge that takes the room there is; its tool tip says all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        """Show as much of a text as fits."""
        if text != self.toolTip():
            self.setToolTip(text)
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setText(
            self.fontMetrics().elidedText(
                self.toolTip(), Qt.TextElideMode.ElideMiddle, self.contentsRect().width()
            )
        )
