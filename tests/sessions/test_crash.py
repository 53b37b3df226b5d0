"""A session that is killed at any moment opens, and lacks at most its last second."""

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import soundfile

from realtime_mer.sessions.store import AUDIO, Session

TIMES = 20
AT_ONCE = 4


def record_and_kill(folder: Path, lines: int) -> None:
    """Kill the recorder after so many hops, and look at what it left."""
    command = [sys.executable, "-m", "tests.sessions.crash", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        handed_over = []
        for line in child.stdout:
            at, seq, samples = line.split()
            handed_over.append((float(at), int(seq), int(samples)))
            if len(handed_over) == lines:
                break
        killed = time.monotonic()
        child.kill()
    safe = [(seq, samples) for at, seq, samples in handed_over if at < killed - 1.0]
    session = Session(folder)
    seqs = [estimate.seq for estimate in session.estimates()]
    assert session.damaged == 0
    assert seqs == list(range(len(seqs)))
    assert session.manifest.ended_at is None
    if safe:
        assert len(seqs) > safe[-1][0]
        sound, _ = soundfile.read(folder / AUDIO)
        assert len(sound) >= safe[-1][1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="monotonic clocks differ between processes")
def test_killed_at_a_random_moment_it_lacks_at_most_the_last_second(tmp_path: Path) -> None:
    moments = random.Random(0)
    lines = [moments.randint(1, 130) for _ in range(TIMES)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        runs = [
            threads.submit(record_and_kill, tmp_path / str(number), count)
            for number, count in enumerate(lines)
        ]
    for run in runs:
        run.result()
    assert sum(count > 60 for count in lines) > TIMES / 3  # long enough to have something to lose
