"""The trail of the plane: where the last half minute's estimates were, the older the fainter."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

TRAIL_SECONDS = 30.0
_PIECES = 8  # steps of the fade
_PIECES_A_FRAME = 3  # strokes are by far the dearest of what is drawn


@dataclass
class Layer:
    """The ground with a trail on it.

    Attributes:
        picture: both.
        trail: where the trail is.
    """

    picture: QPixmap
    trail: QRect

    def draw(
        self, past: NDArray[np.float64], *, ground: QPixmap, square: QRectF, colour: str
    ) -> Iterator[None]:
        """Draw a trail in the place of the one that is there, a few pieces a step.

        Args:
            past: rows of time, valence and arousal, ``(n, 3)``, oldest first.
            ground: what is below.
            square: where the plane itself is.
            colour: of the trail.
        """
        if self.picture.isNull():
            return
        ratio = ground.devicePixelRatio()
        painter = QPainter(self.picture)
        if self.trail.isValid():
            painter.drawPixmap(QRectF(self.trail), ground, scaled(self.trail, ratio))
        painter.end()
        self.trail = QRect()
        whole = QRect(0, 0, round(ground.width() / ratio), round(ground.height() / ratio))
        pieces = _pieces(past, square, colour)
        while pieces:
            painter = QPainter(self.picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for pen, lines in pieces[:_PIECES_A_FRAME]:
                painter.setPen(pen)
                for line in lines:
                    painter.drawPolyline(line)
                    area = line.boundingRect().adjusted(-3, -3, 3, 3).toAlignedRect()
                    self.trail = self.trail.united(area & whole)
            painter.end()
            del pieces[:_PIECES_A_FRAME]
            yield


def scaled(area: QRect, ratio: float) -> QRectF:
    """Return an area of a widget in the pixels of a picture."""
    return QRectF(area.x() * ratio, area.y() * ratio, area.width() * ratio, area.height() * ratio)


def _pieces(
    past: NDArray[np.float64], square: QRectF, ink: str
) -> list[tuple[QPen, list[QPolygonF]]]:
    """Return the trail's pieces, oldest first, each with its pen."""
    if len(past) < 2:
        return []
    places = np.empty((len(past), 2))
    places[:, 0] = square.left() + (past[:, 1] + 1) / 2 * square.width()
    places[:, 1] = square.bottom() - (past[:, 2] + 1) / 2 * square.height()
    edges = np.searchsorted(past[:, 0], past[-1, 0] - np.linspace(TRAIL_SECONDS, 0.0, _PIECES + 1))
    edges[-1] = len(past)
    colour = QColor(ink)
    pieces = []
    for number, (start, end) in enumerate(itertools.pairwise(edges), 1):
        fade = number / _PIECES
        colour.setAlphaF(0.05 + 0.6 * fade**1.5)
        pen = QPen(colour, 1.0 + 1.8 * fade)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)  # round ends would show as beads
        # One row before, so that the pieces meet.
        runs = _without_holes(places[max(0, start - 1) : end])
        lines = [QPolygonF([QPointF(x, y) for x, y in run.tolist()]) for run in runs]
        pieces.append((pen, lines))
    return pieces


def _without_holes(places: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    holes = np.flatnonzero(np.isnan(places[:, 0]))
    if not len(holes):
        return [places]
    return [run[~np.isnan(run[:, 0])] for run in np.split(places, holes) if len(run) > 1]
