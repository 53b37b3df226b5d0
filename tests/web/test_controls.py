"""What the page of a session's owner can change, in a real browser against a real service."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from realtime_mer.service.links import qr_rows
from realtime_mer.service.server import Service
from realtime_mer.wire.settings import Change, Phones, Settings
from realtime_mer.wording import PHONES_OPEN, UNENCRYPTED
from tests.web.browser import AWAY, DESKTOP, HELLO, PHONE, Browser, until

pytestmark = pytest.mark.slow

KEY = secrets.token_urlsafe()
LINK = "http://192.168.1.5:41234/#token=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg"
OPENS = f"{PHONES_OPEN} {UNENCRYPTED}"
CLOSED = Settings(speed=1.0, delay_s=0.5, opens=OPENS)
OPEN = replace(CLOSED, phones=Phones(link=LINK, code=qr_rows(LINK)))
SHOWN = "document.getElementById('controls').hidden === false"


@pytest.fixture
def owned(tab: Browser) -> Iterator[Service]:
    """A service whose settings the owner of a key may change."""
    with Service(hello=HELLO, port=0, key=KEY) as running:
        running.tell_settings(CLOSED)
        yield running
        tab.driver.get("about:blank")


def asked(service: Service) -> Change:
    """The next change that a page asks for."""
    changes: list[Change] = []

    def taken() -> bool:
        changes.extend(service.take_changes())
        return bool(changes)

    until(taken, what="a change")
    (change,) = changes
    return change


def open_controls(tab: Browser, service: Service, *, size: tuple[int, int] = DESKTOP) -> None:
    tab.open(service, fragment=f"#control={KEY}", size=size)
    tab.wait_for(SHOWN)
    tab.js("document.getElementById('controls').click()")


def enter(tab: Browser, field: str, value: str) -> None:
    tab.js(
        "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('change'))",
        field,
        value,
    )


def test_speed_smoothing_and_delay_are_changed_from_the_page(tab: Browser, owned: Service) -> None:
    open_controls(tab, owned)
    assert tab.js("return document.getElementById('delay-s').value") == "0.5"
    enter(tab, "speed", "4")
    assert asked(owned) == Change(speed=4.0)
    enter(tab, "smoothing-s", "1.5")
    assert asked(owned) == Change(smoothing_s=1.5)
    enter(tab, "delay-s", "0")
    assert asked(owned) == Change(delay_s=0.0)
    owned.tell_settings(replace(CLOSED, speed=4.0))
    tab.wait_for("document.getElementById('controls-message').textContent === 'Changed.'")
    assert tab.js("return document.getElementById('speed').value") == "4"
    owned.tell_settings(replace(CLOSED, speed=None))
    tab.wait_for("document.getElementById('speed').disabled")


def test_a_value_beyond_its_bounds_is_not_asked_for(tab: Browser, owned: Service) -> None:
    open_controls(tab, owned)
    enter(tab, "delay-s", "61")
    enter(tab, "speed", "2")
    assert asked(owned) == Change(speed=2.0)


def test_phones_are_let_in_by_a_code_that_can_be_read_and_kept_out_again(
    tab: Browser, owned: Service
) -> None:
    open_controls(tab, owned)
    assert tab.text("#phones-opens") == OPENS
    tab.js("document.getElementById('phones-allow').click()")
    assert asked(owned) == Change(phones=True)
    owned.tell_settings(OPEN)
    tab.wait_for("!document.getElementById('phones-link').hidden")
    assert tab.text("#phones-link") == LINK
    assert drawn(tab) == [row.count("1") for row in qr_rows(LINK)]
    tab.js("document.getElementById('phones-allow').click()")
    assert asked(owned) == Change(phones=False)
    owned.tell_settings(CLOSED)
    tab.wait_for("document.getElementById('phones-link').hidden")
    assert tab.text("#phones-link") == ""


def drawn(tab: Browser) -> list[int]:
    """How many dark modules each row of the code has."""
    path: str = tab.js("return document.querySelector('#phones-code path').getAttribute('d')")
    rows = [int(part.split()[1]) for part in path.replace("h1v1h-1z", "").split("M") if part]
    return [rows.count(row) for row in range(4, 4 + len(qr_rows(LINK)))]


def test_what_the_session_refuses_is_said_and_the_field_goes_back(
    tab: Browser, owned: Service
) -> None:
    open_controls(tab, owned)
    enter(tab, "speed", "8")
    asked(owned)
    owned.refuse_change("No port is free.")
    tab.wait_for(
        "document.getElementById('controls-message').textContent"
        " === 'Not changed: No port is free.'"
    )
    assert tab.js("return document.getElementById('speed').value") == "1"


def test_the_key_leaves_the_address_and_holds_for_a_reloaded_tab(
    tab: Browser, owned: Service
) -> None:
    open_controls(tab, owned)
    assert KEY not in tab.driver.current_url
    tab.driver.refresh()
    tab.wait_for(SHOWN)
    assert not any(KEY in url for url in tab.requests())


@pytest.mark.parametrize("fragment", ["", "#control=wrong"])
def test_a_page_without_the_key_shows_nothing_of_it(
    tab: Browser, owned: Service, fragment: str
) -> None:
    tab.open(owned, fragment=fragment)
    tab.wait_for("document.getElementById('network')?.textContent")  # own was answered before
    assert tab.js("return document.getElementById('controls').hidden")
    assert tab.text("#marker-message") == ""


def test_while_there_is_no_connection_nothing_can_be_changed(tab: Browser) -> None:
    tab.expected = AWAY
    with Service(hello=HELLO, port=0, key=KEY) as service:
        service.tell_settings(CLOSED)
        open_controls(tab, service)
    tab.wait_for("document.getElementById('controls').hidden")
    assert not tab.js("return document.getElementById('controls-dialog').open")
    tab.driver.get("about:blank")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["dj", "therapy"])
def test_the_dialog_fits_and_its_parts_do_not_overlap(
    tab: Browser, owned: Service, size: tuple[int, int], theme: str
) -> None:
    owned.tell_settings(OPEN)
    tab.open(owned, fragment=f"#control={KEY}&theme={theme}", size=size)
    tab.wait_for(SHOWN)
    tab.js("document.getElementById('controls').click()")
    tab.wait_for("document.querySelector('#phones-code path') !== null")
    boxes = tab.js(
        "const page = document.querySelector('#controls-dialog form').getBoundingClientRect();"
        "return [...document.querySelectorAll('#controls-dialog form > *')]"
        ".filter((part) => !part.matches('.buttons'))"
        ".map((part) => part.getBoundingClientRect())"
        ".map(({left, right, top, bottom}) => ({left: left - page.left, right: page.right - right,"
        " top, bottom}))"
    )
    assert all(box["left"] > -1 and box["right"] > -1 for box in boxes)
    for above, below in pairwise(boxes):
        assert above["bottom"] <= below["top"] + 1


def test_the_code_is_whole_on_a_small_desktop_so_that_a_phone_can_read_it(
    tab: Browser, owned: Service
) -> None:
    owned.tell_settings(OPEN)
    open_controls(tab, owned, size=(1280, 800))
    tab.wait_for("document.querySelector('#phones-code path') !== null")
    code, buttons = tab.js(
        "return ['#phones-code', '#controls-dialog .buttons']"
        ".map((name) => document.querySelector(name).getBoundingClientRect())"
        ".map(({top, bottom}) => ({top, bottom}))"
    )
    assert code["bottom"] <= buttons["top"] + 1
