"""Who learns from what: the papers' leaky divisions, and folds that keep songs together."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from training.corpora import Clip
from training.corpora.splits import draw_split
from training.papers.systems import nearest
from training.papers.systems.features import Segments
from training.papers.systems.system import (
    Arrays,
    Effort,
    PaperSplit,
    Prepared,
    System,
    Training,
    standardise,
    target,
)
from training.papers.trials.protocols import (
    LabelledSegments,
    labelled_segments,
    predict_as_paper,
    predict_grouped,
    task_of,
)

EFFORT = Effort(epochs=1)
SONGS, PIECES = 24, 6


def songs() -> list[Clip]:
    """Songs of twelve artists; their quadrants say nothing of their sound."""
    quadrants = np.random.default_rng(7).permutation([0] * 12 + [1] * 6 + [2] * 6)
    return [
        Clip(
            corpus="made",
            id=f"{n}",
            path=Path(f"{n}.wav"),
            seconds=18.0,
            group=f"artist {n // 2}",
            quadrant=int(quadrants[n]),
            valence=0.1 * (n % 7) - 0.3,
            arousal=0.1 * (n % 5) - 0.2,
        )
        for n in range(SONGS)
    ]


def pieces(clips: list[Clip]) -> Segments:
    """Each song's pieces lie close together and far from every other song's."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(len(clips), 8)) * 10
    rows = (
        np.repeat(centres, PIECES, axis=0) + generator.normal(size=(len(clips) * PIECES, 8)) * 0.1
    )
    spans = {clip.key: (n * PIECES, (n + 1) * PIECES) for n, clip in enumerate(clips)}
    return Segments({"features": rows.astype(np.float32)}, spans, "")


@pytest.fixture
def data() -> LabelledSegments:
    clips = songs()
    return labelled_segments(clips, pieces(clips), "quadrants")


class Spy:
    """A system that remembers what it was shown, and answers with the first class."""

    def __init__(self) -> None:
        self.trainings: list[Training] = []
        self.prepared_from: list[int] = []
        self.parameters = 0

    def __call__(self, training: Training) -> "Spy":
        self.trainings.append(training)
        self.outputs = training.outputs
        return self

    def predict(self, arrays: Arrays) -> NDArray[np.float64]:
        predictions = np.zeros((len(arrays["features"]), self.outputs))
        predictions[:, 0] = 1
        return predictions

    def prepare(self, arrays: Arrays, labels: NDArray[Any]) -> Prepared:
        self.prepared_from.append(len(labels))
        return standardise(arrays, labels)


def system(**changes: object) -> System:
    return replace(nearest.SYSTEMS[0], **changes)


def spied(**changes: object) -> tuple[Spy, System]:
    spy = Spy()
    return spy, system(fit=spy, prepare=spy.prepare, **changes)


def accuracy(predictions: Any, rows: Any = slice(None)) -> float:
    return float((predictions.predicted.argmax(1) == predictions.true)[rows].mean())


def test_one_nearest_neighbour_knows_songs_it_has_met_and_no_others(data: LabelledSegments) -> None:
    split = draw_split(data.clips, folds=4, seed=0)
    leaky = predict_as_paper(system(), data, EFFORT)
    honest = predict_grouped(system(), data, split, EFFORT)
    assert accuracy(leaky) > 0.95
    assert accuracy(honest) < 0.6


@pytest.mark.parametrize("balance", ["smote", "copies", None])
def test_grouped_fits_see_nothing_of_the_groups_they_are_asked_about(
    data: LabelledSegments, balance: str | None
) -> None:
    spy, made = spied(balance=balance)
    split = draw_split(data.clips, folds=4, seed=0)
    predictions = predict_grouped(made, data, split, EFFORT)
    artists = np.array([clip.group for clip in data.clips])
    for fold, training in enumerate(spy.trainings):
        asked = set(artists[predictions.clip[predictions.fold == fold]])
        train, validation = set(training.train.groups), set(training.validation.groups)
        assert train
        assert validation
        assert asked
        assert not train & validation
        assert not (train | validation) & asked
    assert sorted(np.bincount(predictions.clip)) == [PIECES] * SONGS
    assert not predictions.oversampled.any()


def test_grouped_scaling_and_over_sampling_come_from_the_learning_part_alone(
    data: LabelledSegments,
) -> None:
    spy, made = spied(balance="smote")
    predict_grouped(made, data, draw_split(data.clips, folds=4, seed=0), EFFORT)
    assert spy.prepared_from == [len(training.train) for training in spy.trainings]
    for training in spy.trainings:
        counts = np.bincount(training.train.labels)
        assert set(counts[counts > 0]) == {counts.max()}
        np.testing.assert_allclose(training.train.arrays["features"].mean(0), 0, atol=1e-4)
        # Scaled by others' mean and spread, the validation part has not its own.
        assert np.abs(training.validation.arrays["features"].mean(0)).max() > 0.01


def test_the_paper_over_samples_and_scales_everything_before_it_divides(
    data: LabelledSegments,
) -> None:
    spy, made = spied(balance="smote")
    predictions = predict_as_paper(made, data, EFFORT)
    total = 3 * 12 * PIECES
    (training,) = spy.trainings
    assert spy.prepared_from == [total]
    assert len(training.train) == pytest.approx(0.70 * total, abs=2)
    assert len(predictions.true) == pytest.approx(0.15 * total, abs=2)
    assert predictions.oversampled.any()
    artists = np.array([clip.group for clip in data.clips])
    assert set(artists[predictions.clip]) & set(training.train.groups)


def test_points_between_two_segments_bear_the_class_and_a_group_of_their_own(
    data: LabelledSegments,
) -> None:
    spy, made = spied(balance="smote")
    predict_as_paper(made, data, EFFORT)
    classes = {clip.group: set() for clip in data.clips}
    for clip in data.clips:
        classes[clip.group].add(clip.quadrant)
    train = spy.trainings[0].train
    assert all(
        label in classes[group] for label, group in zip(train.labels, train.groups, strict=True)
    )


def test_ten_folds_ask_of_every_clip_once(data: LabelledSegments) -> None:
    split = PaperSplit(unit="clip", leaks="artists", folds=4)
    spy, made = spied(balance=None, split=split)
    predictions = predict_as_paper(made, data, EFFORT)
    assert len(spy.trainings) == 4
    assert sorted(np.bincount(predictions.clip)) == [PIECES] * SONGS
    for fold in range(4):
        clips = set(predictions.clip[predictions.fold == fold])
        assert all(set(predictions.fold[predictions.clip == clip]) == {fold} for clip in clips)


def test_the_paper_may_leave_clips_out_and_the_grouped_protocol_never_does(
    data: LabelledSegments,
) -> None:
    _spy, made = spied(balance=None, keep=lambda clip: clip.quadrant != 2)
    assert 2 not in predict_as_paper(made, data, EFFORT).true
    split = draw_split(data.clips, folds=4, seed=0)
    assert 2 in predict_grouped(made, data, split, EFFORT).true


def test_the_baseline_is_the_commonest_real_class_of_what_was_learnt(
    data: LabelledSegments,
) -> None:
    _, made = spied(balance="smote")
    predictions = predict_grouped(made, data, draw_split(data.clips, folds=4, seed=0), EFFORT)
    assert set(predictions.baseline) == {0}


def test_ratings_are_neither_balanced_nor_stratified() -> None:
    clips = songs()
    data = labelled_segments(clips, pieces(clips), "affect")

    class Mean:
        parameters = 2

        def __init__(self, training: Training) -> None:
            self.mean = training.train.labels.mean(0)
            assert len(training.train) <= SONGS * PIECES

        def predict(self, arrays: Arrays) -> NDArray[np.float64]:
            return np.repeat(self.mean[None], len(arrays["features"]), axis=0)

    made = system(fit=Mean, tasks=("affect",))
    for predictions in (
        predict_as_paper(made, data, EFFORT),
        predict_grouped(made, data, draw_split(clips, folds=4, seed=0), EFFORT),
    ):
        assert predictions.predicted.shape == predictions.true.shape == predictions.baseline.shape
        assert predictions.predicted.shape[1] == 2


def test_folds_of_other_data_are_refused(data: LabelledSegments) -> None:
    split = draw_split(data.clips[:-1], folds=4, seed=0)
    with pytest.raises(InputError, match="made/23"):
        predict_grouped(system(), data, split, EFFORT)


def test_a_class_of_one_segment_is_left_as_it_is() -> None:
    clips = songs()
    clips[0] = replace(clips[0], quadrant=3)
    segments = pieces(clips)
    spans: Mapping[str, tuple[int, int]] = {**segments.spans, clips[0].key: (0, 1)}
    data = labelled_segments(clips, replace(segments, spans=spans), "quadrants")
    predictions = predict_as_paper(system(), data, EFFORT)
    assert set(predictions.true) >= {0, 1, 2}


def test_a_system_learns_the_first_of_its_tasks_that_the_labels_fit() -> None:
    clips = songs()
    assert task_of(system(tasks=("gems", "quadrants")), clips) == "quadrants"
    assert task_of(system(tasks=("affect", "quadrants")), clips) == "affect"
    assert task_of(system(tasks=("gems",)), clips) is None


@pytest.mark.parametrize(
    ("valence", "arousal", "quadrant"),
    [(0.5, 0.5, 0), (-0.5, 0.5, 1), (-0.5, -0.5, 2), (0.5, -0.5, 3), (0.0, 0.5, None)],
)
def test_ratings_give_a_quadrant_counter_clockwise(
    valence: float, arousal: float, quadrant: int | None
) -> None:
    clip = replace(songs()[0], quadrant=None, valence=valence, arousal=arousal)
    assert target(clip, "quadrants") == quadrant


def test_segments_without_a_label_are_left_out() -> None:
    clips = songs()
    clips[3] = replace(clips[3], quadrant=None, valence=None)
    data = labelled_segments(clips, pieces(clips), "quadrants")
    assert len(data.part) == (SONGS - 1) * PIECES
    assert clips[3] not in data.clips
