"""Valence or arousal over the last minutes, with its uncertainty."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem, QWidget

from realtime_mer.display.history import runs
from realtime_mer.display.theme import Theme

POINTS = 160  # of a line: about one every four pixels


class TimeLine(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph is untyped
    """One quantity in [-1, 1] against seconds before now, in a band of one standard deviation.

    Args:
        title: what is drawn.
        theme: colours, sizes and how far back it reaches.
        colour: of line and band.
        column, sd_column: where value and standard deviation stand in the rows of ``History``.
        scale: of all text.
    """

    def __init__(
        self,
        title: str,
        *,
        theme: Theme,
        colour: str,
        column: int,
        sd_column: int,
        scale: float = 1.0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, background=theme.background)
        self._column, self._sd_column = column, sd_column
        seconds = theme.line_s
        font = QFont(self.font())
        font.setPointSizeF(theme.small_pt * scale)
        metrics = QFontMetricsF(font)
        self.setMinimumHeight(int(3.2 * metrics.height()))
        self.setAccessibleName(title)
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setRange(QRectF(-seconds, -1, seconds, 2), padding=0.0, disableAutoRange=True)
        ticks = {
            "bottom": [*((-s, _ago(s)) for s in seconds * np.array((0.75, 0.5, 0.25))), (0, "now")],
            "left": [(-1, "\N{MINUS SIGN}1"), (0, "0"), (1, "1")],
        }
        for side, marks in ticks.items():
            axis = plot.getAxis(side)
            axis.setTicks([marks])
            axis.setStyle(
                tickLength=0,
                tickAlpha=0,
                hideOverlappingLabels=False,
                tickFont=font,
                autoExpandTextSpace=False,
                autoReduceTextSpace=False,
            )
            axis.setPen(pg.mkPen(None))
            axis.setTextPen(theme.muted)
        plot.getAxis("left").setWidth(int(metrics.horizontalAdvance("\N{MINUS SIGN}1") + 8))
        plot.getAxis("bottom").setHeight(int(metrics.height() + 3))
        half = metrics.horizontalAdvance("now") / 2
        plot.setContentsMargins(0, int(metrics.height() / 2), int(half + 2), 0)
        for place in (-1, 0, 1):
            self.addItem(
                pg.InfiniteLine(pos=place, angle=0, pen=pg.mkPen(theme.grid, width=1)),
                ignoreBounds=True,
            )
        label = pg.TextItem(title, color=colour, anchor=(0, 0))
        bold = QFont(font)
        bold.setBold(True)
        label.setFont(bold)
        label.setPos(-seconds, 1)
        label.setZValue(5)
        self.addItem(label, ignoreBounds=True)

        tint = QColor(colour)
        tint.setAlpha(64)
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

    def sizeHint(self) -> QSize:
        return QSize(360, 2 * self.minimumHeight())

    def show_rows(self, rows: NDArray[np.float64]) -> None:
        """Draw rows of ``History`` that nobody changes; rows of NaN leave a hole."""
        seconds = rows[:, 0] - rows[-1, 0]
        self.line.setData(seconds, rows[:, self._column])
        band = QPainterPath()
        for run in runs(rows):
            x = run[:, 0] - rows[-1, 0]
            mean, sd = run[:, self._column], run[:, self._sd_column]
            low, high = np.maximum(mean - sd, -1.0), np.minimum(mean + sd, 1.0)
            band.addPath(
                pg.arrayToQPath(np.concatenate((x, x[::-1])), np.concatenate((high, low[::-1])))
            )
        self.band.setPath(band)


def _ago(seconds: float) -> str:
    whole = seconds % 60 == 0
    return f"\N{MINUS SIGN}{seconds / 60:.0f} min" if whole else f"\N{MINUS SIGN}{seconds:.0f} s"
