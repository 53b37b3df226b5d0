"""Who learns from what: a paper's own division of the data, and one that keeps songs together.

``paper``
    What the paper does, leaks included: over-sampling, scaling and selection see every segment,
    then segments (or clips) are dealt out at random. Every number from it is marked LEAKY.
``grouped``
    The folds of ``training.corpora.splits``: no artist, song or recording on both sides.
    Over-sampling, scaling and selection are fitted on the training folds alone; so is the part that
    a network watches while it learns, which is whole groups of them.
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

_WATCHED = 0.15


@dataclass(frozen=True, kw_only=True)
class Data:
    """The labelled segments of one corpus in one view.

    Attributes:
        part: arrays, labels and groups of n segments; nothing balanced or prepared.
        clip: (n,) number of each segment's clip in ``clips``.
        made: (n,) whether over-sampling made the segment.
        clips: the clips that have a label and a segment.
        task: what the labels are of.
    """

    part: Part
    clip: NDArray[np.int64]
    made: NDArray[np.bool_]
    clips: Sequence[Clip]
    task: Task


@dataclass(frozen=True, kw_only=True)
class Said:
    """What was said of segments that were not learnt from, n in all.

    Attributes:
        clip, made: as in ``Data``.
        fold: (n,) which fit was asked.
        true: (n,) classes or (n, 2) ratings.
        said: (n, classes) probabilities or (n, 2) ratings.
        baseline: (n,) the commonest class of the real segments to learn from, or (n, 2) their
            mean rating.
        parameters: of the last fit.
        seconds: of processor time that the fits took, all together.
        answer_s: of processor time that it took to say something of one segment, the median of a
            few.
        learnt: segments each fit learnt from, over-sampled ones among them.
        curve: what the first fit measured after each epoch, see ``Effort.progress``.
    """

    clip: NDArray[np.int64]
    made: NDArray[np.bool_]
    fold: NDArray[np.int64]
    true: NDArray[Any]
    said: NDArray[np.floating[Any]]
    baseline: NDArray[Any]
    parameters: int
    seconds: float
    answer_s: float
    learnt: tuple[int, ...]
    curve: Sequence[Mapping[str, float]] = ()


def task_of(system: System, clips: Sequence[Clip]) -> Task | None:
    """Return what a system can learn of a corpus; None where the labels do not fit it."""
    for task in system.tasks:
        found = [target(clip, task) for clip in clips]
        known = [label for label in found if label is not None]
        if known and (task not in CLASSES or len(set(known)) > 1):
            return task
    return None


def gather(clips: Sequence[Clip], segments: Segments, task: Task) -> Data:
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
    counts = [len(each) for each in rows]
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
    return Data(
        part=part,
        clip=np.repeat(np.arange(len(kept)), counts),
        made=np.zeros(len(at), np.bool_),
        clips=kept,
        task=task,
    )


def as_paper(system: System, data: Data, effort: Effort, *, kept: Path | None = None) -> Said:
    """Return what a system says under its paper's protocol. LEAKY.

    Over-sampled segments are among those that are judged, as in the papers.

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
        learn: NDArray[np.int64], watch: NDArray[np.int64], test: NDArray[np.int64]
    ) -> _Round:
        return _Round(
            learn=_choose(data, learn).part,
            watch=_choose(data, watch).part,
            test=_choose(data, test).part,
            rows=test,
            plain=plain(data.part.labels[learn[~data.made[learn]]]),
        )

    divisions = _divide(system.split, data, effort.seed)
    return _ask(system, data, [partial(divided, *each) for each in divisions], effort, kept)


def as_grouped(
    system: System, data: Data, split: Split, effort: Effort, *, kept: Path | None = None
) -> Said:
    """Return what a system says out of fold, no artist, song or recording being on both sides.

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

    def without(held_out: int) -> _Round:
        rest = np.flatnonzero(fold != held_out)
        if len(set(data.part.groups[rest])) < 2:
            raise InputError("fewer than two groups to learn from; ask for fewer folds")
        inner = GroupShuffleSplit(1, test_size=_WATCHED, random_state=effort.seed)
        learn, watch = next(inner.split(rest, groups=data.part.groups[rest]))
        learnt = _balanced(_choose(data, rest[learn]), system, effort.seed).part
        preparation = _preparation(system, learnt)
        test = np.flatnonzero(fold == held_out)
        return _Round(
            learn=_prepared(learnt, preparation),
            watch=_prepared(_choose(data, rest[watch]).part, preparation),
            test=_prepared(_choose(data, test).part, preparation),
            rows=test,
            plain=plain(data.part.labels[rest]),
        )

    return _ask(system, data, [partial(without, each) for each in np.unique(fold)], effort, kept)


def as_whole(system: System, data: Data, effort: Effort) -> tuple[Training, Prepared | None]:
    """Return everything to learn from, for a system that will be used, and its preparation.

    Nothing is held out, so a schedule watches what is learnt from.
    """
    learn = _balanced(data, system, effort.seed).part
    preparation = _preparation(system, learn)
    learn = _prepared(learn, preparation)
    return Training(learn=learn, watch=learn, task=data.task, effort=effort), preparation


@dataclass(frozen=True, kw_only=True)
class _Round:
    """A fit and what it is asked.

    Attributes:
        learn, watch, test: parts of the data.
        rows: the numbers of the test segments.
        plain: the commonest class, or the mean rating, of what was learnt from.
    """

    learn: Part
    watch: Part
    test: Part
    rows: NDArray[np.int64]
    plain: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What came of a round; ``rows`` and ``plain`` as there, the rest as in ``Said``."""

    rows: NDArray[np.int64]
    said: NDArray[np.floating[Any]]
    plain: NDArray[Any]
    parameters: int
    seconds: float
    answer_s: float
    learnt: int
    curve: Sequence[Mapping[str, float]]


def _ask(
    system: System,
    data: Data,
    rounds: Sequence[Callable[[], _Round]],
    effort: Effort,
    kept: Path | None,
) -> Said:
    answers: list[_Answer] = []
    for number, make in enumerate(rounds):
        path = None if kept is None else kept / f"{number}.npz"
        if path is not None and path.is_file():
            answers.append(_read_answer(path))
            continue
        answers.append(_answer(system, data.task, make(), effort))
        if path is not None:
            _write_answer(answers[-1], path)
    counts = [len(each.rows) for each in answers]
    at = np.concatenate([each.rows for each in answers])
    return Said(
        clip=data.clip[at],
        made=data.made[at],
        fold=np.repeat(np.arange(len(answers)), counts),
        true=data.part.labels[at],
        said=np.concatenate([each.said for each in answers]),
        baseline=np.repeat(np.stack([each.plain for each in answers]), counts, axis=0),
        parameters=answers[-1].parameters,
        seconds=sum(each.seconds for each in answers),
        answer_s=answers[-1].answer_s,
        learnt=tuple(each.learnt for each in answers),
        curve=answers[0].curve,
    )


def _answer(system: System, task: Task, each: _Round, effort: Effort) -> _Answer:
    curve: list[Mapping[str, float]] = []

    def step(epoch: int, measured: Mapping[str, float]) -> None:
        curve.append(measured)
        effort.progress(epoch, measured)

    # Processor time: what other work on the machine takes is no cost of the system.
    before = time.process_time()
    fitted = system.fit(
        Training(
            learn=each.learn, watch=each.watch, task=task, effort=replace(effort, progress=step)
        )
    )
    seconds = time.process_time() - before
    return _Answer(
        rows=each.rows,
        said=np.asarray(fitted.predict(each.test.arrays), np.float64),
        plain=each.plain,
        parameters=fitted.parameters,
        seconds=seconds,
        answer_s=_answer_s(fitted, each.test),
        learnt=len(each.learn),
        curve=curve,
    )


def _write_answer(answer: _Answer, path: Path) -> None:
    facts = {
        name: getattr(answer, name)
        for name in ("parameters", "seconds", "answer_s", "learnt", "curve")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partly, partly.open("wb") as file:
        np.savez(
            file, rows=answer.rows, said=answer.said, plain=answer.plain, facts=json.dumps(facts)
        )


def _read_answer(path: Path) -> _Answer:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in ("rows", "said", "plain")}
        return _Answer(**arrays, **json.loads(str(stored["facts"])))


def _answer_s(fitted: Fitted, part: Part) -> float:
    one = {name: values[:1] for name, values in part.arrays.items()}
    times = []
    for _ in range(5):
        before = time.process_time()
        fitted.predict(one)
        times.append(time.process_time() - before)
    return float(np.median(times))


def plain(labels: NDArray[Any]) -> NDArray[Any]:
    """Return what one would say without listening: the commonest class, or the mean rating."""
    return np.asarray(labels.mean(0) if labels.ndim == 2 else np.bincount(labels).argmax())


def _divide(
    split: PaperSplit, data: Data, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Return the rows to learn from, to watch and to test, once or for each fold."""
    unit = data.clip if split.unit == "clip" else np.arange(len(data.part))
    units, first = np.unique(unit, return_index=True)
    labels = data.part.labels[first]

    def part_off(chosen: NDArray[Any], share: float) -> tuple[NDArray[Any], NDArray[Any]]:
        own = labels[chosen]
        size = max(1, round(share * len(chosen)))
        evenly = own.ndim == 1 and np.unique(own, return_counts=True)[1].min() > 1
        evenly = evenly and min(size, len(chosen) - size) >= len(np.unique(own))
        rest, off = train_test_split(
            chosen, test_size=size, random_state=seed, stratify=own if evenly else None
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
        watched = 0.1
    else:
        pairs = [part_off(everyone, split.shares[2])]
        watched = split.shares[1] / (1 - split.shares[2])
    divisions = []
    for rest, test in pairs:
        learn, watch = part_off(rest, watched)
        divisions.append((rows(learn), rows(watch), rows(test)))
    return divisions


def _choose(data: Data, rows: NDArray[np.int64]) -> Data:
    part = Part(
        arrays={name: values[rows] for name, values in data.part.arrays.items()},
        labels=data.part.labels[rows],
        groups=data.part.groups[rows],
    )
    return replace(data, part=part, clip=data.clip[rows], made=data.made[rows])


def _preparation(system: System, part: Part) -> Prepared | None:
    return None if system.prepare is None else system.prepare(part.arrays, part.labels)


def _prepared(part: Part, preparation: Prepared | None) -> Part:
    return part if preparation is None else replace(part, arrays=preparation(part.arrays))


def _balanced(data: Data, system: System, seed: int) -> Data:
    """Return the segments with every class filled up to the commonest, the real ones first."""
    labels = data.part.labels
    if system.balance is None or labels.ndim == 2:
        return data
    total = len(labels)
    if system.balance == "copies":
        sampler = RandomOverSampler(random_state=seed)
        sampler.fit_resample(np.arange(total)[:, None], labels)
        chosen = _choose(data, sampler.sample_indices_)
        return replace(chosen, made=chosen.made | (np.arange(len(chosen.part)) >= total))
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
        made=chosen.made | (np.arange(len(kinds)) >= total),
    )
