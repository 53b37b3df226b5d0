"""What may happen to music on its way to the microphone: pure functions on samples.

Each takes float32 ``(n,)`` and returns as many samples, none of which depends on a later one
except through the level that is kept.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

Samples = NDArray[np.float32]
Condition = Callable[[Samples, int, np.random.Generator], Samples]
"""Samples, their rate in Hz and a generator for whatever is random, to samples."""


def band(samples: Samples, rate: int, *, low: float = 300.0, high: float = 3400.0) -> Samples:
    """Keep the band of a telephone: Butterworth of 4th order at each edge, ``low`` to ``high`` Hz.

    What is left is not made louder.
    """
    edges = butter(4, (low, high), btype="bandpass", fs=rate, output="sos")
    return np.asarray(sosfilt(edges, samples), np.float32)


def noise(
    samples: Samples, generator: np.random.Generator, *, snr_db: float = 10.0, pink: bool = False
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


def gain(samples: Samples, decibels: float) -> Samples:
    """Make a sound louder or softer; nothing is clipped at full scale."""
    return np.asarray(samples * 10 ** (decibels / 20), np.float32)


def conditions() -> Mapping[str, Condition]:
    """Return the conditions a report tells of, by name, the clean sound first."""
    return {
        "clean": lambda samples, rate, generator: samples,
        "phone band, 300–3400 Hz": lambda samples, rate, generator: band(samples, rate),
        "white noise, 10 dB SNR": lambda samples, rate, generator: noise(samples, generator),
        "pink noise, 10 dB SNR": lambda samples, rate, generator: noise(
            samples, generator, pink=True
        ),
        "room, RT60 0.5 s": lambda samples, rate, generator: room(samples, rate, generator),
        "+12 dB": lambda samples, rate, generator: gain(samples, 12.0),
        "−12 dB": lambda samples, rate, generator: gain(samples, -12.0),
    }


def _rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
