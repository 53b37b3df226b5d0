"""The outlet of mappings: takes events, evaluates in a thread of its own, feeds a line a target."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from realtime_mer.estimate import Estimate
from realtime_mer.outlets.line import Line
from realtime_mer.outlets.map_file import MapFile, refuse_missing
from realtime_mer.outlets.mapping.evaluation import Evaluation, Sending
from realtime_mer.outlets.mapping.tables import Plan
from realtime_mer.outlets.wires import Message, Table, Target
from realtime_mer.wire.mailbox import Mailbox
from realtime_mer.wire.protocol import (
    Event,
    Hello,
    LevelMessage,
    Marker,
    OutletState,
    StatusMessage,
)

_LOOK_EVERY_S = 0.5
_WAITING = {"estimates": 32, "level": 32, "status": 64, "markers": 256}
"""Of each most that may wait for the evaluation; after that newer ones win."""

_STREAMS: Mapping[type[Event], str] = {
    Estimate: "estimates",
    LevelMessage: "level",
    StatusMessage: "status",
    Marker: "markers",
}


class MappedOutlet:
    """Sends what mappings say, wherever they say.

    Args:
        plans: those without a file to look after.
        files: mappings that are read again whenever they change.
        tell: is told, from any thread, what people should know, a line at a time; returns at once.
        hello: what subscribers of the session are told of it, for wires that announce it.

    Raises:
        InputError: a file cannot be read or used, or something is to be installed first.
    """

    def __init__(
        self,
        *,
        plans: Iterable[Plan] = (),
        files: Iterable[Path] = (),
        tell: Callable[[str], None] = lambda _notice: None,
        hello: Hello | None = None,
    ) -> None:
        self._watched = [MapFile(path, check=refuse_missing) for path in files]
        self._fixed = [Evaluation(plan) for plan in plans]
        for evaluation in self._fixed:
            refuse_missing(evaluation.plan)
        self._inbox: Mailbox[tuple[Event, float]] = Mailbox()
        self._inbox.select([], several=_WAITING)
        self._changed = threading.Condition()
        self._closed = False
        self._tell, self._hello = tell, hello
        self._lines: dict[Target, Line] = {}
        self._adjust_lines()
        self._thread = threading.Thread(target=self._run, name="outlets", daemon=True)
        self._thread.start()

    @property
    def targets(self) -> list[Target]:
        """Everything that is sent to now."""
        return list(self._lines)

    def publish(self, event: Event) -> None:
        """Take an event; where too many wait, newer ones win."""
        now = time.monotonic()
        with self._changed:
            self._inbox.offer(_STREAMS[type(event)], (event, now), t=0.0)
            self._changed.notify()

    def states(self) -> tuple[OutletState, ...]:
        """Return how every target fares, in the order of the mappings."""
        return tuple(line.state for line in list(self._lines.values()))

    def faults(self) -> Mapping[str, int]:
        """Return what could not be sent, and what rules sent in vain."""
        faults = {"events that came too fast for the outlets": self._inbox.replaced}
        for target, line in list(self._lines.items()):
            shown = target.url.shown
            faults[f"messages that could not be sent to {shown}"] = line.state.failed
            faults[f"messages of rules that {shown} did not take in time"] = line.lost
        return faults

    def close(self) -> None:
        """Bring everything home, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for line in self._lines.values():
            line.close()

    @property
    def _evaluations(self) -> list[Evaluation]:
        return [*self._fixed, *(watched.evaluation for watched in self._watched)]

    def _run(self) -> None:
        for evaluation in self._evaluations:
            self._send(evaluation.begin())
        looked = time.monotonic()
        while (events := self._wait()) is not None:
            for event, came in events:
                captured_at = _captured_at(event, came)
                for evaluation in self._evaluations:
                    self._send(evaluation.take(event, captured_at=captured_at))
            if self._watched and time.monotonic() - looked >= _LOOK_EVERY_S:
                self._look_at_files()
                looked = time.monotonic()
        for evaluation in self._evaluations:
            self._send(evaluation.end())

    def _wait(self) -> list[tuple[Event, float]] | None:
        """Return the events that came, perhaps none; None at the end."""
        with self._changed:
            if not self._inbox and not self._closed:
                self._changed.wait(_LOOK_EVERY_S if self._watched else None)
            events = []
            while (item := self._inbox.take()) is not None:
                events.append(item)
            return None if self._closed and not events else events

    def _send(self, sendings: Iterator[Sending]) -> None:
        by_target: dict[Target, list[Message[Any]]] = defaultdict(list)
        for target, message in sendings:
            by_target[target].append(message)
        for target, messages in by_target.items():
            self._lines[target].offer(messages)

    def _look_at_files(self) -> None:
        for watched in self._watched:
            before = watched.evaluation
            if watched.take_changes(self._tell):
                self._send(before.leave(watched.evaluation.plan.routes))
                self._adjust_lines()
                self._send(watched.evaluation.begin())

    def _adjust_lines(self) -> None:
        """Open a line for every target of the plans in force, and close all others."""
        names: dict[Target, str] = {}
        for evaluation in self._evaluations:
            for target in evaluation.plan.targets:
                names.setdefault(target, evaluation.plan.names.get(target, target.url.scheme))
        lines = {
            target: self._lines.get(target)
            or Line(
                target,
                name=name,
                tell=self._tell,
                places=self._places(target),
                hello=self._hello,
            )
            for target, name in names.items()
        }
        gone = [line for target, line in self._lines.items() if target not in lines]
        self._lines = lines  # at once: others read it
        for line in gone:
            line.close()
        for target, line in lines.items():
            line.keep(set(self._places(target, rules=False)), places=self._places(target))

    def _places(self, target: Target, *, rules: bool = True) -> list[Table]:
        """Return where on a target routes lead, and with ``rules`` those too, in their order."""
        plans = [evaluation.plan for evaluation in self._evaluations]
        sends = [send for plan in plans for rule in plan.rules for send in rule.sends]
        leading = [*(route for plan in plans for route in plan.routes), *(sends if rules else ())]
        return [one.place for one in leading if target in one.targets]


def _captured_at(event: Event, came: float) -> float | None:
    """Return when the last sample of an estimate was captured, on the monotonic clock."""
    if not isinstance(event, Estimate):
        return came
    if event.latency_ms is None:
        return None
    return came - event.latency_ms / 1000 - event.delay_s
