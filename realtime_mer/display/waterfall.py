"""The log-mel picture of the last seconds: what the network hears."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QWidget

from realtime_mer.display.theme import Theme

BANDS = 64
_RANGE = (40, 200)  # steps of a third of a decibel: quiet rooms to full scale
COLUMNS = 300  # half a minute at the hop of 0.1 s


class Waterfall(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph is untyped
    """Columns of the log-mel spectrum, the newest at the right, low frequencies below.

    Args:
        theme: its colours.
        scale: of all text.
    """

    def __init__(self, theme: Theme, *, scale: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=theme.background)
        self.setAccessibleName("what the network hears: log-mel spectrum")
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.hideAxis("left")
        plot.hideAxis("bottom")
        plot.setContentsMargins(0, 0, 0, 0)
        self.setMouseEnabled(x=False, y=False)
        self.setRange(QRectF(0, 0, COLUMNS, BANDS), padding=0.0, disableAutoRange=True)
        stops = np.linspace(0, 255, len(theme.spectrum))
        rgb = np.array([(c.red(), c.green(), c.blue()) for c in map(QColor, theme.spectrum)])
        table = np.stack([np.interp(np.arange(256), stops, part) for part in rgb.T], axis=1)
        self.image = pg.ImageItem(axisOrder="col-major")
        self.image.setLookupTable(table.round().astype(np.uint8))
        self.addItem(self.image, ignoreBounds=True)
        font = QFont(self.font())
        font.setPointSizeF(theme.small_pt * scale)
        self.setFixedHeight(int(68 * max(1.0, scale)))
        ground = QColor(theme.background)
        ground.setAlpha(190)
        label = pg.TextItem("what the network hears", color=theme.text, anchor=(0, 0), fill=ground)
        label.setFont(font)
        label.setPos(0, BANDS)
        label.setZValue(5)
        self.addItem(label, ignoreBounds=True)

    def show_columns(self, columns: NDArray[np.uint8]) -> None:
        """Draw columns of ``Spectrum``, ``(COLUMNS, BANDS)``."""
        self.image.setImage(columns.copy(), autoLevels=False, levels=_RANGE)
