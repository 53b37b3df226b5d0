"""Encryption at rest: only the passphrase opens what is kept, and nothing is changed unseen."""

import io
import os
import sys
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.audio.ring import RingBuffer
from realtime_mer.errors import InputError
from realtime_mer.sessions.manifest import MANIFEST
from realtime_mer.sessions.passphrase import PASSPHRASE_VARIABLE, check_strength, take_passphrase
from realtime_mer.sessions.sealing import Key, SealedReader, SealedWriter, open_sealed, sealed_path
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.sessions.store import (
    AUDIO,
    EVENTS,
    LockedSession,
    Session,
    find_session,
    list_sessions,
    open_session,
)
from realtime_mer.wire.protocol import Marker
from tests.command_line import RATE, TWICE_ROUNDED, call, heard, noise, write_model, write_sound
from tests.sessions.sessions import PASSPHRASE, begin, estimates
from tests.sessions.test_recorder import FullDisk, small_disk  # noqa: F401  a fixture

KEY = Key.new(PASSPHRASE, n=2**10)
OTHER = Key.new(PASSPHRASE, n=2**10)


def sealed(
    count: int = 3, *, label: str = "therapy", pseudonym: str = "Patient Seven"
) -> LockedSession:
    """Return an encrypted session that holds so many estimates and a marker."""
    with begin(label, changes={"pseudonym": pseudonym}, wait=True, key=KEY) as recorder:
        for estimate in estimates(count):
            recorder.record(estimate)
        recorder.record(Marker(label="sighs", t=0.1))
    found = find_session(recorder.folder.name)
    assert isinstance(found, LockedSession)
    return found


def write(path: Path, parts: list[bytes]) -> None:
    with closing(open_sealed(path, key=KEY, purpose="x")) as file:
        for part in parts:
            file.write(part)


def read(path: Path, *, key: Key = KEY, purpose: str = "x") -> tuple[list[bytes], int, bool]:
    """Return what was read, how much was damaged and whether the end was there."""
    reader = SealedReader(path, key=key, purpose=purpose)
    parts = list(reader)
    return parts, reader.damaged, reader.ended


# -- files ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=3000), max_size=8))
def test_what_was_written_is_read_part_by_part(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "x"
    path.unlink(missing_ok=True)
    write(path, parts)
    assert read(path) == (parts, 0, True)


def test_nothing_of_it_can_be_seen_not_even_how_long_a_short_part_is(tmp_path: Path) -> None:
    write(tmp_path / "a", [b"happy" * 10])
    write(tmp_path / "b", [b"melancholy" * 10])
    assert b"happy" not in (tmp_path / "a").read_bytes()
    assert (tmp_path / "a").stat().st_size == (tmp_path / "b").stat().st_size


def test_two_files_of_the_same_text_and_key_have_nothing_in_common(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / name, [b"the same"])
    first, second = ((tmp_path / name).read_bytes()[8:] for name in "ab")
    assert first[:32] != second[:32]
    assert first[36:] != second[36:]


@settings(max_examples=60)
@given(st.data())
def test_a_file_cut_off_anywhere_gives_its_first_parts_and_lacks_its_end(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "x"
    path.unlink(missing_ok=True)
    parts = [bytes([i]) * 100 for i in range(4)]
    write(path, parts)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    found, damaged, ended = read(path)
    assert found == parts[: len(found)]
    assert (damaged, ended) == (0, False)


@settings(max_examples=60)
@given(st.data())
def test_a_bit_changed_anywhere_is_found_and_nothing_false_is_ever_read(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "x"
    path.unlink(missing_ok=True)
    parts = [bytes([i]) * 100 for i in range(4)]
    write(path, parts)
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    found, damaged, ended = read(path)
    assert set(found) <= set(parts)
    assert damaged or not ended


def frames(data: bytes) -> list[bytes]:
    """Return the head, and each frame with its length."""
    found, rest = [data[:40]], data[40:]
    while rest:
        end = 4 + int.from_bytes(rest[:4], "big")
        found.append(rest[:end])
        rest = rest[end:]
    return found


@pytest.mark.parametrize(
    "order",
    [[0, 2, 1, 3, 4], [0, 1, 1, 2, 3, 4], [0, 1, 3, 4], [0, 4], [0, 1, 2, 3, 4, 4]],
    ids=["swapped", "doubled", "left out", "only the end", "the end twice"],
)
def test_frames_that_are_moved_are_found(tmp_path: Path, order: list[int]) -> None:
    path = tmp_path / "x"
    write(path, [b"one", b"two", b"three"])
    pieces = frames(path.read_bytes())
    path.write_bytes(b"".join(pieces[i] for i in order))
    _, damaged, _ = read(path)
    assert damaged


def test_a_file_opens_with_its_own_key_and_for_its_own_purpose_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write(path, [b"one"])
    assert read(path, key=OTHER)[:2] == ([], 2)  # the same passphrase, another salt
    assert read(path, purpose="y")[:2] == ([], 2)


def test_zeros_that_a_power_cut_left_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write(path, [b"one"])
    path.write_bytes(b"".join(frames(path.read_bytes())[:2]) + bytes(5000))
    assert read(path) == ([b"one"], 0, False)


def test_after_a_torn_frame_nothing_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "x"
    writer = SealedWriter(FullDisk(path, 2000), key=KEY, purpose="x")
    writer.write(b"one")
    with pytest.raises(OSError, match="No space left"):
        writer.write(b"two")
    writer.close()
    assert read(path) == ([b"one"], 0, False)


# -- sessions ------------------------------------------------------------------------------------


def test_an_encrypted_session_opens_with_its_passphrase_to_the_bit() -> None:
    session = sealed().unlock(PASSPHRASE)
    assert list(session.estimates()) == estimates(3)
    assert session.manifest.pseudonym == "Patient Seven"
    assert session.totals().markers == 1
    assert session.problems() == []


def test_letters_written_in_two_ways_are_the_same_passphrase() -> None:
    key = Key.new("pâté en croûte", n=2**10)
    decomposed = "pa\u0302te\u0301 en crou\u0302te"
    assert Key.of(decomposed, key.derivation).secret == key.secret


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(InputError, match="at least 8"):
        Key.new("1234567")


@pytest.mark.parametrize(
    ("passphrase", "strong"),
    [
        (PASSPHRASE, True),
        ("klavier montag regenschirm", True),
        ("x y z " * 100 + PASSPHRASE, True),
        ("password1234", False),
        ("aaaaaaaaaaaaaaaaaaaa", False),
        ("qwertyuiop", False),
        ("friday evening with P7", False),
    ],
)
def test_a_passphrase_that_is_guessed_soon_is_refused(passphrase: str, strong: bool) -> None:
    known = ["friday evening with P7"]
    if strong:
        check_strength(passphrase, known=known)
    else:
        with pytest.raises(InputError, match="insist with --weak-passphrase"):
            check_strength(passphrase, known=known)


def test_a_number_that_anybody_can_look_up_is_no_passphrase() -> None:
    with pytest.raises(InputError, match="insist with --weak-passphrase"):
        check_strength("3.1415926535897932384626433832795028841971")


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(InputError, match="is empty"):
        check_strength("")


@pytest.mark.parametrize("insist", [False, True])
def test_live_takes_a_weak_passphrase_only_from_who_insists(
    tmp_path: Path, capsys, insist: bool
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password1234")
    song, model = write_sound(tmp_path / "song.wav", noise(1)), write_model(tmp_path)
    options = ("--speed", "max", "--no-window", "--model", model, "--record", "--encrypt")
    insisting = ("--weak-passphrase",) if insist else ()
    result = call(capsys, "live", song, *options, "--passphrase-file", secret, *insisting)
    if insist:
        assert result.code == 0
        assert len(list_sessions()[0]) == 1
    else:
        assert "This is a very common password" in result.complaint()
        assert "password1234" not in result.err + result.out
        assert list_sessions() == ([], [])


def test_no_file_of_it_tells_anything_but_name_and_start() -> None:
    folder = sealed().folder
    assert {path.name for path in folder.iterdir()} == {MANIFEST, f"{EVENTS}.sealed"}
    for path in folder.iterdir():
        data = path.read_bytes()
        for word in (
            b"Patient Seven",
            b"sighs",
            b"USB microphone",
            b"valence",
            PASSPHRASE.encode(),
        ):
            assert word not in data


def test_a_wrong_passphrase_and_a_changed_manifest_are_told(monkeypatch) -> None:
    session = sealed()
    with pytest.raises(InputError, match="does not open"):
        session.unlock("wrong horse battery staple")
    path = session.folder / MANIFEST
    started = session.manifest.started_at
    path.write_text(path.read_text().replace(started, "2020-01-01T00:00:00.000+00:00"))
    with pytest.raises(InputError, match="damaged or changed"):
        open_session(session.name, passphrase=lambda _: PASSPHRASE)


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (lambda pieces: pieces[:-1], "its end is missing"),
        (lambda pieces: pieces[:2], "its end is missing"),
        (lambda pieces: [pieces[0], pieces[2], *pieces[2:]], "cannot be read"),
        (lambda pieces: [pieces[0], pieces[1][:-1] + b"?", *pieces[2:]], "cannot be read"),
    ],
    ids=["without its end", "cut off", "exchanged", "changed"],
)
def test_an_ended_session_that_was_tampered_with_says_so_and_gives_the_rest(
    capsys, monkeypatch, tamper, problem: str
) -> None:
    session = sealed()
    path = sealed_path(session.folder / EVENTS)
    path.write_bytes(b"".join(tamper(frames(path.read_bytes()))))
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    for command in ("show", "export"):
        result = call(capsys, "sessions", command, session.name)
        assert result.code == 0
        assert problem in result.err
    opened = session.unlock(PASSPHRASE)
    assert {estimate.seq for estimate in opened.estimates()} <= {0, 1, 2}


def test_a_full_disk_ends_an_encrypted_recording_alone_too(small_disk, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setenv("REALTIME_MER_SESSIONS", str(small_disk))
    recorder = begin(key=KEY, wait=True)
    for estimate in estimates(500):
        recorder.record(estimate)
    recorder.close()
    assert "No space left on device" in recorder.failures[0]
    (found, *_), _ = list_sessions()
    assert isinstance(found, LockedSession)
    kept = [estimate.seq for estimate in found.unlock(PASSPHRASE).estimates()]
    assert 0 < len(kept) < 500
    assert kept == list(range(len(kept)))


def test_sound_is_encrypted_too_and_comes_back_sample_by_sample(tmp_path: Path) -> None:
    recorder = begin(changes={"audio": AUDIO}, key=KEY)
    ring = RingBuffer(30 * RATE)
    with patch.object(SoundRecorder, "_PERIOD_S", 0.01):  # many frames
        sound = SoundRecorder(recorder.folder / AUDIO, ring, rate=RATE, key=KEY)
        for start in range(0, 3 * RATE, 1000):
            ring.write(noise(3)[start : start + 1000, 0])
        sound.close()
    recorder.close()
    assert not (recorder.folder / AUDIO).exists()
    assert b"fLaC" not in sealed_path(recorder.folder / AUDIO).read_bytes()
    session = Session(recorder.folder, key=KEY)
    kept, rate = soundfile.read(io.BytesIO(session.sound()), dtype="float32")
    assert (rate, sound.failure, session.problems()) == (RATE, None, [])
    np.testing.assert_allclose(kept, noise(3)[:, 0], atol=1 / 2**15)


# -- as a user types it --------------------------------------------------------------------------


@pytest.mark.slow
def test_live_records_encrypted_and_every_command_opens_it(tmp_path: Path, capsys) -> None:
    song, secret = write_sound(tmp_path / "song.wav", noise(2)), tmp_path / "secret"
    secret.write_text(f"{PASSPHRASE}\r\n")
    options = ("--no-window", "--no-server", "--model", write_model(tmp_path))
    kept = ("--record", "therapy", "--record-audio", "--encrypt", "--passphrase-file", secret)
    assert call(capsys, "live", song, *options, *kept).code == 0
    (_, listed) = call(capsys, "sessions", "list").out.splitlines()
    name, *columns = listed.split(" ")
    assert columns[:5] == ["-", "-", "-", "-", "locked"]
    assert len(columns) == 7
    (folder,) = (tmp_path / "sessions").iterdir()
    for path in folder.iterdir():
        assert str(song).encode() not in path.read_bytes()
    opening = ("--passphrase-file", secret)
    assert "encrypted: yes" in call(capsys, "sessions", "show", name, *opening).out
    rows = call(capsys, "sessions", "export", name, *opening).out.splitlines()
    assert len(rows) == 21
    flac = tmp_path / "out.flac"
    call(capsys, "sessions", "export", name, *opening, "--format", "flac", "--out", flac)
    sound, _ = soundfile.read(flac, dtype="float32")
    assert sound == pytest.approx(heard(noise(2)), abs=TWICE_ROUNDED)
    replayed = call(capsys, "sessions", "replay", name, *opening, "--speed", "max", "--jsonl")
    assert len(replayed.records()) == 20
    page = tmp_path / "report.html"
    assert call(capsys, "sessions", "report", name, *opening, "--out", page).code == 0
    assert "Encrypted" in page.read_text("utf-8")
    assert call(capsys, "sessions", "delete", name).out == f"deleted {name}\n"  # without passphrase
    assert list_sessions() == ([], [])


@pytest.mark.parametrize("command", ["show", "replay", "export", "report"])
def test_a_wrong_passphrase_is_one_clear_line(capsys, monkeypatch, command: str) -> None:
    session = sealed()
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "wrong horse battery staple")
    complaint = call(capsys, "sessions", command, session.name).complaint()
    assert f"The passphrase does not open {session.name}" in complaint


def test_without_a_terminal_a_passphrase_is_asked_for_in_one_line(capsys, monkeypatch) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    complaint = call(capsys, "sessions", "show", sealed().name).complaint()
    assert "--passphrase-file" in complaint
    assert PASSPHRASE_VARIABLE in complaint


def test_a_file_that_cannot_be_read_is_one_line(capsys, tmp_path: Path) -> None:
    options = ("--passphrase-file", tmp_path / "none")
    assert "cannot be read" in call(capsys, "sessions", "show", sealed().name, *options).complaint()


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("after", [b"", b"\n", b"\r\n", b"\nmore\xff"])
def test_a_file_holds_the_same_passphrase_with_and_without_marks(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(before + "pässphrase of mine".encode() + after)
    assert take_passphrase("x", file=path) == "pässphrase of mine"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"\xff\xfep\0a\0", "no text in UTF-8"), (b"x" * 10_000, "longer than 4096 bytes")],
)
def test_a_file_that_holds_no_passphrase_is_one_line(
    capsys, tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    options = ("--passphrase-file", path)
    assert problem in call(capsys, "sessions", "show", sealed().name, *options).complaint()


@pytest.mark.skipif(sys.platform == "win32", reason="variables are text there")
def test_a_variable_that_is_no_text_is_one_line(capsys, monkeypatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, os.fsdecode(b"\xff\xfe passphrase"))
    complaint = call(capsys, "sessions", "show", sealed().name).complaint()
    assert f"{PASSPHRASE_VARIABLE} is no text in UTF-8" in complaint


def test_on_a_terminal_a_new_passphrase_is_asked_for_twice_and_an_old_one_once(monkeypatch) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    answers = ["one passphrase", "one passphrase", "one passphrase", "another", "old"]
    with patch("realtime_mer.sessions.passphrase.getpass", side_effect=answers) as asked:
        assert take_passphrase("x", new=True) == "one passphrase"
        with pytest.raises(InputError, match="differ"):
            take_passphrase("x", new=True)
        assert take_passphrase("x") == "old"
    assert asked.call_count == 5


def test_an_old_session_that_is_locked_can_be_deleted_by_age(capsys) -> None:
    sealed()
    assert call(capsys, "sessions", "delete", "--older-than", 0).out.startswith("deleted therapy")
    assert list_sessions() == ([], [])
