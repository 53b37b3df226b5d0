"""``Reading``: a line of text that changes often, such as a number or the mood.

A new text repaints it and moves nothing else in the window.
"""

from html import escape

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

_PILL = 12.0  # pixels from the words of a pill to its ends
_SMALLEST = 9.75  # points that several lines are still written in: 13 pixels, read from afar
_MORE = "\N{HORIZONTAL ELLIPSIS}"
_WRAPPED = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap


class Reading(QWidget):
    """One line of text; a longer one is shortened in the middle, or written smaller.

    A ``QLabel`` asks the whole window for a new layout with every text; this one has the size of a
    sample and keeps it. It takes one or more pieces, each with a colour of its own; several lines
    are of one colour, and written smaller or shortened where they have no room.

    Args:
        sample: the longest text that it must have room for.
        points: size of the text.
        colour: of the text.
        bold: whether it is written bold.
        right: whether it stands at the right edge.
        pill: whether a line goes round it, in the colour of the text.
        shrink: write a text that is too long for the width smaller rather than shorten it.
        lines: how many it may take.
    """

    def __init__(
        self,
        sample: str,
        *,
        points: float,
        colour: str,
        bold: bool = False,
        right: bool = False,
        pill: bool = False,
        shrink: bool = False,
        lines: int = 1,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._sample, self._right, self._pill, self._shrink = sample, right, pill, shrink
        self._lines = lines
        self._colour = QColor(colour)
        self._pieces: tuple[tuple[str, QColor], ...] = ()
        font = QFont(self.font())
        font.setPointSizeF(points)
        font.setBold(bold)
        self.setFont(font)
        wide = QSizePolicy.Policy.Expanding if not pill else QSizePolicy.Policy.Fixed
        self.setSizePolicy(wide, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(self.font())
        width = metrics.horizontalAdvance(self._sample) + 2
        return QSize(
            int(width + (2 * _PILL if self._pill else 0)),
            int(self._lines * metrics.height() + (8 if self._pill else 2)),
        )

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(hint.width() // 3 if self._shrink else hint.width(), hint.height())

    def text(self) -> str:
        """Return what was asked to be shown."""
        return "".join(words for words, _ in self._pieces)

    def setToolTip(self, text: str) -> None:
        """Show a text beside the pointer as it is: Qt would take ``<b>`` in a name for markup."""
        super().setToolTip(f"<qt>{escape(text)}</qt>" if "<" in text or "&" in text else text)

    def show_text(self, text: str, *, colour: str | None = None) -> bool:
        """Show a text, by default in the colour of the reading; return whether that is new."""
        return self.show_pieces((text, colour))

    def show_pieces(self, *pieces: tuple[str, str | None]) -> bool:
        """Show pieces of text, each with its colour; return whether that is new."""
        new = tuple((words, QColor(colour or self._colour)) for words, colour in pieces)
        if new == self._pieces:
            return False
        self._pieces = new
        self.setAccessibleName(self.text())
        if self._lines > 1:
            self.setToolTip(self.text())  # there it is whole
        self.update()
        return True

    def drawn(self) -> tuple[QFont, str]:
        """Return what is drawn, in which font: smaller or shorter than asked for if need be."""
        font, text = QFont(self.font()), self.text()
        if self._lines > 1:
            return self._drawn_lines(font, text)
        room = self.width() - (2 * _PILL if self._pill else 0.0)
        length = QFontMetricsF(font).horizontalAdvance(text)
        if self._shrink and length > room:
            font.setPointSizeF(font.pointSizeF() * room / length)
        elif length > room + 1:
            text = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        return font, text

    def _drawn_lines(self, font: QFont, text: str) -> tuple[QFont, str]:
        room = QRectF(self.rect())

        def fits() -> bool:
            return room.contains(QFontMetricsF(font).boundingRect(room, _WRAPPED, text))

        while not fits() and font.pointSizeF() > _SMALLEST:
            font.setPointSizeF(max(_SMALLEST, font.pointSizeF() * 0.9))
        while not fits() and " " in text:
            text = text.rpartition(" ")[0].rstrip(f"{_MORE} ") + _MORE
        return font, text

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.text():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font, text = self.drawn()
        painter.setFont(font)
        if self._lines > 1:
            painter.setPen(self._pieces[0][1])
            painter.drawText(QRectF(self.rect()), _WRAPPED, text)
            return
        metrics = QFontMetricsF(font)
        pieces = self._pieces if text == self.text() else ((text, self._pieces[0][1]),)
        length = sum(metrics.horizontalAdvance(words) for words, _ in pieces)
        x = self.width() - length if self._right else 0.0
        if self._pill:
            width = length + 2 * _PILL
            left = self.width() - width if self._right else 0.0
            painter.setPen(QPen(pieces[0][1], 1.3))
            frame = QRectF(left, 0, width, self.height()).adjusted(1, 1, -1, -1)
            painter.drawRoundedRect(frame, frame.height() / 2, frame.height() / 2)
            x = left + _PILL
        for words, colour in pieces:
            painter.setPen(colour)
            width = metrics.horizontalAdvance(words)
            painter.drawText(
                QRectF(x, 0, width + 4, self.height()),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                words,
            )
            x += width
