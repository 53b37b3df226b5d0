"""Pseudo-labels: what models of the teachers' word make of every few seconds of music.

They are no labels of people. They let music that nobody rated, and the items that a corpus did not
ask, keep the network from learning its few hundred rated songs by heart. In a part of a run they
are learnt from the part's own training clips; those clips themselves get them from models that
learnt from other groups, or the models would only repeat the labels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from ..corpora import Clip
from ..corpora.splits import joined_groups
from ..features.cache import FeatureStore
from ..features.teachers import heard_rows

AFFECT, QUADRANT, GEMS = slice(0, 2), slice(2, 6), slice(6, 15)
"""Where a row holds valence and arousal, quadrant probabilities and shares of listeners."""

WIDTH = 15

_SMOOTHED = 3  # windows; the models learn from whole clips, and one window alone says little
_FOLDS = 5

_Rows = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One kind of label: which clips bear it, where its rows are, and what learns it.

    The strengths of the models are those that grouped folds preferred for the embedding alone.
    """

    columns: slice
    label: Callable[[Clip], Any]
    models: Callable[[], Sequence[Any]]


def pseudo_labels(
    clips: Sequence[Clip], teacher: FeatureStore, *, teachers: Sequence[str], reference: str
) -> Mapping[str, NDArray[np.float32]]:
    """Return a row for every window of the teacher of every clip, NaN where nothing was learnt.

    Args:
        clips: the training clips of a part, rated or not.
        teacher: what the teachers made of them.
        teachers: their names, in the order of their numbers in a row.
        reference: the corpus whose valence and arousal are learnt. Its quadrants follow from them
            and are not learnt apart.
    """
    windows = {
        clip.key: heard_rows(teachers, teacher[clip.key].astype(np.float64))
        for clip in clips
        if len(teacher[clip.key])
    }
    smooth = {
        key: uniform_filter1d(own, _SMOOTHED, axis=0, mode="nearest")
        for key, own in windows.items()
    }
    rows = {key: np.full((len(own), WIDTH), np.nan, np.float32) for key, own in windows.items()}
    for task in _tasks(reference):
        rated = [clip for clip in clips if clip.key in windows and task.label(clip) is not None]
        groups = joined_groups(rated)
        if len(set(groups)) < _FOLDS:
            continue
        x = np.stack([windows[clip.key].mean(0) for clip in rated])
        y = np.array([task.label(clip) for clip in rated])
        for learnt, held in GroupKFold(_FOLDS).split(x, groups=groups):
            models = _fit(task, x[learnt], y[learnt])
            _tell(models, [rated[number].key for number in held], smooth, rows, task.columns)
        unrated = sorted(windows.keys() - {clip.key for clip in rated})
        _tell(_fit(task, x, y), unrated, smooth, rows, task.columns)
    return rows


def _tasks(reference: str) -> tuple[_Task, ...]:
    return (
        _Task(
            columns=AFFECT,
            label=lambda clip: (
                (clip.valence, clip.arousal)
                if clip.corpus == reference and clip.valence is not None
                else None
            ),
            models=lambda: (
                Ridge(300.0),
                MultiOutputRegressor(SVR(C=0.5, epsilon=0.05)),
            ),
        ),
        _Task(
            columns=QUADRANT,
            label=lambda clip: clip.quadrant if clip.corpus != reference else None,
            models=lambda: (
                LogisticRegression(C=0.003, max_iter=1000),
                CalibratedClassifierCV(SVC(C=1.0), ensemble=False),
            ),
        ),
        _Task(
            columns=GEMS,
            label=lambda clip: clip.gems,
            models=lambda: (
                Ridge(1000.0),
                MultiOutputRegressor(SVR(C=0.1, epsilon=0.05)),
            ),
        ),
    )


def _fit(task: _Task, x: _Rows, y: NDArray[Any]) -> list[Any]:
    return [make_pipeline(StandardScaler(), model).fit(x, y) for model in task.models()]


def _tell(
    models: Sequence[Any],
    keys: Sequence[str],
    smooth: Mapping[str, _Rows],
    rows: Mapping[str, NDArray[np.float32]],
    columns: slice,
) -> None:
    """Write the mean of what models say of clips' windows into the clips' rows."""
    if not keys:
        return
    x = np.concatenate([smooth[key] for key in keys])
    said = [
        model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)
        for model in models
    ]
    mean = np.mean(said, axis=0)
    if mean.shape[1] != columns.stop - columns.start:
        return  # a quadrant that no training clip bears: nothing could be learnt of it
    stops = np.cumsum([len(smooth[key]) for key in keys])
    for key, own in zip(keys, np.split(mean, stops[:-1]), strict=True):
        rows[key][:, columns] = own
