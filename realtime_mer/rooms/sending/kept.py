"""The newest sound of a sender, of which a part was sent (pure, no socket and no clock)."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class _Run:
    """Samples without a gap, ``(n,)``, and the index of the first."""

    index: int
    samples: NDArray[np.float32]

    @property
    def end(self) -> int:
        return self.index + len(self.samples)


class Kept:
    """Keeps the newest samples, those that were sent included, and says which of them were lost.

    A connection that breaks takes with it what was on its way. So what was sent stays for a while,
    and is sent again where the other side lacks it. Not thread-safe.

    Args:
        most: samples from the oldest that is kept to the newest, >= 1.

    Attributes:
        end: index behind the last sample.
        next: index of the sample that is to be sent next, or less where none was recorded.
        lost: samples that gave way to newer ones before the other side had them, or were given up.
    """

    def __init__(self, most: int) -> None:
        self.end = self.next = self.lost = 0
        self._most = most
        self._runs: list[_Run] = []
        self._confirmed = 0  # the other side has what comes before, or had it once
        self._gone: list[tuple[int, int]] = []  # sent, not confirmed and not kept: begins and ends

    @property
    def waiting(self) -> int:
        """Samples that are to be sent still."""
        return sum(run.end - max(run.index, self.next) for run in self._runs[self._place() :])

    @property
    def unconfirmed(self) -> bool:
        """Whether something was sent of which the other side has not said that it has it."""
        return self.next > self._confirmed

    def add(self, samples: NDArray[np.float32], *, missing: int = 0) -> None:
        """Keep what was recorded.

        Args:
            samples: ``(n,)``; may be none.
            missing: samples that were lost just before them, by the device, say.
        """
        self.end += missing
        if not len(samples):
            return
        self._runs.append(_Run(self.end, samples))
        self.end += len(samples)
        start = self.end - self._most
        while self._runs[0].end <= start:
            oldest = self._runs.pop(0)
            self._forget(oldest, oldest.end)
        first = self._runs[0]
        if first.index < start:
            self._forget(first, start)
            self._runs[0] = _Run(start, first.samples[start - first.index :])

    def take(
        self, *, least: int, most: int, step: int = 1
    ) -> tuple[int, NDArray[np.float32]] | None:
        """Return what is to be sent next: the index of its first sample, and samples without a gap.

        Args:
            least: samples; fewer are left to grow, unless a gap follows.
            most: samples, >= ``least``, a multiple of ``step``.
            step: of which their number is a multiple, unless a gap follows.

        Returns:
            None where there is nothing to send yet.
        """
        parts: list[NDArray[np.float32]] = []
        begin = at = self.next
        whole = False  # nothing can be added to it
        for run in self._runs[self._place() :]:
            start = max(run.index, self.next)
            if not parts:
                begin = at = start
            elif start != at:
                whole = True
                break
            parts.append(run.samples[start - run.index :])
            at = run.end
            if at - begin >= most:
                break
        count = min(at - begin, most)
        if not whole:
            count -= count % step
        if count == 0 or (count < least and not whole):
            return None
        self.next = begin + count
        return begin, np.concatenate(parts)[:count]

    def confirm(self, index: int) -> None:
        """Note that the other side has what comes before an index."""
        self._confirmed = max(self._confirmed, index)
        self._gone = [(max(begin, index), end) for begin, end in self._gone if end > index]

    def go_back_to(self, index: int) -> None:
        """Send from here on once more, as far as it is kept; what is not kept any more is lost.

        Args:
            index: of the first sample that the other side lacks; what lies ahead changes nothing.
        """
        if index >= self.next:
            return
        self.confirm(index)
        self.lost += sum(end - begin for begin, end in self._gone)
        self._gone = []
        self.next = max(index, self._runs[0].index if self._runs else self.end)

    def give_up_unconfirmed(self) -> None:
        """Count as lost what was sent and not confirmed, where nobody can say who has it."""
        kept = (min(run.end, self.next) - max(run.index, self._confirmed) for run in self._runs)
        self.lost += sum(count for count in kept if count > 0)
        self.lost += sum(end - begin for begin, end in self._gone)
        self.confirm(self.next)

    def give_up(self) -> None:
        """Count what still waits as lost."""
        self.lost += self.waiting
        self.next = self.end

    def _place(self) -> int:
        """Return which run holds the next sample to be sent, or is the first behind it."""
        return bisect_right(self._runs, self.next, key=lambda run: run.end)

    def _forget(self, run: _Run, until: int) -> None:
        """Let the samples of a run go that come before an index."""
        sent = max(run.index, min(self.next, until))
        self.lost += until - sent
        begin = max(run.index, self._confirmed)
        if self._gone and self._gone[-1][1] == begin < sent:
            self._gone[-1] = self._gone[-1][0], sent
        elif begin < sent:
            self._gone.append((begin, sent))
        self.next = max(self.next, until)
