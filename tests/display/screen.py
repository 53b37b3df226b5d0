"""A virtual X screen with a window manager, and somebody at its keyboard."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests.patience import PATIENCE_S

SIZE = (1600, 1000)
_PROGRAMS = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool", "xprop": "x11-utils"}
_QT = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"

T = TypeVar("T")


def until(look: Callable[[], T], what: str) -> T:
    """Look again and again until there is something to see, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain for {what}"
        threading.Event().wait(0.02)
    return seen


class Screen:
    """What a person can do at a screen, and see of its windows from outside.

    Attributes:
        env: the environment of programs on it.
        home: the home folder of these.
    """

    def __init__(self, display: str, home: Path) -> None:
        self.home = home
        unwanted = ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP")
        self.env = {
            **{name: value for name, value in os.environ.items() if name not in unwanted},
            "DISPLAY": display,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_RUNTIME_DIR": str(home),
            "REALTIME_MER_SESSIONS": str(home / "sessions"),
            "OMP_NUM_THREADS": "1",
        }

    def window(self, title: str = "realtime-mer") -> str:
        """Wait for a window with a title that is shown and has the keyboard; return its number."""

        def in_front() -> str:
            number = self._ask("xdotool", "search", "--onlyvisible", "--name", f"^{title}$")
            number = number.rpartition("\n")[2]
            if number and self._ask("xdotool", "getwindowfocus") != number:
                self._ask("xdotool", "windowactivate", number)
                return ""
            return number

        return until(in_front, f"a window {title!r} that has the keyboard")

    def press(self, *keys: str) -> None:
        """Press keys, such as ``ctrl+p``, in the window that has the keyboard."""
        self._do("xdotool", "key", *keys)

    def write(self, text: str) -> None:
        """Type a text."""
        self._do("xdotool", "type", "--delay", "1", text)

    def place(self, window: str, x: int, y: int, width: int, height: int) -> None:
        """Move a window and drag it to a size."""
        self._do("xdotool", "windowmove", "--sync", window, str(x), str(y))
        self._do("xdotool", "windowsize", "--sync", window, str(width), str(height))

    def geometry(self, window: str) -> tuple[int, ...]:
        """Return x, y, width and height of a window without its frame; empty if it is gone."""
        told = self._ask("xdotool", "getwindowgeometry", "--shell", window)
        return tuple(int(n) for n in re.findall(r"^(?:X|Y|WIDTH|HEIGHT)=(-?\d+)", told, re.M))

    def states(self, window: str) -> set[str]:
        """Return how the window manager holds a window, such as ``ABOVE``."""
        return set(re.findall(r"_NET_WM_STATE_(\w+)", self._ask("xprop", "-id", window)))

    def is_managed(self) -> bool:
        """Return whether a window manager answers."""
        return "#" in self._ask("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")

    def _do(self, *command: str) -> None:
        subprocess.run(command, env=self.env, check=True, capture_output=True, timeout=PATIENCE_S)

    def _ask(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.env, check=False, capture_output=True, text=True, timeout=PATIENCE_S
        ).stdout.strip()


@contextmanager
def virtual_screen(home: Path) -> Iterator[Screen]:
    """Run a virtual screen; skip the test where something for it is not installed."""
    missing = [package for name, package in _PROGRAMS.items() if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")
    reading, writing = os.pipe()
    # A server that resets itself when its last client goes, as the check of Qt below does, may drop
    # the window manager that is just coming.
    server = subprocess.Popen(
        f"Xvfb -displayfd {writing} -noreset -nolisten tcp "
        f"-screen 0 {SIZE[0]}x{SIZE[1]}x24".split(),
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    manager: subprocess.Popen[bytes] | None = None
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()  # once it can be used
        assert number, "Xvfb did not start"
        screen = Screen(f":{number}", home)
        qt = subprocess.run(
            [sys.executable, "-c", _QT],
            env={**screen.env, "QT_QPA_PLATFORM": "xcb"},
            capture_output=True,
            text=True,
            check=False,
        )
        if qt.returncode:
            pytest.skip(f"Qt cannot use X11: {qt.stderr.strip()[:200]}")

        def managed() -> bool:
            nonlocal manager
            # It gives up where the screen is not ready for it.
            if manager is None or manager.poll() is not None:
                manager = _manager(screen)
            return screen.is_managed()

        until(managed, "the window manager")
        yield screen
    finally:
        for process in (manager, server):
            if process is not None:
                process.kill()
                process.wait()


def _manager(screen: Screen) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["openbox", "--sm-disable"],
        env=screen.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
