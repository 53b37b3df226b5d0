"""What is told of a track from its estimates."""

from dataclasses import replace

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.library.describing import describe
from realtime_mer.library.tracks import COURSE_EVERY_S, TYPICAL_S, Point, Track
from realtime_mer.model.card import Calibration
from realtime_mer.sessions.course import Course as Hops
from realtime_mer.summary import Summarizer
from tests.library.made import made_sound, made_track
from tests.samples import sample_estimate

HOP = 0.1
PART = round(COURSE_EVERY_S / HOP)  # hops


def track(estimates: list[Estimate]) -> Track:
    """Return what is told of estimates that follow each other, wherever they say they were."""
    placed = [replace(one, seq=i, t=round((i + 1) * HOP, 6)) for i, one in enumerate(estimates)]
    summarizer = Summarizer(Calibration())
    summarizer.add(placed)
    summary = summarizer.summary(path="song.flac", seconds=len(placed) * HOP)
    sound = made_sound("song", loudness_lufs=-14.5)
    return describe(Hops.of(placed, hop=HOP), summary, sound=sound, model="random")


def hops(valences: list[float], status: Status = Status.MUSIC) -> list[Estimate]:
    return [sample_estimate(seq=i, valence=v, status=status) for i, v in enumerate(valences)]


def test_spread_is_the_standard_deviation_of_the_hops() -> None:
    values = [0.1, 0.3, -0.2, 0.8]
    found = track(hops(values))
    assert found.valence_spread == pytest.approx(np.std(values), abs=1e-6)
    assert found.arousal_spread == 0.0


def test_the_course_has_a_mean_every_two_seconds() -> None:
    values = np.linspace(-1, 1, 200).tolist()
    found = track(hops(values))
    parts = np.reshape(values, (10, PART)).mean(axis=1)
    assert found.course.every_s == COURSE_EVERY_S
    assert found.course.valence == pytest.approx(parts, abs=1e-6)
    assert found.course.arousal == (-0.5,) * 10


def test_beginning_and_ending_are_a_tenth_each() -> None:
    found = track(hops([-0.5] * 20 + [0.0] * 160 + [0.75] * 20))
    assert found.beginning == Point(valence=-0.5, arousal=-0.5)
    assert found.ending == Point(valence=0.75, arousal=-0.5)
    assert found.mean == Point(valence=found.valence, arousal=found.arousal)


def test_a_part_without_music_lies_between_its_neighbours_and_counts_nowhere_else() -> None:
    before, after = hops([0.0] * 4 * PART), hops([1.0] * 4 * PART)
    silence = [
        sample_estimate(valence=-1.0, status=Status.SILENCE, level_dbfs=-80.0)
        for _ in range(2 * PART)
    ]
    found = track([*before, *silence, *after])
    assert found.course.valence == pytest.approx([0.0] * 4 + [1 / 3, 2 / 3] + [1.0] * 4, abs=1e-6)
    assert found.valence_spread == 0.5
    assert found.level_dbfs == -20.0


def test_talk_counts_nowhere_but_in_the_share_of_music() -> None:
    talk = hops([-1.0] * 50, status=Status.NO_MUSIC)
    told = [replace(one, music=0.9) for one in hops([0.5] * 150)]
    found = track([*told, *(replace(one, music=0.1, level_dbfs=-5.0) for one in talk)])
    assert (found.music_share, found.valence, found.valence_spread) == (0.75, 0.5, 0.0)
    assert found.level_dbfs == -20.0


def test_without_music_all_hops_count() -> None:
    found = track(hops([0.0, 1.0], status=Status.WARMING_UP))
    assert (found.valence, found.valence_spread) == (0.5, 0.5)


@pytest.mark.parametrize(("count", "parts"), [(1, 1), (PART, 1), (PART + 1, 2), (5 * PART, 5)])
def test_the_last_part_of_a_course_may_be_short(count: int, parts: int) -> None:
    values = np.linspace(-1, 1, count).tolist()
    found = track(hops(values))
    assert len(found.course.valence) == len(found.course.arousal) == parts
    assert found.course.valence[-1] == pytest.approx(np.mean(values[(parts - 1) * PART :]))
    assert found.beginning.valence == found.course.valence[0]
    assert found.ending.valence == found.course.valence[-1]


def test_the_level_is_a_mean_of_powers() -> None:
    loud, quiet = sample_estimate(level_dbfs=-10.0), sample_estimate(level_dbfs=-50.0)
    assert track([loud, quiet]).level_dbfs == -13.01


def test_the_quadrant_is_the_most_probable() -> None:
    quadrants = {"Q1": 0.1, "Q2": 0.6, "Q3": 0.2, "Q4": 0.1}
    assert track([sample_estimate(quadrants=quadrants)]).quadrant == "Q2"


def test_no_estimate_is_no_track() -> None:
    with pytest.raises(InputError, match=r"song\.flac is shorter than one hop"):
        track([])


# -- words, sections, the typical part -------------------------------------------------------------


def calm_then_excited(calm_s: float, excited_s: float) -> list[Estimate]:
    calm, excited = round(calm_s / HOP), round(excited_s / HOP)
    return [*[sample_estimate(mood="calm")] * calm, *[sample_estimate(mood="excited")] * excited]


def test_words_have_the_shares_of_the_hops_that_they_were_said_of() -> None:
    found = track(calm_then_excited(30, 10))
    assert found.moods == {"calm": 0.75, "excited": 0.25}
    assert list(found.moods) == ["calm", "excited"]  # the largest first


def test_two_words_that_were_said_at_once_have_half_of_the_hop_each() -> None:
    between = sample_estimate(valence=0.05, quadrants={"Q1": 0.0, "Q2": 0.0, "Q3": 0.5, "Q4": 0.5})
    assert len(between.words) == 2
    assert track([between] * 50).moods == dict.fromkeys(between.words, 0.5)


def test_a_track_turns_where_its_mood_changes_for_long() -> None:
    found = track([*calm_then_excited(40, 20), *calm_then_excited(2, 18)])
    assert found.turns == (40.0,)
    assert [section.mood for section in found.sections] == ["calm", "excited"]
    assert (found.sections[0].start, found.sections[-1].end) == (0.0, 80.0)
    calm = sample_estimate(mood="calm")
    assert found.sections[0].valence == pytest.approx(calm.valence)
    assert found.sections[0].arousal == pytest.approx(calm.arousal)


def test_warming_up_belongs_to_what_follows_and_is_no_turn() -> None:
    warming = [sample_estimate(mood="excited", status=Status.WARMING_UP)] * 30
    found = track([*warming, *calm_then_excited(40, 20)])
    assert found.turns == (43.0,)
    assert found.sections[0].start == 0.0
    assert found.sections[0].mood == "calm"


def test_what_is_no_music_is_one_section_without_a_mood_and_no_turn() -> None:
    silence = [sample_estimate(status=Status.SILENCE)] * 50
    talk = [sample_estimate(status=Status.NO_MUSIC)] * 50
    found = track([*silence, *talk, *calm_then_excited(20, 20), *silence])
    assert [section.mood for section in found.sections] == ["", "calm", "excited", ""]
    assert found.sections[0].end == found.sections[1].start == 10.0
    assert found.sections[0].valence is None
    assert found.turns == (30.0,)


@pytest.mark.parametrize("status", [Status.SILENCE, Status.NO_SIGNAL, Status.TOO_QUIET])
def test_of_what_is_silent_throughout_nothing_is_music(status: Status) -> None:
    assert track([sample_estimate(status=status)] * 50).music_share == 0


def test_of_music_that_no_model_told_from_other_sound_the_share_is_not_known() -> None:
    assert track(hops([0.1] * 50)).music_share is None


def test_a_track_shorter_than_the_warm_up_has_no_section() -> None:
    found = track([sample_estimate(status=Status.WARMING_UP)] * 10)
    assert (found.sections, found.turns) == ((), ())


def test_the_typical_part_is_the_one_that_lies_nearest_to_the_mean() -> None:
    extremes = [hops([value] * 400) for value in (-0.9, 0.0, 0.9)]
    found = track([one for part in extremes for one in part])
    assert 40.0 <= found.typical_s <= 80.0 - TYPICAL_S


def test_the_typical_part_holds_as_much_music_as_any() -> None:
    talk = hops([0.0] * 350, status=Status.NO_MUSIC)  # of which nothing is known
    found = track([*talk, *hops([-0.5] * 350), *hops([0.5] * 350)])
    assert found.typical_s >= 35.0


def test_a_short_track_is_typical_from_its_beginning() -> None:
    assert track(hops([0.1] * 100)).typical_s == 0.0


def test_the_loudness_and_the_hash_are_those_of_the_sound() -> None:
    found = track(hops([0.1] * 100))
    assert (found.loudness_lufs, found.sound) == (-14.5, made_sound("song").sha256)


def test_the_interval_is_that_of_nine_tenths_of_a_normal_distribution_on_the_scale() -> None:
    found = made_track(valence=0.1, valence_sd=0.2, arousal=-0.9, arousal_sd=0.3)
    assert found.valence_interval == pytest.approx((0.1 - 1.6449 * 0.2, 0.1 + 1.6449 * 0.2))
    assert found.arousal_interval == pytest.approx((-1.0, -0.9 + 1.6449 * 0.3))
