import threading
import time
from datetime import datetime

import numpy as np
import pytest
import torch

from realtime_mer.audio.block import Block
from realtime_mer.engine import Engine
from realtime_mer.errors import AudioError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.features.log_mel import LogMel
from realtime_mer.shaping import Shaper
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import LevelMessage, StatusMessage
from tests.networks import random_recognizer
from tests.patience import PATIENCE_S
from tests.samples import NAME_SPELT_OUT, NAME_THAT_ACTS

RATE = 24_000


@pytest.fixture(scope="module")
def recognizer():
    return random_recognizer()


def noise(seconds: float, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((round(seconds * RATE), 1))).astype(np.float32)


class Script:
    """A source that plays a list of blocks; a callable is called, an error raised."""

    name = "script"

    def __init__(self, items, *, real_time: bool) -> None:
        self._items = list(items)
        self.real_time = real_time
        self.closed = threading.Event()

    def read(self) -> Block | None:
        while self._items and not self.closed.is_set():
            item = self._items.pop(0)
            if isinstance(item, Exception):
                raise item
            if isinstance(item, Block):
                return item
            item()
        return None

    def close(self) -> None:
        self.closed.set()


def block(samples: np.ndarray, **facts) -> Block:
    return Block(samples=samples, rate=RATE, **facts)


def run(recognizer, items, *, real_time, **settings):
    engine = Engine(
        source=Script(items, real_time=real_time), stream=EmotionStream(recognizer), **settings
    )
    events = list(engine.events())
    return engine, [e for e in events if isinstance(e, Estimate)], events


def test_a_name_of_a_source_that_acts_on_whoever_shows_it_is_spelt_out(recognizer):
    source = Script([block(noise(1))], real_time=False)
    source.name = NAME_THAT_ACTS
    events = list(Engine(source=source, stream=EmotionStream(recognizer)).events())
    named = {event.source for event in events if isinstance(event, StatusMessage)}
    assert named == {NAME_SPELT_OUT}


@pytest.mark.parametrize("real_time", [False, True])
def test_every_hop_of_sound_becomes_an_estimate(recognizer, real_time):
    sound = noise(4)
    blocks = [block(sound[i : i + 1000]) for i in range(0, len(sound), 1000)]
    engine, estimates, _ = run(recognizer, blocks, real_time=real_time, max_backlog_s=10)
    assert [e.seq for e in estimates] == list(range(40))
    assert [e.t for e in estimates] == [round(0.1 * (i + 1), 6) for i in range(40)]
    assert engine.source.closed.is_set()


def test_both_ways_to_run_give_the_same_numbers(recognizer):
    blocks = [block(noise(0.7, seed=i)) for i in range(6)]
    _, pulled, _ = run(recognizer, blocks, real_time=False)
    _, live, _ = run(recognizer, blocks, real_time=True, max_backlog_s=10)
    assert [e.valence for e in live] == pytest.approx([e.valence for e in pulled], abs=1e-4)


def test_a_real_clock_that_runs_ahead_is_followed_by_skipping_to_the_newest_window(recognizer):
    gate = threading.Event()
    ready = threading.Event()

    def hold_inference(event) -> None:
        if isinstance(event, Estimate) and not ready.is_set():
            ready.set()
            assert gate.wait(PATIENCE_S)

    items = [
        block(noise(0.1)),
        lambda: ready.wait(PATIENCE_S),  # inference is now held up, and the clock runs on
        block(noise(8, seed=1)),
        gate.set,
        block(noise(0.1, seed=2)),
    ]
    _, estimates, _ = run(recognizer, items, real_time=True, publish=hold_inference)
    last = estimates[-1]
    assert last.t == pytest.approx(8.2)
    assert last.skipped == 82 - len(estimates) >= 49
    assert last.latency_ms is None


def test_a_source_that_can_wait_is_never_skipped(recognizer):
    _, estimates, _ = run(recognizer, [block(noise(20))], real_time=False, max_backlog_s=0.1)
    assert len(estimates) == 200
    assert estimates[-1].skipped == 0


def test_an_xrun_becomes_a_counted_gap_and_time_stays_true(recognizer):
    items = [block(noise(4)), block(noise(4, seed=1), missing=4800, xruns=1)]
    _, estimates, events = run(recognizer, items, real_time=False)
    assert estimates[-1].t == pytest.approx(8.2)
    assert [e.seq for e in estimates if e.status is Status.GAP] == [40, 41]
    assert estimates[-1].xruns == 1
    gaps = [e for e in events if isinstance(e, StatusMessage) and e.status is Status.GAP]
    assert len(gaps) == 1


def test_a_long_loss_is_a_gap_not_a_backlog(recognizer):
    heard = threading.Event()

    def listen(event) -> None:
        if isinstance(event, Estimate) and event.t >= 4.0:
            heard.set()

    items = [
        block(noise(4)),
        lambda: heard.wait(PATIENCE_S),
        block(noise(4, seed=1), missing=60 * RATE),
    ]
    _, estimates, _ = run(recognizer, items, real_time=True, max_backlog_s=4, publish=listen)
    assert estimates[-1].t == pytest.approx(68.0)
    assert estimates[-1].skipped == 0


def test_reconnecting_is_told_and_the_session_goes_on(recognizer):
    told = threading.Event()

    def listen(event) -> None:
        if isinstance(event, StatusMessage) and event.status is Status.RECONNECTING:
            told.set()

    items = [
        block(noise(1)),
        block(noise(0), reconnecting=True),
        lambda: told.wait(PATIENCE_S),
        block(noise(1, seed=1), missing=RATE),
    ]
    _, estimates, events = run(recognizer, items, real_time=True, publish=listen)
    assert told.is_set()
    assert estimates[-1].t == pytest.approx(3.0)
    statuses = [e.status for e in events if isinstance(e, StatusMessage)]
    assert statuses.index(Status.RECONNECTING) < len(statuses) - 1


@pytest.mark.parametrize("real_time", [False, True])
def test_a_failing_source_loses_nothing_already_heard(recognizer, real_time):
    items = [block(noise(1)), AudioError("the file breaks off")]
    engine = Engine(
        source=Script(items, real_time=real_time),
        stream=EmotionStream(recognizer),
        shaper=Shaper(delay_s=0.3),
    )
    events = []
    with pytest.raises(AudioError, match="breaks off"):
        events.extend(engine.events())
    # list.extend keeps what it got before the error
    assert len([e for e in events if isinstance(e, Estimate)]) == 10


def test_seconds_ends_the_session_after_that_much_sound(recognizer):
    _, estimates, _ = run(recognizer, [block(noise(5))] * 3, real_time=False, seconds=2.0)
    assert estimates[-1].t == 2.0


def test_stop_from_another_thread_ends_the_session(recognizer):
    class Endless(Script):
        def read(self):
            return None if self.closed.wait(0.01) else block(noise(0.1))

    engine = Engine(source=Endless([], real_time=True), stream=EmotionStream(recognizer))
    seen = 0
    for _ in engine.events():
        seen += 1
        if seen == 5:
            threading.Thread(target=engine.stop).start()
    assert seen >= 5


def test_latency_and_wall_time_come_from_the_arrival_of_the_last_sample(recognizer):
    items = [block(noise(0.1), arrived_at=time.monotonic() - 2.0)]
    _, (estimate,), _ = run(recognizer, items, real_time=True)
    assert 2000 <= estimate.latency_ms < 60_000
    assert estimate.wall_time is not None


def test_the_way_from_the_loudspeaker_is_subtracted_as_long_as_the_source_is_the_same(recognizer):
    source = Script([], real_time=True)
    arrived = time.monotonic() - 2.0
    source._items = [
        block(noise(0.1), arrived_at=arrived),
        block(noise(0.1, seed=1), arrived_at=arrived + 0.1),
    ]
    told = []

    def exchange(event) -> None:
        if isinstance(event, Estimate):
            told.append(event)
            source.name = "another"

    gate = threading.Event()
    source._items.insert(1, lambda: gate.wait(PATIENCE_S))
    engine = Engine(source=source, stream=EmotionStream(recognizer), way_s=100.0, publish=exchange)
    for event in engine.events():
        if isinstance(event, Estimate):
            gate.set()
    first, second = told
    assert first.latency_ms - second.latency_ms == pytest.approx(100_000, abs=60_000)
    captured = [datetime.fromisoformat(one.wall_time).timestamp() for one in told]
    assert captured[1] - captured[0] == pytest.approx(100.1, abs=0.01)


def test_hops_that_are_made_together_each_have_the_latency_of_their_own_last_sample(recognizer):
    gate, ready = threading.Event(), threading.Event()

    def hold_inference(event) -> None:
        if isinstance(event, Estimate) and not ready.is_set():
            ready.set()
            assert gate.wait(PATIENCE_S)

    began = time.monotonic() - 100
    items = [
        block(noise(0.1), arrived_at=began),
        lambda: ready.wait(PATIENCE_S),  # inference is now held up
        block(noise(0.1, seed=1), arrived_at=began + 20),
        block(noise(0.2, seed=2), arrived_at=began + 50),
        gate.set,
    ]
    _, estimates, _ = run(recognizer, items, real_time=True, publish=hold_inference)
    _, second, third, fourth = estimates
    assert second.latency_ms - fourth.latency_ms == pytest.approx(30_000, abs=0.01)
    assert third.latency_ms - fourth.latency_ms == pytest.approx(100, abs=0.01)
    arrived = [datetime.fromisoformat(estimate.wall_time) for estimate in estimates]
    between = [(later - arrived[1]).total_seconds() for later in arrived[2:]]
    assert between == pytest.approx([29.9, 30], abs=0.002)


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_a_hop_is_stamped_with_the_capture_of_its_last_sample_whatever_rate_and_blocks(
    recognizer, rate
):
    # Read again if something else ran between the readings.
    pairs = [(time.monotonic(), time.time(), time.monotonic()) for _ in range(20)]
    before, wall, _ = min(pairs, key=lambda three: three[2] - three[0])
    began, monotonic = wall - 100, before - 100
    samples = np.resize(noise(1), (3 * rate, 1))
    cuts = np.cumsum(np.resize([round(0.01 * rate), 7, round(0.13 * rate)], 60))
    missing = rate  # lost after a second and a half
    blocks, start = [], 0
    for end in [*cuts[cuts < len(samples)], len(samples)]:
        lost = missing if start <= 1.5 * rate < end else 0
        gone = missing if end > 1.5 * rate else 0
        blocks.append(
            Block(
                samples=samples[start:end],
                rate=rate,
                arrived_at=monotonic + (end + gone) / rate,
                missing=lost,
            )
        )
        start = end
    _, estimates, _ = run(recognizer, blocks, real_time=True, max_backlog_s=10)
    assert len(estimates) == 40
    for estimate in estimates[:-1]:  # the last is given by the end of the sound, which has no time
        captured = datetime.fromisoformat(estimate.wall_time).timestamp()
        assert captured - began == pytest.approx(estimate.t, abs=0.003)


def test_what_nobody_fetches_is_bounded_and_counted(recognizer):
    made = threading.Event()

    def listen(event) -> None:
        # The last thing told of a backlog.
        if isinstance(event, LevelMessage) and event.t == 20.0:
            made.set()

    engine = Engine(
        source=Script([block(noise(20))], real_time=True),
        stream=EmotionStream(recognizer),
        publish=listen,
        max_backlog_s=30,
    )
    engine._events.maxsize = 50  # seven minutes of it would make a slow test
    events = engine.events()
    next(events)
    assert made.wait(PATIENCE_S)
    rest = list(events)
    assert len(rest) <= 51
    assert engine.lost_events + len(rest) + 1 >= 200


def test_listeners_get_levels_too(recognizer):
    heard = []
    run(recognizer, [block(noise(1))], real_time=False, publish=heard.append)
    levels = [e for e in heard if isinstance(e, LevelMessage)]
    assert levels[-1].level_dbfs == pytest.approx(-20, abs=1)
    assert levels[-1].peak_dbfs > levels[-1].level_dbfs


# -- a source that is paused, started afresh and exchanged ---------------------------------------


def statuses(events) -> list[Status]:
    return [e.status for e in events if isinstance(e, StatusMessage)]


@pytest.mark.parametrize("real_time", [False, True])
def test_a_fresh_block_starts_the_state_anew_and_time_goes_on(recognizer, real_time):
    items = [block(noise(4)), block(noise(4, seed=1), fresh=True)]
    _, estimates, events = run(recognizer, items, real_time=real_time, max_backlog_s=10)
    assert [e.seq for e in estimates] == list(range(80))
    assert estimates[39].state_age_s == pytest.approx(4.0)
    assert [e.state_age_s for e in estimates[40:42]] == pytest.approx([0.1, 0.2])
    assert {e.status for e in estimates[40:69]} == {Status.WARMING_UP}
    assert estimates[-1].status is Status.MUSIC
    expected = [Status.WARMING_UP, Status.MUSIC, Status.WARMING_UP, Status.MUSIC]
    assert statuses(events) == expected


def test_after_a_fresh_block_the_numbers_are_those_of_a_new_session(recognizer):
    sound = noise(4, seed=1)
    _, after, _ = run(
        recognizer, [block(noise(4)), block(sound, fresh=True)], real_time=True, max_backlog_s=10
    )
    _, anew, _ = run(recognizer, [block(sound)], real_time=True, max_backlog_s=10)
    assert [e.valence for e in after[40:]] == pytest.approx([e.valence for e in anew], abs=1e-4)


def test_a_pause_is_told_and_what_came_before_it_is_estimated(recognizer):
    told = threading.Event()

    def listen(event) -> None:
        if isinstance(event, StatusMessage) and event.status is Status.PAUSED:
            told.set()

    items = [
        block(noise(1)),
        block(noise(0), paused=True),
        lambda: told.wait(PATIENCE_S),
        block(noise(1, seed=1), missing=2 * RATE),
    ]
    _, estimates, events = run(recognizer, items, real_time=True, publish=listen)
    assert told.is_set()
    assert statuses(events)[:2] == [Status.WARMING_UP, Status.PAUSED]
    assert estimates[-1].t == pytest.approx(4.0)
    assert [e.t for e in estimates if e.status is Status.GAP] == pytest.approx(
        [1.1 + 0.1 * i for i in range(20)]
    )


def test_a_pause_of_what_can_wait_is_told_and_costs_nothing(recognizer):
    items = [block(noise(1)), block(noise(0), paused=True), block(noise(1, seed=1))]
    _, estimates, events = run(recognizer, items, real_time=False)
    assert [e.seq for e in estimates] == list(range(20))
    assert statuses(events) == [Status.WARMING_UP, Status.PAUSED, Status.WARMING_UP]


def test_another_source_is_told_even_where_the_status_stays(recognizer):
    script = Script([block(noise(1)), None, block(noise(1), fresh=True)], real_time=False)
    script._items[1] = lambda: setattr(script, "name", "another")
    engine = Engine(source=script, stream=EmotionStream(recognizer))
    told = [e for e in engine.events() if isinstance(e, StatusMessage)]
    assert [message.source for message in told] == ["script", "another"]
    assert {message.status for message in told} == {Status.WARMING_UP}


def test_a_fresh_start_in_what_is_skipped_is_not_forgotten(recognizer):
    gate, ready = threading.Event(), threading.Event()

    def hold_inference(event) -> None:
        if isinstance(event, Estimate) and not ready.is_set():
            ready.set()
            assert gate.wait(PATIENCE_S)

    items = [
        block(noise(0.1)),
        lambda: ready.wait(PATIENCE_S),  # inference is now held up, and the clock runs on
        block(noise(1), fresh=True),
        block(noise(3.5, seed=1)),
        gate.set,
    ]
    _, estimates, _ = run(recognizer, items, real_time=True, publish=hold_inference)
    assert estimates[-1].skipped > 0
    assert estimates[-1].state_age_s < 3.5


def test_every_hop_has_its_level_however_small_the_blocks(recognizer):
    sound = noise(1)
    sound[-1200:] = 0
    blocks = [block(sound[i : i + 240]) for i in range(0, len(sound), 240)]
    heard: list = []
    run(recognizer, blocks, real_time=False, publish=heard.append)
    levels = [e for e in heard if isinstance(e, LevelMessage)]
    assert [e.t for e in levels] == [e.t for e in heard if isinstance(e, Estimate)]
    assert levels[-1].level_dbfs == pytest.approx(levels[0].level_dbfs - 3, abs=0.5)
    assert levels[-1].peak_dbfs > -20


def test_of_a_backlog_taken_at_once_no_level_is_lost(recognizer):
    heard = []
    sound = np.concatenate((noise(2.0), noise(0.9) / 10))
    run(recognizer, [block(sound)], real_time=False, publish=heard.append)
    levels = [e for e in heard if isinstance(e, LevelMessage)]
    estimates = [e for e in heard if isinstance(e, Estimate)]
    assert len(levels) == 29
    assert [(e.t, e.level_dbfs) for e in levels] == [(e.t, e.level_dbfs) for e in estimates]
    assert levels[-1].level_dbfs < levels[0].level_dbfs - 15
    assert len({e.mel for e in levels}) == 29


def test_a_level_carries_the_features_that_the_network_heard(recognizer):
    heard = []
    sound = noise(1)
    run(recognizer, [block(sound)], real_time=False, publish=heard.append)
    level = [e for e in heard if isinstance(e, LevelMessage)][-1]
    newest = torch.from_numpy(sound[-(2400 + 480) :, 0]).unsqueeze(0)
    with torch.no_grad():
        frames = LogMel(recognizer.card.features)(newest)[0]
    assert len(frames) == 5
    expected = (32 * frames.amax(dim=0)).round().clamp(max=255).tolist()
    assert list(level.mel) == pytest.approx(expected, abs=1)  # rounding at the half


def test_digital_silence_is_a_level_of_zeros(recognizer):
    heard = []
    run(recognizer, [block(0 * noise(1))], real_time=False, publish=heard.append)
    assert {e.mel for e in heard if isinstance(e, LevelMessage)} == {(0,) * 64}
