#!/usr/bin/env python3
"""Measures how the commands on a library grow from 1 000 tracks to 100 000.

It makes libraries of numbers alone, with courses, sections and fingerprints as long as those of
real tracks, and runs each command on them as a process of its own, from its start to its end. The
numbers go to `docs/results/growth.json`: what each takes of the processor, how many times as much
that is as with the smallest library (`beside`) and as starting without doing anything
(`beside_starting`), and how long it took, which others on the machine can make longer.

    .venv/bin/python scripts/growth.py

It takes a few minutes; `--sizes 1000 10000` less. With `--only` the figures of the others stay.
Seconds are of this machine.
"""

import argparse
import json
import math
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import realtime_mer
from realtime_mer.emotion import GEMS, QUADRANTS, quadrant_of
from realtime_mer.estimate import Affect
from realtime_mer.library import schema
from realtime_mer.library.tracks import COURSE_EVERY_S, Course, Section, Track, edges
from realtime_mer.library.walk import AudioFile

SIZES = (1_000, 10_000, 100_000)
MADE = 1_000  # tracks; sizes are multiples of it
MOVED = ("valence", "arousal", "beginning.valence", "beginning.arousal")
BYTES_A_SECOND = 7  # of a fingerprint: 16 bits every 0.3 s

START = "--version"

COMMANDS = {
    START: ["--version"],
    "suggest --at": ["suggest", "{sqlite}", "--at", "0.2,-0.3"],
    "suggest --from": ["suggest", "{sqlite}", "--from", "track 0000500.flac"],
    "path, 10 tracks": ["path", "{sqlite}", "--at", "-0.4,-0.3", "--to", "0.4,0.3"],
    "path, an hour with rules": [
        *["path", "{sqlite}", "--at", "-0.4,-0.3", "--to", "0.4,0.3", "--minutes", "60"],
        *["--min-lufs", "-20", "--music", "0.5", "--within", "0.3"],
    ],
    "path, steps of 6 minutes": [
        *["path", "{sqlite}", "--at", "-0.4,-0.3", "--to", "0.4,0.3"],
        *["--step", "0.15", "--step-minutes", "6"],
    ],
    "export to csv": ["library", "export", "{sqlite}", "--to", "csv", "--out", "{out}.csv"],
    "export to rekordbox": [
        *["library", "export", "{sqlite}", "--to", "rekordbox", "--out", "{out}.xml"]
    ],
    "export to traktor": ["library", "export", "{sqlite}", "--to", "traktor", "--out", "{out}.nml"],
    "export to m3u8": ["library", "export", "{sqlite}", "--to", "m3u8", "--out", "{out}"],
    "export to beets": ["library", "export", "{sqlite}", "--to", "beets", "--out", "{out}-beets"],
    "features": ["features", "{sqlite}"],
    "tag": ["tag", "{sqlite}"],
}
"""What is run, by what it is called. The files of the tracks are not there, which `tag` tells."""

FAILS = ("tag",)


def main() -> int:
    """Make, measure, write and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of libraries")
    parser.add_argument("--times", type=int, default=3, help="that each command is run")
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS)[1:])
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    sizes = sorted(options.sizes)
    names = [START, *options.only]
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            print(f"{size} tracks ...", file=sys.stderr, flush=True)
            table = make_library(Path(folder), size)
            for name in names:
                took[name].append(measured(name, table, times=options.times))
    file = options.out / "growth.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    # Of other commands what was measured before stays; ratios are within one run anyhow.
    kept = known["commands"] if known.get("tracks") == sizes else {}
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": "each command as a process of its own, from its start to its end; the median "
        f"of {options.times}; made tracks without files, which export and tag look for in vain",
        "tracks": sizes,
        "commands": kept
        | {
            name: {
                "processor_s": [round(busy, 2) for busy, _ in found],
                "beside": [round(busy / found[0][0], 2) for busy, _ in found],
                "beside_starting": [
                    round(busy / start, 2)
                    for (busy, _), (start, _) in zip(found, took[START], strict=True)
                ],
                "passed_s": [round(passed, 2) for _, passed in found],
            }
            for name, found in took.items()
        },
    }
    text = json.dumps(result, indent=1) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(text, end="")
    return 0


def measured(name: str, table: Path, *, times: int) -> tuple[float, float]:
    """Return what a command takes on a library, medians of some runs.

    Returns:
        seconds of the processor, and from its start to its end.
    """
    places = {"sqlite": table, "out": table.with_name(f"{table.stem}-out")}
    words = [word.format(**places) for word in COMMANDS[name]]
    busy, passed = [], []
    for _ in range(times):
        before, began = os.times(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "realtime_mer", *words], capture_output=True, check=False
        )
        passed.append(time.perf_counter() - began)
        after = os.times()
        busy.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
        if done.returncode != (name in FAILS):
            sys.exit(f"{name}: {done.stderr.decode(errors='replace')[-500:]}")
    return statistics.median(busy), statistics.median(passed)


def make_library(folder: Path, size: int) -> Path:
    """Write a library of made tracks and return its table.

    A thousand tracks are made, and again and again a little aside on the plane.
    """
    table = folder / f"{size}.sqlite"
    with closing(sqlite3.connect(table, isolation_level=None)) as database:
        run = database.execute
        run("BEGIN")
        schema.create(database)
        for number, track in enumerate(made_tracks(folder)):
            fingerprint = bytes(number % 256 for _ in range(int(BYTES_A_SECOND * track.seconds)))
            row = schema.insert(database, track, fingerprint=fingerprint)
            schema.link(database, AudioFile(path=track.path, size=1, mtime_ns=2), row)
        moved = {f'"{name}"': f'max(-1, min(1, "{name}" + :aside))' for name in MOVED}
        moved |= {"id": "id + :more", "sound": "sound || :more"}
        kept = [f'"{name}"' for name in schema.KEPT if name not in (*MOVED, "sound")]
        columns = {**dict.fromkeys(("fingerprint", *kept)), **moved}
        names, values = ", ".join(columns), ", ".join(v or k for k, v in columns.items())
        for more in range(MADE, size, MADE):
            aside = {"more": more, "aside": 0.1 * math.sin(more)}
            run(
                f"INSERT INTO tracks ({names}) SELECT {values} FROM tracks WHERE id <= {MADE}",
                aside,
            )
            run(
                "INSERT INTO courses SELECT track + :more, every_s, valence, arousal FROM courses "
                f"WHERE track <= {MADE}",
                aside,
            )
            run(
                "INSERT INTO files SELECT replace(path, '.flac', printf(' of %07d.flac', :more)), "
                f"track + :more, size, mtime_ns, device, here FROM files WHERE track <= {MADE}",
                aside,
            )
        run("COMMIT")
    return table


def made_tracks(folder: Path) -> Iterator[Track]:
    """Yield ``MADE`` tracks that spread over the plane as a library's do, the same every time."""
    chance = np.random.default_rng(0)
    for number in range(MADE):
        middle = np.clip(chance.normal(0, 0.3, 2), -0.9, 0.9)
        seconds = float(round(chance.uniform(120, 360), 3))
        parts = int(seconds / COURSE_EVERY_S) + 1
        moved = np.clip(middle + chance.normal(0, 0.05, (parts, 2)), -1, 1).round(6)
        yield made_track(folder, number, moved, seconds=seconds, chance=chance)


def made_track(
    folder: Path, number: int, moved: Any, *, seconds: float, chance: np.random.Generator
) -> Track:
    """Return a track of this course, ``(parts, 2)``."""
    valence, arousal = (float(value) for value in moved.mean(axis=0).round(6))
    spread = moved.std(axis=0).round(6).tolist()
    course = Course(
        every_s=COURSE_EVERY_S,
        valence=tuple(moved[:, 0].tolist()),
        arousal=tuple(moved[:, 1].tolist()),
    )
    beginning, ending = edges(course, seconds=seconds)
    quadrant = quadrant_of(valence, arousal)
    sections = [
        Section(start=start, end=start + 40, mood="calm", valence=valence, arousal=arousal)
        for start in np.arange(0, seconds, 40).tolist()
    ]
    return Track(
        path=str(folder / "music" / f"artist {number // 20:05}" / f"track {number:07}.flac"),
        seconds=seconds,
        affect=Affect(
            valence=valence,
            arousal=arousal,
            valence_sd=0.2,
            arousal_sd=0.2,
            quadrants={name: 0.7 if name == quadrant else 0.1 for name in QUADRANTS},
            gems=dict.fromkeys(GEMS, 0.125),
        ),
        valence_spread=spread[0],
        arousal_spread=spread[1],
        quadrant=quadrant,
        beginning=beginning,
        ending=ending,
        moods={"calm": 1.0},
        music_share=1.0,
        level_dbfs=-20.0,
        loudness_lufs=round(float(chance.uniform(-25, -7)), 1),
        sections=tuple(sections),
        typical_s=30.0,
        course=course,
        model="made",
        model_sha256="00" * 32,
        sound=f"{number:064x}",
    )


if __name__ == "__main__":
    sys.exit(main())
