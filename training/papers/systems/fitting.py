"""The training loop that the papers' networks share."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from .system import Arrays, Part, Task, Tensors, Training, labels_of

_PREDICT_AT_ONCE = 256


class FittedNetwork:
    """A network that has learnt; see ``training.papers.systems.system.Fitted``.

    Args:
        network: arrays by name, (n, ...) each, to logits (n, classes) or ratings (n, 2).
        task: what it learnt.
    """

    def __init__(self, network: nn.Module, task: Task) -> None:
        self.network = network.eval()
        self._task = task

    @property
    def parameters(self) -> int:
        """How many weights it learnt."""
        return sum(weights.numel() for weights in self.network.parameters())

    def predict(self, arrays: Arrays) -> NDArray[np.floating[Any]]:
        """Return probabilities (n, classes), or valence and arousal (n, 2)."""
        output = _output(self.network, arrays)
        predicted = output if self._task == "affect" else output.softmax(-1)
        values: NDArray[np.float32] = predicted.numpy()
        return values

    def tensors(self) -> Tensors:
        """Return the network's weights and running statistics."""
        return weights_of(self.network)


def fit_network(
    build: Callable[[], nn.Module],
    training: Training,
    *,
    optimiser: Callable[[Iterable[nn.Parameter]], Optimizer],
    batch_size: int,
    plateau: tuple[float, int] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    half_precision: bool = False,
) -> FittedNetwork:
    """Return a network that learnt ``training.train``.

    Args:
        build: makes the network, after the seed is set. Its ``forward`` takes one argument, a
            dict of tensors (batch, ...) by the names of the arrays, and returns logits
            (batch, classes) or ratings (batch, 2).
        training: what it may look at, and for how long.
        optimiser: of its parameters.
        batch_size: segments per step; a last batch of one segment is left out, since batch
            normalisation cannot take it.
        plateau: multiply the learning rate by the first number when the validation loss has not
            fallen for as many epochs as the second.
        loss: of output and labels; cross-entropy or squared error unless told otherwise.
        half_precision: learn in bfloat16 where PyTorch's autocast allows; predictions are always
            computed in float32.
    """
    effort = training.effort
    torch.set_num_threads(effort.threads)
    torch.manual_seed(effort.seed)
    order = torch.Generator().manual_seed(effort.seed)
    network = build()
    steps = optimiser(network.parameters())
    schedule = ReduceLROnPlateau(steps, factor=plateau[0], patience=plateau[1]) if plateau else None
    cost = loss or (functional.mse_loss if training.task == "affect" else functional.cross_entropy)
    labels = torch.from_numpy(training.train.labels)
    arrays = {name: torch.from_numpy(values) for name, values in training.train.arrays.items()}
    left = effort.most_steps
    for epoch in range(effort.epochs):
        network.train()
        total, seen = 0.0, 0
        for chosen in torch.split(torch.randperm(len(labels), generator=order), batch_size):
            if left == 0 or (len(chosen) == 1 and seen):
                break
            steps.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
                output = network({name: values[chosen] for name, values in arrays.items()})
            value = cost(output.float(), labels[chosen])
            value.backward()  # type: ignore[no-untyped-call]  # torch
            steps.step()
            total += value.item() * len(chosen)
            seen += len(chosen)
            left = None if left is None else left - 1
        measured = {"loss": total / max(seen, 1)}
        if schedule is not None and len(training.validation):
            measured |= _validate(network, training.validation, cost)
            schedule.step(measured["watched loss"])
        effort.progress(epoch + 1, measured)
        if left == 0:
            break
    return FittedNetwork(network, training.task)


def weights_of(network: nn.Module) -> Tensors:
    """Return a network's weights and running statistics by name."""
    return {name: value.numpy() for name, value in network.state_dict().items()}


def filled(network: nn.Module, tensors: Tensors) -> nn.Module:
    """Return a network in evaluation mode with the weights that ``weights_of`` gave.

    Raises:
        RuntimeError: they are those of another network.
    """
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return network.eval()


def restore_network(
    build: Callable[[int], nn.Module], tensors: Tensors, task: Task
) -> FittedNetwork:
    """Return a network that has learnt: with a ``build`` by outputs, a ``System.restore``."""
    return FittedNetwork(filled(build(len(labels_of(task))), tensors), task)


def _validate(
    network: nn.Module, part: Part, cost: Callable[[Tensor, Tensor], Tensor]
) -> dict[str, float]:
    output, labels = _output(network, part.arrays), torch.from_numpy(part.labels)
    measured = {"watched loss": cost(output, labels).item()}
    if labels.ndim == 1:
        measured["watched accuracy"] = (output.argmax(-1) == labels).float().mean().item()
    return measured


def _output(network: nn.Module, arrays: Arrays) -> Tensor:
    network.eval()
    total = len(next(iter(arrays.values())))
    parts = []
    with torch.inference_mode():
        for start in range(0, total, _PREDICT_AT_ONCE):
            batch = {
                name: torch.from_numpy(values[start : start + _PREDICT_AT_ONCE])
                for name, values in arrays.items()
            }
            parts.append(network(batch).float())
    return torch.cat(parts)
