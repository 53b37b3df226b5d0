"""Streams that are not in step: which of their hops are computed together, and when.

Pure: the time is told to it, in seconds of whichever clock, and whoever runs it waits.
"""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.batch import StreamBatch, StreamState
from realtime_mer.errors import InputError
from realtime_mer.following import Told
from realtime_mer.pending import Pending

MAX_WAIT_S = 0.02
"""Seconds that a hop waits at most for those of other streams."""
CATCH_UP_S = 0.05
"""Seconds from one hop of a stream that is behind to its next, unless a run is due anyway. It still
catches up, at twice the speed of sound at hops of 0.1 s, and the others hardly notice."""
MAX_BACKLOG_S = 3.0
"""Seconds of sound of a stream that may wait."""
AT_ONCE = 64
"""Hops in one call: on a core more of them take little less each, and the others wait longer."""


@dataclass(frozen=True, slots=True)
class _Hop:
    samples: NDArray[np.float32]
    lost: int
    anew: bool
    ready_at: float
    unheard: int = 0  # hops of lost sound before it, which nobody computes


@dataclass(slots=True)
class _Inbox:
    """What of a stream has come and was not computed yet."""

    pending: Pending
    hops: deque[_Hop] = field(default_factory=deque)
    left_out: int = 0  # hops that came before those that wait, too late to be computed
    left_out_lost: int = 0  # samples of them that stand for lost sound
    begins_anew: bool = False  # one of those was to
    unheard: int = 0  # hops of lost sound after those that wait
    forgets: bool = False  # among which the stream was to begin anew


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What came of one call.

    Attributes:
        streams: n numbers.
        told: of the next hop of each.
        ready_at: ``(n,)``, when each of the hops was whole.
    """

    streams: list[int]
    told: Told
    ready_at: NDArray[np.float64]


class Scheduler:
    """Collect hops as they come, and run them together before the first of them waited too long.

    A run takes one hop of each stream, those that wait longest first. It is due once ``at_once``
    streams wait, once all do, or once a hop has waited for ``max_wait_s``. A stream that is more
    than ``max_backlog_s`` behind loses its oldest hops, which are counted as skipped.

    Args:
        batch: of the streams; nobody else lets them come and go.
        max_wait_s: seconds, >= 0.
        at_once: most hops in one call, >= 1.
        max_backlog_s: seconds of sound of a stream that may wait.
        catch_up_s: seconds from one hop of a stream that is behind to its next.
        max_gap_s: seconds of lost sound from which on its whole hops are told of to nobody.

    Attributes:
        max_wait_s: as given.
        left_out: hops of all streams that were too late to be computed.

    Raises:
        InputError: a bound is none.
    """

    def __init__(
        self,
        batch: StreamBatch,
        *,
        max_wait_s: float = MAX_WAIT_S,
        at_once: int = AT_ONCE,
        max_backlog_s: float = MAX_BACKLOG_S,
        catch_up_s: float = CATCH_UP_S,
        max_gap_s: float = 3.0,
    ) -> None:
        if at_once < 1 or not 0 <= max_wait_s < math.inf:
            raise InputError(
                f"A run of at most {at_once} hops after {max_wait_s} s cannot be made; give 1 or "
                "more, and seconds from 0 on."
            )
        self.left_out = 0
        self._batch = batch
        self._hop = batch.recognizer.hop_samples
        self.max_wait_s = max_wait_s
        self._at_once = at_once
        self._catch_up_s = catch_up_s
        rate = batch.recognizer.sample_rate
        self._backlog = max(1, round(max_backlog_s * rate) // self._hop)
        self._longest_gap = round(max_gap_s * rate) // self._hop
        self._inboxes: dict[int, _Inbox] = {}
        self._ready: list[tuple[float, int]] = []  # a heap of those whose next hop is whole

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self._inboxes)

    @property
    def hop_s(self) -> float:
        """Seconds of sound from one hop of a stream to its next."""
        return self._hop / self._batch.recognizer.sample_rate

    def join(self, state: StreamState | None = None) -> int:
        """As ``StreamBatch.join``."""
        stream = self._batch.join(state)
        position = self._batch.seq(stream) * self._hop
        self._inboxes[stream] = _Inbox(Pending(self._hop, position=position))
        return stream

    def leave(self, stream: int) -> None:
        """Let a stream go, with what of it waits.

        Raises:
            InputError: there is no such stream.
        """
        self._batch.leave(stream)
        del self._inboxes[stream]
        self._ready = [entry for entry in self._ready if entry[1] != stream]
        heapq.heapify(self._ready)

    def position(self, stream: int) -> int:
        """Return how many samples of a stream have been taken.

        Raises:
            InputError: there is no such stream.
        """
        return self._inbox(stream).pending.position

    def push(
        self,
        stream: int,
        samples: NDArray[np.float32],
        *,
        now: float,
        gaps: Sequence[LostSamples] = (),
        resets: Sequence[int] = (),
    ) -> None:
        """Take the next samples of a stream.

        Args:
            stream: its number.
            samples, gaps, resets: as for ``EmotionStream.push``.
            now: seconds.

        Raises:
            InputError: there is no such stream.
        """
        inbox = self._inbox(stream)
        whole = inbox.pending.push(samples, gaps=gaps, resets=resets)
        count = len(whole.samples) // self._hop
        if not count:
            return
        waited = bool(inbox.hops)
        lost = [0] * count if whole.lost is None else whole.lost.tolist()
        anew = [False] * count if whole.anew is None else whole.anew.tolist()
        pieces = whole.samples.copy().reshape(count, self._hop)  # the giver may use his again
        anew[0] |= inbox.forgets
        unheard = [inbox.unheard] + [0] * (count - 1)
        inbox.unheard, inbox.forgets = 0, False
        inbox.hops.extend(map(_Hop, pieces, lost, anew, [now] * count, unheard))
        while len(inbox.hops) > self._backlog:
            late = inbox.hops.popleft()
            inbox.left_out += 1 + late.unheard
            inbox.left_out_lost += late.lost + late.unheard * self._hop
            inbox.begins_anew |= late.anew
            self.left_out += 1
        if not waited:
            heapq.heappush(self._ready, (now, stream))

    def lose(self, stream: int, samples: int, *, now: float) -> None:
        """Let so many samples of a stream pass that never came.

        Of a gap that holds ``max_gap_s`` of whole hops, these are told of to nobody: the
        numbers of those that follow have a hole.

        Args:
            stream: its number.
            samples: >= 0.
            now: seconds.

        Raises:
            InputError: there is no such stream.
        """
        inbox = self._inbox(stream)
        begun = -len(inbox.pending) % self._hop
        whole = (samples - begun) // self._hop
        # Not reckoned with the hop that has begun: a stream that is moved behind it finds the same.
        if whole < self._longest_gap:
            self._push_zeros(stream, samples, now=now)
            return
        self._push_zeros(stream, begun, now=now)
        inbox.forgets |= inbox.pending.skip(whole)
        inbox.unheard += whole
        self._push_zeros(stream, samples - begun - whole * self._hop, now=now)

    def state(self, stream: int) -> StreamState:
        """Return what a stream is after its last hop that was computed; what waits is not in it.

        Raises:
            InputError: there is no such stream.
        """
        return self._batch.state(stream)

    def seq(self, stream: int) -> int:
        """Return how many hops of a stream have been, those that wait not counted in.

        Raises:
            InputError: there is no such stream.
        """
        return self._batch.seq(stream)

    @property
    def next_at(self) -> float | None:
        """When ``run`` is to be called, maybe long ago; None while nothing waits."""
        if not self._ready:
            return None
        enough = len(self._ready) >= min(self._at_once, len(self._inboxes))
        return self._ready[0][0] + (0.0 if enough else self.max_wait_s)

    def run(self, now: float) -> Run | None:
        """Compute what is due; call it again until there is nothing.

        Args:
            now: seconds.
        """
        due_at = self.next_at
        if due_at is None or due_at > now:
            return None
        count = min(self._at_once, len(self._ready))
        streams = sorted(heapq.heappop(self._ready)[1] for _ in range(count))
        hops = [self._next_hop(stream, now) for stream in streams]
        told = self._batch.step(
            streams,
            np.stack([hop.samples for hop in hops]),
            lost=np.array([[hop.lost] for hop in hops]),
            anew=np.array([[hop.anew] for hop in hops]),
        )
        return Run(streams=streams, told=told, ready_at=np.array([hop.ready_at for hop in hops]))

    def _next_hop(self, stream: int, now: float) -> _Hop:
        inbox = self._inboxes[stream]
        if inbox.left_out:
            self._leave_out(stream, inbox)
        hop = inbox.hops.popleft()
        self._batch.skip(stream, hop.unheard, lost=True)
        if inbox.hops:
            # Counted from the beginning of this run: where runs take longer, nothing waits.
            again = now + self._catch_up_s - self.max_wait_s
            heapq.heappush(self._ready, (max(inbox.hops[0].ready_at, again), stream))
        return hop

    def _push_zeros(self, stream: int, samples: int, *, now: float) -> None:
        if samples:
            gap = LostSamples(start=self.position(stream), length=samples)
            self.push(stream, np.zeros(samples, dtype=np.float32), now=now, gaps=[gap])

    def _leave_out(self, stream: int, inbox: _Inbox) -> None:
        lost = min(inbox.left_out, math.ceil(inbox.left_out_lost / self._hop))
        self._batch.skip(stream, lost, lost=True)
        self._batch.skip(stream, inbox.left_out - lost)
        if inbox.begins_anew:
            self._batch.reset([stream])
        inbox.left_out = inbox.left_out_lost = 0
        inbox.begins_anew = False

    def _inbox(self, stream: int) -> _Inbox:
        try:
            return self._inboxes[stream]
        except KeyError:
            raise InputError(f"Stream {stream} is not among the {len(self)} there are.") from None
