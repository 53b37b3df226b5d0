"""``Notices`` is how the service logs what strangers cause: few lines, short ones, all counted.

It stands in for the logger of the WebSocket library and for the handler of errors that the event
loop would report with a traceback each, such as those of an accept beyond the limit of files.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

_LONGEST = 300


class Notices:
    """Logs at most one line of each kind in a period, and says how many it left out.

    Args:
        log: takes the lines, as warnings.
        clock: seconds of a steady clock.
        period_s: seconds from one line of a kind to the next.

    Attributes:
        left_out: lines that were not logged so far.
    """

    def __init__(
        self, log: logging.Logger, *, clock: Callable[[], float], period_s: float = 60.0
    ) -> None:
        self.left_out = 0
        self._log = log
        self._clock = clock
        self._period_s = period_s
        self._due: dict[str, float] = {}
        self._waiting: dict[str, int] = {}

    def tell(self, kind: str, text: str) -> None:
        """Log a line, unless one of its kind was logged a moment ago.

        Args:
            kind: one of a few, never chosen by a stranger.
            text: cut short, and signs that do not print become question marks.
        """
        now = self._clock()
        if now < self._due.get(kind, now):
            self.left_out += 1
            self._waiting[kind] = self._waiting.get(kind, 0) + 1
            return
        self._due[kind] = now + self._period_s
        before = self._waiting.pop(kind, 0)
        line = "".join(sign if sign.isprintable() else "?" for sign in text[:_LONGEST])
        self._log.warning("%s%s", line, f" ({before} more before)" if before else "")

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take an error that the event loop reports; for ``set_exception_handler``."""
        error = context.get("exception")
        what = context.get("message") or "error in the service"
        self.tell(f"loop: {type(error).__name__}", f"{what}: {error!r}" if error else what)


class LibraryLog(logging.LoggerAdapter[logging.Logger]):
    """What the WebSocket library logs with: warnings and errors become notices, the rest nothing.

    Its other lines are one or more for every connection, and with everything that is said on it.
    """

    def __init__(self, log: logging.Logger, notices: Notices) -> None:
        super().__init__(log, {})
        self._notices = notices

    def isEnabledFor(self, level: int) -> bool:
        """Whether lines of a level are looked at."""
        return level >= logging.WARNING

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Take a line; a traceback becomes the name of its error."""
        if level < logging.WARNING:
            return
        error = options.get("exc_info")
        text = str(msg) % args if args else str(msg)
        if error is True:
            error = sys.exc_info()[1]
        self._notices.tell("library", f"{text}: {error!r}" if error else text)
