"""A session that is killed at any moment opens, and holds all that was on the disk by then.

How many seconds that leaves out depends on the machine too: `scripts/crash.py` measures it.
"""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from realtime_mer.sessions.sound import SoundRecorder
from tests.sessions.crash import LONGEST, RATE, record_and_kill

TIMES = 8
AT_ONCE = 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="monotonic clocks differ between processes")
@pytest.mark.parametrize("encrypted", [False, True])
def test_killed_at_a_random_moment_it_lacks_nothing_that_was_said_to_be_on_the_disk(
    tmp_path: Path, encrypted: bool
) -> None:
    moments = random.Random(0)
    hops = [moments.randint(1, LONGEST) for _ in range(TIMES)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        runs = [
            threads.submit(record_and_kill, tmp_path / str(number), hops=count, encrypted=encrypted)
            for number, count in enumerate(hops)
        ]
    losses = [run.result() for run in runs]  # raises where something was missing
    assert any(loss.estimates > 0 for loss in losses)
    assert any(loss.samples > 0 for loss in losses)


def test_sound_is_forced_to_the_disk_often_enough_to_lose_less_than_a_second() -> None:
    # A block stays in the encoder, and what came since the last look is in the ring.
    block_s = SoundRecorder._FLAC_BLOCK / RATE
    assert block_s + 2 * SoundRecorder._PERIOD_S < 1.0
