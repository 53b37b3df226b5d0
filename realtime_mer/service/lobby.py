"""``Lobby`` bounds those who have not been let in yet: in all, and by address (pure, no socket)."""

from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

_T = TypeVar("_T", bound=Hashable)


class Lobby(Generic[_T]):
    """Connections that have not shown what lets them in; they hold no place of those who have.

    Whoever comes is let wait. Where there are too many, the one that has waited longest goes: it
    had the most time to show a token, and who has one shows it at once. An address that fills its
    own places loses its own oldest, so it drives away nobody else.

    Args:
        places: most that wait at a time.
        places_per_address: most of one address.

    Attributes:
        evicted: how many had to go so far.
    """

    def __init__(self, *, places: int, places_per_address: int) -> None:
        self.evicted = 0
        self._places = places
        self._places_per_address = places_per_address
        self._waiting: dict[_T, str] = {}  # in the order in which they came
        self._addresses: Counter[str] = Counter()

    def enter(self, guest: _T, address: str) -> _T | None:
        """Let one wait; return who has to go for it, who waits no longer. None for nobody."""
        self._waiting[guest] = address
        self._addresses[address] += 1
        evicted = None
        if self._addresses[address] > self._places_per_address:
            evicted = next(other for other, where in self._waiting.items() if where == address)
        elif len(self._waiting) > self._places:
            evicted = next(iter(self._waiting))
        if evicted is not None:
            self.leave(evicted)
            self.evicted += 1
        return evicted

    def leave(self, guest: _T) -> None:
        """Wait no longer, be it let in or gone; does nothing for one that does not wait."""
        address = self._waiting.pop(guest, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)
