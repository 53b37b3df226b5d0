"""What the papers' systems hear, computed once by librosa and kept outside the repository.

``descriptors`` is the toolbox; each paper's ``View.compute`` picks from it. ``segment_store`` cuts
every clip, computes each segment and keeps the arrays as plain files beside a table, in a folder
named by a hash of the view and of the bytes of every audio file.
"""

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import librosa
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError

from ...corpora import Clip
from ...features import cache
from ...files import write_json
from .system import View

DESCRIPTORS = (
    "amplitude_envelope",
    "rms",
    "zero_crossing_rate",
    "centroid",
    "bandwidth",
    "rolloff",
    "flatness",
    "contrast",
    "chroma",
    "tonnetz",
    "harmonic",
    "onset",
    "tempo",
    "log_mel",
    "mfcc",
    "mfcc_delta",
    "mfcc_delta2",
)
"""What ``descriptors`` can compute. The spectral spread of the papers is ``bandwidth``."""

_TOOLBOX = 2
"""Counts the changes of what ``descriptors`` returns."""

_SHORT_S = 0.1
"""A clip that is this much short of a segment is still taken for a whole one (encoders trim)."""


def descriptors(
    samples: NDArray[np.float32],
    names: Iterable[str],
    *,
    sample_rate: int,
    n_fft: int = 2048,
    hop_length: int = 512,
    n_mfcc: int = 20,
    n_mels: int = 128,
) -> dict[str, NDArray[np.float32]]:
    """Return descriptors of a sound frame by frame, from one short-time Fourier transform.

    Frames are centred (librosa's habit): T = 1 + n // hop_length, 216 for 5 s at 22 050 Hz.

    Args:
        samples: (n,) in full scale 1.0.
        names: of ``DESCRIPTORS``.
        sample_rate: Hz.
        n_fft, hop_length: frame and step, samples.
        n_mfcc: rows of ``mfcc`` and its deltas.
        n_mels: rows of ``log_mel``; the mel bands behind ``mfcc``.

    Returns:
        By name (rows, T): centroid, bandwidth and roll-off in Hz; ``rms`` in full scale;
        ``harmonic`` the RMS over mel bands of what a median-filter separation calls harmonic;
        ``amplitude_envelope`` the greatest magnitude of a frame; ``zero_crossing_rate`` per sample;
        ``contrast`` (7), ``tonnetz`` (6), ``chroma`` (12, no tuning estimated); ``log_mel`` dB.
        ``tempo`` is (1, 1), beats a minute.

    Raises:
        InputError: a name is unknown.
    """
    wanted = tuple(names)
    unknown = [name for name in wanted if name not in DESCRIPTORS]
    if unknown:
        raise InputError(f"no descriptor {unknown[0]!r}; there are: {', '.join(DESCRIPTORS)}")
    magnitude = np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=hop_length))
    of_magnitude: dict[str, Any] = {"S": magnitude, "sr": sample_rate, "n_fft": n_fft}
    power = magnitude**2
    made: dict[str, NDArray[Any]] = {}

    def once(name: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        if name not in made:
            made[name] = compute()
        return made[name]

    def mel() -> NDArray[Any]:
        return once(
            "mel",
            lambda: librosa.feature.melspectrogram(
                S=power, sr=sample_rate, n_fft=n_fft, n_mels=n_mels
            ),
        )

    def log_mel() -> NDArray[Any]:
        return once("log_mel", lambda: librosa.power_to_db(mel()))

    def harmonic() -> NDArray[Any]:
        # Of the mel bands: of all bins the median filters take thirty times as long as the rest.
        sustained, _ = librosa.decompose.hpss(np.sqrt(mel()))
        level: NDArray[Any] = np.sqrt((sustained**2).mean(0))
        return level

    def mfcc() -> NDArray[Any]:
        return once("mfcc", lambda: librosa.feature.mfcc(S=log_mel(), n_mfcc=n_mfcc))

    def chroma() -> NDArray[Any]:
        # Estimating the tuning of a few seconds is noise, and slow.
        return once(
            "chroma",
            lambda: librosa.feature.chroma_stft(
                S=power, sr=sample_rate, n_fft=n_fft, hop_length=hop_length, tuning=0.0
            ),
        )

    def onset() -> NDArray[Any]:
        return librosa.onset.onset_strength(S=log_mel(), sr=sample_rate, hop_length=hop_length)

    def envelope() -> NDArray[Any]:
        padded = np.pad(np.abs(samples), n_fft // 2)
        frames = librosa.util.frame(padded, frame_length=n_fft, hop_length=hop_length)
        greatest: NDArray[Any] = frames.max(0)
        return greatest

    compute: dict[str, Callable[[], NDArray[Any]]] = {
        "amplitude_envelope": envelope,
        # Of the sound: that of a spectrum would be damped by the window.
        "rms": lambda: librosa.feature.rms(y=samples, frame_length=n_fft, hop_length=hop_length),
        "zero_crossing_rate": lambda: librosa.feature.zero_crossing_rate(
            samples, frame_length=n_fft, hop_length=hop_length
        ),
        "centroid": lambda: librosa.feature.spectral_centroid(**of_magnitude),
        "bandwidth": lambda: librosa.feature.spectral_bandwidth(**of_magnitude),
        "rolloff": lambda: librosa.feature.spectral_rolloff(**of_magnitude),
        "flatness": lambda: librosa.feature.spectral_flatness(S=magnitude),
        "contrast": lambda: librosa.feature.spectral_contrast(**of_magnitude),
        "chroma": chroma,
        "tonnetz": lambda: librosa.feature.tonnetz(chroma=chroma(), sr=sample_rate),
        "harmonic": harmonic,
        "onset": onset,
        "tempo": lambda: librosa.feature.tempo(
            onset_envelope=onset(), sr=sample_rate, hop_length=hop_length
        ),
        "log_mel": log_mel,
        "mfcc": mfcc,
        "mfcc_delta": lambda: librosa.feature.delta(mfcc()),
        "mfcc_delta2": lambda: librosa.feature.delta(mfcc(), order=2),
    }
    return {name: np.atleast_2d(compute[name]()).astype(np.float32) for name in wanted}


@dataclass(frozen=True)
class Segments:
    """A view of every clip.

    Attributes:
        arrays: by name (n, ...), memory-mapped, in the precision ``View.compute`` gave.
        spans: first segment and the one after the last of every clip, by ``Clip.key``.
        audio_sha256: one hash over the bytes of every audio file.
    """

    arrays: Mapping[str, NDArray[Any]]
    spans: Mapping[str, tuple[int, int]]
    audio_sha256: str


def cut(samples: NDArray[np.float32], view: View) -> list[NDArray[np.float32]]:
    """Return the segments of a sound, as ``View`` defines them."""
    if view.longest_s is not None:
        samples = samples[: round(view.longest_s * view.sample_rate)]
    pieces = (samples[start : start + view.samples] for start in _starts(len(samples), view))
    if view.fill == "repeat":
        return [np.resize(piece, view.samples) for piece in pieces]
    return [np.pad(piece, (0, view.samples - len(piece))) for piece in pieces]


def segments_in(seconds: float, view: View) -> int:
    """Return how many segments ``cut`` makes of a sound of this length."""
    heard = seconds if view.longest_s is None else min(seconds, view.longest_s)
    return len(_starts(round(heard * view.sample_rate), view))


def _starts(length: int, view: View) -> range:
    hop = round(view.hop_s * view.sample_rate)
    last = length - view.samples + round(_SHORT_S * view.sample_rate)
    return range(0, last + 1, hop) or range(1 if view.fill and length else 0)


def segment_store(clips: Sequence[Clip], view: View, folder: Path, *, jobs: int = 1) -> Segments:
    """Return a view of every clip of one corpus, computing what is not cached.

    Args:
        clips: whose sound.
        view: what is computed of it.
        folder: the cache.
        jobs: processes that compute side by side.

    Raises:
        InputError: no clip is long enough for one segment.
    """
    hashes = {clip.key: hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in clips}
    settings = [
        [view.name, view.version, view.sample_rate, view.seconds, view.hop_s],
        [view.longest_s, view.fill, f"librosa {version('librosa')}"],
        # A changed computation must not meet old arrays, even where its version was forgotten.
        inspect.getsource(view.compute),
        _TOOLBOX,
    ]
    audio = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    digest = hashlib.sha256(json.dumps([settings, audio]).encode()).hexdigest()
    place = folder / "papers" / f"{view.name}-{digest[:16]}"
    table_path = place / "table.json"
    if not table_path.is_file():
        _compute(clips, view, place, jobs)
    table = json.loads(table_path.read_text(encoding="utf-8"))
    arrays = {
        name: np.memmap(place / f"{name}.bin", each["dtype"], "r", shape=tuple(each["shape"]))
        for name, each in table["arrays"].items()
    }
    spans = {key: (start, stop) for key, (start, stop) in table["spans"].items()}
    return Segments(arrays, spans, audio)


def _segments(view: View, path: Path) -> dict[str, NDArray[Any]]:
    pieces = cut(load_audio(path, sample_rate=view.sample_rate), view)
    made = [view.compute(piece) for piece in pieces]
    return {name: np.stack([each[name] for each in made]) for name in made[0]} if made else {}


def _compute(clips: Sequence[Clip], view: View, place: Path, jobs: int) -> None:
    place.mkdir(parents=True, exist_ok=True)
    spans: dict[str, tuple[int, int]] = {}
    arrays: dict[str, dict[str, Any]] = {}
    partials: dict[str, BinaryIO] = {}
    total, whole = 0, False
    try:
        with cache.side_by_side(jobs) as mapping:
            results = mapping(partial(_segments, view), [clip.path for clip in clips])
            bar = track(results, description=f"{view.name}, {clips[0].corpus}", total=len(clips))
            for clip, made in zip(clips, bar, strict=True):
                count = len(next(iter(made.values()))) if made else 0
                spans[clip.key] = (total, total + count)
                total += count
                for name, values in made.items():
                    if not np.isfinite(values).all():
                        raise InputError(f"{view.name} gives no finite {name} of {clip.path}")
                    if name not in partials:
                        partials[name] = (place / f"{name}.{os.getpid()}").open("wb")
                        arrays[name] = {"dtype": str(values.dtype), "shape": values.shape[1:]}
                    partials[name].write(np.ascontiguousarray(values).tobytes())
        whole = True
    finally:
        for name, file in partials.items():
            file.close()
            if not whole:
                (place / f"{name}.{os.getpid()}").unlink()
    if not total:
        raise InputError(
            f"no clip of {clips[0].corpus} holds {view.seconds:g} s, a segment of {view.name}"
        )
    for name, each in arrays.items():
        (place / f"{name}.{os.getpid()}").replace(place / f"{name}.bin")
        each["shape"] = [total, *each["shape"]]
    # Written last: where the table is, the arrays are whole.
    write_json(place / "table.json", {"arrays": arrays, "spans": spans})
