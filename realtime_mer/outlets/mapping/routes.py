"""What a route makes of its value from one event to the next: range, curve, calm, rate."""

import math

from realtime_mer.outlets.mapping.tables import Route
from realtime_mer.outlets.mapping.values import SILENCES, is_text
from realtime_mer.outlets.wires import Value
from realtime_mer.wire.mailbox import Rate

_LEAST_S = 0.1
"""A time of 0 counts as a hop where a value is to move more slowly."""


class Shaped:
    """One route's value over time. Time is in seconds of sound.

    Args:
        route: what is done.

    Attributes:
        value: what the receiver should have now; None while nothing is known. It may be newer than
            what was sent, where a step or a rate holds that back.
        sent: what was sent last; None for nothing.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        self.value: Value | None = None
        self.sent: Value | None = None
        home = route.shape.home
        self._home = home if home is None or route.target is None else float(home)
        self._rate = Rate(route.shape.max_rate)
        self._t: float | None = None

    def begin(self) -> Value | None:
        """Return what is sent at the start; None for nothing."""
        if self._home is None or self.route.shape.start == "wait":
            return None
        self.value = self.sent = self._home
        return self.sent

    def end(self) -> Value | None:
        """Return what is sent at the end; None for nothing."""
        return None if self.route.shape.end == "hold" else self._home

    def resume(self, other: "Shaped") -> None:
        """Go on from where another route to the same place stands."""
        self.value, self.sent = other.value, other.sent

    def step(
        self, given: Value | None, *, t: float, sd: float = 0.0, status: str = "", now: bool = False
    ) -> Value | None:
        """Take the latest value.

        Args:
            given: as the session has it; None while it is not known.
            t: seconds of sound; a smaller one than before begins anew.
            sd: how uncertain the value is, 0 for not at all.
            status: of the estimate.
            now: whether it must not wait for the rate.

        Returns:
            what is to be sent; None for nothing.
        """
        past, self._t = self._t, t
        dt = 0.0 if past is None else max(0.0, t - past)
        self._move(given, dt=dt, sd=sd, status=status)
        if self.value is None or not self._is_new(self.value):
            return None
        if not now and not self._rate.admits(t):
            return None
        self.sent = self.value
        return self.sent

    def _move(self, given: Value | None, *, dt: float, sd: float, status: str) -> None:
        shape = self.route.shape
        quiet = next((key for key, named in SILENCES.items() if status in named), None)
        treatment = "pass" if quiet is None else getattr(shape, quiet)
        if treatment == "hold" or (treatment == "home" and self._home is None):
            return
        if treatment == "home":
            goal, sd = self._home, 0.0
        elif given is None:
            return
        else:
            goal = self._placed(given)
        if goal is None or (shape.unsure == "hold" and sd > shape.unsure_sd):
            return
        self.value = self._nearer(goal, dt=dt, sd=sd)

    def _placed(self, given: Value) -> Value | None:
        """Return where a value lies on the target."""
        route = self.route
        shape = route.shape
        if shape.words is not None:
            return shape.words.get(str(given))
        if is_text(shape.source) or route.range is None or route.target is None:
            return given
        low, high = route.range
        part = min(1.0, max(0.0, (float(given) - low) / (high - low)))
        if shape.curve == "s":
            part = part * part * (3 - 2 * part)
        elif shape.curve != "linear":
            part = part**shape.curve
        if shape.invert:
            part = 1 - part
        first, last = route.target
        return min(max(first, last), max(min(first, last), first + part * (last - first)))

    def _nearer(self, goal: Value, *, dt: float, sd: float) -> Value:
        """Return how far the value comes towards its goal in some time."""
        shape, value = self.route.shape, self.value
        if value is None or isinstance(value, str | bool) or isinstance(goal, str | bool):
            return goal
        seconds = float(shape.attack_s if goal > value else shape.release_s)
        if shape.unsure == "slow" and sd > 0:
            seconds = max(seconds, _LEAST_S) * (1 + (sd / shape.unsure_sd) ** 2)
        if seconds == 0:
            return goal
        moved = goal + (value - goal) * math.exp(-dt / seconds)
        return min(max(value, goal), max(min(value, goal), moved))

    def _is_new(self, value: Value) -> bool:
        sent, shape = self.sent, self.route.shape
        if sent is None:
            return True
        if shape.only_changes and value == sent:
            return False
        if isinstance(value, str | bool) or isinstance(sent, str | bool):
            return True
        return abs(value - sent) >= shape.step
