"""What the window changes of its session while that runs, and how it says so."""

from dataclasses import replace
from itertools import pairwise
from typing import cast

import pytest
from PySide6.QtGui import QPalette
from pytestqt.qtbot import QtBot

from realtime_mer.display.latest import Latest
from realtime_mer.display.pipe import SessionPipe
from realtime_mer.display.snapshot import Snapshot
from realtime_mer.display.theme import THEMES, LayoutName
from realtime_mer.display.window.main import Window
from realtime_mer.display.window.phone import PhoneDialog
from realtime_mer.display.window.settings import SettingsDialog
from realtime_mer.service.links import qr_rows
from realtime_mer.wire.control import ChangeSettings, Failed
from realtime_mer.wire.settings import Change, Phones, Settings
from realtime_mer.wording import PHONES_OPEN, UNENCRYPTED
from tests.display.test_window import STATE, URL, Session

LINK = "http://192.168.1.5:41234/#token=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg"
CLOSED = Settings(speed=1.0, delay_s=0.5, opens=f"{PHONES_OPEN} {UNENCRYPTED}")
OPEN = replace(CLOSED, phones=Phones(link=LINK, code=qr_rows(LINK)))


class Steered:
    """A window whose session says how its settings stand."""

    def __init__(self, qtbot: QtBot, settings: Settings) -> None:
        self.session = Session()
        self.window = Window(Latest(Snapshot()), url=URL, pipe=cast(SessionPipe, self.session))
        qtbot.addWidget(self.window)
        self.window.show()
        self.now = 1.0
        self.says(settings)
        self.session.asked.clear()

    def says(self, settings: Settings) -> None:
        self.session.reports.append(replace(STATE, settings=settings))
        self.now += 1
        self.window.refresh(self.now)

    def settings(self) -> SettingsDialog:
        self.window.menus.actions["settings"].trigger()
        (dialog,) = self.window.findChildren(SettingsDialog)
        return dialog

    def phone(self) -> PhoneDialog:
        self.window.menus.actions["phone"].trigger()
        (dialog,) = self.window.findChildren(PhoneDialog)
        return dialog


def test_speed_and_delay_are_changed_and_nothing_else(qtbot: QtBot) -> None:
    steered = Steered(qtbot, CLOSED)
    dialog = steered.settings()
    assert dialog.speed.currentData() == 1.0
    assert (dialog.smoothing.value(), dialog.delay.value()) == (0.0, 0.5)
    dialog.speed.setCurrentIndex(dialog.speed.findData(4.0))
    dialog.delay.setValue(2.0)
    dialog.accept()
    assert steered.session.asked == [ChangeSettings(change=Change(speed=4.0, delay_s=2.0))]


def test_what_is_left_as_it_is_asks_for_nothing(qtbot: QtBot) -> None:
    steered = Steered(qtbot, replace(CLOSED, delay_s=0.123))
    steered.settings().accept()
    assert steered.session.asked == []


def test_of_a_device_there_is_no_speed_to_choose(qtbot: QtBot) -> None:
    dialog = Steered(qtbot, replace(CLOSED, speed=None)).settings()
    assert not dialog.speed.isEnabled()


def test_phones_are_let_in_after_it_was_said_what_that_opens_and_kept_out_again(
    qtbot: QtBot,
) -> None:
    steered = Steered(qtbot, CLOSED)
    dialog = steered.phone()
    assert dialog.opens.isVisible()
    assert dialog.opens.text() == CLOSED.opens
    assert not dialog.code.isVisible()
    assert dialog.button.text() == "Let phones watch"
    dialog.button.click()
    assert steered.session.asked == [ChangeSettings(change=Change(phones=True))]
    assert not dialog.code.isVisible()  # not before the session says so

    steered.says(OPEN)
    assert dialog.words.text() == LINK
    assert not dialog.code.pixmap().isNull()
    dialog.grab()  # lays it out
    assert dialog.code.height() >= dialog.code.pixmap().height()  # whole, or no phone reads it
    parts = [dialog.code, dialog.words, dialog.opens, dialog.button]
    for above, below in pairwise(part.geometry() for part in parts):
        assert above.bottom() < below.top()
    assert dialog.opens.height() >= dialog.opens.heightForWidth(dialog.opens.width())
    assert dialog.opens.text() == CLOSED.opens
    assert steered.window.notice.text() == "Phones may watch."
    dialog.button.click()
    assert steered.session.asked[-1] == ChangeSettings(change=Change(phones=False))

    steered.says(CLOSED)
    assert not dialog.code.isVisible()
    assert dialog.button.text() == "Let phones watch"
    assert steered.window.notice.text() == "Phones may not watch any more."


@pytest.mark.parametrize("layout", THEMES)
def test_what_the_link_opens_is_read_whole_where_phones_watch_already(
    qtbot: QtBot, layout: LayoutName
) -> None:
    steered = Steered(qtbot, OPEN)
    steered.window.arrange(layout)
    dialog = steered.phone()
    dialog.grab()  # lays it out
    assert dialog.opens.height() >= dialog.opens.heightForWidth(dialog.opens.width())


@pytest.mark.parametrize("layout", THEMES)
def test_fields_have_the_colours_of_the_layout(qtbot: QtBot, layout: LayoutName) -> None:
    steered = Steered(qtbot, CLOSED)
    steered.window.arrange(layout)
    dialog = steered.settings()
    for field in (dialog.speed, dialog.smoothing, dialog.delay):
        colours = field.palette()
        for role in (QPalette.ColorRole.Base, QPalette.ColorRole.Button):
            assert colours.color(role).name() == THEMES[layout].panel
        assert colours.color(QPalette.ColorRole.Text).name() == THEMES[layout].text


def test_a_session_that_was_started_for_a_network_shows_its_link_and_no_button(
    qtbot: QtBot,
) -> None:
    dialog = Steered(qtbot, replace(OPEN, opens="")).phone()
    assert dialog.words.text() == LINK
    assert dialog.code.isVisible()
    assert not dialog.button.isVisible()


def test_that_phones_could_not_be_let_in_is_said(qtbot: QtBot) -> None:
    steered = Steered(qtbot, CLOSED)
    steered.session.reports.append(Failed(do="settings", message="No port is free."))
    steered.window.refresh(9.0)
    assert steered.window.notice.text() == "No port is free."


@pytest.mark.parametrize("item", ["settings"])
def test_a_window_that_only_watches_cannot_change_it(qtbot: QtBot, item: str) -> None:
    window = Window(Latest(Snapshot()), url=URL)
    qtbot.addWidget(window)
    window.show()
    assert not window.menus.actions[item].isEnabled()
    window.menus.actions["phone"].trigger()
    (dialog,) = window.findChildren(PhoneDialog)
    assert not dialog.button.isVisible()
