"""What is computed once from a corpus' sound: log-mel frames and the teacher's embeddings.

Each is one array for a corpus, half precision, memory-mapped, in a folder outside the repository
that is named by a hash of everything it depends on: settings and the bytes of every audio file.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path
from rich.progress import track
from torch.nn import functional

from realtime_mer.audio.files import load_audio
from realtime_mer.features import FeatureConfig, LogMel
from training import teacher
from training.corpora import Clip
from training.files import replacing, write_json

TEACHER_HOP_S = 2
"""Seconds between the starts of the teacher's windows."""


@dataclass(frozen=True)
class Store:
    """Rows of numbers for every clip.

    Attributes:
        rows: a part for each corpus, (total, width) float16, memory-mapped.
        spans: part, first row and the row after the last of every clip, by ``Clip.key``.
        audio_hashes: SHA-256 of every audio file, by ``Clip.key``.
    """

    rows: tuple[NDArray[np.float16], ...]
    spans: Mapping[str, tuple[int, int, int]]
    audio_hashes: Mapping[str, str]

    def __getitem__(self, key: str) -> NDArray[np.float16]:
        """Return a clip's rows, (n, width)."""
        part, start, stop = self.spans[key]
        return self.rows[part][start:stop]

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return int(self.rows[0].shape[1])


def cache_folder() -> Path:
    """Return where cached features lie when no other folder is named."""
    return user_cache_path("realtime-mer") / "training"


def feature_store(clips: Sequence[Clip], config: FeatureConfig, folder: Path) -> Store:
    """Return the log-mel frames of every clip, computing what is not cached.

    A clip is taken as preceded by digital zeros, of which n_fft - hop_length samples reach into
    its first frame: n samples give n // hop_length frames and frame f ends at sample
    (f + 1) * hop_length.
    """
    transform = LogMel(config).eval()

    def compute(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        sound = functional.pad(torch.from_numpy(samples), (config.n_fft - config.hop_length, 0))
        with torch.inference_mode():
            frames: NDArray[np.float32] = transform(sound[None])[0].numpy()
        return frames

    settings = json.dumps(asdict(config), sort_keys=True)
    return _store(clips, folder, "log-mel", settings, config.sample_rate, config.n_mels, compute)


def teacher_store(clips: Sequence[Clip], weights: Path, folder: Path) -> Store:
    """Return the teacher's embedding of every whole window of every clip, one each 2 s.

    Row k of a clip is the window of 3 s that starts ``TEACHER_HOP_S`` * k s into it.

    Args:
        weights: the teacher's arrays, an ``.npz`` file.
    """
    network = teacher.MusiCNN(np.load(weights)).eval()
    rate = FeatureConfig().sample_rate

    def compute(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        # Not load_audio's own resampler: that is made for short delay, this one for quality.
        sound = soxr.resample(samples, rate, teacher.SAMPLE_RATE)
        window = 3 * teacher.SAMPLE_RATE
        starts = range(0, len(sound) - window + 1, TEACHER_HOP_S * teacher.SAMPLE_RATE)
        if not starts:
            return np.empty((0, teacher.EMBEDDING), np.float32)
        windows = np.stack([sound[at : at + window] for at in starts])
        with torch.inference_mode():
            mel = network.mel(torch.from_numpy(windows))[:, : teacher.WINDOW_FRAMES]
            # Half precision is what the rows are kept in anyway, and half the time.
            with torch.autocast("cpu", torch.bfloat16):
                parts = [network(mel[at : at + 8]) for at in range(0, len(mel), 8)]
            embeddings: NDArray[np.float32] = torch.cat(parts).float().numpy()
        return embeddings

    settings = hashlib.sha256(weights.read_bytes()).hexdigest()
    return _store(clips, folder, "teacher", settings, rate, teacher.EMBEDDING, compute)


def _store(
    clips: Sequence[Clip],
    folder: Path,
    name: str,
    settings: str,
    sample_rate: int,
    width: int,
    compute: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> Store:
    rows = []
    spans: dict[str, tuple[int, int, int]] = {}
    hashes: dict[str, str] = {}
    for part, corpus in enumerate(sorted({clip.corpus for clip in clips})):
        chosen = [clip for clip in clips if clip.corpus == corpus]
        own = {clip.key: hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in chosen}
        digest = hashlib.sha256(json.dumps([settings, own], sort_keys=True).encode())
        place = folder / f"{name}-{corpus}-{digest.hexdigest()[:16]}"
        if not place.with_suffix(".json").is_file():
            _compute(chosen, place, sample_rate, width, compute)
        rows.append(np.load(place.with_suffix(".npy"), mmap_mode="r"))
        table = json.loads(place.with_suffix(".json").read_text())
        spans |= {key: (part, start, stop) for key, (start, stop) in table.items()}
        hashes |= own
    return Store(tuple(rows), spans, hashes)


def _compute(
    clips: Sequence[Clip],
    place: Path,
    sample_rate: int,
    width: int,
    compute: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> None:
    parts: list[NDArray[np.float16]] = [np.empty((0, width), np.float16)]
    table: dict[str, tuple[int, int]] = {}
    start = 0
    for clip in track(clips, description=place.name):
        rows = compute(load_audio(clip.path, sample_rate=sample_rate)).astype(np.float16)
        parts.append(rows)
        table[clip.key] = (start, start + len(rows))
        start += len(rows)
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(place.with_suffix(".npy")) as path:
        np.save(path, np.concatenate(parts))
    # Written last: where the table is, the rows are whole.
    write_json(place.with_suffix(".json"), table)
