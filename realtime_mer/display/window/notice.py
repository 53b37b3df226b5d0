"""A notice over everything else in the window, which goes by itself."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

_SECONDS = 5.0
_FAILURE_SECONDS = 15.0


class Notice(QLabel):
    """One or two sentences at the lower edge of its parent, for a while."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.setObjectName("notice")
        self._page = parent
        self._until = 0.0

    def say(self, words: str, *, failed: bool = False, now: float) -> None:
        """Show other words.

        Args:
            words: one or two sentences.
            failed: something that was asked for was not done; it stays longer.
            now: seconds on the clock of ``pass_time``.
        """
        self.setText(words)
        self.setProperty("failed", failed)
        self.style().unpolish(self)  # Qt looks at properties only when it polishes
        self.style().polish(self)
        self._until = now + (_FAILURE_SECONDS if failed else _SECONDS)
        self.place()
        self.show()
        self.raise_()

    def pass_time(self, now: float) -> None:
        """Go, once it has stood long enough."""
        if self.isVisible() and now > self._until:
            self.hide()

    def place(self) -> None:
        """Stand where the parent's size leaves room."""
        page, words = self._page, self.fontMetrics().horizontalAdvance(self.text())
        self.setFixedWidth(max(240, min(720, page.width() - 80, words + 60)))
        self.setFixedHeight(self.heightForWidth(self.width()) + 4)
        self.move((page.width() - self.width()) // 2, page.height() - self.height() - 56)
