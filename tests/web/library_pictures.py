"""A picture of a made library's page for the documentation, and how long its frames take.

``python -m tests.web.library_pictures FOLDER`` writes ``library.png`` of 10 000 made tracks, with
``--all`` also pictures of other sizes, themes and libraries, and prints milliseconds a frame.
"""

import argparse
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from realtime_mer.library.browsing.serve import LibraryServer
from realtime_mer.library.browsing.shelf import Shelf
from tests.library.browsing.made_library import made_library
from tests.web.browser import DESKTOP, PHONE, Browser, browser
from tests.web.test_library_page import LYING_TABLET, TABLET, frames, lasso

MANY, MOST = 10_000, 100_000  # tracks
_PICTURES = {
    "library.png": (MANY, "dj", (1440, 900)),
    "library-light.png": (MANY, "therapy", DESKTOP),
    "library-tablet.png": (MANY, "dj", TABLET),
    "library-lying-tablet.png": (MANY, "therapy", LYING_TABLET),
    "library-phone.png": (MANY, "dj", PHONE),
    "library-few.png": (60, "dj", DESKTOP),
    "library-density.png": (MOST, "dj", DESKTOP),
    "library-density-light.png": (MOST, "therapy", DESKTOP),
}


@contextmanager
def _served(table: Path) -> Iterator[LibraryServer]:
    with LibraryServer(Shelf(table)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _use(tab: Browser) -> None:
    """Draw a line, choose a track, and look for what is like it."""
    lasso(tab, [(0.42, 0.1), (0.55, 0.16), (0.6, 0.3), (0.5, 0.42), (0.4, 0.3)])
    tab.wait_for("document.querySelectorAll('#playlist-list li').length > 0")
    tab.js("document.getElementById('stage').focus()")
    for key in (Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN):
        tab.press(key)
    tab.wait_for("document.getElementById('track-title').textContent")
    tab.js("document.getElementById('alike').click()")
    tab.wait_for("document.querySelectorAll('#alike-list li').length > 0")
    tab.js("document.activeElement.blur(); document.getElementById('side').scrollTop = 0")
    tab.wait_for("document.getAnimations().length === 0")  # a word moves aside


def main(folder: Path, *, every: bool) -> None:
    """Write pictures into a folder and print how long frames take."""
    with tempfile.TemporaryDirectory() as made, browser() as tab:
        tables: dict[int, Path] = {}
        for name, (count, theme, size) in _PICTURES.items():
            if not every and name != "library.png":
                continue
            if count not in tables:
                tables[count] = made_library(
                    Path(made) / f"music {count}.sqlite", count, whole=MANY
                )
            with _served(tables[count]) as server:
                tab.visit(server.url.rstrip("/"), fragment=f"#theme={theme}", size=size)
                tab.wait_for("document.getElementById('stage').dataset.drawn")
                if theme == "dj" and size == DESKTOP:
                    print(count, frames(tab), flush=True)
                _use(tab)
                tab.screenshot(folder / name)
                tab.driver.get("about:blank")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.web.library_pictures")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="of every size, theme and library")
    options = parser.parse_args()
    main(options.folder, every=options.all)
