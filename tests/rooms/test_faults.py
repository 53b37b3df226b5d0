"""What goes wrong for a whole service, and what it costs: one line, and nothing for the others."""

import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from realtime_mer.rooms import checkpoints, feeding, service
from realtime_mer.rooms.checkpoints import Checkpoints
from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.rooms.nodes import alone
from realtime_mer.rooms.states import packed
from tests.rooms.serving import Feeder, Serving, Watcher, serving, until
from tests.tones import HOP, RATE, tones

DAY_S, STEP_S = 86_400, 30
AT_ONCE = RoomLimits(frames_per_s=1e6, frame_burst=10**6)


def set_clock(monkeypatch: pytest.MonkeyPatch, now: Callable[[], float]) -> None:
    """Let a service take this for the time."""
    for module in (feeding, service, alone):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=now))


@pytest.mark.slow
@pytest.mark.parametrize("ppm", [1000, -1000])
def test_a_feeder_whose_clock_is_off_for_a_day_is_told_so_and_its_times_stay_true(
    ppm: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hop = (tones(0.1, music=0.9) * 32767).astype("<i2")
    with serving(tmp_path, rooms=("hall",), limits=AT_ONCE) as at:
        hall = at.service.find("hall")
        assert hall is not None

        def now() -> float:
            """When the chunk that is read next came: once its microphone had it, by our clock."""
            return 1000.0 + (hall.counts.messages + 1) * STEP_S / (1 + ppm / 1e6)

        set_clock(monkeypatch, now)
        with Feeder(at, "hall") as feeder:
            feeder.open(format="s16le")
            estimates = at.all_of("hall")
            for end in range(STEP_S, DAY_S + 1, STEP_S):  # of its sound, by its own clock
                feeder.send(hop, index=end * RATE - HOP)  # of half a minute the last tenth second
            until(lambda: bool(estimates) and estimates[-1]["seq"] == DAY_S * 10 - 1)
            taken = feeder.until("taken")[-1]
            while taken["next"] < DAY_S * RATE:
                taken = feeder.until("taken")[-1]
    assert taken["drift_ppm"] == pytest.approx(ppm, abs=3)
    last = estimates[-1]
    assert last["t"] == DAY_S  # by its own clock, which is 86 s off by now
    assert last["latency_ms"] == pytest.approx(1000 * STEP_S, abs=700)  # told when the next came


@pytest.mark.slow
def test_where_states_cannot_be_kept_rooms_go_on_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The three pages of a file without a state, and states that need more.
    monkeypatch.setattr(alone, "Checkpoints", partial(Checkpoints, most_pages=3, every_s=0))
    monkeypatch.setattr(checkpoints, "packed", lambda state: packed(state) + bytes(10_000))
    with (
        serving(tmp_path, rooms=("hall", "attic")) as at,
        Watcher(at, "hall") as watcher,
        Feeder(at, "hall") as feeder,
        Feeder(at, "attic") as other,
    ):
        feeder.open()
        other.open()
        hops = 0

        def failed() -> bool:
            nonlocal hops
            hops += 1
            feeder.send(tones(0.1, music=0.9))
            other.send(tones(0.1, music=0.9))
            assert watcher.wait(hops - 1)["status"] in ("warming_up", "music")
            return metric(at, "realtime_mer_states_not_kept_total") > 0

        until(failed)  # states are kept every second
        assert len([line for line in at.said if "cannot be kept" in line]) == 1
        taken = feeder.until("taken")[-1]
        while taken["next"] < hops * HOP:
            taken = feeder.until("taken")[-1]
        assert taken["kept"] == 0  # so its sender knows what it would be asked for again
        assert answer(at, "/readyz").startswith("ready")


def answer(at: Serving, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{at.service.port}{path}") as found:
        text: str = found.read().decode()
    return text


def metric(at: Serving, name: str) -> float:
    (value,) = (
        line.split()[1] for line in answer(at, "/metrics").splitlines() if line.startswith(name)
    )
    return float(value)


def test_a_rate_that_means_nothing_is_refused_and_the_room_keeps_its_time(tmp_path: Path) -> None:
    with serving(tmp_path, rooms=("hall",)) as at:
        with Feeder(at, "hall") as feeder:
            feeder.open(rate=48_000)
            feeder.send(np.repeat(tones(1.0, music=0.9), 2))
            feeder.say("open", rate=0, format="f32le")
            assert feeder.until("error")[-1]["code"] == "bad_message"
            assert feeder.close_code() == 4400
        with Feeder(at, "hall") as again:
            assert again.open(rate=48_000)["next"] == 48_000
