"""Many streams of sound at once: one call of the network a hop, and each stream's own policies.

Pure, as ``realtime_mer.stream``. A network that computes a hop of many streams in one call takes a
fraction of the time that it takes for each alone.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.following import Following, verdicts
from realtime_mer.hops import Hop, StreamPolicy, loudness
from realtime_mer.recognizer.contract import StreamingRecognizer


class EmotionStreams:
    """Estimates of N streams that go in step, each as an ``EmotionStream`` alone would give them.

    The streams share one clock: of each comes as much sound as of the others.

    Args:
        recognizer: shared or not; it never changes.
        count: how many streams, >= 1.
        policy: thresholds and times, the same for all.

    Raises:
        InputError: there is no stream.
    """

    def __init__(
        self, recognizer: StreamingRecognizer, count: int, *, policy: StreamPolicy | None = None
    ) -> None:
        self.recognizer = recognizer
        self._state = recognizer.initial_state(count)
        self._hop = recognizer.hop_samples
        self._streams = [Following(recognizer, policy or StreamPolicy()) for _ in range(count)]
        self._pending: NDArray[np.float32] = np.zeros((count, 0), dtype=np.float32)
        self._pending_gaps: dict[int, list[LostSamples]] = {}  # of those that have any
        self._resets: dict[int, set[int]] = {}  # streams that begin anew, by the hop's number
        self._seq = 0

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self._streams)

    @property
    def position(self) -> int:
        """Samples taken so far of each stream."""
        return self._seq * self._hop + int(self._pending.shape[1])

    def push(
        self,
        samples: NDArray[np.float32],
        *,
        gaps: Mapping[int, Sequence[LostSamples]] | None = None,
        resets: Mapping[int, Sequence[int]] | None = None,
    ) -> list[list[Estimate]]:
        """Take the next samples of every stream and return each one's estimates, oldest first.

        Args:
            samples: float32 ``(N, n)``, n >= 0, mono at the recogniser's rate, finite.
            gaps, resets: by the index of a stream, as for ``EmotionStream.push``.

        Raises:
            InputError: the samples are not those of N streams, or a stream is not there.
        """
        if samples.ndim != 2 or len(samples) != len(self):
            raise InputError(
                f"Samples have shape {samples.shape}; give ({len(self)}, n): one row a stream."
            )
        self._check({**(gaps or {}), **(resets or {})})
        first = self._seq
        start = first * self._hop
        heard = samples
        if self._pending.shape[1]:
            heard = np.concatenate((self._pending, samples), axis=1)
        count = heard.shape[1] // self._hop
        used = count * self._hop
        self._pending = heard[:, used:].copy()
        lost = self._lost(gaps or {}, start=start, hops=count)
        for number, positions in (resets or {}).items():
            for at in positions:
                if (hop := -(-at // self._hop)) >= first:
                    self._resets.setdefault(hop, set()).add(number)
        estimates: list[list[Estimate]] = [[] for _ in self._streams]
        runs: list[list[Hop]] = [[] for _ in self._streams]
        begin = 0
        for index in range(count):
            piece = heard[:, index * self._hop : (index + 1) * self._hop]
            sounds = loudness(np.ascontiguousarray(piece))
            asked = self._resets.pop(first + index, set())
            anew = [
                number
                for number, (stream, sound) in enumerate(zip(self._streams, sounds, strict=True))
                if number in asked or stream.ends_a_pause(sound, lost.get((number, index), 0))
            ]
            if anew:
                self._recognize(heard[:, begin * self._hop : index * self._hop], runs, estimates)
                begin = index
                self._state = self.recognizer.reset(self._state, anew)
                for number in anew:
                    if number in asked:
                        self._streams[number].reset()
                    else:
                        self._streams[number].forget()
            for number, (stream, sound) in enumerate(zip(self._streams, sounds, strict=True)):
                runs[number].append(stream.classify(sound, lost.get((number, index), 0)))
        self._recognize(heard[:, begin * self._hop : used], runs, estimates)
        return estimates

    def reset(self, streams: Collection[int]) -> None:
        """Let these streams forget all sound heard so far; time and counters go on.

        Raises:
            InputError: there is no such stream.
        """
        self._check(streams)
        self._state = self.recognizer.reset(self._state, sorted(streams))
        for number in streams:
            self._streams[number].reset()

    def _recognize(
        self,
        samples: NDArray[np.float32],
        runs: Sequence[list[Hop]],
        estimates: Sequence[list[Estimate]],
    ) -> None:
        """Add the estimates of a run of hops, in one call, and empty the runs."""
        if not samples.shape[1]:
            return
        numbers, self._state = self.recognizer.step(np.ascontiguousarray(samples), self._state)
        self._seq += samples.shape[1] // self._hop
        for stream, said, hops, found in zip(
            self._streams, verdicts(numbers), runs, estimates, strict=True
        ):
            found += [stream.estimate(*one) for one in zip(said, hops, strict=True)]
            hops.clear()

    def _lost(
        self, gaps: Mapping[int, Sequence[LostSamples]], *, start: int, hops: int
    ) -> dict[tuple[int, int], int]:
        """Return how many samples of a stream's hop were lost, where any were."""
        found: dict[tuple[int, int], int] = {}
        end = start + hops * self._hop
        known = self._pending_gaps
        self._pending_gaps = {}
        for number in known.keys() | gaps.keys():
            for gap in (*known.get(number, ()), *gaps.get(number, ())):
                for index in range(hops):
                    lost = gap.overlap(start + index * self._hop, self._hop)
                    if lost:
                        found[number, index] = found.get((number, index), 0) + lost
                if gap.start + gap.length > end:
                    self._pending_gaps.setdefault(number, []).append(gap)
        return found

    def _check(self, streams: Collection[int]) -> None:
        if bad := [number for number in streams if not 0 <= number < len(self)]:
            raise InputError(f"Streams {bad} are not among the {len(self)} there are.")
