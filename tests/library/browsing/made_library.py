"""Libraries made up for tests: rows of numbers, and a few real files of sound."""

import math
import random
import sqlite3
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from realtime_mer.emotion import GEMS
from realtime_mer.library import schema
from realtime_mer.library.tracks import Course, Section, Track
from realtime_mer.library.walk import AudioFile
from realtime_mer.mood import mood_text, mood_words
from tests.library.made import made_track

RATE = 24_000
_CENTRES = ((0.34, 0.18), (0.22, -0.28), (-0.24, 0.26), (-0.22, -0.3), (0.05, 0.02))
_FIRST = "Blue Silver Paper Slow Northern Empty Electric Hidden Golden Quiet".split()
_SECOND = "River Morning Engine Garden Signal Harbour Window Winter Machine Summer".split()
_ARTISTS = "Ada Lane,The Low Tides,Okapi,Nora Vance,Fjord & Sons,Móa,Circuit Nine".split(",")


def made_library(path: Path, count: int, *, whole: int = 1000) -> Path:
    """Write a table of made tracks, clustered as libraries are, and return its path.

    Args:
        path: of the table.
        count: of tracks.
        whole: how many of them have a course; of the others is told what is told of these.
    """
    chance, folder = random.Random(3), "/music"
    whole = min(count, whole)
    add_tracks(path, [_track(chance, number, folder=folder) for number in range(whole)])
    names = [name for name in schema.KEPT if name not in ("valence", "arousal", "sound")]
    kept = ", ".join(f'"{name}"' for name in names)
    copied = f"INSERT INTO tracks (valence, arousal, {kept}) SELECT ?, ?, {kept} FROM tracks"
    rest = range(whole, count)
    with sqlite3.connect(path) as database:
        database.executemany(
            f"{copied} WHERE id = ?", [(*_place(chance), number % whole + 1) for number in rest]
        )
        database.executemany(
            "INSERT INTO files VALUES (?, ?, 1, 1, NULL, 1)",
            [(_path(chance, number, folder=folder), number + 1) for number in rest],
        )
    database.close()
    return path


def add_tracks(path: Path, tracks: list[Track]) -> None:
    """Write tracks into a table, which is made if it is not there."""
    new = not path.exists()
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("BEGIN")
        if new:
            schema.create(database)
        for track in tracks:
            written = schema.insert(database, track)
            schema.link(database, AudioFile(path=track.path, size=1, mtime_ns=1), written)
        database.execute("COMMIT")
    database.close()


def _track(chance: random.Random, number: int, *, folder: str) -> Track:
    path = _path(chance, number, folder=folder)
    return moving_track(path, *_place(chance), seconds=chance.uniform(120, 420), seed=number)


def _place(chance: random.Random) -> tuple[float, float]:
    valence, arousal = (
        min(0.95, max(-0.95, chance.gauss(middle, 0.14))) for middle in chance.choice(_CENTRES)
    )
    return valence, arousal


def _path(chance: random.Random, number: int, *, folder: str) -> str:
    title = f"{chance.choice(_FIRST)} {chance.choice(_SECOND)}"
    return f"{folder}/{chance.choice(_ARTISTS)}/{number:06}/{title}.flac"


def moving_track(path: str, valence: float, arousal: float, *, seconds: float, seed: int) -> Track:
    """Return a track that moves about a place, in four sections, with GEMS that suit it."""
    parts = math.ceil(seconds / 2)
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, parts)
    drift = 0.12 * np.sin(2 * np.pi * (time * rng.uniform(0.5, 1.5) + rng.uniform()))
    courses = [
        np.clip(middle + sign * drift + 0.02 * rng.standard_normal(parts), -1, 1)
        for middle, sign in ((valence, 1), (arousal, -1))
    ]
    quarters = {"Q1": 0.1, "Q2": 0.1, "Q3": 0.1, "Q4": 0.1}
    right, up = valence >= 0, arousal >= 0
    quarters[{(1, 1): "Q1", (0, 1): "Q2", (0, 0): "Q3", (1, 0): "Q4"}[int(right), int(up)]] = 0.7
    ends = [round(seconds * share, 1) for share in (0, 0.2, 0.5, 0.8, 1)]
    sections = []
    for start, end in pairwise(ends):
        inside = slice(int(start // 2), max(int(start // 2) + 1, int(end // 2)))
        at = [float(course[inside].mean()) for course in courses]
        words = mood_words(*at, valence_sd=0.15, arousal_sd=0.15, quadrants=quarters)
        sections.append(
            Section(start=start, end=end, mood=mood_text(words), valence=at[0], arousal=at[1])
        )
    means = [round(float(course.mean()), 6) for course in courses]
    return made_track(
        path,
        valence=means[0],
        arousal=means[1],
        valence_sd=0.17,
        arousal_sd=0.14,
        valence_spread=round(float(courses[0].std()), 6),
        arousal_spread=round(float(courses[1].std()), 6),
        quadrants=quarters,
        gems={name: round(0.1 + 0.02 * place, 3) for place, name in enumerate(GEMS)},
        seconds=seconds,
        music_share=round(1 - 0.3 * float(rng.uniform()) ** 4, 3),
        loudness_lufs=round(-14 + 6 * arousal + float(rng.normal(0, 2)), 1),
        typical_s=round(min(seconds * 0.3, max(0.0, seconds - 30)), 1),
        sections=tuple(sections),
        course=Course(
            every_s=2.0,
            valence=tuple(map(float, courses[0])),
            arousal=tuple(map(float, courses[1])),
        ),
    )


def tone(seconds: float, *, hertz: float) -> np.ndarray:
    """Return a quiet tone, ``(frames,)``."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.05 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def write_sounds(folder: Path) -> dict[str, Path]:
    """Write a tone of 40 s in several formats, some of which no browser plays, by their endings."""
    wav = folder / "tone.wav"
    soundfile.write(wav, tone(40, hertz=330), RATE)
    found = {"wav": wav}
    for ending, words in {
        "flac": [],
        "ogg": ["-c:a", "libvorbis"],
        "aiff": [],
        "wma": ["-c:a", "wmav2"],
    }.items():
        path = folder / f"tone in {ending}.{ending}"
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(wav), *words, str(path)], check=True)
        found[ending] = path
    return found
