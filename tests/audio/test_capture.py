"""The capture process reports all that its device does, and ends when that does nothing."""

import io
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.audio import capture
from realtime_mer.audio.backends import finding
from realtime_mer.audio.backends.found import Found
from realtime_mer.audio.capture import FAILED, OPENED, SOUND, Capture, Header, LossMeter
from realtime_mer.audio.devices import Device
from realtime_mer.errors import DeviceError

RATE = 48_000
MICROPHONE = Device(
    index=0,
    name="Microphone",
    kind="input",
    rate=RATE,
    channels=1,
    default=True,
    backend="sounddevice",
)


@given(
    header=st.builds(
        Header,
        kind=st.sampled_from([OPENED, SOUND, FAILED]),
        channels=st.integers(0, 64),
        xruns=st.integers(0, 9),
        rate=st.integers(1, 768_000),
        missing=st.integers(0, 2**32 - 1),
        arrived=st.floats(0, 1e9),
    ),
    payload=st.binary(max_size=100),
)
def test_messages_come_back_as_they_were_written(header, payload):
    stream = io.BytesIO()
    capture.write_message(stream, header, payload)
    written = stream.getvalue()
    assert capture.read_message(io.BytesIO(written)) == (
        header._replace(length=len(payload)),
        payload,
    )
    assert capture.read_message(io.BytesIO(written[:-1])) is None


def lost(meter: LossMeter, blocks, *, start: float = 0.0) -> list[int]:
    """Feed blocks of 10 ms that arrive at given times; return what the meter calls lost."""
    return [
        meter.add(480, arrived=start + arrived, overflow=overflow, waited=waited)
        for arrived, overflow, waited in blocks
    ]


def test_a_steady_device_loses_nothing():
    steady = [(0.01 * i, False, True) for i in range(1, 1000)]
    assert sum(lost(LossMeter(RATE), steady)) == 0


@given(st.lists(st.floats(0, 0.019), min_size=5, max_size=200), st.data())
def test_jitter_is_not_taken_for_loss_even_where_an_overflow_is_reported(jitter, data):
    overflow_at = data.draw(st.integers(0, len(jitter) - 1))
    blocks = [(0.01 * i + late, i == overflow_at, True) for i, late in enumerate(jitter)]
    assert sum(lost(LossMeter(RATE), blocks)) == 0


def test_an_overflow_is_measured_by_the_clock_once_the_backlog_is_read():
    meter = LossMeter(RATE)
    before = [(0.01 * i, False, True) for i in range(1, 101)]  # up to 1.00 s
    # Python was away for a second; the buffer held 50 ms of it. The backlog comes at once.
    backlog = [(2.0, i == 0, False) for i in range(5)]
    after = [(2.01, False, True), (2.02, False, True)]
    assert lost(meter, before + backlog) == [0] * 105
    assert lost(meter, after) == [round(0.95 * RATE), 0]


def test_a_late_reader_who_lost_nothing_is_told_so():
    meter = LossMeter(RATE)
    before = [(0.01 * i, False, True) for i in range(1, 101)]
    backlog = [(2.0, i == 50, False) for i in range(100)]
    after = [(2.01, False, True)]
    assert sum(lost(meter, before + backlog + after)) == 0


def test_a_sound_card_whose_clock_is_slow_does_not_add_up_to_loss():
    meter = LossMeter(RATE)
    # 300 ppm slow over an hour of 10 ms blocks: a second late by the end.
    blocks = [(0.01 * i * 1.0003, i == 359_999, True) for i in range(360_000)]
    assert sum(lost(meter, blocks)) == 0


class FakeDevice:
    """Gives the blocks it is told to, then nothing for ever or an error."""

    def __init__(self, monkeypatch, blocks, *, then=None):
        self._blocks = iter(blocks)
        self._then = then
        self.silence = threading.Event()
        found = Found(device=MICROPHONE, handle=0)
        monkeypatch.setattr(finding, "find_all", lambda kind: [found])
        monkeypatch.setattr(finding, "open_device", self.open)

    @contextmanager
    def open(self, found):
        yield self.read

    def read(self):
        for block in self._blocks:
            return block
        if self._then is not None:
            raise self._then
        self.silence.wait()
        raise DeviceError("over")


def run(spec: str | None = None) -> tuple[int, list[tuple[Header, bytes]]]:
    """Run a capture to its end; return its exit status and messages."""
    output = io.BytesIO()
    status = Capture("input", spec).run(output)
    output.seek(0)
    return status, list(iter(lambda: capture.read_message(output), None))


def block(value: float, *, overflow: bool = False):
    return np.full((480, 1), value, dtype=np.float32), overflow


def test_what_the_device_gives_is_passed_on_in_order(monkeypatch):
    FakeDevice(
        monkeypatch, [block(0.25), block(0.5, overflow=True)], then=DeviceError("it was pulled out")
    )
    status, messages = run()
    assert status != 0
    assert [header.kind for header, _ in messages] == [OPENED, SOUND, SOUND, FAILED]
    assert Device(**json.loads(messages[0][1])) == MICROPHONE
    sounds = [(header, np.frombuffer(data, np.float32)) for header, data in messages[1:3]]
    assert [(h.rate, h.channels, h.xruns) for h, _ in sounds] == [(RATE, 1, 0), (RATE, 1, 1)]
    assert [samples.tolist() for _, samples in sounds] == [[0.25] * 480, [0.5] * 480]
    assert sounds[0][0].arrived <= sounds[1][0].arrived
    assert messages[3][1] == b"it was pulled out"


def test_a_device_that_stops_delivering_ends_the_process_with_a_status_of_its_own(monkeypatch):
    monkeypatch.setattr(capture, "_FIRST_LIMIT_S", 0.2)
    monkeypatch.setattr(capture, "_LIMIT_S", {"input": 0.1})
    device = FakeDevice(monkeypatch, [block(0.5)])
    status, messages = run()
    assert status == capture.STALLED
    assert [header.kind for header, _ in messages] == [OPENED, SOUND]
    device.silence.set()


def test_an_unknown_device_is_told_in_words(monkeypatch):
    FakeDevice(monkeypatch, [])
    status, [(header, text)] = run("Theremin")
    assert (status, header.kind) == (1, FAILED)
    assert b"'Theremin'" in text
    assert b"'Microphone'" in text


def test_sound_that_nobody_fetches_is_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(capture, "_QUEUE_BLOCKS", 3)
    opened, given_ten, fetched = threading.Event(), threading.Event(), threading.Event()

    class SlowReader(io.BytesIO):
        """Takes the first message, and the others only when ten blocks were given."""

        messages = 0

        def flush(self):
            self.messages += 1
            opened.set()
            given_ten.wait()
            if self.messages == 4:
                fetched.set()

    def blocks():
        opened.wait()
        yield from [block(0.5)] * 10
        given_ten.set()
        fetched.wait()
        yield block(0.5)

    FakeDevice(monkeypatch, blocks(), then=DeviceError("over"))
    output = SlowReader()
    Capture("input", None).run(output)
    output.seek(0)
    sounds = [h for h, _ in iter(lambda: capture.read_message(output), None) if h.kind == SOUND]
    assert [(h.missing, h.xruns) for h in sounds] == [(0, 0), (0, 0), (0, 0), (7 * 480, 7)]


def test_the_process_ends_when_nobody_reads_any_more(monkeypatch):
    class Gone(io.BytesIO):
        """A pipe whose reader has ended."""

        def write(self, data):
            raise BrokenPipeError

    FakeDevice(monkeypatch, [block(0.5)])
    assert Capture("input", None).run(Gone()) == 0


@pytest.mark.parametrize(
    "module", ["realtime_mer.audio.capture", "realtime_mer.audio.sources", "realtime_mer"]
)
def test_importing_it_brings_in_neither_network_nor_window_nor_sound_library(module):
    heavy = {"torch", "PySide6", "sounddevice", "soundcard", "websockets"}
    code = f"import sys, {module}; print({heavy!r} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout.strip() == b"set()"
