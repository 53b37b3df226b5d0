"""A session that was damaged or forged costs no other, and leads nowhere else."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from realtime_mer.sessions.deleting import State
from realtime_mer.sessions.sealing import Key, sealed_path
from realtime_mer.sessions.store import AUDIO, EVENTS, MANIFEST, Session, list_sessions
from tests.command_line import call
from tests.sessions.sessions import PASSPHRASE, begin, estimates, recorded

SECRET = "root:x:0:0"


def change(session: Session, **changes: Any) -> None:
    path = session.folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


FORGED = [
    {"started_at": "yesterday"},
    {"started_at": "2026-01-01T12:00:00"},
    {"started_at": "0001-01-01T00:00:00+23:59"},
    {"started_at": None},
    {"ended_at": 5},
    {"audio": "../../../../etc/passwd"},
    {"audio": "/etc/passwd"},
    {"audio_start": 10**400},
    {"estimates": -1},
    {"seconds": 1e300},
    {"hello": None},
    {"hello": {"server_version": "1", "model": "m", "hop": 1e-300, "window": 3, "sample_rate": 1}},
    {"hello": {"server_version": "1", "model": "m", "hop": 1, "window": 3, "sample_rate": 10**99}},
    {"settings": []},
    {"format": "another"},
    {"version": 2},
]


@pytest.mark.parametrize("changes", FORGED)
def test_one_bad_manifest_is_listed_as_damaged_and_costs_no_other(
    capsys, changes: dict[str, Any]
) -> None:
    good, bad = recorded([], "good"), recorded(estimates(2), "bad")
    change(bad, **changes)
    listed = call(capsys, "sessions", "list")
    _, *lines = (line.split() for line in listed.out.splitlines())
    assert [line[0] for line in lines] == [good.name, bad.name]
    assert lines[1][5] == "damaged"
    (problem,) = listed.remarks()
    assert bad.name in problem
    assert "cannot be used" in problem
    for command in ("show", "export", "report"):
        assert "cannot be used" in call(capsys, "sessions", command, bad.name).complaint()
    result = call(capsys, "sessions", "delete", "--older-than", 0)
    assert (result.code, len(result.out.splitlines())) == (0, 2)
    assert list_sessions() == ([], [])


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b"null", b"[" * 100_000, b" " * 2**25])
def test_a_manifest_that_is_none_is_one_line(home: Path, text: bytes) -> None:
    session = recorded([])
    (session.folder / MANIFEST).write_bytes(text)
    _, (left,) = list_sessions()
    assert left.state is State.DAMAGED
    assert "\n" not in left.problem


FIELDS = (
    "started_at ended_at hello audio audio_start estimates markers start seconds lost failures "
    "settings model_card name source"
)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(FIELDS.split()),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(),
            st.lists(st.integers()),
            st.dictionaries(st.text(), st.text()),
        ),
        min_size=1,
    )
)
def test_whatever_stands_in_a_manifest_all_sessions_are_listed(changes: dict[str, Any]) -> None:
    sessions, remains = list_sessions()
    session = next((one for one in sessions if isinstance(one, Session)), None)
    if session is None:
        for one in remains:
            one.delete()
        session = recorded([], "x")
    change(session, **changes)
    sessions, remains = list_sessions()
    assert len(sessions) + len(remains) == 1
    for one in sessions:
        assert isinstance(one, Session)
        assert one.totals().estimates >= 0
        assert one.manifest.audio in (None, AUDIO)


@pytest.mark.skipif(sys.platform == "win32", reason="links are for administrators there")
@pytest.mark.parametrize("file", [MANIFEST, EVENTS, AUDIO])
def test_a_link_inside_a_session_is_not_followed(capsys, tmp_path: Path, file: str) -> None:
    session = recorded(estimates(2), audio=AUDIO, ended_at=None)
    path, secret = session.folder / file, tmp_path / "secret"
    whole = path.read_bytes() if path.exists() else b""
    secret.write_bytes(whole + SECRET.encode())
    path.unlink(missing_ok=True)
    path.symlink_to(secret)
    out = tmp_path / "out"
    formats = ("flac",) if file == AUDIO else ("csv", "jsonl", "vtt", "parquet", "audacity")
    for format in formats:
        options = ("--format", format, "--out", out)
        complaint = call(capsys, "sessions", "export", session.name, *options).complaint()
        assert "links are not followed" in complaint
        assert not out.exists() or SECRET.encode() not in out.read_bytes()
    if file != AUDIO:
        for command in ("show", "report", "replay"):
            complaint = call(capsys, "sessions", command, session.name).complaint()
            assert "links are not followed" in complaint
    if file == MANIFEST:
        assert "links are not followed" in call(capsys, "sessions", "list").err
    assert call(capsys, "sessions", "delete", session.name).code == 0
    assert secret.read_bytes() == whole + SECRET.encode()


@pytest.mark.skipif(sys.platform == "win32", reason="links are for administrators there")
def test_a_link_in_the_place_of_sealed_events_is_not_followed(tmp_path: Path) -> None:
    recorder = begin(key=(key := Key.new(PASSPHRASE, n=2**10)))
    recorder.close()
    path = sealed_path(recorder.folder / EVENTS)
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    with pytest.raises(InputError, match="links are not followed"):
        list(Session(recorder.folder, key=key).messages())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(home: Path) -> None:
    session = recorded([])
    (session.folder / MANIFEST).unlink()
    os.mkfifo(session.folder / MANIFEST)
    assert list_sessions()[1][0].state is State.DAMAGED


def test_events_that_cannot_be_read_cost_no_other_session(capsys) -> None:
    good, bad = recorded([], "good"), recorded([], "bad", ended_at=None)
    before = json.loads((bad.folder / MANIFEST).read_text())
    (bad.folder / MANIFEST).write_text(json.dumps({**before, "ended_at": None, "estimates": None}))
    (bad.folder / EVENTS).unlink()
    (bad.folder / EVENTS).mkdir()
    listed = call(capsys, "sessions", "list")
    _, *lines = (line.split() for line in listed.out.splitlines())
    assert [(line[0], line[5]) for line in lines] == [(good.name, "ended"), (bad.name, "damaged")]
    assert bad.name in listed.err


@pytest.mark.parametrize("cost", [{"n": 3}, {"n": 2**16, "r": 1}])
def test_a_key_that_cannot_be_made_is_one_line(
    capsys, monkeypatch: pytest.MonkeyPatch, cost: dict[str, int]
) -> None:
    recorder = begin(key=Key.new(PASSPHRASE, n=2**10))
    recorder.close()
    path = recorder.folder / MANIFEST
    text = json.loads(path.read_text())
    text["derivation"] |= cost
    path.write_text(json.dumps(text))
    monkeypatch.setenv("REALTIME_MER_PASSPHRASE", PASSPHRASE)
    assert "No key can be made" in call(capsys, "sessions", "show", recorder.name).complaint()
    assert call(capsys, "sessions", "delete", recorder.name).code == 0


def test_names_are_printed_as_they_are_and_not_as_markup(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # passes for a terminal
    monkeypatch.setenv("COLUMNS", "200")
    recorded([], pseudonym="[/rear] [out]")
    assert "[/rear] [out]" in call(capsys, "sessions", "list").out
