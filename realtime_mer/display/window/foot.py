"""The foot of the window: the level and the source, and the details that engineers ask for."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from realtime_mer.display.plots.meter import LevelMeter
from realtime_mer.display.plots.reading import Reading
from realtime_mer.display.theme import Theme


class Foot(QWidget):
    """A line for everybody; above it, once asked for, one for engineers.

    Args:
        theme: colours and sizes.
        scale: of all text.
        show_details: called to show the details or to hide them.
        phone: called to hand the display to a phone.

    Attributes:
        meter: how loud it is.
        recording: what is recorded; empty for nothing.
        source: where the sound comes from, and what is amiss with it.
        health, origin, outlets: what engineers ask for; their pane is ``details``. Outlets have a
            line of their own where there are any.
        phone: the button.
    """

    def __init__(
        self,
        theme: Theme,
        *,
        scale: float,
        show_details: Callable[[], None],
        phone: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        ground = self.palette()
        ground.setColor(QPalette.ColorRole.Window, QColor(theme.panel))
        self.setPalette(ground)
        text, small = theme.text_pt * scale, theme.small_pt * scale
        self.meter = LevelMeter(theme, scale=scale)
        self.recording = Reading("", points=text, colour=theme.record, bold=True, right=True)
        self.source = Reading("", points=small, colour=theme.muted)
        self.health = Reading("", points=small, colour=theme.muted)
        self.origin = Reading("", points=small, colour=theme.muted, right=True)
        self.outlets = Reading("", points=small, colour=theme.muted)
        self.outlets.hide()
        self.phone = _button("phone (P)", small, phone)
        self.details = QWidget()
        health = QHBoxLayout()
        health.setSpacing(20)
        health.addWidget(self.health, stretch=7)
        health.addWidget(self.origin, stretch=3)
        pane = QVBoxLayout(self.details)
        pane.setContentsMargins(0, 0, 0, 0)
        pane.setSpacing(5)
        pane.addLayout(health)
        pane.addWidget(self.outlets)
        line = QHBoxLayout()
        line.setSpacing(14)
        line.addWidget(self.meter)
        line.addWidget(self.source, stretch=3)
        line.addWidget(self.recording, stretch=2)
        line.addWidget(_button("details (D)", small, show_details))
        line.addWidget(self.phone)
        page = QVBoxLayout(self)
        page.setContentsMargins(16, 5, 8, 5)
        page.setSpacing(5)
        page.addWidget(self.details)
        page.addLayout(line)


def _button(words: str, points: float, press: Callable[[], None]) -> QPushButton:
    button = QPushButton(words, flat=True)
    font = QFont(button.font())
    font.setPointSizeF(points)
    button.setFont(font)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(lambda: press())
    return button
