"""One stream of sound turned into estimates, with the policies for what real sound does.

Pure: no thread, clock, file or device. What comes out depends on the samples alone, never on how
they were cut into pieces. What each policy does is written down in docs/live.md.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.following import Following, verdicts
from realtime_mer.hops import Hop, StreamPolicy, loudness
from realtime_mer.recognizer.contract import StreamingRecognizer

MEL_STEPS = 32
"""Steps of a log-mel column to a factor of ten in power: one step is 10 dB / 32."""


class EmotionStream:
    """Estimates of one stream, hop by hop.

    Each estimate is in one of two states. *Followed*: the network's word on the hop is the
    estimate. *Held*: the hop is silent, too quiet, zeros, lost or no music, so the last word on
    music is repeated while its confidence decays towards what is known before any sound; that is
    also what is held at the start. The network hears every hop either way, so that its memory goes
    on. The memory is let go where sound returns after a long silence or gap (``StreamPolicy``),
    after hops that passed unseen, and at a reset, which also forgets what was held. Talk does not
    let go of it: the network learnt to go from one sound to the next, and when it is sure that
    music is back, it has heard a part of that music already.

    Args:
        recognizer: shared or not; it never changes.
        policy: thresholds and times.
    """

    def __init__(
        self, recognizer: StreamingRecognizer, *, policy: StreamPolicy | None = None
    ) -> None:
        self.recognizer = recognizer
        self.policy = policy or StreamPolicy()
        self._hop = recognizer.hop_samples
        self._following = Following(recognizer, self.policy)
        self._state = recognizer.initial_state(1)
        self._pending: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._pending_gaps: list[LostSamples] = []
        self._resets: set[int] = set()  # hops that begin anew, by number
        # What the latest push brought, by runs: the hops, and their columns, float32 (n, M).
        self._heard: list[tuple[list[Hop], NDArray[np.float32]]] = []

    def heard(self) -> Iterator[tuple[Hop, tuple[int, ...]]]:
        """Yield each hop of the latest ``push``, oldest first, with its log-mel column.

        The column is in steps of 1 / ``MEL_STEPS``, from 0, digital silence, to 255, low bands
        first; larger values read 255.
        """
        for hops, mel in self._heard:
            steps = np.minimum(np.rint(mel * MEL_STEPS), 255).astype(np.uint8)
            for hop, column in zip(hops, steps.tolist(), strict=True):
                yield hop, tuple(column)

    @property
    def position(self) -> int:
        """Samples taken so far, those skipped counted in."""
        return self._following.seq * self._hop + len(self._pending)

    def push(
        self,
        samples: NDArray[np.float32],
        *,
        gaps: Sequence[LostSamples] = (),
        resets: Sequence[int] = (),
    ) -> list[Estimate]:
        """Take the next samples and return an estimate for every hop they complete.

        Args:
            samples: float32 ``(n,)``, n >= 0, mono at the recogniser's rate, finite.
            gaps: parts of these samples that stand for lost sound, positions counted as in
                ``position``.
            resets: positions from which on nothing that came before counts; the rest of a hop that
                has begun goes with it.
        """
        start = self.position - len(self._pending)
        heard = np.concatenate((self._pending, samples)) if len(self._pending) else samples
        gaps = [*self._pending_gaps, *gaps]
        count = len(heard) // self._hop
        used = count * self._hop
        self._pending = heard[used:].copy()
        self._pending_gaps = [gap for gap in gaps if gap.start + gap.length > start + used]
        following = self._following
        first = following.seq
        self._heard = []
        self._resets |= {-(-at // self._hop) for at in resets}
        estimates: list[Estimate] = []
        run: list[Hop] = []
        begin = 0
        sounds = loudness(heard[:used].reshape(count, self._hop)) if count else []
        for index, sound in enumerate(sounds):
            lost = sum(gap.overlap(start + index * self._hop, self._hop) for gap in gaps)
            asked = first + index in self._resets
            if asked or following.ends_a_pause(sound, lost):
                estimates += self._recognize(heard[begin * self._hop : index * self._hop], run)
                begin, run = index, []
                if asked:
                    self.reset()
                else:
                    self._forget()
            run.append(following.classify(sound, lost))
        estimates += self._recognize(heard[begin * self._hop : used], run)
        self._resets = {hop for hop in self._resets if hop >= following.seq}
        return estimates

    def skip(self, hops: int, *, lost: bool = False) -> None:
        """Let ``hops`` hops pass unseen: they are behind the bound, or were never captured.

        Args:
            hops: >= 0; the next samples pushed come after them.
            lost: their sound was lost in a gap rather than left out because inference was slow;
                only the latter counts as skipped.
        """
        if hops == 0:
            return
        if len(self._pending):
            raise InputError("Only whole hops can be skipped; push the rest of this one first.")
        keep_memory = self._following.skip(hops, lost=lost)
        self._state = self.recognizer.reset(self._state, [0], keep_memory=keep_memory)
        if any(hop < self._following.seq for hop in self._resets):
            self.reset()

    def reset(self) -> None:
        """Forget all sound heard so far; time and counters go on."""
        self._state = self.recognizer.reset(self._state, [0])
        self._following.reset()

    def _forget(self) -> None:
        self._state = self.recognizer.reset(self._state, [0])
        self._following.forget()

    # -- what the network says of the hops --------------------------------------------------

    def _recognize(self, samples: NDArray[np.float32], hops: list[Hop]) -> list[Estimate]:
        if not hops:
            return []
        numbers, self._state = self.recognizer.step(samples[np.newaxis], self._state)
        self._heard.append((hops, numbers.mel[0]))
        (said,) = verdicts(numbers)
        return [self._following.estimate(*one) for one in zip(said, hops, strict=True)]
