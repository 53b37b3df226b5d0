"""Whose turn it is to draw: one slow part a frame, so that no frame has to draw them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass
class _Part:
    draw: Callable[[], Iterator[None] | None]
    period: float
    due: float = float("-inf")
    wanted: bool = False


class Turns:
    """Draws parts at most so often each, and at most one of them at a time.

    Of those that want to draw and may, the one that may since longest comes first, so that none
    waits for ever; one that takes several turns has them in a row.
    """

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        self._rest: Iterator[None] = iter(())

    def add(self, name: str, draw: Callable[[], Iterator[None] | None], *, period: float) -> None:
        """Add a part.

        Args:
            name: how ``want`` calls it.
            draw: brings it up to date; a part too slow for one turn gives an iterator, each item
                of which stands for one turn's work.
            period: least seconds from one drawing to the next.
        """
        self._parts[name] = _Part(draw, period)

    def want(self, *names: str) -> None:
        """Note that parts are behind; several times is as good as once."""
        for name in names:
            self._parts[name].wanted = True

    def take(self, now: float) -> bool:
        """Draw the part whose turn it is; return False if there is none.

        Args:
            now: seconds on any steady clock.
        """
        for _ in self._rest:
            return True  # what is begun is finished first
        ready = [part for part in self._parts.values() if part.wanted and part.due <= now]
        if not ready:
            return False
        part = min(ready, key=lambda part: part.due)
        part.wanted, part.due = False, now + part.period
        self._rest = part.draw() or iter(())
        next(self._rest, None)
        return True
