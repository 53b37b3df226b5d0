#!/usr/bin/env python3
"""Measures how `annotate` grows: with the files of one folder, and on Ray beside the plain pool.

    .venv/bin/python scripts/scale.py

`folder` looks at 5 000 and at 50 000 files in one folder, each size in a process of its own: once
while all are new and kept, once while all are known. What the network would say is made up, and
each file is a few bytes. `engines` hears the same library with as many workers by turns, as
processes and on a Ray cluster of this machine; and feeds both with files that are none, so that
only the way to a worker and back is left. `work` tells what a minute of sound costs to decode and
to hear. The numbers go to `docs/results/scale.json`, a part each; `--part` measures one again.
It takes some minutes on a machine that is idle. Linux; Ray is the extra `cluster`.
"""

import argparse
import json
import os
import pickle
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import soundfile

import realtime_mer
from realtime_mer.library import annotate as annotating
from realtime_mer.library.annotate import AnnotateOptions
from realtime_mer.library.cluster.ray_workers import annotated_on_ray, connected
from realtime_mer.library.sound import Sound
from realtime_mer.library.tracks import Track
from realtime_mer.library.walk import AudioFile, walk
from realtime_mer.library.workers import Ear, Found, Heard, annotated
from realtime_mer.model.files import checkpoint_sha256

FILES = (5_000, 50_000)
RATE = 44_100
WORKERS = 2


def main() -> int:
    """Measure, write and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("folder", "engines", "work"), action="append")
    parser.add_argument("--tracks", type=int, default=12, help="of a turn (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a track")
    parser.add_argument("--pairs", type=int, default=5, help="of turns (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--look", type=Path, help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    if options.look is not None:
        print(json.dumps(look(options.look)))
        return 0
    file = options.out / "scale.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    found |= {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    for part in options.part or ("folder", "work", "engines"):
        with tempfile.TemporaryDirectory() as name:
            measure = {"folder": folder, "work": work, "engines": engines}[part]
            found[part] = measure(Path(name), options)
        file.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 0


# -- many files in one folder ----------------------------------------------------------------------


def folder(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a look at a folder costs, and how that grows with its files."""
    looks = []
    (home / "track.pickle").write_bytes(pickle.dumps(heard_track(home / "sound.wav")))
    for count in FILES:
        place = home / str(count)
        (place / "music").mkdir(parents=True)
        for number in range(count):
            (place / "music" / f"{number:06} a track with a name of usual length.mp3").write_text(
                "x"
            )
        for _ in range(2):
            command = [sys.executable, __file__, "--look", str(place)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            looks.append({"files": count, **json.loads(done.stdout)})
            print(looks[-1], file=sys.stderr)
    few_new, few_known, many_new, many_known = looks
    times = FILES[1] / FILES[0]
    return {
        "looks": looks,
        "processor_s_a_file_ratio": {
            "new": round(ratio(many_new, few_new, "processor_s") / times, 3),
            "known": round(ratio(many_known, few_known, "processor_s") / times, 3),
        },
        "peak_mb_ratio": {
            "new": ratio(many_new, few_new, "peak_mb"),
            "known": ratio(many_known, few_known, "peak_mb"),
        },
    }


def ratio(one: dict[str, float], other: dict[str, float], name: str) -> float:
    """Return how many times as large a number is."""
    return round(one[name] / other[name], 3)


def heard_track(file: Path) -> Track:
    """Return a track that was really heard, for all files to have."""
    noise = np.random.default_rng(0).standard_normal(240 * 1000).astype(np.float32) / 10
    soundfile.write(file, noise, 24_000)
    ear = Ear()
    ear.load("default", "cpu")
    ear.listen(str(file))
    heard = ear.hear()
    if not isinstance(heard, Heard):
        raise SystemExit(heard.reason)
    return heard.track


def look(home: Path) -> dict[str, Any]:
    """Annotate a folder, and return what that cost; this process is for that alone."""
    heard: Track = pickle.loads((home.parent / "track.pickle").read_bytes())
    random = np.random.default_rng(0)

    def answers(files: Iterable[AudioFile], **how: Any) -> Generator[Found, None, None]:
        for file in files:
            sound = Sound(
                sha256=f"{random.integers(1 << 62):064}",
                seconds=float(random.uniform(60, 600)),
                loudness_lufs=float(random.normal(-12, 4)),
                fingerprint=random.bytes(1600),
            )
            track = replace(
                heard,
                path=file.path,
                seconds=sound.seconds,
                loudness_lufs=sound.loudness_lufs,
            )
            known = how["known"](file, sound)
            if known is not None:
                raise SystemExit("two made sounds are alike")
            yield file, Heard(track=track, sound=sound, faults={})

    options = AnnotateOptions(folders=[home / "music"], out=home / "table.sqlite", jobs=1)
    before, began, used = peak_mb(), time.monotonic(), time.process_time()
    with patch.object(annotating, "annotated", answers):
        found = annotating.annotate(options)
    return {
        "new": found.done,
        "known": found.kept,
        "processor_s": round(time.process_time() - used, 3),
        "seconds": round(time.monotonic() - began, 3),
        "imported_mb": round(before, 1),
        "peak_mb": round(peak_mb(), 1),
        "table_mb": round((home / "table.sqlite").stat().st_size / 1e6, 1),
    }


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB


# -- what a track costs ----------------------------------------------------------------------------


def work(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a minute of sound takes the processor, to decode and to hear."""
    names = [file.path for file in library(home, options)]
    ear = Ear()
    ear.load("default", "cpu")
    ear.listen(names[0])
    ear.hear()  # the first one fills caches
    listening, hearing = [], []
    for name in names:
        began = time.process_time()
        ear.listen(name)
        between = time.process_time()
        ear.hear()
        listening.append(between - began)
        hearing.append(time.process_time() - between)
    minutes = options.seconds / 60
    decoding = statistics.median(listening) / minutes
    network = statistics.median(hearing) / minutes
    return {
        "protocol": f"{len(names)} FLAC files of {options.seconds:g} s, 44.1 kHz, stereo, in one "
        "process on one thread; medians of processor time",
        "decoded_s_a_minute": round(decoding, 4),
        "heard_s_a_minute": round(network, 4),
        "decoding_share": round(decoding / (decoding + network), 3),
    }


def library(home: Path, options: argparse.Namespace) -> list[AudioFile]:
    """Make tracks, each of a noise of its own, and return them."""
    frames = round(options.seconds * RATE)
    for number in range(options.tracks):
        random = np.random.default_rng(number)
        sound = random.standard_normal((frames, 2), dtype=np.float32) * np.float32(0.1)
        soundfile.write(home / f"{number:04}.flac", sound, RATE)
    return list(walk(home, complain=print))


# -- the engines -----------------------------------------------------------------------------------


def engines(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return how many tracks a minute each engine hears, and how many empty files it hands out."""
    (home / "music").mkdir()
    (home / "nothing").mkdir()
    tracks = library(home / "music", options)
    for number in range(500):
        (home / "nothing" / f"{number:04}.flac").touch()
    empty = list(walk(home / "nothing", complain=print))
    turns: dict[str, list[dict[str, float]]] = {"pool": [], "ray": []}
    handing: dict[str, list[float]] = {"pool": [], "ray": []}
    began = time.monotonic()
    with connected(None, WORKERS):
        started_s = time.monotonic() - began
        for number in range(options.pairs):
            for engine in ("pool", "ray") if number % 2 else ("ray", "pool"):
                turns[engine].append(turn(engine, tracks))
                handing[engine].append(turn(engine, empty)["a_second"])
                print(engine, turns[engine][-1], handing[engine][-1], file=sys.stderr)
    ratios = [
        ray["a_second"] / pool["a_second"]
        for ray, pool in zip(turns["ray"], turns["pool"], strict=True)
    ]
    return {
        "protocol": f"{len(tracks)} tracks of {options.seconds:g} s with {WORKERS} workers, in "
        f"{options.pairs} pairs of turns, each followed by {len(empty)} empty files; a rate is "
        "from the first answer to the last",
        "turns": turns,
        "ray_to_pool": {
            "rate_ratios": [round(one, 3) for one in ratios],
            "rate_ratio": round(statistics.median(ratios), 3),
        },
        "cluster_started_s": round(started_s, 1),
        "empty_files_a_second": {
            name: round(statistics.median(rates)) for name, rates in handing.items()
        },
        "empty_files_ratio": round(
            statistics.median(handing["ray"]) / statistics.median(handing["pool"]), 3
        ),
    }


def turn(engine: str, files: list[AudioFile]) -> dict[str, float]:
    """Let an engine work through files, and return how fast it was."""
    began = time.monotonic()
    came = [time.monotonic() - began for _ in running(engine, files)]
    if len(came) != len(files):
        raise SystemExit(f"{engine} told of {len(came)} files of {len(files)}")
    return {
        "seconds": round(came[-1], 3),
        "to_first_s": round(came[0], 3),
        "a_second": round((len(came) - 1) / (came[-1] - came[0]), 4),
    }


def running(engine: str, files: list[AudioFile]) -> Iterator[Found]:
    """Yield what an engine finds."""
    how: dict[str, Any] = {"known": lambda file, sound: None, "model": "default", "compute": "cpu"}
    if engine == "pool":
        yield from annotated(files, **how, jobs=WORKERS)
        return
    how |= {"model_sha256": checkpoint_sha256("default"), "most": WORKERS, "address": None}
    yield from annotated_on_ray(files, **how, jobs=WORKERS)


if __name__ == "__main__":
    sys.exit(main())
