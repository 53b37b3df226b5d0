"""Talk between two pieces, from the file to the lines, the terminal and the recorded session."""

from pathlib import Path

import numpy as np
import pytest

from realtime_mer.estimate import Status
from realtime_mer.sessions.course import Course, segments
from realtime_mer.sessions.store import list_sessions
from tests.command_line import call, write_model, write_sound
from tests.tones import ToneRecognizer, tones


@pytest.fixture
def song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten seconds of music, five of talk, ten of music; what hears it tells them apart."""
    monkeypatch.setattr("realtime_mer.live.session.load_recognizer", _tones)
    monkeypatch.setattr("realtime_mer.recognizer.loading.load_recognizer", _tones)
    sound = np.concatenate([tones(10, music=0.9), tones(5, music=0.1), tones(10, music=0.9)])
    write_sound(tmp_path / "song.wav", sound[:, np.newaxis], subtype="FLOAT")
    return tmp_path / "song.wav"


def _tones(model: object, compute: object) -> ToneRecognizer:
    return ToneRecognizer()


def test_a_session_marks_talk_and_leaves_it_out(song: Path, tmp_path: Path, capsys) -> None:
    model = write_model(tmp_path / "model")
    asked = ("--no-window", "--speed", "max", "--jsonl", "-", "--record", "radio")
    live = call(capsys, "live", song, *asked, "--model", model)
    records = live.records()
    marked = [one["t"] for one in records if one["status"] == "no_music"]
    assert (len(marked), marked[0]) == (pytest.approx(40, abs=2), pytest.approx(11.5, abs=0.2))
    music = sum(one["status"] == "music" for one in records)
    assert "no_music: There is sound, but no music" in live.err
    assert f"heard 25.0 s: 250 estimates, {music} of music" in live.err
    analyzed = call(capsys, "analyze", song, "--model", model).records()
    assert [{**one, "path": str(song)} for one in records] == analyzed
    (summary,) = call(capsys, "analyze", song, "--summary", "--model", model).records()
    assert summary["music_share"] == pytest.approx(music / (music + len(marked)), abs=1e-6)

    ((session,), _) = list_sessions()
    course = Course.of(session.estimates(), hop=0.1)
    assert course.tells
    # The warm-up is its own stretch; the talk is one.
    assert [one.status for one in segments(course) if not one.words] == [
        Status.WARMING_UP,
        Status.NO_MUSIC,
    ]
    report = call(capsys, "sessions", "report", session.name, "--out", tmp_path / "report.html")
    assert report.code == 0
    assert "No music" in (tmp_path / "report.html").read_text(encoding="utf-8")
