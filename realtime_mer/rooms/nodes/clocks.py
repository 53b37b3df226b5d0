"""Whether the clocks of the nodes agree, by which estimates are dated and latencies told (pure)."""

from collections.abc import Callable

_AHEAD_S = 0.5  # that NTP leaves to nobody
_MOST = 64  # nodes that are told of


class Clocks:
    """Finds sound that was captured later than it is told of, and says whose clock is off.

    Args:
        say: takes a line for people.
    """

    def __init__(self, *, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: set[str] = set()

    def age(self, node: str | None, captured_at: float, now: float) -> float:
        """Return how long ago sound was captured, in seconds; 0 where that is yet to come.

        Args:
            node: at which it came in; None for one that is not known.
            captured_at: by the clock there, in seconds since 1970.
            now: by the clock here, likewise.
        """
        ahead, name = captured_at - now, node or "?"
        if ahead > _AHEAD_S and name not in self._told and len(self._told) < _MOST:
            self._told.add(name)
            self._say(
                f"The clock of node {name} is {ahead:.1f} s ahead of the one here: times of "
                "day and latencies are wrong by that. Let both follow NTP."
            )
        return max(0.0, -ahead)
