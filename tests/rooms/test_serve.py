"""The service as a process: what it says, and how it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_at_sigterm_it_ends_with_status_0_and_says_what_it_does(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "realtime_mer", "rooms", "serve", "--compute", "light"),
            *("--port", "0", "--folder", str(tmp_path), "--room", "hall"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    while not any("stored" in line for line in lines):
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    assert "ws://127.0.0.1:" in lines[1]
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait(PATIENCE_S) == 0
    assert "Ending" in rest
    assert "Traceback" not in rest
    process.stderr.close()
