"""MIDI, against JACK's dummy driver; what a port may do wrong, against a library that does it."""

import os
import queue
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets import midi
from realtime_mer.outlets.mapping.tables import read_plan
from realtime_mer.outlets.midi import MIDI, MidiOptions, MidiPlace
from realtime_mer.outlets.midi_port import Keys, choose
from realtime_mer.outlets.wires import Message, Url
from tests.outlets.fake_midi import FakeMidi
from tests.patience import PATIENCE_S

CONTROLLER = MidiPlace(controller=20, channel=2)
NOTE = MidiPlace(note=60, length_s=0.1)


def message(place: MidiPlace, value: Any, *, once: bool = False) -> Message[MidiPlace]:
    return Message(place=place, value=value, once=once)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMidi:
    return FakeMidi(tmp_path, monkeypatch)


def opened(text: str, **options: Any) -> Any:
    return closing(MIDI.connect(Url.parse(text), MidiOptions(**options)))


def test_a_controller_gets_what_is_new(fake: FakeMidi) -> None:
    with opened("midi:drum") as port:
        for value in (0.2, 64.4, 64.0, 300):
            assert port.send([message(CONTROLLER, value)]) == 0
    assert fake.told == ["open 2", "[177, 20, 0]", "[177, 20, 64]", "[177, 20, 127]", "closed"]


def test_a_rule_sends_every_time_and_its_note_is_let_go(fake: FakeMidi) -> None:
    with opened("midi:Drums") as port:
        port.send([message(NOTE, 100, once=True), message(NOTE, 90, once=True)])
    assert fake.told[1:] == [
        "[144, 60, 100]", "[128, 60, 0]", "[144, 60, 90]", "[128, 60, 0]", "closed",
    ]  # fmt: skip


def test_a_note_of_a_route_stays_down_while_its_value_is_above_0(fake: FakeMidi) -> None:
    with opened("midi:Drums") as port:
        for value in (0, 10, 20, 0):
            port.send([message(MidiPlace(note=60), value)])
    assert fake.told[1:-1] == ["[144, 60, 0]", "[144, 60, 10]", "[144, 60, 0]"]


def test_a_text_is_no_midi(fake: FakeMidi) -> None:
    with opened("midi:Drums") as port:
        assert port.send([message(CONTROLLER, "calm"), message(CONTROLLER, True)]) == 1
    assert fake.told[1:-1] == ["[177, 20, 127]"]


def test_a_clock_begins_goes_on_and_stops(fake: FakeMidi) -> None:
    with opened("midi:virtual:Mood", clock=400) as port:
        while not fake.log.exists() or fake.told.count("[248]") < 24:
            port.send([message(MidiPlace(program=True), 5, once=True)])
    assert fake.told[:2] == ["own Mood", "[250]"]
    assert fake.told[-2:] == ["[252]", "closed"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("Piano", "there is no MIDI port 'Piano'; there are: Synth A:in; Synth B:in; Drums"),
        ("synth", "several MIDI ports are called like 'synth'; there are: Synth A:in; Synth B:in"),
    ],
)
def test_a_port_that_is_not_there_is_told(fake: FakeMidi, wanted: str, told: str) -> None:
    with pytest.raises(ServiceError, match=told):
        MIDI.connect(Url.parse(f"midi:{wanted}"), MidiOptions())


def test_a_machine_without_midi_says_so(fake: FakeMidi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_API", "9")
    with pytest.raises(ServiceError, match="no MIDI on this machine"):
        MIDI.connect(Url.parse("midi:Drums"), MidiOptions())
    with pytest.raises(ServiceError, match="no MIDI on this machine"):
        midi.ports()


def send_for_ever(port: Any) -> None:
    while True:
        port.send([message(CONTROLLER, 1, once=True)])


def test_a_port_that_is_pulled_out_is_told(fake: FakeMidi, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened("midi:Drums") as port:
        fake.ports.write_text("Synth A:in")
        with pytest.raises(ServiceError, match="the MIDI port 'Drums' is gone"):
            send_for_ever(port)


def test_a_system_that_takes_nothing_is_given_up(
    fake: FakeMidi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(midi, "_ANSWER_S", 0.5)
    with (
        opened("midi:Drums") as port,
        pytest.raises(ServiceError, match="the MIDI system takes nothing"),
    ):
        port.send([message(MidiPlace(program=True), 99)])


def test_ports_are_listed(fake: FakeMidi) -> None:
    assert midi.ports() == ["Synth A:in", "Synth B:in", "Drums"]


def test_a_whole_name_counts_before_a_part_of_one() -> None:
    assert choose(["Synth 2", "Synth"], "Synth") == 1


def test_keys_that_fire_without_end_are_but_a_few() -> None:
    keys = Keys()
    for number in range(100_000):
        keys.take([0x90 | number % 16, number % 128, 1], until=float(number))
    assert keys.due is not None
    assert len(keys.let_go()) == 128  # each number has but one channel here
    assert keys.let_go() == []


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({"controller": 128}, "controller: 128 is not allowed"),
        ({"controller": 1, "channel": 0}, "channel: 0 is not allowed"),
        ({"controller": 1, "channel": 17}, "channel: 17 is not allowed"),
        ({}, "give one of controller"),
        ({"controller": 1, "note": 1}, "give one of controller"),
        ({"controller": 1, "length_s": 1}, "only a note has a length_s"),
    ],
)
def test_a_place_that_midi_does_not_know_is_refused(route: Any, told: str) -> None:
    output = {"to": "midi:Synth", "routes": [{"from": "valence", **route}]}
    with pytest.raises(InputError) as refused:
        read_plan({"output": [output]}, file="test.toml")
    assert told in str(refused.value)


@pytest.mark.parametrize("to", ["midi:", "midi://host", "midi:Launchpad #2", "midi:Synth?x=1"])
def test_a_port_that_cannot_be_one_is_refused(to: str) -> None:
    with pytest.raises(InputError, match="1, to: "):
        read_plan({"output": [{"to": to}]}, file="test.toml")


@pytest.fixture
def jack(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """JACK with its dummy driver; gives its name."""
    pytest.importorskip("rtmidi", reason="the extra midi is not installed")
    if shutil.which("jackd") is None:
        pytest.skip("there is no jackd")
    name = f"mer{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server = subprocess.Popen(
        ["jackd", "--no-realtime", "--name", name, "-d", "dummy", "-r", "48000", "-p", "1024"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        subprocess.run(
            ["jack_wait", "--wait", "--timeout", str(int(PATIENCE_S))],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield name
    finally:
        server.terminate()
        server.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="JACK's dummy driver is for Linux here")
@pytest.mark.skipif(Path("/dev/snd/seq").exists(), reason="ALSA's sequencer comes before JACK")
def test_an_instrument_behind_jack_gets_controllers_and_notes(jack: str) -> None:
    import rtmidi

    heard: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    instrument = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="instrument")
    try:
        instrument.set_callback(lambda event, _data: heard.put(event[0]))
        instrument.open_virtual_port("in")
        assert any("instrument" in name for name in midi.ports())
        with opened("midi:instrument:in") as port:
            port.send([message(CONTROLLER, 64)])
            assert heard.get(timeout=PATIENCE_S) == [0xB1, 20, 64]
            port.send([message(NOTE, 100, once=True)])
            assert heard.get(timeout=PATIENCE_S) == [0x90, 60, 100]
            assert heard.get(timeout=PATIENCE_S) == [0x80, 60, 0]
    finally:
        instrument.close_port()
        instrument.delete()
