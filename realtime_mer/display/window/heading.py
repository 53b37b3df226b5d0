"""The head of the window: the mood in its colour, and the two numbers behind it."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from realtime_mer.display.plots.reading import Reading
from realtime_mer.display.theme import Theme

_BAND = 12  # pixels of full colour at the left edge


class Heading(QWidget):
    """The mood word beside a band of its colour, which glows over what stands here.

    Args:
        theme: colours and sizes.
        scale: of all text.
        longest: the longest mood word.

    Attributes:
        mood: the word.
        valence, arousal: the numbers.
    """

    def __init__(
        self, theme: Theme, *, scale: float, longest: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._colour, self._glow = QColor(theme.grid), theme.glow
        self.mood = Reading(
            longest,
            points=theme.mood_pt * scale,
            colour=theme.text,
            bold=theme.bold_mood,
            shrink=True,
        )
        sample = "\N{MINUS SIGN}0.00 \N{PLUS-MINUS SIGN} 0.00"
        number = theme.number_pt * scale
        self.valence = Reading(sample, points=number, colour=theme.valence, bold=theme.bold_mood)
        self.arousal = Reading(sample, points=number, colour=theme.arousal, bold=theme.bold_mood)
        page = QGridLayout(self)
        page.setContentsMargins(_BAND + 14, 4, 8, 8)
        page.setHorizontalSpacing(20)
        page.setVerticalSpacing(0)
        page.addWidget(self.mood, 0, 0, 1, 2)
        for column, (name, reading) in enumerate(
            (("valence", self.valence), ("arousal", self.arousal))
        ):
            title = Reading(name, points=theme.text_pt * scale, colour=theme.text)
            title.show_text(name)
            page.addWidget(title, 1, column)
            page.addWidget(reading, 2, column)
            page.setColumnStretch(column, 1)

    def colour(self) -> QColor:
        """Return the colour that is shown."""
        return self._colour

    def show_colour(self, colour: QColor) -> bool:
        """Show the colour of the mood; return whether that is new."""
        if colour == self._colour:
            return False
        self._colour = QColor(colour)
        self.update()
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if self._glow:
            glow = QLinearGradient(0, 0, self.width(), 0)
            for place, opacity in ((0.0, self._glow), (1.0, self._glow // 6)):
                colour = QColor(self._colour)
                colour.setAlpha(opacity)
                glow.setColorAt(place, colour)
            painter.setBrush(glow)
            painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        painter.setBrush(self._colour)
        painter.drawRoundedRect(QRectF(0, 0, _BAND, self.height()), 4, 4)
