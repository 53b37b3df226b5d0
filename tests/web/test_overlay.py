"""The overlay of a stream in a real browser, against a real service."""

from typing import Any

import numpy as np
import pytest

from realtime_mer.estimate import Status
from realtime_mer.service.server import Service
from realtime_mer.wording import STATUS_WORDS
from tests.web.browser import AWAY, HELLO, Browser, estimate_at, publish

pytestmark = pytest.mark.slow

SOURCE = (800, 300)
PLANE = "document.getElementById('plane').dataset"


def open_overlay(tab: Browser, service: Service, *, fragment: str = "") -> None:
    tab.open(service, page="overlay", fragment=fragment, size=SOURCE)
    tab.wait_for("document.documentElement.dataset.link === 'connected'")


def opacity(tab: Browser) -> np.ndarray:
    """How opaque every pixel is that OBS would get, 0 to 255; rows by columns."""
    tab.cdp("Emulation.setDefaultBackgroundColorOverride", color={"r": 0, "g": 0, "b": 0, "a": 0})
    picture: dict[str, Any] = tab.cdp("Page.captureScreenshot", format="png")
    tab.cdp("Emulation.setDefaultBackgroundColorOverride")
    # The browser itself reads the picture, as whoever composes it would.
    alphas = tab.driver.execute_async_script(
        """
        const [data, done] = arguments;
        const image = new Image();
        image.onload = () => {
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [image.width, image.height];
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          const { data: pixels } = context.getImageData(0, 0, image.width, image.height);
          done(Array.from(pixels.filter((_, at) => at % 4 === 3)));
        };
        image.src = `data:image/png;base64,${data}`;
        """,
        picture["data"],
    )
    return np.array(alphas).reshape(SOURCE[1], SOURCE[0])


def test_the_point_and_the_mood_follow_and_all_else_is_transparent(
    tab: Browser, service: Service
) -> None:
    open_overlay(tab, service)
    assert opacity(tab).max() == 0  # nothing is known yet
    publish(service, estimate_at(0.42, -0.42, seq=0))
    tab.wait_for(f"{PLANE}.valence === '0.4200' && {PLANE}.arousal === '-0.4200'")
    tab.wait_for("mood.textContent === 'calm'")
    tab.wait_for("getComputedStyle(document.body).opacity === '1'")
    assert tab.text("#state") == ""
    seen = opacity(tab)
    x, y = tab.js(
        "const { x, y, width, height } = document.querySelector('.point').getBoundingClientRect();"
        "return [x + width / 2, y + height / 2]"
    )
    assert seen[round(y), round(x)] == 255
    assert 0 < seen[30, 30] < 255  # the plane lets the picture through
    assert (seen[:, 330:] == 255).any()  # the word
    assert (seen == 0).mean() > 0.4
    publish(service, estimate_at(-0.25, 0.54, seq=1))
    tab.wait_for("mood.textContent === 'afraid'")


def test_what_is_held_is_told(tab: Browser, service: Service) -> None:
    open_overlay(tab, service)
    publish(service, estimate_at(0.42, -0.42, seq=0, status=Status.SILENCE))
    tab.wait_for("mood.textContent === 'calm'")
    assert tab.text("#state") == STATUS_WORDS[Status.SILENCE]
    assert tab.js("return document.documentElement.classList.contains('held')")


@pytest.mark.parametrize("size", [(320, 180), SOURCE, (1920, 200), (400, 1080)])
def test_the_longest_mood_fits(tab: Browser, service: Service, size: tuple[int, int]) -> None:
    open_overlay(tab, service)
    tab.resize(size)
    publish(service, estimate_at(-0.52, 0.05, seq=0))
    tab.wait_for("mood.textContent === 'distressed – miserable'")
    inside = tab.js(
        "const box = said.getBoundingClientRect();"
        "return box.right <= innerWidth + 1 && box.top >= -1 && box.bottom <= innerHeight + 1"
        " && mood.scrollWidth <= mood.clientWidth + 1"
    )
    assert inside


def test_without_a_service_nothing_is_shown(tab: Browser) -> None:
    tab.expected = AWAY
    with Service(hello=HELLO, port=0) as service:
        open_overlay(tab, service)
        publish(service, estimate_at(0.42, -0.42, seq=0))
        tab.wait_for("getComputedStyle(document.body).opacity === '1'")
    tab.wait_for("getComputedStyle(document.body).opacity === '0'")


def test_the_token_stands_behind_the_address(tab: Browser) -> None:
    with Service(hello=HELLO, port=0, token="s3cret") as service:
        open_overlay(tab, service, fragment="#token=s3cret")
        tab.driver.get("about:blank")
