"""A session that is killed at any moment opens, and lacks at most its last second."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sessions.crash import LONGEST, record_and_kill

TIMES = 20
AT_ONCE = 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="monotonic clocks differ between processes")
@pytest.mark.parametrize("encrypted", [False, True])
def test_killed_at_a_random_moment_it_lacks_at_most_the_last_second(
    tmp_path: Path, encrypted: bool
) -> None:
    moments = random.Random(0)
    hops = [moments.randint(1, LONGEST) for _ in range(TIMES)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        runs = [
            threads.submit(record_and_kill, tmp_path / str(number), hops=count, encrypted=encrypted)
            for number, count in enumerate(hops)
        ]
    losses = [run.result() for run in runs]
    assert max(loss.estimates_s for loss in losses) <= 1.0
    assert max(loss.sound_s for loss in losses) <= 1.0
    assert sum(loss.recorded_s > 1.2 for loss in losses) > TIMES / 3  # had something to lose
