"""Bars with names: the shares of the GEMS words and the probabilities of the quadrants."""

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime_mer.display.theme import Theme

_GAP = 10


class Bars(QWidget):
    """Horizontal bars of shares in [0, 1] under a title, each with its name and per cent.

    Args:
        title: what the shares are.
        labels: for every key, the name shown.
        colours: for every key, the colour of its bar.
        theme: the other colours, and the sizes.
        scale: of all text.
        stacked: the names stand above their bars, for long names in a narrow column.
    """

    def __init__(
        self,
        title: str,
        *,
        labels: Mapping[str, str],
        colours: Mapping[str, str],
        theme: Theme,
        scale: float = 1.0,
        stacked: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title, self._labels, self._theme = title, dict(labels), theme
        self._colours = {key: QColor(colour) for key, colour in colours.items()}
        self._stacked = stacked
        self._shares: dict[str, float] = {}
        self._current = False
        self._plain = QFont(self.font())
        self._plain.setPointSizeF(theme.text_pt * scale)
        self._bold = QFont(self._plain)
        self._bold.setBold(True)
        metrics = QFontMetricsF(self._bold)
        self._line = metrics.height()
        self._names = max(metrics.horizontalAdvance(label) for label in labels.values()) + _GAP
        self._percents = metrics.horizontalAdvance("100%")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(title)

    def sizeHint(self) -> QSize:
        return self._size(1.3)

    def minimumSizeHint(self) -> QSize:
        return self._size(0.92)

    def _size(self, spacing: float) -> QSize:
        lines = len(self._labels) * (1.7 if self._stacked else 1.0) * spacing + 1.2
        bar = 0 if self._stacked else 50 + _GAP
        return QSize(int(self._names + self._percents + bar), int(self._line * lines))

    def groove_length(self) -> float:
        """Return how long a bar of 100 % is, in pixels."""
        return self._groove()[1]

    def _groove(self) -> tuple[float, float]:
        """Return where bars begin, and how long they may become."""
        start = 0.0 if self._stacked else self._names
        ends = 0.0 if self._stacked else self._percents + _GAP
        return start, max(0.0, self.width() - start - ends)

    def shares(self) -> dict[str, float]:
        """Return what is drawn."""
        return dict(self._shares)

    def show_shares(self, shares: Mapping[str, float], *, current: bool) -> None:
        """Draw new shares; nothing is redrawn when they are those already there.

        Args:
            shares: for every key a number in [0, 1].
            current: they are of music that plays now; others are drawn fainter.
        """
        wanted = {key: shares[key] for key in self._labels if key in shares}
        if wanted != self._shares or current != self._current:
            self._shares, self._current = wanted, current
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, middle = self._theme, Qt.AlignmentFlag.AlignVCenter
        left, right = Qt.AlignmentFlag.AlignLeft | middle, Qt.AlignmentFlag.AlignRight | middle
        title, width = 1.3 * self._line, self.width()
        tallest = (2.2 if self._stacked else 1.6) * self._line
        row = min(tallest, (self.height() - title) / len(self._labels))
        painter.setFont(self._plain)
        painter.setPen(QColor(theme.muted))
        painter.drawText(QRectF(0, 0, width, self._line), left, self._title)
        start, length = self._groove()
        largest = max(self._shares, key=self._shares.__getitem__, default=None)
        panel = QColor(theme.panel)
        for number, (key, label) in enumerate(self._labels.items()):
            top = title + number * row
            text = QRectF(0, top, width, self._line if self._stacked else row)
            thickness = min(0.8 * self._line, row * 0.56)
            groove = QRectF(start, top + (row - thickness) / 2, length, thickness)
            if self._stacked:
                groove = QRectF(
                    0, text.bottom() + 1, length, min(0.7 * self._line, row - self._line - 3)
                )
            stands_out = key == largest and self._current
            painter.setFont(self._bold if stands_out else self._plain)
            painter.setPen(QColor(theme.text if stands_out else theme.muted))
            painter.drawText(text, left, label)
            share = self._shares.get(key)
            if share is not None:
                painter.drawText(text, right, f"{share:.0%}")
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(panel)
            painter.drawRoundedRect(groove, 3, 3)
            if share is not None:
                colour = QColor(self._colours[key])
                colour.setAlphaF(0.35 if not self._current else 1.0 if stands_out else 0.75)
                painter.setBrush(colour)
                groove.setWidth(length * min(1.0, share))
                painter.drawRoundedRect(groove, 3, 3)
