"""The dialog that hands the browser display to a phone: a QR code, and the link in words."""

import segno
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

_SCALE = 8  # pixels a module: read from an arm's length
_BORDER = 4  # modules of white around it, as ISO/IEC 18004 asks for
_NOT_REACHABLE = (
    "This session is for this machine alone.\n\n"
    "To watch it from a phone or tablet start it with\nrealtime-mer live --host 0.0.0.0"
)


class PhoneDialog(QDialog):
    """Shows a link as a QR code, or how to get one.

    Args:
        link: address of the browser display, with its token in the fragment; None where other
            machines cannot reach the service.
    """

    def __init__(self, link: str | None, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("On a phone or tablet")
        self.code = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.words = QLabel(link or _NOT_REACHABLE, alignment=Qt.AlignmentFlag.AlignCenter)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 24, 24, 24)
        page.setSpacing(16)
        if link is not None:
            self.code.setPixmap(QPixmap.fromImage(qr_image(link)))
            page.addWidget(self.code)
        page.addWidget(self.words)


def qr_image(link: str) -> QImage:
    """Return a link as a QR code, dark on white whatever the colours around it."""
    code = segno.make(link, error="m", micro=False)
    rows = [bytes(row) for row in code.matrix_iter(scale=_SCALE, border=_BORDER)]
    image = QImage(len(rows[0]), len(rows), QImage.Format.Format_Grayscale8)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            image.setPixel(x, y, 0xFF000000 if dark else 0xFFFFFFFF)
    return image
