"""The live loop: source -> intake -> ring -> stream -> whoever listens.

A source with a real clock cannot wait: a capture thread empties it into the ring and an inference
thread wakes for every hop. One that can wait (a file at full speed, a pipe) is pulled along in the
caller's thread and gives the very numbers of ``analyze``.
"""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.block import Block, Source
from realtime_mer.audio.intake import Intake, Piece
from realtime_mer.audio.ring import LostSamples, RingBuffer
from realtime_mer.errors import RealtimeMerError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.shaping import Shaper
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.clocks import ahead
from realtime_mer.wire.protocol import Event, LevelMessage, StatusMessage
from realtime_mer.wording import STATUS_SENTENCES, literal

RING_S = 30.0
"""Seconds of sound that the ring between capture and inference holds."""


class Engine:
    """Run one source through one stream.

    Args:
        source: closed by ``stop`` and at the end.
        stream: fresh.
        shaper: smoothing and delay.
        ring: where the sound passes through, for whoever reads it there too; one of
            ``RING_S`` if None.
        publish: called with every event, levels included, in the thread that made it and before
            ``events`` yields it; must return at once.
        make_room: called before so many samples of a source that can wait go into the ring; may
            wait for whoever reads them there.
        seconds: stop after this much sound; None for no limit.
        way_s: how long sound takes from a loudspeaker until this source has it (``--align``); times
            and latency are told from the loudspeaker on, as long as the source is the same.
        max_backlog_s: a real-time source that is further behind skips to its newest window.

    Attributes:
        lost_events: events that nobody fetched in time from ``events`` of a real-time source.
        xruns: input overflows.
    """

    _EVENTS = 4096  # nearly seven minutes of estimates that nobody fetches
    _IDLE_S = 0.5  # how often the inference thread looks up when no sound comes at all

    def __init__(
        self,
        *,
        source: Source,
        stream: EmotionStream,
        ring: RingBuffer | None = None,
        shaper: Shaper | None = None,
        publish: Callable[[Event], None] | None = None,
        make_room: Callable[[int], None] | None = None,
        seconds: float | None = None,
        way_s: float = 0.0,
        max_backlog_s: float = 3.0,
    ) -> None:
        self.source = source
        self.stream = stream
        self.lost_events = 0
        self.xruns = 0
        self._shaper = shaper or Shaper()
        self._publish = publish
        self._make_room = make_room
        self._way_s, self._way_of = way_s, source.name
        self._rate = stream.recognizer.sample_rate
        self._hop = stream.recognizer.hop_samples
        self._limit = math.inf if seconds is None else seconds + 1e-6
        self._backlog_hops = max(1, round(max_backlog_s * self._rate) // self._hop)
        self.intake = Intake(target_rate=self._rate)
        self.ring = ring or RingBuffer(round(RING_S * self._rate))
        self._told: tuple[Status, str] | None = None
        self._t = 0.0
        self._away: Status | None = None  # why no sound comes
        self._captured_all = False
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._events: queue.Queue[Event | None] = queue.Queue(self._EVENTS)

    def events(self) -> Iterator[Event]:
        """Yield every estimate and status change until the sound ends or ``stop`` is called.

        Ctrl-C ends it like ``stop``: what has been estimated is still yielded.

        Raises:
            KeyboardInterrupt: at Ctrl-C, after that, where the source can wait.
            AudioError: the source failed; everything estimated before has been yielded.
        """
        try:
            yield from self._live() if self.source.real_time else self._pulled()
        finally:
            self.stop()

    def stop(self) -> None:
        """End the session, from any thread; ``events`` ends soon."""
        self._stopped.set()
        self.source.close()
        self._wake.set()

    # -- a source that can wait -------------------------------------------------------------

    def _pulled(self) -> Iterator[Event]:
        failure: RealtimeMerError | KeyboardInterrupt | None = None
        try:
            while not self._stopped.is_set() and (block := self.source.read()) is not None:
                self.xruns += block.xruns
                yield from self._pieces(self.intake.push(block))
                if (away := _away(block)) is not None:
                    yield from self._changed(away)
        except RealtimeMerError as error:
            failure = error  # raised after all that came before it
        except KeyboardInterrupt as interrupt:
            self._stopped.set()
            failure = interrupt  # a half-read file must not pass for a whole one
        if not self._stopped.is_set():
            yield from self._pieces(self.intake.flush())
        yield from self._announced(self._shaper.flush())
        if failure is not None:
            raise failure

    def _pieces(self, pieces: Sequence[Piece]) -> Iterator[Event]:
        for piece in pieces:
            start = self.stream.position
            lost = [LostSamples(start=start, length=piece.missing)] if piece.missing else []
            zeros = np.zeros(piece.missing, dtype=np.float32)
            samples = np.concatenate((zeros, piece.samples))
            resets = [start] if piece.fresh else []
            self._pass_on(samples)
            yield from self._estimated(samples, lost, resets, stamped=False)

    def _pass_on(self, samples: NDArray[np.float32]) -> None:
        """Let samples through the ring, for whoever records them, and wait for that."""
        left = max(0.0, self._limit * self._rate - self.ring.written)
        samples = samples[: round(min(left, len(samples)))]
        for start in range(0, len(samples), self._rate):
            part = samples[start : start + self._rate]
            if self._make_room is not None:
                self._make_room(len(part))
            self.ring.write(part)

    # -- a source with a real clock ---------------------------------------------------------

    def _live(self) -> Iterator[Event]:
        with ThreadPoolExecutor(2, thread_name_prefix="realtime-mer") as threads:
            work = [threads.submit(self._capture), threads.submit(self._infer)]
            try:
                while (event := self._fetch()) is not None:
                    yield event
            finally:
                self.stop()
        for done in work:
            done.result()  # raises what the thread raised

    def _fetch(self) -> Event | None:
        while True:
            try:
                # Windows delivers Ctrl-C only between waits (not run on Windows).
                return self._events.get(timeout=self._IDLE_S)
            except queue.Empty:
                continue
            except KeyboardInterrupt:
                self.stop()  # and fetch what was estimated until now

    def _capture(self) -> None:
        try:
            while not self._stopped.is_set() and (block := self.source.read()) is not None:
                self.xruns += block.xruns
                self._away = _away(block)
                self._store(self.intake.push(block), block.arrived_at)
            self._store(self.intake.flush(), None)
        finally:
            self._captured_all = True
            self._wake.set()

    def _store(self, pieces: Sequence[Piece], arrived_at: float | None) -> None:
        # The last sample that came out was captured before those that the intake still holds.
        before = None if arrived_at is None else arrived_at - self.intake.delay_s
        left = sum(piece.missing + len(piece.samples) for piece in pieces)

        def captured_at() -> float | None:
            return None if before is None else before - left / self._rate

        for piece in pieces:
            if piece.fresh:
                self.ring.write_reset()
            left -= piece.missing
            self.ring.write_gap(piece.missing, arrived_at, captured_at=captured_at())
            left -= len(piece.samples)
            self.ring.write(piece.samples, arrived_at, captured_at=captured_at())
        self._wake.set()

    def _infer(self) -> None:
        try:
            last = False
            while not (last or self._stopped.is_set()):
                self._wake.wait(self._IDLE_S)
                self._wake.clear()
                last = self._captured_all  # before looking at the ring, so that nothing is missed
                for event in self._newest():
                    self._enqueue(event)
            for event in self._announced(self._shaper.flush()):
                self._enqueue(event)
        finally:
            self._finish()

    def _newest(self) -> Iterator[Event]:
        """Work through what the ring holds, leaving out what is behind the bound."""
        position = self.stream.position
        hops = (self.ring.written - position) // self._hop
        if hops > self._backlog_hops:
            self._leave_out(position, hops - self._backlog_hops)
            position, hops = self.stream.position, self._backlog_hops
        if hops == 0:
            if self._away is not None:
                yield from self._changed(self._away)
            return
        samples = self.ring.read(position, hops * self._hop)
        if samples is not None:  # lapped meanwhile: the next look finds a longer backlog and skips
            gaps = self.ring.gaps(position, hops * self._hop)
            resets = self.ring.resets(position, hops * self._hop)
            yield from self._estimated(samples, gaps, resets, stamped=True)

    def _leave_out(self, position: int, hops: int) -> None:
        lost_samples = sum(gap.length for gap in self.ring.gaps(position, hops * self._hop))
        lost = min(hops, math.ceil(lost_samples / self._hop))
        self.stream.skip(lost, lost=True)
        self.stream.skip(hops - lost)
        if self.ring.resets(position, hops * self._hop):
            self.stream.reset()

    def _enqueue(self, event: Event) -> None:
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self.lost_events += 1

    def _finish(self) -> None:
        # The end must arrive even if nobody fetched the events before it.
        while True:
            try:
                self._events.put_nowait(None)
            except queue.Full:
                self._events.get_nowait()
                self.lost_events += 1
            else:
                return

    # -- both -------------------------------------------------------------------------------

    def _estimated(
        self,
        samples: NDArray[np.float32],
        gaps: Sequence[LostSamples],
        resets: Sequence[int],
        *,
        stamped: bool,
    ) -> Iterator[Event]:
        estimates = self.stream.push(samples, gaps=gaps, resets=resets)
        now = time.monotonic()
        clock = datetime.fromtimestamp(now + ahead(time.time)).astimezone()
        heard = self.stream.heard()
        for estimate in estimates:
            if estimate.t > self._limit:
                self._stopped.set()
                break
            self._t = estimate.t
            end = round(estimate.t * self._rate)
            captured = self.ring.captured_at(end, rate=self._rate) if stamped else None
            if captured is not None:
                way_s = self._way_s if self.source.name == self._way_of else 0.0
                age = now - captured + way_s
                estimate = replace(
                    estimate,
                    latency_ms=round(1000 * age, 3),
                    wall_time=(clock - timedelta(seconds=age)).isoformat("T", "milliseconds"),
                    xruns=self.xruns,
                )
            elif self.xruns:
                estimate = replace(estimate, xruns=self.xruns)
            yield from self._changed(estimate.status, estimate)
            t = estimate.t
            yield from self._announced(self._shaper.shape(estimate))
            # One for every hop of a backlog: a picture of the sound has no holes after it.
            if self._publish is not None:
                level, peak, mel = next(heard)
                self._publish(LevelMessage(t=t, level_dbfs=level, peak_dbfs=peak, mel=mel))

    def _changed(self, status: Status, estimate: Estimate | None = None) -> Iterator[Event]:
        name = self.source.name  # which may have been exchanged for another
        if self._told == (status, name):
            return
        self._told = status, name
        message = StatusMessage(
            status=status,
            detail=STATUS_SENTENCES[status],
            t=self._t,
            wall_time=estimate.wall_time if estimate else None,
            source=literal(name),
            xruns=self.xruns,
            skipped=estimate.skipped if estimate else 0,
        )
        yield from self._announced([message])

    def _announced(self, events: Sequence[Event]) -> Iterator[Event]:
        for event in events:
            if self._publish is not None:
                self._publish(event)
            yield event


def _away(block: Block) -> Status | None:
    if block.paused:
        return Status.PAUSED
    return Status.RECONNECTING if block.reconnecting else None
