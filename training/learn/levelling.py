"""What a network hears of a clip once its sound was brought to one level, as a session does it.

A session levels samples; the level of a hop follows from its frames as well, and a gain is exact on
them but for the frame that lies in two hops.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from realtime_mer.features.config import FeatureConfig, LevelConfig
from realtime_mer.model.config import NetworkConfig

from ..features.cache import Heard
from ..features.conditions import gains_db
from .augment import Bands, frames_of, power_of

_HOP_FRAMES = NetworkConfig.hop_frames
_SILENT = 1e-20


@dataclass(frozen=True)
class Levelling:
    """Brings clips to one level.

    Attributes:
        level: to which.
        features: settings of frames and rows.
    """

    level: LevelConfig
    features: FeatureConfig

    def __call__(self, heard: Heard) -> Heard:
        """Return what is heard of a clip from a fresh state; hops that are not whole are left out.

        Args:
            heard: frames (T, M) and rows (T // 5, P) as ``feature_store`` keeps them.
        """
        hops = len(heard.frames) // _HOP_FRAMES
        power = power_of(heard.frames[: hops * _HOP_FRAMES], self.features.log_gain)
        hop_s = _HOP_FRAMES * self.features.hop_length / self.features.sample_rate
        levels = self.levels_dbfs(power).tolist()
        gains = 10 ** (np.array(gains_db(levels, self.level, hop_s=hop_s)) / 10)[:, np.newaxis]
        frames = frames_of(power * gains.repeat(_HOP_FRAMES, axis=0), self.features.log_gain)
        pitch = self.features.pitch
        if pitch is None:
            return Heard(frames, heard.pitches)
        rows = power_of(heard.pitches[:hops], pitch.log_gain) * gains[: len(heard.pitches)]
        return Heard(frames, frames_of(rows, pitch.log_gain))

    def levels_dbfs(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the level of each hop, (H,).

        Args:
            power: by band, (5 * H, M).
        """
        of_hop = (power @ self._shares).reshape(-1, _HOP_FRAMES).mean(1)
        levels: NDArray[np.float64] = 10 * np.log10(np.maximum(of_hop, _SILENT))
        return levels

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """What each band's power adds to the mean square of the samples."""
        # Slaney's bands are triangles over their widths, and these sum to one at each frequency:
        # band times width, summed, is the sum of squares of the spectrum's lower half. By Parseval
        # twice that, over the transform's length, is the energy under the window.
        window = torch.hamming_window(self.features.n_fft, dtype=torch.float64).numpy()
        widths: Any = Bands.of(self.features).width_hz
        shares: NDArray[np.float64] = 2 * widths / (self.features.n_fft * (window**2).sum())
        return shares
