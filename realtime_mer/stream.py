"""One stream of sound turned into estimates, with the policies for what real sound does.

Pure: no thread, clock, file or device. What comes out depends on the samples alone, never on how
they were cut into pieces. What each policy does is written down in docs/live.md.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.batch import StreamBatch
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.following import Told
from realtime_mer.hops import StreamPolicy
from realtime_mer.pending import Pending
from realtime_mer.recognizer.contract import StreamingRecognizer


class EmotionStream:
    """Estimates of one stream, hop by hop.

    Each estimate is in one of two states. *Followed*: the network's word on the hop is the
    estimate. *Held*: the hop is silent, too quiet, zeros, lost or no music, so the last word on
    music is repeated while its confidence decays towards what is known before any sound; that is
    also what is held at the start. Where it is no music, the last word is that on a whole window of
    music: what was said of sound that turns out to be none is not held. The network hears every
    hop either way, so that its memory goes
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
        self._batch = StreamBatch(recognizer, policy=policy)
        self._stream = self._batch.join()
        self._pending = Pending(recognizer.hop_samples)
        self._told: Told | None = None  # of the latest push

    @property
    def recognizer(self) -> StreamingRecognizer:
        """Whose estimates they are."""
        return self._batch.recognizer

    def heard(self) -> Iterator[tuple[float, float, tuple[int, ...]]]:
        """Yield what ``Told.heard`` tells of each hop of the latest ``push``, oldest first."""
        if self._told is not None:
            yield from self._told.heard(0)

    @property
    def position(self) -> int:
        """Samples taken so far, those skipped counted in."""
        return self._pending.position

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
        whole = self._pending.push(samples, gaps=gaps, resets=resets)
        self._told = None
        if not len(whole.samples):
            return []
        self._told = self._batch.step(
            [self._stream],
            whole.samples[np.newaxis],
            lost=None if whole.lost is None else whole.lost[np.newaxis],
            anew=None if whole.anew is None else whole.anew[np.newaxis],
        )
        return self._told.estimates(0)

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
        self._batch.skip(self._stream, hops, lost=lost)
        if self._pending.skip(hops):
            self.reset()

    def reset(self) -> None:
        """Forget all sound heard so far; time and counters go on."""
        self._batch.reset([self._stream])
