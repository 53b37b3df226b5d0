"""The desktop display: what reads the service, what is known, and the window that draws it.

It knows the protocol, never engine or sound. It is a process of its own and an ordinary client, so
that drawing can never hold the interpreter lock while a hop is computed. This module imports no
Qt: asking whether there is a screen costs nothing.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from realtime_mer.display.screen import Trial, has_screen
from realtime_mer.errors import InputError
from realtime_mer.wire.control import CONTROLS_OPTION
from realtime_mer.wording import installing

if TYPE_CHECKING:
    from realtime_mer.display.theme import LayoutName

__all__ = [
    "LINK_VARIABLE",
    "TOKEN_VARIABLE",
    "has_screen",
    "is_installed",
    "main",
    "spawn",
]

TOKEN_VARIABLE = "REALTIME_MER_TOKEN"
"""Environment variable that hands the token to the window: arguments are visible to other users."""

LINK_VARIABLE = "REALTIME_MER_LINK"
"""Likewise for the link that the window shows as a QR code, since the token is part of it."""


def is_installed() -> bool:
    """Return whether the packages of the window, PySide6 and pyqtgraph, are installed."""
    return find_spec("PySide6") is not None and find_spec("pyqtgraph") is not None


def spawn(
    url: str,
    *,
    token: str | None = None,
    link: str | None = None,
    controls: bool = False,
    layout: "LayoutName | None" = None,
) -> subprocess.Popen[bytes]:
    """Start the window in a process of its own and return that process.

    It ends with code 0 when the window is closed, at Ctrl-C or at ``terminate()`` (POSIX). When the
    service goes away it stays and reconnects, so the caller ends it with the session.

    Args:
        url: address of the service, ``ws://host:port/``.
        token: what the service asks for off loopback; passed in the environment.
        link: address of the browser display for other machines, likewise; None if there is none.
        controls: give it pipes for standard input and output, over which it and the session talk
            (see ``wire.control``), and tell it so.
        layout: ``dj`` or ``therapy``; None for that of the last time.
    """
    environ = dict(os.environ)
    for variable, value in ((TOKEN_VARIABLE, token), (LINK_VARIABLE, link)):
        environ.pop(variable, None)
        if value is not None:
            environ[variable] = value
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "realtime_mer.display",
            url,
            *([CONTROLS_OPTION] if controls else []),
            *(["--layout", layout] if layout is not None else []),
        ],
        env=environ,
        stdin=subprocess.PIPE if controls else subprocess.DEVNULL,
        # Never ours: else whoever reads our JSON lines waits for the window to end.
        stdout=subprocess.PIPE if controls else subprocess.DEVNULL,
    )


def main(
    url: str,
    token: str | None = None,
    *,
    screenshot: Path | None = None,
    after: float = 10.0,
    controls: bool = False,
    layout: "LayoutName | None" = None,
    size: tuple[int, int] | None = None,
) -> int:
    """Show the window until it is closed and return the exit code, 0.

    Args:
        url: address of the service, ``ws://host:port/``.
        token: what the service asks for off loopback.
        screenshot: where to write a PNG of the window; it then closes.
        after: seconds to wait before the screenshot.
        controls: whether standard input and output lead to the session (see ``wire.control``).
        layout: ``dj`` or ``therapy``; None for that of the last time.
        size: width and height in pixels; None for those of the last time.

    Raises:
        InputError: there is no screen or it refuses, the packages of the window are missing, or
            the picture cannot be written.
    """
    os.environ["PYQTGRAPH_QT_LIB"] = "PySide6"
    with Trial() as trial:
        try:
            from realtime_mer.display.app import run
        except ModuleNotFoundError as error:
            raise InputError(
                f"the window needs {error.name}, which is not installed: {installing('display')}"
            ) from error
        except ImportError as error:
            raise InputError(
                f"the window cannot load Qt ({error}): run realtime-mer doctor"
            ) from error
        trial.judge()
    link = os.environ.get(LINK_VARIABLE)
    return run(
        url,
        token=token,
        link=link,
        screenshot=screenshot,
        after=after,
        controls=controls,
        layout=layout,
        size=size,
    )
