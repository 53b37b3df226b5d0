"""What is kept of a stream for whoever joins late, without a socket."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.estimate import Estimate
from realtime_mer.wire.past import MAX_MARKERS, STEP_S, Past
from realtime_mer.wire.protocol import (
    MAX_PAST_MARKERS,
    MAX_POINTS,
    History,
    Marker,
    encode,
    parse_server_message,
)
from tests.samples import sample_estimate


def past_of(*estimates: Estimate, seconds: float = 600.0) -> Past[History]:
    past: Past[History] = Past(lambda history: history, seconds=seconds)
    for estimate in estimates:
        past.add(estimate)
    return past


def read(
    past: Past[History], seconds: float = 600.0, *, estimates: bool = True, markers: bool = True
) -> list[History]:
    return list(past.read(seconds, estimates=estimates, markers=markers))


def seqs(parts: list[History]) -> list[int]:
    return [seq for part in parts for seq in part.seq]


def run(count: int, *, hop: float = 0.1, start: int = 0) -> list[Estimate]:
    return [
        sample_estimate(seq=seq, t=round((seq + 1) * hop, 6)) for seq in range(start, start + count)
    ]


hops = st.lists(st.sampled_from([0.02, 0.1, 0.25, 0.6, 3.0]), min_size=1, max_size=120)


def stream_of(steps: list[float]) -> list[Estimate]:
    """Estimates with these seconds between them."""
    t, estimates = 0.0, []
    for seq, step in enumerate(steps):
        t = round(t + step, 6)
        estimates.append(sample_estimate(seq=seq, t=t))
    return estimates


@given(hops, st.data())
def test_past_and_what_follows_are_in_order_without_a_hole_or_anything_twice(
    steps: list[float], data: st.DataObject
) -> None:
    """A reader asks at any moment, and reads on at any speed while the stream goes on."""
    estimates = stream_of(steps)
    joins = data.draw(st.integers(1, len(estimates)))
    past = past_of(*estimates[:joins])
    told: list[int] = []
    for part in past.read(600.0, estimates=True, markers=False):
        told += part.seq
        come = data.draw(st.integers(0, 20))
        for estimate in estimates[joins : joins + come]:
            past.add(estimate)
        joins = min(joins + come, len(estimates))
    told += range(joins - 1, len(estimates))  # the latest, and what is new
    assert told == sorted(set(told))
    for before, after in pairwise(told):
        whole = after == before + 1
        assert whole or estimates[after].t - estimates[before].t <= STEP_S + 1e-6
    assert (told[0], told[-1]) == (0, len(estimates) - 1)


@given(hops, st.floats(0.1, 600.0))
def test_nothing_older_than_asked_for_is_told_and_nothing_newer_is_left_out(
    steps: list[float], seconds: float
) -> None:
    estimates = stream_of(steps)
    told = seqs(read(past_of(*estimates), seconds))
    start = estimates[-1].t - seconds
    assert all(estimates[seq].t >= start - 2e-6 for seq in told)
    every = seqs(read(past_of(*estimates)))
    assert told == [seq for seq in every if estimates[seq].t >= start - 1e-6]


@given(st.lists(st.floats(0.001, 5.0), max_size=300), st.floats(1.0, 20.0))
def test_what_is_kept_is_bounded_by_its_seconds_whatever_the_hop(
    steps: list[float], seconds: float
) -> None:
    past = past_of(*stream_of(steps), seconds=seconds)
    assert len(past) <= 2 * seconds / STEP_S + MAX_POINTS + 2


def test_an_hour_leaves_no_more_behind_than_its_last_seconds() -> None:
    past = past_of(*run(36_000), seconds=10.0)
    assert len(past) <= 10.0 / STEP_S + MAX_POINTS
    assert seqs(read(past, 10.0))[0] >= 36_000 - 101


def test_ten_minutes_at_the_usual_hop_are_twelve_hundred_estimates_in_few_short_messages() -> None:
    past: Past[str] = Past(encode)
    for estimate in run(9000):
        past.add(estimate)
    texts = list(past.read(600.0, estimates=True, markers=True))
    assert len(texts) <= 20
    assert sum(map(len, texts)) < 64_000
    parts = [parse_server_message(text) for text in texts]
    assert sum(len(part.seq) for part in parts if isinstance(part, History)) == 1200


def test_a_hole_of_the_stream_has_its_estimates_on_both_sides() -> None:
    estimates = [*run(14), *run(20, start=30)]
    told = seqs(read(past_of(*estimates)))
    assert {13, 30} <= set(told)


def test_what_many_ask_for_is_written_once() -> None:
    written: list[History] = []

    def write(history: History) -> History:
        written.append(history)
        return history

    past: Past[History] = Past(write)
    for estimate in run(9000):
        past.add(estimate)
    read(past)
    once = len(written)
    read(past)
    assert len(written) - once <= 2  # the ends, which are cut to what was asked for


def test_a_step_back_in_time_forgets_all() -> None:
    past = past_of(*run(100))
    past.mark(Marker(label="drop", t=5.0))
    past.add(sample_estimate(seq=200, t=2.0))
    assert len(past) == 0
    assert read(past) == []


def test_markers_come_with_the_past_and_those_set_meanwhile_too() -> None:
    past = past_of(*run(100))
    past.mark(Marker(label="one", t=1.0))
    parts = past.read(600.0, estimates=True, markers=True)
    got = [next(parts)]
    past.mark(Marker(label="two", t=10.0))
    got += parts
    labels = [marker.label for part in got for marker in part.markers]
    assert labels == ["one", "two"]


def test_markers_older_than_asked_for_stay_away_and_one_without_a_time_does_not() -> None:
    past = past_of(*run(1000))
    for label, t in (("old", 1.0), ("early", None), ("new", 99.0)):
        past.mark(Marker(label=label, t=t))
    markers = [marker.label for part in read(past, 10.0) for marker in part.markers]
    assert markers == ["early", "new"]


@pytest.mark.parametrize(("estimates", "markers"), [(True, False), (False, True), (False, False)])
def test_only_what_is_asked_for_is_told(estimates: bool, markers: bool) -> None:
    past = past_of(*run(100))
    past.mark(Marker(label="drop", t=5.0))
    parts = read(past, estimates=estimates, markers=markers)
    assert any(part.seq for part in parts) is estimates
    assert any(part.markers for part in parts) is markers


def test_however_many_markers_are_set_few_are_kept_and_a_message_stays_short() -> None:
    past: Past[str] = Past(encode)
    for estimate in run(100):
        past.add(estimate)
    for number in range(2 * MAX_MARKERS):
        past.mark(
            Marker(label="\N{HEADPHONE}" * 200, id="\N{HEADPHONE}" * 60 + f"{number:04}", t=5.0)
        )
    texts = list(past.read(600.0, estimates=False, markers=True))
    parts = [part for part in map(parse_server_message, texts) if isinstance(part, History)]
    ids = [int(marker.id[-4:]) for part in parts for marker in part.markers]
    assert ids == list(range(MAX_MARKERS, 2 * MAX_MARKERS))
    assert all(len(part.markers) <= MAX_PAST_MARKERS for part in parts)
    assert all(len(text.encode()) < 65536 for text in texts)


def test_a_part_can_be_cut_to_what_is_behind_a_number() -> None:
    (part,) = read(past_of(*run(100)))
    rest = part.after(50)
    assert rest.seq == tuple(seq for seq in part.seq if seq > 50)
    assert {len(column) for column in rest.columns} == {len(rest.seq)}
