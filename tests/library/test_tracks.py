"""What is known of a track from its estimates."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.library.hops import Hops
from realtime_mer.library.rows import COURSE_POINTS, row_of, track_of
from realtime_mer.library.tracks import Point, Track
from realtime_mer.model.card import Calibration
from realtime_mer.summary import Summarizer
from tests.library.made import made_track
from tests.samples import sample_estimate


def track(estimates: list[Estimate]) -> Track:
    summarizer = Summarizer(Calibration())
    summarizer.add(estimates)
    summary = summarizer.summary(path="song.flac", seconds=len(estimates) / 10)
    found = Hops()
    for estimate in estimates:
        found.add(estimate)
    return found.track(summary, model="random")


def hops(valences: list[float], status: Status = Status.MUSIC) -> list[Estimate]:
    return [sample_estimate(seq=i, valence=v, status=status) for i, v in enumerate(valences)]


def test_spread_is_the_standard_deviation_of_the_hops() -> None:
    values = [0.1, 0.3, -0.2, 0.8]
    found = track(hops(values))
    assert found.valence_spread == pytest.approx(np.std(values), abs=1e-6)
    assert found.arousal_spread == 0.0


def test_the_course_is_the_mean_of_equal_parts() -> None:
    values = np.linspace(-1, 1, 200).tolist()
    found = track(hops(values))
    parts = np.reshape(values, (COURSE_POINTS, 10)).mean(axis=1)
    assert found.course.valence == pytest.approx(parts, abs=1e-6)
    assert found.course.arousal == (-0.5,) * COURSE_POINTS


def test_beginning_and_ending_are_a_tenth_each() -> None:
    found = track(hops([-0.5] * 20 + [0.0] * 160 + [0.75] * 20))
    assert found.beginning == Point(valence=-0.5, arousal=-0.5)
    assert found.ending == Point(valence=0.75, arousal=-0.5)
    assert found.mean == Point(valence=found.valence, arousal=found.arousal)


def test_a_part_without_music_lies_between_its_neighbours_and_counts_nowhere_else() -> None:
    before, after = hops([0.0] * 90), hops([1.0] * 90)
    silence = [
        sample_estimate(valence=-1.0, status=Status.SILENCE, level_dbfs=-80.0) for _ in range(20)
    ]
    found = track([*before, *silence, *after])
    assert found.course.valence == pytest.approx([0.0] * 9 + [1 / 3, 2 / 3] + [1.0] * 9, abs=1e-6)
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


@pytest.mark.parametrize("count", [1, 2, 19])
def test_a_short_track_has_a_whole_course(count: int) -> None:
    values = np.linspace(-1, 1, count).tolist()
    found = track(hops(values))
    assert len(found.course.valence) == COURSE_POINTS
    assert found.course.valence[0] == -1.0
    assert sorted(found.course.valence) == list(found.course.valence)


def test_the_level_is_a_mean_of_powers() -> None:
    loud, quiet = sample_estimate(level_dbfs=-10.0), sample_estimate(level_dbfs=-50.0)
    assert track([loud, quiet]).level_dbfs == -13.01


def test_the_quadrant_is_the_most_probable() -> None:
    quadrants = {"Q1": 0.1, "Q2": 0.6, "Q3": 0.2, "Q4": 0.1}
    assert track([sample_estimate(quadrants=quadrants)]).quadrant == "Q2"


def test_no_estimate_is_no_track() -> None:
    with pytest.raises(InputError, match=r"song\.flac is shorter than one hop"):
        track([])


def test_hops_hold_less_than_a_thirtieth_of_what_estimates_do() -> None:
    found = Hops()
    for estimate in hops([0.0] * 10):
        found.add(estimate)
    tracemalloc.start()
    try:
        for i in range(10_000):
            found.add(sample_estimate(seq=i))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 10_010
    assert held < 35 * 10_000  # bytes


def test_a_row_gives_the_track_back_with_courses_as_lists_or_as_json() -> None:
    track = made_track(valence=0.123456)
    row = row_of(track)
    assert track_of(row) == track
    text = {k: json.dumps(v) if isinstance(v, list) else str(v) for k, v in row.items()}
    assert track_of({**text, "music_share": ""}) == track


def test_a_row_says_how_much_of_the_sound_is_music_or_leaves_it_out() -> None:
    track = made_track(music_share=0.75)
    row = row_of(track)
    assert row["music_share"] == 0.75
    assert track_of(row) == track_of({**row, "music_share": "0.75"}) == track
    del row["music_share"]
    assert track_of(row) == made_track()


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("valence", "high", "valence is 'high', not a number"),
        ("valence", "nan", "valence is 'nan', not a number"),
        ("gems.power", None, "the column gems.power is missing"),
        ("path", "", "path is '', not a text"),
        ("valence_course", "[0.1", "valence_course is '.0.1', not a list"),
        ("valence_course", [0.1], "valence_course is not a list of 20 numbers"),
        ("arousal_course", [float("inf")] * 20, "arousal_course is inf, not a number"),
    ],
)
def test_a_row_that_is_damaged_names_its_column(column, value, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        track_of({**row_of(made_track()), column: value})
