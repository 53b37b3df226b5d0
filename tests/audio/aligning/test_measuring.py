"""Chirps through a real sound server, from its speakers to a microphone that hears them."""

import threading

import numpy as np
import pytest

from realtime_mer.audio.aligning.measuring import measure_way
from realtime_mer.audio.block import Block
from realtime_mer.audio.sources import DeviceSource
from realtime_mer.errors import AudioError, DeviceError

pytestmark = pytest.mark.slow

DETOUR = {"Near": "speakers", "Far": "room"}


def source_of(pulse, name: str, sink: str) -> DeviceSource:
    """Return a microphone that hears what a sink plays."""
    pulse.load(
        "module-remap-source",
        f"source_name={name}",
        f"master={sink}.monitor",
        f"source_properties=device.description={name}",
    )
    return DeviceSource(kind="input", device=name)


def way_s(source: DeviceSource) -> float:
    try:
        return measure_way(source).seconds
    finally:
        source.close()


def test_the_way_through_a_sound_server_is_measured_and_a_detour_makes_it_longer(pulse) -> None:
    pulse.load("module-null-sink", "sink_name=room")
    pulse.load("module-loopback", "source=speakers.monitor", "sink=room", "latency_msec=600")
    pulse.set_speakers("speakers")
    near, far = (way_s(source_of(pulse, name, sink)) for name, sink in DETOUR.items())
    assert 0 <= near < 0.3
    assert near + 0.3 < far < near + 0.9


def test_a_microphone_that_hears_no_loudspeaker_is_told(pulse) -> None:
    pulse.speak_into_mic(np.random.default_rng(0).normal(0, 0.01, 48_000 * 90).astype(np.float32))
    source = DeviceSource(kind="input", device="Microphone")
    with pytest.raises(AudioError, match="The chirps were not heard"):
        way_s(source)


class LossySource:
    """A microphone that loses sound."""

    name, real_time = "lossy", True

    def __init__(self, *blocks: Block | None) -> None:
        self._blocks = [*blocks]

    def read(self) -> Block | None:
        return self._blocks.pop(0)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (None, "Sound was lost"),
        (Block(samples=np.zeros((9, 1), np.float32), rate=9, missing=1), "Sound was lost"),
        (Block(samples=np.zeros((9, 2), np.float32), rate=9), "microphone changed"),
    ],
)
def test_what_spoils_a_measurement_ends_it(block: Block | None, told: str) -> None:
    sound = Block(samples=np.zeros((9, 1), np.float32), rate=9)
    with pytest.raises(AudioError, match=told):
        measure_way(LossySource(sound, block))


def test_without_any_sound_system_the_player_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/nonexistent")
    silence = Block(samples=np.zeros((480, 1), np.float32), rate=48_000)

    class Endless(LossySource):
        def read(self) -> Block:
            threading.Event().wait(0.01)
            return silence

    with pytest.raises(DeviceError, match="cannot be played"):
        measure_way(Endless())
