#!/usr/bin/env python3
"""Damages what the program reads, at random, and has it read that for as long as you like.

    .venv/bin/python scripts/fuzz.py audio --seconds 3600 --seed 1

The targets are `audio`, `checkpoints`, `messages`, `sessions` and `tables`
(`tests/fuzzing/targets.py`). A seed fails if it raises anything but an error of this package, takes
much memory or does not come to an end; it is printed with its traceback, and the status is 1. It
then belongs into `EVER_FAILED`, with what was mended. With `--out` the counts are written there.
Not run on Windows.
"""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the tests' targets
os.environ.setdefault("OMP_NUM_THREADS", "1")

import realtime_mer  # noqa: E402
from tests.fuzzing.running import run  # noqa: E402
from tests.fuzzing.targets import TARGETS  # noqa: E402


def main() -> int:
    """Fuzz, print and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="the first (default: 0)")
    parser.add_argument("--out", type=Path, help="folder for fuzz.json")
    options = parser.parse_args()
    rows = {}
    for name in TARGETS if options.target == "all" else [options.target]:
        run_ = run(name, seconds=options.seconds, first=options.seed)
        for seed, why in run_.failed.items():
            print(f"{name}: seed {seed}: {why}", flush=True)
        rows[name] = {
            "seconds": options.seconds,
            "seeds": [options.seed, options.seed + run_.tried],
            "failed": sorted(run_.failed),
            "memory_mb": run_.memory_mb,
        }
        print(f"{name}: {run_.tried} seeds from {options.seed} on, {len(run_.failed)} failed")
    if options.out is not None:
        result = {
            "date": datetime.now(UTC).date().isoformat(),
            "software": f"realtime-mer {realtime_mer.__version__}",
            "python": sys.version.split()[0],
            "targets": rows,
        }
        text = json.dumps(result, indent=1) + "\n"
        (options.out / "fuzz.json").write_text(text, encoding="utf-8")
    return int(any(row["failed"] for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
