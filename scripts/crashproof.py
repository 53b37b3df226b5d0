#!/usr/bin/env python3
"""Breaks everything that writes to the disk off, at every step and at random moments.

Recording, plain and sealed, deleting, exporting, reporting, tables, playlists and `annotate` are
each done again and again, every time in a process of its own, which is killed at a step on the
disk, or given an error of the disk or a full one there (`tests/crashing/steps.py`). Then what is
left is looked at as the next start of the program would (`tests/crashing/work.py`). The counts go
to `docs/results/crashproof.json`; every promise that was broken is printed, and the status is 1.

    .venv/bin/python scripts/crashproof.py

It takes a quarter of an hour. Linux on x86-64 alone.
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
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

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
    rows: dict[str, Counter[str]] = {work.name: Counter() for work in chosen}
    steps: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        tried = every_step(chosen, Path(name) / "steps")
        at_random = random_moments(chosen, Path(name) / "moments", options.kills, options.seed)
        for kind, tries in (("", tried), (", at random", at_random)):
            for one in tries:
                row = rows[one.work]
                row[f"{one.way}{kind}"] += 1
                row["broken promises"] += len(one.problems)
                steps[one.work] = max(steps.get(one.work, 0), one.outcome.steps)
                for problem in one.problems:
                    where = f"{one.way}{kind} at {one.at:.4g} ({one.outcome.step})"
                    print(f"{one.work}: {where}: {problem}", flush=True)
    total = sum(rows.values(), Counter())
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "libraries": f"libsndfile {soundfile.__libsndfile_version__}, "
        f"SQLite {sqlite3.sqlite_version}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": "each work broken off at every step in turn, one process a time: kill before "
        "the step, kill after half of a write, EIO at the step, EIO from it on, ENOSPC from it on; "
        f"then {options.kills} kills at random moments, drawn with seed {options.seed}",
        "total": dict(total),
        "works": {name: {"steps": steps[name], **row} for name, row in rows.items()},
    }
    text = json.dumps(result, indent=1) + "\n"
    if not options.only:
        (options.out / "crashproof.json").write_text(text, encoding="utf-8")
    print(text, end="")
    return 1 if total["broken promises"] else 0


def every_step(chosen: Sequence[Work], folder: Path) -> Iterator[Try]:
    """Yield every work, broken off at every step in every way."""
    for number, work in enumerate(chosen):
        trial = Trial(work, folder / str(number))
        for way in WAYS:
            print(f"{work.name}, {way}", file=sys.stderr, flush=True)
            yield from trial.at_every_step(way)


def random_moments(chosen: Sequence[Work], folder: Path, kills: int, seed: int) -> Iterator[Try]:
    """Yield works, drawn at random and killed at random moments."""
    draw = random.Random(seed)
    trials = [Trial(work, folder / str(number)) for number, work in enumerate(chosen)]
    seconds = [trial.seconds() for trial in trials]
    for _ in range(kills):
        number = draw.randrange(len(trials))
        yield trials[number].at_random(draw, longest=seconds[number])


if __name__ == "__main__":
    sys.exit(main())
