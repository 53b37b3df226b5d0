"""What the network is held to: people's labels, the teacher's embeddings, pseudo-labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..corpora import Clip
from ..corpora.clip import ALL_THROUGH
from ..features.cache import FeatureStore
from .committee import WIDTH
from .losses import Labels
from .pseudo import pseudo_labels


class Targets(nn.Module):
    """What a part of a run learns from: labels, and what its teachers heard, standardised.

    Args:
        clips: the training clips; nothing of other clips is looked at.
        teacher: what the teachers made of the clips; None for no teacher.
        teachers: their names, in the order of their numbers in a row.
        hop_s, lag_s: as for ``Labels``.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        teacher: FeatureStore | None,
        *,
        teachers: Sequence[str] = (),
        hop_s: float,
        lag_s: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.labels = Labels(clips, hop_s=hop_s, lag_s=lag_s)
        self.teachers = tuple(teachers)
        self.teacher_rows: dict[str, int] = {}
        self._start = nn.Buffer(torch.zeros(len(clips), dtype=torch.long))
        self._rows = nn.Buffer(torch.zeros(0, 1))
        self._pseudo = nn.Buffer(torch.zeros(0, WIDTH))
        if teacher is not None:
            rows = [torch.from_numpy(teacher[clip.key].astype(np.float32)) for clip in clips]
            self.teacher_rows = {clip.key: len(own) for clip, own in zip(clips, rows, strict=True)}
            lengths = torch.tensor([len(own) for own in rows])
            self._start = nn.Buffer(lengths.cumsum(0) - lengths)
            every = torch.cat(rows)
            # A class that a teacher never hears does not vary, and says nothing.
            self._rows = nn.Buffer((every - every.mean(0)) / every.std(0).clamp(min=1e-3))

    @property
    def teacher_width(self) -> int:
        """Numbers in a row of the teachers."""
        return self._rows.shape[1]

    def add_pseudo(self, clips: Sequence[Clip], teacher: FeatureStore, reference: str) -> None:
        """Learn pseudo-labels from these clips alone."""
        music = [clip for clip in clips if clip.music == ALL_THROUGH]
        rows = pseudo_labels(music, teacher, teachers=self.teachers, reference=reference)
        # What is no music, or not all of it, has no mood to be told.
        unknown = {
            clip.key: np.full((self.teacher_rows[clip.key], WIDTH), np.nan, np.float32)
            for clip in clips
        }
        said = np.concatenate([rows.get(key, nothing) for key, nothing in unknown.items()])
        self._pseudo = nn.Buffer(torch.from_numpy(said))

    @property
    def has_pseudo(self) -> bool:
        """Whether there are pseudo-labels."""
        return len(self._pseudo) > 0

    def pseudo(self, clip: Tensor, row: Tensor) -> Tensor:
        """Return the pseudo-labels of clips' rows, (n, 15)."""
        return self._pseudo[self._start[clip] + row]

    def teacher(self, clip: Tensor, row: Tensor) -> Tensor:
        """Return what the teachers say of clips' rows, (n, width)."""
        return self._rows[self._start[clip] + row]
