"""What the main thread does while a session runs: it follows the events.

Beside it a thread looks after what people do, whether or not events come: during a pause there are
none, and a marker set then is to be shown and kept at once.
"""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from realtime_mer.engine import Engine
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.leaving import ending_signals, leave_terminal
from realtime_mer.live.controller import Controller
from realtime_mer.live.outlets import Outlets, counted_faults
from realtime_mer.live.terminal import TerminalView, marker_line
from realtime_mer.printing.lines import line
from realtime_mer.sessions.recording import Deck
from realtime_mer.wire.protocol import Event, StatusMessage
from realtime_mer.wording import PHONES_END


class Follower:
    """Takes a session's events as they come, and the markers: to the terminal, to the JSON lines.

    Args:
        engine: makes the events.
        view: shows them.
        outlets: hand over the markers of those who watch.
        deck: says what is recorded.
        controller: is asked to tell the window what changed.
        write: takes every estimate; None for nobody.
    """

    _LOOK_EVERY_S = 0.1

    def __init__(
        self,
        engine: Engine,
        *,
        view: TerminalView,
        outlets: Outlets,
        deck: Deck,
        controller: Controller,
        write: Callable[[Estimate], None] | None,
    ) -> None:
        self._engine, self._events = engine, engine.events()
        self._view, self._outlets = view, outlets
        self._deck, self._controller, self._write = deck, controller, write
        self._recorded = deck.name
        self._open = False  # to phones
        self._ended = threading.Event()
        self._look()

    def run(self) -> None:
        """Follow until the sound ends, or Ctrl-C.

        Raises:
            RealtimeMerError: the source failed, or an estimate cannot be written.
        """
        looking = threading.Thread(target=self._look_on, name="follower", daemon=True)
        try:
            with _gently_stopped(self._engine), self._view, _running(looking, self._ended):
                try:
                    self._follow()
                except KeyboardInterrupt:
                    self._engine.stop()
                    self._follow()  # what was estimated until now
        except KeyboardInterrupt:
            self._engine.stop()  # before the first estimate, or once more

    def end(self) -> list[str]:
        """End the recording and return what went wrong, one statement a line."""
        self._look()  # for markers that came with the last estimate
        self._deck.close()
        counts = {
            **self._engine.intake.faults(),
            "estimates that came too fast to be written": self._engine.lost_events,
            **self._outlets.faults(),
        }
        return [
            *counted_faults(counts),
            *self._deck.take_failures(),
            *counted_faults(self._deck.faults()),
        ]

    def _follow(self) -> None:
        for event in self._events:
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Estimate):
            if self._write is not None:
                self._write(event)
            self._view.show(event)
        elif isinstance(event, StatusMessage):
            if event.source != self._view.source:
                self._view.source = event.source
                self._view.message(f"source: {event.source}")
            self._view.message(f"{event.status.value}: {event.detail}")

    def _look_on(self) -> None:
        while not self._ended.wait(self._LOOK_EVERY_S):
            self._look()
            self._controller.refresh()

    def _look(self) -> None:
        """Show markers, news of the outlets and what is recorded; say when that changes."""
        for marker in self._outlets.take_markers():
            self._view.message(marker_line(marker))
        for notice in self._outlets.take_notices():
            self._view.message(notice)
        self._outlets.tell_outlets()
        state, name = self._deck.state, self._deck.name
        self._view.note = "" if state is None else state.sentence
        for failure in self._deck.take_failures():
            self._view.message(failure)
        if name != self._recorded:
            self._recorded = name
            self._view.message("recording ended" if name is None else f"recording {name}")
        if self._controller.opened_to_phones != self._open:
            self._open = not self._open
            self._view.message("phones may watch" if self._open else PHONES_END)


@contextmanager
def _running(thread: threading.Thread, ended: threading.Event) -> Iterator[None]:
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _gently_stopped(engine: Engine) -> Iterator[None]:
    """Let what asks to end end a session that has a clock without an exception; twice means now.

    An exception would break off whatever the main thread is at, such as the writing of a line. A
    source that can wait blocks that very thread in a read, so there it must be an exception.
    """
    if not engine.source.real_time or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        if not leave_terminal(number):
            signal.signal(number, signal.default_int_handler)
        # In a thread of its own: what is interrupted here may hold a lock that stopping takes.
        threading.Thread(target=engine.stop, name="stop").start()

    previous = {number: signal.signal(number, stop) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # by then nobody is there any more
                signal.signal(number, handler)


@contextmanager
def json_lines(path: str) -> Iterator[Callable[[Estimate], None]]:
    """Open a JSON Lines file and yield what writes an estimate to it at once.

    Args:
        path: of a file to write anew, or ``-`` for standard output.

    Raises:
        InputError: it cannot be written; from the yielded function too.
    """
    if path == "-":
        yield lambda estimate: line(_line(estimate))
        return
    try:
        file = Path(path).open("wb", buffering=0)  # noqa: SIM115  closed below
    except OSError as error:
        raise InputError(f"--jsonl {path} cannot be written: {error.strerror}.") from error

    def write(estimate: Estimate) -> None:
        rest = memoryview(f"{_line(estimate)}\n".encode())
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            raise InputError(f"--jsonl {path} cannot be written: {error.strerror}.") from error

    with file:
        yield write


def _line(estimate: Estimate) -> str:
    return json.dumps(estimate.to_dict(), allow_nan=False)
