"""What a committee says of sounds: in whose words, from whom it learnt, of what it keeps silent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from training.corpora import Clip
from training.features.cache import FeatureStore
from training.features.tagger import CLASSES
from training.features.tagger import EMBEDDING as HIDDEN
from training.features.teacher import EMBEDDING
from training.learn.committee import AFFECT, GEMS, QUADRANT, WIDTH, Committee, Voter, fit_committee
from training.learn.ridge import GAUSSIAN, KERNELS, LINEAR

TEACHERS = ("musicnn", "tagger")
ROW = EMBEDDING + HIDDEN + CLASSES
ONE_EAR = Voter(("musicnn",), LINEAR)
OTHER_EAR = Voter(("tagger",), LINEAR)


def _clips(count: int = 24, *, corpora: tuple[str, ...] = ("grekow",)) -> list[Clip]:
    random = np.random.default_rng(0)
    clips = []
    for n in range(count):
        valence, arousal = random.uniform(-0.8, 0.8, 2)
        labels = {
            "grekow": {"valence": valence, "arousal": arousal},
            "panda4q": {"quadrant": (3 if valence > 0 else 2) if arousal < 0 else int(valence < 0)},
            "emotify": {"gems": tuple(0.5 + 0.4 * valence for _ in range(9))},
            "free-music": {},
        }
        clips += [
            Clip(
                corpus=corpus,
                id=f"{n} {valence:+.2f} {arousal:+.2f}",
                path=Path(),
                seconds=9.0,
                group=f"group {n // 2}",
                **labels[corpus],
            )
            for corpus in corpora
        ]
    return clips


def _store(clips: list[Clip], *, windows: int = 3) -> FeatureStore:
    """MusiCNN's first number tells valence, and the tagger's first arousal."""
    random = np.random.default_rng(1)
    rows, spans = [], {}
    for number, clip in enumerate(clips):
        valence, arousal = map(float, clip.id.split()[1:])
        own = np.zeros((windows, ROW))
        own[:, 0], own[:, EMBEDDING] = 1 + valence, arousal
        for start in (0, EMBEDDING):
            own[:, start : start + 4] += 0.05 * random.standard_normal((windows, 4))
        rows.append(own.astype(np.float16))
        spans[clip.key] = (0, number * windows, (number + 1) * windows)
    return FeatureStore((np.concatenate(rows),), spans, {})


def _fit(clips: list[Clip], store: FeatureStore, *of: Voter) -> Committee:
    return fit_committee(clips, store, teachers=TEACHERS, reference="grekow", of=of)


def _rated(clips: list[Clip], axis: str) -> list[float]:
    return [getattr(clip, axis) for clip in clips]


def test_it_hears_what_one_teacher_alone_does_not() -> None:
    clips = _clips(48)
    store = _store(clips)
    learnt, held = clips[:32], clips[32:]
    sounds = [store[clip.key] for clip in held]
    both = _fit(learnt, store, Voter(TEACHERS, LINEAR)).of_sounds(sounds)
    for number, axis in enumerate(("valence", "arousal")):
        assert np.corrcoef(both[:, number], _rated(held, axis))[0, 1] > 0.9
    one = _fit(learnt, store, ONE_EAR).of_sounds(sounds)
    assert np.corrcoef(one[:, 0], _rated(held, "valence"))[0, 1] > 0.9
    assert abs(np.corrcoef(one[:, 1], _rated(held, "arousal"))[0, 1]) < 0.6


def test_its_answer_is_the_mean_of_its_voters() -> None:
    clips = _clips()
    store = _store(clips)
    sounds = [store[clip.key] for clip in clips]
    apart = [_fit(clips, store, voter).of_sounds(sounds) for voter in (ONE_EAR, OTHER_EAR)]
    together = _fit(clips, store, ONE_EAR, OTHER_EAR).of_sounds(sounds)
    np.testing.assert_allclose(together[:, AFFECT], np.mean(apart, axis=0)[:, AFFECT])


def test_what_nobody_rated_it_does_not_say() -> None:
    clips = _clips()
    store = _store(clips)
    said = _fit(clips, store, ONE_EAR).of_sounds([store[clips[0].key]])
    assert said.shape == (1, WIDTH)
    assert np.isfinite(said[:, AFFECT]).all()
    assert np.isnan(said[:, QUADRANT]).all()
    assert np.isnan(said[:, GEMS]).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_quadrants_are_probabilities_whatever_votes(kernel: str) -> None:
    clips = _clips(corpora=("panda4q",))
    store = _store(clips)
    said = _fit(clips, store, Voter(TEACHERS, kernel)).of_sounds(
        [store[clip.key] for clip in clips]
    )
    np.testing.assert_allclose(said[:, QUADRANT].sum(1), 1, atol=1e-6)
    assert (said[:, QUADRANT] >= 0).all()
    true = [clip.quadrant for clip in clips]
    assert np.mean(said[:, QUADRANT].argmax(1) == true) > 0.6


def test_a_quadrant_that_no_clip_bears_gets_next_to_nothing() -> None:
    clips = [clip for clip in _clips(corpora=("panda4q",)) if clip.quadrant != 1]
    store = _store(clips)
    said = _fit(clips, store, Voter(TEACHERS, GAUSSIAN)).of_sounds(
        [store[clip.key] for clip in clips]
    )
    assert (said[:, QUADRANT][:, 1] < 0.01).all()
    np.testing.assert_allclose(said[:, QUADRANT].sum(1), 1)


def test_the_references_quadrants_are_not_learnt_beside_its_ratings() -> None:
    clips = [replace(clip, quadrant=n % 4) for n, clip in enumerate(_clips())]
    store = _store(clips)
    said = _fit(clips, store, ONE_EAR).of_sounds([store[clips[0].key]])
    assert np.isnan(said[:, QUADRANT]).all()


def test_windows_are_answered_each_with_its_neighbours_and_in_their_own_sound() -> None:
    clips = _clips()
    store = _store(clips)
    committee = _fit(clips, store, ONE_EAR)
    steady = np.repeat(store[clips[0].key][:1], 5, axis=0)
    other = np.repeat(store[clips[1].key][:1], 4, axis=0)
    (whole,) = committee.of_sounds([steady])
    first, nothing, second = committee.of_windows([steady, steady[:0], other])
    np.testing.assert_allclose(first[:, AFFECT], np.repeat(whole[None, AFFECT], 5, axis=0))
    assert nothing.shape == (0, WIDTH)
    np.testing.assert_allclose(second[0, AFFECT], committee.of_sounds([other])[0, AFFECT])
    turned = np.concatenate((steady, other))
    (moved,) = committee.of_windows([turned])
    same = np.isclose(moved[:, 0], np.concatenate((first, second))[:, 0])
    assert same.tolist() == [True] * 4 + [False] * 2 + [True] * 3


def test_a_voter_of_a_teacher_that_is_not_there_is_refused() -> None:
    clips = _clips()
    with pytest.raises(InputError, match="mtt_musicnn"):
        _fit(clips, _store(clips), Voter(("mtt_musicnn",), LINEAR))
