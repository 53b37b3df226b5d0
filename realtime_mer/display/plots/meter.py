"""The level meter: how loud the input is, its peak, and whether it is cut off."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime_mer.display.theme import Theme

FLOOR_DB = -60.0
CLIPPING_DB = -0.1  # a peak from here on is at full scale: a converter has no more to give
CLIP_SECONDS = 2.0  # how long clipping stays written: long enough to be seen
_PEAK_SECONDS = 1.0
_FALL_DB = 20.0  # a second


class LevelMeter(QWidget):
    """The level as a bar from -60 to 0 dB relative to full scale, the highest peak as a line.

    Beside it stands the level in words, or CLIP for two seconds after a peak at full scale.

    Args:
        theme: colours and sizes.
        scale: of all text.
    """

    def __init__(self, theme: Theme, *, scale: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._level = self._peak = FLOOR_DB
        self._peak_at = self._clipped_at = float("-inf")
        self._words = ""
        self.clips = False
        font = QFont(self.font())
        font.setPointSizeF(theme.small_pt * scale)
        self.setFont(font)
        self._text_width = QFontMetricsF(font).horizontalAdvance("\N{MINUS SIGN}120 dBFS") + 12
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        height = QFontMetricsF(self.font()).height()
        return QSize(int(self._text_width + 8 * height), int(height) + 4)

    def words(self) -> str:
        """Return what is written beside the bar."""
        return self._words

    def show_level(self, level_dbfs: float, peak_dbfs: float, *, now: float) -> bool:
        """Draw a level in steps of half a decibel; return whether anything is new.

        Args:
            level_dbfs, peak_dbfs: root mean square and largest sample, in dBFS.
            now: seconds on any steady clock.
        """
        if peak_dbfs >= CLIPPING_DB:
            self._clipped_at = now
        level, peak = _step(level_dbfs), _step(peak_dbfs)
        if peak < self._peak:  # held for a moment, then it falls
            held = now - self._peak_at - _PEAK_SECONDS
            peak = max(peak, _step(self._peak - _FALL_DB * 0.1)) if held > 0 else self._peak
        else:
            self._peak_at = now
        clips = now - self._clipped_at < CLIP_SECONDS
        words = "CLIP" if clips else f"{level_dbfs:.0f} dBFS".replace("-", "\N{MINUS SIGN}")
        new = (level, peak, clips, words)
        if new == (self._level, self._peak, self.clips, self._words):
            return False
        self._level, self._peak, self.clips, self._words = new
        self.setAccessibleName(f"level {words}")
        self.update()
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        height = min(12.0, self.height() - 4.0)
        bar = QRectF(1, (self.height() - height) / 2, self.width() - self._text_width - 1, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.grid))
        painter.drawRoundedRect(bar, 3, 3)
        loud = theme.record if self.clips else theme.warning if self._peak > -3 else theme.good
        filled = QRectF(bar)
        filled.setWidth(bar.width() * _share(self._level))
        painter.setBrush(QColor(loud))
        painter.drawRoundedRect(filled, 3, 3)
        if self._peak > FLOOR_DB:
            x = bar.left() + bar.width() * _share(self._peak)
            painter.fillRect(
                QRectF(min(x, bar.right() - 2), bar.top(), 2, height), QColor(theme.text)
            )
        font = self.font()
        font.setBold(self.clips)
        painter.setFont(font)
        painter.setPen(QColor(theme.record if self.clips else theme.muted))
        painter.drawText(
            QRectF(bar.right() + 10, 0, self._text_width, self.height()),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            self._words,
        )


def _step(decibels: float) -> float:
    return min(0.0, max(FLOOR_DB, round(decibels * 2) / 2))


def _share(decibels: float) -> float:
    return 1.0 - decibels / FLOOR_DB
