"""The Lab Streaming Layer, with inlets on this machine; the stamps against a click track."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.engine import Engine
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import Plan, read_plan
from realtime_mer.outlets.short_ways import lsl_plan
from realtime_mer.recognizer.contract import Estimates
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import Marker, StatusMessage
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO
from tests.tones import HOP, ToneRecognizer

try:
    import pylsl
except (ImportError, RuntimeError) as error:
    pytest.skip(f"needs pylsl, of the extra lsl, and its liblsl: {error}", allow_module_level=True)


@pytest.fixture
def name() -> str:
    """Return a name that nobody else in this network has."""
    return f"mer {uuid4().hex[:8]}"


def sending(plan: Plan) -> closing[MappedOutlet]:
    return closing(MappedOutlet(plans=[plan], hello=HELLO))


def inlet(name: str) -> Any:
    """Return an inlet of a stream, once it is connected."""
    found = pylsl.resolve_byprop("name", name, timeout=PATIENCE_S)
    assert [one.name() for one in found] == [name]
    there = pylsl.StreamInlet(found[0])
    there.open_stream(timeout=PATIENCE_S)
    return there


def pull(there: Any) -> tuple[list[Any], float]:
    sample, stamp = there.pull_sample(timeout=20)
    assert sample is not None, "nothing came"
    return sample, stamp


def labels(there: Any) -> list[tuple[str, str]]:
    channel = there.info().desc().child("channels").child("channel")
    found = []
    while not channel.empty():
        found.append((channel.child_value("label"), channel.child_value("unit")))
        channel = channel.next_sibling()
    return found


def test_the_numbers_say_what_they_are_and_of_which_model(name: str) -> None:
    with sending(lsl_plan(name)):
        numbers = inlet(name)
        info, about = numbers.info(), labels(numbers)
    assert info.nominal_srate() == pytest.approx(10)
    assert [label for label, _ in about[:4]] == ["valence", "arousal", "valence_sd", "arousal_sd"]
    assert ("quadrants.Q2", "probability") in about
    assert len(about) == info.channel_count() == 20
    assert all(unit for _, unit in about)
    desc = info.desc()
    assert desc.child_value("model") == HELLO.model
    assert desc.child_value("window_s") == str(HELLO.window)
    assert desc.child_value("delay_s") == "0.0"


def test_every_hop_is_a_row_and_what_the_model_does_not_tell_is_not_a_number(name: str) -> None:
    with sending(lsl_plan(name)) as outlet:
        numbers = inlet(name)
        for seq in range(30):
            outlet.publish(sample_estimate(seq=seq, t=seq / 10, valence=seq / 100))
        rows = [pull(numbers)[0] for _ in range(30)]
        channels = [label for label, _ in labels(numbers)]
    assert [row[0] for row in rows] == pytest.approx([seq / 100 for seq in range(30)])
    assert {row[channels.index("gems.power")] for row in rows} == {0.125}
    assert all(math.isnan(row[channels.index("music")]) for row in rows)


def test_markers_and_changes_of_the_status_are_a_stream_of_their_own(name: str) -> None:
    with sending(lsl_plan(name)) as outlet:
        markers = inlet(f"{name} markers")
        before = pylsl.local_clock()
        outlet.publish(Marker(label="stimulus 1, größer"))
        found = [pull(markers)]
        silent = StatusMessage(
            status=Status.SILENCE, detail="", t=1.0, wall_time=None, source="a file"
        )
        outlet.publish(silent)
        outlet.publish(silent)
        found.append(pull(markers))
        outlet.publish(Marker(label="stimulus 2"))
        found.append(pull(markers))
    assert [texts for texts, _ in found] == [
        ["stimulus 1, größer"],
        ["status silence"],
        ["stimulus 2"],
    ]
    assert before <= found[0][1] <= found[2][1] <= pylsl.local_clock()


def test_an_output_has_the_channels_of_its_routes_and_takes_no_text_for_a_number(
    name: str,
) -> None:
    routes = [
        {"from": "valence", "channel": "warmth", "target": [0, 100], "unit": "%"},
        {"from": "mood", "channel": "mood"},
    ]
    tables = {
        "output": [{"to": f"lsl:{name}", "name": "lab", "routes": routes}],
        "rule": [{"when": "marker", "send": {"to": "lab", "value": "turned"}}],
    }
    with sending(read_plan(tables, file="test.toml")) as outlet:
        numbers, markers = inlet(name), inlet(f"{name} markers")
        for seq in range(3):
            outlet.publish(sample_estimate(seq=seq, t=seq / 10, valence=1))
        outlet.publish(Marker(label="x"))
        assert pull(markers)[0] == ["turned"]
        row, _ = pull(numbers)
        assert labels(numbers) == [("warmth", "%"), ("mood", "")]
    assert row == pytest.approx([100.0, math.nan], nan_ok=True)
    (count,) = outlet.states()  # what came is counted only after it was sent
    assert (count.sent, count.failed) == (4, 3)


@pytest.mark.parametrize("text", ["lsl:", "lsl://lab", "lsl:a?b=c"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="give a name alone"):
        read_plan({"output": [{"to": text}]}, file="test.toml")


# -- the stamps against the sound ------------------------------------------------------------


class ClickRecognizer(ToneRecognizer):
    """Says by its valence which sample of the hop is the loudest, as a part of the hop."""

    def run(self, samples: NDArray[np.float32]) -> Estimates[NDArray[np.float32]]:
        numbers = super().run(samples)
        hops = np.abs(samples[:, : len(numbers) * HOP].reshape(1, len(numbers), HOP))
        return replace(numbers, valence=((hops.argmax(axis=-1) + 1) / HOP).astype(np.float32))


class Clicks:
    """A sound card that clicks once in every tenth of a second, at moments that it knows.

    Its blocks arrive by a clock of its own, and some too late, as on a busy machine.

    Args:
        rate: frames a second.
        seconds: of sound.
        clock: ``time.monotonic()`` before the first frame.
    """

    name = "clicks"
    real_time = True

    def __init__(self, *, rate: int, seconds: float, clock: float) -> None:
        rng = np.random.default_rng(7)
        frames = round(seconds * rate)
        hum = 0.1 * np.sin(2 * np.pi * 220 * np.arange(frames) / rate)  # else it would be silence
        sound = hum.astype(np.float32)[:, np.newaxis]
        tenths = np.arange(round(10 * seconds))
        at = np.round((tenths + rng.uniform(0.2, 0.8, len(tenths))) * rate / 10).astype(int)
        sound[at] = 0.9
        self.clicks = clock + (at + 1) / rate
        late = rng.exponential(0.02, frames)
        ends = range(rate // 100, frames + 1, rate // 100)
        self._blocks: Iterator[Block] = iter(
            Block(
                samples=sound[end - rate // 100 : end],
                rate=rate,
                arrived_at=clock + end / rate + (late[end - 1] if end % 3 else 0.0),
            )
            for end in ends
        )
        self._closed = threading.Event()
        self._ahead = threading.Semaphore(100)

    def read(self) -> Block | None:
        assert self._ahead.acquire(timeout=PATIENCE_S)
        return None if self._closed.is_set() else next(self._blocks, None)

    def go_on(self) -> None:
        """Give another tenth of a second; a second of sound is given without that."""
        self._ahead.release(10)

    def close(self) -> None:
        self._closed.set()
        self._ahead.release()


@pytest.mark.slow
@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_a_click_was_when_the_stamp_of_its_window_says_within_5_ms(name: str, rate: int) -> None:
    seconds = 12.0
    # The sound is over before it is heard here, so that nobody has to wait for it.
    source = Clicks(rate=rate, seconds=seconds, clock=time.monotonic() - seconds)
    with sending(lsl_plan(name)) as outlet:
        numbers = inlet(name)
        engine = Engine(
            source=source,
            stream=EmotionStream(ClickRecognizer()),
            publish=outlet.publish,
            max_backlog_s=20,
        )
        rows = []
        for event in engine.events():
            if isinstance(event, Estimate):
                source.go_on()
                if event.seq:  # whether the first row is whole, the second shows
                    rows.append(pull(numbers))
    # The clock of pylsl and that of Python are read here one after the other, and apart there.
    to_lsl = pylsl.local_clock() - time.monotonic()
    heard = [stamp - (1 - values[0]) * 0.1 for values, stamp in rows]
    errors = np.array(heard) - (source.clicks[: len(rows)] + to_lsl)
    assert len(rows) == 119
    assert np.abs(errors[10:]).max() <= 0.005  # after a second of it
