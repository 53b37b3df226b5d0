"""A picture of ``map show`` for the documentation: a mapping that ships, amid the built-in piece.

``python -m tests.live.pictures FOLDER``
"""

import argparse
import base64
import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from realtime_mer.audio.demo import DemoSource
from realtime_mer.engine import Engine
from realtime_mer.live.map_view import MapView
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.stream import EmotionStream
from tests.web.browser import browser

MAPPING = Path("examples/maps/booth.toml")
SECONDS = 41.0  # the third section has begun: a rule has fired, and one waits
WIDTH = 66
_PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
body {{ margin: 0; background: {background}; color: {foreground}; }}
pre {{ margin: 18px 22px; font: 15px/1.25 "DejaVu Sans Mono", monospace; }}
</style><body><pre>{code}</pre></body>"""


def main(folder: Path) -> None:
    """Write the picture into a folder."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    view = MapView([MAPPING], console=console)
    engine = Engine(
        source=DemoSource(paced=False),
        stream=EmotionStream(load_recognizer("default", "light")),
        publish=view.take,
        seconds=SECONDS,
    )
    for _ in engine.events():
        pass
    console.print(view.table())
    lines = console.export_text(clear=False).rstrip("\n").count("\n") + 1
    page = console.export_html(theme=MONOKAI, code_format=_PAGE, inline_styles=True)
    with browser() as tab:
        tab.resize((9 * WIDTH + 44, 19 * lines + 36))
        tab.driver.get(f"data:text/html;base64,{base64.b64encode(page.encode()).decode()}")
        tab.screenshot(folder / "map-show.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.live.pictures")
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
