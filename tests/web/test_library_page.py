"""The page of a library in a real browser, against a real service."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from realtime_mer.library.browsing.serve import LibraryServer
from realtime_mer.library.browsing.shelf import Shelf
from realtime_mer.library.tracks import Track
from tests.library.browsing.made_library import (
    add_tracks,
    made_library,
    moving_track,
    write_sounds,
)
from tests.library.made import made_track
from tests.web.browser import DESKTOP, FULL_HD, PHONE, Browser, until

pytestmark = pytest.mark.slow

TABLET, LYING_TABLET = (820, 1180), (1180, 820)
SIZES = (DESKTOP, FULL_HD, TABLET, LYING_TABLET, PHONE)
TOKEN = "iq3Xl0vT2k9uVnB7sWcE5yRz"

Open = Callable[..., LibraryServer]


@pytest.fixture
def open_library(tab: Browser) -> Iterator[Open]:
    """Opens the page of a table, whose service ends after the page."""
    running: list[tuple[LibraryServer, threading.Thread]] = []

    def opened(
        table: Path,
        *,
        size: tuple[int, int] = DESKTOP,
        fragment: str = "",
        token: str | None = None,
    ) -> LibraryServer:
        server = LibraryServer(Shelf(table), token=token)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        tab.visit(server.url.rstrip("/"), size=size, fragment=fragment)
        return server

    yield opened
    tab.driver.get("about:blank")  # a page left open would complain that the service is gone
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_for_points(tab: Browser, drawn: str = "points") -> None:
    tab.wait_for(f"document.getElementById('stage').dataset.drawn === '{drawn}'")


CORNERS = {
    "right": (0.4, 0.0),
    "up": (0.0, 0.4),
    "left": (-0.4, 0.0),
    "down": (0.0, -0.4),
    "middle": (0.02, 0.01),
}


def cross(folder: str = "/music") -> list[Track]:
    return [
        moving_track(f"{folder}/{name}.flac", *place, seconds=100.0, seed=1)
        for name, place in CORNERS.items()
    ]


def on_stage(tab: Browser, valence: float, arousal: float) -> tuple[int, int]:
    """Return where a place of the plane is, from the middle of the stage, in CSS pixels."""
    x, y = tab.js(
        "const frame = document.querySelector('#ground .frame').getBoundingClientRect();"
        "const stage = document.getElementById('stage').getBoundingClientRect();"
        "const [valence, arousal] = arguments;"
        "return [frame.left + (valence + 1) / 2 * frame.width - stage.left - stage.width / 2,"
        " frame.top + (1 - arousal) / 2 * frame.height - stage.top - stage.height / 2]",
        valence,
        arousal,
    )
    return round(x), round(y)


def stage(tab: Browser) -> Any:
    return tab.driver.find_element("id", "stage")


def press(tab: Browser, valence: float, arousal: float) -> None:
    """Press the plane at a place."""
    actions = ActionChains(tab.driver, duration=20)
    place = on_stage(tab, valence, arousal)
    actions.move_to_element_with_offset(stage(tab), *place).click().perform()


def choose_the_middle(tab: Browser) -> None:
    """Choose the track in the middle of the cross, without a sound."""
    tab.js("document.getElementById('stage').focus()")
    tab.press(Keys.ARROW_UP)
    tab.wait_for("document.getElementById('track-title').textContent === 'middle'")


def lasso(tab: Browser, corners: list[tuple[float, float]]) -> None:
    """Draw a closed line through places of the plane."""
    actions = ActionChains(tab.driver, duration=20)
    places = [on_stage(tab, *corner) for corner in corners]
    actions.move_to_element_with_offset(stage(tab), *places[0]).click_and_hold()
    for before, after in zip(places, [*places[1:], places[0]], strict=True):
        actions.move_by_offset(after[0] - before[0], after[1] - before[1])
    actions.release().perform()


def open_filters(tab: Browser) -> None:
    tab.js("document.querySelector('#filters details').open = true")


def rows(tab: Browser, selector: str) -> list[str]:
    found: list[str] = tab.js(
        "return [...document.querySelectorAll(arguments[0])]"
        ".map(row => row.querySelector('.title-of span').textContent)",
        f"{selector} li",
    )
    return found


def test_arrow_keys_go_to_the_nearest_track_in_their_direction(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    add_tracks(tmp_path / "t.sqlite", cross())
    open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    tab.js("document.getElementById('stage').focus()")
    for key, name in (
        (Keys.ARROW_UP, "middle"),
        (Keys.ARROW_RIGHT, "right"),
        (Keys.ARROW_LEFT, "middle"),
        (Keys.ARROW_DOWN, "down"),
        (Keys.ARROW_UP, "middle"),
        (Keys.ARROW_UP, "up"),
    ):
        tab.press(key)
        tab.wait_for(f"document.getElementById('track-title').textContent === '{name}'")
    tab.wait_for("/^up, .*, valence [+−]0\\.0/.test(announcer.textContent)")
    assert float(tab.js("return document.getElementById('ground').dataset.arousal")) > 0.3
    tab.press(Keys.ARROW_UP)
    tab.wait_for("said.textContent === 'There is no track in that direction.'")
    tab.press(Keys.SPACE)
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 1")
    assert rows(tab, "#playlist-list") == ["up"]
    tab.press(Keys.SPACE)
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 0")


def test_a_line_drawn_around_tracks_adds_them_to_the_playlist(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    add_tracks(tmp_path / "t.sqlite", cross())
    open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    lasso(tab, [(-0.2, -0.2), (0.7, -0.2), (0.7, 0.2), (-0.2, 0.2)])
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 2")
    assert sorted(rows(tab, "#playlist-list")) == ["middle", "right"]
    assert tab.text("#playlist-count") == "2 tracks, 3:20"
    lasso(tab, [(-0.2, 0.2), (0.2, 0.2), (0.2, 0.7), (-0.2, 0.7)])
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 3")
    tab.js("document.querySelector('#playlist-list .out').click()")
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 2")
    tab.wait_for("document.activeElement.className === 'out'")
    tab.js("undo.click()")
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 3")
    tab.js("empty.click()")
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 0")


def test_filters_show_what_is_wanted_and_take_it_without_a_pointer(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    add_tracks(tmp_path / "t.sqlite", cross())
    open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    open_filters(tab)
    form = tab.driver.find_element("css selector", "#filters form")
    form.find_element("name", "valence-least").send_keys("-0.2")
    form.find_element("name", "arousal-least").send_keys("-0.2")
    tab.wait_for("shown.textContent === '3 tracks shown'")
    form.find_element("name", "text").send_keys("RIGHT")
    tab.wait_for("shown.textContent === '1 track shown'")
    tab.js("take.focus()")
    tab.press(Keys.ENTER)
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 1")
    assert rows(tab, "#playlist-list") == ["right"]
    tab.js("document.querySelector('#filters [type=reset]').click()")
    tab.wait_for("shown.textContent === ''")
    tab.js("mood.value = 'happy'; mood.dispatchEvent(new Event('input', { bubbles: true }))")
    tab.wait_for("shown.textContent !== ''")
    tab.js("document.querySelector('#filters [type=reset]').click()")
    for name, value, count in (("seconds-most", "1.5", "0 tracks"), ("seconds-most", "1.7", "")):
        field = form.find_element("name", name)
        field.clear()
        field.send_keys(value)
        wanted = f"{count} shown" if count else ""
        tab.wait_for("shown.textContent === arguments[0]", wanted)


def test_the_playlist_is_saved_and_its_paths_are_copied(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    add_tracks(tmp_path / "t.sqlite", cross())
    server = open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    tab.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
    tab.cdp(
        "Browser.grantPermissions",
        origin=server.url,
        permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
    )
    lasso(tab, [(-0.2, -0.2), (0.7, -0.2), (0.7, 0.2), (-0.2, 0.2)])
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 2")
    tab.driver.find_element("id", "save").click()
    tab.wait_for("said.textContent === 'The playlist is in your downloads.'")
    saved = downloads / "playlist.m3u8"
    until(saved.is_file, what="the playlist is there")
    lines = saved.read_text().splitlines()
    assert lines[0] == "#EXTM3U"
    assert sorted(line for line in lines if line[0] == "/") == [
        "/music/middle.flac",
        "/music/right.flac",
    ]
    tab.driver.find_element("id", "copy").click()
    tab.wait_for("said.textContent === 'The paths are in the clipboard, one a line.'")
    copied = tab.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert sorted(copied.splitlines()) == ["/music/middle.flac", "/music/right.flac"]


def test_more_like_a_moment_are_the_tracks_whose_hops_lie_nearest_to_it(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    add_tracks(tmp_path / "t.sqlite", cross())
    open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    choose_the_middle(tab)
    # It is drawn once the page has given it a size.
    tab.wait_for("document.querySelectorAll('#course .line[points]').length === 2")
    before = tab.text("#moment-words")
    moment = tab.driver.find_element("id", "moment")
    moment.send_keys(Keys.HOME)
    tab.wait_for("document.getElementById('moment-words').textContent !== arguments[0]", before)
    assert tab.text("#moment-words").startswith("0:00, valence ")
    assert moment.get_attribute("aria-valuetext") == tab.text("#moment-words")
    assert tab.js("return document.querySelector('#marks .moment').hasAttribute('cx')")
    tab.js("alike.click()")
    tab.wait_for("document.querySelectorAll('#alike-list li').length === 4")
    distances = [
        float(row)
        for row in tab.js(
            "return [...document.querySelectorAll('#alike-list button > .name')]"
            ".map(e => e.textContent)"
        )
    ]
    assert distances == sorted(distances)
    assert "middle" not in rows(tab, "#alike-list")
    tab.js("document.getElementById('alike-add').click()")
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 4")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_tracks_are_heard_by_key_by_press_and_by_pointing_and_silenced_by_escape(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    sounds = write_sounds(tmp_path)
    names = dict(zip(CORNERS, ("flac", "ogg", "wma", "aiff", "wav"), strict=True))
    add_tracks(
        tmp_path / "t.sqlite",
        [
            moving_track(str(sounds[names[name]]), *place, seconds=40.0, seed=1)
            for name, place in CORNERS.items()
        ],
    )
    server = open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    tab.js("document.getElementById('stage').focus()")
    heard = "document.getElementById('play').getAttribute('aria-pressed')"
    played = "document.querySelector('#course .played').getAttribute('d')"
    tab.press(Keys.ARROW_UP)
    tab.wait_for("document.getElementById('track-title').textContent === 'tone'")
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_DOWN):  # flac, wav, aiff
        tab.press(key)
        tab.press(Keys.ENTER)
        tab.wait_for(f"{heard} === 'true' && {played}")
        tab.press(Keys.ESCAPE)
        tab.wait_for(f"{heard} === 'false' && !{played}")
    asked = [url.removeprefix(server.url) for url in tab.requests() if "/sound/" in url]
    assert [url.endswith("/clip?at=10") for url in asked] == [False, False, True]

    for name in ("left", "up"):  # wma, ogg
        actions = ActionChains(tab.driver, duration=20)
        place = on_stage(tab, *CORNERS[name])
        actions.move_to_element_with_offset(stage(tab), *place).perform()
        tab.wait_for("document.documentElement.dataset.playing")
        tab.wait_for("!document.getElementById('tip').hidden")
        assert tab.text("#tip").startswith(f"tone in {names[name]}")
        actions.move_by_offset(40, 40).perform()
        tab.wait_for("!document.documentElement.dataset.playing")
    tab.js("hovering.click()")
    press(tab, *CORNERS["right"])
    tab.wait_for(f"{heard} === 'true' && {played}")
    assert tab.text("#track-title") == "tone in flac"


def test_a_file_that_is_not_there_is_told(tab: Browser, open_library: Open, tmp_path: Path) -> None:
    tab.expected = "/sound/"
    add_tracks(tmp_path / "t.sqlite", [made_track("/nowhere/a.flac", typical_s=1.0)])
    open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    press(tab, 0.0, 0.0)
    tab.wait_for("said.textContent === 'It cannot be played: the file is not there.'")


def test_a_hundred_thousand_tracks_are_shown_by_their_density(
    tab: Browser, open_library: Open, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    made_library(tmp_path / "t.sqlite", 100_000)
    open_library(tmp_path / "t.sqlite")
    wait_for_points(tab, "density")
    assert tab.text("#count") == "100\u202f000 tracks"
    record_property("frames", frames(tab))
    tab.js("document.getElementById('stage').focus()")
    for key in (Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT):
        tab.press(key)
    tab.wait_for("document.getElementById('track-title').textContent !== ''")
    open_filters(tab)
    tab.driver.find_element("name", "valence-least").send_keys("0.5")
    wait_for_points(tab)


def frames(tab: Browser) -> dict[str, float]:
    """Return milliseconds a frame while a filter moves and while the pointer does."""
    found: dict[str, float] = tab.driver.execute_async_script(_FRAMES)
    return found


_FRAMES = """
const done = arguments[0];
const times = async (act, count) => {
  const all = [];
  let before = await new Promise(requestAnimationFrame);
  for (let number = 0; number < count; number += 1) {
    act(number / count);
    const now = await new Promise(requestAnimationFrame);
    all.push(now - before);
    before = now;
  }
  all.sort((one, other) => one - other);
  return { median: all[count >> 1], slowest: all.at(-1) };
};
const field = document.getElementsByName("valence-least")[0];
const stage = document.getElementById("stage");
const { left, top, width, height } = stage.getBoundingClientRect();
(async () => {
  const filtering = await times((share) => {
    field.value = -0.3 * share;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }, 60);
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  const pointing = await times((share) => {
    const [clientX, clientY] = [left + width * (0.3 + 0.4 * share), top + height / 2];
    const kind = { clientX, clientY, isPrimary: true, pointerType: "mouse", bubbles: true };
    stage.dispatchEvent(new PointerEvent("pointermove", kind));
  }, 60);
  stage.dispatchEvent(new PointerEvent("pointerleave", { pointerType: "mouse" }));
  done({ filtering, pointing });
})();
"""


def test_the_page_follows_the_table_and_the_playlist_stays(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    table = tmp_path / "t.sqlite"
    add_tracks(table, cross())
    server = open_library(table)
    wait_for_points(tab)
    lasso(tab, [(0.2, -0.2), (0.7, -0.2), (0.7, 0.2), (0.2, 0.2)])
    tab.wait_for("document.querySelectorAll('#playlist-list li').length === 1")
    add_tracks(table, [moving_track("/music/a new one.flac", -0.4, 0.4, seconds=60.0, seed=2)])
    server._shelf._next = 0.0
    tab.js("document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait_for("count.textContent === '6 tracks'")
    assert rows(tab, "#playlist-list") == ["right"]


def test_the_token_is_asked_for_and_kept_out_of_every_address(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    tab.expected = "401 (Unauthorized)"
    add_tracks(tmp_path / "t.sqlite", cross())
    open_library(tmp_path / "t.sqlite", token=TOKEN)
    tab.wait_for("document.getElementById('token-dialog').open")
    tab.driver.find_element("id", "token").send_keys(TOKEN, Keys.ENTER)
    wait_for_points(tab)
    assert [url for url in tab.requests() if TOKEN in url.partition("#")[0]] == []


@pytest.mark.parametrize("theme", ["dj", "therapy"])
def test_everything_fits_and_can_be_touched_and_read_on_every_screen(
    tab: Browser, open_library: Open, tmp_path: Path, theme: str
) -> None:
    add_tracks(tmp_path / "t.sqlite", cross())
    open_library(tmp_path / "t.sqlite", fragment=f"#theme={theme}")
    wait_for_points(tab)
    choose_the_middle(tab)
    lasso(tab, [(0.2, -0.2), (0.7, -0.2), (0.7, 0.2), (0.2, 0.2)])
    open_filters(tab)
    tab.js("alike.click()")
    tab.wait_for("document.querySelectorAll('#alike-list li').length === 4")
    for size in SIZES:
        tab.resize(size)
        tab.wait_for(
            "ground.viewBox.baseVal.width - ground.getBoundingClientRect().width < 1"
            " && innerWidth === arguments[0]",
            size[0],
        )
        assert tab.js("return document.documentElement.scrollWidth") <= size[0], size
        assert tab.js(_SMALL_TARGETS) == [], size
        assert tab.js(_SMALL_TEXTS) == [], size
        side = tab.js("return document.querySelector('#ground .frame').getBBox().width")
        assert side >= min(300, size[0] - 80), size


_SMALL_TARGETS = """
const small = [];
for (const control of document.querySelectorAll("button, input, select, summary")) {
  if (!control.checkVisibility()) continue;
  const { width, height } = control.getBoundingClientRect();
  if (width < 43.9 || height < 43.9) small.push([control.id || control.outerHTML, width, height]);
}
return small;
"""
_SMALL_TEXTS = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const small = [];
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const words = walker.currentNode.textContent.trim();
  if (words === "" || element.closest("script, noscript, .unseen")) continue;
  if (!element.checkVisibility()) continue;
  const size = Number.parseFloat(getComputedStyle(element).fontSize);
  if (size < 12.99) small.push([words, size]);
}
return small;
"""


def test_every_control_has_a_name_for_screen_readers(
    tab: Browser, open_library: Open, tmp_path: Path
) -> None:
    add_tracks(tmp_path / "t.sqlite", cross())
    open_library(tmp_path / "t.sqlite")
    wait_for_points(tab)
    choose_the_middle(tab)
    open_filters(tab)
    nodes = tab.cdp("Accessibility.getFullAXTree")["nodes"]
    asked = {"button", "textbox", "searchbox", "combobox", "spinbutton", "slider", "application"}
    roles = {node["role"]["value"] for node in nodes if not node["ignored"]}
    assert {"slider", "spinbutton", "application", "button"} <= roles
    nameless = [
        node
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in asked
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
