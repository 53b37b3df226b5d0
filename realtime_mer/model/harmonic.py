"""The harmonic branch: what sounds together, whatever the key.

Each of its layers makes of music a semitone higher what it makes of the music, a semitone higher:
thirds of a semitone are gathered to semitones, those of two octaves above a root to chords on it,
and the chords on all pitch classes of all hops of a window to patterns round the circle of them.
Only then it is forgotten which pitch class was which. (The ends of the range are ends, and each bin
is scaled by training's own statistics.)

Dimensions: B streams, H hops, P log-pitch bins, S, C and W channels of a semitone, of a root's
chord and of a window's pattern.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from realtime_mer.features.config import PitchConfig
from realtime_mer.model.config import NetworkConfig

_CLASSES = NetworkConfig.pitch_classes
_THIRDS = PitchConfig.octave_bins // _CLASSES  # bins of a semitone
_CHORD = 2  # octaves above a root that belong to its chord


class HarmonicBranch(nn.Module):
    """Map log-pitch rows to numbers of columns, and those of a window's columns to patterns.

    Args:
        semitone, chord, window: S, C and W.
    """

    root_octaves = PitchConfig.octaves - _CHORD

    def __init__(self, semitone: int, chord: int, window: int) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm1d(PitchConfig.bins)
        self.semitones = nn.Conv2d(  # each judged beside its neighbours
            1, semitone, (1, 3 * _THIRDS), stride=(1, _THIRDS), padding=(0, _THIRDS), bias=False
        )
        self.semitone_norm = nn.BatchNorm2d(semitone)
        self.chords = nn.Conv2d(semitone, chord, (1, _CHORD * _CLASSES + 1), bias=False)
        self.chord_norm = nn.BatchNorm2d(chord)
        self.patterns = nn.Conv2d(2 * chord, window, (_CLASSES, 1), bias=False)
        self.pattern_norm = nn.BatchNorm2d(window)

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows ``(B, H, P)`` to the chords on each pitch class, ``(B, 12 C, H)``."""
        x = torch.unflatten(self.on_roots(rows), 3, (self.root_octaves, _CLASSES)).amax(3)
        return x.transpose(2, 3).flatten(1, 2)

    def on_roots(self, rows: Tensor) -> Tensor:
        """Map rows to the chords on each semitone of the lowest octaves, ``(B, C, H, 36)``."""
        x = self.input_norm(rows.transpose(1, 2)).transpose(1, 2).unsqueeze(1)
        x = functional.relu(self.semitone_norm(self.semitones(x)))
        return functional.relu(self.chord_norm(self.chords(x)))

    def pooled(self, mean: Tensor, peak: Tensor) -> Tensor:
        """Map mean and maximum of columns, each ``(B, 12 C, H)``, to patterns ``(B, 2 W, H)``."""
        x = torch.unflatten(torch.cat((mean, peak), dim=1), 1, (-1, _CLASSES))
        # The circle goes on, so that a pattern meets all twelve from each of them.
        x = torch.cat((x, x[:, :, : _CLASSES - 1]), dim=2)
        x = functional.relu(self.pattern_norm(self.patterns(x)))
        return torch.cat((x.mean(2), x.amax(2)), dim=1)
