"""When a rule fires: what must be so for some time, once, until it is otherwise."""

from realtime_mer.outlets.mapping.conditions import MARKER, Condition, Happening, Look
from realtime_mer.outlets.mapping.tables import Rule

_ROUNDING_S = 5e-7  # times are rounded decimals, and equal ones must count as equal


class Watched:
    """One rule over time. Time is in seconds of sound.

    Args:
        rule: what is watched.

    Attributes:
        fired: how often.
        spent: whether it has fired, and waits until it has been otherwise.
        waited_s: for how long it has been so, of ``for_s``; None where it is not, or has fired.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.fired = 0
        self.waited_s: float | None = None
        self._since: float | None = None
        self.spent = False
        self._fired_at: float | None = None
        self._t: float | None = None

    def look(self, look: Look, *, t: float) -> bool:
        """Look at the values of a moment, and return whether the rule fires."""
        when = self.rule.when
        if isinstance(when, Happening):
            return False
        if self._t is not None and t < self._t:  # the stream began anew
            self._since = self._fired_at = None
        self._t = t
        holds = when.holds(look)
        if self.spent and self._is_over(holds, look):
            self.spent = False
        if self.spent or not holds:
            self._since = self.waited_s = None
            return False
        if self._since is None:
            self._since = t
        self.waited_s = t - self._since
        if self.waited_s + _ROUNDING_S < self.rule.for_s or not self._has_rested(t):
            return False
        self.spent, self._since, self.waited_s = True, None, None
        return self._fire(t)

    def happens(self, happening: Happening, *, t: float) -> bool:
        """Take something that happened, and return whether the rule fires."""
        when = self.rule.when
        if not isinstance(when, Happening) or when.name != happening.name:
            return False
        if when.name == MARKER and when.label not in (None, happening.label):
            return False
        return self._has_rested(t) and self._fire(t)

    def _is_over(self, holds: bool | None, look: Look) -> bool:
        until: Condition | None = self.rule.until
        # What is neither so nor not so, as in silence, ends nothing.
        return holds is False if until is None else until.holds(look) is True

    def _has_rested(self, t: float) -> bool:
        if self._fired_at is None or t < self._fired_at:
            return True
        return t - self._fired_at + _ROUNDING_S >= self.rule.rest_s

    def _fire(self, t: float) -> bool:
        self.fired += 1
        self._fired_at = t
        return True
