"""The bench of rooms: what it reports, never how fast this machine is."""

import json
import math
import time
from pathlib import Path

import pytest

from realtime_mer.bench import rooms
from realtime_mer.bench.room_load import measure
from realtime_mer.errors import RealtimeMerError
from tests.command_line import call, write_model
from tests.tones import ToneRecognizer


def test_a_load_is_measured_as_fast_as_it_goes_and_live() -> None:
    load = measure(ToneRecognizer(), streams=40, seconds=0.3)
    assert load.tick_ms.p99 >= load.tick_ms.median > 0
    assert load.hop_us > 0
    assert load.estimates_us > 0
    assert load.resident_mb > 10
    assert load.stream_kb is not None


def test_what_cannot_keep_up_is_not_measured_live() -> None:
    class Slow(ToneRecognizer):
        hop_samples = 24  # a millisecond of sound, which takes longer than that
        window_samples = 30 * 24

        def step(self, samples, state):
            time.sleep(0.003)
            return super().step(samples.repeat(100, axis=1), state)

    load = measure(Slow(), streams=2, seconds=0.05)
    assert load.live_ms is None


@pytest.mark.slow
def test_every_stated_measurement_is_taken_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(write_model(tmp_path))
    said: list[str] = []
    found = rooms.measure(
        model=model, compute="light", streams=(1, 40), seconds=0.2, say=said.append
    )
    assert [load["streams"] for load in found["rooms"]] == [1, 40]
    for load in (*found["rooms"], found["a_process_each"]):
        assert load["streams_a_core"] > 0
        assert math.isfinite(load["hop_us"])
    assert found["rooms"][0]["stream_kb"] is None
    assert said == [
        "1 streams in one process, light",
        "40 streams in one process, light",
        f"{found['a_process_each']['processes']} processes with a stream each, light",
    ]
    assert rooms.table_of(found).row_count == 3
    told = call(capsys, *f"bench rooms --json --streams 2 --seconds 0.2 --model {model}".split())
    assert [load["streams"] for load in json.loads(told.out)["rooms"]] == [2]


def test_a_process_that_cannot_measure_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RealtimeMerError, match=r"ended with status 1: .*No checkpoint"):
        rooms.measure(
            model=str(tmp_path / "none"),
            compute="light",
            streams=(1,),
            seconds=0.1,
            say=lambda text: None,
        )
