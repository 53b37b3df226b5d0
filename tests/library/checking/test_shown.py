"""Numbers on the owner's scale: in what is shown, never in what is stored."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from realtime_mer.library.checking.agreement import Measured
from realtime_mer.library.checking.answers import write_answers
from realtime_mer.library.checking.own_scale import Axis, Line, OwnScale
from realtime_mer.library.checking.shown import each_shown, moved, read_scale, read_shown
from realtime_mer.library.rows import row_of
from realtime_mer.library.tables import write_table
from realtime_mer.library.tracks import Section
from realtime_mer.mood import contradictions
from tests.library.checking.made_answers import answers_of, write_scale
from tests.library.made import made_track

TRACKS = [
    made_track(f"/music/{n:02}.mp3", valence=n / 10 - 1, arousal=1 - n / 10, model_sha256="ab")
    for n in range(21)
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_table(tmp_path / "table.csv", TRACKS)
    return tmp_path / "table.csv"


def test_what_is_shown_moves_and_says_so_while_the_table_stays(table: Path, tmp_path: Path) -> None:
    scale = write_scale(tmp_path / "a.json", TRACKS, offset=0.2, slope=0.5)
    before = table.read_bytes()
    shown = read_shown(table, scale)
    assert table.read_bytes() == before
    for track, own in zip(TRACKS, shown, strict=True):
        assert own.valence == pytest.approx(0.2 + 0.5 * track.valence, abs=1e-5)
        assert own.valence_sd == pytest.approx(0.5 * track.valence_sd, abs=1e-5)
        assert (own.arousal, own.arousal_sd) == (track.arousal, track.arousal_sd)
        assert own.beginning.valence == pytest.approx(0.2 + 0.5 * track.valence, abs=1e-5)
        assert own.gems == track.gems
        assert own.scale == "own scale: valence +0.20 +0.50 m"
        assert (own.path, own.seconds, own.moods) == (track.path, track.seconds, {})
    assert shown == list(each_shown(table, scale))
    (own, track) = moved(TRACKS[3], read_scale(scale)), TRACKS[3]
    assert own.course is not None
    assert own.course.valence == (shown[3].valence,) * 20
    assert own.course.every_s == track.course.every_s


def test_without_a_scale_everything_is_as_it_is_stored(table: Path) -> None:
    shown = read_shown(table, None)
    assert [track.scale for track in shown] == [""] * len(TRACKS)
    assert [track.valence for track in shown] == [track.valence for track in TRACKS]


def test_what_is_on_a_scale_cannot_be_stored(tmp_path: Path) -> None:
    scale = write_scale(tmp_path / "a.json", TRACKS)
    own = moved(TRACKS[3], read_scale(scale))
    with pytest.raises(ValueError, match="own scale"):
        row_of(own)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-0.5, 0.5), st.floats(0.2, 2))
def test_words_and_quadrants_agree_with_where_a_track_then_lies(
    valence, arousal, offset, slope
) -> None:
    line = Line(
        offset=Measured(value=offset, low=offset, high=offset),
        slope=Measured(value=slope, low=slope, high=slope),
        count=20,
    )
    axis = Axis(line=line, refused="")
    scale = OwnScale(valence=axis, arousal=axis, models=("",))
    section = Section(start=0, end=9, mood="sad", valence=valence, arousal=arousal)
    silent = Section(start=9, end=10, mood="", valence=None, arousal=None)
    own = moved(made_track(valence=valence, arousal=arousal, sections=(section, silent)), scale)
    assert sum(own.quadrants.values()) == pytest.approx(1, abs=1e-5)
    assert own.quadrants[own.quadrant] == max(own.quadrants.values())
    assert contradictions(
        own.words, valence=own.valence, arousal=own.arousal, quadrants=own.quadrants
    ) == []  # fmt: skip
    first, last = own.sections
    assert (first.valence, first.arousal) == (own.valence, own.arousal)
    assert (first.mood, last) == (own.mood, silent)


def test_a_table_of_another_model_is_refused(table: Path, tmp_path: Path) -> None:
    others = [replace(track, model_sha256="cd") for track in TRACKS]
    scale = write_scale(tmp_path / "a.json", others)
    with pytest.raises(InputError, match="as another model heard it"):
        read_shown(table, scale)


def test_answers_that_mean_nothing_give_no_scale(table: Path, tmp_path: Path) -> None:
    write_answers(tmp_path / "a.json", answers_of(TRACKS, lambda track: (0.0, track.arousal)))
    with pytest.raises(InputError, match=r"no scale of your own: valence: your .*; arousal: it"):
        read_shown(table, tmp_path / "a.json")
