"""A whole session on a real sound server: heard, lost, and heard again."""

import html
import subprocess

import numpy as np
import pytest

from realtime_mer.audio.sources import DeviceSource
from realtime_mer.engine import Engine
from realtime_mer.estimate import Estimate, Status
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import StatusMessage
from realtime_mer.wording import literal
from tests.command_line import call, write_model
from tests.networks import random_recognizer
from tests.samples import NAME_SPELT_OUT, NAME_THAT_ACTS

RATE = 48_000


def music(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6))
    return (0.1 * chord).astype(np.float32)


def engine_on(kind) -> Engine:
    return Engine(source=DeviceSource(kind=kind), stream=EmotionStream(random_recognizer()))


def until(events, wanted):
    """Take events until one is wanted; the test's time limit ends a search in vain."""
    return next(event for event in events if wanted(event))


def is_music(event) -> bool:
    return isinstance(event, Estimate) and event.status is Status.MUSIC


@pytest.mark.slow
def test_what_the_system_plays_becomes_estimates_of_music(pulse):
    events = engine_on("loopback").events()
    pulse.play(music(20))
    estimate = until(events, is_music)
    assert estimate.level_dbfs > -40
    assert estimate.latency_ms is not None
    assert estimate.wall_time is not None
    events.close()


def test_what_the_microphone_hears_becomes_estimates_of_music(pulse):
    events = engine_on("input").events()
    pulse.speak_into_mic(music(20))
    assert until(events, is_music).level_dbfs > -40
    events.close()


@pytest.mark.slow
def test_a_session_measures_the_way_first_and_tells_it(pulse, tmp_path, capsys):
    near = ("source_name=Near", "master=speakers.monitor")
    pulse.load("module-remap-source", *near, "source_properties=device.description=Near")
    model = write_model(tmp_path)
    told = call(
        *(capsys, "live", "mic", "--device", "Near", "--align", "--seconds", "1"),
        *("--model", model, "--no-server", "--no-window"),
    )
    said = " ".join((told.out + told.err).split())
    assert "Five chirps will come from it" in said
    assert "From loudspeaker to microphone: " in said


@pytest.mark.slow
def test_a_killed_sound_server_is_told_and_the_session_goes_on(pulse):
    engine = engine_on("loopback")
    events = engine.events()
    pulse.play(music(60))
    before = until(events, is_music)
    pulse.kill()
    until(
        events,
        lambda e: isinstance(e, StatusMessage) and e.status is Status.RECONNECTING,
    )
    pulse.restart()
    pulse.play(music(60))
    first = until(events, lambda e: isinstance(e, Estimate) and e.seq > before.seq + 20)
    after = until(events, is_music)
    assert after.t > first.t > before.t
    assert after.skipped == before.skipped
    assert after.t * RATE / 2 <= engine.ring.written
    events.close()


@pytest.mark.slow
def test_a_device_may_have_any_name(pulse, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = f"sink_properties='device.description=\"{NAME_THAT_ACTS}\"'"
    sink = ["module-null-sink", "sink_name=acting", named]
    subprocess.run(["pactl", "load-module", *sink], check=True)
    shown = f"Monitor of {NAME_SPELT_OUT}"
    levels = call(capsys, "devices", "--levels")
    assert f"{shown} (loopback)" in levels.out
    options = ("--seconds", 3, "--record", "acting", "--no-window", "--port", 0)
    live = call(
        capsys,
        "live",
        "system",
        "--device",
        NAME_THAT_ACTS,
        *options,
        "--model",
        write_model(tmp_path),
    )
    assert live.code == 0
    assert f"listening to {shown} with" in live.out
    assert f"source: {shown}\n" in call(capsys, "sessions", "show", "acting").out
    assert call(capsys, "sessions", "report", "acting", "--out", "page.html").code == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert html.escape(shown) in page
    for text in (levels.out, live.out, page):
        assert literal(text) == text
