"""What the plane is painted on: its quarters and axes, and its words as small pictures."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap

from realtime_mer.display.theme import Theme

_HALO = 2.5  # pixels of ground round a word
_CORNERS = {"Q1": (1, 0), "Q2": (0, 0), "Q3": (0, 1), "Q4": (1, 1)}  # right and down, in halves


def blank(size: QSize, *, ratio: float) -> QPixmap:
    """Return a picture of a size in the pixels of a widget, for a screen with so many in each."""
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def word_picture(label: str, *, font: QFont, colour: QColor, halo: QColor, ratio: float) -> QPixmap:
    """Return a word on nothing, with a rim that keeps it legible."""
    metrics = QFontMetricsF(font)
    width = int(metrics.horizontalAdvance(label) + 4 * _HALO + 2)
    picture = blank(QSize(width, int(metrics.height() + 2 * _HALO)), ratio=ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = QPainterPath()
    path.addText(2 * _HALO, _HALO + metrics.ascent(), font, label)
    rim = QColor(halo)
    rim.setAlpha(200)
    round_pen = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
    painter.setPen(QPen(rim, 2 * _HALO, Qt.PenStyle.SolidLine, *round_pen))
    painter.drawPath(path)
    painter.fillPath(path, colour)
    painter.end()
    return picture


def paint_ground(
    painter: QPainter, square: QRectF, *, theme: Theme, small: QFont, bold: QFont
) -> None:
    """Paint quarters, axes and what stands beside them.

    Args:
        painter: of the whole ground; it is left turned.
        square: where the plane itself is.
        theme: colours.
        small, bold: fonts of the axes and of the quarters' names.
    """
    for name, (right, down) in _CORNERS.items():
        tint = QColor(theme.quadrants[name])
        tint.setAlpha(theme.tint)
        start = QPointF(
            square.left() + right * square.width() / 2, square.top() + down * square.height() / 2
        )
        end = start + QPointF(square.width() / 2, square.height() / 2)
        corner = QRectF(start, end)
        painter.fillRect(corner, tint)
        painter.setPen(QColor(theme.muted))  # in its own colour it could not be read
        painter.setFont(bold)
        painter.drawText(
            corner.adjusted(9, 6, -9, -6),
            (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft)
            | (Qt.AlignmentFlag.AlignBottom if down else Qt.AlignmentFlag.AlignTop),
            name,
        )
    middle = square.center()
    painter.setPen(QPen(QColor(theme.grid), 1))
    painter.drawLine(QPointF(square.left(), middle.y()), QPointF(square.right(), middle.y()))
    painter.drawLine(QPointF(middle.x(), square.top()), QPointF(middle.x(), square.bottom()))
    painter.setFont(small)
    painter.setPen(QColor(theme.muted))
    line = QFontMetricsF(small).height()
    below = QRectF(square.left(), square.bottom() + 4, square.width(), line)
    _name_axis(painter, below, "unpleasant", "valence", "pleasant")
    painter.translate(square.left() - line - 5, square.bottom())
    painter.rotate(-90)
    beside = QRectF(0, 0, square.height(), line)
    _name_axis(painter, beside, "calm", "arousal", "energetic")


def _name_axis(painter: QPainter, line: QRectF, low: str, name: str, high: str) -> None:
    title = f"{low}  \N{LEFTWARDS ARROW}  {name}  \N{RIGHTWARDS ARROW}  {high}"
    painter.drawText(line, Qt.AlignmentFlag.AlignCenter, title)
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(line, Qt.AlignmentFlag.AlignLeft | middle, "\N{MINUS SIGN}1")
    painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, "1")
