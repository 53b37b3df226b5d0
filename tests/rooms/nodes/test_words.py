"""What nodes keep, put in order and say to each other, without any socket."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import ProtocolError
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.rooms.machines.chunks import SoundChunk
from realtime_mer.rooms.machines.feeds import Feed, digest, parse_feed
from realtime_mer.rooms.nodes.described import described
from realtime_mer.rooms.nodes.hearing import Hearing
from realtime_mer.rooms.nodes.marks import Mark, parse_mark
from realtime_mer.rooms.nodes.untold import BEHIND_S, KEPT_S, Untold
from realtime_mer.rooms.states import model_of
from realtime_mer.wire.protocol import Marker
from tests.rooms.nodes.hands import hops

_RATE = 100  # samples a second, so that ten seconds are few


def chunks(lengths: list[tuple[int, int]]) -> list[SoundChunk]:
    """Return chunks that follow each other, of so many samples, after so many that are missing."""
    found, end = [], 0
    for count, missing in lengths:
        end += missing
        samples = np.arange(end, end + count, dtype=np.float32)
        found.append(SoundChunk(epoch=1, position=end, samples=samples, missing=missing))
        end += count
    return found


_LENGTHS = st.lists(st.tuples(st.integers(1, 150), st.integers(0, 30)), min_size=1, max_size=60)


@given(_LENGTHS, st.data())
def test_what_is_sent_tells_of_every_sample_once_lost_ones_as_missing(
    lengths: list[tuple[int, int]], data: st.DataObject
) -> None:
    untold, sent = Untold(rate=_RATE), []
    for chunk in chunks(lengths):
        untold.add(chunk)
        if data.draw(st.booleans()):  # NATS is there
            sent += untold.unsent()
    sent += untold.unsent()
    assert sent[0].start == 0
    assert all(one.end == other.start for one, other in pairwise(sent))
    assert sent[-1].end == sum(count + missing for count, missing in lengths)
    came = sum(len(chunk.samples) for chunk in sent)
    assert came + untold.lost == sum(count for count, _ in lengths)


@given(_LENGTHS, st.integers(0, 5000))
def test_what_is_sent_again_is_the_newest_and_reaches_behind_what_was_told(
    lengths: list[tuple[int, int]], told: int
) -> None:
    untold = Untold(rate=_RATE)
    for chunk in chunks(lengths):
        untold.add(chunk)
        list(untold.unsent())
        untold.told(min(told, chunk.end))
    end = sum(count + missing for count, missing in lengths)
    untold.again()
    again = list(untold.unsent())
    assert untold.lost == 0
    needed = max(0, min(told, end) - BEHIND_S * _RATE, end - KEPT_S * _RATE)
    if needed < end:
        assert again[0].start <= needed
        assert again[-1].end == end
    assert sum(len(chunk.samples) for chunk in again) <= KEPT_S * _RATE + 150


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.data())
def test_hops_are_handed_on_once_and_in_order_whatever_comes(
    order: list[int], twice: set[int], data: st.DataObject
) -> None:
    hearing, told = Hearing(), []
    stored: list[int] = []
    told += hearing.hear(hops(0))
    for number in [*order, *twice]:
        stored.append(number)
        if data.draw(st.booleans()):
            told += hearing.hear(hops(number))
        if hearing.looking and data.draw(st.booleans()):
            told += hearing.found(hops(*sorted(set(stored))))
    hearing.looking = True
    told += hearing.found(hops(*range(12)))
    numbers = [hop.estimate.seq for hop in told]
    assert numbers == sorted(set(numbers))
    assert set(numbers) | set(range(12)) == set(range(12))
    assert len(numbers) + hearing.missed == 12


def test_hops_that_were_left_out_on_purpose_are_not_looked_for() -> None:
    hearing = Hearing()
    assert len(hearing.hear(hops(0, 1))) == 2
    assert len(hearing.hear(hops(7, skipped=5))) == 1
    assert not hearing.looking
    assert hearing.hear(hops(10, skipped=5)) == []
    assert hearing.looking


def test_how_a_room_is_fed_is_read_as_it_was_written() -> None:
    feed = Feed(
        node="node-1",
        epoch=7,
        state="fed",
        source="Bühne",
        position=5,
        resume=digest("a secret"),
        resumed=True,
    )
    assert parse_feed(feed.encode()) == feed
    assert b"a secret" not in feed.encode()
    assert feed.lets_back("a secret")
    assert not feed.lets_back("another")
    assert not feed.lets_back(None)
    assert not Feed().lets_back("")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        json.dumps({"version": 2}).encode(),
        json.dumps({"state": "on fire"}).encode(),
        json.dumps({"epoch": -1}).encode(),
        json.dumps({"source": "a\u202eb"}).encode(),
        b'{"source": "' + b"x" * 5000 + b'"}',
    ],
)
def test_what_is_not_how_a_room_is_fed_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_feed(data)


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_more(data: bytes) -> None:
    for parse in (parse_feed, parse_mark):
        with pytest.raises(ProtocolError):
            parse(data)


def test_a_marker_is_read_as_it_was_written() -> None:
    mark = Mark("node-1", Marker(label="the choir", id="x", t=1.5, wall_time=None))
    assert parse_mark(mark.encode()) == mark
    with pytest.raises(ProtocolError):
        parse_mark(b'node-1\n{"type": "bye", "reason": "no"}')


def test_a_card_tells_what_its_recogniser_would() -> None:
    told, runs = described("default"), load_recognizer("default", "light")
    assert model_of(told) == model_of(runs)
    for name in ("card", "sample_rate", "hop_samples", "window_samples"):
        assert getattr(told, name) == getattr(runs, name)
