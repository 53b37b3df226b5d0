"""One stream of sound turned into estimates, with the policies for what real sound does.

Pure: no thread, clock, file or device. What comes out depends on the samples alone, never on how
they were cut into pieces. What each policy does is written down in docs/live.md.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.estimate import DECIMALS, Affect, Estimate
from realtime_mer.hops import Hop, HopClassifier, StreamPolicy
from realtime_mer.recognizer.contract import Estimates, StreamingRecognizer

MEL_STEPS = 32
"""Steps of a log-mel column to a factor of ten in power: one step is 10 dB / 32."""


class EmotionStream:
    """Estimates of one stream, hop by hop.

    Each estimate is in one of two states. *Followed*: the network's word on the hop is the
    estimate. *Held*: the hop is silent, zeros or lost, so the last word on sound is repeated while
    its confidence decays towards what is known before any sound; that is also what is held at the
    start. The network hears every hop either way, so that its memory goes on. The memory is let go
    where sound returns after a long silence or gap (``StreamPolicy``), after hops that passed
    unseen, and at a reset, which also forgets what was held.

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
        self._hop_s = recognizer.hop_samples / recognizer.sample_rate
        self._hops = HopClassifier(
            self.policy,
            rate=recognizer.sample_rate,
            hop_samples=recognizer.hop_samples,
            window_hops=recognizer.window_samples // recognizer.hop_samples,
        )
        self._state = recognizer.initial_state(1)
        self._pending: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._pending_gaps: list[LostSamples] = []
        self._resets: set[int] = set()  # hops that begin anew, by number
        self._seq = 0
        self._skipped = 0
        self._memory_hops = 0  # since the LSTM state was reset
        self._prior = _prior(recognizer)
        self._held, self._held_hops = self._prior, 0
        # What the latest push brought, by runs: the hops, and their columns, float32 (n, M).
        self._heard: list[tuple[list[Hop], torch.Tensor]] = []

    def heard(self) -> Iterator[tuple[Hop, tuple[int, ...]]]:
        """Yield each hop of the latest ``push``, oldest first, with its log-mel column.

        The column is in steps of 1 / ``MEL_STEPS``, from 0, digital silence, to 255, low bands
        first; larger values read 255.
        """
        for hops, mel in self._heard:
            steps = np.minimum(np.rint(mel.cpu().numpy() * MEL_STEPS), 255).astype(np.uint8)
            for hop, column in zip(hops, steps.tolist(), strict=True):
                yield hop, tuple(column)

    @property
    def position(self) -> int:
        """Samples taken so far, those skipped counted in."""
        return self._seq * self._hop + len(self._pending)

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
        heard = np.concatenate((self._pending, samples))
        gaps = [*self._pending_gaps, *gaps]
        count = len(heard) // self._hop
        used = count * self._hop
        self._pending = heard[used:]
        self._pending_gaps = [gap for gap in gaps if gap.start + gap.length > start + used]
        first = self._seq
        self._heard = []
        self._resets |= {-(-at // self._hop) for at in resets}
        estimates: list[Estimate] = []
        run: list[Hop] = []
        begin = 0
        for index in range(count):
            hop_start = start + index * self._hop
            piece = heard[index * self._hop : (index + 1) * self._hop]
            lost = sum(gap.overlap(hop_start, self._hop) for gap in gaps)
            asked = first + index in self._resets
            if asked or self._hops.ends_a_pause(piece, lost):
                estimates += self._recognize(heard[begin * self._hop : index * self._hop], run)
                begin, run = index, []
                if asked:
                    self.reset()
                else:
                    self._forget(keep_memory=False)
            run.append(self._hops.classify(piece, lost))
        estimates += self._recognize(heard[begin * self._hop : used], run)
        self._resets = {hop for hop in self._resets if hop >= self._seq}
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
        self._seq += hops
        self._memory_hops += hops
        if not lost:
            self._skipped += hops
        self._held_hops += hops
        self._forget(keep_memory=hops * self._hop_s < self.policy.reset_after_gap_s)
        if any(hop < self._seq for hop in self._resets):
            self.reset()

    def reset(self) -> None:
        """Forget all sound heard so far; time and counters go on."""
        self._forget(keep_memory=False)
        self._held, self._held_hops = self._prior, 0

    def _forget(self, *, keep_memory: bool) -> None:
        self._state = self.recognizer.reset(self._state, [0], keep_memory=keep_memory)
        if keep_memory:
            self._hops.fill_window()
        else:
            self._hops.restart()
            self._memory_hops = 0

    # -- what the network says of the hops --------------------------------------------------

    def _recognize(self, samples: NDArray[np.float32], hops: list[Hop]) -> list[Estimate]:
        if not hops:
            return []
        numbers, self._state = self.recognizer.step(
            torch.from_numpy(np.ascontiguousarray(samples)).unsqueeze(0), self._state
        )
        self._heard.append((hops, numbers.mel[0]))
        return [
            self._estimate(affect, hop) for affect, hop in zip(_affects(numbers), hops, strict=True)
        ]

    def _estimate(self, affect: Affect, hop: Hop) -> Estimate:
        self._seq += 1
        self._memory_hops += 1
        if hop.held:
            self._held_hops += 1
            affect = self._faded(self._held, self._held_hops * self._hop_s)
        elif not hop.quiet:  # else the network already hears the silence
            self._held, self._held_hops = affect, 0
        return Estimate(
            seq=self._seq - 1,
            t=round(self._seq * self._hop / self.recognizer.sample_rate, DECIMALS),
            wall_time=None,
            affect=affect,
            status=hop.status,
            level_dbfs=hop.level_dbfs,
            latency_ms=None,
            state_age_s=round(self._memory_hops * self._hop_s, DECIMALS),
            skipped=self._skipped,
        )

    def _faded(self, held: Affect, seconds: float) -> Affect:
        """Hold an affect while its confidence decays towards what is known before any sound."""
        faded = 1 - math.exp(-seconds / self.policy.confidence_decay_s)
        prior = self._prior

        def fade(now: float, to: float) -> float:
            return now + faded * (to - now)

        def widen(sd: float, to: float) -> float:
            # An estimate that was less certain than the ratings' own spread stays so.
            return math.sqrt(fade(sd**2, max(sd, to) ** 2))

        return replace(
            held,
            valence_sd=widen(held.valence_sd, prior.valence_sd),
            arousal_sd=widen(held.arousal_sd, prior.arousal_sd),
            quadrants={q: fade(p, prior.quadrants[q]) for q, p in held.quadrants.items()},
        )


def _prior(recognizer: StreamingRecognizer) -> Affect:
    """Return what is known before any sound: nothing, with the ratings' own spread."""
    prior = recognizer.card.calibration
    return Affect(
        valence=0.0,
        arousal=0.0,
        valence_sd=prior.prior_valence_sd,
        arousal_sd=prior.prior_arousal_sd,
        quadrants=dict.fromkeys(QUADRANTS, 1 / len(QUADRANTS)),
        gems=dict(zip(GEMS, prior.prior_gems, strict=True)),
    )


def _affects(numbers: Estimates) -> list[Affect]:
    """Return what the tensors of one stream say of each hop."""
    # Six decimals: finer than float32 guarantees, and half the length in JSON.
    valence, arousal, valence_sd, arousal_sd, quadrants, gems = (
        np.round(tensor[0].cpu().numpy().astype(np.float64), DECIMALS).tolist()
        for tensor in (
            numbers.valence,
            numbers.arousal,
            numbers.valence_sd,
            numbers.arousal_sd,
            numbers.quadrants,
            numbers.gems,
        )
    )
    return [
        Affect(
            valence=valence[i],
            arousal=arousal[i],
            valence_sd=valence_sd[i],
            arousal_sd=arousal_sd[i],
            quadrants=dict(zip(QUADRANTS, quadrants[i], strict=True)),
            gems=dict(zip(GEMS, gems[i], strict=True)),
        )
        for i in range(len(valence))
    ]
