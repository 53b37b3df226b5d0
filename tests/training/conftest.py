"""Small corpora made on the spot, in the layouts of the real ones."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from realtime_mer.emotion import GEMS
from tests.training.made_corpora import midi, table
from training.__main__ import app
from training.corpora import read_clips
from training.features.cache import feature_store
from training.learn.run import Run, open_run
from training.learn.train import train_part

RATE = 24_000


def _sound(path: Path, *, seconds: float, loud: bool, high: bool, seed: int) -> None:
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * (880 if high else 220) * time)
    noise = generator.standard_normal(len(time))
    sound = (0.3 * tone + 0.1 * noise) if loud else (0.01 * tone + 0.001 * noise)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Readers go by a file's content, not its name, and Opus takes seconds to encode.
    soundfile.write(path, sound, RATE, format="WAV", subtype="PCM_16")


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def corpora_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve clips each of emotify, panda4q and grekow.

    Loud clips have high arousal, high tones high valence; grekow's last clip is a copy of its
    first, and the artists of panda4q are those of emotify in another spelling.
    """
    root = tmp_path_factory.mktemp("corpora")
    tables: dict[str, list[dict[str, object]]] = {"emotify": [], "panda4q": [], "grekow": []}
    for n in range(12):
        loud, high = n % 2 == 0, n % 4 < 2
        quadrant = {(True, True): "Q1", (True, False): "Q2", (False, False): "Q3"}.get(
            (loud, high), "Q4"
        )
        shares = {item: 0.02 * (n + i) for i, item in enumerate(GEMS)} | {
            "calmness": 0.1 + 0.01 * n if loud else 0.7,
            "joyful_activation": 0.6 if loud and high else 0.05 * (n % 3),
        }
        seconds = 6.0 + n % 3
        tables["emotify"].append(
            {
                "track_id": f"{n:03}",
                "genre": "pop",
                "n_annotators": 12 + n,
                **shares,
                "artist_group": f"singer {n // 2}",
                "duration_s": seconds,
            }
        )
        tables["panda4q"].append(
            {
                "clip_id": f"MT{n}",
                "quadrant": quadrant,
                "artist": f"The Singer-{n // 2}",
                "duration_s": seconds,
                "tag_valence": 0.4 if high else -0.4,
                "tag_arousal": 0.3 if loud else -0.3,
            }
        )
        copy = n == 11
        name = "blues_00000_copy" if copy else f"blues_{n:05}"
        tables["grekow"].append(
            {
                "clip_id": name,
                "valence_unit": 0.6 if high else -0.6,
                "arousal_unit": 0.7 if loud else -0.7,
                "quadrant": quadrant,
                "recording": "blues_00000" if copy else name,
                "duration_s": 6.04,
            }
        )
        kind = {"loud": loud, "high": high, "seed": n}
        _sound(root / "emotify" / "audio" / f"{n:03}.opus", seconds=seconds, **kind)
        _sound(root / "panda4q" / "audio" / f"MT{n}.opus", seconds=seconds, **kind)
        _sound(root / "grekow" / "audio" / f"{name}.opus", seconds=6.04, **kind)
    _write(root / "emotify" / "tracks.csv", tables["emotify"])
    _write(root / "panda4q" / "clips.csv", tables["panda4q"])
    _write(root / "grekow" / "clips.csv", tables["grekow"])
    return root


@pytest.fixture(scope="session")
def cache_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the features of the made corpora are kept."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def notes_root(tmp_path: Path) -> Path:
    """A folder with three pieces of vgmidi in two series, four clips of emopia in two songs."""
    pieces, curves = [], []
    for number, series in ((1, "Zelda"), (2, "Zelda"), (3, "Mario")):
        name = f"vg{number:03}"
        midi(tmp_path / "vgmidi" / "midi" / f"{name}.mid")
        pieces.append(
            {
                "piece_id": name,
                "series": series,
                "midi_file": f"midi/{name}.mid",
                "n_annotators": 30,
                "duration_s": 2.0,
                # The raters heard a recording that is longer than the notes.
                "heard_duration_s": 9.5,
                "valence_mean": 0.1 * number,
                "arousal_mean": -0.1 * number,
            }
        )
        curves += [
            {
                "piece_id": name,
                "measure": measure,
                "time_s": time,
                "valence_mean": 0.2,
                "valence_std": 0.3,
                "arousal_mean": -0.2,
                "arousal_std": 0.4,
                "n": 30,
            }
            for measure, time in ((1, 0.0), (2, 1.0))
        ]
    table(tmp_path / "vgmidi" / "pieces.csv", pieces)
    table(tmp_path / "vgmidi" / "curves.csv", curves)
    clips = [
        ("Q1_a_0", "a", "train"),
        ("Q2_a_1", "a", "train"),
        ("Q3_b_0", "b", "test"),
        ("Q4_b_1", "b", "test"),
    ]
    for name, *_ in clips:
        midi(tmp_path / "emopia" / "midi" / f"{name}.mid", notes=6)
    table(
        tmp_path / "emopia" / "clips.csv",
        [
            {
                "clip_id": name,
                "quadrant": name[:2],
                "song_id": song,
                "split": part,
                "annotator": "A",
            }
            for name, song, part in clips
        ],
    )
    return tmp_path


TINY = """
name = "tiny"
folds = 2
epochs = 3
steps_per_epoch = 2
half_precision = false
[sequences]
streams = 2
segment_s = 6.0
piece_s = [4.0, 6.0]
shares = { panda4q = 0.4, emotify = 0.3, grekow = 0.3 }
[losses]
teacher = 0.0
[network]
channels = [4, 4, 8]
column_channels = 16
embedding = 16
"""


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    """Settings of a training that takes a second."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def run(corpora_root: Path, tiny_config: Path, tmp_path: Path) -> Run:
    """A new run folder of the made corpora, nothing trained yet."""
    return open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)


@pytest.fixture(scope="session")
def trained(corpora_root: Path, cache_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose tiny networks are trained and evaluated."""
    place = tmp_path_factory.mktemp("trained")
    (place / "tiny.toml").write_text(TINY)
    run = open_run(place / "run", read_clips(corpora_root), place / "tiny.toml")
    features = feature_store(run.clips, run.config.features, cache_root)
    for number, part in enumerate(run.parts):
        train_part(
            run.training_clips(part),
            features,
            None,
            run.config,
            run.folder / part,
            stream_key=number,
        )
    places = ["--run", str(run.folder), "--data", str(corpora_root), "--cache", str(cache_root)]
    done = CliRunner().invoke(app, ["evaluate", *places, "--resamples", "20"])
    assert done.exit_code == 0, done.output
    return run.folder
