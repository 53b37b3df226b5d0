"""Orjesek, Jarina and Chmulik's network on raw audio, as Du's review describes it.

From the text: one convolution over raw samples; a fully connected layer for every time step, or, in
its place, iterative reconstruction, which strengthens the most dominant features, weakens the
others and drives all toward −1, 0 or 1; a bidirectional GRU; a maxout layer with two outputs,
valence and arousal. **It is not causal**: the backward half of the GRU has read the whole sound
before the first estimate. The segments of 6 s below could be windows of the past, and live it could
be asked about each; but the paper's system follows a whole song second by second, and that one,
cut into windows that know nothing of each other, would be another. So it is not made to run live.

Chosen here, because the text is silent: 12 000 Hz; 64 kernels of 512 samples (43 ms) every 256,
batch normalisation, ReLU; the mean over each second is a time step, as the paper's estimates are
one a second; the fully connected layer has 64 units of tanh; 32 GRU units in each direction; four
linear pieces in each maxout; Adam at 1e-3, batches of 32, 20 epochs, squared error. Segments of 6 s
from a clip's first 30 s, so that every corpus here can be read; the estimate of a segment is the
mean over its seconds, because these corpora rate clips (``RawAudioNetwork.seconds`` gives the
curve). Five folds of clips. 56 520 parameters with iterative reconstruction, 56 456 with the layer.

Iterative reconstruction, whose equations the text does not give, is built so that it does what is
said of it: a tied autoencoder W (no bias) gives A = WᵀW, and x ← s(A x) is repeated, where s rises
in two steps and keeps −1, 0 and 1. W begins orthogonal (A = 1: every feature decides for itself)
and is learnt with the rest. As A is symmetric and positive semi-definite and s rises, each
repetition lowers one energy, whatever W is: the iteration settles and never runs in circles.

The review prints no figure of it. The 2019 predecessor on 431 songs has one, cited by Kerhalkar et
al.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .fitting import FittedNetwork, fit_network
from .system import Figure, PaperSplit, System, Training, View

SAMPLE_RATE = 12_000
FEATURES = 64
_KERNEL = 512
_STRIDE = 256
_STEEPNESS = 3.0


def raw(samples: NDArray[np.float32]) -> Mapping[str, NDArray[Any]]:
    """Return ``samples`` (n,) as they are, in half precision to spare the disc."""
    return {"samples": samples.astype(np.float16)}


VIEW = View(
    name="orjesek",
    sample_rate=SAMPLE_RATE,
    seconds=6.0,
    hop_s=6.0,
    longest_s=30.0,
    compute=raw,
)


def three_levels(x: Tensor) -> Tensor:
    """Return a rising function of x that keeps −1, 0 and 1 and lies in (−1.05, 1.05).

    Any shape. Repeated, it leads what is nearer to zero than about 0.5 to 0, the rest to its sign.
    """
    at_one = torch.tanh(torch.tensor((_STEEPNESS / 2, 3 * _STEEPNESS / 2))).sum()
    steps = torch.tanh(_STEEPNESS * (x - 0.5)) + torch.tanh(_STEEPNESS * (x + 0.5))
    return steps / at_one.to(x)


class IterativeReconstruction(nn.Module):
    """Features reconstructed again and again by a tied autoencoder and ``three_levels``.

    Args:
        features: numbers of a time step.
        repetitions: how often.
    """

    def __init__(self, features: int, *, repetitions: int = 6) -> None:
        super().__init__()
        self.repetitions = repetitions
        self.encoder = nn.Linear(features, features, bias=False)
        nn.init.orthogonal_(self.encoder.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., features) to the same shape, near to −1, 0 and 1."""
        for _ in range(self.repetitions):
            x = three_levels(self.encoder(x) @ self.encoder.weight)
        return x


class Maxout(nn.Module):
    """The largest of some linear functions of the input, for each output.

    Source: Goodfellow et al., "Maxout networks", ICML 2013.
    """

    def __init__(self, inputs: int, outputs: int, *, pieces: int = 4) -> None:
        super().__init__()
        self.outputs = outputs
        self.pieces = nn.Linear(inputs, outputs * pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        pieces: Tensor = self.pieces(x)
        return torch.unflatten(pieces, -1, (self.outputs, -1)).amax(-1)


class RawAudioNetwork(nn.Module):
    """Raw audio to an estimate for every second and for the whole.

    Args:
        outputs: 2 for valence and arousal, as in the paper, or classes.
        reconstruction: iterative reconstruction in place of the fully connected layer.
    """

    def __init__(self, outputs: int, *, reconstruction: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, FEATURES, _KERNEL, stride=_STRIDE)
        self.normalise = nn.BatchNorm1d(FEATURES)
        self.per_step = (
            # Features must lie on both sides of zero for the signs to be told.
            nn.Sequential(nn.BatchNorm1d(FEATURES), IterativeReconstruction(FEATURES))
            if reconstruction
            else nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.Tanh())
        )
        self.gru = nn.GRU(FEATURES, 32, batch_first=True, bidirectional=True)
        self.head = Maxout(64, outputs)

    def seconds(self, samples: Tensor) -> Tensor:
        """Map samples (B, n) to (B, S, outputs), one for each of the S = n // 12 000 seconds."""
        seconds = samples.shape[1] // SAMPLE_RATE
        steps = samples[:, : seconds * SAMPLE_RATE].reshape(-1, 1, SAMPLE_RATE)
        heard = torch.relu(self.normalise(self.convolution(steps))).mean(-1)
        features = self.per_step(heard).unflatten(0, (-1, seconds))
        logits: Tensor = self.head(self.gru(features)[0])
        return logits

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map ``samples`` (B, n) to logits or ratings (B, outputs)."""
        return self.seconds(arrays["samples"].float()).mean(1)


def fit(training: Training, *, reconstruction: bool) -> FittedNetwork:
    """Return the network, with the one layer or the other."""
    return fit_network(
        lambda: RawAudioNetwork(training.outputs, reconstruction=reconstruction),
        training,
        optimiser=lambda weights: torch.optim.Adam(weights, lr=1e-3),
        batch_size=32,
    )


def _system(name: str, summary: str, *, reconstruction: bool) -> System:
    return System(
        name=name,
        paper="Orjesek et al. 2022",
        summary=summary,
        tasks=("affect", "quadrants", "gems"),
        view=VIEW,
        fit=partial(fit, reconstruction=reconstruction),
        split=PaperSplit(
            unit="clip", leaks="songs of one artist, and copies, stand on both sides", folds=5
        ),
        figures=(
            Figure(
                corpus="DEAM",
                metric="RMSE",
                value=0.217,
                note="of the 2019 predecessor on 431 songs, one average for both axes, as cited by "
                "Kerhalkar et al.",
            ),
        ),
        settings={
            "optimiser": "Adam",
            "learning_rate": 1e-3,
            "batch": 32,
            "kernels": FEATURES,
            "gru": 32,
            "reconstruction": reconstruction,
        },
        epochs=20,
        not_live="the backward half of its GRU reads a song from its end; asked about windows of "
        "the past it could answer, but that is another system than the paper's",
    )


SYSTEMS: tuple[System, ...] = (
    _system(
        "orjesek",
        "raw audio, convolution, iterative reconstruction, BiGRU, maxout",
        reconstruction=True,
    ),
    _system(
        "orjesek-dense",
        "raw audio, convolution, time-distributed dense layer, BiGRU, maxout",
        reconstruction=False,
    ),
)
