"""The link for a phone."""

import segno
from pytestqt.qtbot import QtBot

from realtime_mer.display.latest import Latest
from realtime_mer.display.snapshot import Snapshot
from realtime_mer.display.window.main import Window
from realtime_mer.display.window.phone import PhoneDialog, qr_image

LINK = "http://192.168.1.5:8765/#token=s3cret"


def test_the_picture_is_the_code_of_the_link(qtbot: QtBot) -> None:
    image = qr_image(LINK)
    modules = segno.make(LINK, error="m", micro=False).matrix
    scale = image.width() // (len(modules) + 8)
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            gray = image.pixelColor((x + 4) * scale + 1, (y + 4) * scale + 1).value()
            assert gray == (0 if dark else 255)


def test_the_link_stands_beside_its_code(qtbot: QtBot) -> None:
    dialog = PhoneDialog(LINK)
    qtbot.addWidget(dialog)
    assert dialog.words.text() == LINK
    assert not dialog.code.pixmap().isNull()


def test_a_session_for_this_machine_says_how_to_open_it(qtbot: QtBot) -> None:
    dialog = PhoneDialog(None)
    qtbot.addWidget(dialog)
    assert "--host 0.0.0.0" in dialog.words.text()
    assert dialog.code.pixmap().isNull()


def test_the_window_opens_it_and_goes_on(qtbot: QtBot) -> None:
    window = Window(Latest(Snapshot()), url="ws://127.0.0.1:1/", link=LINK)
    qtbot.addWidget(window)
    window.show()
    window.face.foot.phone.click()
    (dialog,) = window.findChildren(PhoneDialog)
    assert dialog.isVisible()
    assert dialog.words.text() == LINK
    dialog.close()
