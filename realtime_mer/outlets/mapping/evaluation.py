"""A mapping at work: events in, messages out. It knows no clock, socket or thread."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from realtime_mer.estimate import Estimate, Status
from realtime_mer.outlets.mapping.conditions import MARKER, Happening
from realtime_mer.outlets.mapping.routes import Shaped
from realtime_mer.outlets.mapping.rules import Watched
from realtime_mer.outlets.mapping.tables import Plan, Route
from realtime_mer.outlets.mapping.values import HELD, Kind, Plain, Values, kind_of
from realtime_mer.outlets.wires import Message, Target, Value
from realtime_mer.wire.protocol import Event, Marker, StatusMessage

Sending = tuple[Target, Message[Any]]
"""A message, and where it goes."""

_OF_MUSIC = ("valence", "arousal", "quadrant", "gems.", "mood")
_AWAY = (Status.RECONNECTING.value, Status.PAUSED.value)
_PROVISIONAL = {*(status.value for status in HELD), Status.WARMING_UP.value}


class Evaluation:
    """Makes messages of a session's events, as a plan says.

    Args:
        plan: what goes where.
        before: an evaluation of an earlier plan; places that both know go on from where they are.

    Attributes:
        values: what is known now.
        routes, rules: how each stands, in the order of the plan.
    """

    def __init__(self, plan: Plan, *, before: "Evaluation | None" = None) -> None:
        self.plan = plan
        self.values: Values = Values() if before is None else before.values
        self.routes = [Shaped(route) for route in plan.routes]
        self.rules = [Watched(rule) for rule in plan.rules]
        self._seen: dict[str, Plain] = {} if before is None else before._seen
        self._playing: bool = False if before is None else before._playing
        self._goes_on = before is not None
        self._by_kind: dict[Kind, list[Shaped]] = defaultdict(list)
        known = {} if before is None else {_place(one.route): one for one in before.routes}
        for shaped in self.routes:
            self._by_kind[kind_of(shaped.route.shape.source)].append(shaped)
            if (other := known.get(_place(shaped.route))) is not None:
                shaped.resume(other)

    def begin(self) -> Iterator[Sending]:
        """Yield what is sent at the start, or to places that an earlier plan did not know."""
        for shaped in self.routes:
            if shaped.sent is None and (value := shaped.begin()) is not None:
                yield from self._standing(shaped.route, value)
        if not self._goes_on:
            yield from self._happened(Happening("session begins"), t=0.0, captured_at=None)

    def end(self) -> Iterator[Sending]:
        """Yield what is sent at the end."""
        yield from self._happened(Happening("session ends"), t=self._now(), captured_at=None)
        yield from self.leave(())

    def leave(self, staying: Iterable[Route]) -> Iterator[Sending]:
        """Yield what brings all places home but those of some routes."""
        stay = {_place(route) for route in staying}
        for shaped in self.routes:
            if _place(shaped.route) not in stay and (value := shaped.end()) is not None:
                yield from self._standing(shaped.route, value)

    def take(self, event: Event, *, captured_at: float | None = None) -> Iterator[Sending]:
        """Take an event and yield what is to be sent.

        Args:
            event: the next.
            captured_at: on the monotonic clock, when the last sample of it was captured.
        """
        kind = self.values.take(event)
        match event:
            case Marker(label=label):
                t = self._now()
                yield from self._shaped("marker", t=t, captured_at=captured_at, now=True)
                yield from self._happened(Happening(MARKER, label), t=t, captured_at=captured_at)
            case StatusMessage():
                t = self._now()
                for shaped in self._by_kind["estimate"]:
                    if shaped.route.shape.source == "status":
                        yield from self._step(shaped, t=t, captured_at=captured_at, now=True)
                if event.status.value in _AWAY:  # of all others estimates tell, in their order
                    yield from self._changes(t=t, captured_at=captured_at)
            case _:
                yield from self._shaped(kind, t=event.t, captured_at=captured_at)
                if isinstance(event, Estimate):
                    yield from self._changes(t=event.t, captured_at=captured_at)
                    for rule in self.rules:
                        if rule.look(self._current, t=event.t):
                            yield from self._sent(rule, t=event.t, captured_at=captured_at)

    def _shaped(
        self, kind: Kind, *, t: float, captured_at: float | None, now: bool = False
    ) -> Iterator[Sending]:
        for shaped in self._by_kind[kind]:
            yield from self._step(shaped, t=t, captured_at=captured_at, now=now)

    def _step(
        self, shaped: Shaped, *, t: float, captured_at: float | None, now: bool
    ) -> Iterator[Sending]:
        name, values = shaped.route.shape.source, self.values
        value = shaped.step(
            values.get(name), t=t, sd=values.sd(name), status=values.status, now=now
        )
        if value is not None:
            yield from self._standing(shaped.route, value, t=t, captured_at=captured_at)

    def _standing(
        self,
        route: Route,
        value: Value,
        *,
        t: float | None = None,
        captured_at: float | None = None,
    ) -> Iterator[Sending]:
        once = route.shape.source == MARKER
        message = Message(place=route.place, value=value, t=t, captured_at=captured_at, once=once)
        for target in route.targets:
            yield target, message

    def _changes(self, *, t: float, captured_at: float | None) -> Iterator[Sending]:
        """Yield what the rules send for what has changed since the last estimate."""
        values = self.values
        for name, value in (
            ("mood", values.mood),
            ("quadrant", values.get("quadrant")),
            ("status", values.status),
        ):
            if not value or (values.status in _PROVISIONAL and name != "status"):
                continue
            if name in self._seen and self._seen[name] != value:
                yield from self._happened(
                    Happening(f"{name} changes"), t=t, captured_at=captured_at
                )
            self._seen[name] = value
        turns = values.get("turns")
        if turns is not None:
            # A count, so that a turn is not missed with an estimate that nobody got.
            if int(turns) > int(self._seen.get("turns", turns)):
                yield from self._happened(Happening("music turns"), t=t, captured_at=captured_at)
            self._seen["turns"] = turns
        if values.status == Status.GAP.value:
            return  # neither begins nor ends anything
        playing = values.status == Status.MUSIC.value
        if playing != self._playing:
            self._playing = playing
            name = "music begins" if playing else "music ends"
            yield from self._happened(Happening(name), t=t, captured_at=captured_at)

    def _happened(
        self, happening: Happening, *, t: float, captured_at: float | None
    ) -> Iterator[Sending]:
        for rule in self.rules:
            if rule.happens(happening, t=t):
                yield from self._sent(rule, t=t, captured_at=captured_at)

    def _sent(self, rule: Watched, *, t: float, captured_at: float | None) -> Iterator[Sending]:
        for send in rule.rule.sends:
            value = send.value if send.source is None else self.values.get(send.source)
            if value is None:
                continue
            message = Message(
                place=send.place, value=value, t=t, captured_at=captured_at, once=True
            )
            for target in send.targets:
                yield target, message

    def _current(self, name: str) -> Plain | None:
        """Return a value for a comparison; None for one of music where none plays, or none yet."""
        if self.values.status in _PROVISIONAL and name.startswith(_OF_MUSIC):
            return None
        return self.values.get(name)

    def _now(self) -> float:
        estimate = self.values.estimate
        return 0.0 if estimate is None else estimate.t


def _place(route: Route) -> tuple[Any, ...]:
    return (route.place, route.targets)
