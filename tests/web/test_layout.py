"""What the browser display looks like on each screen: places, sizes, and what gives way to what."""

from itertools import count
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from realtime_mer.estimate import Status
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Marker, RecordingState, StatusMessage
from realtime_mer.wording import STATUS_WORDS
from tests.web.browser import FULL_HD, Browser, estimate_at, piece, publish

pytestmark = pytest.mark.slow

NOTEBOOK, SMALL_NOTEBOOK, TABLET, LYING_TABLET = (1280, 800), (1280, 720), (768, 1024), (1024, 768)
PHONE, LYING_PHONE = (390, 844), (844, 390)
PHONES = (PHONE, LYING_PHONE, (360, 740))
SIZES = (NOTEBOOK, SMALL_NOTEBOOK, FULL_HD, TABLET, LYING_TABLET, PHONE, LYING_PHONE)
THEMES = ("dj", "therapy")


@pytest.fixture(params=THEMES)
def display(tab: Browser, service: Service, request: pytest.FixtureRequest) -> Browser:
    """The display of a piece of music that is being recorded, with a note."""
    tab.open(service, fragment=f"#theme={request.param}")
    tab.wait_for("document.getElementById('network').textContent")
    service.publish(status(Status.MUSIC))
    for estimate in piece(2.0):
        publish(service, estimate)
    service.publish(Marker(label="a note of forty characters or even more", t=1.0))
    tab.wait_for("document.querySelectorAll('#markers li').length === 1")
    tab.wait_for("document.getElementById('mood').textContent.trim() !== ''")
    return tab


def status(state: Status, detail: str = "") -> StatusMessage:
    return StatusMessage(
        status=state,
        detail=detail,
        t=2.0,
        wall_time=None,
        source="Scarlett 18i20 USB",
        recording=RecordingState(estimates=True, sound=False),
    )


def resize(tab: Browser, size: tuple[int, int]) -> None:
    """Give the page a size, and wait until the pictures are drawn for it."""
    tab.resize(size)
    tab.wait_for(_DRAWN)


_DRAWN = """[...document.querySelectorAll("#plane svg, #lines svg")].every((svg) => {
  const room = svg.getBoundingClientRect();
  const axis = svg.querySelector(".axis").getBoundingClientRect();
  const fits = (one, other) => Math.abs(one - other) < 1;
  const { width, height } = svg.viewBox.baseVal;
  const sized = fits(width, room.width) && fits(height, room.height);
  if (svg.closest("#plane")) return sized;
  const middle = ({ top, bottom }) => (top + bottom) / 2;
  return sized && fits(axis.right, room.right - 6) && fits(middle(axis), middle(room));
})"""


def test_the_time_lines_are_high_enough_to_read_and_begin_and_end_alike(display: Browser) -> None:
    for size in SIZES:
        resize(display, size)
        valence, arousal = display.js(
            "const all = [...document.querySelectorAll('#lines .axis')];"
            "return all.map(e => e.getBoundingClientRect())"
        )
        assert min(valence["height"], arousal["height"]) >= (65 if size[1] < 768 else 85)
        assert valence["height"] == pytest.approx(arousal["height"], abs=1)
        assert valence["left"] == arousal["left"]
        assert valence["right"] == arousal["right"]


def test_on_a_phone_no_button_but_that_of_the_menu_stands_above_the_mood(display: Browser) -> None:
    for size in PHONES:
        resize(display, size)
        above, bottom = display.js(
            "const { top, bottom } = mood.getBoundingClientRect();"
            "const above = [...document.querySelectorAll('button, input, summary')]"
            ".filter(e => e.checkVisibility() && e.getBoundingClientRect().top < top);"
            "return [above.map(e => e.id), bottom]"
        )
        assert above == ["menu"]
        assert bottom < size[1] / 3


def test_on_a_phone_the_mood_stays_where_it_is_whatever_the_state_has_to_say(
    display: Browser, service: Service
) -> None:
    numbers = count(50)
    for size in PHONES[1:]:
        resize(display, size)
        place = "document.getElementById('mood').getBoundingClientRect().top"
        before = display.js(f"return {place}")
        for state in Status:
            publish(service, estimate_at(0.3, 0.3, seq=next(numbers), status=state))
            service.publish(status(state))
            word = STATUS_WORDS[state]
            display.wait_for(
                "document.getElementById('state-word').textContent === arguments[0]", word
            )
            assert display.js(f"return {place}") == before, state


def test_nothing_moves_when_the_word_of_the_mood_is_a_longer_one(display: Browser) -> None:
    for size in SIZES:
        resize(display, size)
        places = []
        for word in ("sad", "astonished", "between calm and tired"):
            display.say_mood(word)
            top = "document.getElementById('numbers').getBoundingClientRect().top"
            places.append(display.js(f"return {top}"))
        assert len(set(places)) == 1


def test_no_text_is_smaller_than_13_pixels(display: Browser) -> None:
    for size in SIZES:
        resize(display, size)
        display.js(_OPEN_ALL)
        assert display.js(_SMALL_TEXTS) == []


def test_whatever_is_touched_is_44_pixels_wide_and_high(display: Browser) -> None:
    for size in SIZES:
        resize(display, size)
        display.js(_OPEN_ALL)
        assert display.js(_SMALL_TARGETS) == []


_OPEN_ALL = """
for (const { id } of [...document.querySelectorAll("dialog")]) {
  document.getElementById(id).setAttribute("open", "");
}
details.open = true;
menu.setAttribute("aria-expanded", "true");
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
_SMALL_TARGETS = """
const small = [];
for (const control of document.querySelectorAll("button, input, summary")) {
  if (!control.checkVisibility()) continue;
  const target = control.closest("label") ?? control;
  const { width, height } = target.getBoundingClientRect();
  if (width < 44 || height < 43.9) small.push([control.id || control.outerHTML, width, height]);
}
return small;
"""


@pytest.mark.parametrize("side", [318, 362, 550, 950])
@pytest.mark.parametrize("own", [{}, {"tense": "angespannt wie nie", "calm": "gelassen"}])
def test_nothing_covers_a_word_of_the_plane_wherever_the_point_is(
    tab: Browser, service: Service, side: int, own: dict[str, str]
) -> None:
    tab.open(service)
    tab.wait_for("document.getElementById('network').textContent")
    tab.js(_LONE_PLANE, side)
    plane = "import('/plane.js').then(m => { window.plane = new m.Plane(window.lone); })"
    tab.js(plane)
    tab.wait_for("window.plane && window.lone.viewBox.baseVal.width === arguments[0]", side)
    covered, least = tab.module("emotion.js", f"const own = {own};{_EVERY_POINT}")
    assert covered == []
    assert least >= 8  # of fifteen


_LONE_PLANE = """
const parent = document.createElement("div");
parent.id = "plane";
const side = `${arguments[0]}px`;
Object.assign(parent.style, { position: "fixed", top: 0, left: 0, width: side, height: side });
window.lone = document.createElementNS("http://www.w3.org/2000/svg", "svg");
parent.append(lone);
document.body.append(parent);
"""
_EVERY_POINT = """
const { plane, lone } = window;
const words = [...lone.querySelectorAll(".word")];
for (const word of words) word.style.transition = "none";
plane.showWords(own);
const covered = [];
let least = Infinity;
const box = (element) => {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const air = element.matches(".word") ? (bottom - top) / 5 : 0; // above and below its letters
  return { element, left, right, top: top + air, bottom: bottom - air };
};
const meet = (one, other) => one.left < other.right - 0.5 && other.left < one.right - 0.5
  && one.top < other.bottom - 0.5 && other.top < one.bottom - 0.5;
for (let valence = -1; valence <= 1; valence += 0.125) {
  for (let arousal = -1; arousal <= 1; arousal += 0.125) {
    const far = (mood) => Math.hypot(mood.valence - valence, mood.arousal - arousal);
    const mood = m.MOOD_WORDS.reduce((best, one) => (far(one) < far(best) ? one : best));
    plane.move({ valence, arousal, valence_sd: 0.1, arousal_sd: 0.1 });
    plane.showMood(mood.word);
    const shown = words.filter((word) => !word.classList.contains("away"));
    least = Math.min(least, shown.length);
    const boxes = [...shown, lone.querySelector(".point")].map(box);
    if (!shown.some((word) => word.classList.contains("here"))) {
      covered.push([valence, arousal, "no word of the mood"]);
    }
    boxes.forEach((one, number) => {
      for (const other of boxes.slice(number + 1)) {
        if (meet(one, other)) {
          const names = [one, other].map(({ element }) => element.textContent || "point");
          covered.push([valence, arousal, ...names]);
        }
      }
    });
  }
}
return [covered, least];
"""


def test_the_menu_of_a_phone_opens_and_closes_by_finger_and_by_key(display: Browser) -> None:
    for size in PHONES:
        resize(display, size)
        seen = "document.getElementById('help').checkVisibility()"
        menu = display.driver.find_element("id", "menu")
        assert not display.js(f"return {seen}")
        menu.click()
        assert display.js(f"return {seen}")
        assert menu.get_attribute("aria-expanded") == "true"
        menu.click()
        assert not display.js(f"return {seen}")
        display.js("menu.focus()")
        display.press(Keys.ENTER)
        display.press(Keys.TAB)
        assert display.js("return document.activeElement.id") == "theme"
        display.press(Keys.ESCAPE)
        assert not display.js(f"return {seen}")
        assert display.js("return document.activeElement.id") == "menu"
        display.press(Keys.ENTER)
        display.driver.find_element("id", "help").click()
        assert display.js("return document.getElementById('help-dialog').open")
        assert not display.js(f"return {seen}")
        display.press(Keys.ESCAPE)


def test_words_of_an_engineer_are_kept_in_the_details_which_open_within_the_screen(
    display: Browser,
) -> None:
    for size in SIZES:
        resize(display, size)
        words = "xruns", "skipped", "latency", "state", "model"
        shown = display.js("return document.body.innerText")
        assert [word for word in words if word in shown.split()] == []
        display.js("document.querySelector('summary').focus()")
        display.press(Keys.ENTER)
        opened = display.js("return document.querySelector('#details dl').innerText")
        assert [word for word in words if word not in opened.replace(",", "").split()] == []
        box: dict[str, Any] = display.js(
            "const dl = document.querySelector('#details dl');"
            "dl.scrollIntoView({ block: 'nearest' });"
            "return dl.getBoundingClientRect()"
        )
        display.press(Keys.ENTER)
        assert box["left"] >= 0
        assert box["top"] >= 0
        assert box["right"] <= size[0] + 1
        assert box["bottom"] <= size[1] + 1
