"""Hizlisoy, Yildirim and Tufekci's CLDNN on learnt and standard features that CFS selects.

From Du's review: clips of 30 s in three equal parts, each with the clip's label; a one-dimensional
CNN (convolution, pooling, flattening) on MFCC and another on log-mel filter-bank energies give 256
numbers of each part, 768 and 768 of a clip; beside them 7 368 standard features of MIRtoolbox,
openSMILE and jAudio; correlation-based feature selection (CFS); then LSTM and a dense network.

Chosen here, because the text is silent: 24 000 Hz, centred frames of 2048 samples every 1024; 20
MFCC, 40 mel bands, standardised; each CNN has two convolutions of 64 kernels of 5 frames with batch
normalisation and ReLU, pooled by 4 and then to 4 places (4 · 64 = 256), half of them dropped in
training, and a linear layer that is thrown away afterwards. The standard features are librosa's
(``training.features.handcrafted``, 125). The LSTM (64 units) takes three steps, one a part, which
hold the selected numbers of that part and, each time, the selected standard ones; the dense network
has 64 units of ReLU. Adam at 1e-3, batches of 32, 30 epochs each. Shorter clips are filled up with
zeros. Ten folds of clips. The CNNs have 60 928 parameters as they are used; the CLDNN's number
depends on the selection (46 916 with a hundred numbers a step and four classes).

An exported checkpoint hears shorter clips repeated, see ``View.live``.

CFS is made in two stages: among the standard features in ``prepare``, so under the paper's protocol
on all clips, test clips among them (the review does not say that it stayed inside the folds), and
under the grouped protocol on the training folds alone; then among those and the CNNs' numbers,
always on training clips alone, because these numbers exist only once the CNNs have learnt.

The reported 99.19 % is 123 of 124 clips.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...features.handcrafted import SAMPLE_RATE, handcrafted_features
from .features import descriptors
from .fitting import (
    FittedNetwork,
    filled,
    fit_network,
    restore_network,
    weights_of,
)
from .system import (
    CLASSES,
    Arrays,
    Figure,
    PaperSplit,
    Part,
    Prepared,
    System,
    Task,
    Tensors,
    Training,
    View,
    below,
    joined,
    labels_of,
    standardise,
)

PARTS = 3
WIDTH = 256
"""Numbers that a CNN gives of a part."""

_BRANCHES = {"mfcc": 20, "mel": 40}
_AT_ONCE = 256
_PATIENCE = 5


def thirds(samples: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Return ``mfcc`` (3, 20, 235), ``mel`` (3, 40, 235) and ``standard`` (125,) of 30 s."""
    made = [
        descriptors(
            part,
            ("mfcc", "log_mel"),
            sample_rate=SAMPLE_RATE,
            hop_length=1024,
            n_mfcc=_BRANCHES["mfcc"],
            n_mels=_BRANCHES["mel"],
        )
        for part in np.split(samples, PARTS)
    ]
    return {
        "mfcc": np.stack([each["mfcc"] for each in made]),
        "mel": np.stack([each["log_mel"] for each in made]),
        "standard": handcrafted_features(samples)[0],
    }


VIEW = View(
    name="hizlisoy",
    sample_rate=SAMPLE_RATE,
    seconds=30.0,
    hop_s=30.0,
    longest_s=30.0,
    fill=True,
    compute=thirds,
)


def correlations(
    rows: NDArray[np.floating[Any]], labels: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each feature's |r| with the labels, (f,), and the features' with each other, (f, f).

    With classes it is the mean of |r| with each class' indicator, weighted by the classes' shares;
    with ratings the mean over the axes. A feature that never varies correlates with nothing.

    Args:
        rows: (n, f).
        labels: (n,) classes, or (n, axes) ratings.
    """
    if labels.ndim == 1:
        targets = (labels[:, None] == np.unique(labels)).astype(np.float64)
        weights = targets.mean(0)
    else:
        targets = labels.astype(np.float64)
        weights = np.full(targets.shape[1], 1 / targets.shape[1])
    unit, target = _unit(rows.astype(np.float64)), _unit(targets)
    return np.abs(unit.T @ target) @ weights, np.abs(unit.T @ unit)


def select(rows: NDArray[np.floating[Any]], labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the features that correlation-based feature selection keeps, ascending.

    The merit of k features is k r_l / sqrt(k + k (k - 1) r_f), r_l their mean correlation with the
    labels and r_f with each other. The search goes forward, always by the best single feature, and
    stops when five more in a row have not raised the merit.
    Source: M. A. Hall, Correlation-based feature selection for machine learning, 1999, and for the
    correlation with classes the same, ICML 2000.

    Args:
        rows: (n, f), f >= 1.
        labels: (n,) classes, or (n, axes) ratings.
    """
    with_labels, with_features = correlations(rows, labels)
    chosen: list[int] = []
    best, kept = 0.0, 1
    relevance, redundancy = 0.0, 0.0
    between = np.zeros(len(with_labels))
    while len(chosen) < len(with_labels) and len(chosen) - kept < _PATIENCE:
        count = len(chosen) + 1
        merit = (relevance + with_labels) / np.sqrt(count + 2 * (redundancy + between))
        merit[chosen] = -np.inf
        new = int(merit.argmax())
        relevance += with_labels[new]
        redundancy += between[new]
        between = between + with_features[new]
        chosen.append(new)
        if merit[new] > best:
            best, kept = merit[new], count
    return np.sort(np.array(chosen[:kept], np.int64))


def prepare(arrays: Arrays, labels: NDArray[Any]) -> Prepared:
    """Return the scaling of everything and the selection of the standard features."""
    scale = standardise(arrays, labels)
    columns = select(scale(arrays)["standard"], labels)
    return replace(scale, columns={"standard": columns})


class PartNetwork(nn.Module):
    """A CNN on one part of a clip; ``embed`` gives its 256 numbers.

    Args:
        rows: MFCC or mel bands.
        outputs: classes, or 2 for valence and arousal.
    """

    def __init__(self, rows: int, outputs: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Conv1d(rows, 64, 5, padding=2),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.MaxPool1d(4),
            nn.Conv1d(64, 64, 5, padding=2),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.AdaptiveMaxPool1d(WIDTH // 64),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(WIDTH, outputs))

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map ``part`` (B, rows, T), T >= 16, to logits or ratings (B, outputs)."""
        logits: Tensor = self.head(self.embed(arrays["part"]))
        return logits


class Cldnn(nn.Module):
    """LSTM and dense network over the selected numbers of three parts.

    Args:
        features: numbers of a step.
        outputs: classes, or 2 for valence and arousal.
    """

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, 64, batch_first=True)
        self.dnn = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(64, outputs)

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map ``steps`` (B, features, 3) to logits or ratings (B, outputs)."""
        last = self.lstm(arrays["steps"].transpose(1, 2))[0][:, -1]
        logits: Tensor = self.head(self.dnn(last))
        return logits


def by_part(part: Part, name: str) -> Part:
    """Return the parts of all clips as segments, ``part`` (3 n, rows, T), with their labels."""
    values = part.arrays[name]
    return Part(
        arrays={"part": values.reshape(-1, *values.shape[2:])},
        labels=part.labels.repeat(PARTS, axis=0),
        groups=part.groups.repeat(PARTS),
    )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which of the CNNs' and the standard numbers are read, and their scales.

    Attributes:
        scale: standardises ``learnt`` (n, 1536).
        learnt: (3, 512) bool, chosen of each part: MFCC's 256, then log-mel's.
        standard: indices of the standard features.
    """

    scale: Prepared
    learnt: NDArray[np.bool_]
    standard: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Numbers of a step."""
        return int(self.learnt.any(0).sum()) + len(self.standard)

    def steps(self, learnt: NDArray[np.float32], standard: NDArray[np.float32]) -> Arrays:
        """Return ``steps`` (n, width, 3) of (n, 1536) and (n, s); what is not chosen is 0."""
        scaled = self.scale({"learnt": learnt})["learnt"].reshape(-1, PARTS, self.learnt.shape[1])
        of_parts = np.where(self.learnt, scaled, np.float32(0))[:, :, self.learnt.any(0)]
        again = np.repeat(standard[:, None, self.standard], PARTS, axis=1)
        return {"steps": np.concatenate((of_parts, again), axis=2).swapaxes(1, 2)}


@dataclass(frozen=True, kw_only=True)
class FittedCldnn:
    """Two CNNs, a selection and the CLDNN; a ``Fitted``.

    Attributes:
        branches: the CNNs by the names of their arrays.
        selection: what is read of them.
        cldnn: what reads it.
    """

    branches: Mapping[str, PartNetwork]
    selection: Selection
    cldnn: FittedNetwork

    @property
    def parameters(self) -> int:
        """Weights of the CNNs as they are used, and of the CLDNN."""
        under = [weights for each in self.branches.values() for weights in each.embed.parameters()]
        return sum(weights.numel() for weights in under) + self.cldnn.parameters

    def predict(self, arrays: Arrays) -> NDArray[np.floating[Any]]:
        """Return class probabilities (n, classes), or valence and arousal (n, 2)."""
        steps = self.selection.steps(learnt_numbers(self.branches, arrays), arrays["standard"])
        return self.cldnn.predict(steps)

    def tensors(self) -> Tensors:
        """Return the CNNs' weights as they are used, the selection and the CLDNN's weights."""
        branches = {name: weights_of(each.embed) for name, each in self.branches.items()}
        selection = {"learnt": self.selection.learnt, "standard": self.selection.standard}
        parts: dict[str, Tensors] = {
            "branches": joined(branches),
            "scale": self.selection.scale.tensors(),
            "selection": selection,
            "cldnn": self.cldnn.tensors(),
        }
        return joined(parts)


def restore(tensors: Tensors, task: Task) -> FittedCldnn:
    """Return CNNs, selection and CLDNN with what they have learnt."""
    outputs = len(labels_of(task))
    branches = {name: PartNetwork(rows, outputs).eval() for name, rows in _BRANCHES.items()}
    for name, network in branches.items():
        filled(network.embed, below(below(tensors, "branches"), name))
    selection = Selection(
        scale=Prepared.restore(below(tensors, "scale")),
        learnt=tensors["selection.learnt"],
        standard=tensors["selection.standard"],
    )
    return FittedCldnn(
        branches=branches,
        selection=selection,
        cldnn=restore_network(
            lambda outputs: Cldnn(selection.width, outputs), below(tensors, "cldnn"), task
        ),
    )


def learnt_numbers(branches: Mapping[str, PartNetwork], arrays: Arrays) -> NDArray[np.float32]:
    """Return the CNNs' numbers, (n, 1536): part by part, MFCC's before log-mel's."""
    columns = []
    for name, network in branches.items():
        values = arrays[name]
        flat = torch.from_numpy(values.reshape(-1, *values.shape[2:]))
        with torch.inference_mode():
            numbers = torch.cat([network.embed(batch) for batch in torch.split(flat, _AT_ONCE)])
        columns.append(numbers.numpy().reshape(len(values), PARTS, WIDTH))
    return np.concatenate(columns, axis=2).reshape(len(columns[0]), -1)


def fit(training: Training) -> FittedCldnn:
    """Return the CLDNN behind CNNs and a selection that learnt on the same clips."""
    outputs = training.outputs
    quiet = replace(training.effort, progress=lambda _epoch, _measured: None)
    branches = {}
    for name, rows in _BRANCHES.items():
        fitted = _fit(
            partial(PartNetwork, rows, outputs),
            replace(
                training,
                train=by_part(training.train, name),
                validation=by_part(training.validation, name),
                effort=quiet,
            ),
        )
        branches[name] = cast(PartNetwork, fitted.network)
    learnt = learnt_numbers(branches, training.train.arrays)
    scale = standardise({"learnt": learnt}, training.train.labels)
    standard = training.train.arrays["standard"]
    together = np.concatenate((scale({"learnt": learnt})["learnt"], standard), axis=1)
    chosen = select(together, training.train.labels)
    of_parts = np.zeros(learnt.shape[1], np.bool_)
    of_parts[chosen[chosen < learnt.shape[1]]] = True
    selection = Selection(
        scale=scale,
        learnt=of_parts.reshape(PARTS, -1),
        standard=chosen[chosen >= learnt.shape[1]] - learnt.shape[1],
    )

    def selected(part: Part) -> Part:
        if not len(part):
            return part
        steps = selection.steps(learnt_numbers(branches, part.arrays), part.arrays["standard"])
        return replace(part, arrays=steps)

    cldnn = _fit(
        lambda: Cldnn(selection.width, outputs),
        replace(training, train=selected(training.train), validation=selected(training.validation)),
    )
    return FittedCldnn(branches=branches, selection=selection, cldnn=cldnn)


def _fit(build: Callable[[], nn.Module], training: Training) -> FittedNetwork:
    return fit_network(
        build,
        training,
        optimiser=lambda weights: torch.optim.Adam(weights, lr=1e-3),
        batch_size=32,
    )


def _unit(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return centred columns of length 1, or 0 where one never varies."""
    centred = columns - columns.mean(0)
    length = np.linalg.norm(centred, axis=0)
    # Rounding leaves a constant column a little length.
    varies = length > 1e-9 * np.sqrt(len(columns)) * np.maximum(np.abs(columns).max(0), 1e-300)
    return np.where(varies, centred / np.where(varies, length, 1.0), 0.0)


SYSTEMS: tuple[System, ...] = (
    System(
        name="hizlisoy",
        paper="Hizlisoy et al. 2021",
        summary="CNNs on MFCC and log-mel of three thirds, standard features, CFS, LSTM and DNN",
        tasks=(*CLASSES, "affect"),
        view=VIEW,
        fit=fit,
        split=PaperSplit(
            unit="clip",
            leaks="standard features are selected and scaled on all clips, test clips among them; "
            "songs of one artist stand on both sides",
            folds=10,
        ),
        figures=(Figure(corpus="TEM", metric="accuracy", value=0.9919, note="123 of 124 clips"),),
        settings={
            "optimiser": "Adam",
            "learning_rate": 1e-3,
            "batch": 32,
            "learnt": PARTS * len(_BRANCHES) * WIDTH,
            "lstm": 64,
            "dense": 64,
        },
        epochs=30,
        prepare=prepare,
        restore=restore,
    ),
)
