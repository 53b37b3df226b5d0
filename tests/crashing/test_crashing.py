"""Whatever breaks off what writes to the disk, what was promised of it holds (docs/reliability.md).

`scripts/crashproof.py` tries everything at every step, in every way.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crashing.steps import CAN_FOLLOW, Outcome, Tell, apart, break_off

if not CAN_FOLLOW:
    pytest.skip("follows system calls of Linux on x86-64", allow_module_level=True)

from tests.crashing.trying import Trial
from tests.crashing.work import Work, works

WORKS = {work.name: work for work in works()}


def broken(work: Work, folder: Path, *, stride: int) -> list[str]:
    """Return the promises that were broken at every so many steps of a work, in every way."""
    trial = Trial(work, folder)
    draw = random.Random(work.name)
    return [
        f"{way} at {one.at} ({one.outcome.step}): {problem}"
        for way in ("kill", "torn", "eio", "eio-on", "full")
        for one in trial.at_every_step(way, stride=stride, first=draw.randint(1, stride))
        for problem in one.problems
    ]


@pytest.mark.slow
def test_a_file_is_whole_whatever_breaks_its_writing_off_at_any_step(tmp_path: Path) -> None:
    assert broken(WORKS["channels"], tmp_path / "tried", stride=3) == []


@pytest.mark.slow
def test_a_tagged_file_is_the_old_one_or_the_new_one_whatever_breaks_off(tmp_path: Path) -> None:
    assert broken(WORKS["tag"], tmp_path / "tried", stride=7) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["record", "record, sealed", "delete", "table, csv", "annotate, csv, again"]
)
def test_what_was_promised_holds_whatever_breaks_it_off(name: str, tmp_path: Path) -> None:
    assert broken(WORKS[name], tmp_path / "tried", stride=20) == []


# -- the breaking itself ---------------------------------------------------------------------------


def write_twice(folder: Path) -> Callable[[Tell], None]:
    def work(tell: Tell) -> None:
        with (folder / "file").open("wb", buffering=0) as file:
            try:
                file.write(b"four")
                file.write(b"more")
                tell("written")
            except OSError as error:
                tell(error.strerror)

    return work


@pytest.mark.parametrize(
    ("way", "at", "told", "left"),
    [
        ("kill", 1, [], None),
        ("kill", 2, [], b""),
        ("kill", 3, [], b"four"),
        ("torn", 2, [], b"fo"),
        ("eio", 2, ["Input/output error"], b""),
        ("eio-on", 3, ["Input/output error"], b"four"),
        ("full", 3, ["No space left on device"], b"four"),
        ("kill", 5, ["written"], b"fourmore"),
    ],
)
def test_work_is_broken_off_at_the_very_step(way, at, told, left, tmp_path: Path) -> None:
    outcome = break_off(write_twice(tmp_path), tmp_path, at=at, way=way)
    assert outcome.told == told
    assert outcome.killed == (way in ("kill", "torn") and at < 5)
    there = (tmp_path / "file").read_bytes() if (tmp_path / "file").exists() else None
    assert there == left


def test_all_its_steps_are_seen_and_none_of_what_lies_elsewhere(tmp_path: Path) -> None:
    def work(tell: Tell) -> None:
        home = tmp_path / "home"
        (home / "folder").mkdir()
        (home / "file").write_bytes(b"x")
        os.rename(home / "file", home / "folder" / "file")
        (tmp_path / "elsewhere").write_bytes(b"x")
        (home / "folder" / "file").read_bytes()
        (home / "folder" / "file").unlink()
        (home / "folder").rmdir()

    (tmp_path / "home").mkdir()
    seen = []
    outcome = Outcome(broke=True)
    while outcome.broke:
        (tmp_path / "elsewhere").unlink(missing_ok=True)
        for path in sorted((tmp_path / "home").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        outcome = break_off(work, tmp_path / "home", at=len(seen) + 1, way="kill")
        seen += [outcome.step] if outcome.broke else []
    assert seen == [
        "mkdir folder",
        "open file",
        "write file",
        "close file",
        "rename file",
        "unlink folder/file",
        "rmdir folder",
    ]


def test_what_escapes_from_a_work_is_told(tmp_path: Path) -> None:
    def work(tell: Tell) -> None:
        raise KeyError("what nobody expects")

    outcome = break_off(work, tmp_path, at=1, way="kill")
    assert "what nobody expects" in (outcome.escaped or "")
    with pytest.raises(RuntimeError, match="what nobody expects"):
        apart(work)
