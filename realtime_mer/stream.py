"""One stream of sound turned into estimates, with the policies for what real sound does.

Pure: no thread, clock, file or device. What comes out depends on the samples alone, never on how
they were cut into pieces. What each policy does is written down in docs/live.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.emotion import GEMS, QUADRANTS, nearest_mood
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.recognizer.contract import Estimates, StreamingRecognizer

SILENCE_FLOOR_DBFS = -120.0
"""What digital silence reads: JSON holds no infinity."""

MEL_STEPS = 32
"""Steps of a log-mel column to a factor of ten in power: one step is 10 dB / 32."""


@dataclass(frozen=True, kw_only=True)
class StreamPolicy:
    """When the sound counts as silent, and when the network's memory is let go.

    Attributes:
        silence_below_dbfs: hops quieter than this are silent; far below a quiet classical passage.
        sound_above_dbfs: after silence, a hop must be louder than this to count as sound again.
        silence_after_s: silence that lasts this long is reported.
        no_signal_after_s: exact digital zeros that last this long are reported as such.
        confidence_decay_s: time constant with which a held estimate fades into not knowing.
        reset_after_silence_s: silence that lasts this long resets the LSTM state.
        reset_after_gap_s: lost sound that lasts this long resets the LSTM state; ``math.inf``
            always keeps it, 0 resets at every gap longer than a hop.
    """

    silence_below_dbfs: float = -66.0
    sound_above_dbfs: float = -60.0
    silence_after_s: float = 1.5
    no_signal_after_s: float = 1.0
    confidence_decay_s: float = 10.0
    reset_after_silence_s: float = 10.0
    reset_after_gap_s: float = 3.0

    def __post_init__(self) -> None:
        if self.sound_above_dbfs < self.silence_below_dbfs:
            raise InputError(
                f"sound_above_dbfs {self.sound_above_dbfs} must not lie under silence_below_dbfs "
                f"{self.silence_below_dbfs}."
            )


@dataclass(frozen=True, slots=True)
class _Hop:
    """What is known of a hop before the network has seen it."""

    level_dbfs: float
    gap: bool
    quiet: bool
    silent: bool
    zeros: bool


class EmotionStream:
    """Estimates of one stream, hop by hop.

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
        self._window_hops = recognizer.window_samples // recognizer.hop_samples
        self._state = recognizer.initial_state(1)
        self._pending: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._pending_gaps: list[LostSamples] = []
        self._resets: set[int] = set()  # hops that begin anew, by number
        self._seq = 0
        self._skipped = 0
        self._memory_hops = 0  # since the LSTM state was reset
        self._whole_hops = 0  # since the window last began to fill
        self._begin_silent()
        self._zero_hops = 0
        self._gap_samples = 0  # of the gap that is going on
        self._held_hops = 0
        self._held = self._neutral()
        self._mel: torch.Tensor | None = None  # of the newest hop, float32 (M,)

    @property
    def mel(self) -> tuple[int, ...] | None:
        """The newest hop's log-mel column in steps of 1 / ``MEL_STEPS``; None before the first.

        From 0, digital silence, to 255, low bands first; larger values read 255.
        """
        if self._mel is None:
            return None
        steps = np.rint(self._mel.cpu().numpy() * MEL_STEPS)
        return tuple(np.minimum(steps, 255).astype(np.uint8).tolist())

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
        self._resets |= {-(-at // self._hop) for at in resets}
        estimates: list[Estimate] = []
        run: list[tuple[_Hop, Status]] = []
        begin = 0
        for index in range(count):
            hop_start = start + index * self._hop
            piece = heard[index * self._hop : (index + 1) * self._hop]
            lost = sum(gap.overlap(hop_start, self._hop) for gap in gaps)
            asked = first + index in self._resets
            if asked or self._ends_something(piece, lost):
                estimates += self._recognize(heard[begin * self._hop : index * self._hop], run)
                begin, run = index, []
                if asked:
                    self.reset()
                else:
                    self._forget(keep_memory=False)
            hop = self._look(piece, lost)
            run.append((hop, self._status(hop)))
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
        self._held, self._held_hops = self._neutral(), 0

    # -- what the hops are ------------------------------------------------------------------

    def _ends_something(self, piece: NDArray[np.float32], lost: int) -> bool:
        """Whether sound returns with this hop after a gap or silence that makes memory stale."""
        gap_s = self._gap_samples / self.recognizer.sample_rate
        after_gap = (
            lost == 0 and self._gap_samples > self._hop and gap_s >= self.policy.reset_after_gap_s
        )
        after_silence = (
            self._silent
            and self._quiet_hops * self._hop_s >= self.policy.reset_after_silence_s
            and _level(piece) > self.policy.sound_above_dbfs
        )
        return after_gap or after_silence

    def _begin_silent(self) -> None:
        """A stream begins silent, and again after a reset: until it is heard, nothing is known."""
        self._silent = True
        self._quiet_hops = math.ceil(self.policy.silence_after_s / self._hop_s)

    def _forget(self, *, keep_memory: bool) -> None:
        self._state = self.recognizer.reset(self._state, [0], keep_memory=keep_memory)
        self._whole_hops = 0
        if not keep_memory:
            self._memory_hops = 0
            self._begin_silent()

    def _look(self, piece: NDArray[np.float32], lost: int) -> _Hop:
        level = _level(piece)
        threshold = self.policy.sound_above_dbfs if self._silent else self.policy.silence_below_dbfs
        quiet = level <= threshold
        if lost:
            self._gap_samples += lost
            if self._gap_samples > self._hop:
                self._whole_hops = -1  # the window fills anew from the next hop on
        else:
            self._gap_samples = 0
            self._quiet_hops = self._quiet_hops + 1 if quiet else 0
            self._zero_hops = 0 if piece.any() else self._zero_hops + 1
            self._silent = self._quiet_hops * self._hop_s >= self.policy.silence_after_s - 1e-9
        zeros = self._zero_hops * self._hop_s >= self.policy.no_signal_after_s - 1e-9
        self._whole_hops += 1
        return _Hop(level_dbfs=level, gap=lost > 0, quiet=quiet, silent=self._silent, zeros=zeros)

    def _status(self, hop: _Hop) -> Status:
        if hop.gap:
            return Status.GAP
        if self._whole_hops < self._window_hops:
            return Status.WARMING_UP
        if hop.zeros:
            return Status.NO_SIGNAL
        return Status.SILENCE if hop.silent else Status.MUSIC

    # -- what the network says of them ------------------------------------------------------

    def _recognize(
        self, samples: NDArray[np.float32], hops: list[tuple[_Hop, Status]]
    ) -> list[Estimate]:
        if not hops:
            return []
        numbers, self._state = self.recognizer.step(
            torch.from_numpy(np.ascontiguousarray(samples)).unsqueeze(0), self._state
        )
        self._mel = numbers.mel[0, -1]
        rows = _rows(numbers)
        return [
            self._estimate(row, hop, status) for row, (hop, status) in zip(rows, hops, strict=True)
        ]

    def _estimate(self, row: Estimate, hop: _Hop, status: Status) -> Estimate:
        self._seq += 1
        self._memory_hops += 1
        if hop.silent or hop.zeros or hop.gap:
            self._held_hops += 1
            row = self._faded(self._held, self._held_hops * self._hop_s)
        elif not hop.quiet:  # else the network already hears the silence
            self._held, self._held_hops = row, 0
        return replace(
            row,
            seq=self._seq - 1,
            t=round(self._seq * self._hop / self.recognizer.sample_rate, 6),
            status=status,
            level_dbfs=hop.level_dbfs,
            state_age_s=round(self._memory_hops * self._hop_s, 6),
            skipped=self._skipped,
        )

    def _neutral(self) -> Estimate:
        """What is known before any sound: nothing, with the ratings' own spread."""
        prior = self.recognizer.card.calibration
        return Estimate(
            seq=0,
            t=0.0,
            wall_time=None,
            valence=0.0,
            arousal=0.0,
            valence_sd=prior.prior_valence_sd,
            arousal_sd=prior.prior_arousal_sd,
            quadrants=dict.fromkeys(QUADRANTS, 1 / len(QUADRANTS)),
            gems=dict(zip(GEMS, prior.prior_gems, strict=True)),
            mood=nearest_mood(0.0, 0.0),
            status=Status.WARMING_UP,
            level_dbfs=SILENCE_FLOOR_DBFS,
            latency_ms=None,
            state_age_s=0.0,
        )

    def _faded(self, held: Estimate, seconds: float) -> Estimate:
        """Hold an estimate while its confidence decays towards what is known before any sound."""
        faded = 1 - math.exp(-seconds / self.policy.confidence_decay_s)
        prior = self._neutral()

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


def _level(piece: NDArray[np.float32]) -> float:
    """Return the root mean square of samples in dBFS, not under ``SILENCE_FLOOR_DBFS``."""
    power = float(np.mean(np.square(piece, dtype=np.float64)))
    if power <= 10 ** (SILENCE_FLOOR_DBFS / 10):
        return SILENCE_FLOOR_DBFS
    return round(10 * math.log10(power), 2)


def _rows(numbers: Estimates) -> list[Estimate]:
    """Turn the tensors of one stream into estimates whose bookkeeping is still to be filled in."""
    # Six decimals: finer than float32 guarantees, and half the length in JSON.
    valence, arousal, valence_sd, arousal_sd, quadrants, gems = (
        np.round(tensor[0].cpu().numpy().astype(np.float64), 6).tolist()
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
        Estimate(
            seq=0,
            t=0.0,
            wall_time=None,
            valence=valence[i],
            arousal=arousal[i],
            valence_sd=valence_sd[i],
            arousal_sd=arousal_sd[i],
            quadrants=dict(zip(QUADRANTS, quadrants[i], strict=True)),
            gems=dict(zip(GEMS, gems[i], strict=True)),
            mood=nearest_mood(valence[i], arousal[i]),
            status=Status.MUSIC,
            level_dbfs=0.0,
            latency_ms=None,
            state_age_s=0.0,
        )
        for i in range(len(valence))
    ]
