"""Hand-made features of a whole clip, by librosa: what a baseline without any network hears."""

from importlib.metadata import version

import librosa
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 24_000
_N_FFT = 2048
_HOP = 1024
_MFCC = 20

WIDTH = 2 * (_MFCC + 12 + 6 + 7 + 7) + _MFCC + 1
"""Numbers of a clip."""

SETTINGS = f"librosa {version('librosa')}, {SAMPLE_RATE} Hz, {_N_FFT} / {_HOP}, second"
"""What the numbers depend on besides the sound."""


def handcrafted_features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return mean and standard deviation over a clip's frames of features made by hand.

    These are 20 MFCC, chroma, tonal centroids, spectral contrast, centroid, bandwidth and roll-off
    (kHz), flatness, zero crossings, level (dB) and onset strength; then how much each MFCC moves
    from frame to frame, and the tempo (units of 100 beats a minute).

    Args:
        samples: (n,) at ``SAMPLE_RATE``, n >= 2048.

    Returns:
        (1, ``WIDTH``).
    """
    magnitude = np.abs(librosa.stft(samples, n_fft=_N_FFT, hop_length=_HOP))
    power = magnitude**2
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=SAMPLE_RATE))
    mfcc = librosa.feature.mfcc(S=mel, n_mfcc=_MFCC)
    chroma = librosa.feature.chroma_stft(S=power, sr=SAMPLE_RATE, n_fft=_N_FFT, tuning=0.0)
    of_magnitude = {"S": magnitude, "sr": SAMPLE_RATE}
    onset = librosa.onset.onset_strength(S=mel, sr=SAMPLE_RATE, hop_length=_HOP)
    level = librosa.feature.rms(S=magnitude, frame_length=_N_FFT)
    frames = np.vstack(
        (
            mfcc,
            chroma,
            librosa.feature.tonnetz(chroma=chroma, sr=SAMPLE_RATE),
            librosa.feature.spectral_contrast(**of_magnitude),
            librosa.feature.spectral_centroid(**of_magnitude) / 1000,
            librosa.feature.spectral_bandwidth(**of_magnitude) / 1000,
            librosa.feature.spectral_rolloff(**of_magnitude) / 1000,
            librosa.feature.spectral_flatness(S=magnitude),
            librosa.feature.zero_crossing_rate(samples, frame_length=_N_FFT, hop_length=_HOP),
            librosa.amplitude_to_db(level),
            onset[None],
        )
    )
    tempo = librosa.feature.tempo(onset_envelope=onset, sr=SAMPLE_RATE, hop_length=_HOP) / 100
    movement = np.abs(np.diff(mfcc, axis=1)).mean(1)
    row = np.concatenate((frames.mean(1), frames.std(1), movement, tempo))
    return row[None].astype(np.float32)
