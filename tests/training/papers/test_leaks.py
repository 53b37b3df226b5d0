"""Under the grouped protocol nothing of a song held out reaches a fit, and none beats chance."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from training.corpora import Clip
from training.corpora.splits import Split, draw_split
from training.papers.systems.registry import SYSTEMS, find_system
from training.papers.systems.system import Arrays, Effort, Part, System, Task, Training
from training.papers.trials.protocols import LabelledSegments, predict_as_paper, predict_grouped

SONGS, COPIES, PIECES = 48, 2, 1
SEGMENTS = SONGS * COPIES * PIECES
CLASSES = 4

by_name = {"ids": lambda system: system.name}


@cache
def shapes(view_of: str) -> Mapping[str, tuple[int, ...]]:
    view = find_system(view_of).view
    sound = np.random.default_rng(0).standard_normal(view.samples).astype(np.float32)
    return {name: values.shape for name, values in view.compute(0.1 * sound).items()}


def made(system: System, *, task: Task = "quadrants") -> tuple[LabelledSegments, Split]:
    """Songs whose labels were drawn without a look at their sound, each as two copies.

    A song's pieces and copies lie close together and far from every other song's.
    """
    generator = np.random.default_rng(3)
    quadrants = generator.permutation(np.arange(SONGS) % CLASSES)
    ratings = generator.uniform(-1, 1, (SONGS, 2)).astype(np.float32)
    song = np.repeat(np.arange(SONGS), COPIES)
    clips = [
        Clip(
            corpus="made",
            id=f"{n}",
            path=Path(f"{n}.wav"),
            seconds=30.0,
            group=f"song {song[n]}",
            quadrant=int(quadrants[song[n]]),
        )
        for n in range(SONGS * COPIES)
    ]
    clip = np.repeat(np.arange(len(clips)), PIECES)
    arrays = {}
    for name, shape in shapes(system.name).items():
        of_song = generator.standard_normal((SONGS, *shape), np.float32)
        own = generator.standard_normal((SEGMENTS, *shape), np.float32)
        arrays[name] = of_song[song[clip]] + 0.2 * own
    labels: NDArray[Any] = ratings if task == "affect" else quadrants
    part = Part(
        arrays=arrays,
        labels=labels[song[clip]],
        groups=np.array([clips[n].group for n in clip]),
    )
    data = LabelledSegments(
        part=part, clip=clip, oversampled=np.zeros(SEGMENTS, np.bool_), clips=clips, task=task
    )
    return data, draw_split(clips, folds=2, seed=0)


class Stopped(Exception):
    """A fit was asked for, and seen."""


def first_training(system: System, data: LabelledSegments, split: Split, protocol: str) -> Training:
    """Return all that the first fit of a protocol may look at."""
    seen: list[Training] = []

    def stop(training: Training) -> Any:
        seen.append(training)
        raise Stopped

    spied, effort = replace(system, fit=stop), Effort(epochs=1)
    asked = partial(predict_as_paper, spied, data, effort)
    if protocol == "grouped":
        asked = partial(predict_grouped, spied, data, split, effort)
    with pytest.raises(Stopped):
        asked()
    return seen[0]


def with_other_songs_held_out(data: LabelledSegments, split: Split) -> LabelledSegments:
    """The same data, but of the songs that fold 0 holds out other sound and other labels."""
    held_out = np.array([split.fold_of[clip.key] for clip in data.clips])[data.clip] == 0
    generator = np.random.default_rng(9)
    arrays = {}
    for name, values in data.part.arrays.items():
        changed = values.copy()
        changed[held_out] = 5 + 3 * generator.standard_normal(changed[held_out].shape)
        arrays[name] = changed
    labels = data.part.labels.copy()
    labels[held_out] = labels[held_out][::-1]
    return replace(data, part=replace(data.part, arrays=arrays, labels=labels))


def same(first: Part, second: Part) -> bool:
    return (
        np.array_equal(first.labels, second.labels)
        and np.array_equal(first.groups, second.groups)
        and all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)
    )


@pytest.mark.parametrize(
    ("system", "task"),
    [
        pytest.param(system, task, id=f"{system.name}-{task}")
        for system in SYSTEMS
        for task in ("quadrants", "affect")
        if task in system.tasks
    ],
)
def test_grouped_what_a_fit_sees_is_the_same_whatever_the_held_out_songs_are(
    system: System, task: Task
) -> None:
    data, split = made(system, task=task)
    other = with_other_songs_held_out(data, split)
    first, second = (first_training(system, each, split, "grouped") for each in (data, other))
    # Scaled, over-sampled and selected: all that was fitted is in these numbers.
    assert same(first.train, second.train)
    assert same(first.validation, second.validation)


@pytest.mark.parametrize(
    "system", [each for each in SYSTEMS if each.prepare is not None], **by_name
)
def test_the_papers_scaling_sees_the_songs_that_are_tested(system: System) -> None:
    data, split = made(system)
    test = np.random.default_rng(9)
    # Only sound changes, of a few clips: the division, drawn by labels, stays as it is.
    few = data.clip < 8
    arrays = {}
    for name, values in data.part.arrays.items():
        changed = values.copy()
        changed[few] = 5 + 3 * test.standard_normal(changed[few].shape)
        arrays[name] = changed
    other = replace(data, part=replace(data.part, arrays=arrays))
    real = replace(system, balance=None)
    first, second = (first_training(real, each, split, "paper") for each in (data, other))
    untouched = ~np.isin(first.train.groups, [f"song {n}" for n in range(4)])
    assert untouched.any()
    np.testing.assert_array_equal(first.train.groups, second.train.groups)
    name = next(iter(first.train.arrays))
    assert not np.array_equal(
        first.train.arrays[name][untouched], second.train.arrays[name][untouched]
    )


def right(predictions: Any, *, fold: int | None = None) -> float:
    """Share of clips that were named rightly, by the mean over their real segments."""
    asked = (
        ~predictions.oversampled
        if fold is None
        else ~predictions.oversampled & (predictions.fold == fold)
    )
    of_clip = [
        np.flatnonzero(asked & (predictions.clip == each))
        for each in np.unique(predictions.clip[asked])
    ]
    hits = [
        predictions.predicted[rows].mean(0).argmax() == predictions.true[rows[0]]
        for rows in of_clip
    ]
    return float(np.mean(hits))


CHANCE = float(binom.ppf(0.999, SONGS // 2, 1 / CLASSES)) / (SONGS // 2)
"""What one in a thousand guessers reaches on the songs of one fold of two.

Of one fold alone: the songs that one fold asks about are those that the other has learnt from, so
that their hits are not independent of one another.
"""


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS, **by_name)
def test_grouped_what_a_fit_says_is_the_same_to_the_bit_whatever_the_held_out_songs_are(
    system: System,
) -> None:
    data, split = made(system)
    other = with_other_songs_held_out(data, split)
    first, second = (first_training(system, each, split, "grouped") for each in (data, other))
    # An epoch is enough: were a single number of those songs in it, no weight would be the same.
    said = [system.fit(each).predict(data.part.arrays) for each in (first, second)]
    np.testing.assert_array_equal(*said)

    few = np.isin(first.train.groups, sorted(set(first.train.groups))[:6])
    arrays = {
        name: np.where(few.reshape(-1, *[1] * (values.ndim - 1)), values[::-1] + 1, values)
        for name, values in first.train.arrays.items()
    }
    leaking = replace(first, train=replace(first.train, arrays=arrays))
    assert not np.array_equal(system.fit(leaking).predict(data.part.arrays), said[0])


@pytest.mark.parametrize("system", [find_system("nearest"), find_system("svm")], **by_name)
def test_under_the_papers_protocol_labels_that_say_nothing_are_known_by_memory(
    system: System,
) -> None:
    data, split = made(system)
    # Where most of the songs have their other copy among what is learnt.
    assert right(predict_as_paper(system, data, Effort(epochs=1))) > 0.75
    assert right(predict_grouped(system, data, split, Effort(epochs=1)), fold=0) <= CHANCE


def test_arrays_are_not_shared_between_what_is_learnt_and_what_is_asked() -> None:
    """A fit that writes into its arrays changes no later answer."""
    nearest = find_system("nearest")
    data, split = made(nearest)
    before = {name: values.copy() for name, values in data.part.arrays.items()}

    class Vandal:
        parameters = 1

        def __init__(self, training: Training) -> None:
            for values in training.train.arrays.values():
                values[...] = 0

        def predict(self, arrays: Arrays) -> NDArray[np.float64]:
            return np.zeros((len(next(iter(arrays.values()))), CLASSES))

    predict_grouped(replace(nearest, fit=Vandal, prepare=None), data, split, Effort(epochs=1))
    for name, values in data.part.arrays.items():
        np.testing.assert_array_equal(values, before[name])
