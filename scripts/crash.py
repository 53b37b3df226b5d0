#!/usr/bin/env python3
"""Kills a recorder at random moments, again and again, and measures what each kill cost.

The recorder alone, with estimates and sound but without torch, as in `tests/sessions/crash.py`;
first plain, then encrypting. Each time the session must open and hold the first estimates without
a hole. What is missing is counted from the first hop that was handed over and is not in the files
to the kill. The numbers go to `docs/results/crash.json`.

    .venv/bin/python scripts/crash.py

A kill takes away the process; what a power cut takes away besides was not tried.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cryptography
import numpy as np
import soundfile

import realtime_mer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the tests' recorder
os.environ["PYTHONPATH"] = str(ROOT)

from tests.sessions.crash import HOP_S, LONGEST, Loss, record_and_kill  # noqa: E402


def main() -> None:
    """Kill, measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200, help="of each kind (default: 200)")
    parser.add_argument("--at-once", type=int, default=4, help="recorders (default: 4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results")
    options = parser.parse_args()
    rows = {}
    for kind in ("plain", "encrypted"):
        moments = random.Random(options.seed)
        with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.at_once) as threads:
            runs = [
                threads.submit(
                    record_and_kill,
                    Path(name) / str(number),
                    hops=moments.randint(1, LONGEST),
                    encrypted=kind == "encrypted",
                )
                for number in range(options.times)
            ]
            rows[kind] = summary([run.result() for run in runs])
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "libraries": f"libsndfile {soundfile.__libsndfile_version__}, "
        f"cryptography {cryptography.__version__}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": f"kill -9 after 1 to {LONGEST} hops of {HOP_S:g} s, drawn with seed "
        f"{options.seed}, {options.at_once} recorders at once; loss: seconds from the first hop "
        "that was handed over and is not in the files to the kill",
        "kinds": rows,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    (options.out / "crash.json").write_text(text, encoding="utf-8")
    print(text, end="")


def summary(losses: Sequence[Loss]) -> dict[str, Any]:
    """Return counts, and the losses in seconds."""
    recorded = [loss.recorded_s for loss in losses]
    rows: dict[str, Any] = {
        "kills": len(losses),
        "opened": len(losses),  # one that does not ends the script
        "recorded_s": {"least": round(min(recorded), 3), "most": round(max(recorded), 3)},
    }
    for name in ("estimates", "sound"):
        lost = [getattr(loss, f"{name}_s") for loss in losses]
        rows[f"lost_{name}_s"] = {
            "median": round(float(np.median(lost)), 3),
            "worst": round(max(lost), 3),
        }
    return rows


if __name__ == "__main__":
    main()
