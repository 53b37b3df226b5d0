"""Valence or arousal over the last minutes, with its uncertainty."""

from collections.abc import Iterable

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from realtime_mer.display.plots.history import runs
from realtime_mer.display.theme import Theme

POINTS = 160  # of a line: about one every four pixels
_PIECE = 12  # of them that are drawn at once


class TimeLine(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph is untyped
    """One quantity in [-1, 1] against seconds before now, in a band of one standard deviation.

    Args:
        title: what is drawn.
        theme: colours, sizes and how far back it reaches.
        colour: of line and band.
        column, sd_column: where value and standard deviation stand in the rows of ``History``.
        scale: of all text.
        times: whether it says below how long ago.
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
        times: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, background=theme.background)
        self._column, self._sd_column = column, sd_column
        seconds = theme.line_s
        self._seconds = seconds
        font = QFont(self.font())
        font.setPointSizeF(theme.small_pt * scale)
        metrics = QFontMetricsF(font)
        self.setMinimumHeight(int((4.6 if times else 3.4) * metrics.height()))
        self.setAccessibleName(title)
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        # A little more than [-1, 1]: the lines at its ends are whole on any screen.
        ends = QRectF(-seconds, -1.03, seconds, 2.06)
        self.setRange(ends, padding=0.0, disableAutoRange=True)
        half = metrics.horizontalAdvance("now") / 2
        ticks = {
            "bottom": [*((-s, _ago(s)) for s in seconds * np.array((0.75, 0.5, 0.25))), (0, "now")]
            if times
            else [],
            "left": [(-1, "\N{MINUS SIGN}1"), (0, "0"), (1, "1")],
        }
        for side, marks in ticks.items():
            axis = plot.getAxis(side)
            axis.setTicks([marks])
            axis.setStyle(
                tickLength=0,
                tickAlpha=0,
                hideOverlappingLabels=int(half + 4),  # pixels that they may stand out
                tickFont=font,
                autoExpandTextSpace=False,
                autoReduceTextSpace=False,
            )
            axis.setPen(pg.mkPen(None))
            axis.setTextPen(theme.muted)
        plot.getAxis("left").setWidth(int(metrics.horizontalAdvance("\N{MINUS SIGN}1") + 8))
        plot.getAxis("bottom").setHeight(int(metrics.height() + 3) if times else 0)
        plot.setContentsMargins(
            0, int(metrics.height() / 2), int(half + 6), 0 if times else int(metrics.height() / 2)
        )
        ratio = self.devicePixelRatioF()  # the widths of these pens count the screen's own pixels
        grid = pg.mkPen(theme.grid, width=ratio)
        for place in (-1, 0, 1):
            self.addItem(pg.InfiniteLine(pos=place, angle=0, pen=grid), ignoreBounds=True)
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
        # Standing on the axis, in pixels of their own: they neither cover nor cross the line.
        self.turns = pg.ScatterPlotItem(
            symbol=_triangle(), size=metrics.height(), pen=None, brush=theme.muted
        )
        self.addItem(self.turns, ignoreBounds=True)
        self.marks = QGraphicsPathItem()
        self.marks.setPen(pg.mkPen(theme.muted, width=ratio, style=Qt.PenStyle.DashLine))
        self.addItem(self.marks, ignoreBounds=True)
        self._line = _Line(colour, width=2 * ratio, area=ends)
        self.addItem(self._line, ignoreBounds=True)

    def sizeHint(self) -> QSize:
        return QSize(360, int(1.5 * self.minimumHeight()))

    def show_rows(
        self,
        rows: NDArray[np.float64],
        *,
        marked: Iterable[float] = (),
        turned: Iterable[float] = (),
    ) -> None:
        """Draw rows of ``History`` that nobody changes; rows of NaN leave a hole.

        Args:
            rows: at least one.
            marked: where in the stream markers are, in seconds.
            turned: where in it the music turned, likewise.
        """
        now = rows[-1, 0]
        band, lines, marks = QPainterPath(), [], QPainterPath()
        for run in runs(rows):
            x = run[:, 0] - now
            mean, sd = run[:, self._column], run[:, self._sd_column]
            lines.append(np.column_stack((x, mean)))
            low, high = np.maximum(mean - sd, -1.0), np.minimum(mean + sd, 1.0)
            band.addPath(
                pg.arrayToQPath(np.concatenate((x, x[::-1])), np.concatenate((high, low[::-1])))
            )
        self.band.setPath(band)
        self._line.show_lines(lines)
        for at in (t - now for t in marked):
            if -self._seconds <= at <= 0:
                marks.moveTo(at, -1)
                marks.lineTo(at, 1)
        self.marks.setPath(marks)
        turns = [t - now for t in turned if -self._seconds <= t - now]
        self.turns.setData(turns, [-1.0] * len(turns))

    def lines(self) -> list[NDArray[np.float64]]:
        """Return what is drawn between the holes: seconds before now and values, ``(n, 2)``."""
        return self._line.lines


class _Line(QGraphicsItem):
    """Lines through points, in a width that does not scale with them.

    They are drawn in short pieces: a long one takes Qt three times longer than its pieces do.
    """

    def __init__(self, colour: str, *, width: float, area: QRectF) -> None:
        super().__init__()
        self._pen = QPen(QColor(colour), width)
        self._pen.setCosmetic(True)
        self._pen.setCapStyle(Qt.PenCapStyle.RoundCap)  # of one colour: no joint is seen
        self._area = area
        self.lines: list[NDArray[np.float64]] = []
        self._pieces: list[QPolygonF] = []

    def show_lines(self, lines: list[NDArray[np.float64]]) -> None:
        self.lines = lines
        self._pieces = [
            QPolygonF([QPointF(x, y) for x, y in line[start : start + _PIECE + 1].tolist()])
            for line in lines
            for start in range(0, len(line), _PIECE)
        ]
        self.update()

    def boundingRect(self) -> QRectF:
        return self._area

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._pen)
        for piece in self._pieces:
            painter.drawPolyline(piece)


def _triangle() -> QPainterPath:
    """Return the sign of a turn, which stands on its place: half as high as a letter's line."""
    sign = QPainterPath(QPointF(-0.3, 0.0))
    sign.lineTo(0.0, -0.5)  # downwards is positive, and a symbol ends half its size from its place
    sign.lineTo(0.3, 0.0)
    sign.closeSubpath()
    return sign


def _ago(seconds: float) -> str:
    whole = seconds % 60 == 0
    return f"\N{MINUS SIGN}{seconds / 60:.0f} min" if whole else f"\N{MINUS SIGN}{seconds:.0f} s"
