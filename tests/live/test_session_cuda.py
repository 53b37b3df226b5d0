"""A live session on each device."""

from pathlib import Path

import pytest

from tests.command_line import call, noise, write_model, write_sound
from tests.on_devices import assert_near, each_device


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model beside a song of 8 s, in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_sound(tmp_path / "song.wav", noise(8, rate=44_100, channels=2), rate=44_100)
    return write_model(tmp_path)


@each_device
def test_a_session_of_a_file_says_what_analyze_says_on_the_processor(model, capsys, device) -> None:
    options = ("--model", model, "--compute")
    expected = call(capsys, "analyze", "song.wav", *options, "cpu").records()
    live = ("live", "song.wav", "--speed", "max", "--no-window", "--jsonl", "-")
    said = call(capsys, *live, *options, device)
    assert said.code == 0, said.err
    records = said.records()
    assert len(records) == 80
    for record in expected:
        del record["path"]
    for record in (*records, *expected):
        del record["mood"]  # of the nearest word, which may be another where two are as near
    assert_near(records, expected)


@each_device
def test_a_session_at_the_pace_of_its_sound_runs_to_its_end(model, capsys, device: str) -> None:
    live = ("live", "song.wav", "--seconds", 2, "--no-window", "--port", 0, "--jsonl", "-")
    said = call(capsys, *live, "--model", model, "--compute", device)
    assert said.code == 0, said.err
    assert [record["seq"] for record in said.records()] == list(range(20))
