"""What is deleted is gone, or is shown as not yet gone, whatever breaks a deletion off."""

import errno
import json
import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from realtime_mer.audio.ring import RingBuffer
from realtime_mer.errors import InputError
from realtime_mer.sessions import deleting, lock
from realtime_mer.sessions.deleting import State, begun_by_name
from realtime_mer.sessions.lock import LOCK, is_recorded
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.store import AUDIO, MANIFEST, create_folder, find_session, list_sessions
from realtime_mer.writing import locks
from tests.command_line import call, noise
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.sessions.sessions import NOW, PASSPHRASE, begin, estimates, manifest, recorded

STAMPED = "friday-20200102-193000"


def broken_off(action: str, way: str, home: Path) -> list[dict[str, Any]]:
    """Return what became of a session for every step at which an action was broken off."""
    command = [sys.executable, "-m", "tests.sessions.breaking", action, way, str(home)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) > 8
    assert results[-1]["status"] == 0  # the last one was not broken off
    return results


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("action", "way"),
    [
        ("delete", "kill"),
        ("delete", "refuse"),
        pytest.param("delete", "refuse-once", marks=pytest.mark.slow),
        pytest.param("delete-by-age", "kill", marks=pytest.mark.slow),
        pytest.param("delete-by-age", "refuse-once", marks=pytest.mark.slow),
        ("record", "kill"),
        pytest.param("record", "refuse", marks=pytest.mark.slow),
        ("record", "refuse-once"),
    ],
)
def test_whatever_breaks_off_at_any_step_what_is_left_is_listed_and_can_be_deleted(
    tmp_path: Path, action: str, way: str
) -> None:
    for result in broken_off(action, way, tmp_path / "sessions"):
        assert result["killed"] == (way == "kill" and result["broke"])
        assert len(result["listed"]) == len(result["left"])
        assert (result["again"], result["left_again"]) == (0, [])
        if action != "record" and result["status"] == 0:
            assert result["left"] == []  # nothing is said to be deleted that is not
        told = result["err"].replace("Reading the sessions ...\n", "")
        if result["status"] == 1:
            assert told.startswith("realtime-mer: ") or action == "record"
        assert told.count("\n") <= 1  # no traceback


def test_a_file_that_cannot_be_removed_keeps_nothing_else_and_the_session_in_the_list(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = recorded(estimates(3))
    (session.folder / AUDIO).write_bytes(b"a voice")
    (session.folder / "stuck").write_bytes(b"")
    unlink = Path.unlink

    def refuse(self: Path, missing_ok: bool = False) -> None:
        if self.name == "stuck":
            raise PermissionError(1, "Operation not permitted", str(self))
        unlink(self, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        complaint = call(capsys, "sessions", "delete", session.name).complaint()
    assert f"{session.name} is not wholly deleted" in complaint
    assert "Operation not permitted" in complaint
    listed = call(capsys, "sessions", "list")
    _, line = listed.out.splitlines()
    assert line.split() == [session.name, "-", "-", "-", "-", "deleting", "-", "-"]
    assert f"sessions delete {session.name}` goes on" in listed.err
    (left,) = list_sessions()[1]
    assert os.listdir(left.folder) == ["stuck"]
    with pytest.raises(InputError, match="was deleted"):
        find_session(session.name)
    assert call(capsys, "sessions", "delete", session.name).out == f"deleted {session.name}\n"
    assert list_sessions() == ([], [])


def test_one_session_that_cannot_be_deleted_keeps_no_other(
    capsys, home: Path, tmp_path: Path
) -> None:
    first, last = recorded([], "a"), recorded([], "z")
    (tmp_path / "elsewhere").mkdir()
    (home / f"linked-{STAMPED}").symlink_to(tmp_path / "elsewhere")
    result = call(capsys, "sessions", "delete", "--older-than", 0)
    assert result.code == 1
    assert result.out == f"deleted {first.name}\ndeleted {last.name}\n"
    (line,) = result.remarks()
    assert line.startswith(f"realtime-mer: linked-{STAMPED} is a link")


def test_a_link_to_a_session_is_shown_as_one_and_what_it_leads_to_is_not_touched(
    capsys, home: Path, tmp_path: Path
) -> None:
    session = recorded(estimates(2))
    moved = tmp_path / "moved"
    session.folder.rename(moved)
    (home / "evening").symlink_to(moved)
    before = sorted(os.listdir(moved))
    _, line = call(capsys, "sessions", "list").out.splitlines()
    assert line.split()[5] == "link"
    for command in ("show", "export", "report", "replay", "delete"):
        complaint = call(capsys, "sessions", command, "evening").complaint()
        assert "links are not followed" in complaint
    assert sorted(os.listdir(moved)) == before
    assert (home / "evening").is_symlink()


def test_links_inside_a_session_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("hers")
    session = recorded([])
    (session.folder / "folder").symlink_to(outside)
    (session.folder / "file").symlink_to(outside / "file")
    session.delete()
    assert list_sessions() == ([], [])
    assert (outside / "file").read_text() == "hers"


@pytest.mark.parametrize("file", ["events.jsonl", "audio.flac", "audio.flac.sealed", None])
def test_a_folder_without_a_manifest_is_listed_and_deleted_if_it_is_of_a_session(
    capsys, home: Path, file: str | None
) -> None:
    name = STAMPED if file is None else "named otherwise"
    (home / name).mkdir(parents=True)
    if file is not None:
        (home / name / file).write_bytes(b"a voice")
    (home / "notes").mkdir()
    (left,) = list_sessions()[1]
    assert (left.name, left.state) == (name, State.UNFINISHED)
    assert "unfinished" in call(capsys, "sessions", "list").out
    assert call(capsys, "sessions", "delete", name).out == f"deleted {name}\n"
    assert os.listdir(home) == ["notes"]
    assert "no session 'notes'" in call(capsys, "sessions", "delete", "notes").complaint()


def test_what_cannot_be_opened_is_deleted_by_the_age_in_its_name_or_named(
    capsys, home: Path
) -> None:
    (home / STAMPED).mkdir(parents=True)
    (home / "undated").mkdir()
    (home / "undated" / MANIFEST).write_text("{}")
    young = recorded([], "young")
    (young.folder / MANIFEST).write_text("{}")
    result = call(capsys, "sessions", "delete", "--older-than", 30)
    assert (result.code, result.out) == (1, f"deleted {STAMPED}\n")
    (line,) = result.remarks()
    assert line.startswith("realtime-mer: undated was kept")
    assert sorted(os.listdir(home)) == ["undated", young.name]


@pytest.mark.parametrize("days", ["1e6", "1e9", "inf"])
def test_nothing_is_older_than_all_days_there_are(capsys, home: Path, days: str) -> None:
    session = recorded([], "old")
    result = call(capsys, "sessions", "delete", "--older-than", days)
    assert (result.code, result.out, result.remarks()) == (0, "", [])
    assert session.folder.exists()


def test_what_an_earlier_deletion_left_of_the_same_name_goes_too(home: Path) -> None:
    session = recorded([sample_estimate()])
    grave = home / f".deleting-{session.name}"
    grave.mkdir()
    (grave / AUDIO).write_bytes(b"a voice")
    session.delete()
    assert os.listdir(home) == []


def test_a_name_with_blanks_or_without_a_stamp_can_be_deleted(capsys, home: Path) -> None:
    session = recorded(estimates(1))
    session.folder.rename(home / "friday (copy)")
    assert "estimates: 1" in call(capsys, "sessions", "show", "friday (copy)").out
    assert call(capsys, "sessions", "delete", "friday (copy)").code == 0
    assert os.listdir(home) == []


@pytest.mark.parametrize("mode", ["plain", "encrypted"])
def test_a_session_is_not_deleted_while_it_is_recorded_and_is_after_a_crash(
    capsys, home: Path, mode: str
) -> None:
    home.mkdir()
    command = [sys.executable, "-m", "tests.sessions.crash", str(home / STAMPED), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdout is not None
        recorder.stdout.readline()
        before = set(os.listdir(home / STAMPED))
        for named in (STAMPED,), ("--older-than", "0"):
            complaint = call(capsys, "sessions", "delete", *named).complaint()
            assert f"{STAMPED} is being recorded at this moment" in complaint
        assert set(os.listdir(home / STAMPED)) >= before
        recorder.kill()
    assert call(capsys, "sessions", "delete", STAMPED).out == f"deleted {STAMPED}\n"
    assert os.listdir(home) == []


def test_a_session_that_has_ended_can_be_deleted_though_its_recorder_still_runs(capsys) -> None:
    recorder = begin(wait=True)
    assert is_recorded(recorder.folder)
    recorder.close()
    assert not is_recorded(recorder.folder)
    assert not (recorder.folder / LOCK).exists()
    assert call(capsys, "sessions", "delete", recorder.name).code == 0


def test_a_file_system_without_locks_keeps_nobody_from_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(handle: int, *, wait: bool) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "_take", refuse)
    with begin(wait=True) as recorder:
        recorder.record(sample_estimate())
        assert not is_recorded(recorder.folder)
    assert recorder.failures == ()


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be taken away there")
@pytest.mark.parametrize("sealed", [False, True])
def test_a_recording_whose_files_are_taken_away_stops_and_says_so(
    tmp_path: Path, sealed: bool
) -> None:
    key = Key.new(PASSPHRASE, n=2**10) if sealed else None
    folder = create_folder("x", now=NOW)
    recording = Recording(folder, manifest(folder, audio=AUDIO), wait=True, key=key)
    ring = RingBuffer(24_000)
    recording.record_sound(ring, rate=24_000, start=0)
    folder.rename(tmp_path / "elsewhere")
    for seq in count():
        recording.events.record(sample_estimate(seq=seq))
        ring.write(noise(0.1)[:, 0])
        if not (recording.state.estimates or recording.state.sound):
            break
        assert seq < 100 * PATIENCE_S
        time.sleep(0.01)
    assert "taken away" in " ".join(recording.failures)
    recording.close()
    assert "the end of the session could not be noted" in recording.failures[-1]


@pytest.mark.parametrize("name", ["friday", "friday-20260631-120000", "x-00000101-000000", ""])
def test_a_name_without_a_time_tells_none(name: str) -> None:
    assert begun_by_name(name) is None


def test_a_name_tells_when_a_session_began() -> None:
    for name in (STAMPED, f"{STAMPED}-2"):
        begun = begun_by_name(name)
        assert begun is not None
        assert begun.tzinfo is not None
        assert (begun.year, begun.hour, begun.minute) == (2020, 19, 30)


def test_what_the_disk_did_not_confirm_is_told_as_such(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = recorded([])
    calls = []

    def refuse(folder: Path) -> None:
        calls.append(folder)
        if len(calls) == 2:  # after the last file is gone
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(deleting, "sync_folder", refuse)
    complaint = call(capsys, "sessions", "delete", session.name).complaint()
    assert f"{session.name} is removed, but the disk did not confirm that" in complaint
    assert list_sessions() == ([], [])


@pytest.mark.parametrize("sealed", [False, True])
def test_a_session_ends_though_closing_its_lock_fails(
    monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    key = Key.new(PASSPHRASE, n=2**10) if sealed else None
    recorder = begin(wait=True, key=key)
    close = os.close

    def refuse(handle: int) -> None:
        close(handle)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(lock.os, "close", refuse)
        recorder._lock.release()
    recorder.close()
    assert recorder.failures == ()
    assert not is_recorded(recorder.folder)
