"""A source that can be paused, started afresh and exchanged for another while it is read."""

import threading
from dataclasses import replace
from fractions import Fraction

import numpy as np

from realtime_mer.audio.block import Block, PacedSource, PatientSource, Source
from realtime_mer.audio.stdin import StdinSource
from realtime_mer.errors import InputError

_PAUSED_EVERY_S = 0.25


class SwitchableSource:
    """Plays one source after another as a single stream of sound.

    What is asked for happens between two blocks, and travels with the sound: a ``paused`` block has
    no frame, and the first block of what has nothing to do with the sound before is ``fresh``. The
    reader never waits for a lock while sound comes; ``read`` is for one thread, the rest for any.

    It is in one of these states, which the fields in brackets tell apart:

    - *Playing* [neither of the others]: blocks go through as they come.
    - *Standing* [``_paused``, ``_patient``]: nothing is read of a source that can wait, and it goes
      on where it stood; ``_stands`` says that it has to be resumed before it is read again.
    - *Passing* [``_paused``, not ``_patient``]: a device is read and its sound thrown away;
      ``_passed`` counts it, so that the first block after the pause tells of it as missing.
    - *Changing* [``_next``]: the present source is closed, and another takes over as soon as the
      read in progress has ended, in a pause too. Until a device is then first heard
      ``_away_since`` says when its forerunner last was, so that time stays true.
    - *Ended* [``_ended``]: no block comes any more, and no source can be taken.

    ``_fresh`` goes beside them all: it marks the next block that goes through.

    Args:
        source: what plays first; from now on it is closed by this one.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._patient = isinstance(source, PatientSource)
        self._next: Source | None = None  # waits to take its place
        self._speed = 1.0  # of sources that a clock of ours paces, those to come too
        self._paused = False
        self._fresh = False
        self._ended = False
        # Between those who exchange and close sources; the reader takes it where one has ended.
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._stands = False  # a patient source, for a pause
        self._passed = Fraction(0)  # seconds of a device's sound that were thrown away
        self._heard_until: float | None = None
        self._away_since: float | None = None  # when a device was last heard before a change

    @property
    def name(self) -> str:
        """The name of the source that plays now."""
        return self._source.name

    @property
    def real_time(self) -> bool:
        """Whether a real clock drives it; sources of the other kind cannot take its place."""
        return self._source.real_time

    @property
    def paused(self) -> bool:
        """Whether a pause was asked for."""
        return self._paused

    @property
    def speed(self) -> float | None:
        """Seconds of sound in a second; None where the source keeps its own time, as devices do."""
        source = self._source
        return source.speed if isinstance(source, PacedSource) else None

    def warnings(self) -> list[str]:
        """Return what is to be told to the user at the end, one line each."""
        source = self._source
        return [source.warning] if isinstance(source, StdinSource) and source.warning else []

    def pause(self) -> None:
        """Let no sound through: what can wait stands still, a device is thrown away and counted."""
        self._paused = True

    def resume(self) -> None:
        """End a pause."""
        self._paused = False
        self._news.set()

    def reset(self) -> None:
        """Mark the next block as ``fresh``."""
        self._fresh = True

    def pace(self, speed: float) -> None:
        """Play files and the demo piece at this speed from now on, those to come too.

        Raises:
            InputError: the present source keeps its own time.
        """
        with self._lock:
            if self.speed is None:
                raise InputError(
                    f"{self.name} keeps its own time: only files and the demo piece have a speed."
                )
            self._speed = speed
            for source in (self._source, self._next):
                if isinstance(source, PacedSource):
                    source.pace(speed)

    def change(self, source: Source) -> None:
        """Play another source from now on, and close the present one.

        Args:
            source: open already; where it cannot be taken it is closed.

        Raises:
            InputError: one of the two waits for its reader and the other does not, or the sound has
                ended.
        """
        problem = None
        with self._lock:
            if self._ended:
                problem = "The session is over, so its source cannot be changed."
            elif source.real_time != self._source.real_time:
                problem = (
                    f"{self.name} cannot be exchanged while it runs, since it has no clock: start "
                    "another session for another source."
                )
            else:
                if isinstance(source, PacedSource):
                    source.pace(self._speed)
                waiting, self._next = self._next, source
                old = self._source
        if problem is not None:
            source.close()
            raise InputError(problem)
        if waiting is not None:
            waiting.close()
        old.close()  # a read in progress ends, and the reader finds the next
        self._news.set()

    def read(self) -> Block | None:
        """Return the next block; None at the end or once closed."""
        while True:
            if self._is_to_stand():
                return self._stand()
            if self._stands and isinstance(self._source, PatientSource):
                self._source.resume()
            self._stands = False
            block = None if self._next is not None else self._source.read()
            if block is not None:
                return self._heard(block)
            if not self._take_next():
                return None

    def close(self) -> None:
        """Stop; a ``read`` in progress returns None soon. May be called twice."""
        with self._lock:
            self._ended = True
            sources = [self._source, *([self._next] if self._next is not None else [])]
            self._next = None
        for source in sources:
            source.close()
        self._news.set()

    def _is_to_stand(self) -> bool:
        return self._paused and self._patient and self._next is None and not self._ended

    def _stand(self) -> Block:
        if self._stands:
            self._news.clear()
            if self._is_to_stand():
                self._news.wait(_PAUSED_EVERY_S)
        self._stands = True
        return _paused_block()

    def _take_next(self) -> bool:
        with self._lock:
            if self._next is None:
                self._ended = True
                return False
            away = not self._patient and not self._paused
            self._away_since = self._heard_until if away else None
            self._source, self._next = self._next, None
            self._patient = isinstance(self._source, PatientSource)
            self._fresh = True
            return True

    def _heard(self, block: Block) -> Block:
        """Return a block as the pause and the change of sources leave it."""
        if len(block.samples):
            self._heard_until = block.arrived_at
        if self._paused and not self._patient:
            self._passed += Fraction(block.missing + len(block.samples), block.rate)
            self._away_since = None
            return _paused_block(xruns=block.xruns)
        if block.reconnecting:
            return block
        missing = block.missing + round(self._passed * block.rate) + self._away(block)
        fresh, self._fresh = self._fresh, False
        self._passed, self._away_since = Fraction(0), None
        return replace(block, missing=missing, fresh=fresh)

    def _away(self, block: Block) -> int:
        """Return the frames that the clock says were between a device and its successor."""
        if self._away_since is None or block.arrived_at is None:
            return 0
        began = block.arrived_at - len(block.samples) / block.rate
        return max(0, round((began - self._away_since) * block.rate))


def _paused_block(*, xruns: int = 0) -> Block:
    nothing = np.zeros((0, 1), dtype=np.float32)
    return Block(samples=nothing, rate=1, xruns=xruns, paused=True)
