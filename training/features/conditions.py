"""What may happen to music on its way to the microphone: pure functions on samples.

Each takes float32 ``(n,)`` and returns as many samples, none of which depends on a later one
except through the level that is kept.
"""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from realtime_mer.batch import louder
from realtime_mer.features.config import LevelConfig
from realtime_mer.features.level import LevelFollower
from realtime_mer.hops import loudness

Samples = NDArray[np.float32]
Condition = Callable[[Samples, int, np.random.Generator], Samples]
"""Samples, their rate in Hz and a generator for whatever is random, to samples."""
Named = tuple[str, Condition]
"""A condition behind its name, which says all its settings."""


def band(
    samples: Samples,
    rate: int,
    _generator: np.random.Generator,
    *,
    low: float = 300.0,
    high: float = 3400.0,
) -> Samples:
    """Keep the band of a telephone: Butterworth of 4th order at each edge, ``low`` to ``high`` Hz.

    What is left is not made louder.
    """
    edges = butter(4, (low, high), btype="bandpass", fs=rate, output="sos")
    return np.asarray(sosfilt(edges, samples), np.float32)


def noise(
    samples: Samples,
    _rate: int,
    generator: np.random.Generator,
    *,
    snr_db: float = 10.0,
    pink: bool = False,
) -> Samples:
    """Add noise whose power lies ``snr_db`` below that of the whole sound.

    Args:
        samples: (n,).
        generator: where the noise comes from.
        snr_db: power of the sound over that of the noise.
        pink: equal power in every octave instead of in every Hz.
    """
    added = generator.standard_normal(len(samples))
    if pink:
        spectrum = np.fft.rfft(added)
        added = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)).clip(1)), len(samples))
    level = _rms(samples) * 10 ** (-snr_db / 20) / _rms(added)
    return np.asarray(samples + level * added, np.float32)


def room(
    samples: Samples, rate: int, generator: np.random.Generator, *, rt60_s: float = 0.5
) -> Samples:
    """Play the sound in a room: the direct sound and an exponential tail of noise, equally strong.

    The tail falls by 60 dB in ``rt60_s`` (a living room has 0.3 to 0.6); the level is kept.
    """
    time = np.arange(round(rt60_s * rate)) / rate
    tail = generator.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    response = tail / np.sqrt(np.sum(tail**2))
    response[0] += 1.0
    heard = fftconvolve(samples, response)[: len(samples)]
    return np.asarray(heard * (_rms(samples) / max(_rms(heard), 1e-12)), np.float32)


def codec(
    samples: Samples, rate: int, _generator: np.random.Generator, *, kbps: float = 24.0
) -> Samples:
    """Encode the sound as MP3 (MPEG-2 layer III, LAME, average bit rate) and decode it, in memory.

    Args:
        samples: (n,) at a rate that MP3 knows: 8 to 48 kHz.
        kbps: kbit/s of the one channel, 8 to 160 at 24 kHz.
    """
    # libsndfile spans these rates by a compression level of 1 to 0.
    level = 1 - (kbps - 8) / (160 - 8)
    file = io.BytesIO()
    soundfile.write(
        file,
        samples,
        rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=level,
        bitrate_mode="AVERAGE",
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    # What is shorter than a few frames of the codec may come back longer or shorter.
    kept = np.zeros(len(samples), np.float32)
    kept[: len(decoded)] = decoded[: len(samples)]
    return kept


def clipped(
    samples: Samples,
    _rate: int,
    generator: np.random.Generator,
    *,
    drive_db: tuple[float, float] = (6.0, 18.0),
) -> Samples:
    """Overdrive an input: cut off what exceeds a limit below the sound's peak; the level is kept.

    Args:
        samples: (n,).
        generator: where the limit comes from.
        drive_db: how far it lies below the peak, at least and at most.
    """
    limit = np.abs(samples).max(initial=0.0) * 10 ** (-generator.uniform(*drive_db) / 20)
    heard = np.clip(samples, -limit, limit)
    return np.asarray(heard * (_rms(samples) / max(_rms(heard), 1e-12)), np.float32)


def levelled(
    samples: Samples,
    rate: int,
    _generator: np.random.Generator,
    *,
    level: LevelConfig,
    hop_s: float,
) -> Samples:
    """Bring a sound to one level hop by hop, as a session does; what is no whole hop goes on so.

    Args:
        samples: (n,).
        rate: of them, Hz.
        level: to which.
        hop_s: seconds of a hop of the recogniser that hears it.
    """
    hop = round(hop_s * rate)
    count = -(-len(samples) // hop)
    whole = np.zeros((1, count * hop), np.float32)
    whole[0, : len(samples)] = samples
    levels = [sound.level_dbfs for sound in loudness(whole.reshape(1, count, hop))]
    return louder(whole, gains_db(levels, level, hop_s=hop_s))[0, : len(samples)]


def gains_db(levels_dbfs: Iterable[float], level: LevelConfig, *, hop_s: float) -> list[float]:
    """Return by how much each hop of a stream is made louder, from the level of each."""
    follower = LevelFollower(level, hop_s=hop_s)
    gains = []
    for level_dbfs in levels_dbfs:
        gains.append(float(follower.gain_db))
        follower.take(level_dbfs, True)
    return gains


def at_level(level: LevelConfig, *, hop_s: float) -> Named:
    """Return ``levelled`` for a recogniser, with its name."""
    name = f"at one level, {json.dumps(asdict(level), sort_keys=True)}, a hop of {hop_s:g} s"
    return name, partial(levelled, level=level, hop_s=hop_s)


def conditions() -> Mapping[str, Condition]:
    """Return the conditions under which clips can be heard, in a report or in training, by name.

    Other levels are not among them: on log-mel frames a gain is exact and needs no sound.
    """
    return {
        "phone band, 300–3400 Hz": band,
        "white noise, 10 dB SNR": partial(noise, snr_db=10.0),
        "pink noise, 10 dB SNR": partial(noise, snr_db=10.0, pink=True),
        "room, RT60 0.5 s": partial(room, rt60_s=0.5),
        "MP3, 24 kbit/s": partial(codec, kbps=24.0),
        "clipped by 6 to 18 dB": partial(clipped, drive_db=(6.0, 18.0)),
    }


def _rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
