"""Training computes with as many threads as it is told to, and what it measures with one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from realtime_mer.recognizer.reference import Recognizer
from tests.networks import random_checkpoint
from tests.training.threads import threads_there
from training.__main__ import app
from training.features.cache import side_by_side
from training.judge.cost import cost
from training.learn.run import Run


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("command", ["train", "evaluate", "report"])
def test_a_command_computes_with_the_threads_that_it_was_given(
    command: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()  # where it ends, before it has computed anything
    where = ["--run", str(run.folder), "--data", str(tmp_path / "empty")]
    where += ["--out", str(tmp_path / "out")] if command == "report" else []
    assert CliRunner().invoke(app, [command, *where, "--threads", "3"]).exit_code == 1
    assert torch.get_num_threads() == 3


def test_the_cost_of_a_hop_is_that_on_one_thread_and_afterwards_all_is_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = set()
    step = Recognizer.step

    def noted(*arguments: Any) -> Any:
        seen.add(torch.get_num_threads())
        return step(*arguments)

    monkeypatch.setattr(Recognizer, "step", noted)
    cost(random_checkpoint(), hops=2)
    assert seen == {1}
    assert torch.get_num_threads() == 2


@pytest.mark.slow
def test_processes_side_by_side_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with side_by_side(2) as mapping:
        assert set(mapping(threads_there, range(2))) == {1}
