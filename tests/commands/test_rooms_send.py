"""``realtime-mer rooms send`` as a process: file, pipe and microphone, to a room that counts."""

import json
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import TWICE_ROUNDED, call, command, heard, noise, write_sound
from tests.patience import PATIENCE_S
from tests.rooms.sending.room import Room
from tests.tones import tones

RATE = 24_000


def received(room: Room) -> np.ndarray:
    """Return what came, each sample at its place."""
    last = room.chunks[-1]
    samples = np.zeros(last.index + len(last.data) // 2, dtype="<i2")
    for chunk in room.chunks:
        samples[chunk.index :][: len(chunk.data) // 2] = np.frombuffer(chunk.data, dtype="<i2")
    return samples


def send(*args: object, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command("rooms", "send", *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def test_a_file_arrives_as_a_session_would_hear_it_and_what_came_of_it_is_told(
    tmp_path: Path,
) -> None:
    sound = noise(1.2)
    song = write_sound(tmp_path / "song.wav", sound, subtype="PCM_16")
    with Room() as room:
        process = send("hall", song, "--to", room.url, "--token", "secret")
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        expected = heard(np.rint(sound * 32768).astype(np.float32) / np.float32(32768))
        assert np.abs(received(room) / 32768 - expected).max() <= TWICE_ROUNDED
        opened = room.opened[0]
        assert (room.ended, opened.token, opened.source) == (1, "secret", "song.wav")
    assert err.startswith(f"Sending to room hall: connecting to {room.url} ...")
    assert "Nothing of the sound is kept." in out
    assert "sent 1.2 s of sound to hall: nothing lost" in out


def test_samples_on_standard_input_arrive_by_the_clock_with_a_json_object_for_programs() -> None:
    samples = np.rint(32767 * noise(1.0, rate=48_000)).astype("<i2")
    with Room() as room:
        process = subprocess.Popen(
            command("rooms", "send", "hall", "-", "--to", room.url, "--json", "--rate", 48_000),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = process.communicate(samples.tobytes(), timeout=PATIENCE_S)
        assert process.returncode == 0, err
        assert len(received(room)) == RATE
    lines = [json.loads(line) for line in out.decode().splitlines()]
    assert {line["type"] for line in lines} == {"sending"}
    assert {line["room"] for line in lines} == {"hall"}
    last = lines[-1]
    assert (last["state"], last["recorded_s"], last["lost_s"]) == ("ended", 1.0, 0.0)
    assert -30 < last["level_dbfs"] < -10


def test_ctrl_c_ends_it_and_says_farewell_to_the_room(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "song.wav", noise(600.0))
    with Room() as room:
        process = send("hall", song, "--to", room.url)
        room.wait_for(lambda: room.chunks)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        room.wait_for(lambda: room.ended)
    assert "nothing lost" in out
    assert "Traceback" not in err


def test_ctrl_c_ends_it_though_the_network_is_away(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "song.wav", noise(600.0))
    with Room() as room:
        process = send("hall", song, "--to", room.url, "--json")
        room.wait_for(lambda: room.chunks)
        room.vanish()
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["state"] == "away":
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        last = json.loads(out.splitlines()[-1])
        assert last["state"] == "ended"
        assert last["lost_s"] > 0
        room.listen()


@pytest.mark.slow
def test_what_becomes_of_the_sound_is_told_again_only_if_it_is_something_else_since(
    tmp_path: Path,
) -> None:
    song = write_sound(tmp_path / "song.wav", noise(600.0))
    with Room() as room:
        process = send("hall", song, "--to", room.url)
        notices = [room.notice, room.notice, "The SOUND is kept now."]
        for number, notice in enumerate(notices, start=1):
            room.notice = notice
            room.wait_for(lambda number=number: len(room.opened) == number)
            count = len(room.chunks)
            room.wait_for(lambda count=count: len(room.chunks) > count)
            if number < len(notices):
                room.notice = notices[number]
                room.vanish()
                room.listen()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
    assert [out.count(notice) for notice in notices] == [1, 1, 1]


@pytest.mark.slow
def test_a_microphone_arrives_and_a_service_that_was_away_gets_what_was_kept(pulse) -> None:
    with Room() as room:
        process = send("hall", "mic", "--to", room.url)
        try:
            room.wait_for(lambda: room.chunks)
            pulse.speak_into_mic(np.repeat(tones(1.0, music=1.0), 2))
            room.wait_for(lambda: np.abs(received(room)).max() > 1000)
            begun = room.next
            room.vanish()
            room.listen()
            room.wait_for(lambda: room.next > begun + RATE)
            came = np.zeros(room.next, dtype=bool)
            for chunk in room.chunks:
                came[chunk.index :][: len(chunk.data) // 2] = True
            assert came.all()
            assert len(room.opened) == 2
            assert room.opened[0].source == "Microphone"
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "made again once" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("no room", "demo"), "'no room' cannot be a room's name"),
        (("hall", "nothing.wav"), "nothing.wav does not exist"),
        (("hall", "demo", "--to", "ftp://x"), "no address of a service"),
        (("hall", "demo", "--rate", "24000"), "--rate and --format"),
        (("hall", "demo", "--to", "ws://127.0.0.1:9"), "realtime-mer rooms serve"),
        (("hall", "demo", "--to", "wss://127.0.0.1:9", "--ca", "no.pem"), "--ca no.pem"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(capsys, arguments, complaint) -> None:
    assert complaint in call(capsys, "rooms", "send", *arguments).complaint()
