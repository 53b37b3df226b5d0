"""Valence or arousal over the last two minutes, with its uncertainty."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem, QWidget

from realtime_mer.display import palette
from realtime_mer.display.history import runs

SECONDS = 120.0


class TimeLine(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph is untyped
    """One quantity in [-1, 1] against seconds before now, in a band of one standard deviation.

    Args:
        title: what is drawn.
        colour: of line and band.
        column, sd_column: where value and standard deviation stand in the rows of ``History``.
    """

    def __init__(
        self,
        title: str,
        *,
        colour: str,
        column: int,
        sd_column: int,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, background=palette.BACKGROUND)
        self._column, self._sd_column = column, sd_column
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setRange(QRectF(-SECONDS, -1, SECONDS, 2), padding=0.0, disableAutoRange=True)
        steps = [(-seconds, f"\N{MINUS SIGN}{seconds} s") for seconds in (90, 60, 30)]
        ticks = {
            "bottom": [*steps, (0, "now")],
            "left": [(-1, "\N{MINUS SIGN}1"), (0, "0"), (1, "1")],
        }
        for side, marks in ticks.items():
            axis = plot.getAxis(side)
            axis.setTicks([marks])
            axis.setStyle(tickLength=0, tickAlpha=0, hideOverlappingLabels=False)
            axis.setPen(pg.mkPen(None))
            axis.setTextPen(palette.MUTED)
        plot.getAxis("left").setWidth(28)
        plot.setContentsMargins(0, 6, 22, 0)
        self.addItem(pg.InfiniteLine(pos=0, angle=0, pen=pg.mkPen(palette.GRID)), ignoreBounds=True)
        label = pg.TextItem(title, color=colour, anchor=(0, 0))
        label.setPos(-SECONDS, 1)
        label.setZValue(5)
        self.addItem(label, ignoreBounds=True)

        tint = QColor(colour)
        tint.setAlpha(60)
        self.band = QGraphicsPathItem()
        self.band.setBrush(tint)
        self.band.setPen(pg.mkPen(None))
        self.addItem(self.band, ignoreBounds=True)
        self.line = pg.PlotCurveItem(
            pen=pg.mkPen(colour, width=2 * self.devicePixelRatioF()),
            connect="finite",
            antialias=True,
        )
        self.addItem(self.line, ignoreBounds=True)

    def show_rows(self, rows: NDArray[np.float64]) -> None:
        """Draw rows of ``History``; rows of NaN leave a hole."""
        seconds = rows[:, 0] - rows[-1, 0]
        self.line.setData(seconds, rows[:, self._column].copy())  # drawn later than rows may change
        band = QPainterPath()
        for run in runs(rows):
            x = run[:, 0] - rows[-1, 0]
            mean, sd = run[:, self._column], run[:, self._sd_column]
            low, high = np.maximum(mean - sd, -1.0), np.minimum(mean + sd, 1.0)
            band.addPath(
                pg.arrayToQPath(np.concatenate((x, x[::-1])), np.concatenate((high, low[::-1])))
            )
        self.band.setPath(band)
