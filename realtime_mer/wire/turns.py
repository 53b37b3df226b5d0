"""``Turns`` lets many senders speak at one bounded rate, each in its turn (pure, no clock)."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from realtime_mer.wire.mailbox import MessageBudget

_S = TypeVar("_S", bound=Hashable)
_T = TypeVar("_T")


class Turns(Generic[_S, _T]):
    """What senders sent, handed on one by one: however much the others send, each has its turn.

    What cannot go on at once waits in a short queue of its sender, so of n senders that all send
    more than there is room for, each gets an n-th of the rate.

    Args:
        per_second: items handed on every second in the long run, of all senders together.
        burst: items handed on at once.
        places: items of one sender that may wait.
    """

    def __init__(self, *, per_second: float, burst: int, places: int) -> None:
        self._budget = MessageBudget(per_second=per_second, burst=burst)
        self._places = places
        self._queues: dict[_S | None, deque[_T]] = {}  # none is empty; whose turn it is first

    def put(self, sender: _S, item: _T) -> bool:
        """Let an item wait for its sender's turn; False, and nothing waits, if too many do."""
        return self._put(sender, item)

    def take(self, now: float) -> _T | None:
        """Remove and return the next item; None if none waits or none may go on yet.

        Args:
            now: seconds of any steady clock.
        """
        if not self._queues or not self._budget.spend(now):
            return None
        sender = next(iter(self._queues))
        queue = self._queues.pop(sender)
        item = queue.popleft()
        if queue:
            self._queues[sender] = queue  # behind the others
        return item

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until ``take`` has something; None if nothing waits."""
        return self._budget.wait_s(now) if self._queues else None

    def leave(self, sender: _S) -> int:
        """Part with a sender; return how many of its items are lost.

        Those who left share one queue, so that coming and going gains nobody more turns or room.
        """
        return sum(not self._put(None, item) for item in self._queues.pop(sender, ()))

    def _put(self, sender: _S | None, item: _T) -> bool:
        queue = self._queues.get(sender)
        if queue is None:
            queue = self._queues[sender] = deque()
        if len(queue) >= self._places:
            return False
        queue.append(item)
        return True

    def __len__(self) -> int:
        """How many items wait."""
        return sum(map(len, self._queues.values()))
