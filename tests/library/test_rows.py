"""Rows of tables: a track gives one, and gets back from it what it was."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.rows import COLUMNS, NEEDED, row_of, track_of
from realtime_mer.library.tracks import Section, Track
from tests.library.made import made_track, moving

FULL = made_track(
    valence=0.123456,
    copies=("/other.mp3", "/third.ogg"),
    moods={"calm": 0.75, "tired": 0.25},
    music_share=0.75,
    loudness_lufs=-14.2,
    typical_s=41.0,
    sections=(
        Section(start=0.0, end=9.5, mood="", valence=None, arousal=None),
        Section(start=9.5, end=200.0, mood="calm", valence=0.1, arousal=-0.5),
    ),
    model_sha256="0" * 64,
    sound="f" * 64,
)


def texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row as CSV would give it back."""
    return {
        name: "" if value is None else json.dumps(value) if isinstance(value, list) else str(value)
        for name, value in row.items()
    }


@pytest.mark.parametrize("track", [FULL, made_track(), made_track(music_share=0.5)])
def test_a_row_gives_the_track_back_with_lists_as_such_or_as_json(track: Track) -> None:
    row = row_of(track)
    assert tuple(row) == tuple(COLUMNS)
    assert track_of(row) == track_of(texts(row)) == track


def test_a_row_without_a_course_gives_a_track_without_one() -> None:
    track = replace(FULL, course=None)
    assert track_of(row_of(track)) == track_of(texts(row_of(track))) == track


def test_a_row_tells_the_interval_and_every_mood_word() -> None:
    row = row_of(FULL)
    assert (row["valence_low"], row["valence_high"]) == FULL.valence_interval
    assert (row["moods.calm"], row["moods.sad"]) == (0.75, 0.0)
    assert row_of(made_track())["moods.sad"] is None  # of which nothing is known


def test_a_row_of_an_earlier_table_has_what_follows_from_it() -> None:
    course = moving(np.linspace(-0.5, 0.5, 20).tolist(), [0.0] * 20)
    old = row_of(made_track(course=course))
    for name in set(COLUMNS) - NEEDED - {"valence_course", "arousal_course", "mood"}:
        del old[name]
    found = track_of(old)
    assert found == made_track(course=course)
    assert found.course is not None
    assert found.course.every_s == 10.0
    assert found.beginning.valence == pytest.approx(np.mean(course.valence[:2]), abs=1e-6)
    assert found.ending.valence == pytest.approx(np.mean(course.valence[-2:]), abs=1e-6)


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("valence", "high", "valence is 'high', not a number"),
        ("valence", "nan", "valence is 'nan', not a number"),
        ("gems.power", None, "the column gems.power is missing"),
        ("path", "", "path is '', not a text"),
        ("valence_course", "[0.1", "valence_course is '.0.1', not a list"),
        ("valence_course", [], "valence_course is not a list of numbers"),
        ("valence_course", [0.1], "valence_course and arousal_course are not of the same length"),
        ("valence_course", 0.1, "valence_course is not a list of numbers"),
        ("arousal_course", [float("inf")] * 20, "arousal_course is inf, not a number"),
        ("course_s", 0, "course_s is 0.0, not above 0"),
        ("copies", [1], "copies is .1., not a list of texts"),
        ("sections", ["calm"], "sections holds 'calm', which is none"),
        ("sections", [{"mood": "calm", "start": 0}], "the column end is missing"),
        ("typical_s", "soon", "typical_s is 'soon', not a number"),
    ],
)
def test_a_row_that_is_damaged_names_its_column(column, value, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        track_of({**row_of(made_track()), column: value})
