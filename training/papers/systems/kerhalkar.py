"""Models 1, 2 and 3 of Kerhalkar et al.: a CNN, beside it an LSTM, beside both a dense network.

From the text: 22 050 Hz, 5 s segments, eight of a clip; 216 frames (a hop of 512, centred, gives
them); 13 MFCC with first and second difference as images; amplitude envelope, RMS, zero crossings,
spectral centroid and spread as series; the series' means and standard deviations as ten static
numbers. Model 1 reads three images; Model 2 two images and five series; Model 3 one image, two
series (RMS, zero crossings) and the static numbers. Three convolutions with ReLU and max-pooling,
two LSTM layers, a last network with one hidden layer, Adam at 1e-4, cross-entropy. Segments whose
valence or arousal is less than 0.025 are left out, the smaller classes over-sampled, and only then
is everything divided.

Chosen here, because the text is silent: 16, 32 and 64 kernels of 3 × 3, each followed by 2 × 2
max-pooling; 32 LSTM units, of which the last frame's count; 16 units of ReLU for the static
numbers; 64 hidden units; batches of 32; 30 epochs. Frames of 2048 samples. Each coefficient, series
and static number is standardised: the text names no scaling, but hertz stand beside full scale 1.0.
"Below 0.025" is taken as a distance from zero on [-1, 1], and of a clip, since the corpora here
rate clips. Over-sampling is by copies. With four classes the models have 134 500, 149 844 and 150
516 parameters.

The paper counts quadrants clockwise (its Q2 is +V−A, its Q4 −V+A); Russell and this project count
the other way. ``FROM_CLOCKWISE`` turns its printed figures. Its Table 1 holds 25 728 segments of
DEAM (the text says 25 718; the classes differ, 7 280 to 5 729, though the others were "over-sampled
to match" the first) where 1 802 songs give at most 14 416, and 72 / 20 / 8 % of them learn, test
and watch (the text says "70, 10, and 10").
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...corpora import Clip
from .features import descriptors
from .fitting import FittedNetwork, fit_network, restore_network
from .system import (
    CLASSES,
    Figure,
    PaperSplit,
    System,
    Task,
    Tensors,
    Training,
    View,
    standardise,
)

SERIES = ("amplitude_envelope", "rms", "zero_crossing_rate", "centroid", "bandwidth")
"""The rows of the series; ``bandwidth`` is the paper's spectral spread."""

FROM_CLOCKWISE = (0, 3, 2, 1)
"""Our quadrant, as an index into ``QUADRANTS``, of each of the paper's Q1 to Q4."""

TESTED: Mapping[str, tuple[int, ...]] = {
    "DEAM": (1477, 1173, 1302, 1194),
    "MTurk": (454, 360, 423, 380),
}
"""Test segments of each of our quadrants in the paper's Table 1."""

TOO_NEAR = 0.025
"""Clips with valence or arousal nearer to zero are left out under the paper's protocol."""

_IMAGES = ("mfcc", "mfcc_delta", "mfcc_delta2")
_LEARNING_RATE = 1e-4
_BATCH = 32


def segment(samples: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Return ``images`` (3, 13, 216), ``series`` (5, 216) and ``static`` (10,) of 5 s."""
    made = descriptors(
        samples, (*_IMAGES, *SERIES), sample_rate=VIEW.sample_rate, hop_length=512, n_mfcc=13
    )
    series = np.concatenate([made[name] for name in SERIES])
    return {
        "images": np.stack([made[name] for name in _IMAGES]),
        "series": series,
        "static": np.concatenate((series.mean(1), series.std(1))),
    }


VIEW = View(
    name="kerhalkar",
    sample_rate=22_050,
    seconds=5.0,
    hop_s=5.0,
    longest_s=40.0,
    compute=segment,
)


class Hybrid(nn.Module):
    """One of the three models: parts side by side that end in one dense network.

    Args:
        images: how many of MFCC, delta and delta-delta the CNN reads, 1 to 3.
        series: which of ``SERIES`` the LSTM reads; none for no LSTM.
        static: whether a dense network reads the static numbers.
        outputs: classes.
    """

    def __init__(self, *, images: int, series: tuple[str, ...], static: bool, outputs: int) -> None:
        super().__init__()
        self._images = images
        self._series = [SERIES.index(name) for name in series]
        layers: list[nn.Module] = []
        for narrow, wide in ((images, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(narrow, wide, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.cnn = nn.Sequential(*layers, nn.Flatten())
        self.lstm = nn.LSTM(len(series), 32, num_layers=2, batch_first=True) if series else None
        self.dnn = nn.Sequential(nn.Linear(2 * len(SERIES), 16), nn.ReLU()) if static else None
        # Three halvings leave 1 × 27 of 13 × 216.
        width = 64 * 27 + (32 if series else 0) + (16 if static else 0)
        self.head = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, outputs))

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map a batch of ``segment``'s arrays to logits (B, outputs)."""
        parts = [self.cnn(arrays["images"][:, : self._images])]
        if self.lstm is not None:
            steps = arrays["series"][:, self._series].transpose(1, 2)
            parts.append(self.lstm(steps)[0][:, -1])
        if self.dnn is not None:
            parts.append(self.dnn(arrays["static"]))
        logits: Tensor = self.head(torch.cat(parts, 1))
        return logits


MODELS: Mapping[str, Mapping[str, Any]] = {
    "model-1": {"images": 3, "series": (), "static": False},
    "model-2": {"images": 2, "series": SERIES, "static": False},
    "model-3": {"images": 1, "series": ("rms", "zero_crossing_rate"), "static": True},
}
"""What each of the three models reads, as ``Hybrid`` takes it."""


def fit(model: str, training: Training) -> FittedNetwork:
    """Return one of ``MODELS`` that has learnt."""
    return fit_network(
        lambda: Hybrid(**MODELS[model], outputs=training.outputs),
        training,
        optimiser=lambda weights: torch.optim.Adam(weights, lr=_LEARNING_RATE),
        batch_size=_BATCH,
    )


def restore(model: str, tensors: Tensors, task: Task) -> FittedNetwork:
    """Return one of ``MODELS`` with what it has learnt."""
    return restore_network(lambda outputs: Hybrid(**MODELS[model], outputs=outputs), tensors, task)


def far_from_axes(clip: Clip) -> bool:
    """Return whether a clip's rating, where it has one, is not too near to an axis."""
    return all(value is None or abs(value) >= TOO_NEAR for value in (clip.valence, clip.arousal))


def _figures(
    deam: float, mturk: float, f1_deam: tuple[float, ...], f1_mturk: tuple[float, ...]
) -> tuple[Figure, ...]:
    figures = []
    for corpus, accuracy, f1 in (("DEAM", deam, f1_deam), ("MTurk", mturk, f1_mturk)):
        figures.append(Figure(corpus=corpus, metric="accuracy", value=accuracy))
        figures += [
            Figure(corpus=corpus, metric=f"F1 Q{ours + 1}", value=value, note=f"printed as Q{n}")
            for n, (ours, value) in enumerate(zip(FROM_CLOCKWISE, f1, strict=True), start=1)
        ]
    return tuple(figures)


def _system(model: str, summary: str, figures: tuple[Figure, ...]) -> System:
    return System(
        name=model,
        paper="Kerhalkar et al.",
        summary=summary,
        tasks=CLASSES,
        view=VIEW,
        fit=partial(fit, model),
        split=PaperSplit(
            unit="segment",
            leaks="segments of one song, and copies of the same segment made by over-sampling, "
            "stand on both sides",
            shares=(0.72, 0.08, 0.20),
            stated=True,
        ),
        figures=figures,
        settings={
            "optimiser": "Adam",
            "learning_rate": _LEARNING_RATE,
            "batch": _BATCH,
            "kernels": [16, 32, 64],
            "lstm": 32,
            "hidden": 64,
        },
        epochs=30,
        balance="copies",
        prepare=standardise,
        keep=far_from_axes,
        restore=partial(restore, model),
    )


SYSTEMS: tuple[System, ...] = (
    _system(
        "model-1",
        "CNN on MFCC, delta and delta-delta of 5 s",
        _figures(0.82, 0.81, (0.79, 0.88, 0.89, 0.88), (0.81, 0.87, 0.81, 0.84)),
    ),
    _system(
        "model-2",
        "CNN on MFCC and delta beside an LSTM on five series of 5 s",
        _figures(0.86, 0.84, (0.82, 0.90, 0.90, 0.90), (0.80, 0.88, 0.86, 0.84)),
    ),
    _system(
        "model-3",
        "CNN on MFCC, LSTM on RMS and zero crossings and a dense network on statistics of 5 s",
        _figures(0.89, 0.87, (0.83, 0.91, 0.92, 0.92), (0.83, 0.89, 0.89, 0.85)),
    ),
)
