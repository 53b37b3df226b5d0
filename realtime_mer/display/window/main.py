"""The main window: a timer hands new messages to its memory, its drawing and its markers."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QStandardPaths, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QFrame, QLayout, QMainWindow, QScrollArea

from realtime_mer.display.latest import Latest
from realtime_mer.display.pipe import SessionPipe
from realtime_mer.display.preferences import Preferences, load, save
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.theme import THEMES, LayoutName, Theme
from realtime_mer.display.window.control import SessionControl
from realtime_mer.display.window.dialogs import KeysDialog, NoteDialog, WordsDialog
from realtime_mer.display.window.drawing import Drawing
from realtime_mer.display.window.face import Face, palette, style
from realtime_mer.display.window.marking import Marking
from realtime_mer.display.window.memory import Memory
from realtime_mer.display.window.menus import Menus
from realtime_mer.display.window.notice import Notice
from realtime_mer.display.window.phone import PhoneDialog
from realtime_mer.wire.control import ChangeSource
from realtime_mer.wire.protocol import Marker
from realtime_mer.wording import clock

_FRAME_MS = 16
_USUAL = (1280, 800)
_FITTING = (1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0)


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

    face: Face

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
        self._settings = settings
        self._version = -1
        self._waited = False
        self._fitting = 1.0
        self._built = False
        self._now = time.monotonic()
        self._memory = Memory(now=self._now)

        self.preferences = load(settings) if settings is not None else Preferences()
        if layout is not None:
            self.preferences = replace(self.preferences, layout=layout)
        self.setWindowTitle("realtime-mer")
        self.resize(*_USUAL)
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
        self.notice = Notice(self)
        self._marking = Marking(mark, say=lambda words: self.say(words, failed=True))
        self._control = SessionControl(
            pipe, parent=self, say=lambda words, failed: self.say(words, failed=failed)
        )
        self.menus = self._make_menus(self._control, controls=pipe is not None)
        self._control.attach(self.menus)
        self._build()
        self._control.ask_devices()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(_FRAME_MS)

    def _make_menus(self, control: SessionControl, *, controls: bool) -> Menus:
        menus = Menus(
            self,
            handlers={
                "mark": self.set_marker,
                "note": self._ask_note,
                "pause": control.pause,
                "reset": control.reset,
                "record": control.record,
                "stop": control.stop_recording,
                "settings": control.change_settings,
                "screenshot": lambda: self.take_picture(_default_picture()),
                "picture": self._ask_picture,
                "close": self.close,
                "mic": lambda: control.choose(ChangeSource(source="mic")),
                "system": lambda: control.choose(ChangeSource(source="system")),
                "demo": lambda: control.choose(ChangeSource(source="demo")),
                "file": control.choose_file,
                "channels": control.pick_channels,
                "sources": lambda: self.menus.popup_devices(self),
                "turn": self._turn_layout,
                "details": self._show_details,
                "words": self._ask_words,
                "larger": lambda: self._prefer(self.preferences.scaled(1)),
                "smaller": lambda: self._prefer(self.preferences.scaled(-1)),
                "normal": lambda: self._prefer(replace(self.preferences, scale=1.0)),
                "full": self._fill_screen,
                "top": self._keep_on_top,
                "keys": lambda: KeysDialog(self.menus.keys(), parent=self).open(),
                "phone": self.show_phone,
            },
            choose=control.choose,
            arrange=self.arrange,
            controls=controls,
        )
        menus.actions["top"].setChecked(self.preferences.on_top)
        menus.actions["details"].setChecked(self.preferences.details)
        menus.actions["stop"].setEnabled(False)
        menus.devices.aboutToShow.connect(control.ask_devices)
        return menus

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
        theme, words = self.theme, self.preferences.words
        self._fitting = fitting(self.width(), self.height())
        scale = self.preferences.scale * self._fitting
        self.setPalette(palette(theme))
        QApplication.setPalette(palette(theme))  # of dialogs too, which inherit from no window
        self.setStyleSheet(style(theme, scale=scale))
        written = self.face.notes.note.text() if self._built and self.face.notes is not None else ""
        self._built = True
        self.face = Face(
            theme,
            scale=scale,
            words=words,
            mark=self.set_marker,
            restart=self._restart_clock,
            show_details=lambda: self._show_details(not self.preferences.details),
            phone=self.show_phone,
        )
        self.face.foot.details.setVisible(self.preferences.details)
        self._page.setPalette(palette(theme))
        self._page.setWidget(self.face)  # deletes the old one
        if self.face.notes is not None:
            self.face.notes.note.setText(written)
        self.menus.layouts[theme.name].setChecked(True)
        self._drawing = Drawing(
            self.face, theme=theme, words=words, memory=self._memory, url=self._url, now=self._now
        )
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
            news = self._memory.take(snapshot, now=now)
            self._drawing.take(news, now=now)
            for marker in news.markers:
                self._confirm(marker)
            for marker in news.past or ():  # one that was set while the past was on its way
                self._marking.confirm(marker)
        if self._control.take():
            for dialog in self.findChildren(PhoneDialog):
                dialog.show_settings(self._control.settings)
        if self._control.ended:
            self.close()
        self._marking.pass_time(now)
        self.notice.pass_time(now)
        drawn = self._drawing.show_state(now)
        # A frame with an estimate has enough to do; the next one has the turn.
        self._waited = new and not self._waited
        if not self._waited:
            drawn |= self._drawing.draw_next(now)
        return self._drawing.glide(now) or drawn or new

    def stop(self) -> None:
        """Look into the slot only when ``refresh`` is called."""
        self._timer.stop()

    def say(self, words: str, *, failed: bool = False) -> None:
        """Show a notice for a while, over everything else; see ``Notice.say``."""
        self.notice.say(words, failed=failed, now=self._now)

    # -- markers -----------------------------------------------------------------------------

    def set_marker(self, note: str = "") -> None:
        """Set a marker at this moment of the stream.

        Args:
            note: its label; "marker" if empty.
        """
        connected = self._memory.snapshot.link is Link.CONNECTED
        self._marking.ask(note, connected=connected, now=self._now)

    def _confirm(self, marker: Marker) -> None:
        at = "" if marker.t is None else f" at {clock(self._memory.clock(marker.t))}"
        self.say(f"Marker{at}: {marker.label}")
        asked, notes = self._marking.confirm(marker), self.face.notes
        if asked is not None and notes is not None and notes.note.text().strip() == asked:
            notes.note.clear()  # not before: a note that was not set is not lost

    def _ask_note(self) -> None:
        if self.face.notes is not None:
            self.face.notes.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            NoteDialog(self.set_marker, parent=self).open()

    def _restart_clock(self) -> None:
        self._memory.restart_clock()
        self._drawing.restart_clock()

    # -- what else can be asked for ----------------------------------------------------------

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

    def _show_details(self, shown: bool) -> None:
        self.preferences = replace(self.preferences, details=shown)
        self.menus.actions["details"].setChecked(shown)
        self.face.foot.details.setVisible(shown)

    def _keep_on_top(self, on_top: bool) -> None:
        self.preferences = replace(self.preferences, on_top=on_top)
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint, on_top)
        self.show()  # a window with another flag is another window to the system

    def show_phone(self) -> None:
        """Open the dialog with the link for a phone, without holding up the window."""
        allow = self._control.allow_phones if self._control.settings is not None else None
        dialog = PhoneDialog(self._link, allow=allow, parent=self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show_settings(self._control.settings)
        dialog.open()

    # -- the window itself -------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if fitting(self.width(), self.height()) != self._fitting:
            self._build()
        self.notice.place()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._settings is not None:
            if not self.isFullScreen():
                geometry = bytes(self.saveGeometry().data())
                self.preferences = replace(self.preferences, geometry=geometry)
            save(self._settings, self.preferences)
        super().closeEvent(event)


def fitting(width: int, height: int) -> float:
    """Return how much larger than usual text is written in a window of so many pixels.

    A window is made large to be read from further away.
    """
    room = min(width / _USUAL[0], height / _USUAL[1])
    return max((step for step in _FITTING if step <= room), default=1.0)


def _default_picture() -> Path:
    pictures = QStandardPaths.StandardLocation.PicturesLocation
    folder = Path(QStandardPaths.writableLocation(pictures))
    if not folder.is_dir():
        folder = Path.home()
    # To the millisecond, so that two pictures within a second are two.
    now = datetime.now()
    return folder / f"realtime-mer-{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}.png"
