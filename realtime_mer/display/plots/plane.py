"""The valence-arousal plane: a moving point with its 1-sigma ellipse and a fading trail.

It moves sixty times a second, so it is painted in layers: the ground once, the trail now and then
and out of sight, words as small pictures, and of all that in each frame only where something moved.
"""

from collections import deque
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime_mer.display.plots.ground import blank, paint_ground, word_picture
from realtime_mer.display.plots.trail import Layer, scaled
from realtime_mer.display.plots.words import WordPlaces
from realtime_mer.display.theme import Theme
from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.estimate import Estimate
from realtime_mer.mood import Words

_GLIDE = (0.05, 0.5)  # bounds in seconds of the glide from one estimate to the next
_STILL = 0.2  # pixels; a smaller move cannot be seen
_CLEAR = 5.0  # pixels between the point and a word that made way for it
_TIP = 16  # estimates that may wait for the trail to be drawn again


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
        self._scene, self._behind = Layer(QPixmap(), QRect()), Layer(QPixmap(), QRect())
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

    def _picture(self, word: str, *, bold: bool) -> QPixmap:
        picture = self._pictures.get((word, bold))
        if picture is None:
            font = self._font(self._theme.plane_pt * (1.15 if bold else 1.0), bold=bold)
            picture = self._pictures[word, bold] = word_picture(
                self._labels[word],
                font=font,
                colour=QColor(self._theme.text if bold else self._theme.muted),
                halo=QColor(self._theme.background),
                ratio=self.devicePixelRatioF(),
            )
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
        self._ground = blank(self.size(), ratio=self.devicePixelRatioF())
        self._ground.fill(QColor(theme.background))
        painter = QPainter(self._ground)
        paint_ground(
            painter,
            self._square,
            theme=theme,
            small=small,
            bold=self._font(theme.small_pt, bold=True),
        )
        painter.end()
        self._scene = Layer(self._ground.copy(), QRect())
        self._behind = Layer(self._ground.copy(), QRect())
        for _ in self._draw_trail(self._scene, self._past):
            pass
        self._make_way()
        self._drawn_area = self._point_area()
        self.update()

    def _draw_trail(self, layer: Layer, past: NDArray[np.float64]) -> Iterator[None]:
        return layer.draw(past, ground=self._ground, square=self._square, colour=self._theme.text)

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._scene.picture.devicePixelRatio() != ratio:  # moved to another screen
            self._draw_ground()
        painter = QPainter(self)
        for area in event.region():  # type: ignore[attr-defined]  # missing in its stubs
            painter.drawPixmap(QRectF(area), self._scene.picture, scaled(area, ratio))
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
            picture = blank(QSize(width + 4, height + 4), ratio=self.devicePixelRatioF())
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
            picture = blank(QSize(size, size), ratio=self.devicePixelRatioF())
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
