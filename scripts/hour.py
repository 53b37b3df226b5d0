#!/usr/bin/env python3
"""Runs an hour of sound through a recorded session at full speed and measures the memory it takes.

The built-in piece over and over, from a FLAC file, goes through `realtime-mer live --speed max
--record`; then the session is replayed at sixty times its speed with the service and the window
(off screen), which follows it like any subscriber. At every minute of sound the resident memory of
the process and of all its children is read. The numbers go to `docs/results/hour.json`, a plot of
them beside it.

    .venv/bin/python scripts/hour.py

It takes some minutes. Linux; not run on macOS or Windows.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import psutil
import soundfile
from matplotlib.figure import Figure

import realtime_mer
from realtime_mer.audio.demo import compose

RATE = 24_000
SETTLED_MINUTE = 15  # caches and queues are full by then, and even a slow start of the window over


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60, help="of sound (default: 60)")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    if options.minutes <= SETTLED_MINUTE:
        parser.error(f"--minutes must be more than {SETTLED_MINUTE}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"REALTIME_MER_SESSIONS": str(folder / "sessions"), "OMP_NUM_THREADS": "1"}
        os.environ |= {"QT_QPA_PLATFORM": "offscreen", "DISPLAY": "none"}  # draws into memory
        sound = folder / "hour.flac"
        write_sound(sound, minutes=options.minutes)
        live = measure("live", sound, "--speed", "max", "--record", "hour", "--jsonl", "-")
        recorded = sum(path.stat().st_size for path in (folder / "sessions").rglob("*.*"))
        replay = measure("sessions", "replay", "hour", "--speed", "60", "--jsonl", "--port", "0")
    runs = {
        "live --speed max --record": live,
        "sessions replay --speed 60, with service and window": replay,
    }
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": f"{options.minutes} minutes of the built-in piece; resident memory of the "
        "process and its children at every minute of sound; growth from minute "
        f"{SETTLED_MINUTE} to the last, slope by least squares over the same",
        "session_mb": round(recorded / 1e6, 1),
        "runs": runs,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "hour.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    plot(runs, options.out / "hour.png")
    print(json.dumps(result, indent=1))


def write_sound(path: Path, *, minutes: int) -> None:
    """Write so many minutes of the built-in piece."""
    piece = compose(sample_rate=RATE)
    left = minutes * 60 * RATE
    with soundfile.SoundFile(path, "w", samplerate=RATE, channels=2) as file:
        while left:
            file.write(piece[:left])
            left -= min(left, len(piece))


def measure(*args: object) -> dict[str, Any]:
    """Run a command that prints a JSON line per estimate; return its memory at every minute."""
    command = [sys.executable, "-m", "realtime_mer", *map(str, args)]
    begun = time.monotonic()
    resident: list[float] = []
    minute = 0
    estimates = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        seen = psutil.Process(process.pid)
        for line in process.stdout or ():
            estimates += 1
            if json.loads(line)["t"] >= minute * 60:
                family = [seen, *seen.children(recursive=True)]
                resident.append(round(sum(one.memory_info().rss for one in family) / 1e6, 1))
                minute += 1
    if process.returncode != 0:
        sys.exit(process.returncode)
    settled = np.array(resident[SETTLED_MINUTE:])
    slope = np.polyfit(np.arange(len(settled)), settled, 1)[0]
    return {
        "estimates": estimates,
        "wall_s": round(time.monotonic() - begun, 1),
        "resident_mb": resident,
        "growth_mb": round(float(settled[-1] - settled[0]), 1),
        "slope_mb_per_hour": round(float(slope) * 60, 2),
    }


def plot(runs: dict[str, Any], path: Path) -> None:
    """Draw memory over minutes of sound."""
    mpl.rcParams["font.size"] = 9
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for (name, run), colour in zip(runs.items(), ("#0072b2", "#d55e00"), strict=True):
        axes.plot(run["resident_mb"], color=colour, label=name)
    axes.set(xlabel="minutes of sound", ylabel="resident memory, MB", ylim=(0, None))
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
