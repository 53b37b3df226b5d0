"""The log-mel picture of the last seconds: what the network hears."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime_mer.display.theme import Theme

_RANGE = (40, 200)  # steps of a third of a decibel: quiet rooms to full scale
_HEIGHT = 76  # pixels
_LABEL = "what the network hears"


class Waterfall(QWidget):
    """Columns of the log-mel spectrum, the newest at the right, low frequencies below.

    Args:
        theme: its colours.
        scale: of all text.
    """

    def __init__(self, theme: Theme, *, scale: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(f"{_LABEL}: log-mel spectrum")
        self._theme = theme
        self._table = _colours(theme)
        self._picture = QImage()
        font = QFont(self.font())
        font.setPointSizeF(theme.small_pt * scale)
        self.setFont(font)
        self.setFixedHeight(int(_HEIGHT * max(1.0, scale)))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # the picture covers all of it

    def picture(self) -> QImage:
        """Return what is drawn, a pixel for every number of the columns."""
        return self._picture

    def show_columns(self, columns: NDArray[np.uint8]) -> None:
        """Draw columns of ``Spectrum``, ``(capacity, bands)``."""
        pixels = self._table[np.ascontiguousarray(columns.T[::-1])]
        height, width = pixels.shape
        # Of 32 bits, which Qt enlarges several times faster than one with a table of colours.
        picture = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self._picture = picture.copy()  # the one above is only a view of the array
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.background))
        painter.drawImage(QRectF(self.rect()), self._picture)
        metrics = QFontMetricsF(self.font())
        label = QRectF(0, 0, metrics.horizontalAdvance(_LABEL) + 8, metrics.height() + 6)
        ground = QColor(self._theme.background)
        ground.setAlpha(190)
        painter.fillRect(label, ground)
        painter.setPen(QColor(self._theme.text))
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, _LABEL)


def _colours(theme: Theme) -> NDArray[np.uint32]:
    """Return for every number of a column its colour as ``0xffRRGGBB``, ``(256,)``."""
    stops = np.linspace(*_RANGE, len(theme.spectrum))
    colours = np.array([(c.red(), c.green(), c.blue()) for c in map(QColor, theme.spectrum)])
    mixed = [np.interp(np.arange(256), stops, part) for part in colours.T]
    red, green, blue = np.round(mixed).astype(np.uint32)
    return np.asarray(0xFF000000 | red << 16 | green << 8 | blue, dtype=np.uint32)
