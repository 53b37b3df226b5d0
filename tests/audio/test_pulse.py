"""A real sound server: a null sink as the speakers, a pipe as the microphone."""

import shutil
import subprocess
import sys

import numpy as np
import psutil
import pytest

from realtime_mer.audio.block import Block
from realtime_mer.audio.devices import Device, find_device, list_devices, survey
from realtime_mer.audio.levels import channel_levels
from realtime_mer.audio.opening import open_source
from realtime_mer.audio.picking import RememberedChannels
from realtime_mer.audio.sources import DeviceSource
from realtime_mer.errors import DeviceError
from tests.patience import PATIENCE_S

RATE = 48_000


def tone(seconds: float, frequency: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def is_loud(block: Block) -> bool:
    return bool(len(block.samples)) and np.abs(block.samples).max() > 0.1


def read(source: DeviceSource) -> Block:
    block = source.read()
    assert block is not None
    return block


def until(source: DeviceSource, wanted) -> Block:
    """Read until a block is wanted; the test's time limit ends a search in vain."""
    while not wanted(block := read(source)):
        pass
    return block


def frequency_of_the_next(frames: int, source: DeviceSource) -> float:
    """Return the strongest frequency in Hz of the next frames."""
    parts, rate = [], 0
    while sum(map(len, parts)) < frames:
        block = read(source)
        rate = block.rate
        parts.append(block.samples.mean(axis=1))
    heard = np.concatenate(parts)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return float(np.fft.rfftfreq(len(heard), 1 / rate)[spectrum.argmax()])


def test_the_speakers_monitor_is_the_default_loopback(pulse):
    device = find_device(kind="loopback")
    assert (device.name, device.backend) == ("Monitor of Speakers", "soundcard")
    assert (device.rate, device.channels) == (RATE, 2)
    assert device in list_devices()
    assert find_device(device.index, kind="loopback") == device
    assert find_device("speak", kind="loopback") == device


def test_microphones_have_the_names_that_the_sound_server_gives_them(pulse):
    pulse.add_mic("Headset")
    inputs = [device for device in list_devices() if device.kind == "input"]
    assert {device.name for device in inputs} == {"Microphone", "Headset"}
    assert [device.name for device in inputs if device.default] == ["Microphone"]
    assert {device.channels for device in inputs} == {1}


@pytest.mark.parametrize("asked", [None, "default", "Microphone"])
def test_the_default_microphone_goes_by_its_real_name(pulse, asked, tmp_path):
    remembered = RememberedChannels(tmp_path / "channels.json")
    opened = open_source("mic", device=asked, channels=(0,), remembered=remembered)
    assert opened.source.name == "Microphone"
    assert remembered.get("Microphone") == (0,)
    opened.source.close()


def test_a_microphone_that_is_not_the_default_is_opened_by_its_name(pulse):
    pulse.add_mic("Headset")
    source = DeviceSource(kind="input", device="headset")
    assert source.name == "Headset"
    pulse.speak_into_mic(tone(60.0, 600.0))  # into the other one
    until(source, lambda block: len(block.samples) > 0)
    pulse.set_default("Headset")
    pulse.set_default("Microphone")
    pulse.speak_into_mic(tone(5.0, 900.0), name="Headset")
    until(source, is_loud)
    assert frequency_of_the_next(RATE // 2, source) == pytest.approx(900.0, abs=10)
    source.close()


@pytest.mark.slow
def test_who_named_no_microphone_follows_the_default_with_name_sound_and_channels(pulse, tmp_path):
    remembered = RememberedChannels(tmp_path / "channels.json")
    pulse.add_mic("Headset", channels=2)
    remembered.put("Headset", (1,))
    source = DeviceSource(kind="input", remembered=remembered)
    until(source, lambda block: len(block.samples) > 0)
    pulse.set_default("Headset")
    block = until(source, lambda block: source.name != "Microphone")
    assert (source.name, block.samples.shape[1]) == ("Headset", 1)
    assert not block.reconnecting
    pulse.speak_into_mic(tone(5.0, 900.0), name="Headset")
    until(source, is_loud)
    assert frequency_of_the_next(RATE // 2, source) == pytest.approx(900.0, abs=10)
    source.close()


@pytest.mark.slow
def test_a_microphone_that_is_unplugged_is_waited_for_by_its_name(pulse):
    pulse.add_mic("Headset")
    source = DeviceSource(kind="input", device="Headset")
    until(source, lambda block: len(block.samples) > 0)
    pulse.remove_mic("Headset")
    until(source, lambda block: block.reconnecting)
    assert source.name == "Headset"
    pulse.add_mic("Headset")
    until(source, lambda block: len(block.samples) > 0)
    assert source.name == "Headset"
    source.close()


def test_monitors_are_not_taken_for_microphones(pulse):
    inputs = [device for device in list_devices() if device.kind == "input"]
    assert [device.name for device in inputs] == ["Microphone"]


def test_without_a_microphone_what_the_system_plays_is_not_taken_for_one(pulse):
    pulse.remove_mic("Microphone")
    assert [device.kind for device in list_devices()] == ["loopback"]


def test_what_the_system_plays_is_heard(pulse):
    source = DeviceSource(kind="loopback")
    until(source, lambda block: len(block.samples) > 0)  # an idle sink takes two seconds to start
    pulse.play(tone(5.0, 1000.0))
    block = until(source, is_loud)
    assert block.arrived_at is not None
    assert frequency_of_the_next(RATE // 2, source) == pytest.approx(1000.0, abs=10)
    source.close()
    assert source.read() is None


def test_what_is_said_into_the_microphone_is_heard(pulse):
    source = DeviceSource(kind="input", device="default")
    pulse.speak_into_mic(tone(5.0, 600.0))
    until(source, is_loud)
    assert frequency_of_the_next(RATE // 2, source) == pytest.approx(600.0, abs=10)
    source.close()


def test_each_channel_of_a_device_shows_its_level_and_one_can_be_picked(pulse, tmp_path):
    if shutil.which("pactl") is None:
        pytest.skip("pactl is not installed")
    wide = ["module-null-sink", "sink_name=wide", "channels=4", f"rate={RATE}"]
    described = "sink_properties=device.description=Interface"
    subprocess.run(["pactl", "load-module", *wide, described], check=True)
    device = find_device("Interface", kind="loopback")
    assert device.channels == 4
    frames = np.zeros((30 * RATE, 4), dtype=np.float32)
    frames[:, 2] = tone(30.0, 1000.0)
    (tmp_path / "raw").write_bytes(frames.tobytes())
    player = subprocess.Popen(
        ["pacat", "--raw", "--device=wide", "--format=float32le", f"--rate={RATE}",
         "--channels=4", str(tmp_path / "raw")],
    )  # fmt: skip
    try:
        first, second, third, fourth = levels_once_loud(device)
        assert third == pytest.approx(-9.0, abs=0.5)  # half of full scale, as a sine
        assert max(first, second, fourth) < -100
        opened = open_source(
            "system",
            device="Interface",
            channels=(2,),
            remembered=RememberedChannels(tmp_path / "channels.json"),
        )
        block = until(opened.source, is_loud)
        assert block.samples.shape[1] == 1
        opened.source.close()
    finally:
        player.kill()
        player.wait()


def levels_once_loud(device: Device) -> list[float]:
    """Look at the levels until something plays; the test's time limit ends that in vain."""
    while max(levels := channel_levels(device)) < -20:
        pass
    return levels


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["loopback", "input"])
def test_a_killed_sound_server_that_comes_back_is_heard_again(pulse, kind):
    source = DeviceSource(kind=kind)
    last = until(source, lambda block: len(block.samples) > 0)
    pulse.kill()
    while not (block := read(source)).reconnecting:
        last = block
    pulse.restart()
    back = until(source, lambda block: not block.reconnecting)
    clock = back.arrived_at - last.arrived_at
    assert back.missing + len(back.samples) == pytest.approx(clock * back.rate, abs=2)
    until(source, lambda block: len(block.samples) > 0)
    if kind == "loopback":
        pulse.play(tone(5.0, 1000.0))
    else:
        pulse.speak_into_mic(tone(5.0, 1000.0))
    until(source, is_loud)
    assert frequency_of_the_next(RATE // 2, source) == pytest.approx(1000.0, abs=10)
    source.close()


@pytest.mark.slow
def test_a_device_that_hangs_is_given_up_and_comes_back(pulse):
    source = DeviceSource(kind="input")
    until(source, lambda block: len(block.samples) > 0)
    pulse.freeze()
    until(source, lambda block: block.reconnecting)
    pulse.thaw()
    back = until(source, lambda block: not block.reconnecting)
    assert back.missing > back.rate  # the process waits two seconds for a block
    source.close()


@pytest.mark.slow
def test_the_capture_process_ends_with_the_program_that_started_it(pulse):
    code = (
        "from realtime_mer.audio.sources import DeviceSource\n"
        "source = DeviceSource(kind='loopback')\n"
        "print(source.name, flush=True)\n"
        "while source.read(): pass\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert program.stdout.readline() == b"Monitor of Speakers\n"
    (helper,) = psutil.Process(program.pid).children()
    program.kill()  # without any chance to clean up
    program.communicate()
    psutil.wait_procs([helper], timeout=PATIENCE_S)
    assert not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE


def test_an_unknown_device_is_named_with_its_nearest_neighbours(pulse):
    with pytest.raises(DeviceError, match=r"nearest: 'Monitor of Speakers'.*realtime-mer devices"):
        DeviceSource(kind="loopback", device="Monitor of Spoons")


def test_without_a_sound_server_the_answer_says_what_to_start(pulse):
    pulse.kill()
    assert "pulseaudio --start" in survey().problems["loopback"]
    assert [device for device in list_devices() if device.kind == "loopback"] == []
    with pytest.raises(DeviceError, match="pulseaudio --start"):
        DeviceSource(kind="loopback")
