"""One place of a mapping at a time, so that a desk or a synthesiser can learn it."""

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from realtime_mer.errors import RealtimeMerError, ServiceError
from realtime_mer.outlets.line import reason
from realtime_mer.outlets.mapping.tables import Plan, Route
from realtime_mer.outlets.mapping.values import is_text, usual_range
from realtime_mer.outlets.wires import Announcing, Message, Table, Target, Value

_STEPS = 40
"""Values from one end of the range to the other."""

_STEP_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What is sent to one place while something learns it.

    Attributes:
        of: the value or the rule that the mapping sends there.
        place, targets: where.
        values: in their order; numbers go from one end of the target to the other and back, and
            end at home if there is one.
    """

    of: str
    place: Table
    targets: tuple[Target, ...]
    values: tuple[Value, ...]

    @property
    def where(self) -> str:
        """The place and the targets, for people."""
        return f"{shown(self.place)} at {', '.join(target.url.shown for target in self.targets)}"


def lessons(plan: Plan) -> list[Lesson]:
    """Return a lesson for every place of a mapping, in its order, each place once."""
    found: dict[Any, Lesson] = {}
    for route in plan.routes:
        lesson = Lesson(
            of=route.shape.source,
            place=route.place,
            targets=route.targets,
            values=_sweep(route),
        )
        found.setdefault((route.place, route.targets), lesson)
    for rule in plan.rules:
        for send in rule.sends:
            value = "learn" if send.value is None else send.value
            lesson = Lesson(of=rule.name, place=send.place, targets=send.targets, values=(value,))
            found.setdefault((send.place, send.targets), lesson)
    return list(found.values())


def teach(lesson: Lesson) -> None:
    """Send what a lesson says; takes some seconds.

    Raises:
        ServiceError: a target cannot be reached, or is lost.
    """
    with ExitStack() as stack:
        connections = []
        for target in lesson.targets:
            try:
                connection = target.wire.connect(target.url, target.options)
                connections.append((target, stack.enter_context(closing(connection))))
                if isinstance(connection, Announcing):
                    connection.announce([lesson.place], None)
            except (OSError, RealtimeMerError) as error:
                raise ServiceError(f"{target.url.shown}: {reason(error)}.") from error
        for value in lesson.values:
            for target, connection in connections:
                try:
                    connection.send([Message(place=lesson.place, value=value)])
                except (OSError, RealtimeMerError) as error:
                    raise ServiceError(f"{target.url.shown}: {reason(error)}.") from error
            time.sleep(_STEP_S)


def shown(place: Table) -> str:
    """Return a place for people, such as ``/booth/warmth`` or ``controller 7, channel 1``."""
    keys = {key: value for key, value in place.model_dump().items() if value is not None}
    if "address" in keys:
        return str(keys["address"])
    return ", ".join(f"{key} {value}" for key, value in keys.items())


def _sweep(route: Route) -> tuple[Value, ...]:
    shape = route.shape
    if shape.words is not None:
        values: list[Value] = list(shape.words.values())
    elif is_text(shape.source):
        values = ["learn"]
    else:
        first, last = route.target or route.range or usual_range(shape.source) or (0.0, 1.0)
        steps = (*range(_STEPS + 1), *reversed(range(_STEPS)))
        low, high = min(first, last), max(first, last)
        values = [min(high, max(low, first + step / _STEPS * (last - first))) for step in steps]
    return (*values, *(() if shape.home is None else (shape.home,)))
