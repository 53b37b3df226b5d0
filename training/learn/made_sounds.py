"""Sounds that are no music and need no recording: hiss, hum, beeps, patter, next to nothing.

They are made anew for every piece, so that none is learnt by heart. Nothing here has a melody, a
chord or a beat: a metronome or a peal of bells would be a matter of opinion.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from realtime_mer.features.config import FeatureConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.model.config import NetworkConfig

from ..features.cache import Heard, log_mel, log_pitch, pitch_transform

_Sound = NDArray[np.float64]

_LEVEL_DBFS = (-45.0, -10.0)
_SILENT_DBFS = (-96.0, -60.0)
_SILENT = 0.2  # of the pieces; the rest are sounds
_PERIOD = 2048  # samples of a hum's wave
_TWO = 0.3  # of these are two at once


class MadeSounds:
    """Makes sounds that are no music.

    Args:
        features: what their frames, and their rows if any, are made with.
    """

    def __init__(self, features: FeatureConfig) -> None:
        self._features = features
        self._log_mel = LogMel(features).eval()
        self._pitch = pitch_transform(features)

    def __call__(self, hops: int, random: np.random.Generator) -> Heard:
        """Return what is heard of one that lasts so many hops."""
        count = hops * NetworkConfig.hop_frames * self._features.hop_length
        sound = made_sound(count, self._features.sample_rate, random)
        if self._pitch is None:
            pitches = np.empty((hops, 0), np.float32)
        else:
            pitches = log_pitch(self._pitch, sound)
        return Heard(log_mel(self._log_mel, sound), pitches)


def made_sound(count: int, rate: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return samples of a sound that is no music, at a level that is drawn.

    Args:
        count: how many samples.
        rate: Hz.
        random: source of all randomness.
    """
    if random.random() < _SILENT:
        return _levelled(hiss(count, rate, random), random.uniform(*_SILENT_DBFS))
    kinds = random.permutation(np.array(KINDS, dtype=object))
    sound = _levelled(kinds[0](count, rate, random), random.uniform(*_LEVEL_DBFS))
    if random.random() < _TWO:
        sound = sound + _levelled(kinds[1](count, rate, random), random.uniform(*_LEVEL_DBFS))
    return sound


def hiss(count: int, rate: int, random: np.random.Generator) -> _Sound:
    """Return noise of any colour whose level comes and goes: wind, sea, rain, traffic, air."""
    spectrum = np.fft.rfft(random.standard_normal(count))
    lowest = max(round(20 / rate * count), 1)  # 20 Hz: below it a colour would be all there is
    spectrum /= np.maximum(np.arange(len(spectrum)), lowest) ** (random.uniform(0.0, 2.5) / 2)
    time = np.arange(count) / rate
    swell_db = random.uniform(0.0, 12.0) * np.sin(
        2 * np.pi * (random.uniform(0.1, 2.0) * time + random.random())
    )
    sound: _Sound = np.fft.irfft(spectrum, count) * 10 ** (swell_db / 20)
    return sound


def hum(count: int, rate: int, random: np.random.Generator) -> _Sound:
    """Return overtones of one steady pitch: mains, motors, fans."""
    pitch = random.choice([50.0, 60.0, 100.0, 120.0, float(np.exp(random.uniform(3.4, 6.0)))])
    overtones = np.arange(1, max(min(int(rate / 2 / pitch), 30), 2))
    loudness = random.random(len(overtones)) / overtones ** random.uniform(0.3, 2.0)
    # One period of it, looked up as often as needed: a tenth of the time of so many sines.
    around = np.arange(_PERIOD + 1) / _PERIOD
    phases = np.outer(overtones, around) + random.random((len(overtones), 1))
    period = (loudness[:, None] * np.sin(2 * np.pi * phases)).sum(0)
    tone: _Sound = np.interp(pitch * np.arange(count) / rate % 1.0, around, period)
    return tone


def beeps(count: int, rate: int, random: np.random.Generator) -> _Sound:
    """Return one tone, held or in equal bits: alarms, telephones, tests."""
    time = np.arange(count) / rate
    tone: _Sound = np.sin(2 * np.pi * float(np.exp(random.uniform(5.3, 8.3))) * time)
    if random.random() < 0.3:
        return tone
    period, share = random.uniform(0.1, 2.0), random.uniform(0.1, 0.9)
    return tone * ((time / period + random.random()) % 1.0 < share)


def patter(count: int, rate: int, random: np.random.Generator) -> _Sound:
    """Return short bursts at random moments: claps, drops, footsteps, crackling."""
    length = round(rate * float(np.exp(random.uniform(-5.5, -2.5))))  # 4 to 80 ms
    burst = random.standard_normal(length) * np.exp(-6 * np.arange(length) / length)
    a_second = float(np.exp(random.uniform(0.0, 5.0)))
    struck = np.zeros(count)
    moments = random.integers(0, count, 1 + random.poisson(a_second * count / rate))
    np.add.at(struck, moments, random.uniform(0.1, 1.0, len(moments)))
    size = 1 << (count + length).bit_length()
    spectrum = np.fft.rfft(struck, size) * np.fft.rfft(burst, size)
    sound: _Sound = np.fft.irfft(spectrum, size)[:count]
    return sound


KINDS: tuple[Callable[[int, int, np.random.Generator], _Sound], ...] = (hiss, hum, beeps, patter)


def _levelled(sound: _Sound, dbfs: float) -> NDArray[np.float32]:
    power = max(float(np.sqrt(np.mean(sound**2))), 1e-12)
    return (sound * (10 ** (dbfs / 20) / power)).astype(np.float32)
