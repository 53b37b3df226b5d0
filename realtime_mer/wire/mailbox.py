"""``Mailbox`` keeps what waits for one reader; ``MessageBudget`` bounds what one sender may send.

Of a stream the latest waits, or a bounded run; ``Rate`` thins it. None of them knows of a socket or
a clock.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Rate:
    """Thins what comes to a rate in stream time.

    Args:
        max_rate: most per second of sound; None for every one.
    """

    def __init__(self, max_rate: float | None) -> None:
        self._period = 0.0 if max_rate is None else 1.0 / max_rate
        self._due = self._last_t = -float("inf")

    def admits(self, t: float) -> bool:
        """Whether an item of stream time ``t`` is due; calls count as delivery."""
        if t < self._last_t:  # the stream began anew
            self._due = -float("inf")
        self._last_t = t
        if t + 1e-6 < self._due:
            return False
        # Counting from the due time rather than from t keeps the mean rate where the hop does not
        # divide the period; after a pause there is nothing to catch up.
        self._due = (self._due if t - self._due < self._period else t) + self._period
        return True


class _Slot(Rate, Generic[_T]):
    """The newest items of one stream, thinned to a rate."""

    def __init__(self, *, size: int, max_rate: float | None) -> None:
        super().__init__(max_rate)
        self.items: deque[tuple[int, _T]] = deque(maxlen=size)


class Mailbox(Generic[_T]):
    """What waits to be sent to one reader: every ordered message, otherwise only the latest.

    Ordered messages (``put``) wait in a queue; a reader that lets it fill up is ``hopeless``, and
    nothing more is kept for it. Items of the streams in ``select`` (``offer``) wait in a slot each,
    where a newer one pushes out the oldest, so a slow reader gets fewer items, none older than what
    its slot holds, and takes a bounded amount of memory. What waits is taken in the order in which
    it came. Not thread-safe.

    Args:
        ordered_limit: most ordered messages that may wait.
        slot_size: items that may wait per stream; 1 means that the latest wins.
        slot_sizes: the same for single streams, where a run of items is worth its lateness.

    Attributes:
        replaced: items that a newer one pushed out.
        hopeless: whether an ordered message had to be refused.
    """

    def __init__(
        self,
        *,
        ordered_limit: int = 32,
        slot_size: int = 1,
        slot_sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.replaced = 0
        self.hopeless = False
        self._came = itertools.count()
        self._ordered: deque[tuple[int, _T]] = deque()
        self._ordered_limit = ordered_limit
        self._slot_size, self._slot_sizes = slot_size, dict(slot_sizes or {})
        self._slots: dict[str, _Slot[_T]] = {}
        self._queues = [self._ordered]

    def select(
        self,
        streams: Iterable[str],
        *,
        max_rate: float | None = None,
        several: Mapping[str, int] | None = None,
    ) -> None:
        """Keep items of these streams from now on, at most ``max_rate`` per second of stream time.

        What waits in the slots is forgotten; ordered messages stay, and so does what waits of
        ``several``.

        Args:
            streams: where the latest item matters.
            max_rate: of each of those.
            several: streams where every item matters, and how many of each may wait.
        """
        before = self._slots
        self._slots = {
            stream: _Slot(size=self._slot_sizes.get(stream, self._slot_size), max_rate=max_rate)
            for stream in streams
        }
        for stream, size in (several or {}).items():
            self._slots[stream] = before.get(stream) or _Slot(size=size, max_rate=None)
        self._queues = [self._ordered, *(slot.items for slot in self._slots.values())]

    def put(self, item: _T) -> None:
        """Add an ordered message behind the others."""
        if len(self._ordered) >= self._ordered_limit:
            self.hopeless = True
        if not self.hopeless:
            self._ordered.append((next(self._came), item))

    def offer(self, stream: str, item: _T, *, t: float) -> int:
        """Keep the newest item of a stream, of stream time ``t`` in seconds.

        Returns:
            How many older items it pushed out: 0 or 1. An item that is not selected, or that
            ``max_rate`` thins out, pushes nothing out.
        """
        slot = self._slots.get(stream)
        if slot is None or self.hopeless or not slot.admits(t):
            return 0
        pushed_out = int(len(slot.items) == slot.items.maxlen)
        slot.items.append((next(self._came), item))
        self.replaced += pushed_out
        return pushed_out

    def passes(self, stream: str, *, t: float) -> bool:
        """Whether an item goes past an empty mailbox, as ``offer`` and ``take`` would let it.

        It is for a reader that takes what it is given, and spares the way through the slot.
        """
        slot = self._slots.get(stream)
        return slot is not None and not self.hopeless and slot.admits(t)

    def take(self) -> _T | None:
        """Remove and return what is to be sent next; None if nothing waits."""
        first: deque[tuple[int, _T]] | None = None
        for queue in self._queues:
            if queue and (first is None or queue[0][0] < first[0][0]):
                first = queue
        return None if first is None else first.popleft()[1]

    def __len__(self) -> int:
        """How many items wait."""
        return sum(map(len, self._queues))

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return any(self._queues)


class MessageBudget:
    """How many messages a client may still send: a bucket that refills with time.

    Args:
        per_second: messages that may come every second in the long run.
        burst: messages that may come at once.
    """

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = float(burst)
        self._at: float | None = None

    def spend(self, now: float) -> bool:
        """Count a message that came at ``now`` (seconds of any steady clock); False if too many."""
        self._refill(now)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def wait_s(self, now: float) -> float:
        """Return the seconds until a message may come; 0 for at once."""
        self._refill(now)
        return max(0.0, (1 - self._left) / self._per_second)

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
