"""What is told of one stream's hops: the network's word is followed, or an earlier one is held.

Pure: it knows neither samples nor network, so one stream and many at once are told of alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import DECIMALS, Affect, Estimate, Status
from realtime_mer.hops import Hop, HopClassifier, Loudness, StreamPolicy
from realtime_mer.presence import MusicGate
from realtime_mer.recognizer.contract import Estimates, StreamingRecognizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the network says of a hop.

    Attributes:
        affect: what the sound expresses, if it is music.
        music: probability that it is, in [0, 1]; None where the model does not tell.
        familiar: how near it is to what the model learnt from, in [0, 1]; None likewise.
    """

    affect: Affect
    music: float | None
    familiar: float | None


class Following:
    """The policies of one stream: what each hop is, what is told of it, and what is forgotten when.

    Args:
        recognizer: whose estimates are told of.
        policy: thresholds and times.

    Attributes:
        seq: hops told of or left out so far.
    """

    def __init__(self, recognizer: StreamingRecognizer, policy: StreamPolicy) -> None:
        self.seq = 0
        self._policy = policy
        self._rate = recognizer.sample_rate
        self._hop = recognizer.hop_samples
        self._hop_s = recognizer.hop_samples / recognizer.sample_rate
        self._hops = HopClassifier(
            policy,
            rate=recognizer.sample_rate,
            hop_samples=recognizer.hop_samples,
            window_hops=recognizer.window_samples // recognizer.hop_samples,
        )
        self._gate = MusicGate(policy, hop_s=self._hop_s)
        self._skipped = 0
        self._memory_hops = 0  # since the LSTM state was reset
        self._prior = _prior(recognizer)
        self._held, self._held_hops = self._prior, 0

    def ends_a_pause(self, sound: Loudness, lost: int) -> bool:
        """Return whether sound returns with the next hop after what makes memory stale."""
        return self._hops.ends_a_pause(sound, lost)

    def classify(self, sound: Loudness, lost: int) -> Hop:
        """Return what the next hop is."""
        return self._hops.classify(sound, lost)

    def skip(self, hops: int, *, lost: bool) -> bool:
        """Leave hops out; return whether the network may keep its memory over them."""
        self.seq += hops
        self._memory_hops += hops
        if not lost:
            self._skipped += hops
        self._held_hops += hops
        if hops * self._hop_s < self._policy.reset_after_gap_s:
            self._hops.fill_window()
            return True
        self.forget()
        return False

    def reset(self) -> None:
        """Forget all sound heard so far; time and counters go on."""
        self.forget()
        self._held, self._held_hops = self._prior, 0

    def forget(self) -> None:
        """Begin anew as far as the network's memory goes; what is held goes on being held."""
        self._hops.restart()
        self._gate.restart()
        self._memory_hops = 0

    def estimate(self, verdict: Verdict, hop: Hop) -> Estimate:
        """Return what is told of a hop.

        Args:
            verdict: the network's.
            hop: from ``classify``.
        """
        self.seq += 1
        self._memory_hops += 1
        affect, status = verdict.affect, hop.status
        if not hop.held:  # of silence nobody asks whether it is music
            self._gate.take(verdict.music)
        if self._gate.closed and status is Status.MUSIC:
            status = Status.NO_MUSIC
        if hop.held or self._gate.closed:
            self._held_hops += 1
            affect = self._faded(self._held, self._held_hops * self._hop_s)
        elif not (hop.quiet or self._gate.doubtful):  # else the network already hears the silence
            self._held, self._held_hops = affect, 0
        return Estimate(
            seq=self.seq - 1,
            t=round(self.seq * self._hop / self._rate, DECIMALS),
            wall_time=None,
            affect=affect,
            music=verdict.music,
            familiar=verdict.familiar,
            status=status,
            level_dbfs=hop.level_dbfs,
            latency_ms=None,
            state_age_s=round(self._memory_hops * self._hop_s, DECIMALS),
            skipped=self._skipped,
        )

    def _faded(self, held: Affect, seconds: float) -> Affect:
        """Hold an affect while its confidence decays towards what is known before any sound."""
        faded = 1 - math.exp(-seconds / self._policy.confidence_decay_s)
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


def verdicts(numbers: Estimates[NDArray[np.float32]]) -> list[list[Verdict]]:
    """Return what the numbers of B streams say of each of their H hops: B lists of H."""
    # Six decimals: finer than float32 guarantees, and half the length in JSON. All at once: each
    # operation on an array costs as much as a few hundred of its numbers.
    ratings = (numbers.valence, numbers.arousal, numbers.valence_sd, numbers.arousal_sd)
    columns = (column[:, :, np.newaxis] for column in (*ratings, numbers.music, numbers.familiar))
    parts = (*columns, numbers.quadrants, numbers.gems)
    table = np.concatenate(parts, axis=2, dtype=np.float64)
    return [[_verdict(row) for row in rows] for rows in table.round(DECIMALS).tolist()]


def _verdict(row: Sequence[float]) -> Verdict:
    valence, arousal, valence_sd, arousal_sd, music, familiar = row[:6]
    affect = Affect(
        valence=valence,
        arousal=arousal,
        valence_sd=valence_sd,
        arousal_sd=arousal_sd,
        quadrants=dict(zip(QUADRANTS, row[6:10], strict=True)),
        gems=dict(zip(GEMS, row[10:], strict=True)),
    )
    return Verdict(
        affect=affect,
        music=None if math.isnan(music) else music,
        familiar=None if math.isnan(familiar) else familiar,
    )
