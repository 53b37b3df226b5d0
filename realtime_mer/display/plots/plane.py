"""The valence-arousal plane: a moving point with its 1-sigma ellipse and a fading trail.

It moves sixty times a second, so it is painted in layers: the ground once, the trail now and then
and out of sight, words as small pictures, and of all that in each frame only where something moved.
"""

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime_mer.display.plots.words import WordPlaces
from realtime_mer.display.theme import Theme
from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.estimate import Estimate
from realtime_mer.mood import Words

TRAIL_SECONDS = 30.0
_PIECES = 8  # steps of the fade
_PIECES_A_FRAME = 3  # strokes are by far the dearest of what is drawn
_GLIDE = (0.05, 0.5)  # bounds in seconds of the glide from one estimate to the next
_STILL = 0.2  # pixels; a smaller move cannot be seen
_HALO = 2.5  # pixels of ground round a word
_CLEAR = 5.0  # pixels between the point and a word that made way for it
_TIP = 16  # estimates that may wait for the trail to be drawn again
_CORNERS = {"Q1": (0, 0), "Q2": (-1, 0), "Q3": (-1, -1), "Q4": (0, -1)}


@dataclass
class _Layer:
    """The ground with a trail on it, and where that trail is."""

    picture: QPixmap
    trail: QRect


class Plane(QWidget):
    """Valence to the right, arousal upwards, both in [-1, 1], with the mood words at their places.

    ``show_estimate`` sets where the point is to be, ``advance`` glides it there. A word that the
    point would cover moves aside, above or below it, and no word covers another.

    Args:
        theme: colours and sizes.
        scale: of all text.
        words: what to write for a mood word, where it is not the word itself.

    Attributes:
        squared: signals how many pixels lie left and right of the plane itself.
    """

    squared = Signal(int, int)

    def __init__(
        self,
        theme: Theme,
        *,
        scale: float = 1.0,
        words: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme, self._scale = theme, scale
        self._labels = {mood.word: (words or {}).get(mood.word, mood.word) for mood in MOOD_WORDS}
        self._places = {mood.word: (mood.valence, mood.arousal) for mood in MOOD_WORDS}
        self._pictures: dict[tuple[str, bool], QPixmap] = {}
        self._ground = QPixmap()
        self._scene, self._behind = _Layer(QPixmap(), QRect()), _Layer(QPixmap(), QRect())
        self._square = QRectF()
        self._past: NDArray[np.float64] = np.empty((0, 5))
        self._tip: deque[tuple[float, float]] = deque(maxlen=_TIP)
        self._next_tip: deque[tuple[float, float]] = deque(maxlen=_TIP)
        self._ellipse_key: tuple[int, int, bool] | None = None
        self._ellipse_picture = self._point_picture = QPixmap()
        self._drawn_area = QRect()
        self._word_places: WordPlaces | None = None  # None before the first size
        self._mood: Words = ()
        self._colour = QColor(theme.point)
        self._shown = False
        self._here = self._from = self._to = (0.0, 0.0, 0.0, 0.0)  # valence, arousal, their sd
        self._departure, self._glide = 0.0, 0.1
        self._t: float | None = None
        self._moving = False
        self.current = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # the ground covers all of it
        self.setAccessibleName("valence-arousal plane")

    def sizeHint(self) -> QSize:
        return QSize(600, 600)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 280)

    def show_estimate(self, estimate: Estimate, *, now: float) -> None:
        """Set out for a new estimate.

        Args:
            estimate: where the point goes.
            now: seconds on the clock that ``advance`` gets.
        """
        goal = (estimate.valence, estimate.arousal, estimate.valence_sd, estimate.arousal_sd)
        self.advance(now)  # to set out from where the last glide has come by now
        step = -1.0 if self._t is None else estimate.t - self._t
        first = step <= 0
        if not first:
            self._glide = max(float(np.clip(step, *_GLIDE)), self._theme.glide_s)
        self._to = goal
        self._from = goal if first else self._here
        self._t, self._departure, self._moving = estimate.t, now, True
        for tip in (self._tip, self._next_tip):
            if first:
                tip.clear()
            tip.append(self._here[:2])
        self._shown = True
        self.advance(now)

    def show_colour(self, colour: QColor) -> None:
        """Draw the ellipse in the colour of the mood."""
        if colour != self._colour:
            self._colour, self._ellipse_key = QColor(colour), None
            self.update(self._point_area())

    def show_mood(self, mood: Words) -> None:
        """Write the words of the mood larger than the others."""
        if mood != self._mood:
            words = [*self._mood, *mood]
            areas = [self._word_area(word) for word in words]
            self._mood = mood
            self._make_way()
            for area in (*areas, *(self._word_area(word) for word in words)):
                self.update(area)

    def show_trail(self, past: NDArray[np.float64]) -> Iterator[None]:
        """Draw where the estimates were, the older the fainter, in steps of a frame each.

        It is drawn out of sight, and shown whole by the last step.

        Args:
            past: rows of ``History``, ``thinned`` or not. What came after them is drawn as one line
                from there to the point.
        """
        past = past[:-1, :3]  # the last is where the point goes, not where it was
        if len(past):
            self._next_tip = deque([(past[-1, 1], past[-1, 2])], maxlen=_TIP)
        layer = self._behind
        yield from self._draw_trail(layer, past)
        if layer is not self._behind:
            return  # the size has changed meanwhile, and all was drawn for it
        self._past, self._tip = past, self._next_tip.copy()
        self._scene, self._behind = layer, self._scene
        self.update(layer.trail.united(self._behind.trail).united(self._drawn_area))
        yield

    def advance(self, now: float) -> bool:
        """Glide towards the estimate; return whether anything was redrawn.

        Args:
            now: seconds on any steady clock.
        """
        if not self._moving:
            return False
        share = min(1.0, (now - self._departure) / self._glide)
        here = tuple(a + (b - a) * share for a, b in zip(self._from, self._to, strict=True))
        width = self._square.width()
        still = _STILL * 2 / width if width else 0.0
        moved = max(abs(a - b) for a, b in zip(here, self._here, strict=True))
        if 0.0 < share < 1.0 and moved < still:
            return False
        self._here = here  # type: ignore[assignment]  # a tuple of four, as the two that it mixes
        self._moving = share < 1.0
        self._make_way()
        area = self._point_area()
        self.update(area.united(self._drawn_area))
        self._drawn_area = area
        return True

    def set_current(self, current: bool) -> bool:
        """Draw a filled point for music that plays now, a hollow and dashed one for any other."""
        if current == self.current:
            return False
        self.current = current
        self._point_picture = QPixmap()
        self.update(self._point_area())
        return True

    def position(self) -> tuple[float, float]:
        """Return valence and arousal of the point as drawn."""
        return self._here[0], self._here[1]

    def ellipse(self) -> QRectF:
        """Return the ellipse as drawn: a rectangle of the plane, whose bottom is its top edge."""
        valence, arousal, valence_sd, arousal_sd = self._here
        return QRectF(valence - valence_sd, arousal - arousal_sd, 2 * valence_sd, 2 * arousal_sd)

    def trail(self) -> NDArray[np.float64]:
        """Return the places that the trail goes through, oldest first, ``(n, 2)``."""
        return self._past[:, 1:]

    def on_screen(self, valence: float, arousal: float) -> QPointF:
        """Return where a place of the plane is in the widget."""
        square = self._square
        return QPointF(
            square.left() + (valence + 1) / 2 * square.width(),
            square.bottom() - (arousal + 1) / 2 * square.height(),
        )

    def word_rect(self, word: str) -> QRectF:
        """Return where a mood word is written now."""
        picture = self._picture(word, bold=word in self._mood)
        size = picture.deviceIndependentSize()
        x, y = (0.0, 0.0) if self._word_places is None else self._word_places.place(word)
        return QRectF(
            round(x - size.width() / 2), round(y - size.height() / 2), size.width(), size.height()
        )

    def _word_area(self, word: str) -> QRect:
        return self.word_rect(word).toAlignedRect().adjusted(-20, -2, 20, 2)

    def _point_area(self) -> QRect:
        if not self._shown:
            return QRect()
        ellipse = self.ellipse()
        corner = self.on_screen(ellipse.left(), ellipse.bottom())
        other = self.on_screen(ellipse.right(), ellipse.top())
        point = self.on_screen(*self.position())
        dot = self._theme.dot + 4
        area = QRectF(corner, other).united(
            QRectF(point.x() - dot, point.y() - dot, 2 * dot, 2 * dot)
        )
        for place in self._tip:
            start = self.on_screen(*place)
            area = area.united(QRectF(start.x() - 3, start.y() - 3, 6, 6))
        return area.toAlignedRect().adjusted(-3, -3, 3, 3)

    def _make_way(self) -> None:
        """Move the words aside that the point would cover."""
        if not self._shown or self._word_places is None:
            return
        point = self.on_screen(*self.position())
        before = {word: self._word_area(word) for word in self._labels}
        for word in self._word_places.make_way(point.x(), point.y()):
            self.update(before[word].united(self._word_area(word)))

    # -- layers ------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._draw_ground()

    def _font(self, points: float, *, bold: bool = False) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(points * self._scale)
        font.setBold(bold)
        return font

    def _blank(self, size: QSize) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(size * ratio)
        pixmap.setDevicePixelRatio(ratio)
        return pixmap

    def _picture(self, word: str, *, bold: bool) -> QPixmap:
        picture = self._pictures.get((word, bold))
        if picture is None:
            picture = self._pictures[word, bold] = self._draw_word(self._labels[word], bold=bold)
        return picture

    def _draw_word(self, label: str, *, bold: bool) -> QPixmap:
        font = self._font(self._theme.plane_pt * (1.15 if bold else 1.0), bold=bold)
        metrics = QFontMetricsF(font)
        picture = self._blank(
            QSize(
                int(metrics.horizontalAdvance(label) + 4 * _HALO + 2),
                int(metrics.height() + 2 * _HALO),
            )
        )
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        path = QPainterPath()
        path.addText(2 * _HALO, _HALO + metrics.ascent(), font, label)
        halo = QColor(self._theme.background)
        halo.setAlpha(200)
        painter.setPen(
            QPen(
                halo,
                2 * _HALO,
                Qt.PenStyle.SolidLine,
                Qt.PenCapStyle.RoundCap,
                Qt.PenJoinStyle.RoundJoin,
            )
        )
        painter.drawPath(path)
        painter.fillPath(path, QColor(self._theme.text if bold else self._theme.muted))
        painter.end()
        return picture

    def _draw_ground(self) -> None:
        theme = self._theme
        small = self._font(theme.small_pt)
        line = QFontMetricsF(small).height()
        left, below = line + 24.0, line + 24.0
        side = max(50.0, min(self.width() - left - 6, self.height() - below - 6))
        self._square = QRectF(
            round(left + (self.width() - left - side) / 2),
            round((self.height() - below - side) / 2) + 2,
            round(side),
            round(side),
        )
        self._ellipse_key, self._point_picture = None, QPixmap()
        self._pictures.clear()  # the screen may have another resolution by now
        homes = {word: self.on_screen(*place) for word, place in self._places.items()}
        sizes = {
            word: self._picture(word, bold=True).deviceIndependentSize() for word in self._labels
        }
        self._word_places = WordPlaces(
            {word: (home.x(), home.y()) for word, home in homes.items()},
            {word: (size.width(), size.height()) for word, size in sizes.items()},
            radius=theme.dot + _CLEAR,
        )
        self.squared.emit(round(self._square.left()), round(self.width() - self._square.right()))
        self._ground = self._blank(self.size())
        self._ground.fill(QColor(theme.background))
        painter = QPainter(self._ground)
        square = self._square
        for name, (x, y) in _CORNERS.items():
            tint = QColor(theme.quadrants[name])
            tint.setAlpha(theme.tint)
            corner = QRectF(self.on_screen(x, y + 1), self.on_screen(x + 1, y))
            painter.fillRect(corner, tint)
            painter.setPen(QColor(theme.muted))  # in its own colour it could not be read
            painter.setFont(self._font(theme.small_pt, bold=True))
            right, top = x == 0, y == 0
            painter.drawText(
                corner.adjusted(9, 6, -9, -6),
                (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft)
                | (Qt.AlignmentFlag.AlignTop if top else Qt.AlignmentFlag.AlignBottom),
                name,
            )
        painter.setPen(QPen(QColor(theme.grid), 1))
        painter.drawLine(self.on_screen(-1, 0), self.on_screen(1, 0))
        painter.drawLine(self.on_screen(0, -1), self.on_screen(0, 1))
        painter.setFont(small)
        painter.setPen(QColor(theme.muted))
        centre = Qt.AlignmentFlag.AlignCenter
        arrows = "\N{LEFTWARDS ARROW}  {}  \N{RIGHTWARDS ARROW}"
        below_square = QRectF(square.left(), square.bottom() + 4, square.width(), line)
        painter.drawText(below_square, centre, f"unpleasant  {arrows.format('valence')}  pleasant")
        _ends(painter, below_square)
        painter.translate(square.left() - line - 5, square.bottom())
        painter.rotate(-90)
        beside_square = QRectF(0, 0, square.height(), line)
        painter.drawText(beside_square, centre, f"calm  {arrows.format('arousal')}  energetic")
        _ends(painter, beside_square)
        painter.end()
        self._scene = _Layer(self._ground.copy(), QRect())
        self._behind = _Layer(self._ground.copy(), QRect())
        for _ in self._draw_trail(self._scene, self._past):
            pass
        self._make_way()
        self._drawn_area = self._point_area()
        self.update()

    def _draw_trail(self, layer: _Layer, past: NDArray[np.float64]) -> Iterator[None]:
        """Draw what lies before the newest estimate, a few pieces a step."""
        if layer.picture.isNull():
            return
        painter = QPainter(layer.picture)
        if layer.trail.isValid():
            ratio = self._ground.devicePixelRatio()
            painter.drawPixmap(QRectF(layer.trail), self._ground, _scaled(layer.trail, ratio))
        painter.end()
        layer.trail = QRect()
        pieces = self._pieces(past)
        while pieces:
            painter = QPainter(layer.picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for pen, lines in pieces[:_PIECES_A_FRAME]:
                painter.setPen(pen)
                for line in lines:
                    painter.drawPolyline(line)
                    area = line.boundingRect().adjusted(-3, -3, 3, 3).toAlignedRect()
                    layer.trail = layer.trail.united(area & self.rect())
            painter.end()
            del pieces[:_PIECES_A_FRAME]
            yield

    def _pieces(self, past: NDArray[np.float64]) -> list[tuple[QPen, list[QPolygonF]]]:
        """Return the trail's pieces, oldest first, each with its pen."""
        if len(past) < 2:
            return []
        square = self._square
        places = np.empty((len(past), 2))
        places[:, 0] = square.left() + (past[:, 1] + 1) / 2 * square.width()
        places[:, 1] = square.bottom() - (past[:, 2] + 1) / 2 * square.height()
        edges = np.searchsorted(
            past[:, 0], past[-1, 0] - np.linspace(TRAIL_SECONDS, 0.0, _PIECES + 1)
        )
        edges[-1] = len(past)
        colour = QColor(self._theme.text)
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

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._scene.picture.devicePixelRatio() != ratio:  # moved to another screen
            self._draw_ground()
        painter = QPainter(self)
        for area in event.region():  # type: ignore[attr-defined]  # missing in its stubs
            painter.drawPixmap(QRectF(area), self._scene.picture, _scaled(area, ratio))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        exposed = QRectF(event.rect())
        if self._shown and exposed.intersects(QRectF(self._point_area())):
            self._paint_ellipse(painter)
        for word in self._labels:
            place = self.word_rect(word)
            if word not in self._mood and exposed.intersects(place):
                painter.drawPixmap(place.topLeft(), self._picture(word, bold=False))
        if self._shown:
            self._paint_point(painter)
        for word in self._mood:
            place = self.word_rect(word)
            if exposed.intersects(place):
                painter.drawPixmap(place.topLeft(), self._picture(word, bold=True))

    def _paint_ellipse(self, painter: QPainter) -> None:
        """Copy the ellipse, drawn anew only when it is another by two pixels."""
        _, _, valence_sd, arousal_sd = self._here
        scale = self._square.width() / 2
        width, height = (max(1, round(sd * scale)) * 2 for sd in (valence_sd, arousal_sd))
        if self._ellipse_key != (width, height, self.current):
            self._ellipse_key = (width, height, self.current)
            picture = self._blank(QSize(width + 4, height + 4))
            picture.fill(Qt.GlobalColor.transparent)
            inner = QPainter(picture)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            line = QColor(self._colour if self.current else QColor(self._theme.muted))
            solid = Qt.PenStyle.SolidLine if self.current else Qt.PenStyle.DashLine
            inner.setPen(QPen(line, 2.0, solid))
            line.setAlpha(60 if self.current else 0)
            inner.setBrush(line)
            inner.drawEllipse(QRectF(2, 2, width, height))
            inner.end()
            self._ellipse_picture = picture
        place = self.on_screen(*self.position())
        corner = QPointF(place.x() - width / 2 - 2, place.y() - height / 2 - 2)
        painter.drawPixmap(corner, self._ellipse_picture)

    def _paint_point(self, painter: QPainter) -> None:
        theme = self._theme
        place = self.on_screen(*self.position())
        trail = QColor(theme.text)
        trail.setAlphaF(0.65)
        painter.setPen(QPen(trail, 2.8))
        painter.drawPolyline([*(self.on_screen(*at) for at in self._tip), place])
        if self._point_picture.isNull():
            size = round(2 * theme.dot + 6)
            picture = self._blank(QSize(size, size))
            picture.fill(Qt.GlobalColor.transparent)
            inner = QPainter(picture)
            inner.setRenderHint(QPainter.RenderHint.Antialiasing)
            middle = QPointF(size / 2, size / 2)
            inner.setPen(QPen(QColor(theme.background), 2.0))
            inner.setBrush(QColor(theme.background))
            inner.drawEllipse(middle, theme.dot + 1, theme.dot + 1)
            inner.setPen(QPen(QColor(theme.point if self.current else theme.muted), 2.5))
            inner.setBrush(QColor(theme.point if self.current else theme.background))
            inner.drawEllipse(middle, theme.dot - 2, theme.dot - 2)
            inner.end()
            self._point_picture = picture
        half = self._point_picture.deviceIndependentSize().width() / 2
        painter.drawPixmap(QPointF(place.x() - half, place.y() - half), self._point_picture)


def _ends(painter: QPainter, line: QRectF) -> None:
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(line, Qt.AlignmentFlag.AlignLeft | middle, "\N{MINUS SIGN}1")
    painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, "1")


def _scaled(area: QRect, ratio: float) -> QRectF:
    return QRectF(area.x() * ratio, area.y() * ratio, area.width() * ratio, area.height() * ratio)


def _without_holes(places: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    holes = np.flatnonzero(np.isnan(places[:, 0]))
    if not len(holes):
        return [places]
    return [run[~np.isnan(run[:, 0])] for run in np.split(places, holes) if len(run) > 1]
