"""``python -m realtime_mer.display URL``: the window as a process of its own."""

import argparse
import os
from pathlib import Path

from realtime_mer import display
from realtime_mer.errors import RealtimeMerError
from realtime_mer.leaving import end_with
from realtime_mer.printing.lines import complain
from realtime_mer.wire.control import CONTROLS_OPTION


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m realtime_mer.display",
        description="Show the estimates of a running service.",
    )
    parser.add_argument("url", help="address of the service, such as ws://127.0.0.1:8765")
    parser.add_argument(
        "--token",
        default=os.environ.get(display.TOKEN_VARIABLE),
        help=f"token of the service, by default ${display.TOKEN_VARIABLE}",
    )
    parser.add_argument(
        "--screenshot", type=Path, metavar="PATH", help="write a PNG of the window and close it"
    )
    parser.add_argument(
        "--after", type=float, default=10.0, metavar="SECONDS", help="when to take the screenshot"
    )
    parser.add_argument(
        "--layout", choices=("dj", "therapy"), help="by default the one of last time"
    )
    parser.add_argument("--size", type=_size, metavar="WxH", help="such as 1920x1080")
    parser.add_argument(
        CONTROLS_OPTION,
        action="store_true",
        help="talk to the session that started it over standard input and output",
    )
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _main() -> int:
    options = _arguments()
    try:
        return display.main(
            options.url,
            options.token,
            screenshot=options.screenshot,
            after=options.after,
            layout=options.layout,
            controls=options.controls,
            size=options.size,
        )
    except RealtimeMerError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:  # while it starts
        return 0


if __name__ == "__main__":
    end_with(_main)
