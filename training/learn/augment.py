"""Augmentation of log-mel frames and log-pitch rows: rooms, noise, telephones.

Both are the logarithm of power by band, and what happens to one happens to the other: what is drawn
for a piece is a function of frequency and of time. Power spectra add, and a filter is a gain by
band, so that every piece of every epoch can be augmented anew at no cost, where sound would have to
be filtered and analysed again. What is not linear in power (clipping, codecs) is done to sound by
``conditions``, once: a piece may come from the frames of that instead, see
``AugmentConfig.changes``.

Noise may be another piece of music, well below the first, whose labels stay as they are. That is
the mild mixup of this training: listeners rate what is in front, and nobody rated mixtures, least
of all as the mean of two songs' ratings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, field_validator, model_validator
from pydantic.dataclasses import dataclass as checked

from realtime_mer.features.config import FeatureConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import pitch_hz
from realtime_mer.model.config import NetworkConfig

from ..features.cache import Heard, log_mel, log_pitch, pitch_transform
from ..features.conditions import conditions

_NOISE_S = 30
_COLOURS = (0.0, 1.0, 2.0)  # exponents of 1/f: white, pink, brown


def power_of(frames: NDArray[Any], log_gain: float) -> NDArray[np.float64]:
    """Return the power by band of frames or rows, values log10(1 + log_gain * power)."""
    power: NDArray[np.float64] = (10.0 ** frames.astype(np.float64) - 1.0) / log_gain
    return power


def frames_of(power: NDArray[np.float64], log_gain: float) -> NDArray[np.float32]:
    """Return the frames or rows of power by band."""
    frames: NDArray[np.float32] = np.log10(1.0 + log_gain * power).astype(np.float32)
    return frames


def with_gain(heard: Heard, decibels: float, config: FeatureConfig) -> Heard:
    """Return what is heard of the same sound so much louder: exact, so that no sound is needed.

    Args:
        heard: frames, and rows if any.
        decibels: below 0 for quieter.
        config: settings of both.
    """
    gain = 10 ** (decibels / 10)
    frames = frames_of(power_of(heard.frames, config.log_gain) * gain, config.log_gain)
    if config.pitch is None:
        return Heard(frames, heard.pitches)
    log_gain = config.pitch.log_gain
    return Heard(frames, frames_of(power_of(heard.pitches, log_gain) * gain, log_gain))


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
        over: probability that something that is no music, such as speech, sounds over a piece of
            music for as long as it lasts.
        over_db: least and greatest ratio of the music to it.
        clear_db: from which ratio on the music is heard as without it, so that what was said of
            the music holds; below it music sounds, and no more is known.
        made: probability that a piece is none of a clip, but a sound that is no music, made on the
            spot, see ``made_sounds``.
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
    over: float = 0.0
    over_db: tuple[float, float] = (-10.0, 20.0)
    clear_db: float = 5.0
    made: float = 0.0
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


_Power = NDArray[np.float64]


@dataclass(frozen=True)
class _View:
    """One of the two ways in which a network hears a piece.

    Attributes:
        hz: of its bands.
        frames: how many of log-mel pass from one of its rows to the next.
        log_gain: of its logarithm.
        noises: power of each colour of noise.
    """

    hz: NDArray[np.float64]
    frames: int
    log_gain: float
    noises: Sequence[_Power]


@dataclass(frozen=True, kw_only=True)
class Over:
    """What sounds over a piece of music.

    Attributes:
        powers: as long as the piece, of its frames and of its rows, 0 where it is not heard.
        start, stop: its first frame, and the frame after its last.
        clear: the music is heard as without it.
    """

    powers: Sequence[_Power]
    start: int
    stop: int
    clear: bool


class Augmenter:
    """Change pieces of music as the way to a microphone might.

    Args:
        config: how often and how much.
        features: what the frames, and the rows if any, are made with.
    """

    def __init__(self, config: AugmentConfig, features: FeatureConfig) -> None:
        self._config = config
        self._frame_s = features.hop_length / features.sample_rate
        self._bands = Bands.of(features)
        noises = [_noise(colour, features.sample_rate) for colour in _COLOURS]
        mel = LogMel(features).eval()
        frames = [power_of(log_mel(mel, noise), features.log_gain) for noise in noises]
        self._views = [_View(self._bands.centre_hz, 1, features.log_gain, frames)]
        if (pitch := pitch_transform(features)) is not None:
            gain = pitch.config.log_gain
            rows = [power_of(log_pitch(pitch, noise), gain) for noise in noises]
            self._views.append(_View(pitch_hz(pitch.config), NetworkConfig.hop_frames, gain, rows))

    def __call__(
        self,
        piece: Heard,
        other: Heard,
        random: np.random.Generator,
        *,
        over: Over | None = None,
    ) -> Heard:
        """Return a piece as it might have reached a microphone.

        Args:
            piece: T frames, and a row for each five of them.
            other: another piece of music, which may sound in the background.
            random: source of all randomness.
            over: what else sounds, from ``over``.
        """
        config = self._config
        powers = self._filtered(self._powers(piece), random)
        if over is not None:
            powers = [power + more for power, more in zip(powers, over.powers, strict=True)]
        if random.random() < config.room:
            powers = self._in_room(powers, random)
        if random.random() < config.noise:
            kind = int(random.integers(len(_COLOURS) + 1))
            music = kind == len(_COLOURS)
            noises = self._powers(other) if music else [view.noises[kind] for view in self._views]
            powers = self._with_noise(powers, noises, random)
        if random.random() < config.band:
            powers = self._in_band(powers, random)
        gain = 10 ** (random.uniform(*config.gains_db) / 10)
        heard = [
            frames_of(power * gain, view.log_gain)
            for view, power in zip(self._views, powers, strict=True)
        ]
        return Heard(heard[0], heard[1] if len(heard) > 1 else piece.pitches)

    def over(self, piece: Heard, sound: Heard, random: np.random.Generator) -> Over:
        """Lay a sound over a piece of music, at a moment and a ratio that are drawn.

        Args:
            piece: of music.
            sound: what is no music; what of it does not fit is not heard.
            random: source of all randomness.
        """
        music, noise = self._powers(piece), self._powers(sound)
        hop = NetworkConfig.hop_frames
        hops = min(len(piece.frames), len(sound.frames)) // hop
        first = int(random.integers(len(piece.frames) // hop - hops + 1))
        start, stop = first * hop, (first + hops) * hop
        ratio_db = float(random.uniform(*self._config.over_db))
        heard = self._active(music[0][start:stop])
        level = heard / max(self._active(noise[0][: hops * hop]), 1e-12) / 10 ** (ratio_db / 10)
        powers = [np.zeros_like(power) for power in music]
        for view, power, more in zip(self._views, powers, noise, strict=False):
            power[start // view.frames : stop // view.frames] = (
                level * more[: hops * hop // view.frames]
            )
        clear = ratio_db >= self._config.clear_db
        return Over(powers=powers, start=start, stop=stop, clear=clear)

    def _active(self, power: _Power) -> float:
        """Return the mean power of the frames that are not pauses."""
        by_frame = power @ self._bands.width_hz
        return float(by_frame[by_frame >= 0.1 * by_frame.mean()].mean())

    def _powers(self, heard: Heard) -> list[_Power]:
        # A view fewer than there are where no rows are asked for.
        return [
            power_of(rows, view.log_gain) for view, rows in zip(self._views, heard, strict=False)
        ]

    def _octaves(self, view: _View) -> NDArray[np.float64]:
        """Return how far its bands lie above the lowest of mel."""
        octaves: NDArray[np.float64] = np.log2(view.hz / self._bands.centre_hz[0])
        return octaves

    def _filtered(self, powers: Sequence[_Power], random: np.random.Generator) -> list[_Power]:
        """Pass a piece through an equaliser."""
        config = self._config
        span = self._octaves(self._views[0])[-1]
        tilt = random.uniform(-config.tilt_db, config.tilt_db)
        centre, width = random.uniform(0, span), random.uniform(0.5, 2.0)
        height = random.uniform(-config.peak_db, config.peak_db)
        filtered = []
        for view, power in zip(self._views, powers, strict=True):
            octaves = self._octaves(view)
            peak = height * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
            filtered.append(power * 10 ** ((tilt * (octaves / span - 0.5) + peak) / 10))
        return filtered

    def _in_room(self, powers: Sequence[_Power], random: np.random.Generator) -> list[_Power]:
        """Add a tail that decays exponentially, the faster the higher the band."""
        middle = random.uniform(*self._config.reverberation_s)
        # The tail's energy against the direct sound's.
        level = 10 ** (random.uniform(-12, 3) / 10)
        centre = self._bands.centre_hz
        heard = []
        for view, power in zip(self._views, powers, strict=True):
            seconds = middle * np.interp(view.hz, centre, np.linspace(1.2, 0.6, len(centre)))
            decay = 10 ** (-6 * self._frame_s * view.frames / seconds)
            share = (1 - decay) * level
            wet = np.empty_like(power)
            tail = np.zeros(power.shape[1])
            for number, row in enumerate(power):
                tail = decay * tail + share * row
                wet[number] = row + tail
            heard.append(wet)
        return heard

    def _with_noise(
        self, powers: Sequence[_Power], noises: Sequence[_Power], random: np.random.Generator
    ) -> list[_Power]:
        """Add noise, from some moment of it on, at a ratio of whole powers that is drawn."""
        start = random.integers(len(noises[0]))
        ratio = 10 ** (random.uniform(*self._config.snr_db) / 10)
        parts = []
        for view, power, noise in zip(self._views, powers, noises, strict=True):
            rows = np.arange(len(power)) + start // view.frames
            parts.append(np.take(noise, rows, axis=0, mode="wrap"))
        width = self._bands.width_hz
        level = (powers[0].mean(0) @ width) / max(parts[0].mean(0) @ width, 1e-12)
        return [power + part * (level / ratio) for power, part in zip(powers, parts, strict=True)]

    def _in_band(self, powers: Sequence[_Power], random: np.random.Generator) -> list[_Power]:
        """Leave little of a piece outside a narrow band."""
        low, high = random.uniform(*self._config.low_hz), random.uniform(*self._config.high_hz)
        slope = random.uniform(12, 48)  # dB an octave
        heard = []
        for view, power in zip(self._views, powers, strict=True):
            outside = np.maximum(np.log2(low / view.hz), 0) + np.maximum(np.log2(view.hz / high), 0)
            # A band is a sum of neighbours too: no filter takes more than some 45 dB out of it.
            heard.append(power * 10 ** (-np.minimum(slope * outside, 45) / 10))
        return heard


def _noise(colour: float, sample_rate: int) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    spectrum = np.fft.rfft(random.standard_normal(_NOISE_S * sample_rate))
    spectrum /= np.maximum(np.arange(len(spectrum)), _NOISE_S * 20) ** (colour / 2)
    sound = np.fft.irfft(spectrum)
    noise: NDArray[np.float32] = (sound * (0.1 / sound.std())).astype(np.float32)
    return noise
