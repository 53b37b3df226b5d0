"""What many streams take in one process: ``python -m realtime_mer.bench.room_load``, one load each.

It tells in one line of JSON when it is ready, waits for a line, measures, and tells what it found.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

from realtime_mer.bench.hops import Spread, noise
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.rooms.computing import schedule

_SOUNDS = 64  # different ones, among which streams are dealt out
_WARM_UP = 3  # ticks
_FEWEST = 10  # ticks that are measured, however long they take


@dataclass(frozen=True, kw_only=True)
class RoomLoad:
    """What a number of streams takes.

    Attributes:
        tick_ms: median and 99th percentile of computing a hop of every stream, one after the other.
        hop_us: microseconds of processor time of a stream's hop among them.
        estimates_us: those of making an ``Estimate`` of it, which is left to whoever asks.
        live_ms: milliseconds from a hop's end to its being told, live, streams out of step; None
            where the process could not keep up.
        stream_kb: kilobytes of memory of a stream beside the first; None for one stream.
        resident_mb: memory of the process, 2**20 bytes each.
    """

    tick_ms: Spread
    hop_us: float
    estimates_us: float
    live_ms: Spread | None
    stream_kb: float | None
    resident_mb: float


def measure(recognizer: StreamingRecognizer, *, streams: int, seconds: float) -> RoomLoad:
    """Load a scheduler with streams, first as fast as it can, then as they would come live.

    Args:
        recognizer: which.
        streams: >= 1.
        seconds: of each of the two, > 0.
    """
    sounds = noise(_SOUNDS * recognizer.hop_samples).reshape(_SOUNDS, -1)
    one = _Rooms(recognizer, 1, sounds)
    for _ in range(_WARM_UP):
        one.tick()
    before = _resident()
    rooms = _Rooms(recognizer, streams, sounds) if streams > 1 else one
    for _ in range(_WARM_UP):
        rooms.tick()
    resident = _resident()
    ticks: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    while len(ticks) < _FEWEST or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        rooms.tick()
        ticks.append(1000 * (time.perf_counter() - start))
    hop_us = 1e6 * (time.process_time() - cpu) / (len(ticks) * streams)
    hop_s = recognizer.hop_samples / recognizer.sample_rate
    keeps_up = float(np.median(ticks)) / 1000 < 0.9 * hop_s
    return RoomLoad(
        tick_ms=Spread.of(ticks),
        hop_us=round(hop_us, 2),
        estimates_us=round(rooms.estimates_us(), 2),
        live_ms=rooms.live(seconds) if keeps_up else None,
        stream_kb=round((resident - before) / 1000 / (streams - 1), 1) if streams > 1 else None,
        resident_mb=round(resident / 2**20, 1),
    )


class _Rooms:
    """Streams in a scheduler, each with noise of its own."""

    def __init__(
        self, recognizer: StreamingRecognizer, streams: int, sounds: NDArray[np.float32]
    ) -> None:
        self._scheduler = schedule(recognizer, streams=streams)
        self._streams = [self._scheduler.join() for _ in range(streams)]
        self._sounds = sounds
        self._hop_s = recognizer.hop_samples / recognizer.sample_rate

    def tick(self) -> None:
        """Let a hop of every stream come, and compute them."""
        for stream in self._streams:
            self._push(stream, 0.0)
        while self._scheduler.run(1.0) is not None:
            pass

    def estimates_us(self) -> float:
        """Return the processor time of making an estimate, in microseconds."""
        for stream in self._streams:
            self._push(stream, 0.0)
        run = self._scheduler.run(1.0)
        if run is None:
            return 0.0
        began = time.process_time()
        for row in range(len(run.streams)):
            run.told.estimates(row)
        taken = time.process_time() - began
        while self._scheduler.run(1.0) is not None:
            pass
        return 1e6 * taken / len(run.streams)

    def live(self, seconds: float) -> Spread:
        """Let hops come as they would live, and return how long each took to be told."""
        count = len(self._streams)
        order = np.random.default_rng(0).permutation(count)
        due = [(float(place) / count, self._streams[index]) for index, place in enumerate(order)]
        due.sort()  # by when in a hop's time each stream's hops end
        taken: list[float] = []
        begun, hop, place = time.perf_counter(), 0, 0
        while (now := time.perf_counter() - begun) < seconds:
            ends = (hop + due[place][0]) * self._hop_s
            while ends <= now:
                self._push(due[place][1], ends)
                hop, place = (hop, place + 1) if place + 1 < count else (hop + 1, 0)
                ends = (hop + due[place][0]) * self._hop_s
            run = self._scheduler.run(now)
            if run is not None:
                told = time.perf_counter() - begun
                taken += (1000 * (told - run.ready_at)).tolist()
                continue
            waits = self._scheduler.next_at
            until = ends if waits is None else min(ends, waits)
            time.sleep(max(0.0, until - (time.perf_counter() - begun)))
        while self._scheduler.run(np.inf) is not None:
            pass
        return Spread.of(taken or [0.0])

    def _push(self, stream: int, now: float) -> None:
        self._scheduler.push(stream, self._sounds[stream % len(self._sounds)], now=now)


def _resident() -> int:
    resident: int = psutil.Process().memory_info().rss
    return resident


def main() -> None:
    """Measure one load."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("compute")
    parser.add_argument("streams", type=int)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    recognizer = load_recognizer(options.model, options.compute)
    compute_on_one_thread()
    print("ready", flush=True)
    sys.stdin.readline()
    load = measure(recognizer, streams=options.streams, seconds=options.seconds)
    print(json.dumps(asdict(load)), flush=True)


if __name__ == "__main__":
    main()
