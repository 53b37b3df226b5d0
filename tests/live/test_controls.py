"""A live session that is steered through the pipe to its window."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import soundfile

from realtime_mer.estimate import Status
from realtime_mer.sessions.store import Session
from tests.command_line import RATE, call, noise, write_model, write_sound
from tests.fake_window import VARIABLE
from tests.live.test_session_on_pulse import music

DEMO = "demo piece"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def steer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[dict[str, Any]]]:
    """Run ``live`` under a window that follows the given steps; return what that was told."""
    model = write_model(tmp_path)
    script = tmp_path / "script.json"
    folder = tmp_path / "sessions"
    monkeypatch.setenv("REALTIME_MER_SESSIONS", str(folder))
    monkeypatch.setenv(VARIABLE, str(script))
    monkeypatch.setattr("realtime_mer.display.has_screen", lambda: True)
    monkeypatch.setattr("realtime_mer.display.is_installed", lambda: True)

    def instead(arguments: list[str], *args: Any, **options: Any) -> Any:
        fake = [
            "tests.fake_window" if part == "realtime_mer.display" else part for part in arguments
        ]
        return subprocess.Popen(fake, *args, **options)

    spawning = SimpleNamespace(Popen=instead, PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL)
    monkeypatch.setattr("realtime_mer.display.subprocess", spawning)

    def run(source: object, steps: list[Any]) -> list[dict[str, Any]]:
        script.write_text(json.dumps(steps))
        result = call(capsys, "live", source, "--port", 0, "--model", model)
        assert (result.code, result.remarks()) == (0, []), result.err
        assert script.with_suffix(".done").exists(), result.out
        lines = script.with_suffix(".log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    run.folder = folder
    return run


def do(command: str, **details: Any) -> list[Any]:
    return ["do", {"do": command, **details}]


def until(**part: Any) -> list[Any]:
    return ["until", part]


def hear(status: str, *sources: str, inside: bool = True) -> list[Any]:
    return ["hear", status, list(sources), inside]


@pytest.mark.slow
def test_a_session_is_paused_reset_and_recorded_by_its_window(tmp_path: Path, steer) -> None:
    song = write_sound(tmp_path / "song.wav", noise(300))
    said = steer(
        song,
        [
            until(say="state", paused=False, source=str(song), device=None, recording=None),
            hear("music", song.name),
            do("record", name="friday", sound=True),
            until(say="state", sound=True),
            do("record", name="again", sound=False),
            until(say="failed", do="record"),
            do("pause"),
            until(say="state", paused=True),
            hear("paused", song.name),
            do("nonsense"),
            do("resume"),
            until(say="state", paused=False),
            hear("music", song.name),
            do("reset"),
            hear("warming_up", song.name),
            hear("music", song.name),
            do("stop-recording"),
            until(say="state", recording=None),
            do("stop-recording"),
            until(say="failed", do="stop-recording", message="Nothing is being recorded."),
        ],
    )
    (folder,) = steer.folder.iterdir()
    names = {report["recording"] for report in said if report["say"] == "state"}
    assert names == {None, folder.name}
    assert folder.name.startswith("friday")

    session = Session(folder)
    assert session.manifest.ended_at is not None
    sound, _ = soundfile.read(folder / "audio.flac", dtype="float32")
    start = session.manifest.audio_start
    # Its offset is followed anew after the reset: that of half a second of it is under .005.
    assert sound == pytest.approx(noise(300)[start : start + len(sound), 0], abs=5e-3)
    estimates = list(session.estimates())
    assert estimates[0].t > 3  # it began in the middle
    assert estimates[0].t * RATE == pytest.approx(start, abs=RATE)
    assert Status.GAP not in {estimate.status for estimate in estimates}  # a file stands still
    ages = [estimate.state_age_s for estimate in estimates]
    assert ages != sorted(ages)  # the reset
    assert min(ages) < 3


@pytest.mark.slow
def test_speed_delay_and_phones_are_changed_by_its_window(tmp_path: Path, steer) -> None:
    song = write_sound(tmp_path / "song.wav", noise(300))
    said = steer(
        song,
        [
            hear("music", song.name),
            do("settings", change={"speed": 8.0, "delay_s": 0.5}),
            do("settings", change={"phones": True}),
            do("settings", change={"phones": False}),
            do("settings", change={"speed": 100.0}),
            do("settings", change={"speed": 1.0}),
            do("pause"),
            until(say="state", paused=True),
        ],
    )
    settings = [report["settings"] for report in said if report["say"] == "state"]
    assert settings[0]["speed"] == 1.0
    assert {"speed": 8.0, "delay_s": 0.5}.items() <= settings[1].items()
    links = [one["phones"]["link"] for one in settings if one["phones"] is not None]
    assert len(set(links)) == 1
    assert "#token=" in links[0]
    assert (settings[-1]["speed"], settings[-1]["phones"]) == (1.0, None)
    assert not any(report["say"] == "failed" for report in said)


@pytest.mark.slow
def test_a_session_goes_from_mic_to_demo_to_a_broken_device_and_back(
    tmp_path: Path, pulse, steer
) -> None:
    pulse.speak_into_mic(music(600))
    said = steer(
        "mic",
        [
            until(say="state", source="mic", device=None),
            hear("music", DEMO, inside=False),
            do("devices"),
            until(say="devices"),
            do("levels"),
            until(say="levels"),
            do("source", source="demo", device=None),
            until(say="state", source="demo", title=DEMO),
            hear("music", DEMO),
            do("levels"),
            until(say="failed", do="levels"),
            do("source", source="mic", device="no such device"),
            until(say="failed", do="source"),
            do("source", source=str(tmp_path / "missing.wav"), device=None),
            until(say="failed", do="source"),
            do("source", source="-", device=None),
            until(say="failed", do="source"),
            do("pause"),
            until(say="state", paused=True, source="demo"),
            do("resume"),
            until(say="state", paused=False, source="demo"),
            do("source", source="mic", device=None),
            until(say="state", source="mic"),
            hear("music", DEMO, inside=False),
            do("pause"),
            hear("paused", DEMO, inside=False),
            do("resume"),
            until(say="state", paused=False),
            hear("music", DEMO, inside=False),
        ],
    )
    first = next(report for report in said if report["say"] == "state")
    (listed,) = (report["devices"] for report in said if report["say"] == "devices")
    assert first["title"] in {device["name"] for device in listed if device["kind"] == "mic"}
    (heard,) = (report["levels"] for report in said if report["say"] == "levels")
    assert max(heard) > -60  # of the music, beside the session that goes on hearing it
    no_channels, *failures = [report["message"] for report in said if report["say"] == "failed"]
    assert no_channels == "Only a device has channels to choose from."
    assert "no such device" in failures[0]
    assert "missing.wav does not exist" in failures[1]
    assert "Standard input" in failures[2]
    # What failed left the old source as it was.
    after = said[next(i for i, report in enumerate(said) if report["say"] == "failed") :]
    assert next(report for report in after if report["say"] == "state")["source"] == "demo"
