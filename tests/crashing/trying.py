"""Breaks works off, step by step or at random moments, and gathers the promises they broke."""

import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet

from tests.crashing.steps import Outcome, Way, apart, break_off, kill_after
from tests.crashing.work import Files, Work, files_below

_MOST_STEPS = 1000

# So that what is forked off has all that Arrow imports at its first table.
pyarrow.Table.from_pylist([{"a": 1}])


@dataclass(frozen=True, kw_only=True)
class Try:
    """One time that a work was broken off.

    Attributes:
        at: the step, counted from 1; or the seconds after which it was killed.
        problems: the promises that were broken, one line each.
    """

    work: str
    way: str
    at: float
    outcome: Outcome
    problems: list[str]


class Trial:
    """A work in a folder of its own, as often as it is wanted.

    Args:
        folder: is made, and holds nothing else.
    """

    def __init__(self, work: Work, folder: Path) -> None:
        self._work = work
        self._home, self._first = folder / "home", folder / "first"
        self._first.mkdir(parents=True)
        # In the folder in which it will be done, as some of it knows its path.
        self._first.rename(self._home)
        apart(lambda tell: work.prepare(self._home))
        self._home.rename(self._first)
        self._before: Files = files_below(self._first)

    def at_every_step(self, way: Way, *, stride: int = 1, first: int = 1) -> Iterator[Try]:
        """Break it off at its steps in turn, until it comes to its end unbroken."""
        for at in range(first, _MOST_STEPS, stride):
            self._renew()
            outcome = break_off(
                lambda tell: self._work.do(self._home, tell), self._home, at=at, way=way
            )
            yield self._judged(outcome, way, at)
            if not outcome.broke:
                return
        raise RuntimeError(f"{self._work.name} took more than {_MOST_STEPS} steps")

    def seconds(self) -> float:
        """Return how long it takes."""
        self._renew()
        begun = time.monotonic()
        apart(lambda tell: self._work.do(self._home, tell))
        return time.monotonic() - begun

    def at_random(self, draw: random.Random, *, longest: float) -> Try:
        """Kill it at a random moment."""
        self._renew()
        moment = draw.uniform(0, longest)
        outcome = kill_after(lambda tell: self._work.do(self._home, tell), moment)
        return self._judged(outcome, "random", moment)

    def _renew(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)
        shutil.copytree(self._first, self._home, symlinks=True)  # times of files, too

    def _judged(self, outcome: Outcome, way: Way | Literal["random"], at: float) -> Try:
        def judge(tell: object) -> None:
            assert callable(tell)
            for problem in self._work.problems(
                self._home, self._before, "kill" if way == "random" else way, outcome
            ):
                tell(problem)

        problems = apart(judge)
        if outcome.escaped is not None:
            problems.append(outcome.escaped)
        return Try(work=self._work.name, way=way, at=at, outcome=outcome, problems=problems)
