"""What it takes to start a session."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from realtime_mer.errors import RealtimeMerError


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a session takes until its first estimate is written.

    Attributes:
        seconds: elapsed since the command.
        processor_s: seconds of processor time.
        resident_mb: resident memory by then, 2**20 bytes each.
    """

    seconds: float
    processor_s: float
    resident_mb: float


def start_session(model: str, compute: str, sound: Path) -> Start:
    """Start a session that hears a file twice, end it after its first estimate, tell of the second.

    The first start of an installation compiles every module to byte code, and no later one does.

    Args:
        model: name or path of a checkpoint.
        compute: as for ``choose_compute``.
        sound: the file.

    Raises:
        RealtimeMerError: it ended before.
    """
    with TemporaryDirectory() as compiled:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        _start(model, compute, sound, env)
        return _start(model, compute, sound, env)


def _start(model: str, compute: str, sound: Path, env: Mapping[str, str]) -> Start:
    command = ["live", str(sound), "--model", model, "--compute", compute]
    command += ["--no-window", "--port", "0", "--jsonl", "-"]
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "realtime_mer", *command],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        if process.stdout is None or not process.stdout.readline():
            process.wait()
            raise RealtimeMerError(
                "A fresh session ended before its first estimate: run `realtime-mer live demo "
                "--no-window --port 0` to see why."
            )
        seconds = time.monotonic() - began
        measured = psutil.Process(process.pid)
        times, resident = measured.cpu_times(), measured.memory_info().rss
        process.terminate()
    return Start(
        seconds=round(seconds, 2),
        processor_s=round(times.user + times.system, 2),
        resident_mb=round(resident / 2**20, 1),
    )
