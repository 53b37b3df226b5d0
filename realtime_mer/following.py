"""What is told of streams' hops: the network's word is followed, or an earlier one is held.

Pure: it knows neither samples nor network. It is written once for one stream and for many at once
(see ``realtime_mer.lanes``).

Dimensions: n streams, H hops.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import DECIMALS, Affect, Estimate, Status
from realtime_mer.features.changes import ChangeDetector
from realtime_mer.features.level import LevelFollower
from realtime_mer.hops import MUSIC, STATUSES, Hop, HopClassifier, Loudness, StreamPolicy
from realtime_mer.lanes import (
    Flag,
    Number,
    Rows,
    chosen,
    faded,
    hop_by_hop,
    rows_where,
    some,
    taken,
    where,
)
from realtime_mer.presence import MusicGate
from realtime_mer.recognizer.contract import Estimates, StreamingRecognizer

_NO_MUSIC = STATUSES.index(Status.NO_MUSIC)
_QUADRANTS, _GEMS = slice(4, 8), slice(8, 17)  # of the numbers of an affect
_FADES = slice(2, 8)  # deviations and quadrants
_FADES_AS = np.array([2, 2, 1, 1, 1, 1])  # deviations by their squares
_MUSIC = 17  # its place after them

MEL_STEPS = 32
"""Steps of a log-mel column that is told, to a factor of ten in power."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What is told of H successive hops of n streams, in columns ``(n, H)``.

    Attributes:
        counts: int64 ``(n, H, 4)``: the number of the hop, each stream's own; its status, by its
            place in ``hops.STATUSES``; hops since memory was let go; hops that were left out.
        numbers: float64 ``(n, H, 21)``: valence, arousal, their deviations, quadrants, GEMS, in the
            orders of the vocabulary; how likely music is and how familiar the sound, NaN where the
            model does not tell; level and peak, as ``hops.Loudness`` has them.
        changes: float64 ``(n, H, 2)``: how much the music has changed, and how often it has turned;
            see ``changes.ChangeDetector``.
        mel: float32 ``(n, H, M)``, see ``recognizer.contract.Estimates``.
        hop_samples, rate: samples of a hop, and those of a second.
    """

    counts: NDArray[np.int64]
    numbers: NDArray[np.float64]
    changes: NDArray[np.float64]
    mel: NDArray[np.float32]
    hop_samples: int
    rate: int

    def estimates(self, stream: int) -> list[Estimate]:
        """Return the estimates of one of the streams, oldest first."""
        rows = (table[stream].tolist() for table in (self.counts, self.numbers, self.changes))
        return [self._estimate(*hop) for hop in zip(*rows, strict=True)]

    def heard(self, stream: int) -> Iterator[tuple[float, float, tuple[int, ...]]]:
        """Yield level and peak of each hop of one of the streams, oldest first, and its column.

        Level and peak are in dBFS, as ``hops.Loudness`` has them. The log-mel column is in steps
        of 1 / ``MEL_STEPS``, from 0, digital silence, to 255, low bands first; larger values read
        255.
        """
        steps = np.minimum(np.rint(self.mel[stream] * MEL_STEPS), 255).astype(np.uint8)
        loud = self.numbers[stream, :, -2:].tolist()
        for (level, peak), column in zip(loud, steps.tolist(), strict=True):
            yield level, peak, tuple(column)

    def _estimate(
        self, counts: Sequence[int], numbers: Sequence[float], changes: Sequence[float]
    ) -> Estimate:
        seq, status, memory_hops, skipped = counts
        valence, arousal, valence_sd, arousal_sd = numbers[:4]
        music, familiar, level_dbfs, _ = numbers[_MUSIC:]
        affect = Affect(
            valence=valence,
            arousal=arousal,
            valence_sd=valence_sd,
            arousal_sd=arousal_sd,
            quadrants=dict(zip(QUADRANTS, numbers[_QUADRANTS], strict=True)),
            gems=dict(zip(GEMS, numbers[_GEMS], strict=True)),
        )
        return Estimate(
            seq=seq,
            t=round((seq + 1) * self.hop_samples / self.rate, DECIMALS),
            wall_time=None,
            affect=affect,
            music=None if math.isnan(music) else music,
            familiar=None if math.isnan(familiar) else familiar,
            changed=round(changes[0], DECIMALS),
            turns=int(changes[1]),
            status=STATUSES[status],
            level_dbfs=level_dbfs,
            latency_ms=None,
            state_age_s=round(memory_hops * (self.hop_samples / self.rate), DECIMALS),
            skipped=skipped,
        )


class HeardHop(NamedTuple):
    """What is known of a hop before the network has heard it.

    Attributes:
        anew: whether the stream begins anew with it.
        hop: what it is.
        gain_db: by how many decibels it is made louder for the network; 0 where it begins anew.
    """

    anew: Flag
    hop: Hop
    gain_db: Number


class Following:
    """The policies of many streams: what a hop is, what is told of it, and what is forgotten when.

    What it knows of them stands in tables, a row a stream. ``turn_to`` takes rows out, one as
    numbers and many as arrays, so that their next hops can be spoken of.

    Args:
        recognizer: whose estimates are told of.
        policy: thresholds and times.

    Attributes:
        seq: hops told of or left out so far, of the streams that are spoken of; so with the rest.
        skipped: hops that were left out because inference was slow.
        memory_hops: since the LSTM state was reset.
        held_hops: for which the last word on music has been held.
        open_hops: with sound and the gate open, without a break, until now.
        judged_seq: the hop whose estimate was the last of a whole window of these.
    """

    COUNTS: ClassVar = (
        "seq",
        "skipped",
        "memory_hops",
        "held_hops",
        "open_hops",
        "judged_seq",
    )
    FLAGS: ClassVar = ()

    def __init__(self, recognizer: StreamingRecognizer, policy: StreamPolicy) -> None:
        self._policy = policy
        self._rate = recognizer.sample_rate
        self._hop = recognizer.hop_samples
        self._hop_s = recognizer.hop_samples / recognizer.sample_rate
        window_hops = recognizer.window_samples // recognizer.hop_samples
        self._hops = HopClassifier(
            policy,
            rate=recognizer.sample_rate,
            hop_samples=recognizer.hop_samples,
            window_hops=window_hops,
        )
        self._whole_hops = window_hops - 1  # before a hop whose window is whole
        self._gate = MusicGate(policy, hop_s=self._hop_s)
        self._level = LevelFollower(recognizer.card.level, hop_s=self._hop_s)
        self.seq: Number = 0
        self.skipped: Number = 0
        self.memory_hops: Number = 0
        self.held_hops: Number = 0
        self.open_hops: Number = 0
        self.judged_seq: Number = 0
        self._rows: Rows | None = None
        self._parts: tuple[Any, ...] = (self, self._hops, self._gate, self._level)
        self._fresh = np.array(self._values(), np.int64)[:, np.newaxis]
        self._prior = _prior(recognizer)
        # Towards what they fade: deviations to the ratings' own spread, and where an estimate was
        # less certain than that it stays so; quadrants to what they are before any sound.
        self._least = self._prior[_FADES] ** _FADES_AS
        self._most = np.where(_FADES_AS == 2, np.inf, self._least)
        self._fading = self._prior, self._least, self._least * 0
        self._table = self._fresh[:, :0]
        self._held = np.zeros((0, len(self._prior)))  # of all streams
        self._judged = self._held  # what was said last of a whole window of music
        self._powers = np.zeros((0, len(self._hops.powers)))
        self._changes = ChangeDetector(hop_s=self._hop_s)  # of all streams
        self._now = self._prior  # what is held, of those that are spoken of
        self._last = self._prior  # what of them was judged last
        self.resize(1)

    def resize(self, streams: int) -> None:
        """Make room for so many streams; those that there were before stay as they are."""
        self._put_back()
        before = self._table.shape[1]
        table = np.repeat(self._fresh, streams, axis=1)
        held = np.tile(self._prior, (streams, 1))
        judged = held.copy()
        powers = np.zeros((streams, self._powers.shape[1]))
        table[:, :before], held[:before] = self._table, self._held
        judged[:before] = self._judged
        powers[:before] = self._powers
        self._table, self._held, self._powers = table, held, powers
        self._judged = judged
        self._changes.resize(streams)

    def seq_of(self, row: int) -> int:
        """Return ``seq`` of a stream."""
        self._put_back()
        return int(self._table[0, row])

    def saved(self, row: int) -> dict[str, NDArray[Any]]:
        """Return what is known of a stream, as arrays by their names."""
        self._put_back()
        return {
            "counts": self._table[:, row].copy(),
            "held": self._held[row].copy(),
            "judged": self._judged[row].copy(),
            "powers": self._powers[row].copy(),
            **self._changes.saved(row),
        }

    def restore(self, row: int, saved: Mapping[str, NDArray[Any]] | None) -> None:
        """Let a row be the stream that was saved, or a new one."""
        self._put_back()
        if saved is None:
            saved = {
                "counts": self._fresh[:, 0],
                "held": self._prior,
                "judged": self._prior,
                "powers": np.zeros(1),
            }
        self._table[:, row] = saved["counts"]
        self._held[row] = saved["held"]
        self._judged[row] = saved["judged"]
        self._powers[row] = saved["powers"]
        self._changes.restore(row, saved)

    def turn_to(self, rows: Rows) -> None:
        """Speak of the streams of these rows from now on."""
        if isinstance(rows, int) and isinstance(self._rows, int) and rows == self._rows:
            return  # as it is of a stream that is alone
        self._put_back()
        self._rows = rows
        self._now, self._last = self._held[rows], self._judged[rows]
        self._hops.powers = taken(self._powers, rows)
        values = iter(taken(self._table.T, rows) if isinstance(rows, int) else self._table[:, rows])
        for part in self._parts:
            for name in part.COUNTS:
                setattr(part, name, next(values))
            for name in part.FLAGS:
                setattr(part, name, next(values) != 0)

    def _put_back(self) -> None:
        """Let the tables know what happened to those that were spoken of."""
        if self._rows is not None:
            self._table[:, self._rows] = self._values()
            self._held[self._rows], self._powers[self._rows] = self._now, self._hops.powers
            self._judged[self._rows] = self._last
            self._rows = None

    def _values(self) -> list[Any]:
        return [getattr(part, name) for part in self._parts for name in (*part.COUNTS, *part.FLAGS)]

    def skip(self, hops: int, *, lost: bool) -> bool:
        """Leave hops of a stream out; return whether the network may keep its memory over them."""
        self.seq += hops
        self.memory_hops += hops
        if not lost:
            self.skipped += hops
        self.held_hops += hops
        self.open_hops = 0
        if hops * self._hop_s < self._policy.reset_after_gap_s:
            self._hops.fill_window()
            return True
        self._forget(True)
        return False

    def reset(self) -> None:
        """Forget all sound heard so far; time and counters go on."""
        self._forget(self.seq >= 0)
        self._now = self._last = self._now * 0 + self._prior
        self.held_hops = self.held_hops * 0
        self._changes.restart(self._spoken_of())

    @property
    def gain_db(self) -> Number:
        """By how many decibels the next hop is made louder, unless it begins anew."""
        return self._level.gain_db

    def hear(self, sound: Loudness, lost: Number, asked: Flag) -> HeardHop:
        """Return what the streams' next hop is.

        Args:
            sound: how loud it is.
            lost: how many of its samples stand for lost sound.
            asked: whether somebody wants them to begin anew with it.
        """
        return self.hear_begun(sound, lost, self._hops.ends_a_pause(sound, lost) | asked)

    def may_begin(self, lost: Number, asked: Flag) -> tuple[Flag, Flag]:
        """Return whether the streams begin anew with their next hop, and whether if it is sound.

        For whoever does not know yet how loud it is; ``lost`` and ``asked`` as for ``hear``.
        """
        surely, if_sound = self._hops.may_end_a_pause(lost)
        return surely | asked, if_sound

    def hear_begun(self, sound: Loudness, lost: Number, anew: Flag) -> HeardHop:
        """Return the same as ``hear`` where it is known whether they begin anew."""
        if some(anew):
            self._hops.restart(anew)
            self._level.restart(anew)
        gain_db = self._level.gain_db
        self._level.take(sound.level_dbfs, lost == 0)
        return HeardHop(anew, self._hops.classify(sound, lost, gain_db), gain_db)

    def tell(
        self,
        heard: Sequence[HeardHop],
        asked: Sequence[Flag],
        sounds: Sequence[Loudness],
        numbers: Estimates[NDArray[np.float32]],
    ) -> Told:
        """Return what is told of successive hops.

        Args:
            heard: of each of H hops what ``hear`` said.
            asked: of each hop what ``hear`` was given.
            sounds: how loud each hop is.
            numbers: what the network says of them.
        """
        told = _verdicts(numbers)
        affect = told[..., :_MUSIC]
        for index, sound in enumerate(sounds):
            told[:, index, -2], told[:, index, -1] = sound.level_dbfs, sound.peak_dbfs
        at: Any = 0 if isinstance(self._rows, int) else slice(None)
        held, judged, rows = self._now, self._last, self._spoken_of()
        changes = np.empty((len(rows), len(sounds), 2))
        counts = []
        for index, ((anew, hop, _), begun, likely) in enumerate(
            zip(heard, asked, hop_by_hop(told[..., _MUSIC], hops=len(heard)), strict=True)
        ):
            if some(anew):
                self._gate.restart(anew)
                self.memory_hops = where(anew, 0, self.memory_hops)
                self.open_hops = where(anew, 0, self.open_hops)
            if some(begun):
                held = rows_where(begun, self._prior, held)
                judged = rows_where(begun, self._prior, judged)
                self.held_hops = where(begun, 0, self.held_hops)
            sounding = hop.held ^ True
            self._gate.take(likely, sounding)
            closed = self._gate.closed
            # What came since was said of sound that is no music.
            if some(silenced := closed & sounding):
                held = rows_where(silenced, judged, held)
                since = self.seq - self.judged_seq - self._gate.closing_hops
                self.held_hops = where(silenced, where(since > 0, since, 0), self.held_hops)
            holds = hop.held | closed
            # Where a hop is quiet or doubtful the network already hears what comes after music.
            follows = (holds | hop.quiet | self._gate.doubtful) ^ True
            self.held_hops = where(holds, self.held_hops + 1, where(follows, 0, self.held_hops))
            if some(holds):
                fading = self._faded(held, self.held_hops * self._hop_s)
                affect[at, index] = rows_where(holds, fading, affect[at, index])
            if some(begun):
                self._changes.restart(chosen(begun, rows))
            if some(follows):
                held = rows_where(follows, affect[at, index], held)
                whole = follows & (self.open_hops >= self._whole_hops)
                judged = rows_where(whole, held, judged)
                self.judged_seq = where(whole, self.seq, self.judged_seq)
                self._changes.take(chosen(follows, rows), chosen(follows, numbers.mel[:, index]))
            changes[:, index, 0] = self._changes.changed[rows]
            changes[:, index, 1] = self._changes.turns[rows]
            self.open_hops = where(holds, 0, self.open_hops + 1)
            self.memory_hops = self.memory_hops + 1
            status = where(closed & (hop.status == MUSIC), _NO_MUSIC, hop.status)
            counts.append((self.seq, status, self.memory_hops, self.skipped))
            self.seq = self.seq + 1
        self._now, self._last = held, judged
        table = np.array(counts, np.int64)
        return Told(
            # (H, 4) of one stream, (H, 4, n) of many.
            counts=table[np.newaxis] if table.ndim == 2 else table.transpose(2, 0, 1),
            numbers=told,
            changes=changes,
            mel=numbers.mel,
            hop_samples=self._hop,
            rate=self._rate,
        )

    def _spoken_of(self) -> NDArray[np.int64]:
        """Return the rows of the streams that are spoken of."""
        rows = self._rows
        return np.zeros(0, np.int64) if rows is None else np.atleast_1d(np.asarray(rows))

    def _forget(self, which: Flag) -> None:
        """Begin anew as far as the network's memory goes; what is held goes on being held."""
        self._hops.restart(which)
        self._gate.restart(which)
        self._level.restart(which)
        self.memory_hops = where(which, 0, self.memory_hops)
        self.open_hops = where(which, 0, self.open_hops)

    def _faded(self, held: NDArray[np.float64], seconds: Number) -> NDArray[np.float64]:
        """Hold an affect while its confidence decays towards what is known before any sound."""
        if held is not self._fading[0]:  # a stream that is alone holds the same for many hops
            start = held[..., _FADES] ** _FADES_AS
            end = np.minimum(np.maximum(start, self._least), self._most)
            self._fading = held, start, end - start
        _, start, way = self._fading
        found = held.copy()
        gone = faded(seconds, time_constant=self._policy.confidence_decay_s)
        found[..., _FADES] = (start + gone * way) ** (1 / _FADES_AS)
        return found


def joined(parts: Sequence[Told]) -> Told:
    """Return what is told of successive hops of the same streams as one."""
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        counts=np.concatenate([part.counts for part in parts], axis=1),
        numbers=np.concatenate([part.numbers for part in parts], axis=1),
        changes=np.concatenate([part.changes for part in parts], axis=1),
        mel=np.concatenate([part.mel for part in parts], axis=1),
    )


def _prior(recognizer: StreamingRecognizer) -> NDArray[np.float64]:
    """Return what is known before any sound: nothing, with the ratings' own spread."""
    prior = recognizer.card.calibration
    spread = (prior.prior_valence_sd, prior.prior_arousal_sd)
    return np.array([0.0, 0.0, *spread, *[1 / len(QUADRANTS)] * len(QUADRANTS), *prior.prior_gems])


def _verdicts(numbers: Estimates[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return what the network says of hops as ``Told.numbers`` has it."""
    # Six decimals: finer than float32 guarantees, and half the length in JSON. All at once: each
    # operation on an array costs as much as a few hundred of its numbers.
    ratings = (numbers.valence, numbers.arousal, numbers.valence_sd, numbers.arousal_sd)
    rated = [column[:, :, np.newaxis] for column in ratings]
    told = [column[:, :, np.newaxis] for column in (numbers.music, numbers.familiar)]
    loud = np.zeros((*numbers.valence.shape, 2), np.float32)  # written later
    parts = (*rated, numbers.quadrants, numbers.gems, *told, loud)
    return np.concatenate(parts, axis=2, dtype=np.float64).round(DECIMALS)
