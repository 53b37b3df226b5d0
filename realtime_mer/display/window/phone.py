"""The dialog that hands the browser display to a phone: a QR code, and the link in words."""

from collections.abc import Callable

import segno
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from realtime_mer.wire.settings import Settings

_SCALE = 8  # pixels a module: read from an arm's length
_BORDER = 4  # modules of white around it, as ISO/IEC 18004 asks for
_WIDTH = 560
_NOT_REACHABLE = (
    "This session is for this machine alone.\n\n"
    "To watch it from a phone or tablet use the window that the session itself opened,\n"
    "or start it with realtime-mer live --host 0.0.0.0"
)


class PhoneDialog(QDialog):
    """Shows a link as a QR code, lets phones watch or ends that, or says how to get a link.

    Args:
        link: address of the browser display, with its token in the fragment; None where other
            machines cannot reach the service.
        allow: called with whether phones may watch; None where that cannot be asked for.
    """

    def __init__(
        self,
        link: str | None,
        *,
        allow: Callable[[bool], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("On a phone or tablet")
        self._link = self._shown = link
        self.code = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.opens = QLabel(wordWrap=True)
        self.opens.setTextFormat(Qt.TextFormat.PlainText)
        self.opens.setFixedWidth(_WIDTH)
        self.button = QPushButton()
        if allow is not None:
            self.button.clicked.connect(lambda: allow(self._shown is None))
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 24, 24, 24)
        page.setSpacing(16)
        page.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)  # it grows with the code
        for part in (self.code, self.words, self.opens, self.button):
            page.addWidget(part, alignment=Qt.AlignmentFlag.AlignHCenter)
        self._settings: Settings | None = None
        self._show_link(link)
        self.opens.hide()
        self.button.hide()

    def show_settings(self, settings: Settings | None) -> None:
        """Show how phone access stands; None where that is not known."""
        if settings is None or settings == self._settings:
            return
        self._settings = settings
        changeable = bool(settings.opens)
        link = settings.phones.link if settings.phones is not None else None
        self._show_link(link if changeable else link or self._link)
        self.words.setVisible(self._shown is not None or not changeable)
        self.opens.setText(settings.opens)
        self.opens.ensurePolished()  # in the size that it will be written in
        self.opens.setMinimumHeight(self.opens.heightForWidth(_WIDTH))
        self.opens.setVisible(changeable)
        on = self._shown is not None
        self.button.setText("End it, and cut phones off" if on else "Let phones watch")
        self.button.setVisible(changeable)

    def _show_link(self, link: str | None) -> None:
        self._shown = link
        self.words.setText(link or _NOT_REACHABLE)
        picture = QPixmap() if link is None else QPixmap.fromImage(qr_image(link))
        self.code.setPixmap(picture)
        self.code.setVisible(link is not None)


def qr_image(link: str) -> QImage:
    """Return a link as a QR code, dark on white whatever the colours around it."""
    code = segno.make(link, error="m", micro=False)
    rows = [bytes(row) for row in code.matrix_iter(scale=_SCALE, border=_BORDER)]
    image = QImage(len(rows[0]), len(rows), QImage.Format.Format_Grayscale8)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            image.setPixel(x, y, 0xFF000000 if dark else 0xFFFFFFFF)
    return image
