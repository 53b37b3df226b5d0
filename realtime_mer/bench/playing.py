"""A session that plays on while what follows it comes and goes, watched from inside."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self, cast

import psutil

import realtime_mer
from realtime_mer.audio import demo
from realtime_mer.audio.block import Block
from realtime_mer.audio.pacing import Pacer
from realtime_mer.audio.ring import RingBuffer
from realtime_mer.bench.hops import TimedRecognizer
from realtime_mer.engine import RING_S, Engine
from realtime_mer.estimate import Estimate
from realtime_mer.live.outlets import Outlets
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import Event, Hello, OutletState

_RATE = 24_000
_LOOK_EVERY_S = 0.1  # as a live session does
_SETTLE_S = 1.0  # after outlets came or went
_CONNECT_S = 15.0  # until then each has been reached, or will not be


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What was measured in one turn.

    Attributes:
        hop_ms: of every step of the recogniser.
        told_ms: of every estimate, from its last sample to when everybody had been handed it.
        skipped: estimates left out because the machine was too slow.
        processor_s: what all threads of this process took of the processor.
        resident_mb: memory of the session and its children before and after, 2**20 bytes each.
        states: how every outlet fared; empty without any.
    """

    hop_ms: list[float]
    told_ms: list[float]
    skipped: int
    processor_s: float
    resident_mb: tuple[float, float]
    states: tuple[OutletState, ...] = ()


class LoopedPiece:
    """The built-in piece over and over, composed before it begins: 24 kHz, in blocks of 20 ms.

    Args:
        speed: seconds of sound in a second.
    """

    name = "the built-in piece"
    real_time = True

    def __init__(self, *, speed: float) -> None:
        self._piece = demo.compose(sample_rate=_RATE)
        self._at = 0
        self._pacer = Pacer(rate=_RATE)
        self._pacer.speed = speed

    def read(self) -> Block | None:
        """Return the next block when it is due; None once closed."""
        samples = self._piece[self._at : self._at + _RATE // 50]
        self._at = (self._at + len(samples)) % len(self._piece)
        due = self._pacer.wait(len(samples))
        return None if due is None else Block(samples=samples, rate=_RATE, arrived_at=due)

    def close(self) -> None:
        """End a ``read`` in progress."""
        self._pacer.close()


class PlayingSession:
    """A session of the built-in piece that plays on while outlets come and go. A context manager.

    Args:
        recognizer: on the processor.
        speed: seconds of sound in a second.
    """

    def __init__(self, recognizer: StreamingRecognizer, *, speed: float) -> None:
        self._timed = TimedRecognizer(recognizer)
        rate = recognizer.sample_rate
        self.hello = Hello(
            server_version=realtime_mer.__version__,
            model=recognizer.card.name,
            hop=recognizer.hop_samples / rate,
            window=recognizer.window_samples / rate,
            sample_rate=rate,
        )
        self._ring = RingBuffer(round(RING_S * rate))
        self._engine = Engine(
            source=LoopedPiece(speed=speed),
            stream=EmotionStream(cast(StreamingRecognizer, self._timed)),
            ring=self._ring,
            publish=self._publish,
        )
        self._outlets: Outlets | None = None
        self._told_ms: list[float] = []
        self._skipped = 0
        self._process = psutil.Process()
        self._others = self._process.children(recursive=True)
        self._stack = ExitStack()
        self._playing: Future[None]

    def __enter__(self) -> Self:
        thread = self._stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="session"))
        self._playing = thread.submit(self._play)
        self._stack.callback(self._engine.stop)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def turn(self, outlets: Outlets | None, *, seconds: float) -> Turn:
        """Measure for some seconds; with outlets, that get every event meanwhile."""
        self._outlets = outlets
        self._wait(_SETTLE_S, outlets)
        memory, busy = self._memory_mb(), time.process_time()
        hops, told, skipped = len(self._timed.times_ms), len(self._told_ms), self._skipped
        self._wait(seconds, outlets)
        turn = Turn(
            hop_ms=self._timed.times_ms[hops:],
            told_ms=self._told_ms[told:],
            skipped=self._skipped - skipped,
            processor_s=time.process_time() - busy,
            resident_mb=(memory, self._memory_mb()),
            states=() if outlets is None or outlets.mapped is None else outlets.mapped.states(),
        )
        self._outlets = None
        return turn

    def connect(self, outlets: Outlets) -> None:
        """Wait until each outlet has been reached, or has failed to be."""
        until = time.monotonic() + _CONNECT_S
        while outlets.mapped is not None and time.monotonic() < until:
            if not any(state.state == "connecting" for state in outlets.mapped.states()):
                return
            self._wait(_LOOK_EVERY_S, outlets)

    def _wait(self, seconds: float, outlets: Outlets | None) -> None:
        """Let time pass, and do what a live session does beside its hops."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_EVERY_S))
            if outlets is not None:
                outlets.take_markers()
                outlets.take_notices()
                outlets.tell_outlets()
            if self._playing.done():
                self._playing.result()  # raises what ended it

    def _play(self) -> None:
        for event in self._engine.events():
            if isinstance(event, Estimate):
                self._skipped = event.skipped

    def _publish(self, event: Event) -> None:
        if (outlets := self._outlets) is not None:
            outlets.publish(event)
        if isinstance(event, Estimate):
            arrived = self._ring.arrived_at(round(event.t * self.hello.sample_rate))
            if arrived is not None:
                self._told_ms.append(1000 * (time.monotonic() - arrived))

    def _memory_mb(self) -> float:
        children = self._process.children(recursive=True)
        family = [self._process, *(one for one in children if one not in self._others)]
        return round(sum(float(one.memory_info().rss) for one in family) / 2**20, 1)
