"""A headless Chromium and an invented piece of music for the tests of the browser display."""

import json
import math
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as Driver

from realtime_mer.emotion import GEMS
from realtime_mer.estimate import Estimate
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Hello, LevelMessage
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

HELLO = Hello(server_version="0.1.0", model="default", hop=0.1, window=3.0, sample_rate=24000)
DESKTOP, FULL_HD, PHONE = (1440, 900), (1920, 1080), (360, 740)

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_T = TypeVar("_T")


def missing() -> str | None:
    """Return why there is no browser to test with, None if there is one."""
    if not any(map(shutil.which, _CHROMIUM)):
        return "chromium is not installed"
    if shutil.which("chromedriver") is None:
        return "chromedriver (Debian: chromium-driver) is not installed"
    return None


# What Chromium's console says of a service that is away, whatever it calls the reason: mostly
# ERR_CONNECTION_REFUSED, but ERR_SOCKET_NOT_CONNECTED where it closes at that very moment.
AWAY = "WebSocket connection to"


class Served(Protocol):
    """What has pages: a session's service, or one of rooms."""

    @property
    def url(self) -> str:
        """Where a client on this machine connects."""


class Browser:
    """One tab of a fresh Chromium.

    Attributes:
        driver: Selenium's.
        expected: part of the console messages that the test is about; None for none.
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.expected: str | None = None

    def open(
        self,
        service: Served,
        *,
        page: str = "",
        fragment: str = "",
        size: tuple[int, int] = DESKTOP,
    ) -> None:
        """Open the display of a service, or another page of it, as if for the first time."""
        self.visit(service.url.replace("ws", "http", 1), page=page, fragment=fragment, size=size)

    def visit(
        self, origin: str, *, page: str = "", fragment: str = "", size: tuple[int, int] = DESKTOP
    ) -> None:
        """Open a page as if for the first time."""
        self.driver.get("about:blank")
        self.resize(size)
        self.cdp("Storage.clearDataForOrigin", origin=origin, storageTypes="all")
        for log in ("browser", "performance"):  # from here on they are of this page
            self.driver.get_log(log)
        self.driver.get(f"{origin}/{page}{fragment}")

    def resize(self, size: tuple[int, int]) -> None:
        """Give the page a size in CSS pixels; a narrow one is that of a phone."""
        width, height = size
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if width < 600 else 1,
            mobile=width < 600,
        )

    def cdp(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(method, parameters)

    def js(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page."""
        return self.driver.execute_script(script, *arguments)

    def module(self, name: str, script: str) -> Any:
        """Run the body of an asynchronous function in the page, ``m`` being one of its modules."""
        return self.js(f"return (async () => {{ const m = await import('/{name}'); {script} }})()")

    def say_mood(self, text: str) -> None:
        """Write a mood as large as the page would."""
        self.module(
            "fit.js",
            f"const [text, mood] = [{json.dumps(text)}, document.getElementById('mood')];"
            "mood.textContent = text;"
            "document.documentElement.style.setProperty('--ems', m.ems(text, mood).toFixed(2));",
        )

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """Wait until an expression in the page is true, and return it."""
        return until(lambda: self.js(f"return {script}", *arguments), what=script)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        text: str = self.js("return document.querySelector(arguments[0]).textContent", selector)
        return text.strip()

    def press(self, key: str) -> None:
        """Press a key, or several one after the other, where the focus is."""
        ActionChains(self.driver).send_keys(key).perform()

    def console(self) -> list[str]:
        """Return what went to the console since the last call, warnings and errors."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that the tab asked for since the last call, WebSockets included."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                urls.append(message["params"]["url"])
        return urls

    def screenshot(self, path: Path) -> None:
        """Write a PNG of what is on the screen."""
        self.driver.save_screenshot(str(path))


@contextmanager
def browser(*flags: str) -> Iterator[Browser]:
    """Start a Chromium of our own, with further flags, and end it."""
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        options = Options()
        options.binary_location = str(next(filter(None, map(shutil.which, _CHROMIUM))))
        for flag in (*_FLAGS, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options, Driver(shutil.which("chromedriver")))
        try:
            yield Browser(driver)
        finally:
            driver.quit()


def until(condition: Callable[[], _T], *, what: str, seconds: float = PATIENCE_S) -> _T:
    """Return the first true result of a condition."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {what}")
        time.sleep(0.02)
    return result


def piece(seconds: float, *, seed: int = 7) -> Iterator[Estimate]:
    """Yield the estimates of an invented piece: a slow walk through the four quadrants."""
    chance = random.Random(seed)
    scenes = [(0.38, -0.42), (0.45, 0.08), (0.42, 0.44), (-0.02, 0.55), (-0.3, 0.3), (-0.35, -0.3)]
    valence, arousal = scenes[0]
    for seq in range(round(seconds * 10)):
        goal = scenes[int(seq / 220) % len(scenes)]
        valence += 0.025 * (goal[0] - valence) + chance.gauss(0, 0.011)
        arousal += 0.025 * (goal[1] - arousal) + chance.gauss(0, 0.011)
        yield estimate_at(
            valence, arousal, seq=seq, level_dbfs=-16 + 7 * arousal + chance.gauss(0, 1.2)
        )


def estimate_at(valence: float, arousal: float, **changes: Any) -> Estimate:
    """Return an estimate of a point, with quadrants and GEMS that suit it."""
    right, up = (1 / (1 + math.exp(-5 * value)) for value in (valence, arousal))
    places = {
        "amazement": (0.3, 0.3),
        "solemnity": (-0.1, -0.2),
        "tenderness": (0.4, -0.5),
        "nostalgia": (0.0, -0.4),
        "calmness": (0.5, -0.6),
        "power": (0.0, 0.7),
        "joyful_activation": (0.6, 0.5),
        "tension": (-0.5, 0.5),
        "sadness": (-0.5, -0.5),
    }
    shares = {
        name: 0.05 + 0.6 * math.exp(-2.2 * math.dist(places[name], (valence, arousal)) ** 2)
        for name in GEMS
    }
    values: dict[str, Any] = {
        "valence": valence,
        "arousal": arousal,
        "valence_sd": 0.2 - 0.05 * abs(arousal),
        "arousal_sd": 0.14,
        "quadrants": {
            "Q1": right * up,
            "Q2": (1 - right) * up,
            "Q3": (1 - right) * (1 - up),
            "Q4": right * (1 - up),
        },
        "gems": shares,
        "latency_ms": 11.5,
    }
    return sample_estimate(**{**values, **changes})


def publish(service: Service, estimate: Estimate) -> None:
    """Send an estimate and its level to those who watch."""
    service.publish(estimate)
    level = LevelMessage(
        t=estimate.t, level_dbfs=estimate.level_dbfs, peak_dbfs=min(0.0, estimate.level_dbfs + 9)
    )
    service.publish(level)
