"""``live --record`` and ``sessions``, as a user types them."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE

import pytest
import soundfile
from rich.console import Console

from realtime_mer.audio.ring import RingBuffer
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.live.outlets import Outlets, ServiceOptions, open_outlets
from realtime_mer.live.terminal import TerminalView
from realtime_mer.sessions.lock import RecordingLock
from realtime_mer.sessions.recording import Deck, Recording
from realtime_mer.sessions.store import (
    AUDIO,
    EVENTS,
    MANIFEST,
    Session,
    list_sessions,
    open_session,
)
from realtime_mer.wire.protocol import Marker, StatusMessage
from tests.command_line import (
    RATE,
    TWICE_ROUNDED,
    call,
    command,
    heard,
    noise,
    start,
    write_model,
    write_sound,
)
from tests.samples import sample_estimate
from tests.sessions.sessions import PASSPHRASE, estimates, manifest, recorded
from tests.subscribers import HELLO, Client, status


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "song.wav", noise(4))


def only_session() -> Session:
    ((session,), problems) = list_sessions()
    assert problems == []
    return session


# -- live ----------------------------------------------------------------------------------------


def test_a_live_session_records_the_very_estimates_it_writes(model, song, capsys) -> None:
    options = ("--no-window", "--model", model, "--speed", "max", "--jsonl", "-")
    result = call(capsys, "live", song, "--record", "friday night", *options)
    session = only_session()
    assert session.name.startswith("friday-night-")
    assert [estimate.to_dict() for estimate in session.estimates()] == result.records()
    assert len(result.records()) == 40
    kept = session.manifest
    assert kept.source == song.name
    assert kept.model_card["name"] == kept.hello.model == "random"
    assert (kept.compute, kept.audio, kept.lost, kept.failures) == ("light", None, 0, ())
    assert kept.settings["source"] == str(song)
    statuses = [m.status.value for m in session.messages() if isinstance(m, StatusMessage)]
    assert statuses == ["warming_up", "music"]
    assert str(session.folder) in result.err
    assert "Estimates are recorded, without sound." in result.err


@pytest.mark.parametrize(
    ("args", "label"),
    [
        (("--record",), "session"),
        (("--record", "--seconds", "1"), "session"),
        (("--record", "set"), "set"),
        (("--record=set",), "set"),
    ],
)
def test_a_session_has_the_name_that_was_given_or_a_plain_one(
    model, song, capsys, args: tuple[str, ...], label: str
) -> None:
    options = ("--no-window", "--model", model, "--speed", "max")
    assert call(capsys, "live", song, *options, *args).code == 0
    assert only_session().name.startswith(f"{label}-2")


def test_without_record_nothing_is_kept(model, song, capsys, home: Path) -> None:
    call(capsys, "live", song, "--no-window", "--model", model, "--speed", "max")
    assert not home.exists()


def test_no_sound_is_kept_unless_it_was_asked_for(model, song, capsys) -> None:
    options = ("--no-window", "--model", model, "--no-server")
    call(capsys, "live", song, "--record", *options, "--seconds", 1)
    assert {path.name for path in only_session().folder.iterdir()} == {EVENTS, MANIFEST}


@pytest.mark.slow
def test_sound_that_was_asked_for_is_kept_and_everybody_is_told(model, song, capsys) -> None:
    options = ("--no-window", "--model", model, "--no-server")
    result = call(capsys, "live", song, "--record", "--record-audio", *options)
    assert result.code == 0
    assert "Estimates and SOUND are recorded." in result.out
    session = only_session()
    assert session.manifest.audio == AUDIO
    sound, rate = soundfile.read(session.folder / AUDIO, dtype="float32")
    assert rate == 24_000
    assert sound == pytest.approx(heard(noise(4)), abs=TWICE_ROUNDED)


@pytest.mark.slow
def test_sound_that_comes_faster_than_it_plays_is_kept_whole(model, tmp_path: Path, capsys) -> None:
    sound = noise(70)  # twice what the ring holds
    path = write_sound(tmp_path / "long.wav", sound)
    options = ("--no-window", "--model", model, "--speed", "max")
    result = call(capsys, "live", path, "--record", "--record-audio", *options)
    assert result.code == 0
    assert "too slow" not in result.out
    kept, _ = soundfile.read(only_session().folder / AUDIO, dtype="float32")
    assert kept == pytest.approx(heard(sound), abs=TWICE_ROUNDED)


def test_no_more_sound_is_kept_than_was_listened_to(model, tmp_path: Path, capsys) -> None:
    path = write_sound(tmp_path / "song.wav", noise(8))
    options = ("--no-window", "--model", model, "--speed", "max", "--seconds", 2.5)
    call(capsys, "live", path, "--record", "--record-audio", *options)
    assert soundfile.info(only_session().folder / AUDIO).duration == 2.5
    assert only_session().totals().seconds == 2.5


@pytest.mark.slow
def test_sound_from_a_pipe_is_kept_whole(model, capsys) -> None:
    sound = noise(40)
    arguments = ("-", "--rate", RATE, "--format", "f32le", "--record", "--record-audio")
    with start("live", *arguments, "--no-server", "--no-window", "--model", model, stdin=PIPE) as (
        piping
    ):
        piping.stdin.buffer.write(sound.tobytes())
        piping.stdin.close()
        piping.stdin = None
        piping.communicate()
    assert piping.returncode == 0
    kept, _ = soundfile.read(only_session().folder / AUDIO, dtype="float32")
    assert kept == pytest.approx(heard(sound), abs=TWICE_ROUNDED)


def test_tokens_are_nobodys_business(model, song, capsys) -> None:
    options = ("--no-window", "--model", model, "--token", "s3cret", "--port", 0, "--seconds", 0.5)
    call(capsys, "live", song, "--record", *options, "--osc", "127.0.0.1:9")
    for path in only_session().folder.iterdir():
        assert b"s3cret" not in path.read_bytes()
        assert b"127.0.0.1" not in path.read_bytes()


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("--record-audio",), "--record-audio is of no use without --record"),
        (("--pseudonym", "P7"), "--pseudonym is of no use without --record"),
        (("--title", "Quiet"), "--title is of no use without --record"),
        (("--record", "..."), "letter or a digit"),
    ],
)
def test_what_cannot_be_recorded_is_told_in_one_line(
    model, song, capsys, args: tuple[str, ...], complaint: str
) -> None:
    options = ("--no-window", "--model", model, "--speed", "max")
    assert complaint in call(capsys, "live", song, *options, *args).complaint()
    assert list_sessions() == ([], [])


def test_a_folder_that_cannot_be_made_is_told_in_one_line(
    model, song, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALTIME_MER_SESSIONS", str(song / "sessions"))
    options = ("--no-window", "--model", model, "--speed", "max")
    complaint = call(capsys, "live", song, *options, "--record").complaint()
    assert "REALTIME_MER_SESSIONS" in complaint


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
@pytest.mark.parametrize("sealed", [False, True])
def test_a_file_whose_name_is_no_text_is_recorded_like_any_other(
    model, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    monkeypatch.setenv("REALTIME_MER_PASSPHRASE", PASSPHRASE)
    song = tmp_path / os.fsdecode(b"\xff.wav")
    write_sound(tmp_path / "song.wav", noise(1)).rename(song)
    options = ("--no-window", "--model", model, "--speed", "max", "--jsonl", "-")
    keeping = ("--record", "--encrypt") if sealed else ("--record",)
    result = call(capsys, "live", song, *options, *keeping, "--pseudonym", os.fsdecode(b"P\xff"))
    assert (result.code, len(result.records())) == (0, 10)
    session = open_session("session", passphrase=lambda name: PASSPHRASE)
    assert len(list(session.estimates())) == 10
    assert session.manifest.source == "\\udcff.wav"
    assert session.manifest.pseudonym == "P\\udcff"


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_session_and_files_whose_names_are_no_text_are_taken_like_others(
    capsys, home: Path, tmp_path: Path
) -> None:
    name = os.fsdecode(b"\xff=x")
    recorded(estimates(3)).folder.rename(home / name)
    listed = subprocess.run(command("sessions", "list"), stdout=PIPE, check=True)
    assert listed.stdout.splitlines()[1].startswith(b"\xff=x 0.3 3 ")
    out = tmp_path / os.fsdecode(b"\xff")
    for format in ("csv", "jsonl", "parquet", "vtt", "audacity"):
        options = ("--format", format, "--out", out)
        assert call(capsys, "sessions", "export", name, *options).code == 0
        assert out.stat().st_size > 0
        out.unlink()
    for format in ("html", "pdf"):
        reporting = command("sessions", "report", name, "--format", format, "--out", out)
        assert subprocess.run(reporting, stdout=PIPE).returncode == 0
        assert out.stat().st_size > 0
    deleting = subprocess.run(command("sessions", "delete", name), stdout=PIPE, check=True)
    assert deleting.stdout == b"deleted \xff=x\n"
    assert os.listdir(home) == []


# -- what is told to those who watch -------------------------------------------------------------


def outlets(stack: ExitStack, recording: Recording) -> Outlets:
    deck = Deck(lambda label, sound: recording)
    deck.begin(sound=False)
    return open_outlets(
        hello=HELLO,
        service=ServiceOptions(port=0),
        console=Console(file=io.StringIO()),
        stack=stack,
        deck=deck,
    )


def recording_in(folder: Path) -> Recording:
    folder.mkdir()
    return Recording(folder, manifest(folder))


def test_markers_of_subscribers_are_recorded(tmp_path: Path) -> None:
    recording = recording_in(tmp_path / "x")
    with ExitStack() as stack:
        told = outlets(stack, recording)
        told.publish(sample_estimate(seq=4))
        with Client(told.services[0], "markers") as client:
            client.send(type="marker", label="sighs")
            client.receive()
        (marker,) = told.take_markers()
    recording.close()
    session = Session(tmp_path / "x")
    assert [m for m in session.messages() if isinstance(m, Marker)] == [marker]
    assert session.manifest.markers == 1


def test_every_display_is_told_whether_sound_is_recorded(tmp_path: Path) -> None:
    recording = recording_in(tmp_path / "x")
    recording.record_sound(RingBuffer(24_000), rate=24_000, start=0)
    with ExitStack() as stack:
        told = outlets(stack, recording)
        with Client(told.services[0], "status") as client:
            told.publish(status("on air"))
            message = client.receive()
            assert message["detail"] == "on air"
            assert message["recording"] == {"estimates": True, "sound": True}
    recording.close()
    (kept,) = Session(tmp_path / "x").messages()
    assert kept == status("on air")  # as it was, so that a replay does not claim to record


def test_every_display_is_told_once_when_the_recording_stops(tmp_path: Path) -> None:
    recording = recording_in(tmp_path / "x")
    with ExitStack() as stack:
        told = outlets(stack, recording)
        with Client(told.services[0], "status") as client:
            told.publish(status("on air"))
            assert client.receive()["recording"] == {"estimates": True, "sound": False}
            recording.events._fail(OSError(28, "No space left on device"))
            told.publish(sample_estimate(seq=0))
            assert client.receive()["recording"] == {"estimates": False, "sound": False}
            told.publish(sample_estimate(seq=1))
            client.send(type="ping", id="last")
            assert client.receive()["type"] == "pong"
    assert recording.take_failures() == (
        "recording stopped, the session goes on: No space left on device",
    )
    assert recording.take_failures() == ()
    recording.close()


def test_the_panel_of_a_terminal_shows_what_is_recorded() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=40, record=True)
    with TerminalView(console=console, source="mic", model="default") as view:
        view.note = "Estimates and SOUND are recorded."
        view.show(sample_estimate())
    assert "Estimates and SOUND are recorded." in console.export_text()


def test_sound_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    recording = recording_in(tmp_path / "x")
    (tmp_path / "x" / AUDIO).write_bytes(b"in the way")
    with pytest.raises(InputError, match="cannot be written"):
        recording.record_sound(RingBuffer(24_000), rate=24_000, start=0)
    assert not (tmp_path / "x").exists()


# -- a recording that began amid a session -------------------------------------------------------


def test_how_long_it_is_counts_from_its_beginning(capsys) -> None:
    amid = [sample_estimate(seq=seq) for seq in range(6000, 6012)]
    session = recorded(amid, audio=AUDIO, audio_start=14_398_800)
    assert call(capsys, "sessions", "list").out.splitlines()[1].split()[1] == "1.2"
    shown = json.loads(call(capsys, "sessions", "show", session.name, "--json").out)
    assert (shown["seconds"], shown["audio_start"]) == (1.2, 14_398_800)
    shown = call(capsys, "sessions", "show", session.name).out
    assert "length: 1.2 s, from 600.0 s of the stream on" in shown
    assert "sound: audio.flac, from 599.950 s of the stream on" in shown


# -- sessions ------------------------------------------------------------------------------------


def cut_off(session: Session) -> Session:
    """Leave a session as a crash of its recorder would."""
    path = session.folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "ended_at": None}))
    return session


def test_off_a_terminal_the_list_is_a_line_each_name_first_and_never_cut(capsys) -> None:
    first = recorded([*estimates(12), Marker(label="x", t=1.0)], "a" * 200)
    second = cut_off(recorded([], "b", audio=AUDIO))
    heading, *lines = (
        line.split(" ") for line in call(capsys, "sessions", "list").out.splitlines()
    )
    assert heading == "name seconds estimates markers sound state begun model".split()
    assert [line[0] for line in lines] == [first.name, second.name]
    assert lines[0][1:6] == ["1.2", "12", "1", "no-audio", "ended"]
    assert lines[1][1:6] == ["0.0", "0", "0", "audio", "cut-off"]
    assert {len(line) for line in lines} == {8}


def test_a_session_that_is_recorded_now_is_told_from_one_that_was_cut_off(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = cut_off(recorded(estimates(12)))
    lock = RecordingLock(session.folder)
    _, line = call(capsys, "sessions", "list").out.splitlines()
    assert line.split(" ")[5] == "recording"
    monkeypatch.setenv("FORCE_COLOR", "1")  # passes for a terminal
    monkeypatch.setenv("COLUMNS", "120")
    assert "0:01, recording" in call(capsys, "sessions", "list").out
    lock.release()
    assert "0:01, cut off" in call(capsys, "sessions", "list").out


def test_on_a_narrow_terminal_a_name_is_folded_and_not_cut(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # passes for a terminal
    monkeypatch.setenv("COLUMNS", "70")
    session = recorded(estimates(12), "abcdefghij" * 5)
    out = re.sub(r"\x1b\[[\d;]*m", "", call(capsys, "sessions", "list").out)
    assert "…" not in out
    first_words = [line.split()[0] for line in out.splitlines()[1:] if not line.startswith("   ")]
    assert "".join(first_words) == session.name


def test_there_may_be_no_session(capsys) -> None:
    result = call(capsys, "sessions", "list")
    assert (result.code, result.out) == (0, "")


def test_show_says_what_a_session_holds(capsys) -> None:
    session = recorded(estimates(12), pseudonym="P7")
    text = call(capsys, "sessions", "show", session.name).out
    assert "person: P7" in text
    assert "estimates: 12" in text
    shown = json.loads(call(capsys, "sessions", "show", session.name, "--json").out)
    assert (shown["seconds"], shown["estimates"], shown["pseudonym"]) == (1.2, 12, "P7")
    assert shown["folder"] == str(session.folder)


def test_delete_deletes_what_was_named_in_full(capsys) -> None:
    first, second, third = recorded([], "a"), recorded([], "b"), recorded([], "c")
    assert "whole name" in call(capsys, "sessions", "delete", "a").complaint()
    result = call(capsys, "sessions", "delete", first.name, second.name)
    assert result.out == f"deleted {first.name}\ndeleted {second.name}\n"
    assert [session.name for session in list_sessions()[0]] == [third.name]


def test_delete_can_keep_what_is_young_enough(capsys) -> None:
    old = recorded([], "old", started_at="2020-01-01T00:00:00.000+00:00")
    young = recorded([], "young")
    result = call(capsys, "sessions", "delete", "--older-than", 30)
    assert result.out == f"deleted {old.name}\n"
    assert [session.name for session in list_sessions()[0]] == [young.name]
    assert "--older-than" in call(capsys, "sessions", "delete").complaint()


@pytest.mark.parametrize("command", ["show", "replay", "export", "report", "delete"])
def test_a_session_that_is_not_there_is_told_in_one_line(capsys, command: str) -> None:
    complaint = call(capsys, "sessions", command, "nobody").complaint()
    assert "no session 'nobody'" in complaint
    assert "sessions list" in complaint


def test_an_estimate_read_back_is_the_estimate() -> None:
    (estimate,) = recorded([sample_estimate(valence=-0.0)]).estimates()
    assert isinstance(estimate, Estimate)
    assert str(estimate.valence) == "-0.0"
