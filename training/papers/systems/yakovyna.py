"""Yakovyna & Korniienko (2023): a CNN-LSTM on 28 averaged features of 3 s, nine GEMS classes.

V. S. Yakovyna, V. V. Korniienko, "Music emotion classification using a hybrid CNN-LSTM model",
Applied Aspects of Information Technology 6 (4), 2023, 418-430.

What the "sequence" of this network is: the table's first layer has 640 = 128 · (4 · 1 + 1) weights
and its output 28 places, so the input is 28 features with one channel, kernels have size 4 and
padding is "same" (1 before, 2 behind). The convolutions and the LSTM run along the *list of
features*, in the order the text gives them, not along time.

Printed are 2 507 466 parameters, which ten outputs give; nine classes give 2 507 401. (Table 3
prints 104908 for 1 049 088.) ``keras_parameters`` counts so: with the running means and variances
of batch normalisation (2 432, not trained), and one bias per LSTM where PyTorch keeps two (a
difference of 1 024).

Chosen, because the text does not say: "harmonic content" is the level of the harmonic part of a
median-filter separation of the mel spectrogram; segments are cut from mono sound at 22 050 Hz,
librosa's habit; dropout 0.2 behind the convolutions and 0.3 behind LSTM and dense layers; batches
of 64; the plateau's factor 0.5 and patience 3; the number of epochs; bfloat16 while learning; the
division keeps the classes' shares; weights begin, and running means follow, by PyTorch's defaults,
not Keras'. SMOTE comes before the normalisation, in the order of the text. A song's class is the
item that most listeners ticked, the first where items tie (as 57 of the 400 songs do).
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .features import descriptors
from .fitting import FittedNetwork, fit_network, restore_network
from .system import (
    CLASSES,
    Figure,
    PaperSplit,
    System,
    Training,
    View,
    standardise,
)

SAMPLE_RATE = 22_050

FEATURES = (
    "chroma",
    "rms",
    "centroid",
    "bandwidth",
    "rolloff",
    "zero_crossing_rate",
    "harmonic",
    "tempo",
    "mfcc",
)
"""In the order of the text; 20 MFCC make 28 numbers."""

_KERNEL = 4
_BATCH = 64
_PLATEAU = (0.5, 3)
_DROPOUT = (0.2, 0.3)

_PRINTED = {
    "amazement": ((1.00, 1.00, 1.00), (0.80, 0.67, 0.73)),
    "solemnity": ((0.98, 1.00, 0.99), (0.72, 0.72, 0.72)),
    "tenderness": ((0.98, 1.00, 0.99), (0.67, 0.59, 0.62)),
    "nostalgia": ((0.92, 0.89, 0.91), (0.73, 0.70, 0.71)),
    "calmness": ((0.89, 0.84, 0.86), (0.76, 0.77, 0.77)),
    "power": ((0.95, 0.98, 0.96), (0.82, 0.74, 0.78)),
    "joyful_activation": ((0.95, 0.90, 0.92), (0.78, 0.82, 0.80)),
    "tension": ((0.94, 0.95, 0.95), (0.71, 0.71, 0.71)),
    "sadness": ((0.92, 0.99, 0.96), (0.59, 0.61, 0.60)),
}
"""Precision, recall and F1 of the paper's Table 5, of 3 s and of 6 s."""


def features(samples: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Return the means of the 28 features over a segment: ``{"features": (28,)}``.

    Args:
        samples: (n,) at ``SAMPLE_RATE``.
    """
    rows = descriptors(samples, FEATURES, sample_rate=SAMPLE_RATE)
    # The twelve chroma make one number, as each of the others does.
    means = [rows[name].mean(keepdims=True)[0] for name in FEATURES[:-1]]
    return {"features": np.concatenate((*means, rows["mfcc"].mean(1)))}


class CnnLstm(nn.Module):
    """The network of the paper's Table 3.

    Args:
        outputs: 9 classes, or the 10 of the printed count; 4 for quadrants.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        convolutional, recurrent = _DROPOUT
        blocks: list[nn.Module] = []
        before = 1
        for width in (128, 256, 512):
            blocks += [
                _convolution(before, width),
                _convolution(width, width),
                nn.BatchNorm1d(width, eps=1e-3),
                nn.MaxPool1d(2),
                nn.Dropout(convolutional),
            ]
            before = width
        self.convolutions = nn.Sequential(*blocks)
        self.first = nn.LSTM(512, 128, batch_first=True)
        self.first_norm = nn.BatchNorm1d(128, eps=1e-3)
        self.second = nn.LSTM(128, 128, batch_first=True)
        self.second_norm = nn.BatchNorm1d(128, eps=1e-3)
        self.dropout = nn.Dropout(recurrent)
        self.dense = nn.Linear(128, 64)
        self.dense_norm = nn.BatchNorm1d(64, eps=1e-3)
        self.out = nn.Linear(64, outputs)

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Return logits (batch, outputs) of ``{"features": (batch, 28)}``."""
        places = self.convolutions(arrays["features"][:, None])
        sequence, _ = self.first(places.transpose(1, 2))
        sequence = self.dropout(self.first_norm(sequence.transpose(1, 2))).transpose(1, 2)
        sequence, _ = self.second(sequence)
        last = self.dropout(self.second_norm(sequence[:, -1]))
        hidden = self.dense_norm(self.dropout(functional.relu(self.dense(last))))
        logits: Tensor = self.out(hidden)
        return logits


def _convolution(before: int, width: int) -> nn.Module:
    same = nn.ConstantPad1d((1, 2), 0.0)
    return nn.Sequential(same, nn.Conv1d(before, width, _KERNEL), nn.ReLU())


def keras_parameters(network: nn.Module) -> int:
    """Return how many parameters Keras would count: see the head of this module."""
    total = sum(weights.numel() for weights in network.parameters())
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d):
            total += 2 * part.num_features
        elif isinstance(part, nn.LSTM):
            total -= 4 * part.hidden_size * part.num_layers
    return total


def fit(training: Training) -> FittedNetwork:
    """Return the CNN-LSTM, trained by RMSprop with a falling rate."""
    return fit_network(
        lambda: CnnLstm(training.outputs),
        training,
        optimiser=lambda weights: torch.optim.RMSprop(weights, lr=1e-3, alpha=0.9, eps=1e-7),
        batch_size=_BATCH,
        plateau=_PLATEAU,
        half_precision=True,
    )


def _figures(seconds: int, accuracy: float) -> tuple[Figure, ...]:
    return (
        Figure(corpus="emotify", metric="accuracy", value=accuracy),
        *(
            Figure(corpus="emotify", metric=f"{kind} {item}", value=value)
            for item, printed in _PRINTED.items()
            for kind, value in zip(
                ("precision", "recall", "F1"), printed[seconds == 6], strict=True
            )
        ),
    )


def _system(name: str, seconds: int, accuracy: float, summary: str) -> System:
    return System(
        name=name,
        paper="Yakovyna & Korniienko 2023",
        summary=summary,
        tasks=CLASSES[::-1],
        view=View(
            name=f"yakovyna-{seconds}s",
            sample_rate=SAMPLE_RATE,
            seconds=seconds,
            hop_s=seconds,
            compute=features,
        ),
        fit=fit,
        balance="smote",
        prepare=standardise,
        split=PaperSplit(
            unit="segment",
            leaks="SMOTE before a split by segment: pieces of one song, and points interpolated "
            "between test rows, are learnt from",
            stated=True,
        ),
        figures=_figures(seconds, accuracy),
        settings={
            "optimiser": "RMSprop(0.001, 0.9)",
            "plateau": _PLATEAU,
            "batch": _BATCH,
            "dropout": _DROPOUT,
            "precision": "bfloat16",
        },
        epochs=30,
        restore=partial(restore_network, CnnLstm),
    )


SYSTEMS = (
    _system("yakovyna", 3, 0.947, "CNN-LSTM along 28 averaged features of 3 s"),
    _system("yakovyna-6s", 6, 0.748, "CNN-LSTM along 28 averaged features of 6 s"),
)
