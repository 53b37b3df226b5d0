"""What each hop of a stream is, before the network has heard it: sound, silence, zeros or a gap.

Pure: what a hop is depends on its samples, on those before it and on what of them was lost. All of
it is said of one stream in numbers, or of many in arrays (see ``realtime_mer.lanes``).
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.estimate import Status
from realtime_mer.lanes import Flag, Number, Table, decibels, got, put, some, total, where

SILENCE_FLOOR_DBFS = -120.0
"""What digital silence reads: JSON holds no infinity."""
_FLOOR = 10 ** (SILENCE_FLOOR_DBFS / 10)


@dataclass(frozen=True, kw_only=True)
class StreamPolicy:
    """When the sound counts as silent or as no music, and when the network's memory is let go.

    Attributes:
        silence_below_dbfs: hops quieter than this are silent; far below a quiet classical passage.
        sound_above_dbfs: after silence, a hop must be louder than this to count as sound again.
        too_quiet_below_dbfs: sound whose window the network hears quieter than this is too quiet to
            judge: the level at which the estimate of half of the clips that were turned down has
            moved by .1 (docs/results/gain.json).
        loud_enough_above_dbfs: after that, a window must be louder than this to be judged again.
        no_music_below: probability of music below which a hop speaks for there being none; low, so
            that quiet and strange music is not taken for none (docs/results/music.json).
        music_above: once there is none, a hop must lie above this to speak for music again.
        silence_after_s: silence that lasts this long is reported.
        no_signal_after_s: exact digital zeros that last this long are reported as such.
        no_music_after_s: hops that speak for no music for this long, one after the other, are
            reported.
        music_after_s: hops that then speak for music for this long end that.
        confidence_decay_s: time constant with which a held estimate fades into not knowing.
        reset_after_silence_s: silence that lasts this long resets the LSTM state.
        reset_after_gap_s: lost sound that lasts this long resets the LSTM state; ``math.inf``
            always keeps it, 0 resets at every gap longer than a hop.
    """

    silence_below_dbfs: float = -66.0
    sound_above_dbfs: float = -60.0
    too_quiet_below_dbfs: float = -38.0
    loud_enough_above_dbfs: float = -35.0
    no_music_below: float = 0.2
    music_above: float = 0.3
    silence_after_s: float = 1.5
    no_signal_after_s: float = 1.0
    no_music_after_s: float = 1.5
    music_after_s: float = 0.5
    confidence_decay_s: float = 10.0
    reset_after_silence_s: float = 10.0
    reset_after_gap_s: float = 3.0

    def __post_init__(self) -> None:
        if self.sound_above_dbfs < self.silence_below_dbfs:
            raise InputError(
                f"sound_above_dbfs {self.sound_above_dbfs} must not lie under silence_below_dbfs "
                f"{self.silence_below_dbfs}."
            )
        if self.loud_enough_above_dbfs < self.too_quiet_below_dbfs:
            raise InputError(
                f"loud_enough_above_dbfs {self.loud_enough_above_dbfs} must not lie under "
                f"too_quiet_below_dbfs {self.too_quiet_below_dbfs}."
            )
        if self.music_above < self.no_music_below:
            raise InputError(
                f"music_above {self.music_above} must not lie under no_music_below "
                f"{self.no_music_below}."
            )


STATUSES = tuple(Status)
"""Every status; arrays hold their places in it."""
_GAP, _WARMING_UP, _NO_SIGNAL, _SILENCE, _TOO_QUIET, MUSIC = map(
    STATUSES.index,
    (
        Status.GAP,
        Status.WARMING_UP,
        Status.NO_SIGNAL,
        Status.SILENCE,
        Status.TOO_QUIET,
        Status.MUSIC,
    ),
)


class Hop(NamedTuple):
    """What is known of a hop before the network has heard it.

    Attributes:
        status: what the sound of its window is, by its place in ``STATUSES``; where it is
            ``music``, only the network can tell whether it is any.
        quiet: whether its own level is that of silence or too quiet to judge.
        held: whether the network's word on it counts for nothing: it is silent, too quiet, zeros
            or lost.
    """

    status: Number
    quiet: Flag
    held: Flag


@dataclass(frozen=True, kw_only=True, slots=True)
class Loudness:
    """How loud a hop is by itself.

    Attributes:
        level_dbfs: root mean square in dB relative to full scale, >= -120, in hundredths.
        peak_dbfs: largest absolute sample in dB relative to full scale, >= -120, in hundredths.
        zeros: whether every sample is exactly 0.
    """

    level_dbfs: Number
    peak_dbfs: Number
    zeros: Flag


def loudness(hops: NDArray[np.float32]) -> list[Loudness]:
    """Return how loud each of H hops is, of one stream or of many.

    Args:
        hops: float32 ``(n, H, samples)``; what is said of one does not depend on the others.
    """
    size = hops.shape[2]
    exact = hops.astype(np.float64)  # the square of a sample may be more than float32 holds
    if len(hops) == 1:
        powers: Any = [hop.dot(hop) / size for hop in exact[0]]
        highest, lowest = np.maximum.reduce(hops[0], axis=1), np.minimum.reduce(hops[0], axis=1)
        peaks: Any = np.maximum(highest, -lowest).tolist()
    else:
        powers = np.matmul(exact[..., np.newaxis, :], exact[..., np.newaxis])[..., 0, 0].T / size
        highest, lowest = np.maximum.reduce(hops, axis=2), np.minimum.reduce(hops, axis=2)
        peaks = np.maximum(highest, -lowest).astype(np.float64).T
    return [loudness_of(power, peak) for power, peak in zip(powers, peaks, strict=True)]


def loudness_of(power: Number, peak: Number) -> Loudness:
    """Return how loud a hop of this mean square and this largest absolute sample is."""
    return Loudness(
        level_dbfs=decibels(power, floor=_FLOOR),
        peak_dbfs=decibels(peak * peak, floor=_FLOOR),
        zeros=peak == 0,
    )


class HopClassifier:
    """Say of each hop of a stream, or of many streams, what it is.

    Five things are counted, each on its own:

    - **Sound or silence.** A stream begins *silent*. A hop above ``sound_above_dbfs`` makes it
      *sounding*; only after ``silence_after_s`` of hops below ``silence_below_dbfs`` it is
      *silent* again. In between hops may be *quiet* while the stream still sounds.
    - **Loud enough or too quiet.** The level at which the network hears the hops of a window that
      were not lost decides:
      below ``too_quiet_below_dbfs`` the stream is *too quiet*, above ``loud_enough_above_dbfs``
      it is *loud enough* again.
    - **Zeros.** Exact digital zeros for ``no_signal_after_s``, whether or not it is silent.
    - **A gap.** Lost samples go on being one gap until a hop comes whole. A gap does not touch the
      counts above, since nothing is known of what was lost.
    - **The window.** It fills from the start, from a restart and from the end of a gap longer than
      a hop; until it is full of whole hops the stream is *warming up*.

    ``Status`` names the first of these that holds: gap, warming up, no signal, silence,
    too quiet, music.

    Args:
        policy: thresholds and times.
        rate: samples a second.
        hop_samples: samples of a hop.
        window_hops: hops of a window.

    Attributes:
        whole_hops: since the window last began to fill.
        zero_hops: of exact zeros until now.
        gap_samples: of the gap that is going on.
        quiet_hops: until now.
        heard_hops: whose power counts or has counted in the window's level, since a restart.
        silent, too_quiet: as above.
        powers: mean squares of the hops of the window as the network hears them, at places that
            are used in turn.
    """

    COUNTS: ClassVar = ("whole_hops", "zero_hops", "gap_samples", "quiet_hops", "heard_hops")
    FLAGS: ClassVar = ("silent", "too_quiet")

    def __init__(
        self, policy: StreamPolicy, *, rate: int, hop_samples: int, window_hops: int
    ) -> None:
        self._policy = policy
        self._rate = rate
        self._hop_samples, self._hop_s = hop_samples, hop_samples / rate
        self._window_hops = window_hops
        # What sums in another order differ by must not decide at the threshold itself.
        nearly = 1 - 1e-9
        self._too_quiet_below = nearly * 10 ** (policy.too_quiet_below_dbfs / 10)
        self._loud_enough_above = nearly * 10 ** (policy.loud_enough_above_dbfs / 10)
        self._begins_quiet = math.ceil(policy.silence_after_s / self._hop_s)
        self.powers: Table = [0.0] * window_hops
        self.whole_hops: Number = 0
        self.zero_hops: Number = 0
        self.gap_samples: Number = 0
        # Until something is heard nothing is known.
        self.quiet_hops: Number = self._begins_quiet
        self.heard_hops: Number = 0
        self.silent: Flag = True
        self.too_quiet: Flag = False

    def fill_window(self) -> None:
        """Let the window fill anew: its sound is not followed by what comes next."""
        self.whole_hops = self.whole_hops * 0

    def restart(self, which: Flag = True) -> None:
        """Begin as at the start of a stream; what was lost or zero goes on being so."""
        self.whole_hops = where(which, 0, self.whole_hops)
        self.heard_hops = where(which, 0, self.heard_hops)
        self.quiet_hops = where(which, self._begins_quiet, self.quiet_hops)
        self.silent = self.silent | which
        if isinstance(which, np.ndarray):
            self.powers[which] = 0.0
        else:
            self.powers = [0.0] * self._window_hops

    def may_end_a_pause(self, lost: Number) -> tuple[Flag, Flag]:
        """Return whether the next hop ends a pause, and whether it does if it is sound.

        A pause is what makes memory stale: a gap of ``reset_after_gap_s`` ends with whatever comes
        whole, a silence of ``reset_after_silence_s`` with sound.

        Args:
            lost: how many of the hop's samples stand for lost sound.
        """
        policy = self._policy
        after_gap = (
            (lost == 0)
            & (self.gap_samples > self._hop_samples)
            & (self.gap_samples / self._rate >= policy.reset_after_gap_s)
        )
        long_silent = self.silent & (self.quiet_hops * self._hop_s >= policy.reset_after_silence_s)
        return after_gap, long_silent

    def ends_a_pause(self, sound: Loudness, lost: Number) -> Flag:
        """Return whether sound returns with this hop after what makes memory stale.

        Asked before the hop is classified.
        """
        after_gap, long_silent = self.may_end_a_pause(lost)
        return after_gap | (long_silent & (sound.level_dbfs > self._policy.sound_above_dbfs))

    def classify(self, sound: Loudness, lost: Number, gain_db: Number = 0.0) -> Hop:
        """Return what the next hop is.

        Args:
            sound: how loud it is.
            lost: how many of its samples stand for lost sound.
            gain_db: by how much louder the network hears it; whether it is too quiet to judge
                depends on that, whether it is silent does not.
        """
        level, policy = sound.level_dbfs, self._policy
        heard_at = level + gain_db
        quiet = level <= where(self.silent, policy.sound_above_dbfs, policy.silence_below_dbfs)
        gap = lost > 0
        if some(gap):
            self.gap_samples = where(gap, self.gap_samples + lost, 0)
            # After more than a hop the window fills anew from the next hop on.
            self.whole_hops = where(self.gap_samples > self._hop_samples, -1, self.whole_hops)
            self.quiet_hops = where(gap, self.quiet_hops, where(quiet, self.quiet_hops + 1, 0))
            self.zero_hops = where(gap, self.zero_hops, where(sound.zeros, self.zero_hops + 1, 0))
        else:
            self.gap_samples = self.gap_samples * 0
            self.quiet_hops = where(quiet, self.quiet_hops + 1, 0)
            self.zero_hops = where(sound.zeros, self.zero_hops + 1, 0)
        silent = self.quiet_hops * self._hop_s >= policy.silence_after_s - 1e-9
        self.silent = where(gap, self.silent, silent)
        self._judge_loudness(heard_at, gap)
        zeros = self.zero_hops * self._hop_s >= policy.no_signal_after_s - 1e-9
        self.whole_hops = self.whole_hops + 1
        status = where(self.too_quiet, _TOO_QUIET, MUSIC)
        status = where(self.silent, _SILENCE, status)
        status = where(zeros, _NO_SIGNAL, status)
        status = where(self.whole_hops < self._window_hops, _WARMING_UP, status)
        return Hop(
            status=where(gap, _GAP, status),
            quiet=quiet | (heard_at < policy.too_quiet_below_dbfs),
            held=self.silent | self.too_quiet | zeros | gap,
        )

    def _judge_loudness(self, level: Number, gap: Flag) -> None:
        at = self.heard_hops % self._window_hops
        power = 10.0 ** (level / 10)
        if some(gap):
            power = where(gap, got(self.powers, at), power)
        put(self.powers, at, power)
        self.heard_hops = self.heard_hops + (gap ^ True)
        counted = where(self.heard_hops < self._window_hops, self.heard_hops, self._window_hops)
        limit = where(self.too_quiet, self._loud_enough_above, self._too_quiet_below)
        # Of a window of which nothing was heard nothing new is known.
        too_quiet = total(self.powers) < limit * counted
        self.too_quiet = where(counted > 0, too_quiet, self.too_quiet)
