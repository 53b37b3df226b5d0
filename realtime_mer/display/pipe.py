"""The window's end of the pipe to the session that started it."""

import os
import queue
import threading
from collections import deque

from realtime_mer.wire.control import MAX_LINE, Command, Report, parse_report

_REPORTS = 64  # many more than come between two looks
_COMMANDS = 16  # many more than anybody asks for while the session is busy


class SessionPipe:
    """Reads reports and writes commands in threads of its own, so that the window never waits.

    It uses file descriptors rather than ``sys.stdin``: a thread that waits in that one's lock would
    stop the interpreter from ending. The threads are daemons, since such a wait cannot be
    interrupted on every system.

    Args:
        reports: file descriptor that reports come from.
        commands: file descriptor that commands go to.

    Attributes:
        ended: whether the session has closed its end.
        lost: reports that newer ones pushed out because nobody took them.
    """

    def __init__(self, reports: int, commands: int) -> None:
        self.ended = False
        self.lost = 0
        self._from, self._to = reports, commands
        self._reports: deque[Report] = deque(maxlen=_REPORTS)
        self._commands: queue.Queue[Command] = queue.Queue(_COMMANDS)
        for target in (self._read, self._write):
            threading.Thread(target=target, name="display pipe", daemon=True).start()

    def send(self, command: Command) -> bool:
        """Ask the session for something; return False if it takes no more now."""
        try:
            self._commands.put_nowait(command)
        except queue.Full:
            return False
        return True

    def take(self) -> list[Report]:
        """Return the reports that have come since the last call, oldest first."""
        return [self._reports.popleft() for _ in range(len(self._reports))]

    def _read(self) -> None:
        rest = b""
        try:
            while chunk := os.read(self._from, MAX_LINE):
                *lines, rest = (rest + chunk).split(b"\n")
                rest = rest[: MAX_LINE + 1]  # longer than any line: the parser refuses it
                for line in lines:
                    report = parse_report(line)
                    if report is not None:
                        self.lost += len(self._reports) == _REPORTS
                        self._reports.append(report)
        except OSError:
            pass  # the other end broke off; that is an end too
        self.ended = True

    def _write(self) -> None:
        try:
            while True:
                line = self._commands.get().to_json().encode() + b"\n"
                while line:
                    line = line[os.write(self._to, line) :]
        except OSError:
            pass  # nobody reads any more; what is asked for fills the queue and is refused
