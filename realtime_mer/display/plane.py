"""The valence-arousal plane: a moving point with its 1-sigma ellipse and a fading trail."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import (
    QGraphicsEllipseItem,
    QGraphicsItem,
    QGraphicsLineItem,
    QGraphicsRectItem,
    QWidget,
)

from realtime_mer.display import palette
from realtime_mer.emotion import MOOD_WORDS, MoodWord
from realtime_mer.estimate import Estimate

TRAIL_SECONDS = 30.0
_PIECES = 15  # steps of the fade
_GLIDE = (0.05, 0.5)  # bounds in seconds of the glide from one estimate to the next
_DOT = 9.0  # radius of the point in pixels
_STILL = 0.0008  # a move that is less than a quarter of a pixel on most screens
# Drawn once and then copied in the sixty redraws a second.
_CACHED = QGraphicsItem.CacheMode.DeviceCoordinateCache
_UNCACHED = QGraphicsItem.CacheMode.NoCache
_CORNERS = {"Q1": (0, 0), "Q2": (-1, 0), "Q3": (-1, -1), "Q4": (0, -1)}


class Plane(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph is untyped
    """Valence to the right, arousal upwards, both in [-1, 1], with the mood words at their places.

    ``show_estimate`` sets where the point is to be, ``advance`` glides it there.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=palette.BACKGROUND)
        self.setAntialiasing(True)
        self._pixel = self.devicePixelRatioF()  # the pens count device pixels
        self._dress_axes()
        self._add_ground()
        self._words = {mood.word: self._add_word(mood) for mood in MOOD_WORDS}
        self._mood: str | None = None

        self.trail = [pg.PlotCurveItem(antialias=True, connect="finite") for _ in range(_PIECES)]
        self.tip = pg.PlotCurveItem(antialias=True)
        for number, piece in enumerate([*self.trail, self.tip]):
            fade = min(1.0, (number + 1) / _PIECES)
            colour = QColor(palette.TEXT)
            colour.setAlphaF(0.05 + 0.6 * fade**1.5)
            pen = pg.mkPen(colour, width=self._pixel * (1.0 + 1.5 * fade))
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)  # round ends would show as beads
            piece.setPen(pen)
            piece.setZValue(5)
            piece.setCacheMode(_CACHED if number < _PIECES else _UNCACHED)
            self.addItem(piece, ignoreBounds=True)

        self.ellipse = QGraphicsEllipseItem()
        self.ellipse.setZValue(8)
        self.point = QGraphicsEllipseItem(-_DOT, -_DOT, 2 * _DOT, 2 * _DOT)
        self.point.setFlag(QGraphicsEllipseItem.GraphicsItemFlag.ItemIgnoresTransformations)
        self.point.setZValue(10)
        for item in (self.ellipse, self.point):
            item.setVisible(False)
            self.addItem(item, ignoreBounds=True)

        self._here = np.zeros(4)  # valence, arousal and their sd, as drawn
        self._from = np.zeros(4)
        self._to = np.zeros(4)
        self._departure = 0.0
        self._glide = 0.1
        self._t: float | None = None
        self._moving = False
        self._current: bool | None = None

    def _dress_axes(self) -> None:
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setAspectLocked(True)
        self.setRange(QRectF(-1, -1, 2, 2), padding=0.02, disableAutoRange=True)
        font = QFont(self.font())
        font.setPointSizeF(9)
        ticks = [[(value, f"{value:g}".replace("-", "\N{MINUS SIGN}")) for value in (-1, 0, 1)]]
        for side, label in (
            ("bottom", "unpleasant  \N{LEFTWARDS ARROW}  valence  \N{RIGHTWARDS ARROW}  pleasant"),
            ("left", "calm  \N{LEFTWARDS ARROW}  arousal  \N{RIGHTWARDS ARROW}  energetic"),
        ):
            axis = plot.getAxis(side)
            axis.setTicks(ticks)
            axis.setStyle(tickLength=0, tickAlpha=0, hideOverlappingLabels=False, tickFont=font)
            axis.setPen(pg.mkPen(None))
            axis.setTextPen(palette.MUTED)
            axis.setLabel(label, color=palette.MUTED, **{"font-size": "10pt"})

    def _add_ground(self) -> None:
        for name, (x, y) in _CORNERS.items():
            tint = QColor(palette.QUADRANT[name])
            tint.setAlpha(26)
            ground = QGraphicsRectItem(x, y, 1, 1)
            ground.setBrush(tint)
            ground.setPen(pg.mkPen(None))
            self.addItem(ground, ignoreBounds=True)
            right, top = x == 0, y == 0
            tint.setAlpha(150)
            label = pg.TextItem(name, color=tint, anchor=(1 if right else 0, 0 if top else 1))
            label.setPos(0.98 if right else -0.98, 0.98 if top else -0.98)
            self.addItem(label, ignoreBounds=True)
        for ends in ((-1, 0, 1, 0), (0, -1, 0, 1)):
            axis = QGraphicsLineItem(*ends)
            axis.setPen(pg.mkPen(palette.GRID))
            self.addItem(axis, ignoreBounds=True)

    def _add_word(self, mood: MoodWord) -> pg.TextItem:
        ground = None
        if abs(mood.valence) < 0.06:  # the axis would strike the word through
            ground = QColor(palette.BACKGROUND)
            ground.setAlpha(150)
        label = pg.TextItem(mood.word, color=palette.MUTED, anchor=(0.5, 0.5), fill=ground)
        label.setPos(mood.valence, mood.arousal)
        label.setZValue(3)
        label.textItem.setCacheMode(_CACHED)
        self.addItem(label, ignoreBounds=True)
        return label

    def show_estimate(self, estimate: Estimate, past: NDArray[np.float64], *, now: float) -> None:
        """Set out for a new estimate.

        Args:
            estimate: where the point goes.
            past: rows of ``History`` up to this estimate.
            now: seconds on the clock that ``advance`` gets.
        """
        goal = (estimate.valence, estimate.arousal, estimate.valence_sd, estimate.arousal_sd)
        self.advance(now)  # to set out from where the last glide has come by now
        step = -1.0 if self._t is None else estimate.t - self._t
        first = step <= 0
        if not first:
            self._glide = float(np.clip(step, *_GLIDE))
        self._to[:] = goal
        self._from[:] = goal if first else self._here
        self._t, self._departure, self._moving = estimate.t, now, True
        self._draw_trail(past)
        self._highlight(estimate.mood)
        self.point.setVisible(True)
        self.ellipse.setVisible(True)
        self.advance(now)

    def advance(self, now: float) -> bool:
        """Glide towards the estimate; return whether anything was redrawn.

        Args:
            now: seconds on any steady clock.
        """
        if not self._moving:
            return False
        share = min(1.0, (now - self._departure) / self._glide)
        here = self._from + (self._to - self._from) * share
        if 0.0 < share < 1.0 and np.abs(here - self._here).max() < _STILL:
            return False
        self._here[:] = here
        valence, arousal, valence_sd, arousal_sd = here.tolist()
        self.point.setPos(valence, arousal)
        self.ellipse.setRect(-valence_sd, -arousal_sd, 2 * valence_sd, 2 * arousal_sd)
        self.ellipse.setPos(valence, arousal)
        self.tip.setData(*np.stack((self._from, self._here), axis=1)[:2])
        self._moving = share < 1.0
        return True

    def position(self) -> tuple[float, float]:
        """Return valence and arousal of the point as drawn."""
        place: QPointF = self.point.pos()
        return place.x(), place.y()

    def _draw_trail(self, past: NDArray[np.float64]) -> None:
        """Draw what lies before the newest estimate, the older the fainter."""
        ages = past[-1, 0] - past[:-1, 0]
        edges = np.searchsorted(-ages, -np.linspace(TRAIL_SECONDS, 0.0, _PIECES + 1))
        for piece, start, end in zip(self.trail, edges[:-1], edges[1:], strict=True):
            # One row more, so that the pieces meet; a copy, since it is drawn later.
            rows = past[start : min(end + 1, len(ages))].copy() if end > start else past[:0]
            piece.setData(rows[:, 1], rows[:, 2])

    def _highlight(self, mood: str) -> None:
        if mood == self._mood:
            return
        for word, colour, bold in ((self._mood, palette.MUTED, False), (mood, palette.TEXT, True)):
            label = self._words.get(word or "")
            if label is not None:
                font = QFont(self.font())
                font.setBold(bold)
                label.setFont(font)
                label.setColor(colour)
        self._mood = mood

    def set_current(self, current: bool) -> None:
        """Draw a filled point for music that plays now, a hollow and dashed one for any other."""
        if current == self._current:
            return
        self._current = current
        line = QColor(palette.POINT if current else palette.MUTED)
        self.point.setBrush(pg.mkBrush(palette.POINT if current else palette.BACKGROUND))
        self.point.setPen(pg.mkPen(line, width=2 * self._pixel))
        style = Qt.PenStyle.SolidLine if current else Qt.PenStyle.DashLine
        self.ellipse.setPen(pg.mkPen(line, width=1.5 * self._pixel, style=style))
        line.setAlpha(40 if current else 0)
        self.ellipse.setBrush(line)
