"""An AudioSet tagger in PyTorch, read from plain arrays: a teacher of instruments, voices, noises.

``mn04`` of F. Schmid, K. Koutini, G. Widmer, "Efficient large-scale audio tagging via
transformer-to-CNN knowledge distillation", ICASSP 2023 (MIT licence): a MobileNetV3 with the 527
classes of AudioSet. Its batch normalisations are folded into weights and biases. The arrays are
``<layer>.weight`` and ``<layer>.bias``, besides ``mel_bank``, ``window`` and ``class_names``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .frozen import Frozen

SAMPLE_RATE = 32_000
"""Samples a second that the tagger hears."""
HOP_LENGTH = 320
"""Samples between its frames."""
EMBEDDING = 512
"""Numbers of its last hidden layer."""
CLASSES = 527
"""Classes of AudioSet."""
MUSIC = 137
"""The number of the class "Music"."""

N_FFT = 1024
"""Samples of a frame, of which ``window`` covers those in the middle."""
PRE_EMPHASIS = 0.97
"""Of the sample before, taken from each."""
FLOOR = 1e-5
"""Added to a band's power before its logarithm."""
SHIFT, SCALE = 4.5, 5.0
"""What is added to a logarithm, and what the sum is divided by."""

# MobileNetV3-Large's (Howard et al., ICCV 2019, table 1).
_BLOCKS = 15
HALVING = frozenset((2, 4, 7, 13))
"""Blocks that halve the image, counted from 1."""
ADDING = frozenset((1, 3, 5, 6, 8, 9, 10, 12, 14, 15))
"""Blocks whose input is added to their output."""
FIRST_HARD_SWISH = 7
"""The first block with hard-swish instead of a rectifier."""


@dataclass(frozen=True)
class Heard:
    """What the tagger made of sounds.

    Attributes:
        hidden: (B, 512) the last hidden layer, after its hard-swish, at least -0.375.
        logits: (B, 527) the classes' logits; a sigmoid makes independent probabilities.
    """

    hidden: Tensor
    logits: Tensor


class Tagger(Frozen):
    """The tagging network from samples to its classes.

    Args:
        arrays: the network's arrays by name.

    Raises:
        InputError: an array is missing.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        layers = ["stem", "last", "classifier.hidden", "classifier.logits"]
        for block in blocks():
            layers += [f"{block}.depthwise", f"{block}.project"]
            # The first block widens nothing, and only some look at the whole image.
            for part in ("expand", "squeeze", "excite"):
                if f"{block}.{part}.weight" in arrays:
                    layers.append(f"{block}.{part}")
        names = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
        super().__init__(
            arrays,
            (*names, "mel_bank", "window"),
            lacking="the tagger's arrays lack",
            instead="audioset_mn04's",
        )

    def mel(self, samples: Tensor) -> Tensor:
        """Return the log-mel image of a sound.

        Args:
            samples: (B, n) float32 at 32 kHz in [-1, 1], n at least 514.

        Returns:
            (B, 128, frames); frame k is centred on sample 320 k of the sound's differences.
        """
        sharpened = samples[:, 1:] - PRE_EMPHASIS * samples[:, :-1]
        spectrum = torch.stft(
            sharpened,
            N_FFT,
            HOP_LENGTH,
            win_length=len(self._get("window")),
            window=self._get("window"),
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return (torch.log(self._get("mel_bank") @ power + FLOOR) + SHIFT) / SCALE

    def forward(self, mel: Tensor) -> Heard:
        """Return what the tagger makes of whole images, each of one length.

        Args:
            mel: (B, 128, frames) as ``mel`` gives it.
        """
        x = functional.hardswish(self._convolve(mel[:, None], "stem", stride=2))
        for number, block in enumerate(blocks(), 1):
            x = self._block(x, block, number)
        x = functional.hardswish(self._convolve(x, "last"))
        hidden = functional.hardswish(self._dense(x.mean((2, 3)), "classifier.hidden"))
        return Heard(hidden=hidden, logits=self._dense(hidden, "classifier.logits"))

    def _block(self, x: Tensor, block: str, number: int) -> Tensor:
        swish = number >= FIRST_HARD_SWISH
        activate = functional.hardswish if swish else functional.relu
        y = (
            activate(self._convolve(x, f"{block}.expand"))
            if self.has(f"{block}.expand.weight")
            else x
        )
        stride = 2 if number in HALVING else 1
        y = activate(self._convolve(y, f"{block}.depthwise", stride=stride, groups=y.shape[1]))
        if self.has(f"{block}.squeeze.weight"):
            narrow = functional.relu(self._dense(y.mean((2, 3)), f"{block}.squeeze"))
            y = y * torch.sigmoid(self._dense(narrow, f"{block}.excite"))[:, :, None, None]
        y = self._convolve(y, f"{block}.project")
        return x + y if number in ADDING else y

    def _convolve(self, x: Tensor, layer: str, *, stride: int = 1, groups: int = 1) -> Tensor:
        weight = self._get(f"{layer}.weight")
        padding = weight.shape[2] // 2
        bias = self._get(f"{layer}.bias")
        return functional.conv2d(x, weight, bias, stride, padding, groups=groups)

    def _dense(self, x: Tensor, layer: str) -> Tensor:
        return functional.linear(x, self._get(f"{layer}.weight"), self._get(f"{layer}.bias"))


def blocks() -> list[str]:
    """Return what the blocks' arrays are named by, first to last."""
    return [f"block{number:02}" for number in range(1, _BLOCKS + 1)]
