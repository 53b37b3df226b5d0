"""A thread in which the streams of rooms are computed, and through which nothing else goes.

Whoever takes in sound hands it over and never waits; what comes of it is handed back hop by hop.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from realtime_mer.batch import StreamState
from realtime_mer.estimate import Estimate
from realtime_mer.following import Told
from realtime_mer.rooms.scheduler import Scheduler
from realtime_mer.wire.protocol import LevelMessage

_IDLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Hop:
    """What is told of the next hop of a room.

    Attributes:
        room: its name.
        told: of this hop and those of others.
        row: which of them it is.
    """

    room: str
    told: Told
    row: int

    def said(self) -> tuple[Estimate, LevelMessage]:
        """Return what is told of it, without what only whoever knows the clock can fill in."""
        (estimate,) = self.told.estimates(self.row)
        ((level, peak, mel),) = self.told.heard(self.row)
        return estimate, LevelMessage(t=estimate.t, level_dbfs=level, peak_dbfs=peak, mel=mel)


class Shard:
    """Computes rooms. All but ``close`` may be called from any one thread, and never waits.

    Args:
        scheduler: of the streams; nobody else uses it.
        tell: takes the hops of one call, in the thread that computes.
        save: takes a room, how many hops of it have been, and its state then, likewise.
        ended: is called when the thread ends, also where a defect ended it.
        save_every_s: seconds of a room's sound from one of its states to the next.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        tell: Callable[[Sequence[Hop]], None],
        save: Callable[[str, int, StreamState], None],
        ended: Callable[[], None],
        save_every_s: float = 1.0,
    ) -> None:
        self._scheduler = scheduler
        self._tell, self._save, self._ended = tell, save, ended
        self._save_every = max(1, round(save_every_s / scheduler.hop_s))  # hops
        self._streams: dict[str, int] = {}
        self._rooms: dict[int, str] = {}
        self._save_at: dict[int, int] = {}  # number of hops of each stream
        self._waiting: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._looks_soon = False  # by itself: what comes meanwhile need not wake it
        self._ending = False
        self._turned_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="realtime-mer-rooms", daemon=True)

    @property
    def idle_s(self) -> float:
        """Seconds since the thread looked up last: hardly more than half of one where it lives."""
        return time.monotonic() - self._turned_at

    @property
    def left_out(self) -> int:
        """Hops of all rooms that were too late to be computed."""
        return self._scheduler.left_out

    def start(self) -> None:
        """Begin to compute."""
        self._thread.start()

    def close(self) -> None:
        """Compute what waits, hand over the state of every room, and end; returns when done."""
        self._ending = True
        self._wake.set()
        self._thread.join()

    def join(self, room: str, state: StreamState | None) -> None:
        """Let a room come, a new one or one that goes on from a state."""
        self._do(partial(self._join, room, state))

    def push(self, room: str, samples: NDArray[np.float32], *, missing: int, fresh: bool) -> None:
        """Take the next sound of a room.

        Args:
            room: that came.
            samples: float32 ``(n,)``, at the recogniser's rate; not to be changed any more.
            missing: samples that were lost before them.
            fresh: what came before the lost ones has nothing to do with them.
        """
        self._do(partial(self._push, room, samples, missing, fresh, time.monotonic()))

    def leave(self, room: str, left: Callable[[int, StreamState], None]) -> None:
        """Let a room go, with what of it waits to be computed.

        Args:
            room: that came.
            left: takes how many hops of it have been, and its state then, in the thread that
                computes and after all that was told of the room.
        """
        self._do(partial(self._leave, room, left))

    def _do(self, step: Callable[[], None]) -> None:
        self._waiting.append(step)
        if not self._looks_soon:
            self._wake.set()

    # In the thread.

    def _run(self) -> None:
        try:
            while self._turn():
                pass
            for stream in list(self._rooms):
                self._keep(stream)
        finally:
            self._ended()

    def _turn(self) -> bool:
        """Do what there is to do now; return whether to go on."""
        self._looks_soon = False  # from here on what comes is either seen or wakes it
        self._turned_at = now = time.monotonic()
        while self._waiting:
            self._waiting.popleft()()
        run = self._scheduler.run(math.inf if self._ending else now)
        if run is not None:
            self._tell(
                [Hop(self._rooms[stream], run.told, row) for row, stream in enumerate(run.streams)]
            )
            for stream in run.streams:
                if self._scheduler.seq(stream) >= self._save_at[stream]:
                    self._keep(stream)
            return True
        if self._ending and not self._waiting:
            return False
        due_at = self._scheduler.next_at
        # What comes meanwhile may wait for as long: then it is looked at in time.
        self._looks_soon = due_at is not None and due_at - now <= self._scheduler.max_wait_s
        self._wake.wait(_IDLE_S if due_at is None else min(_IDLE_S, max(0.0, due_at - now)))
        self._wake.clear()
        return True

    def _keep(self, stream: int) -> None:
        scheduler = self._scheduler
        seq = scheduler.seq(stream)
        self._save_at[stream] = seq + self._save_every
        self._save(self._rooms[stream], seq, scheduler.state(stream))

    def _join(self, room: str, state: StreamState | None) -> None:
        stream = self._scheduler.join(state)
        self._streams[room], self._rooms[stream] = stream, room
        # Spread, or all rooms that came together would be kept together.
        self._save_at[stream] = self._scheduler.seq(stream) + 1 + stream % self._save_every

    def _leave(self, room: str, left: Callable[[int, StreamState], None]) -> None:
        stream, scheduler = self._streams.pop(room), self._scheduler
        left(scheduler.seq(stream), scheduler.state(stream))
        scheduler.leave(stream)
        del self._rooms[stream], self._save_at[stream]

    def _push(
        self, room: str, samples: NDArray[np.float32], missing: int, fresh: bool, now: float
    ) -> None:
        stream, scheduler = self._streams[room], self._scheduler
        if fresh:
            scheduler.push(stream, samples[:0], now=now, resets=[scheduler.position(stream)])
        scheduler.lose(stream, missing, now=now)
        scheduler.push(stream, samples, now=now)
