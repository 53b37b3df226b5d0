"""``live --midi`` and the ports in ``devices``, with a library that writes down what it is told."""

from pathlib import Path

import pytest

from realtime_mer.audio import devices
from realtime_mer.audio.devices import Listing
from tests.command_line import call, noise, write_model, write_sound
from tests.outlets.fake_midi import FakeMidi


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMidi:
    return FakeMidi(tmp_path, monkeypatch)


@pytest.fixture
def nothing_to_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without microphones."""
    monkeypatch.setattr(devices, "survey", lambda: Listing(devices=(), problems={}))


@pytest.mark.usefixtures("nothing_to_hear")
def test_devices_lists_the_ports_that_can_be_sent_to(
    fake: FakeMidi, capsys: pytest.CaptureFixture[str]
) -> None:
    out = call(capsys, "devices").out
    assert "MIDI ports, for --midi: Synth A:in; Synth B:in; Drums" in out.splitlines()


@pytest.mark.usefixtures("nothing_to_hear")
def test_devices_says_nothing_of_midi_where_there_is_none(
    fake: FakeMidi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_API", "9")
    result = call(capsys, "devices")
    assert result.code == 0
    assert "MIDI" not in result.out + result.err


def test_a_live_session_sends_controllers_to_a_port_by_a_part_of_its_name(
    fake: FakeMidi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_sound(tmp_path / "song.wav", noise(1))
    options = ("--midi", "drum", "--no-server", "--no-window", "--model", write_model(tmp_path))
    result = call(capsys, "live", song, *options)
    assert result.code == 0
    assert "Sending to midi:drum" in result.out
    assert (fake.told[0], fake.told[-1]) == ("open 2", "closed")
    sent = [line for line in fake.told if line.startswith("[")]
    controllers = {line.split(", ")[1] for line in sent}
    assert controllers == {str(number) for number in range(20, 26)}
    assert all(line.startswith("[176, ") for line in sent)


def test_a_port_that_is_not_there_is_told_in_one_line_and_the_session_goes_on(
    fake: FakeMidi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_sound(tmp_path / "song.wav", noise(1))
    options = ("--midi", "piano", "--no-server", "--no-window", "--model", write_model(tmp_path))
    result = call(capsys, "live", song, *options)
    assert result.code == 0
    (told,) = [line for line in result.out.splitlines() if "there is no MIDI port" in line]
    assert "'piano'; there are: Synth A:in; Synth B:in; Drums" in told
    assert "the rest goes on" in told
    assert "heard 1.0 s: 10 estimates" in result.out


def test_midi_that_is_not_installed_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_mer.outlets.wires.find_spec", lambda _name: None)
    complaint = call(capsys, "live", "demo", "--midi", "drum").complaint()
    assert "midi needs rtmidi" in complaint
    assert "realtime-mer[midi]" in complaint
