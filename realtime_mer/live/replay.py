"""Plays a session again: the same service, window and terminal, the numbers to the bit."""

import json
import math
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import realtime_mer
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.live.outlets import ServiceOptions, counted_faults, open_outlets
from realtime_mer.live.terminal import TerminalView, marker_line
from realtime_mer.live.window import open_window
from realtime_mer.outlets.mapping.tables import Plan
from realtime_mer.printing.console import console as console_for_people
from realtime_mer.sessions.store import Session
from realtime_mer.wire.protocol import Event, Marker, ServerMessage, StatusMessage
from realtime_mer.wording import clock


class Player:
    """Yield messages when they are due. ``seek`` and ``close`` may come from any thread.

    Args:
        messages: in the order in which they were recorded.
        speed: seconds of sound per second, > 0; None for all at once.
    """

    def __init__(self, messages: Iterable[ServerMessage], *, speed: float | None) -> None:
        self._messages: list[Event] = []
        self._times: list[float] = []
        latest: float | None = None
        for message in messages:
            if isinstance(message, Event):
                # Estimates set the pace, and everything else comes between the same two as live:
                # with --delay a status or level is of later sound than the estimates beside it.
                if isinstance(message, Estimate):
                    if latest is None:  # what came before it waits for nothing, even amid a session
                        self._times = [message.t] * len(self._times)
                    latest = max(latest or 0.0, message.t)
                self._messages.append(message)
                self._times.append(latest or 0.0)
        self._speed = speed
        self._changed = threading.Condition()
        self._next = 0
        self._status: StatusMessage | None = None  # to be told once more after a jump
        self._origin: tuple[float, float] | None = None  # clock and stream time that coincide
        self._closed = False

    @property
    def start(self) -> float:
        """Time of the first estimate, 0 without any."""
        return self._times[0] if self._times else 0.0

    @property
    def end(self) -> float:
        """Time of the last estimate, 0 without any."""
        return self._times[-1] if self._times else 0.0

    def seek(self, t: float) -> None:
        """Go on from the first message at or after ``t`` seconds of sound.

        The status that held there comes first.
        """
        with self._changed:
            self._next = bisect_left(self._times, t)
            before = reversed(self._messages[: self._next])
            self._status = next((m for m in before if isinstance(m, StatusMessage)), None)
            self._origin = None
            self._changed.notify()

    def skip(self, seconds: float) -> None:
        """Go forward, or back where it is negative."""
        with self._changed:
            now = self._times[min(self._next, len(self._times) - 1)] if self._times else 0.0
        self.seek(max(0.0, now + seconds))

    def close(self) -> None:
        """End the iteration soon."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def __iter__(self) -> Iterator[Event]:
        while (message := self._wait()) is not None:
            yield message

    def _wait(self) -> Event | None:
        with self._changed:
            while not self._closed:
                if self._status is not None:
                    status, self._status = self._status, None
                    return status
                if self._next == len(self._messages):
                    return None
                t, now = self._times[self._next], time.monotonic()
                if self._origin is None:
                    self._origin = now, t
                due = 0.0 if self._speed is None else (t - self._origin[1]) / self._speed
                if self._speed is None or now >= self._origin[0] + due:
                    self._next += 1
                    return self._messages[self._next - 1]
                self._changed.wait(self._origin[0] + due - now)
        return None


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What ``realtime-mer sessions replay`` was asked for.

    Attributes:
        speed: seconds of sound per second; None for as fast as possible.
        start: where to begin, in seconds of sound.
        service: None for none.
        window: whether to have a window; it needs a screen.
        plans, maps: what goes where besides, as it stands and as files that may change meanwhile.
        jsonl: print every estimate as a JSON line on standard output.
    """

    speed: float | None = 1.0
    start: float = 0.0
    service: ServiceOptions | None = None
    window: bool = False
    plans: tuple[Plan, ...] = ()
    maps: tuple[Path, ...] = ()
    jsonl: bool = False


def run_replay(session: Session, options: ReplayOptions) -> None:
    """Play a session until its end or Ctrl-C; a time typed on a terminal jumps there.

    Raises:
        RealtimeMerError: something that was asked for cannot be had.
    """
    console = console_for_people(stderr=options.jsonl)
    player = Player(session.messages(), speed=options.speed)
    manifest = session.manifest
    if options.start > player.end:
        raise InputError(
            f"--start {options.start:g} is after the end of {session.name}, which goes from "
            f"{player.start:.1f} s to {player.end:.1f} s of its stream."
        )
    player.seek(options.start)
    hello = replace(manifest.hello, server_version=realtime_mer.__version__)
    with ExitStack() as stack:
        outlets = open_outlets(
            hello=hello,
            service=options.service,
            plans=options.plans,
            maps=options.maps,
            console=console,
            stack=stack,
        )
        if options.window:
            open_window(outlets, hello=hello, service=options.service, console=console, stack=stack)
        console.print(f"Replay: {session.name}, {clock(player.start)} to {clock(player.end)}")
        if sys.stdin is not None and sys.stdin.isatty() and console.is_terminal:
            console.print("Type a time (1:30), or + or - seconds, and Enter to go there.")
            threading.Thread(target=_obey, args=(player, sys.stdin), daemon=True).start()
        view = TerminalView(console=console, source=session.name, model=hello.model)
        try:
            with view:
                for message in player:
                    outlets.publish(message)
                    match message:
                        case Estimate():
                            if options.jsonl:
                                print(json.dumps(message.to_dict(), allow_nan=False), flush=True)
                            view.show(message)
                        case StatusMessage():
                            view.message(f"{message.status.value}: {message.detail}")
                        case Marker():
                            view.message(marker_line(message))
                    for marker in outlets.take_markers():
                        view.message(f"{marker_line(marker)} (not kept: this is a replay)")
                    for notice in outlets.take_notices():
                        view.message(notice)
                    outlets.tell_outlets()
        except KeyboardInterrupt:
            player.close()
        for line in (*view.tally.summary_lines(), *counted_faults(outlets.faults())):
            console.print(line)


def _obey(player: Player, lines: Iterable[str]) -> None:
    for line in lines:
        text = line.strip()
        try:
            if text[:1] in ("+", "-"):
                player.skip(float(text))
            elif text:
                player.seek(parse_clock(text))
        except (InputError, ValueError):
            continue  # a slip of the keyboard in the middle of a replay


def parse_clock(text: str) -> float:
    """Return seconds from ``90``, ``1:30`` or ``1:02:03``.

    Raises:
        InputError: it is none of these.
    """
    seconds = 0.0
    try:
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
    except ValueError as error:
        raise InputError(f"{text!r} is no time: give seconds, 1:30 or 1:02:03.") from error
    if not 0 <= seconds < math.inf:
        raise InputError(f"{text!r} is no time: give seconds, 1:30 or 1:02:03.")
    return seconds
