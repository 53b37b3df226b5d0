"""The panel of a therapy session: its clock, the marker with its note, and the markers so far."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from realtime_mer.display.plots.reading import Reading
from realtime_mer.display.theme import Theme
from realtime_mer.wire.protocol import MAX_LABEL, Marker
from realtime_mer.wording import clock

_HINT = (
    "Your markers appear here, the newest first.\n\n"
    "Press M when something happens. Press N to write what it was, and Enter to set it."
)


class Notes(QFrame):
    """Shows the session's clock and markers, and asks for new ones.

    Args:
        theme: colours and sizes.
        scale: of all text.
        mark: called with the note, which may be empty.
        restart: called when the clock is to begin anew.
    """

    def __init__(
        self,
        theme: Theme,
        *,
        scale: float,
        mark: Callable[[str], None],
        restart: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("notes")
        title = Reading("Session", points=theme.text_pt * scale, colour=theme.muted)
        title.show_text("Session")
        self.clock = Reading(
            "9:59:59", points=1.7 * theme.number_pt * scale, colour=theme.text, bold=True
        )
        self.restart = QPushButton("Restart clock")
        self.restart.clicked.connect(lambda: restart())
        self.note = QLineEdit(placeholderText="note (optional)", maxLength=MAX_LABEL)
        self.note.setAccessibleName("note to the next marker")
        self.mark = QPushButton("Mark")
        self.mark.setObjectName("mark")
        self.mark.clicked.connect(lambda: mark(self.note.text()))
        self.note.returnPressed.connect(lambda: mark(self.note.text()))
        leave = QShortcut(QKeySequence(Qt.Key.Key_Escape), self.note, self.note.clearFocus)
        leave.setContext(Qt.ShortcutContext.WidgetShortcut)
        self.markers = QListWidget()
        self.markers.setWordWrap(True)
        self.markers.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.markers.setAccessibleName("markers")
        self.markers.setMinimumHeight(60)
        self.markers.setSpacing(3)  # a note of two lines is told from the next one
        # Not labels, whose height depends on their width: the window would want a scroll bar.
        text, small = theme.text_pt * scale, theme.small_pt * scale
        self.hint = Reading("", points=text, colour=theme.muted, lines=9)
        self.hint.show_text(_HINT)
        self.privacy = Reading("", points=small, colour=theme.muted, lines=7)
        page = QVBoxLayout(self)
        page.setContentsMargins(16, 14, 16, 14)
        page.setSpacing(9)
        for head in (title, self.clock, self.restart):
            page.addWidget(head)
        page.addSpacing(8)
        for part in (self.note, self.mark):
            page.addWidget(part)
        page.addSpacing(8)
        page.addWidget(self.hint)
        page.addWidget(self.markers, stretch=1)
        page.addStretch()
        page.addWidget(self.privacy)
        self.markers.hide()
        self.setFixedWidth(int(250 * max(1.0, scale)))

    def show_privacy(self, words: str) -> None:
        """Say what becomes of what is heard."""
        self.privacy.show_text(words)

    def show_markers(self, markers: Iterable[Marker], *, start: float) -> None:
        """List markers, the newest first, by the session's clock.

        Args:
            markers: oldest first.
            start: seconds of sound where the clock began.
        """
        self.markers.clear()
        for marker in markers:
            self.markers.insertItem(0, marker_line(marker, start=start))
        self.markers.setVisible(self.markers.count() > 0)
        self.hint.setVisible(self.markers.count() == 0)


def marker_line(marker: Marker, *, start: float) -> str:
    """Return a marker with its time on the session's clock.

    Args:
        start: seconds of sound where the clock began.
    """
    at = "\N{EN DASH}" if marker.t is None else clock(max(0.0, marker.t - start))
    return f"{at}   {marker.label}"
