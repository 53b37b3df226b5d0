"""``python -m training`` under observation, for processes that ``torchrun`` starts.

Arguments: where to write what was seen (``SEEN/RANK.pt``), at which step the first process is
killed (0 for never), and what follows ``python -m training``.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

import training.learn.train
from training.__main__ import main
from training.learn.processes import World
from training.learn.train import Learner


def _gradients(module: torch.nn.Module) -> list[torch.Tensor | None]:
    return [each.grad if each.grad is None else each.grad.clone() for each in module.parameters()]


def observe(seen: Path, kill_at: int) -> None:
    rank = int(os.environ["RANK"])
    record: dict[str, Any] = {"learners": [], "written": [], "before": None, "after": None}
    steps = []
    replace, average, losses = Path.replace, World.average, training.learn.train._losses

    class Kept(Learner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            record["learners"].append(self)

    def writing(path: Path, target: Path) -> Path:
        record["written"].append(str(target))
        return replace(path, target)

    def averaging(world: World, module: torch.nn.Module) -> None:
        before = _gradients(module)
        average(world, module)
        if record["before"] is None:
            record["before"], record["after"] = before, _gradients(module)

    def stepping(*args: Any, **keywords: Any) -> Any:
        steps.append(1)
        if rank == 0 and len(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return losses(*args, **keywords)

    Path.replace = writing  # type: ignore[method-assign]
    World.average = averaging  # type: ignore[method-assign]
    training.learn.train._losses = stepping
    training.learn.train.Learner = Kept  # type: ignore[misc]
    try:
        main()
    finally:
        record["learners"] = [each.state_dict() for each in record["learners"]]
        seen.mkdir(parents=True, exist_ok=True)
        torch.save(record, seen / f"{rank}.pt")


if __name__ == "__main__":
    folder, at = Path(sys.argv[1]), int(sys.argv[2])
    del sys.argv[1:3]
    observe(folder, at)
