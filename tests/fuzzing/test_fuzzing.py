"""Whatever stands in what is read, it is read or refused, and costs nothing that is read next.

`scripts/fuzz.py` goes on for as long as you like.
"""

import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs the alarm and the counts of POSIX", allow_module_level=True)

from tests.fuzzing.running import run, tried
from tests.fuzzing.targets import EVER_FAILED, TARGETS

SEEDS = {"audio": 80, "checkpoints": 100, "messages": 3000, "sessions": 80, "tables": 1000}
"""Of each target as many as take about two seconds, on a slower machine the same ones."""

FIRST = 40


def test_every_target_is_tried() -> None:
    assert SEEDS.keys() == TARGETS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDS)
def test_what_was_damaged_or_forged_at_random_is_read_or_refused(name: str) -> None:
    found = run(name, seeds=SEEDS[name])
    assert (found.tried, found.failed) == (SEEDS[name], {})


@pytest.mark.parametrize("name", ["messages", "sessions", "tables"])
def test_the_first_seeds_are_tried_in_every_test_run(name: str, tmp_path: Path) -> None:
    one = TARGETS[name](tmp_path)
    assert {seed: why for seed in range(FIRST) if (why := tried(one, seed))} == {}


@pytest.mark.parametrize("name", [name for name, seeds in EVER_FAILED.items() if seeds])
def test_what_once_failed_does_not_any_more(name: str, tmp_path: Path) -> None:
    one = TARGETS[name](tmp_path)
    assert {seed: why for seed in EVER_FAILED[name] if (why := tried(one, seed))} == {}


def test_a_fault_is_found_and_named() -> None:
    def one(seed: int) -> None:
        if seed == 3:
            raise KeyError("what nobody expects")

    assert tried(one, 2) is None
    assert "KeyError: 'what nobody expects'" in (tried(one, 3) or "")
