"""What is computed once from a corpus' sound: log-mel frames and the teacher's embeddings.

Each is one array for a corpus, half precision, memory-mapped, in a folder outside the repository
that is named by a hash of everything it depends on: settings and the bytes of every audio file.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path
from rich.progress import track
from torch.nn import functional

from realtime_mer.errors import AudioFileError
from realtime_mer.features import FeatureConfig, LogMel
from training import teacher
from training.corpora import Clip

TEACHER_HOP_S = 2
"""Seconds between the starts of the teacher's windows."""


@dataclass(frozen=True)
class Store:
    """Rows of numbers for every clip.

    Attributes:
        rows: (total, width) float16, memory-mapped.
        spans: first and last-but-one row of every clip, by ``Clip.key``.
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
        return self.rows[0].shape[1]


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
            return transform(sound[None])[0].numpy()

    settings = json.dumps(asdict(config), sort_keys=True)
    return _store(clips, folder, "log-mel", settings, config.sample_rate, config.n_mels, compute)


def teacher_store(clips: Sequence[Clip], weights: Path, folder: Path) -> Store:
    """Return the teacher's embedding of every whole window of every clip, one each 2 s.

    Row k of a clip is the window of 3 s that starts ``TEACHER_HOP_S`` * k s into it.

    Args:
        weights: the teacher's arrays, an ``.npz`` file.
    """
    network = teacher.MusiCNN(np.load(weights)).eval()

    def compute(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(
            0, len(samples) - 3 * teacher.SAMPLE_RATE + 1, TEACHER_HOP_S * teacher.SAMPLE_RATE
        )
        windows = np.stack([samples[at : at + 3 * teacher.SAMPLE_RATE] for at in starts])
        # Half precision is what the rows are kept in anyway, and half the time.
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            with torch.autocast("cpu", enabled=False):
                mel = network.mel(torch.from_numpy(windows))[:, : teacher.WINDOW_FRAMES]
            return torch.cat([network(part) for part in mel.split(8)]).float().numpy()

    settings = hashlib.sha256(weights.read_bytes()).hexdigest()
    return _store(
        clips, folder, "teacher", settings, teacher.SAMPLE_RATE, teacher.EMBEDDING, compute
    )


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
        rows = compute(_decode(clip.path, sample_rate)).astype(np.float16)
        parts.append(rows)
        table[clip.key] = (start, start + len(rows))
        start += len(rows)
    place.parent.mkdir(parents=True, exist_ok=True)
    # The table is written last and whole: where it is, the rows are complete.
    for suffix, write in (
        (".npy", lambda file: np.save(file, np.concatenate(parts))),
        (".json", lambda file: file.write(json.dumps(table).encode())),
    ):
        partial = place.with_suffix(f".{os.getpid()}{suffix}")
        with partial.open("wb") as file:
            write(file)
        partial.replace(place.with_suffix(suffix))


def _decode(path: Path, sample_rate: int) -> NDArray[np.float32]:
    try:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{path} cannot be decoded: {error}") from error
    return soxr.resample(sound.mean(1), rate, sample_rate)
