"""Augmentation of log-mel frames: rooms, noise, telephones.

Power spectra add, and a filter is a gain by band, so that every piece of every epoch can be
augmented anew at no cost, where sound would have to be filtered and analysed again. What is not
linear in power (clipping, codecs) is done to sound by ``conditions``, once: a piece may come from
the frames of that instead, see ``AugmentConfig.changes``.

Noise may be another piece of music, well below the first, whose labels stay as they are. That is
the mild mixup of this training: listeners rate what is in front, and nobody rated mixtures, least
of all as the mean of two songs' ratings.
"""

from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, field_validator, model_validator
from pydantic.dataclasses import dataclass as checked

from realtime_mer.features.config import FeatureConfig
from realtime_mer.features.log_mel import LogMel

from ..features.conditions import conditions

_NOISE_S = 30
_COLOURS = (0.0, 1.0, 2.0)  # exponents of 1/f: white, pink, brown


def power_of(frames: NDArray[Any], log_gain: float) -> NDArray[np.float64]:
    """Return the power by band of log-mel frames, values log10(1 + log_gain * power)."""
    power: NDArray[np.float64] = (10.0 ** frames.astype(np.float64) - 1.0) / log_gain
    return power


def frames_of(power: NDArray[np.float64], log_gain: float) -> NDArray[np.float32]:
    """Return the log-mel frames of power by band."""
    frames: NDArray[np.float32] = np.log10(1.0 + log_gain * power).astype(np.float32)
    return frames


def with_gain(frames: NDArray[Any], decibels: float, log_gain: float) -> NDArray[np.float32]:
    """Return the log-mel frames of the same sound so much louder: exact, so that no sound is
    needed.

    Args:
        frames: (T, M) log-mel.
        decibels: below 0 for quieter.
        log_gain: of the frames' settings.
    """
    return frames_of(power_of(frames, log_gain) * 10 ** (decibels / 10), log_gain)


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class AugmentConfig:
    """How often a piece is augmented, and how much; each is drawn for every piece.

    Attributes:
        gain_db: largest gain in either direction, or least and greatest gain: ``[-30, 12]``.
        tilt_db: largest gain of the highest band against the lowest, in either direction.
        peak_db: largest gain of an equaliser's broad peak or dip.
        room: probability of a room.
        reverberation_s: its shortest and longest time of decay by 60 dB.
        noise: probability of noise: white, pink or brown, or another piece of music.
        snr_db: least and greatest ratio of music to noise.
        band: probability of a narrow band, as of a telephone or a small loudspeaker.
        low_hz, high_hz: where its lower and its upper edge may lie.
        changed: probability that a piece comes from sound that was changed before all this.
        changes: what may have happened to it, names of ``conditions``, each as likely.
    """

    gain_db: float | tuple[float, float] = 12.0
    tilt_db: float = 6.0
    peak_db: float = 6.0
    room: float = 0.0
    reverberation_s: tuple[float, float] = (0.2, 1.2)
    noise: float = 0.0
    snr_db: tuple[float, float] = (5.0, 30.0)
    band: float = 0.0
    low_hz: tuple[float, float] = (60.0, 450.0)
    high_hz: tuple[float, float] = (2500.0, 9000.0)
    changed: float = 0.0
    changes: tuple[str, ...] = ()

    @field_validator("changes")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in conditions():
                raise ValueError(f"no condition {name!r}; there are: {'; '.join(conditions())}")
        return names

    @field_validator("gain_db")
    @classmethod
    def _ascending(cls, gain: float | tuple[float, float]) -> float | tuple[float, float]:
        if isinstance(gain, tuple) and gain[0] > gain[1]:
            raise ValueError(f"gain_db is {list(gain)}; name the least gain first")
        return gain

    @property
    def gains_db(self) -> tuple[float, float]:
        """The least and the greatest gain."""
        return self.gain_db if isinstance(self.gain_db, tuple) else (-self.gain_db, self.gain_db)

    @model_validator(mode="after")
    def _both(self) -> "AugmentConfig":
        if (self.changed > 0) != bool(self.changes):
            raise ValueError(
                f"changed is {self.changed} and changes are {list(self.changes)}; give both a "
                "probability and names, or neither"
            )
        return self


@dataclass(frozen=True)
class Bands:
    """The mel bands of a feature configuration.

    Attributes:
        centre_hz, width_hz: (M,).
    """

    centre_hz: NDArray[np.float64]
    width_hz: NDArray[np.float64]

    @classmethod
    def of(cls, config: FeatureConfig) -> "Bands":
        """Return the bands of ``LogMel`` under the same settings."""
        edges = librosa.mel_frequencies(config.n_mels + 2, fmin=config.f_min, fmax=config.f_max)
        return cls(edges[1:-1], (edges[2:] - edges[:-2]) / 2)


class Augmenter:
    """Change pieces of music as the way to a microphone might.

    Args:
        config: how often and how much.
        features: what the frames are made with.
    """

    def __init__(self, config: AugmentConfig, features: FeatureConfig) -> None:
        self._config = config
        self._log_gain = features.log_gain
        self._frame_s = features.hop_length / features.sample_rate
        self._bands = Bands.of(features)
        self._octaves = np.log2(self._bands.centre_hz / self._bands.centre_hz[0])
        self._noises = [self._noise(colour, features) for colour in _COLOURS]

    def __call__(
        self,
        frames: NDArray[np.float32],
        other: NDArray[np.float32],
        random: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Return the frames of a piece as they might have reached a microphone.

        Args:
            frames: (T, M) log-mel.
            other: (U, M) log-mel of another piece of music, which may sound in the background.
            random: source of all randomness.
        """
        config = self._config
        power = power_of(frames, self._log_gain) * self._equaliser(random)
        if random.random() < config.room:
            power = self._in_room(power, random)
        if random.random() < config.noise:
            kind = random.integers(len(self._noises) + 1)
            music = kind == len(self._noises)
            noise = power_of(other, self._log_gain) if music else self._noises[kind]
            power = power + self._at_level(noise, power, random)
        if random.random() < config.band:
            power = power * self._narrow(random)
        power = power * 10 ** (random.uniform(*config.gains_db) / 10)
        return frames_of(power, self._log_gain)

    def _noise(self, colour: float, features: FeatureConfig) -> NDArray[np.float64]:
        random = np.random.default_rng(0)
        spectrum = np.fft.rfft(random.standard_normal(_NOISE_S * features.sample_rate))
        spectrum /= np.maximum(np.arange(len(spectrum)), _NOISE_S * 20) ** (colour / 2)
        sound = np.fft.irfft(spectrum)
        sound *= 0.1 / sound.std()
        with torch.inference_mode():
            frames = LogMel(features).eval()(torch.from_numpy(sound.astype(np.float32))[None])
        return power_of(frames[0].numpy(), self._log_gain)

    def _equaliser(self, random: np.random.Generator) -> NDArray[np.float64]:
        config = self._config
        span = self._octaves[-1]
        tilt = random.uniform(-config.tilt_db, config.tilt_db) * (self._octaves / span - 0.5)
        centre, width = random.uniform(0, span), random.uniform(0.5, 2.0)
        height = random.uniform(-config.peak_db, config.peak_db)
        peak = height * np.exp(-0.5 * ((self._octaves - centre) / width) ** 2)
        gain: NDArray[np.float64] = 10 ** ((tilt + peak) / 10)
        return gain

    def _in_room(
        self, power: NDArray[np.float64], random: np.random.Generator
    ) -> NDArray[np.float64]:
        """Add a tail that decays exponentially, the faster the higher the band."""
        middle = random.uniform(*self._config.reverberation_s)
        seconds = middle * np.linspace(1.2, 0.6, power.shape[1])
        decay = 10 ** (-6 * self._frame_s / seconds)
        # The tail's energy against the direct sound's, between -12 and +3 dB.
        share = (1 - decay) * 10 ** (random.uniform(-12, 3) / 10)
        heard = np.empty_like(power)
        tail = np.zeros(power.shape[1])
        for number, frame in enumerate(power):
            tail = decay * tail + share * frame
            heard[number] = frame + tail
        return heard

    def _at_level(
        self,
        noise: NDArray[np.float64],
        power: NDArray[np.float64],
        random: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return as many frames of noise, at a ratio of whole powers that is drawn."""
        start = random.integers(len(noise))
        noise = np.take(noise, np.arange(start, start + len(power)), axis=0, mode="wrap")
        ratio = 10 ** (random.uniform(*self._config.snr_db) / 10)
        width = self._bands.width_hz
        level = (power.mean(0) @ width) / max(noise.mean(0) @ width, 1e-12)
        scaled: NDArray[np.float64] = noise * (level / ratio)
        return scaled

    def _narrow(self, random: np.random.Generator) -> NDArray[np.float64]:
        low, high = random.uniform(*self._config.low_hz), random.uniform(*self._config.high_hz)
        slope = random.uniform(12, 48)  # dB an octave
        centre = self._bands.centre_hz
        outside = np.maximum(np.log2(low / centre), 0) + np.maximum(np.log2(centre / high), 0)
        # A band is a sum of neighbours too: no filter takes more than some 45 dB out of its frames.
        gain: NDArray[np.float64] = 10 ** (-np.minimum(slope * outside, 45) / 10)
        return gain
