"""The wall of rooms in a real browser, against a real service that hears tones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from realtime_mer.sessions.store import FOLDER_VARIABLE
from realtime_mer.wording import ROOM_WORDS
from tests.rooms.serving import Feeder, Serving, serving
from tests.tones import tones
from tests.web.browser import AWAY, DESKTOP, PHONE, Browser, until

pytestmark = pytest.mark.slow

TABLET, LYING_TABLET = (820, 1180), (1180, 820)
CONNECTED = "document.documentElement.dataset.link === 'connected'"
_NAMES = "[...document.querySelectorAll('#rooms .name')].map((name) => name.textContent)"
_ALARMS = "[...document.querySelectorAll('#rooms .attention .name')].map((e) => e.textContent)"
# What sticks out of its tile or of the page, and tiles that overlap.
_MISPLACED = """
const boxes = [...document.querySelectorAll(".room")].map((e) => e.getBoundingClientRect());
const inside = (one, other) => one.left >= other.left - 1 && one.right <= other.right + 1
  && one.top >= other.top - 1 && one.bottom <= other.bottom + 1;
const wide = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
const out = [...document.querySelectorAll(".room")].flatMap((tile) =>
  [...tile.querySelectorAll(".name, .recording, svg, .state, .mood")]
    .filter((e) => getComputedStyle(e).position !== "absolute" && e.checkVisibility())
    .filter((e) => !inside(e.getBoundingClientRect(), tile.getBoundingClientRect()))
    .map((e) => `${tile.textContent} ${e.classList}`));
const over = boxes.filter((one, n) => boxes.slice(n + 1).some((other) =>
  one.left < other.right - 1 && other.left < one.right - 1
  && one.top < other.bottom - 1 && other.top < one.bottom - 1));
const round = [...document.querySelectorAll(".room svg")]
  .map((e) => e.getBoundingClientRect())
  .filter(({ width, height }) => Math.abs(width - height) > 1 || width < 52);
const cut = [...document.querySelectorAll(".room .state, .room .recording")]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
  .map((e) => `${e.textContent} is cut short`);
const high = [...document.querySelectorAll(".room .say")]
  .filter((e) => e.scrollHeight > e.clientHeight + 1)
  .map((e) => `${e.textContent} is too high`);
return [...wide, ...out, ...cut, ...high, ...over.map(String), ...round.map(({ width, height }) =>
  `a plane of ${width} by ${height}`)];
"""


@pytest.fixture
def at(tab: Browser, tmp_path: Path) -> Iterator[Serving]:
    """A service of three rooms, of which nobody feeds any, for a tab that is closed before it."""
    with serving(tmp_path, rooms=("room-10", "hall", "room-2")) as running:
        yield running
        tab.driver.get("about:blank")


def open_wall(tab: Browser, at: Serving, *, size: tuple[int, int] = DESKTOP) -> None:
    tab.open(at.service, page="rooms", size=size)
    tab.wait_for(CONNECTED)


def tile(number: int, part: str) -> str:
    return f"document.querySelectorAll('.room')[{number}].querySelector('{part}').textContent"


def sounding(feeder: Feeder, tab: Browser, script: str) -> Any:
    """Let a room go on sounding until an expression in the page is true, and return it."""

    def look() -> Any:
        feeder.send(tones(0.04, music=0.9))
        return tab.js(f"return {script}")

    return until(look, what=script)


def test_rooms_stand_by_their_names_and_tell_in_words_how_they_fare(
    tab: Browser, at: Serving
) -> None:
    open_wall(tab, at)
    assert tab.wait_for(f"{_NAMES}.length === 3 && {_NAMES}") == ["hall", "room-2", "room-10"]
    tab.wait_for(f"{tile(0, '.word')} === 'no sound arrives'")
    assert tab.js(f"return {tile(0, '.note')}") == "nobody sends"
    with Feeder(at, "hall") as feeder:
        feeder.open()
        sounding(feeder, tab, f"{tile(0, '.word')} === 'music'")
        numbers = sounding(feeder, tab, tile(0, ".numbers"))
        assert numbers.startswith("valence +0.9")
        tab.wait_for("document.querySelector('.room .here').style.transform !== ''")
        tab.wait_for(f"{tile(0, '.note')}.startsWith('none for')")  # it falls silent
        feeder.end()
        tab.wait_for(f"{tile(0, '.word')} === 'off'")


def test_a_room_that_needs_somebody_is_counted_marked_and_said_once(
    tab: Browser, at: Serving
) -> None:
    open_wall(tab, at)
    tab.wait_for(f"{_ALARMS}.length === 3")
    assert tab.wait_for("document.getElementById('count').textContent") == "3 rooms, 3 need you"
    tab.wait_for("document.getElementById('announcer').textContent.includes('room-2: no sound')")
    with Feeder(at, "hall") as feeder:
        feeder.open()
        # Not by colour alone: a sign, a thicker rim and a filled bar.
        found = sounding(
            feeder,
            tab,
            f"{_ALARMS}.length === 2 && [{_ALARMS}, "
            "...[0, 1].map((n) => document.querySelectorAll('.room')[n]).map((tile) =>"
            "[getComputedStyle(tile.querySelector('.sign')).display,"
            "getComputedStyle(tile.querySelector('a')).borderTopWidth])]",
        )
        assert found == [["room-2", "room-10"], ["none", "1px"], ["inline-block", "3px"]]


def test_keys_go_from_room_to_room_and_to_those_that_need_somebody(
    tab: Browser, at: Serving
) -> None:
    with Feeder(at, "hall") as feeder:
        feeder.open()
        feeder.send(tones(4.0, music=1.0))
        open_wall(tab, at)
        tab.wait_for(f"{_ALARMS}.length === 3")  # it is silent by now
        focused = "document.activeElement.querySelector?.('.name')?.textContent"
        for key, name in (("a", "hall"), ("a", "room-2"), ("a", "room-10"), ("a", "hall")):
            tab.press(key)
            assert tab.js(f"return {focused}") == name
        for key, name in (
            (Keys.END, "room-10"),
            (Keys.HOME, "hall"),
            (Keys.ARROW_RIGHT, "room-2"),
            (Keys.END, "room-10"),
        ):
            tab.press(key)
            assert tab.js(f"return {focused}") == name
        tab.press(Keys.HOME)
        tab.press(Keys.ENTER)
        tab.wait_for("location.pathname === '/rooms/hall/'")
        tab.wait_for("document.getElementById('mood')?.textContent.trim()")
        assert tab.text("#room").endswith("hall, back to all rooms")
        tab.js("document.getElementById('room').click()")
        tab.wait_for(f"location.pathname === '/rooms' && {CONNECTED}")


def test_a_room_that_is_recorded_says_so_and_what_is(
    tab: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "sessions"))
    kept = {"record": ("hall",), "record_sound": ("lobby",)}
    with serving(tmp_path, rooms=("attic", "hall", "lobby"), **kept) as at:
        open_wall(tab, at)
        badges = "[...document.querySelectorAll('.room .recording')].map((e) => e.innerText)"
        tab.wait_for(f"{badges}.length === 3")
        found = tab.wait_for(f"{badges}[1] !== '' && {badges}")
        assert found == ["", "\N{BLACK CIRCLE} REC", "\N{BLACK CIRCLE} REC SOUND"]
        assert tab.js(f"{_MISPLACED}") == []
        tab.driver.get("about:blank")


def test_with_reduced_motion_points_do_not_glide(tab: Browser, at: Serving) -> None:
    reduced = {"name": "prefers-reduced-motion", "value": "reduce"}
    tab.cdp("Emulation.setEmulatedMedia", features=[reduced])
    open_wall(tab, at)
    tab.wait_for(f"{_NAMES}.length === 3")
    style = "getComputedStyle(document.querySelector('.room .here')).transitionDuration"
    assert tab.js(f"return {style}") == "0s"


def test_a_room_that_is_fed_and_not_computed_does_not_blame_a_sound_device(
    tab: Browser, at: Serving
) -> None:
    open_wall(tab, at)
    room = '{state: "fed", status: "reconnecting", quiet_s: 0, age_s: %s}'
    for age in ("null", "12"):
        state = tab.module("room-state.js", f"return m.roomState({room % age}, 0)")
        assert (state["word"], state["note"]) == ROOM_WORDS["late"]
        assert state["attention"]


def test_without_its_service_the_wall_says_that_all_it_shows_is_stale(
    tab: Browser, tmp_path: Path
) -> None:
    tab.expected = AWAY
    with serving(tmp_path, rooms=("hall",)) as at:
        open_wall(tab, at)
        tab.wait_for(f"{_NAMES}.length === 1")
    tab.wait_for("document.getElementById('state-word').textContent === 'reconnecting'")
    tab.wait_for(f"{tile(0, '.word')} === 'stale'")
    assert tab.js(f"return {_ALARMS}") == ["hall"]
    tab.driver.get("about:blank")


def test_whoever_has_no_token_is_asked_for_it(tab: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, rooms=("hall",), ask=True) as at:
        tab.open(at.service, page="rooms")
        tab.wait_for("document.getElementById('token-dialog').open")
        assert tab.text("#token-reason") == "It says: the service asks for a token."
        tab.driver.get("about:blank")


@pytest.mark.parametrize("count", [1, 12, 40])
def test_every_plane_is_a_square_within_its_tile_on_desktop_tablet_and_phone(
    tab: Browser, tmp_path: Path, count: int
) -> None:
    with serving(tmp_path, rooms=tuple(f"a-rather-long-name-{n}" for n in range(count))) as at:
        open_wall(tab, at)
        tab.wait_for(f"{_NAMES}.length === {count}")
        for size in (DESKTOP, TABLET, LYING_TABLET, PHONE):
            tab.resize(size)
            tab.wait_for(
                "(() => {" + _MISPLACED.replace("return", "const found =") + "; "
                "return found.length === 0 })()"
            )
            if size != PHONE:
                tab.wait_for("document.documentElement.scrollHeight <= innerHeight + 1")
        tab.driver.get("about:blank")
