"""The doctor says what is missing, and does not fail itself."""

import json
import socket

import numpy as np

from realtime_mer import display
from realtime_mer.commands.doctor import Check, checks
from realtime_mer.errors import CheckpointError
from realtime_mer.recognizer.light import LightRecognizer


def check(name: str, **options) -> Check:
    (found,) = checks(names={name}, **options)
    assert found.name == name
    return found


def test_every_check_is_ready_for_json_and_bad_news_comes_with_advice():
    found = list(checks())
    assert len({check.name for check in found}) == len(found)
    for one in found:
        assert Check(**json.loads(json.dumps(one.to_dict(), allow_nan=False))) == one
        assert one.ok is not False or one.advice


def test_a_port_in_use_is_told():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        busy = check("port", port=port)
    assert busy.ok is False
    assert str(port) in busy.detail
    assert check("port", port=port).ok is True


def test_a_checkpoint_that_does_not_load_is_told_in_its_own_words(monkeypatch):
    def load(*arguments, **options):
        raise CheckpointError("the card says 9 moods, the weights have 8")

    monkeypatch.setattr(LightRecognizer, "load", load)
    broken = check("checkpoint")
    assert (broken.ok, broken.detail) == (False, "the card says 9 moods, the weights have 8")


def test_a_window_that_is_not_installed_is_no_fault(monkeypatch):
    monkeypatch.setattr(display, "is_installed", lambda: False)
    absent = check("window")
    assert absent.ok is None
    assert "realtime-mer[display]" in absent.advice


def test_without_a_sound_server_system_audio_is_no_fault_but_advised(pulse):
    assert check("system audio").ok is True
    pulse.kill()
    silent = check("system audio")
    assert silent.ok is None
    assert silent.advice


def test_a_microphone_of_exact_zeros_is_taken_for_a_denied_one(pulse):
    dead = check("microphone")
    assert dead.ok is False
    assert "exact zeros" in dead.detail
    assert dead.advice


def test_a_microphone_that_hears_is_well(pulse):
    rng = np.random.default_rng(0)
    pulse.speak_into_mic((0.1 * rng.uniform(-1, 1, 48_000 * 5)).astype(np.float32))
    hearing = check("microphone")
    assert hearing.ok is True
    assert "dBFS" in hearing.detail
