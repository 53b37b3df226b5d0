"""Whether Qt can show a window here (no Qt).

Qt ends the process in which it finds that it cannot, so another one is asked first.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from realtime_mer.errors import InputError

_QT = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
_LIMIT_S = 30.0  # a screen that answers does so at once; the machine may be busy
_ELSEWHERE = "watch in the terminal with realtime-mer subscribe, or in a browser"


def has_screen(*, environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> bool:
    """Return whether a window would be seen: a display server, or a desktop session.

    The macOS and Windows branches go by environment variables and were not run there.

    Args:
        environ: environment variables, by default those of this process.
        platform: as in ``sys.platform``.
    """
    environ = os.environ if environ is None else environ
    if platform in ("darwin", "win32"):
        over_ssh = "SSH_CONNECTION" in environ or "SSH_TTY" in environ
        return not over_ssh and environ.get("SESSIONNAME") != "Services"
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


class Trial:
    """Tries in a process of its own whether Qt starts; as a context manager it ends that.

    The trial runs while this process imports what the window needs. On macOS and Windows, where Qt
    needs no display server, nothing is tried (not run there).

    Raises:
        InputError: there is no screen at all.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if sys.platform in ("darwin", "win32"):
            return
        if not (has_screen() or os.environ.get("QT_QPA_PLATFORM")):
            raise InputError(
                "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set; " + _ELSEWHERE
            )
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _QT],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def judge(self) -> None:
        """Wait for how it ends.

        Raises:
            InputError: Qt does not start, or not in half a minute.
        """
        if self._process is None:
            return
        try:
            _, said = self._process.communicate(timeout=_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"the screen does not answer; {_ELSEWHERE}") from error
        if self._process.returncode != 0:
            lines = said.decode(errors="replace").split("\n")
            reason = lines[0].strip() or f"Qt ends with status {self._process.returncode}"
            raise InputError(
                f"no window can be opened ({reason}): see realtime-mer doctor; or {_ELSEWHERE}"
            )
