"""What each hop of a stream is, before the network has heard it: sound, silence, zeros or a gap.

Pure: what a hop is depends on its samples, on those before it and on what of them was lost.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.estimate import Status

SILENCE_FLOOR_DBFS = -120.0
"""What digital silence reads: JSON holds no infinity."""


@dataclass(frozen=True, kw_only=True)
class StreamPolicy:
    """When the sound counts as silent or as no music, and when the network's memory is let go.

    Attributes:
        silence_below_dbfs: hops quieter than this are silent; far below a quiet classical passage.
        sound_above_dbfs: after silence, a hop must be louder than this to count as sound again.
        too_quiet_below_dbfs: sound whose window is quieter than this is too quiet to judge: the
            level at which the estimate of half of the clips that were turned down has moved by .1
            (docs/results/gain.json).
        loud_enough_above_dbfs: after that, a window must be louder than this to be judged again.
        no_music_below: probability of music below which a hop speaks for there being none.
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
    no_music_below: float = 0.4
    music_above: float = 0.6
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """What is known of a hop before the network has heard it.

    Attributes:
        level_dbfs: root mean square in dB relative to full scale, >= -120.
        peak_dbfs: largest absolute sample in dB relative to full scale, >= -120.
        status: what the sound of its window is; where it is ``music``, only the network can tell
            whether it is any.
        quiet: whether its own level is that of silence or too quiet to judge.
        held: whether the network's word on it counts for nothing: it is silent, too quiet, zeros
            or lost.
    """

    level_dbfs: float
    peak_dbfs: float
    status: Status
    quiet: bool
    held: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Loudness:
    """How loud a hop is by itself.

    Attributes:
        level_dbfs: root mean square in dB relative to full scale, >= -120.
        peak_dbfs: largest absolute sample in dB relative to full scale, >= -120.
        zeros: whether every sample is exactly 0.
    """

    level_dbfs: float
    peak_dbfs: float
    zeros: bool


def loudness(hops: NDArray[np.float32]) -> list[Loudness]:
    """Return how loud each of many hops is.

    Args:
        hops: float32 ``(H, n)``; what is said of one does not depend on the others.
    """
    size = hops.shape[1]
    # One product a hop: fewer passes over the samples than for all hops at once.
    powers = [float(hop.dot(hop)) / size for hop in hops.astype(np.float64)]
    highest = np.maximum.reduce(hops, axis=1).tolist()
    lowest = np.minimum.reduce(hops, axis=1).tolist()
    peaks = [max(high, -low) for high, low in zip(highest, lowest, strict=True)]
    return [
        Loudness(level_dbfs=_level(power), peak_dbfs=_peak(peak), zeros=peak == 0)
        for power, peak in zip(powers, peaks, strict=True)
    ]


class HopClassifier:
    """Say of each hop of a stream what it is.

    Five things are counted, each on its own:

    - **Sound or silence.** A stream begins *silent*. A hop above ``sound_above_dbfs`` makes it
      *sounding*; only after ``silence_after_s`` of hops below ``silence_below_dbfs`` it is
      *silent* again. In between hops may be *quiet* while the stream still sounds.
    - **Loud enough or too quiet.** The level over the hops of a window that were not lost decides:
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
    """

    def __init__(
        self, policy: StreamPolicy, *, rate: int, hop_samples: int, window_hops: int
    ) -> None:
        self._policy = policy
        self._rate = rate
        self._hop_samples, self._hop_s = hop_samples, hop_samples / rate
        self._window_hops = window_hops
        self._whole_hops = 0  # since the window last began to fill
        self._zero_hops = 0  # exact zeros until now
        self._gap_samples = 0  # of the gap that is going on
        self._powers: deque[float] = deque(maxlen=window_hops)  # of the window's hops
        self._too_quiet = False
        self._silent: bool
        self._quiet_hops: int  # until now
        self._begin_silent()

    def fill_window(self) -> None:
        """Let the window fill anew: its sound is not followed by what comes next."""
        self._whole_hops = 0

    def restart(self) -> None:
        """Begin as at the start of a stream; what was lost or zero goes on being so."""
        self._whole_hops = 0
        self._powers.clear()
        self._begin_silent()

    def ends_a_pause(self, sound: Loudness, lost: int) -> bool:
        """Return whether sound returns with this hop after what makes memory stale.

        That is a gap of ``reset_after_gap_s`` or a silence of ``reset_after_silence_s``; asked
        before the hop is classified.
        """
        gap_s = self._gap_samples / self._rate
        after_gap = (
            lost == 0
            and self._gap_samples > self._hop_samples
            and gap_s >= self._policy.reset_after_gap_s
        )
        after_silence = (
            self._silent
            and self._quiet_hops * self._hop_s >= self._policy.reset_after_silence_s
            and sound.level_dbfs > self._policy.sound_above_dbfs
        )
        return after_gap or after_silence

    def classify(self, sound: Loudness, lost: int) -> Hop:
        """Return what the next hop is.

        Args:
            sound: how loud it is.
            lost: how many of its samples stand for lost sound.
        """
        level = sound.level_dbfs
        policy = self._policy
        threshold = policy.sound_above_dbfs if self._silent else policy.silence_below_dbfs
        quiet = level <= threshold
        if lost:
            self._gap_samples += lost
            if self._gap_samples > self._hop_samples:
                self._whole_hops = -1  # the window fills anew from the next hop on
        else:
            self._gap_samples = 0
            self._quiet_hops = self._quiet_hops + 1 if quiet else 0
            self._zero_hops = self._zero_hops + 1 if sound.zeros else 0
            self._powers.append(10 ** (level / 10))
            self._silent = self._quiet_hops * self._hop_s >= policy.silence_after_s - 1e-9
        self._judge_loudness()
        zeros = self._zero_hops * self._hop_s >= policy.no_signal_after_s - 1e-9
        self._whole_hops += 1
        return Hop(
            level_dbfs=level,
            peak_dbfs=sound.peak_dbfs,
            status=self._status(gap=lost > 0, zeros=zeros),
            quiet=quiet or level < policy.too_quiet_below_dbfs,
            held=self._silent or self._too_quiet or zeros or lost > 0,
        )

    def _status(self, *, gap: bool, zeros: bool) -> Status:
        if gap:
            return Status.GAP
        if self._whole_hops < self._window_hops:
            return Status.WARMING_UP
        if zeros:
            return Status.NO_SIGNAL
        if self._silent:
            return Status.SILENCE
        return Status.TOO_QUIET if self._too_quiet else Status.MUSIC

    def _judge_loudness(self) -> None:
        if self._powers:
            level = 10 * math.log10(sum(self._powers) / len(self._powers))
            policy = self._policy
            limit = (
                policy.loud_enough_above_dbfs if self._too_quiet else policy.too_quiet_below_dbfs
            )
            self._too_quiet = level < limit

    def _begin_silent(self) -> None:
        # Until something is heard nothing is known.
        self._silent = True
        self._quiet_hops = math.ceil(self._policy.silence_after_s / self._hop_s)


def _level(power: float) -> float:
    """Return a mean square in dBFS, not under ``SILENCE_FLOOR_DBFS``."""
    if power <= 10 ** (SILENCE_FLOOR_DBFS / 10):
        return SILENCE_FLOOR_DBFS
    return round(10 * math.log10(power), 2)


def _peak(peak: float) -> float:
    """Return the largest absolute sample in dBFS, not under ``SILENCE_FLOOR_DBFS``."""
    if peak <= 10 ** (SILENCE_FLOOR_DBFS / 20):
        return SILENCE_FLOOR_DBFS
    return round(20 * math.log10(peak), 2)
