"""The session's end of the pipes to its window: lines in and out, in threads of their own."""

import queue
import threading
from collections.abc import Callable
from typing import IO

from realtime_mer.wire.control import MAX_LINE, Command, Report, parse_command

_READ_EVERY_S = 0.02
_JOIN_S = 1.0


class ControlPipe:
    """Reads the window's commands and writes reports to it; neither can hold up the session.

    A window that hangs does not take reports: of those that wait the oldest give way. One that
    floods is read at fifty lines a second, and so waits itself. Commands are carried out one after
    the other in the reading thread; those that come meanwhile wait in the pipe.

    Args:
        commands: the window's standard output.
        reports: its standard input.
        carry_out: called with every command; may take its time.
        at_end: called once when the window has ended, by itself or because it was told to.

    Attributes:
        ignored: lines that were no command.
        lost: reports that gave way to newer ones.
    """

    def __init__(
        self,
        commands: IO[bytes],
        reports: IO[bytes],
        *,
        carry_out: Callable[[Command], None],
        at_end: Callable[[], None] = lambda: None,
        capacity: int = 64,
    ) -> None:
        self.ignored = 0
        self.lost = 0
        self._commands, self._reports = commands, reports
        self._carry_out, self._at_end = carry_out, at_end
        self._queue: queue.Queue[Report | None] = queue.Queue(capacity)
        self._closed = threading.Event()
        self._threads = [
            # Daemons, because opening a device cannot be interrupted.
            threading.Thread(target=self._read, name="window commands", daemon=True),
            threading.Thread(target=self._write, name="window reports", daemon=True),
        ]

    def start(self) -> None:
        """Begin to read and write."""
        for thread in self._threads:
            thread.start()

    def send(self, report: Report) -> None:
        """Write a report soon; returns at once. May be called from any thread."""
        if not self._closed.is_set():
            self._put(report)

    def close(self) -> None:
        """End both threads, once the window has ended."""
        self._closed.set()
        self._put(None)
        for thread in self._threads:
            thread.join(_JOIN_S)

    def _put(self, report: Report | None) -> None:
        while True:
            try:
                self._queue.put_nowait(report)
            except queue.Full:
                self._drop_oldest()
            else:
                return

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:  # it was written meanwhile
            return
        self.lost += 1

    def _read(self) -> None:
        try:
            while line := self._commands.readline(MAX_LINE + 1):
                command = parse_command(line)
                if command is None:
                    self.ignored += 1
                else:
                    self._carry_out(command)
                if self._closed.wait(_READ_EVERY_S):
                    return
        except (OSError, ValueError):  # the window has ended
            pass
        self._at_end()

    def _write(self) -> None:
        try:
            while (report := self._queue.get()) is not None:
                self._reports.write(report.to_json().encode() + b"\n")
                self._reports.flush()
        except OSError:  # the window has ended
            self._closed.set()
