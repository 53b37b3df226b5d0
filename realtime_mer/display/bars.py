"""Bars with names: the shares of the GEMS words, the probabilities of the quadrants, the level."""

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime_mer.display import palette

_PERCENT_WIDTH = 44
_GAP = 10
_TITLE_HEIGHT = 26


class Bars(QWidget):
    """Horizontal bars of shares in [0, 1] under a title, each with its name and per cent.

    Args:
        title: what the shares are.
        labels: for every key, the name shown.
        colours: for every key, the colour of its bar.
    """

    def __init__(
        self,
        title: str,
        *,
        labels: Mapping[str, str],
        colours: Mapping[str, str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title, self._labels = title, dict(labels)
        self._colours = {key: QColor(colour) for key, colour in colours.items()}
        self._shares: dict[str, float] = {}
        self._current = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(240, _TITLE_HEIGHT + 24 * len(self._labels))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, _TITLE_HEIGHT + 15 * len(self._labels))

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
        painter.setPen(QColor(palette.MUTED))
        painter.drawText(
            QRectF(0, 0, self.width(), _TITLE_HEIGHT),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop,
            self._title,
        )
        metrics = painter.fontMetrics()
        names = max(metrics.horizontalAdvance(label) for label in self._labels.values()) + _GAP
        row = (self.height() - _TITLE_HEIGHT) / len(self._labels)
        thickness = min(12.0, row * 0.5)
        length = max(0.0, self.width() - names - _PERCENT_WIDTH)
        largest = max(self._shares, key=self._shares.__getitem__, default=None)
        plain, bold = QFont(painter.font()), QFont(painter.font())
        bold.setBold(True)
        for number, (key, label) in enumerate(self._labels.items()):
            top = _TITLE_HEIGHT + number * row
            stands_out = key == largest and self._current
            painter.setFont(plain)
            painter.setPen(QColor(palette.TEXT if stands_out else palette.MUTED))
            painter.drawText(
                QRectF(0, top, names, row),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                label,
            )
            painter.setPen(Qt.PenStyle.NoPen)
            groove = QRectF(names, top + (row - thickness) / 2, length, thickness)
            painter.setBrush(QColor(palette.PANEL))
            painter.drawRoundedRect(groove, thickness / 2, thickness / 2)
            share = self._shares.get(key)
            if share is None:
                continue
            colour = QColor(self._colours[key])
            colour.setAlphaF(0.35 if not self._current else 1.0 if stands_out else 0.7)
            painter.setBrush(colour)
            painter.save()
            painter.setClipRect(QRectF(names, top, length * min(1.0, share), row))
            painter.drawRoundedRect(groove, thickness / 2, thickness / 2)
            painter.restore()
            painter.setFont(bold if stands_out else plain)
            painter.setPen(QColor(palette.TEXT if stands_out else palette.MUTED))
            painter.drawText(
                QRectF(self.width() - _PERCENT_WIDTH, top, _PERCENT_WIDTH, row),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                f"{share:.0%}",
            )


class LevelMeter(QWidget):
    """The level of the input as a bar from -60 to 0 dB relative to full scale."""

    _FLOOR = -60.0

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._level = self._FLOOR
        self.setFixedSize(110, 12)

    def show_level(self, level_dbfs: float) -> None:
        """Draw a level in dBFS, in steps of half a decibel."""
        level = min(0.0, max(self._FLOOR, round(level_dbfs * 2) / 2))
        if level != self._level:
            self._level = level
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.GRID))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        share = 1.0 - self._level / self._FLOOR
        if share > 0:
            painter.setBrush(QColor(palette.WARNING if self._level > -3 else palette.GOOD))
            painter.setClipRect(QRectF(0, 0, self.width() * share, self.height()))
            painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
