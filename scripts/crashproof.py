#!/usr/bin/env python3
"""Breaks everything that writes to the disk off, at every step and at random moments.

Recording, plain and sealed, deleting, exporting, reporting, tables, playlists and `annotate` are
each done again and again, every time in a process of its own, which is killed at a step on the
disk, or given an error of the disk or a full one there (`tests/crashing/steps.py`). Then what is
left is looked at as the next start of the program would (`tests/crashing/work.py`). The counts go
to `docs/results/crashproof.json`; every promise that was broken is printed, and the status is 1.

    .venv/bin/python scripts/crashproof.py

It takes some minutes; `TMPDIR=/dev/shm` makes it faster. Linux on x86-64 alone.
"""

import argparse
import json
import os
import platform
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import soundfile

import realtime_mer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the tests' works
os.environ["OMP_NUM_THREADS"] = "1"  # threads do not survive a fork

from tests.crashing.steps import WAYS  # noqa: E402
from tests.crashing.trying import Trial, Try  # noqa: E402
from tests.crashing.work import Work, works  # noqa: E402


def main() -> int:
    """Try, write and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="works whose name holds this")
    parser.add_argument("--kills", type=int, default=500, help="at random moments (default: 500)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results")
    options = parser.parse_args()
    chosen = [work for work in works() if options.only in work.name]
    rows: dict[str, Counter[str]] = {}
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        for number, work in enumerate(chosen):
            row: Counter[str] = Counter()
            rows[work.name] = row
            first, last = (options.kills * at // len(chosen) for at in (number, number + 1))
            for one in tries(work, Path(name) / str(number), last - first, draw):
                row[one.way] += 1
                row["steps"] = max(row["steps"], one.outcome.steps)
                row["broken promises"] += len(one.problems)
                for problem in one.problems:
                    where = f"{one.way} at {one.at:.4g} ({one.outcome.step})"
                    print(f"{work.name}: {where}: {problem}", flush=True)
            print(f"{work.name}: {dict(row)}", flush=True)
            text = json.dumps(result(rows, kills=options.kills, seed=options.seed), indent=1)
            if not options.only:
                (options.out / "crashproof.json").write_text(f"{text}\n", encoding="utf-8")
    return int(any(row["broken promises"] for row in rows.values()))


def tries(work: Work, folder: Path, kills: int, draw: random.Random) -> Iterator[Try]:
    """Yield a work broken off at every step in every way, and killed at random moments."""
    trial = Trial(work, folder)
    for way in WAYS:
        yield from trial.at_every_step(way)
    longest = trial.seconds()
    for _ in range(kills):
        yield trial.at_random(draw, longest=longest)


def result(rows: dict[str, Counter[str]], *, kills: int, seed: int) -> dict[str, Any]:
    """Return what is written: the works that were tried, and how often."""
    total: Counter[str] = Counter()
    for row in rows.values():
        total.update(row)
    del total["steps"]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "libraries": f"libsndfile {soundfile.__libsndfile_version__}, "
        f"SQLite {sqlite3.sqlite_version}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": "each work broken off at every step in turn, one process a time: kill before "
        "the step, kill after half of a write (torn), EIO at the step, EIO from it on, ENOSPC from "
        f"it on (full); and {kills} kills at random moments, drawn with seed {seed}",
        "total": dict(total),
        "works": {
            name: {**row, "broken promises": row["broken promises"]} for name, row in rows.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
