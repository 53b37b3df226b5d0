"""Huimin Yang's CNN-SVM, and the CNN, SVM and LSTM it is compared with.

From the text: the first 40 s of a clip, filled up with zeros; pre-emphasis y(n) = x(n) − μ x(n −
1); MFCC; a CNN whose last fully connected layer feeds a linear support vector machine; stochastic
gradient descent; CNN, SVM and LSTM beside it.

Chosen here, because the text is silent: μ = 0.97; 22 050 Hz, centred frames of 2048 samples, one
behind the other, 20 MFCC (431 frames), standardised; 16, 32 and 64 kernels of 3 × 3, each with
batch normalisation, ReLU and 2 × 4 max-pooling, a fully connected layer of 128 with ReLU, half of
it dropped in training; an LSTM of 64 units over means of ten frames (0.93 s), whose mean output
over the clip counts; SGD at 0.01 with momentum 0.9, batches of 32, 30 epochs (for the LSTM alone
Adam at 1e-3); the CNN-SVM is that CNN, trained, with the SVM in place of its last layer. (Where the
LSTM's last output alone counted, after the ten seconds of zeros that fill up 4Q's clips of 30 s, it
did not learn at all: its loss stayed at that of guessing.) The SVM alone reads each
coefficient's mean and standard deviation over the clip and is as linear as the CNN's, so that what
the two read is all that differs. C = 1, one class against the rest, inputs standardised; its
"probabilities" are the softmax of its decision values, which keeps their order and no more. Five
folds of clips. With four classes the CNN has 122 468 parameters, the LSTM 22 276, the SVM alone
164.

An exported checkpoint hears clips repeated where the paper fills them up with zeros, see
``View.live``.

The abstract also names chords, text and their fusion, which the method does not describe; they are
not here. The paper's 4Q has 1 471 pieces, the published one 900.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from torch import Tensor, nn
from torch.nn import functional

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
    Fitted,
    PaperSplit,
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

MFCC = 20
FRAMES = 431
PRE_EMPHASIS = 0.97

PRINTED = ("accuracy", "macro precision", "macro recall", "macro-F1")
"""The columns of the paper's Tables 1 to 3."""

_AT_ONCE = 64
_STEP = 10
"""Frames whose mean is a step of the LSTM."""


def pre_emphasised(samples: NDArray[np.float32], mu: float = PRE_EMPHASIS) -> NDArray[np.float32]:
    """Return x(n) − μ x(n − 1), (n,), the sample before the first being zero.

    Args:
        samples: float32 (n,).
        mu: pre-emphasis factor, in [0, 1].
    """
    before = np.concatenate((np.zeros(1, np.float32), samples[:-1]))
    return samples - np.float32(mu) * before


def clip_mfcc(samples: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Return ``mfcc`` (20, 431) of 40 s, pre-emphasised."""
    made = descriptors(
        pre_emphasised(samples),
        ("mfcc",),
        sample_rate=VIEW.sample_rate,
        hop_length=2048,
        n_mfcc=MFCC,
    )
    return {"mfcc": made["mfcc"]}


VIEW = View(
    name="yang",
    sample_rate=22_050,
    seconds=40.0,
    hop_s=40.0,
    longest_s=40.0,
    fill=True,
    compute=clip_mfcc,
)


class ConvNetwork(nn.Module):
    """The CNN; ``embed`` is it up to and with its last fully connected layer but the output's.

    Args:
        outputs: classes, or 2 for valence and arousal.
    """

    width = 128

    def __init__(self, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in ((1, 16), (16, 32), (32, 64)):
            layers += [
                nn.Conv2d(narrow, wide, 3, padding=1),
                nn.BatchNorm2d(wide),
                nn.ReLU(),
                nn.MaxPool2d((2, 4)),
            ]
        flat = 64 * (MFCC // 8) * (FRAMES // 64)
        self.embed = nn.Sequential(
            nn.Unflatten(1, (1, MFCC)),
            *layers,
            nn.Flatten(),
            nn.Linear(flat, self.width),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(self.width, outputs))

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map ``mfcc`` (B, 20, 431) to logits or ratings (B, outputs)."""
        logits: Tensor = self.head(self.embed(arrays["mfcc"]))
        return logits


class RecurrentNetwork(nn.Module):
    """The LSTM.

    Args:
        outputs: classes, or 2 for valence and arousal.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MFCC, 64, batch_first=True)
        self.head = nn.Linear(64, outputs)

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map ``mfcc`` (B, 20, 431) to logits or ratings (B, outputs)."""
        steps = functional.avg_pool1d(arrays["mfcc"], _STEP).transpose(1, 2)
        logits: Tensor = self.head(self.lstm(steps)[0].mean(1))
        return logits


def mean_and_spread(arrays: Arrays) -> NDArray[np.float32]:
    """Return each coefficient's mean and standard deviation, (n, 40), of ``mfcc``."""
    mfcc = arrays["mfcc"]
    return np.concatenate((mfcc.mean(-1), mfcc.std(-1)), axis=-1)


@dataclass(frozen=True)
class Embedding:
    """What computes the output of a trained CNN's last fully connected layer.

    Attributes:
        network: the CNN.
    """

    network: ConvNetwork

    def __call__(self, arrays: Arrays) -> NDArray[np.float32]:
        """Return rows (n, 128) of ``mfcc``."""
        with torch.inference_mode():
            parts = torch.split(torch.from_numpy(arrays["mfcc"]), _AT_ONCE)
            embedded = [self.network.embed(part) for part in parts]
            rows: NDArray[np.float32] = torch.cat(embedded).numpy()
        return rows


@dataclass(frozen=True, kw_only=True)
class FittedMachine:
    """Linear support vector machines on rows made of the arrays; a ``Fitted``.

    Attributes:
        machine: a scaler, then the machines.
        rows: makes (n, width) of arrays.
        outputs: classes, or None for ratings.
        parameters: weights of the machines and of what makes the rows.
    """

    machine: Any
    rows: Callable[[Arrays], NDArray[np.float32]]
    outputs: int | None
    parameters: int

    def predict(self, arrays: Arrays) -> NDArray[np.floating[Any]]:
        """Return a softmax of decision values (n, classes), 0 for classes never seen, or ratings
        (n, 2)."""
        rows = self.rows(arrays)
        if self.outputs is None:
            ratings: NDArray[np.float64] = self.machine.predict(rows)
            return ratings
        decision = self.machine.decision_function(rows)
        if decision.ndim == 1:
            decision = np.stack((-decision, decision), axis=1)
        scores = np.zeros((len(rows), self.outputs))
        scores[:, self.machine.classes_] = softmax(decision, axis=1)
        return scores

    def tensors(self) -> Tensors:
        """Return the scaler's and the machines' numbers, and the CNN's weights if there is one."""
        scaler, machine = (step for _, step in self.machine.steps)
        ratings = self.outputs is None
        machines = machine.estimators_ if ratings else [machine]
        own = {
            "scaler.mean": scaler.mean_,
            "scaler.scale": scaler.scale_,
            "machine.coef": np.concatenate([np.atleast_2d(each.coef_) for each in machines]),
            "machine.intercept": np.concatenate([np.ravel(each.intercept_) for each in machines]),
        }
        if not ratings:
            own["machine.classes"] = machine.classes_
        if isinstance(self.rows, Embedding):
            own |= joined({"cnn": weights_of(self.rows.network)})
        return own


def fit_machine(
    rows: Callable[[Arrays], NDArray[np.float32]], training: Training, *, under: int = 0
) -> FittedMachine:
    """Return linear machines that learnt from rows.

    Args:
        rows: makes (n, width) of arrays.
        training: what it may look at.
        under: weights that the rows themselves took.
    """
    seed = training.effort.seed
    ratings = training.task == "affect"
    machine = (
        MultiOutputRegressor(LinearSVR(max_iter=20_000, random_state=seed))
        if ratings
        else LinearSVC(max_iter=20_000, random_state=seed)
    )
    fitted = make_pipeline(StandardScaler(), machine)
    fitted.fit(rows(training.train.arrays), training.train.labels)
    machines = machine.estimators_ if ratings else [machine]
    return FittedMachine(
        machine=fitted,
        rows=rows,
        outputs=None if ratings else training.outputs,
        parameters=under + sum(each.coef_.size + each.intercept_.size for each in machines),
    )


def restore_machine(tensors: Tensors, task: Task, *, cnn: bool) -> FittedMachine:
    """Return machines with what they have learnt, and with the CNN below them or without."""
    outputs = None if task == "affect" else len(labels_of(task))
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = tensors["scaler.mean"], tensors["scaler.scale"]
    coef, intercept = tensors["machine.coef"], tensors["machine.intercept"]
    if outputs is None:
        machine = MultiOutputRegressor(LinearSVR())
        machine.estimators_ = [LinearSVR() for _ in coef]
        for each, weights, constant in zip(machine.estimators_, coef, intercept, strict=True):
            each.coef_, each.intercept_ = weights, constant[None]
    else:
        machine = LinearSVC()
        machine.coef_, machine.intercept_ = coef, intercept
        machine.classes_ = tensors["machine.classes"]
    rows: Callable[[Arrays], NDArray[np.float32]] = mean_and_spread
    below_it = 0
    if cnn:
        network = cast(ConvNetwork, filled(ConvNetwork(outputs or 2), below(tensors, "cnn")))
        rows = Embedding(network)
        below_it = sum(weights.numel() for weights in network.embed.parameters())
    return FittedMachine(
        machine=make_pipeline(scaler, machine),
        rows=rows,
        outputs=outputs,
        parameters=below_it + coef.size + intercept.size,
    )


def fit_svm(training: Training) -> Fitted:
    """Return the SVM on means and standard deviations of MFCC."""
    return fit_machine(mean_and_spread, training)


def fit_cnn(training: Training) -> FittedNetwork:
    """Return the CNN."""
    return fit_network(
        lambda: ConvNetwork(training.outputs),
        training,
        optimiser=lambda weights: torch.optim.SGD(weights, lr=0.01, momentum=0.9),
        batch_size=32,
    )


def fit_lstm(training: Training) -> FittedNetwork:
    """Return the LSTM."""
    return fit_network(
        lambda: RecurrentNetwork(training.outputs),
        training,
        optimiser=lambda weights: torch.optim.Adam(weights, lr=1e-3),
        batch_size=32,
    )


def fit_cnn_svm(training: Training) -> Fitted:
    """Return the SVM on the last fully connected layer of a CNN trained on the same clips."""
    network = cast(ConvNetwork, fit_cnn(training).network)
    under = sum(weights.numel() for weights in network.embed.parameters())
    return fit_machine(Embedding(network), training, under=under)


def _figures(
    ema: tuple[float, ...], emotion: tuple[float, ...], four_q: tuple[float, ...]
) -> tuple[Figure, ...]:
    """Return the three tables' figures, averaged over classes in a way the paper does not name."""
    return tuple(
        Figure(corpus=corpus, metric=metric, value=value, note=note)
        for corpus, values, note in (
            ("EMA", ema, "first 50 s"),
            ("Emotion", emotion, ""),
            ("panda4q", four_q, "1 471 pieces are claimed, 900 were published"),
        )
        for metric, value in zip(PRINTED, values, strict=True)
    )


def _system(
    name: str,
    summary: str,
    fit: Callable[[Training], Fitted],
    figures: tuple[Figure, ...],
    settings: Mapping[str, Any],
    restore: Callable[[Tensors, Task], Fitted],
    *,
    epochs: int = 30,
) -> System:
    return System(
        name=name,
        paper="Yang",
        summary=summary,
        tasks=(*CLASSES, "affect"),
        view=VIEW,
        fit=fit,
        split=PaperSplit(
            unit="clip", leaks="songs of one artist, and copies, stand on both sides", folds=5
        ),
        figures=figures,
        settings={"pre_emphasis": PRE_EMPHASIS, "mfcc": MFCC, **settings},
        epochs=epochs,
        prepare=standardise,
        restore=restore,
    )


_SGD = {"optimiser": "SGD", "learning_rate": 0.01, "momentum": 0.9, "batch": 32}
_LINEAR = {"kernel": "linear", "C": 1.0}

SYSTEMS: tuple[System, ...] = (
    _system(
        "cnn",
        "CNN on MFCC of 40 s",
        fit_cnn,
        _figures((0.68, 0.70, 0.71, 0.71), (0.66, 0.65, 0.68, 0.69), (0.74, 0.78, 0.80, 0.76)),
        _SGD,
        partial(restore_network, ConvNetwork),
    ),
    _system(
        "svm",
        "linear SVM on mean and spread of MFCC of 40 s",
        fit_svm,
        _figures((0.50, 0.59, 0.57, 0.58), (0.57, 0.55, 0.59, 0.60), (0.70, 0.71, 0.75, 0.75)),
        _LINEAR,
        partial(restore_machine, cnn=False),
        epochs=0,
    ),
    _system(
        "lstm",
        "LSTM on MFCC of 40 s",
        fit_lstm,
        _figures((0.77, 0.72, 0.78, 0.81), (0.71, 0.77, 0.76, 0.70), (0.85, 0.88, 0.84, 0.84)),
        {
            "optimiser": "Adam",
            "learning_rate": 1e-3,
            "batch": 32,
            "units": 64,
            "frames_a_step": _STEP,
            "output": "mean",
        },
        partial(restore_network, RecurrentNetwork),
    ),
    _system(
        "cnn-svm",
        "linear SVM on the last fully connected layer of the CNN",
        fit_cnn_svm,
        _figures((0.85, 0.89, 0.80, 0.81), (0.88, 0.81, 0.85, 0.84), (0.90, 0.92, 0.90, 0.91)),
        {**_SGD, **_LINEAR},
        partial(restore_machine, cnn=True),
    ),
)
