"""Grekow's LSTM on pieces of 6 s samples, with and without a pretrained network in front.

From Du's review: samples of 6 s are cut into small, possibly overlapping pieces; every piece is a
vector of features (MFCC and chroma by Marsyas, higher-level ones by Essentia); an LSTM reads the
pieces one after another and gives valence and arousal; a pretrained network connected in front
selects the features and makes both better.

Chosen here, because the text is silent: 22 050 Hz; pieces of 1 s every 0.5 s (eleven); of each
piece mean and standard deviation of librosa's 20 MFCC, chroma, contrast, tonal centroids, centroid,
bandwidth, roll-off, flatness, zero crossings, RMS and onset strength (104 numbers, standardised);
64 LSTM units, of which the last piece's count, 0.3 of them dropped in training; Adam at 1e-3,
batches of 32, 40 epochs, squared error. The network in front is 32 units of ReLU that first learn,
with a linear layer that is then thrown away, to tell a sample's label from any single piece of it
(as many epochs); the LSTM then learns on their output and leaves them as they are. Ten folds. Of
valence and arousal 28 578 parameters with the network in front, 43 650 without.

The review prints no figure of this system.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .features import descriptors
from .fitting import FittedNetwork, fit_network, restore_network
from .system import (
    Arrays,
    PaperSplit,
    Part,
    System,
    Task,
    Tensors,
    Training,
    View,
    standardise,
)

DESCRIPTORS = (
    "mfcc",
    "chroma",
    "contrast",
    "tonnetz",
    "centroid",
    "bandwidth",
    "rolloff",
    "flatness",
    "zero_crossing_rate",
    "rms",
    "onset",
)
FEATURES = 104
PIECES = 11
_HOP = 512
_FRONT = 32
_UNITS = 64


def pieces(samples: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Return ``pieces`` (104, 11) of 6 s: means, then standard deviations, of each piece."""
    made = descriptors(samples, DESCRIPTORS, sample_rate=VIEW.sample_rate, hop_length=_HOP)
    frames = np.concatenate([made[name] for name in DESCRIPTORS])
    second = VIEW.sample_rate / _HOP
    columns = [
        frames[:, round(second * n / 2) : round(second * (n / 2 + 1))] for n in range(PIECES)
    ]
    rows = [np.concatenate((piece.mean(1), piece.std(1))) for piece in columns]
    return {"pieces": np.stack(rows, axis=1)}


VIEW = View(
    name="grekow",
    sample_rate=22_050,
    seconds=6.0,
    hop_s=6.0,
    compute=pieces,
)


class Front(nn.Module):
    """The network that is pretrained on single pieces.

    Args:
        outputs: classes, or 2 for valence and arousal.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.select = nn.Sequential(nn.Linear(FEATURES, _FRONT), nn.ReLU())
        self.read = nn.Linear(_FRONT, outputs)

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map ``piece`` (B, 104) to logits or ratings (B, outputs)."""
        logits: Tensor = self.read(self.select(arrays["piece"]))
        return logits


class PiecesNetwork(nn.Module):
    """The LSTM over pieces.

    Args:
        outputs: classes, or 2 for valence and arousal.
        front: a pretrained network from 104 to 32 numbers, which learns no further; None for none.
    """

    def __init__(self, outputs: int, *, front: nn.Module | None = None) -> None:
        super().__init__()
        self.front = nn.Identity() if front is None else front.requires_grad_(False)
        self.lstm = nn.LSTM(FEATURES if front is None else _FRONT, _UNITS, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(_UNITS, outputs))

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map ``pieces`` (B, 104, 11) to logits or ratings (B, outputs)."""
        steps = self.front(arrays["pieces"].transpose(1, 2))
        logits: Tensor = self.head(self.lstm(steps)[0][:, -1])
        return logits


def fit(training: Training) -> FittedNetwork:
    """Return the LSTM with nothing in front."""
    return _fit(lambda: PiecesNetwork(training.outputs), training)


def fit_with_front(training: Training) -> FittedNetwork:
    """Return the LSTM with the network in front, which is pretrained on the same samples."""
    alone = replace(
        training,
        train=single_pieces(training.train),
        validation=single_pieces(training.validation),
        effort=replace(training.effort, progress=lambda _epoch, _measured: None),
    )
    front = fit_network(
        lambda: Front(training.outputs),
        alone,
        optimiser=lambda weights: torch.optim.Adam(weights, lr=1e-3),
        batch_size=32 * PIECES,
    ).network
    select = front.get_submodule("select")
    return _fit(lambda: PiecesNetwork(training.outputs, front=select), training)


def restore(tensors: Tensors, task: Task, *, front: bool) -> FittedNetwork:
    """Return the LSTM with what it has learnt, with or without the network in front."""
    return restore_network(
        lambda outputs: PiecesNetwork(outputs, front=Front(outputs).select if front else None),
        tensors,
        task,
    )


def single_pieces(part: Part) -> Part:
    """Return every piece of a part as a segment, ``piece`` (11 n, 104), with its sample's label."""
    arrays: Arrays = {
        "piece": part.arrays["pieces"].swapaxes(1, 2).reshape(-1, FEATURES),
    }
    return Part(
        arrays=arrays,
        labels=part.labels.repeat(PIECES, axis=0),
        groups=part.groups.repeat(PIECES),
    )


def _fit(build: Callable[[], PiecesNetwork], training: Training) -> FittedNetwork:
    return fit_network(
        build,
        training,
        optimiser=lambda weights: torch.optim.Adam(weights, lr=1e-3),
        batch_size=32,
    )


def _system(name: str, summary: str, fit: Callable[[Training], FittedNetwork]) -> System:
    return System(
        name=name,
        paper="Grekow 2021",
        summary=summary,
        tasks=("affect", "quadrants", "gems"),
        view=VIEW,
        fit=fit,
        split=PaperSplit(
            unit="segment",
            leaks="doubled recordings, and of longer clips pieces of one song, stand on both sides",
            folds=10,
        ),
        figures=(),
        settings={
            "optimiser": "Adam",
            "learning_rate": 1e-3,
            "batch": 32,
            "lstm": _UNITS,
            "front": _FRONT if fit is fit_with_front else None,
        },
        epochs=40,
        prepare=standardise,
        restore=partial(restore, front=fit is fit_with_front),
    )


SYSTEMS: tuple[System, ...] = (
    _system("grekow", "LSTM on pieces of 6 s behind a pretrained network", fit_with_front),
    _system("grekow-plain", "LSTM on pieces of 6 s", fit),
)
