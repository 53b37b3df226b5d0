"""What is computed once from a corpus' sound: what a network hears, embeddings, hand-made features.

Each is one array for a corpus, half precision, memory-mapped, in a folder outside the repository
that is named by a hash of everything it depends on: settings and the bytes of every audio file.
What a killed computation got through, clip by clip, is not computed again.
"""

import hashlib
import json
import multiprocessing
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path
from rich.progress import track
from torch.nn import functional

from realtime_mer.audio.files import load_audio
from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch
from realtime_mer.model.config import NetworkConfig

from ..corpora import Clip
from ..files import replacing, write_json
from . import handcrafted, tagger, teacher
from .conditions import Condition, Named

TEACHER_HOP_S = 2
"""Seconds between the starts of the teacher's windows."""
TEACHER_WINDOW_S = 3
"""Seconds of sound in one of them."""


_Compute = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_AT_ONCE = 600  # rows of log-pitch, a minute of sound; each is made of a third of a second


class Heard(NamedTuple):
    """What a network hears of a clip.

    Attributes:
        frames: (T, M) log-mel.
        pitches: (T // 5, P) log-pitch, one row a hop; (T // 5, 0) where the settings ask for none.
    """

    frames: NDArray[Any]
    pitches: NDArray[Any]

    def hops(self, start: int, stop: int) -> "Heard":
        """Return those hops of it, by their numbers."""
        frames = self.frames[start * NetworkConfig.hop_frames : stop * NetworkConfig.hop_frames]
        return Heard(frames, self.pitches[start:stop])


@dataclass(frozen=True)
class FeatureStore:
    """Rows of numbers for every clip.

    Attributes:
        rows: a part for each corpus, (total, width) float16, memory-mapped.
        spans: part, first row and the row after the last of every clip, by ``Clip.key``.
        audio_hashes: SHA-256 of every audio file, by ``Clip.key``.
        pitches: log-pitch rows of the same clips, beside their log-mel frames; None for none.
    """

    rows: tuple[NDArray[np.float16], ...]
    spans: Mapping[str, tuple[int, int, int]]
    audio_hashes: Mapping[str, str]
    pitches: "FeatureStore | None" = None

    def __getitem__(self, key: str) -> NDArray[np.float16]:
        """Return a clip's rows, (n, width)."""
        part, start, stop = self.spans[key]
        return self.rows[part][start:stop]

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return int(self.rows[0].shape[1])

    @property
    def pitch_width(self) -> int:
        """Numbers in a log-pitch row."""
        return 0 if self.pitches is None else self.pitches.width

    def heard(self, key: str) -> Heard:
        """Return a clip's log-mel frames, and its log-pitch rows beside them."""
        frames = self[key]
        if self.pitches is None:
            none = np.empty((len(frames) // NetworkConfig.hop_frames, 0), np.float16)
            return Heard(frames, none)
        return Heard(frames, self.pitches[key])


def merged(stores: Sequence[FeatureStore]) -> FeatureStore:
    """Return one store with the rows of several."""
    rows: list[NDArray[np.float16]] = []
    spans: dict[str, tuple[int, int, int]] = {}
    hashes: dict[str, str] = {}
    for store in stores:
        spans |= {
            key: (part + len(rows), start, stop) for key, (part, start, stop) in store.spans.items()
        }
        hashes |= store.audio_hashes
        rows += store.rows
    pitches = [store.pitches for store in stores if store.pitches is not None]
    return FeatureStore(tuple(rows), spans, hashes, merged(pitches) if pitches else None)


def cache_folder() -> Path:
    """Return where cached features lie when no other folder is named."""
    return user_cache_path("realtime-mer") / "training"


def feature_store(
    clips: Sequence[Clip],
    config: FeatureConfig,
    folder: Path,
    *,
    longest_s: int | None = None,
    condition: Named | None = None,
    jobs: int = 1,
) -> FeatureStore:
    """Return what a network hears of every clip, computing what is not cached.

    Args:
        clips: whose sound.
        config: how it becomes frames and, where it asks for pitch, rows beside them.
        folder: the cache.
        longest_s: hear this many seconds from a clip's start; None for all.
        condition: its name, which says all its settings, and what happens to the sound before it
            is heard; whatever is random in it follows from the sound and the name.
        jobs: processes that compute side by side.

    A clip is taken as preceded by digital zeros, of which n_fft - hop_length samples reach into
    its first frame: n samples give n // hop_length frames and frame f ends at sample
    (f + 1) * hop_length. Rows of log-pitch are likewise, one a hop of five frames.
    """

    def store(
        name: str, settings: Mapping[str, Any], width: int, compute: _Compute
    ) -> FeatureStore:
        return _store(
            clips,
            folder,
            name,
            json.dumps(settings, sort_keys=True),
            config.sample_rate,
            width,
            compute,
            longest_s=longest_s,
            condition=condition,
            jobs=jobs,
        )

    # Apart, so that networks with and without a harmonic branch share the frames.
    settings = asdict(config)
    del settings["pitch"]
    frames = store("log-mel", settings, config.n_mels, partial(log_mel, LogMel(config).eval()))
    if (transform := pitch_transform(config)) is None:
        return frames
    settings = asdict(transform.config) | {"sample_rate": config.sample_rate, "hop": transform.hop}
    rows = store("log-pitch", settings, PitchConfig.bins, partial(log_pitch, transform))
    return replace(frames, pitches=rows)


def pitch_transform(config: FeatureConfig) -> LogPitch | None:
    """Return what makes log-pitch rows, one a hop; None where settings ask for none."""
    if config.pitch is None:
        return None
    hop = NetworkConfig.hop_frames * config.hop_length
    return LogPitch(config.pitch, sample_rate=config.sample_rate, hop=hop).eval()


def _changed(
    name: str, condition: Condition, rate: int, compute: _Compute, samples: NDArray[np.float32]
) -> NDArray[np.float32]:
    # A clip's noise and room are its own, and the same whenever they are computed.
    generator = np.random.default_rng((zlib.crc32(name.encode()), zlib.crc32(samples.tobytes())))
    return compute(condition(samples, rate, generator))


def log_mel(transform: LogMel, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a sound's frames, (n // hop_length, M), as ``feature_store`` defines them."""
    config = transform.config
    sound = functional.pad(torch.from_numpy(samples), (config.n_fft - config.hop_length, 0))
    with torch.inference_mode():
        frames: NDArray[np.float32] = transform(sound[None])[0].numpy()
    return frames


def log_pitch(transform: LogPitch, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a sound's log-pitch rows, (n // hop, P), as ``feature_store`` defines them."""
    size, hop = transform.config.n_fft, transform.hop
    sound = functional.pad(torch.from_numpy(samples), (size - hop, 0))[None]
    count = len(samples) // hop
    rows = np.empty((count, PitchConfig.bins), np.float32)
    with torch.inference_mode():
        for at in range(0, count, _AT_ONCE):
            end = min(at + _AT_ONCE, count)
            rows[at:end] = transform(sound[:, at * hop : (end - 1) * hop + size])[0].numpy()
    return rows


def handcrafted_store(clips: Sequence[Clip], folder: Path, *, jobs: int = 1) -> FeatureStore:
    """Return a row of hand-made features for every clip, see ``handcrafted.handcrafted_features``.

    Args:
        clips: whose sound.
        folder: the cache.
        jobs: processes that compute side by side.
    """
    return _store(
        clips,
        folder,
        "hand",
        handcrafted.SETTINGS,
        handcrafted.SAMPLE_RATE,
        handcrafted.WIDTH,
        handcrafted.handcrafted_features,
        jobs=jobs,
    )


def teacher_store(
    clips: Sequence[Clip],
    weights: Path,
    folder: Path,
    *,
    longest_s: int | None = None,
    condition: Named | None = None,
    jobs: int = 1,
) -> FeatureStore:
    """Return the teacher's embedding of every whole window of every clip, one each 2 s.

    Row k of a clip is the window of 3 s that starts ``TEACHER_HOP_S`` * k s into it.

    Args:
        clips: whose sound.
        weights: the teacher's arrays, an ``.npz`` file.
        folder: the cache.
        longest_s: hear this many seconds from a clip's start; None for all.
        condition: as for ``feature_store``.
        jobs: processes that compute side by side.
    """
    rate = FeatureConfig().sample_rate
    return _store(
        clips,
        folder,
        "teacher",
        hashlib.sha256(weights.read_bytes()).hexdigest(),
        rate,
        teacher.EMBEDDING,
        partial(_embeddings, teacher.MusiCNN(np.load(weights)).eval(), rate),
        longest_s=longest_s,
        condition=condition,
        jobs=jobs,
    )


def _embeddings(
    network: teacher.MusiCNN, rate: int, samples: NDArray[np.float32]
) -> NDArray[np.float32]:
    windows = _windows(samples, rate, teacher.SAMPLE_RATE)
    if not len(windows):
        return np.empty((0, teacher.EMBEDDING), np.float32)
    with torch.inference_mode():
        mel = network.mel(torch.from_numpy(windows))[:, : teacher.WINDOW_FRAMES]
        # Half precision is what the rows are kept in anyway, and half the time.
        with torch.autocast("cpu", torch.bfloat16):
            parts = [network(mel[at : at + 8]) for at in range(0, len(mel), 8)]
        embeddings: NDArray[np.float32] = torch.cat(parts).float().numpy()
    return embeddings


def tagger_store(
    clips: Sequence[Clip],
    weights: Path,
    folder: Path,
    *,
    longest_s: int | None = None,
    condition: Named | None = None,
    jobs: int = 1,
) -> FeatureStore:
    """Return what the tagger heard in ``teacher_store``'s windows: hidden layer, then logits.

    Args:
        clips: whose sound.
        weights: the tagger's arrays, an ``.npz`` file.
        folder: the cache.
        longest_s: hear this many seconds from a clip's start; None for all.
        condition: as for ``feature_store``.
        jobs: processes that compute side by side.
    """
    rate = FeatureConfig().sample_rate
    return _store(
        clips,
        folder,
        "tagger",
        hashlib.sha256(weights.read_bytes()).hexdigest(),
        rate,
        tagger.EMBEDDING + tagger.CLASSES,
        partial(_tagged, tagger.Tagger(np.load(weights)).eval(), rate),
        longest_s=longest_s,
        condition=condition,
        jobs=jobs,
    )


def _tagged(network: tagger.Tagger, rate: int, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    windows = _windows(samples, rate, tagger.SAMPLE_RATE)
    rows = np.empty((len(windows), tagger.EMBEDDING + tagger.CLASSES), np.float32)
    with torch.inference_mode():
        for at in range(0, len(windows), 8):
            heard = network(network.mel(torch.from_numpy(windows[at : at + 8])))
            rows[at : at + 8] = torch.cat((heard.hidden, heard.logits), 1).numpy()
    return rows


def _windows(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Return a sound's whole windows at the rate a teacher hears, (windows, samples)."""
    # Not load_audio's own resampler: that is made for short delay, this one for quality.
    sound = soxr.resample(samples, rate, wanted)
    window = TEACHER_WINDOW_S * wanted
    starts = range(0, len(sound) - window + 1, TEACHER_HOP_S * wanted)
    return np.array([sound[at : at + window] for at in starts]).reshape(-1, window)


def _store(
    clips: Sequence[Clip],
    folder: Path,
    name: str,
    settings: str,
    sample_rate: int,
    width: int,
    compute: _Compute,
    *,
    longest_s: int | None = None,
    condition: Named | None = None,
    jobs: int = 1,
) -> FeatureStore:
    rows = []
    if condition is not None:
        compute = partial(_changed, *condition, sample_rate, compute)
        name, settings = f"{name}-changed", f"{settings}, {condition[0]}"
    if longest_s is not None:
        settings = f"{settings}, first {longest_s} s"
    spans: dict[str, tuple[int, int, int]] = {}
    hashes: dict[str, str] = {}
    for part, corpus in enumerate(sorted({clip.corpus for clip in clips})):
        chosen = [clip for clip in clips if clip.corpus == corpus]
        own = {clip.key: hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in chosen}
        digest = hashlib.sha256(json.dumps([settings, own], sort_keys=True).encode())
        place = folder / f"{name}-{corpus}-{digest.hexdigest()[:16]}"
        if not place.with_suffix(".json").is_file():
            read = partial(_rows, compute, sample_rate, longest_s)
            parts = {
                key: folder / "parts" / f"{_digest(name, settings, own[key])}.npy" for key in own
            }
            _compute(chosen, place, parts, width, read, jobs)
        rows.append(np.load(place.with_suffix(".npy"), mmap_mode="r"))
        table = json.loads(place.with_suffix(".json").read_text())
        spans |= {key: (part, start, stop) for key, (start, stop) in table.items()}
        hashes |= own
    return FeatureStore(tuple(rows), spans, hashes)


def _digest(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:20]


def _rows(
    compute: _Compute, sample_rate: int, longest_s: int | None, path: Path
) -> NDArray[np.float16]:
    samples = load_audio(path, sample_rate=sample_rate, longest_s=longest_s)
    return compute(samples).astype(np.float16)


@contextmanager
def side_by_side(jobs: int) -> Iterator[Callable[..., Iterator[Any]]]:
    if jobs == 1:
        yield map
        return
    # Forking a process whose libraries have threads can lock it up.
    context = multiprocessing.get_context("spawn")
    # Each with one thread, or they are in one another's way.
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        yield pool.map


def _compute(
    clips: Sequence[Clip],
    place: Path,
    parts: Mapping[str, Path],
    width: int,
    read: Callable[[Path], NDArray[np.float16]],
    jobs: int,
) -> None:
    """Write all clips' rows and their table, keeping each clip's in ``parts`` until then."""
    (place.parent / "parts").mkdir(parents=True, exist_ok=True)
    made = {clip.key: np.load(parts[clip.key]) for clip in clips if parts[clip.key].is_file()}
    missing = [clip for clip in clips if clip.key not in made]
    with side_by_side(jobs) as mapping:
        results = mapping(read, [clip.path for clip in missing])
        for clip, rows in zip(
            missing, track(results, description=place.name, total=len(missing)), strict=True
        ):
            with replacing(parts[clip.key]) as path:
                np.save(path, rows)
            made[clip.key] = rows
    with replacing(place.with_suffix(".npy")) as path:
        empty = np.empty((0, width), np.float16)
        np.save(path, np.concatenate([empty, *(made[clip.key] for clip in clips)]))
    stops = np.cumsum([0, *(len(made[clip.key]) for clip in clips)]).tolist()
    # Written last: where the table is, the rows are whole.
    write_json(
        place.with_suffix(".json"),
        {clip.key: span for clip, span in zip(clips, pairwise(stops), strict=True)},
    )
    for path in parts.values():
        path.unlink(missing_ok=True)
