"""How a process of ours ends: with its status, and at once; and what asks it to."""

import atexit
import contextlib
import errno
import io
import os
import signal
import stat
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that ask a program to end: Ctrl-C, a manager's stop, a closed terminal.

    The last is left out where whoever started the program had it ignored, as ``nohup`` does.
    """
    asked = (signal.SIGINT, signal.SIGTERM)
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return asked
    return (*asked, signal.SIGHUP)


def end_as_at_ctrl_c() -> None:
    """Let all that ``ending_signals`` names do what Ctrl-C does: raise KeyboardInterrupt."""
    for number in ending_signals()[1:]:
        signal.signal(number, _interrupt)


def call_when_asked_to_end(end: Callable[[], None]) -> None:
    """Let each of ``ending_signals`` call something in the loop that runs, of the main thread.

    If one says that the terminal is closed, nothing is written there any more before the call.
    """

    def asked(number: signal.Signals) -> None:
        leave_terminal(number)
        end()

    import asyncio

    loop = asyncio.get_running_loop()
    for number in ending_signals():
        try:
            loop.add_signal_handler(number, asked, number)
        except NotImplementedError:  # on Windows Ctrl-C cancels what runs (not run on Windows)
            signal.signal(number, lambda code, frame: asked(signal.Signals(code)))


def _interrupt(number: int, frame: FrameType | None) -> None:
    leave_terminal(number)
    signal.default_int_handler(number, frame)


def leave_terminal(number: int) -> bool:
    """If a signal says that the terminal is closed, write nothing to it from now on.

    Every word to a terminal that is gone would fail, and break off the ending. The signal is
    ignored from now on: it comes from the system and from the shell.

    Returns:
        whether that was so.
    """
    if sys.platform == "win32" or number != signal.SIGHUP:
        return False
    signal.signal(number, signal.SIG_IGN)
    _silence_terminal()
    return True


def _silence_terminal() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for handle in (1, 2):
        with contextlib.suppress(OSError):  # it is closed
            # A terminal that is gone does not say any more that it was one.
            if stat.S_ISCHR(os.fstat(handle).st_mode):
                os.dup2(nowhere, handle)
    os.close(nowhere)


class _Terminal(io.FileIO):
    """A handle to a terminal; once that is gone, what is written to it is lost without a word."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            _silence_terminal()
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """Let no write to a terminal fail because it was closed.

    The system tells of that by a signal, and any thread may write before that has come: its words
    would fail, and break off the ending that the signal asks for.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and stream.isatty():
            handle = _Terminal(stream.fileno(), "w", closefd=False)
            told = io.TextIOWrapper(
                io.BufferedWriter(handle),
                encoding=stream.encoding,
                errors=stream.errors,
                line_buffering=True,
            )
            setattr(sys, name, told)


def end_with(run: Callable[[], int]) -> NoReturn:
    """Run a whole program and end this process with the status that it returns.

    The interpreter is not taken down: with torch in it, that visits a million objects and clears
    tables of thousands of operators, for as long as a fifth of torch's import, and does nothing for
    anybody. It would also do so under threads that still wait for a silent service.

    Args:
        run: returns the exit status; it may raise SystemExit. What else it raises is a defect,
            which Python prints, and the status is 1.
    """
    status = 1

    def leave() -> None:
        # Registered before all others, so it runs after them: threads have been joined, and the
        # libraries have closed what they hold.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):  # nobody reads, or it is closed
                    stream.flush()
        os._exit(status)

    atexit.register(leave)
    try:
        status = run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    sys.exit(status)
