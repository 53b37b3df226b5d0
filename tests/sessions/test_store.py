"""Names, listing, finding and deleting."""

import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.sessions.course import Course
from realtime_mer.sessions.deleting import State
from realtime_mer.sessions.store import (
    EVENTS,
    FOLDER_VARIABLE,
    MANIFEST,
    Session,
    create_folder,
    find_session,
    list_sessions,
    sessions_folder,
)
from realtime_mer.wire.protocol import Level, LevelMessage, Marker, ServerMessage
from tests.sessions.sessions import estimates, recorded

NOON = datetime(2026, 1, 2, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("evening", "evening-20260102-123015"),
        ("Mrs. X, 2nd time", "Mrs.-X-2nd-time-20260102-123015"),
        ("../../etc/passwd", "etc-passwd-20260102-123015"),
        ("-rf", "rf-20260102-123015"),
        ("a" * 300, "a" * 80 + "-20260102-123015"),
    ],
)
def test_a_name_is_what_was_asked_for_made_plain_and_the_time(label: str, name: str) -> None:
    assert create_folder(label, now=NOON).name == name


@pytest.mark.parametrize("label", ["", "..", "---", "音楽"])
def test_a_name_without_a_letter_or_digit_is_refused(label: str) -> None:
    with pytest.raises(InputError, match="letter or a digit"):
        create_folder(label, now=NOON)


def test_two_sessions_of_one_second_have_two_names() -> None:
    names = [create_folder("x", now=NOON).name for _ in range(3)]
    assert names == ["x-20260102-123015", "x-20260102-123015-2", "x-20260102-123015-3"]


@pytest.mark.skipif(sys.platform == "win32", reason="folders of users are private there already")
def test_nobody_else_can_look_into_a_session(home: Path) -> None:
    folder = create_folder("x", now=NOON)
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(home.stat().st_mode) == 0o700


def test_without_a_folder_of_ones_own_the_systems_place_for_data_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert sessions_folder().parts[-2:] == ("realtime-mer", "sessions")


def test_sessions_are_listed_by_the_instant_at_which_they_began() -> None:
    recorded([], "b", started_at="2026-10-25T02:30:00.000+02:00")
    recorded([], "a", started_at="2026-10-25T02:15:00.000+01:00")  # 45 minutes later
    names = [session.name[0] for session in list_sessions()[0]]
    assert names == ["b", "a"]


def test_what_is_no_session_is_passed_over_and_a_broken_one_is_named(home: Path) -> None:
    assert list_sessions() == ([], [])
    session = recorded(estimates(1))
    (home / "notes").mkdir()
    (home / "newer").mkdir()
    text = json.loads((session.folder / MANIFEST).read_text())
    (home / "newer" / MANIFEST).write_text(json.dumps({**text, "version": 2}))
    sessions, (problem,) = list_sessions()
    assert [session.name for session in sessions] == [session.name]
    assert (problem.name, problem.state) == ("newer", State.DAMAGED)
    assert "newer" in problem.problem
    assert "version" in problem.problem


def test_a_session_is_found_by_its_name_or_by_what_only_it_begins_with() -> None:
    first, second = recorded([], "monday"), recorded([], "tuesday")
    assert find_session(first.name).folder == first.folder
    assert find_session("tu").folder == second.folder
    with pytest.raises(InputError, match="no session 'x'"):
        find_session("x")
    third = recorded([], "tuesday")
    with pytest.raises(InputError, match=r"fits 2 sessions .*give more"):
        find_session("tuesday")
    assert find_session(third.name).folder == third.folder


@given(st.sampled_from(["..", ".", "", "/", "../x", "a/b", "*", "[a]", "a*", "a\\b", "a\0b"]))
def test_a_name_never_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(InputError, match="no name of a session"):
        find_session(name)


def test_deleting_deletes_every_file_and_nothing_else(home: Path) -> None:
    session, other = recorded(estimates(3), "a"), recorded(estimates(3), "b")
    (session.folder / "audio.flac").write_bytes(b"sound")
    session.delete()
    assert os.listdir(home) == [other.name]
    assert len(list(other.estimates())) == 3


def test_a_session_without_events_yet_is_empty() -> None:
    session = recorded([])
    (session.folder / EVENTS).unlink()
    assert list(Session(session.folder).messages()) == []


def test_a_folder_without_a_manifest_is_no_session(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no session"):
        Session(tmp_path)


def test_rows_tell_what_the_estimates_do_and_count_what_is_damaged_alike() -> None:
    session = recorded(
        [
            *estimates(3, xruns=2, wall_time=None),
            LevelMessage(t=0.3, level_dbfs=-3.0, peak_dbfs=-0.5, mel=(0, 255)),
            Marker(label="here", t=0.3),
        ]
    )
    good = (session.folder / EVENTS).read_text(encoding="utf-8")
    line, *_, level, _ = good.splitlines()
    broken = [
        "{",
        '{"type": "estimate"}',
        line.replace('"xruns":2', '"xruns":-1'),
        line.replace('"valence":0.25', '"valence":NaN'),
        line.replace('"status":"music"', '"status":"joy"'),
        level.replace('"peak_dbfs":-0.5', '"peak_dbfs":"loud"'),
    ]
    assert len({line, level, *broken}) == 8
    with (session.folder / EVENTS).open("a", encoding="utf-8") as file:
        file.write("".join(f"{one}\n" for one in broken))
    others: list[ServerMessage | Level] = []
    rows = list(session.rows(others=others.append))
    assert session.damaged == len(broken)
    whole = list(session.messages())
    assert session.damaged == len(broken)
    assert others == [
        Level(t=one.t, level_dbfs=one.level_dbfs, peak_dbfs=one.peak_dbfs)
        if isinstance(one, LevelMessage)
        else one
        for one in whole
        if not isinstance(one, Estimate)
    ]
    told = [one.to_dict() for one in session.estimates()]
    for row, one in zip(rows, told, strict=True):
        assert vars(row) == {name: one[name] for name in vars(row)}
    course = Course.of(rows, hop=0.1)
    for name, values in vars(Course.of(session.estimates(), hop=0.1)).items():
        np.testing.assert_array_equal(getattr(course, name), values)
