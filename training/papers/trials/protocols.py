"""Train, validation and test folds: a paper's own, and one that keeps songs together.

``paper``
    What the paper does, leaks included: over-sampling, scaling and selection see every segment,
    then segments (or clips) are dealt out at random. Every number from it is marked LEAKY.
``grouped``
    The folds of ``training.corpora.splits``: no artist, song or recording on both sides.
    Over-sampling, scaling and selection are fitted on the training folds alone; so is the
    validation part, which is whole groups of them.
"""

import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, KFold, StratifiedKFold, train_test_split
from sklearn.neighbors import NearestNeighbors

from realtime_mer.errors import InputError

from ...corpora import Clip
from ...corpora.splits import Split, joined_groups
from ...files import replacing
from ..systems.features import Segments
from ..systems.system import (
    CLASSES,
    Effort,
    Fitted,
    PaperSplit,
    Part,
    Prepared,
    System,
    Task,
    Training,
    target,
)

Protocol = Literal["paper", "grouped"]

LEAKY = "paper (LEAKY)"
"""How the paper's protocol is called wherever a number of it is shown."""

_VALIDATION_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class LabelledSegments:
    """The labelled segments of one corpus in one view.

    Attributes:
        part: arrays, labels and groups of n segments; nothing balanced or prepared.
        clip: (n,) number of each segment's clip in ``clips``.
        oversampled: (n,) whether over-sampling made the segment.
        clips: the clips that have a label and a segment.
        task: what the labels are of.
    """

    part: Part
    clip: NDArray[np.int64]
    oversampled: NDArray[np.bool_]
    clips: Sequence[Clip]
    task: Task


@dataclass(frozen=True, kw_only=True)
class SegmentPredictions:
    """What was predicted of the test segments of every fold, n in all.

    Attributes:
        clip, oversampled: as in ``LabelledSegments``.
        fold: (n,) which fit predicted.
        true: (n,) classes or (n, 2) ratings.
        predicted: (n, classes) probabilities or (n, 2) ratings.
        baseline: (n,) the commonest class of the real training segments, or (n, 2) their mean
            rating.
        parameters: of the last fit.
        fit_s: seconds of processor time that the fits took, all together.
        predict_s: seconds of processor time of a prediction of one segment, the median of a few.
        train_sizes: training segments of each fit, over-sampled ones among them.
        curve: what the first fit measured after each epoch, see ``Effort.progress``.
    """

    clip: NDArray[np.int64]
    oversampled: NDArray[np.bool_]
    fold: NDArray[np.int64]
    true: NDArray[Any]
    predicted: NDArray[np.floating[Any]]
    baseline: NDArray[Any]
    parameters: int
    fit_s: float
    predict_s: float
    train_sizes: tuple[int, ...]
    curve: Sequence[Mapping[str, float]] = ()


def task_of(system: System, clips: Sequence[Clip]) -> Task | None:
    """Return what a system can learn of a corpus; None where the labels do not fit it."""
    for task in system.tasks:
        found = [target(clip, task) for clip in clips]
        known = [label for label in found if label is not None]
        if known and (task not in CLASSES or len(set(known)) > 1):
            return task
    return None


def labelled_segments(clips: Sequence[Clip], segments: Segments, task: Task) -> LabelledSegments:
    """Return the labelled segments.

    Raises:
        InputError: there are none.
    """
    groups = dict(zip((clip.key for clip in clips), joined_groups(clips), strict=True))
    kept = [
        clip
        for clip in clips
        if target(clip, task) is not None and np.diff(segments.spans[clip.key])[0] > 0
    ]
    if not kept:
        raise InputError(f"no clip of {clips[0].corpus} has a segment and a label of {task}")
    rows = [np.arange(*segments.spans[clip.key]) for clip in kept]
    counts = [len(numbers) for numbers in rows]
    at = np.concatenate(rows)
    kind = np.int64 if task in CLASSES else np.float32
    labels = np.array([target(clip, task) for clip in kept], kind)
    part = Part(
        arrays={
            name: np.asarray(values[at], np.float32) for name, values in segments.arrays.items()
        },
        labels=np.repeat(labels, counts, axis=0),
        groups=np.repeat([groups[clip.key] for clip in kept], counts),
    )
    return LabelledSegments(
        part=part,
        clip=np.repeat(np.arange(len(kept)), counts),
        oversampled=np.zeros(len(at), np.bool_),
        clips=kept,
        task=task,
    )


def predict_as_paper(
    system: System, data: LabelledSegments, effort: Effort, *, kept: Path | None = None
) -> SegmentPredictions:
    """Return a system's predictions under its paper's protocol. LEAKY.

    Over-sampled segments are among those of the test part, as in the papers.

    Args:
        system: which.
        data: of one corpus.
        effort: how long each fit may take.
        kept: a folder where finished fits are kept and looked for; None for none.
    """
    if system.keep is not None:
        used = [n for n, clip in enumerate(data.clips) if system.keep(clip)]
        data = _choose(data, np.flatnonzero(np.isin(data.clip, used)))
    data = _balanced(data, system, effort.seed)
    data = replace(data, part=_prepared(data.part, _preparation(system, data.part)))

    def divided(
        train: NDArray[np.int64], validation: NDArray[np.int64], test: NDArray[np.int64]
    ) -> _Fold:
        return _Fold(
            train=_choose(data, train).part,
            validation=_choose(data, validation).part,
            test=_choose(data, test).part,
            test_rows=test,
            baseline=baseline_of(data.part.labels[train[~data.oversampled[train]]]),
        )

    divisions = _divide(system.split, data, effort.seed)
    return _predict(system, data, [partial(divided, *parts) for parts in divisions], effort, kept)


def predict_grouped(
    system: System,
    data: LabelledSegments,
    split: Split,
    effort: Effort,
    *,
    kept: Path | None = None,
) -> SegmentPredictions:
    """Return a system's out-of-fold predictions, no artist, song or recording on both sides.

    Args:
        system: which.
        data: of one corpus.
        split: the folds.
        effort: how long each fit may take.
        kept: a folder where finished folds are kept and looked for; None for none.

    Raises:
        InputError: the split does not know a clip, or holds all of them out at once.
    """
    unknown = [clip.key for clip in data.clips if clip.key not in split.fold_of]
    if unknown:
        raise InputError(f"the folds do not place {unknown[0]}; they were drawn for other data")
    fold = np.array([split.fold_of[clip.key] for clip in data.clips])[data.clip]

    def without(held_out: int) -> _Fold:
        rest = np.flatnonzero(fold != held_out)
        if len(set(data.part.groups[rest])) < 2:
            raise InputError("fewer than two groups to learn from; ask for fewer folds")
        inner = GroupShuffleSplit(1, test_size=_VALIDATION_SHARE, random_state=effort.seed)
        train, validation = next(inner.split(rest, groups=data.part.groups[rest]))
        balanced = _balanced(_choose(data, rest[train]), system, effort.seed).part
        preparation = _preparation(system, balanced)
        test = np.flatnonzero(fold == held_out)
        return _Fold(
            train=_prepared(balanced, preparation),
            validation=_prepared(_choose(data, rest[validation]).part, preparation),
            test=_prepared(_choose(data, test).part, preparation),
            test_rows=test,
            baseline=baseline_of(data.part.labels[rest]),
        )

    folds = [partial(without, number) for number in np.unique(fold)]
    return _predict(system, data, folds, effort, kept)


def training_on_all(
    system: System, data: LabelledSegments, effort: Effort
) -> tuple[Training, Prepared | None]:
    """Return everything to learn from, for a system that will be used, and its preparation.

    Nothing is held out, so a schedule is validated on what is learnt from.
    """
    balanced = _balanced(data, system, effort.seed).part
    preparation = _preparation(system, balanced)
    train = _prepared(balanced, preparation)
    return Training(train=train, validation=train, task=data.task, effort=effort), preparation


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """The data of a fit.

    Attributes:
        train, validation, test: its parts.
        test_rows: the numbers of the test segments.
        baseline: the commonest class, or the mean rating, of what is learnt from.
    """

    train: Part
    validation: Part
    test: Part
    test_rows: NDArray[np.int64]
    baseline: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class _FoldPredictions:
    """What came of a fold; ``test_rows`` and ``baseline`` as there, the rest as of all folds."""

    test_rows: NDArray[np.int64]
    predicted: NDArray[np.floating[Any]]
    baseline: NDArray[Any]
    parameters: int
    fit_s: float
    predict_s: float
    train_size: int
    curve: Sequence[Mapping[str, float]]


def _predict(
    system: System,
    data: LabelledSegments,
    folds: Sequence[Callable[[], _Fold]],
    effort: Effort,
    kept: Path | None,
) -> SegmentPredictions:
    predictions: list[_FoldPredictions] = []
    for number, make in enumerate(folds):
        path = None if kept is None else kept / f"{number}.npz"
        if path is not None and path.is_file():
            predictions.append(_read_fold(path))
            continue
        predictions.append(_predict_fold(system, data.task, make(), effort))
        if path is not None:
            _write_fold(predictions[-1], path)
    counts = [len(fold.test_rows) for fold in predictions]
    at = np.concatenate([fold.test_rows for fold in predictions])
    return SegmentPredictions(
        clip=data.clip[at],
        oversampled=data.oversampled[at],
        fold=np.repeat(np.arange(len(predictions)), counts),
        true=data.part.labels[at],
        predicted=np.concatenate([fold.predicted for fold in predictions]),
        baseline=np.repeat(np.stack([fold.baseline for fold in predictions]), counts, axis=0),
        parameters=predictions[-1].parameters,
        fit_s=sum(fold.fit_s for fold in predictions),
        predict_s=predictions[-1].predict_s,
        train_sizes=tuple(fold.train_size for fold in predictions),
        curve=predictions[0].curve,
    )


def _predict_fold(system: System, task: Task, fold: _Fold, effort: Effort) -> _FoldPredictions:
    curve: list[Mapping[str, float]] = []

    def step(epoch: int, measured: Mapping[str, float]) -> None:
        curve.append(measured)
        effort.progress(epoch, measured)

    # Processor time: what other work on the machine takes is no cost of the system.
    before = time.process_time()
    fitted = system.fit(
        Training(
            train=fold.train,
            validation=fold.validation,
            task=task,
            effort=replace(effort, progress=step),
        )
    )
    fit_s = time.process_time() - before
    return _FoldPredictions(
        test_rows=fold.test_rows,
        predicted=np.asarray(fitted.predict(fold.test.arrays), np.float64),
        baseline=fold.baseline,
        parameters=fitted.parameters,
        fit_s=fit_s,
        predict_s=_predict_s(fitted, fold.test),
        train_size=len(fold.train),
        curve=curve,
    )


_ARRAYS = {"test_rows": "rows", "predicted": "said", "baseline": "plain"}
_FACTS = {
    "parameters": "parameters",
    "fit_s": "seconds",
    "predict_s": "answer_s",
    "train_size": "learnt",
    "curve": "curve",
}
"""What kept folds call the attributes of ``_FoldPredictions``: hours of work lie under these."""


def _write_fold(predictions: _FoldPredictions, path: Path) -> None:
    arrays = {kept: getattr(predictions, name) for name, kept in _ARRAYS.items()}
    facts = {kept: getattr(predictions, name) for name, kept in _FACTS.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partly, partly.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays, facts=np.array(json.dumps(facts)))


def _read_fold(path: Path) -> _FoldPredictions:
    with np.load(path) as stored:
        facts = json.loads(str(stored["facts"]))
        return _FoldPredictions(
            **{name: stored[kept] for name, kept in _ARRAYS.items()},
            **{name: facts[kept] for name, kept in _FACTS.items()},
        )


def _predict_s(fitted: Fitted, part: Part) -> float:
    one = {name: values[:1] for name, values in part.arrays.items()}
    times = []
    for _ in range(5):
        before = time.process_time()
        fitted.predict(one)
        times.append(time.process_time() - before)
    return float(np.median(times))


def baseline_of(labels: NDArray[Any]) -> NDArray[Any]:
    """Return what one would predict without listening: the commonest class, or the mean rating."""
    return np.asarray(labels.mean(0) if labels.ndim == 2 else np.bincount(labels).argmax())


def _divide(
    split: PaperSplit, data: LabelledSegments, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Return the rows of train, validation and test, once or for each fold."""
    unit = data.clip if split.unit == "clip" else np.arange(len(data.part))
    units, first = np.unique(unit, return_index=True)
    labels = data.part.labels[first]

    def part_off(chosen: NDArray[Any], share: float) -> tuple[NDArray[Any], NDArray[Any]]:
        classes = labels[chosen]
        size = max(1, round(share * len(chosen)))
        evenly = classes.ndim == 1 and np.unique(classes, return_counts=True)[1].min() > 1
        evenly = evenly and min(size, len(chosen) - size) >= len(np.unique(classes))
        rest, off = train_test_split(
            chosen, test_size=size, random_state=seed, stratify=classes if evenly else None
        )
        return rest, off

    def rows(chosen: NDArray[Any]) -> NDArray[np.int64]:
        return np.flatnonzero(np.isin(unit, units[chosen]))

    everyone = np.arange(len(units))
    if split.folds:
        kind = StratifiedKFold if labels.ndim == 1 else KFold
        splitter = kind(split.folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # A class of fewer clips than folds is spread as far as it goes.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            pairs = list(splitter.split(everyone, labels if labels.ndim == 1 else None))
        share = 0.1
    else:
        pairs = [part_off(everyone, split.shares[2])]
        share = split.shares[1] / (1 - split.shares[2])
    divisions = []
    for rest, test in pairs:
        train, validation = part_off(rest, share)
        divisions.append((rows(train), rows(validation), rows(test)))
    return divisions


def _choose(data: LabelledSegments, rows: NDArray[np.int64]) -> LabelledSegments:
    part = Part(
        arrays={name: values[rows] for name, values in data.part.arrays.items()},
        labels=data.part.labels[rows],
        groups=data.part.groups[rows],
    )
    return replace(data, part=part, clip=data.clip[rows], oversampled=data.oversampled[rows])


def _preparation(system: System, part: Part) -> Prepared | None:
    return None if system.prepare is None else system.prepare(part.arrays, part.labels)


def _prepared(part: Part, preparation: Prepared | None) -> Part:
    return part if preparation is None else replace(part, arrays=preparation(part.arrays))


def _balanced(data: LabelledSegments, system: System, seed: int) -> LabelledSegments:
    """Return the segments with every class filled up to the commonest, the real ones first."""
    labels = data.part.labels
    if system.balance is None or labels.ndim == 2:
        return data
    total = len(labels)
    if system.balance == "copies":
        sampler = RandomOverSampler(random_state=seed)
        sampler.fit_resample(np.arange(total)[:, None], labels)
        chosen = _choose(data, sampler.sample_indices_)
        return replace(
            chosen, oversampled=chosen.oversampled | (np.arange(len(chosen.part)) >= total)
        )
    ((name, values),) = data.part.arrays.items()
    counts = np.bincount(labels)
    # One segment has no neighbour to be interpolated with.
    wanted = {kind: counts.max() for kind, count in enumerate(counts) if count > 1}
    if not wanted:
        return data
    fewest = min(counts[kind] for kind in wanted)
    sampler = SMOTE(sampling_strategy=wanted, k_neighbors=min(5, fewest - 1), random_state=seed)
    filled, kinds = sampler.fit_resample(values, labels)
    parents = np.arange(len(kinds))
    for kind in wanted:
        own = np.flatnonzero(labels == kind)
        new = total + np.flatnonzero(kinds[total:] == kind)
        if len(new):
            nearest = NearestNeighbors(n_neighbors=1).fit(values[own])
            parents[new] = own[nearest.kneighbors(filled[new], return_distance=False)[:, 0]]
    chosen = _choose(data, parents)
    return replace(
        chosen,
        part=replace(chosen.part, arrays={name: filled.astype(np.float32)}, labels=kinds),
        oversampled=chosen.oversampled | (np.arange(len(kinds)) >= total),
    )
