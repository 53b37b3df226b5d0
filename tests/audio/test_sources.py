"""A device source outlives its device, and ends when it is told to."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from realtime_mer.audio import sources
from realtime_mer.audio.sources import DeviceSource
from realtime_mer.errors import DeviceError
from tests.patience import PATIENCE_S

RATE = 48_000

# What a capture process does, told by a list of steps.
HELPER = """
import json, sys, time
import numpy as np
from realtime_mer.audio.capture import FAILED, OPENED, SOUND, Header, write_message
device = dict(index=0, name="Microphone", kind="input", rate=%(rate)d, channels=2, default=True,
              backend="sounddevice")
out = sys.stdout.buffer
for step in %(steps)r:
    if step == "open":
        write_message(out, Header(OPENED), json.dumps(device).encode())
    elif step == "wait":
        time.sleep(3600)
    elif isinstance(step, str):
        write_message(out, Header(FAILED), step.encode())
    else:
        frames, xruns, missing = step
        header = Header(SOUND, 2, xruns, %(rate)d, missing, 0, time.monotonic())
        write_message(out, header, np.full((frames, 2), 0.5, dtype=np.float32).tobytes())
"""


@pytest.fixture
def helpers(monkeypatch):
    """Replace capture processes by ones that take the steps of a list, one list for each."""
    scripts, started = [], []

    def start(arguments):
        started.append(arguments)
        steps, rate = scripts.pop(0) if scripts else (["no such device"], RATE)
        return subprocess.Popen(
            [sys.executable, "-c", HELPER % {"rate": rate, "steps": steps}],
            stdout=subprocess.PIPE,
        )

    monkeypatch.setattr(sources, "capture_process", start)
    return scripts, started


def until(source: DeviceSource, wanted):
    """Read until a block is wanted; return it and all before it."""
    blocks = []
    while True:
        block = source.read()
        assert block is not None
        if wanted(block):
            return block, blocks
        blocks.append(block)


def test_blocks_carry_what_the_process_reports(helpers):
    scripts, started = helpers
    scripts.append((["open", (480, 0, 0), (240, 1, 96), "wait"], 44_100))
    before = time.monotonic()
    source = DeviceSource(kind="input", device="micro")
    assert started == [["--kind", "input", "--device=micro"]]
    assert (source.name, source.real_time, source.device.rate) == ("Microphone", True, 44_100)
    first, second = source.read(), source.read()
    np.testing.assert_array_equal(first.samples, np.full((480, 2), 0.5, dtype=np.float32))
    assert (first.rate, first.missing, first.xruns) == (44_100, 0, 0)
    assert (len(second.samples), second.missing, second.xruns) == (240, 96, 1)
    assert before <= first.arrived_at <= second.arrived_at <= time.monotonic()
    source.close()
    assert source.read() is None


def test_a_device_that_cannot_be_opened_at_first_is_an_error_with_its_reason(helpers):
    scripts, _ = helpers
    scripts.append((["the plug is out"], RATE))
    with pytest.raises(DeviceError, match="the plug is out"):
        DeviceSource(kind="input")


def test_a_process_that_ends_without_a_word_is_an_error(helpers):
    scripts, _ = helpers
    scripts.append(([], RATE))
    with pytest.raises(DeviceError, match=r"exit status 0.*realtime-mer doctor"):
        DeviceSource(kind="input")


@pytest.mark.parametrize("end", [["cable out"], []], ids=["error", "crash"])
def test_a_lost_device_is_reopened_by_name_and_the_loss_is_counted(helpers, end):
    scripts, started = helpers
    scripts.append((["open", (480, 0, 0), *end], RATE))
    scripts.append((["no such device"], RATE))  # not back yet
    scripts.append((["open", (441, 0, 0), (441, 0, 0), "wait"], 44_100))  # back, at another rate
    source = DeviceSource(kind="input")
    last = source.read().arrived_at
    back, between = until(source, lambda block: not block.reconnecting)
    assert between
    assert all(len(block.samples) == 0 and block.missing == 0 for block in between)
    default = ["--kind", "input", "--follow"]
    assert started == [default, *[[*default, "--device=Microphone"]] * 2]
    assert (back.rate, len(back.samples)) == (44_100, 441)
    expected = (back.arrived_at - last) * 44_100 - 441
    assert back.missing == pytest.approx(expected, abs=1)
    assert source.device.rate == 44_100
    following = source.read()
    assert (following.missing, following.reconnecting) == (0, False)
    source.close()


def test_close_ends_a_read_that_waits_for_sound(helpers):
    scripts, _ = helpers
    scripts.append((["open", "wait"], RATE))
    source = DeviceSource(kind="input")
    answers = []
    listener = threading.Thread(target=lambda: answers.append(source.read()))
    listener.start()
    source.close()
    source.close()
    listener.join(timeout=PATIENCE_S)
    assert answers == [None]


@pytest.mark.parametrize("steps", [["wait"], ["open", "wait"], ["gone"]])
def test_close_ends_reconnecting(helpers, steps):
    scripts, _ = helpers
    scripts.append((["open"], RATE))
    scripts.extend([(steps, RATE)] * 5)
    source = DeviceSource(kind="input")
    until(source, lambda block: block.reconnecting)
    reopening = [t for t in threading.enumerate() if t.name.startswith("reopen")]
    assert len(reopening) == 1
    source.close()
    assert source.read() is None
    reopening[0].join(timeout=PATIENCE_S)
    assert not reopening[0].is_alive()
