"""Keys as they are pressed, without Enter."""

import os
import sys
from types import TracebackType
from typing import Any, Self

import typer

_MOST = 64  # bytes that are read at once: keys that repeat
_ENDS = {"", "\x04", "\x1a"}  # nobody there, Ctrl-D, and Ctrl-Z on Windows


class Keyboard:
    """The terminal of standard input, key by key for as long as it is entered.

    What is typed between two questions is kept. Ctrl-C ends the program as it does elsewhere.
    """

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if sys.platform != "win32":
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin, termios.TCSADRAIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if sys.platform != "win32" and self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def read(self) -> str:
        """Wait for keys, and return what was pressed.

        Raises:
            EOFError: the terminal is gone, or its user said that this is all.
        """
        if sys.platform == "win32":
            pressed = typer.getchar()  # not run on Windows
        else:
            try:
                pressed = os.read(sys.stdin.fileno(), _MOST).decode(errors="replace")
            except OSError:
                pressed = ""  # the terminal was closed
        if pressed in _ENDS:
            raise EOFError
        return pressed
