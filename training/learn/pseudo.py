"""Pseudo-labels: what a committee makes of every few seconds of music.

They are no labels of people. They let music that nobody rated, and the items that a corpus did not
ask, keep the network from learning its few hundred rated songs by heart. In a part of a run they
are learnt from the part's own training clips; those clips themselves get them from a committee that
learnt from other groups, or it would only repeat the labels.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from ..corpora import Clip
from ..corpora.splits import joined_groups
from ..features.cache import FeatureStore
from .committee import LEAST_GROUPS, WIDTH, fit_committee

_FOLDS = LEAST_GROUPS


def pseudo_labels(
    clips: Sequence[Clip], teacher: FeatureStore, *, teachers: Sequence[str], reference: str
) -> Mapping[str, NDArray[np.float32]]:
    """Return a row for every window of the teacher of every clip, NaN where nothing was learnt.

    Args:
        clips: the training clips of a part, rated or not.
        teacher: what the teachers made of them.
        teachers: their names, in the order of their numbers in a row.
        reference: as for ``fit_committee``.

    Returns:
        By ``Clip.key``: (windows, 15), as ``Committee`` answers.
    """
    rows = {
        clip.key: np.full((len(teacher[clip.key]), WIDTH), np.nan, np.float32) for clip in clips
    }

    def tell(learnt: Sequence[Clip], told: Sequence[Clip]) -> None:
        committee = fit_committee(learnt, teacher, teachers=teachers, reference=reference)
        said = committee.of_windows([teacher[clip.key] for clip in told])
        rows.update(
            {clip.key: own.astype(np.float32) for clip, own in zip(told, said, strict=True)}
        )

    rated = [clip for clip in clips if _is_rated(clip)]
    groups = joined_groups(rated)
    if len(set(groups)) < _FOLDS:
        return rows
    for others, held in GroupKFold(_FOLDS).split(rated, groups=groups):
        tell([rated[n] for n in others], [rated[n] for n in held])
    if unrated := [clip for clip in clips if not _is_rated(clip)]:
        tell(rated, unrated)
    return rows


def _is_rated(clip: Clip) -> bool:
    return not (clip.valence is None and clip.quadrant is None and clip.gems is None)
