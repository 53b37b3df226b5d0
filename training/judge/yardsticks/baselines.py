"""What one could plug in instead of the network, judged on the very same folds.

Every clip becomes one row of numbers, from which a linear model and a support vector machine learn
each label of the clip's corpus, on the fold's training clips alone. How strongly they are
regularised is chosen inside these, by three folds of whole groups. Essentia's heads learn nothing
here: they are taken as they are published.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.special import expit, softmax
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError

from ...corpora import Clip
from ...corpora.splits import joined_groups
from ...features.cache import FeatureStore
from ...learn.run import Run
from ..evaluate import HOP_COLUMNS, Predictions
from ..metrics import AFFECT, QUADRANT_COLUMNS
from .heads import Heads

MODELS = ("linear", "SVM")
"""Ridge and logistic regression; support vectors with a Gaussian kernel."""

AFFECT_HEAD = "Essentia valence and arousal, zero-shot"
MOOD_HEADS = "Essentia moods, zero-shot"
HEADS: Mapping[str, str] = {
    AFFECT_HEAD: "zero-shot: Essentia's head of valence and arousal as published, learnt from "
    "emoMusic and not from these corpora; nothing fitted; (x − 5) / 4, quadrants by the signs",
    MOOD_HEADS: "zero-shot: Essentia's four heads of moods as published, learnt from songs that "
    "nobody named; nothing fitted; the likeliest of happy (Q1), aggressive (Q2), sad (Q3), "
    "relaxed (Q4)",
}
"""What ``predict_heads`` predicts with, and how, for a protocol."""

_INNER_FOLDS = 3


def clip_rows(
    store: FeatureStore,
    clips: Sequence[Clip],
    *,
    heard: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
) -> dict[str, NDArray[np.float64]]:
    """Return the mean of each clip's rows, or of what is made of them.

    Their sd beside it makes a MusiCNN baseline worse: on the same folds Emotify's mean r falls from
    .57 to .53 and Grekow's R² from .74 to .71 for arousal, with ridge regressions.

    Args:
        store: the rows.
        clips: whose.
        heard: what is made of a clip's rows before their mean, (n, width) to (n, any).

    Raises:
        InputError: a clip has no row.
    """
    rows = {}
    for clip in clips:
        own = store[clip.key].astype(np.float64)
        if not len(own):
            raise InputError(f"{clip.key} is too short for a baseline: not one whole window")
        rows[clip.key] = heard(own).mean(0)
    return rows


def predict_heads(run: Run, embeddings: FeatureStore, heads: Heads) -> dict[str, Predictions]:
    """Return what Essentia's heads say of a run's clips, one "hop" for each clip.

    Outputs are averaged over a clip's windows; what a head does not say is NaN. ``AFFECT_HEAD``
    gives valence and arousal, and to a quadrant the product of logistic functions of both, turned
    to its side: an order and no more, the greatest being the quadrant of their signs.
    ``MOOD_HEADS`` gives the quadrants alone: the probabilities of happy, aggressive, sad and
    relaxed over their sum.

    Args:
        run: whose clips.
        embeddings: their embeddings by the teacher.
        heads: from ``load_heads``.
    """
    rated = clip_rows(embeddings, run.clips, heard=heads.affect)
    moods = clip_rows(embeddings, run.clips, heard=heads.moods)
    rows = {
        AFFECT_HEAD: {key: {**_by_name(AFFECT, own), **_signs(own)} for key, own in rated.items()},
        MOOD_HEADS: {
            key: _by_name(QUADRANT_COLUMNS, own / own.sum()) for key, own in moods.items()
        },
    }
    return {
        model: Predictions(
            {
                key: np.array([[own.get(column, np.nan) for column in HOP_COLUMNS]], np.float32)
                for key, own in said.items()
            },
            run.split.fold_of,
        )
        for model, said in rows.items()
    }


def _by_name(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(names, values.tolist(), strict=True))


def _signs(affect: NDArray[np.float64]) -> dict[str, float]:
    """Return scores of the quadrants that sum to 1, the greatest for that of both signs."""
    valence, arousal = expit(affect)
    low, calm = 1 - valence, 1 - arousal
    scores = np.array((valence * arousal, low * arousal, low * calm, valence * calm))
    return _by_name(QUADRANT_COLUMNS, scores)


def predict_baseline(
    run: Run, rows: Mapping[str, NDArray[np.float64]], *, model: str
) -> Predictions:
    """Return a baseline's out-of-fold predictions, one "hop" for each clip.

    What a clip's corpus did not ask, and every sd, is NaN.

    Args:
        run: whose folds.
        rows: from ``clip_rows``.
        model: of ``MODELS``.
    """
    hops = {clip.key: np.full((1, len(HOP_COLUMNS)), np.nan, np.float32) for clip in run.clips}
    for fold in track(range(run.split.folds), description=f"fitting {model}"):
        part = f"fold-{fold}"
        for corpus in sorted({clip.corpus for clip in run.clips}):
            learnt = [clip for clip in run.training_clips(part) if clip.corpus == corpus]
            judged = [clip for clip in run.held_out_clips(part) if clip.corpus == corpus]
            if not judged:
                continue
            heard = np.stack([rows[clip.key] for clip in judged])
            for columns, labels in _labels(learnt).items():
                known = [n for n, label in enumerate(labels) if label is not None]
                if not known:
                    continue
                fitted = fit(
                    np.stack([rows[learnt[n].key] for n in known]),
                    np.array([labels[n] for n in known]),
                    joined_groups([learnt[n] for n in known]),
                    model=model,
                    classes=len(columns) > 1,
                )
                said = _scores(fitted, heard) if len(columns) > 1 else fitted.predict(heard)
                at = [HOP_COLUMNS.index(column) for column in columns]
                for clip, row in zip(judged, said.reshape(len(judged), -1), strict=True):
                    hops[clip.key][0, at] = row
    return Predictions(hops, run.split.fold_of)


def fit(
    rows: NDArray[np.float64],
    labels: NDArray[Any],
    groups: Sequence[str],
    *,
    model: str,
    classes: bool,
) -> Any:
    """Return a model that learnt labels from rows, its regularisation chosen over groups.

    Args:
        rows: (n, width).
        labels: (n,) ratings, or quadrants as 0 to 3.
        groups: n names; at least three different ones.
        model: of ``MODELS``.
        classes: labels are classes.
    """
    strengths = np.logspace(-2, 1, 4)
    inner: Any
    if classes:
        inner = LogisticRegression(max_iter=2000) if model == "linear" else SVC(break_ties=True)
        grid = {"model__C": strengths * (0.1 if model == "linear" else 1.0)}
    elif model == "linear":
        inner, grid = Ridge(), {"model__regressor__alpha": np.logspace(1, 4, 4)}
    else:
        inner, grid = SVR(), {"model__regressor__C": strengths}
    if not classes:
        # The width of SVR's tube is in units of the labels.
        inner = TransformedTargetRegressor(inner, transformer=StandardScaler())
    pipeline = Pipeline([("scaler", StandardScaler()), ("model", inner)])
    search = GridSearchCV(
        pipeline,
        grid,
        cv=GroupKFold(_INNER_FOLDS),
        scoring="f1_macro" if classes else "neg_mean_squared_error",
    )
    search.fit(rows, labels, groups=groups)
    return search.best_estimator_


def _labels(clips: Sequence[Clip]) -> dict[tuple[str, ...], list[Any]]:
    """Return every clip's labels by the columns of a prediction they belong to."""
    labels: dict[tuple[str, ...], list[Any]] = {
        QUADRANT_COLUMNS: [clip.quadrant for clip in clips],
        ("valence",): [clip.valence for clip in clips],
        ("arousal",): [clip.arousal for clip in clips],
    }
    for n, item in enumerate(GEMS):
        labels[(item,)] = [clip.gems and clip.gems[n] for clip in clips]
    return labels


def _scores(fitted: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 4) scores that sum to 1, 0 for a quadrant that was never seen."""
    scores = np.zeros((len(rows), len(QUADRANT_COLUMNS)))
    decision = fitted.decision_function(rows)
    if decision.ndim == 1:
        decision = np.stack((-decision, decision), axis=1)
    scores[:, fitted.classes_] = softmax(decision, axis=1)
    return scores
