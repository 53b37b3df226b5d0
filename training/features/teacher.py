"""MSD-MusiCNN in PyTorch, read from plain arrays: a teacher of timbre, never shipped.

J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
ISMIR late-breaking demo, 2019 (ISC licence). The arrays are ``<layer>.weight``, ``.bias``, and for
batch normalisation ``.gamma``, ``.beta``, ``.running_mean``, ``.running_var``.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.transforms import MelSpectrogram

from .frozen import Frozen

SAMPLE_RATE = 16_000
"""Samples a second that the teacher hears."""
HOP_LENGTH = 256
"""Samples between its frames."""
WINDOW_FRAMES = 187
"""Frames of one window, 2.99 s."""
EMBEDDING = 200
"""Numbers in one embedding."""

LOG_GAIN = 1e4
"""The constant of ``log10(1 + LOG_GAIN * power)``."""

EPSILON = 1e-3
"""Of its normalisations."""
TIMBRE = ("front_timbre_7x38", "front_timbre_7x67")
TEMPORAL = ("front_temporal_128x1", "front_temporal_64x1", "front_temporal_32x1")
MIDDLE = ("mid_conv1", "mid_conv2", "mid_conv3")
"""Its layers of convolutions."""
_NORMALISATION = ("gamma", "beta", "running_mean", "running_var")


class MusiCNN(Frozen):
    """The tagging network up to its 200-number embedding, before the rectifier.

    Args:
        arrays: the network's arrays by name.

    Attributes:
        spectrogram: from samples to the power of mel bands.

    Raises:
        InputError: an array is missing.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        names = [f"input_bn.{part}" for part in _NORMALISATION]
        for layer in (*TIMBRE, *TEMPORAL, *MIDDLE):
            names += [f"{layer}.weight", f"{layer}.bias"]
            names += [f"{layer}_bn.{part}" for part in _NORMALISATION]
        names += [f"pooled_bn.{part}" for part in _NORMALISATION]
        names += ["embedding.weight", "embedding.bias"]
        super().__init__(
            arrays, names, lacking="the teacher's arrays lack", instead="MSD_musicnn's"
        )
        self.spectrogram = MelSpectrogram(
            SAMPLE_RATE,
            n_fft=512,
            hop_length=HOP_LENGTH,
            f_max=8000.0,
            n_mels=96,
            center=False,
            norm="slaney",
            mel_scale="slaney",
        )

    def _normalise(self, x: Tensor, name: str) -> Tensor:
        return functional.batch_norm(
            x,
            self._get(f"{name}.running_mean"),
            self._get(f"{name}.running_var"),
            self._get(f"{name}.gamma"),
            self._get(f"{name}.beta"),
            eps=EPSILON,
        )

    def _front(self, image: Tensor, name: str, padding: tuple[int, int]) -> Tensor:
        """Return one branch's strongest response over frequency: (B, 1, T, F) -> (B, C, T).

        Rectifier and normalisation are monotone in each channel, falling where gamma is negative,
        so such filters are turned over, and only each filter's extreme is normalised.
        """
        sign = torch.sign(self._get(f"{name}_bn.gamma"))
        weight = self._get(f"{name}.weight") * sign[:, None, None, None]
        responses = functional.conv2d(
            functional.pad(image, (0, 0, *padding)), weight, self._get(f"{name}.bias") * sign
        )
        extreme = responses.amax(3).float() * sign[:, None]
        return self._normalise(functional.relu(extreme), f"{name}_bn")

    def mel(self, samples: Tensor) -> Tensor:
        """Return the log-mel image of a sound.

        Args:
            samples: (B, n) float32 at 16 kHz in [-1, 1].

        Returns:
            (B, frames, 96); frame k is centred on sample 256 k.
        """
        power = self.spectrogram(functional.pad(samples, (256, 256)))
        return torch.log10(1.0 + LOG_GAIN * power).transpose(1, 2)

    def forward(self, mel: Tensor) -> Tensor:
        """Return the embedding of each window.

        Args:
            mel: (B, 187, 96) as ``mel`` gives it.

        Returns:
            (B, 200).
        """
        image = self._normalise(mel[:, None], "input_bn")  # (B, 1, T, bands)
        front = [self._front(image, name, (3, 3)) for name in TIMBRE]
        for name in TEMPORAL:
            # TensorFlow's "same": the smaller half of an even kernel's padding goes in front.
            size = self._get(f"{name}.weight").shape[2]
            front.append(self._front(image, name, ((size - 1) // 2, size // 2)))
        stages = [torch.cat(front, 1)]  # (B, 561, T)
        for name in MIDDLE:
            weight = self._get(f"{name}.weight")[:, 0].transpose(1, 2)
            x = functional.conv1d(stages[-1], weight, self._get(f"{name}.bias"), padding=3)
            x = self._normalise(functional.relu(x), f"{name}_bn")
            stages.append(x + stages[-1] if len(stages) > 1 else x)
        every = torch.cat(stages, 1)  # (B, 753, T)
        pooled = torch.stack((every.amax(2), every.mean(2)), 2).flatten(1)
        return functional.linear(
            self._normalise(pooled, "pooled_bn"),
            self._get("embedding.weight"),
            self._get("embedding.bias"),
        )
