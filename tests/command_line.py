"""The command line, called in this process or started as a real one."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from realtime_mer import cli
from realtime_mer.audio.downmix import Downmix
from realtime_mer.leaving import ending_signals
from realtime_mer.model.checkpoint import save_checkpoint
from realtime_mer.model.config import NetworkConfig
from tests.networks import SMALL, random_checkpoint
from training.export.onnx_file import save_all

RATE = 24_000

TWICE_ROUNDED = 2**-14
"""How far a sample may move where the file that is played and the one that is kept have 16 bits."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """Return standard output, every line of which must be a JSON object."""
        return [json.loads(line) for line in self.out.splitlines()]

    def remarks(self) -> list[str]:
        """Return what standard error holds beyond the first words of a command."""
        return remarks(self.err)

    def complaint(self) -> str:
        """Return the one line that a refused command is to print on standard error."""
        assert self.code == 1, (self.out, self.err)
        (line,) = self.remarks()
        assert line.startswith("realtime-mer: ")
        return line


def remarks(err: str) -> list[str]:
    """Return the lines of standard error that follow the first words of a command."""
    lines = err.splitlines()
    return lines[1:] if lines and lines[0].endswith(" ...") else lines


def call(capsys: pytest.CaptureFixture[str], *args: object) -> Result:
    """Run a command as ``realtime-mer ARGS`` would, in this process; an error of its escapes."""
    before = {number: signal.getsignal(number) for number in ending_signals()}
    capsys.readouterr()
    argv = ["realtime-mer", *map(str, args)]
    try:
        with patch.object(sys, "argv", argv), pytest.raises(SystemExit) as end:
            _run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = end.value.code
    assert code is None or isinstance(code, int)
    captured = capsys.readouterr()
    return Result(code=code or 0, out=captured.out, err=captured.err)


def _run() -> None:
    sys.exit(cli.run())  # as the console script does


def command(*args: object) -> list[str]:
    """Return the command line that starts a real process."""
    return [sys.executable, "-m", "realtime_mer", *map(str, args)]


def start(*args: object, **options: Any) -> subprocess.Popen[str]:
    """Start a command as a process of its own, with pipes for what it prints."""
    return subprocess.Popen(
        command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def write_model(folder: Path, *, light: bool = True, config: NetworkConfig = SMALL) -> Path:
    """Write an untrained checkpoint, which runs light if it is to, and return its path."""
    checkpoint = random_checkpoint(config=config)
    if light:
        save_all(folder / "random", checkpoint)
    else:
        save_checkpoint(folder / "random", checkpoint.network, checkpoint.card)
    return folder / "random.safetensors"


def noise(seconds: float, *, rate: int = RATE, channels: int = 1) -> NDArray[np.float32]:
    """Return noise that is loud enough to count as sound, ``(frames, channels)``."""
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal((round(seconds * rate), channels))).astype(np.float32)


def heard(samples: NDArray[np.float32], *, rate: int = RATE) -> NDArray[np.float32]:
    """Return what a session hears of samples: one channel without its offset, ``(frames,)``."""
    return Downmix(rate=rate, channels=samples.shape[1]).mix(samples)


def write_sound(
    path: Path, samples: NDArray[np.float32], *, rate: int = RATE, subtype: str | None = None
) -> Path:
    """Write a sound file and return its path."""
    soundfile.write(path, samples, rate, subtype=subtype)
    return path
