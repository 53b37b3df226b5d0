"""The settings of the features; whoever reads a card needs them, and no torch."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from realtime_mer.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PitchConfig:
    """How samples become rows of log-pitch bins, one a hop; a card carries these numbers.

    What no card changes: a row spans ``octaves`` octaves with ``octave_bins`` bins each, three a
    semitone, so that music which is not tuned to 440 Hz still lies on some bin.

    Attributes:
        n_fft: samples of a row's window, a third of a second: 64 mel bands of 40 ms cannot tell a
            major third from a minor one below 500 Hz. The window (Hann's) ends with its hop.
        f_min: Hz of the lowest bin, C2.
        log_gain: the constant of ``log10(1 + log_gain * power)``, where a sine of amplitude 1 has
            the power 1.
    """

    n_fft: int = 8192
    f_min: float = 65.406
    log_gain: float = 1e7

    octaves: ClassVar[int] = 5
    octave_bins: ClassVar[int] = 36
    bins: ClassVar[int] = octaves * octave_bins

    def __post_init__(self) -> None:
        if not 0 < self.n_fft <= 1 << 16:
            raise InputError(f"pitch.n_fft {self.n_fft} must lie between 1 and {1 << 16}.")
        if not 0 < self.f_min < math.inf:
            raise InputError(f"pitch.f_min {self.f_min} must be more than 0.")
        if not 0 < self.log_gain < math.inf:
            raise InputError(f"pitch.log_gain {self.log_gain} must be more than 0.")


@dataclass(frozen=True, kw_only=True)
class LevelConfig:
    """To which level sound is brought before the network hears it; a card carries these numbers.

    The level of a stream is the mean power of its hops, those of the last ``time_s`` for the most
    part. What lies within ``free_db`` of ``usual_dbfs`` is left as it is, since how loud music is
    says something of it; what lies beyond is brought to the nearer end of that, since a knob that
    is turned says nothing.

    Attributes:
        usual_dbfs: the median level of the music that the network learnt from.
        free_db: how far from it nothing is changed, >= 0.
        time_s: seconds over which the mean is taken.
        most_db: by how much sound is made louder or quieter at most, >= 0.
        floor_dbfs: hops below it tell nothing about the level.
    """

    usual_dbfs: float
    free_db: float = 12.0
    time_s: float = 30.0
    most_db: float = 40.0
    floor_dbfs: float = -90.0

    def __post_init__(self) -> None:
        if not 0 < self.time_s < math.inf:
            raise InputError(f"level.time_s {self.time_s} must be more than 0.")
        for name in ("free_db", "most_db"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise InputError(f"level.{name} {value} must be 0 or more.")
        for name in ("usual_dbfs", "floor_dbfs"):
            if not -math.inf < (value := getattr(self, name)) < math.inf:
                raise InputError(f"level.{name} {value} must be a number.")


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How samples become log-mel frames; a checkpoint's card carries these numbers.

    Attributes:
        sample_rate: Hz.
        n_fft: samples of a frame.
        window: its taper. Hamming's ends are 0.08 where Hann's are 0, so that the oldest and the
            newest sample of a 3 s window count too.
        hop_length: samples from one frame to the next.
        n_mels: mel bands (Slaney scale and area normalisation, as librosa's default).
        f_min, f_max: the bands' outer edges in Hz.
        log_gain: the constant of ``log10(1 + log_gain * power)``; 10 000 as in MusiCNN
            (Pons & Serra 2019), which maps digital silence to exactly 0.
        pitch: of the rows that the network's harmonic branch hears; None where it has none.
    """

    sample_rate: int = 24_000
    n_fft: int = 960
    window: Literal["hamming"] = "hamming"
    hop_length: int = 480
    n_mels: int = 64
    f_min: float = 20.0
    f_max: float = 12_000.0
    log_gain: float = 10_000.0
    pitch: PitchConfig | None = None

    def __post_init__(self) -> None:
        for name, most in (("sample_rate", 768_000), ("n_fft", 1 << 16), ("n_mels", 1024)):
            if not 0 < (value := getattr(self, name)) <= most:
                raise InputError(f"{name} {value} must lie between 1 and {most}.")
        if not 0 < self.hop_length <= self.n_fft:
            raise InputError(
                f"hop_length {self.hop_length} must lie between 1 and n_fft {self.n_fft}."
            )
        if not 0 < self.log_gain < math.inf:
            raise InputError(f"log_gain {self.log_gain} must be more than 0.")
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise InputError(
                f"mel bands from {self.f_min} to {self.f_max} Hz do not fit a sample rate of "
                f"{self.sample_rate} Hz; f_max may be half of it at most."
            )
        if self.pitch is not None:
            highest = self.pitch.f_min * 2**PitchConfig.octaves
            if highest > self.sample_rate / 2:
                raise InputError(
                    f"pitch.f_min {self.pitch.f_min} puts the highest bins at {highest:g} Hz, and "
                    f"a sample rate of {self.sample_rate} Hz carries half of it at most."
                )
