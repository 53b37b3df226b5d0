"""Streaming log-pitch rows: a spectrum whose bins are thirds of a semitone.

Like a log-mel frame, a row needs only samples that have already come.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime_mer.features.config import PitchConfig


class LogPitch(nn.Module):
    """Turn samples into log-pitch rows, on whichever device the module lives.

    Dimensions: B streams, n samples, H = 1 + (n - n_fft) // hop rows, P bins.

    Args:
        config: settings.
        sample_rate: Hz.
        hop: samples from one row to the next.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, config: PitchConfig, *, sample_rate: int, hop: int) -> None:
        super().__init__()
        self.config = config
        self.hop = hop
        window = torch.hann_window(config.n_fft, dtype=torch.float64)
        # A sine of amplitude 1 has this power where the transform is greatest.
        filters = torch.from_numpy(pitch_filters(config, sample_rate)) * 4 / window.sum() ** 2
        self._used = int(filters.any(dim=1).nonzero().max()) + 1
        self.register_buffer("window", window.float(), persistent=False)
        self.register_buffer("filters", filters.float(), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Map samples ``(B, n)``, n >= n_fft, to rows ``(B, H, P)``, values >= 0, 0 for zeros."""
        spectrum = torch.fft.rfft(samples.unfold(1, self.config.n_fft, self.hop) * self.window)
        spectrum = spectrum[..., : self._used]
        power = (spectrum.real.square() + spectrum.imag.square()) @ self.filters[: self._used]
        return torch.log10(1.0 + self.config.log_gain * power)


def pitch_hz(config: PitchConfig) -> NDArray[np.float64]:
    """Return the frequency of each bin, ``(P,)``."""
    hz: NDArray[np.float64] = config.f_min * 2 ** (np.arange(config.bins) / config.octave_bins)
    return hz


def pitch_filters(config: PitchConfig, sample_rate: int) -> NDArray[np.float64]:
    """Return what each line of a window's transform adds to each bin, ``(n_fft // 2 + 1, P)``.

    A bin is a triangle from its lower to its upper neighbour; at low frequencies, where lines lie
    farther apart than bins, from one line below to one line above, which interpolates.
    """
    line_hz = sample_rate / config.n_fft
    lines = np.arange(config.n_fft // 2 + 1)[:, None] * line_hz
    centre, step = pitch_hz(config), 2 ** (1 / config.octave_bins)
    below = np.maximum(centre - centre / step, line_hz)
    above = np.maximum(centre * step - centre, line_hz)
    away = np.where(lines < centre, (centre - lines) / below, (lines - centre) / above)
    filters: NDArray[np.float64] = np.maximum(1 - away, 0)
    return filters
