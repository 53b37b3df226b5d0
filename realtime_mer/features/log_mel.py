"""Streaming log-mel features on torchaudio.

Every frame needs only samples that have already come: nothing is centred, padded or normalised by
the clip, so a frame is the same number whether it is computed live or from the whole recording.
"""

import torch
import torchaudio
from torch import Tensor, nn

from realtime_mer.features.config import FeatureConfig


class LogMel(nn.Module):
    """Turn samples into log-mel frames, on whichever device the module lives.

    Dimensions: B streams, n samples, T = 1 + (n - n_fft) // hop_length frames, M mel bands.
    """

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = torchaudio.transforms.MelSpectrogram(
            sample_rate=config.sample_rate,
            n_fft=config.n_fft,
            hop_length=config.hop_length,
            f_min=config.f_min,
            f_max=config.f_max,
            n_mels=config.n_mels,
            window_fn=torch.hamming_window,
            center=False,
            norm="slaney",
            mel_scale="slaney",
        )

    def forward(self, samples: Tensor) -> Tensor:
        """Map samples ``(B, n)``, n >= n_fft, to frames ``(B, T, M)``, values >= 0, 0 for zeros."""
        power: Tensor = self.mel(samples)
        return torch.log10(1.0 + self.config.log_gain * power).transpose(1, 2)
