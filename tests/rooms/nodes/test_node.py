"""Rooms of many nodes: each is fed at one, and watched at every one of them."""

import json
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
import soundfile

from realtime_mer.errors import InputError
from realtime_mer.model.card import Card
from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.rooms.machines import link
from realtime_mer.rooms.machines.address import nats_address
from realtime_mer.rooms.machines.chunks import SoundChunk
from realtime_mer.rooms.machines.feeds import parse_feed
from realtime_mer.rooms.machines.names import OF_A_MODEL, Kind
from realtime_mer.rooms.nodes.node import Node
from realtime_mer.rooms.nodes.untold import KEPT_S
from realtime_mer.sessions.store import FOLDER_VARIABLE, Session
from realtime_mer.wire.protocol import RecordingState, StatusMessage
from realtime_mer.wire.sound import SoundClose
from realtime_mer.wording import MACHINES_APART, NOBODY_COMPUTES, NOBODY_SENDS, ROOM_NOTICES
from tests.patience import PATIENCE_S
from tests.rooms.nats import NatsServer, nats_server
from tests.rooms.nodes.hands import Hand, fed_at_one_of_two, node, not_begun, resting
from tests.rooms.serving import Feeder, Serving, Watcher, until
from tests.tones import HOP, RATE, ToneRecognizer, tones

pytestmark = pytest.mark.slow


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats") as server:
        yield server


def listed(at: Serving) -> dict[str, str]:
    with urlopen(f"http://127.0.0.1:{at.service.port}/rooms") as answer:
        return {room["name"]: room["state"] for room in json.load(answer)["rooms"]}


def said_of(at: Serving, room: str) -> list[str]:
    """Return a list that every sentence is added to by which a room says how it fares."""
    said: list[str] = []
    there = at.service.find(room)
    assert there is not None
    there.outlets.append(
        lambda event: said.append(event.detail) if isinstance(event, StatusMessage) else None
    )
    return said


def newest_status(at: Serving, room: str) -> str | None:
    with Watcher(at, room, "status") as watcher:
        return watcher.first[0]["detail"] if watcher.first else None


def is_ready(at: Serving) -> bool:
    try:
        urlopen(f"http://127.0.0.1:{at.service.port}/readyz").close()
    except HTTPError as error:
        return error.code != 503
    return True


def test_sound_that_is_fed_at_one_node_is_told_of_at_every_node(
    tmp_path: Path, nats: NatsServer
) -> None:
    with fed_at_one_of_two(tmp_path, nats) as (a, b, feeder), Hand(nats) as hand:
        found = a.all_of("hall"), b.all_of("hall")
        feeder.send(tones(0.5, music=0.9))
        feeder.send(tones(0.5, music=0.9), index=feeder.index + HOP)
        chunks = hand.heard("hall", 11 * HOP)
        assert chunks[0].position == 0
        assert sum(chunk.missing for chunk in chunks) == HOP
        assert [chunk.end for chunk in chunks[:-1]] == [chunk.start for chunk in chunks[1:]]
        assert chunks[-1].gaps == 1
        captured = [chunk.captured_at for chunk in chunks if chunk.captured_at is not None]
        assert len(captured) == len(chunks)
        heard = np.concatenate([chunk.samples for chunk in chunks])
        # A constant part is taken out here as in any session.
        assert np.allclose(heard[: 5 * HOP], tones(0.5, music=0.9), atol=1e-3)
        # What is told twice, late, or in another order is told to watchers once, in order.
        hand.tell("hall", 0, 1)
        hand.tell("hall", 1, 2)
        hand.tell("hall", 0)
        with resting(a, b):  # what is looked for has been written by then
            hand.tell("hall", 5, 6)
            hand.tell("hall", 3, 4)
        hand.tell("hall", 7)
        until(lambda: all(len(each) == 8 for each in found))
        for each in found:
            assert [estimate["seq"] for estimate in each] == list(range(8))


def test_of_a_room_that_nobody_follows_at_a_node_the_newest_is_heard_and_all_from_then_on(
    tmp_path: Path, nats: NatsServer
) -> None:
    with (
        node(tmp_path / "a", nats) as a,
        node(tmp_path / "b", nats) as b,
        Hand(nats) as hand,
        Feeder(a, "hall") as feeder,
    ):
        feeder.open()
        until(lambda: listed(b) == {"hall": "fed"})
        room = b.service.find("hall")
        assert room is not None
        hand.tell("hall", 0, 1, 2)
        hand.glance("hall", 2)
        until(lambda: room.latest is not None)
        assert room.counts.estimates == 1
        hand.tell("hall", 3, 4, 5)
        hand.glance("hall", 1)  # that is old
        found = b.all_of("hall")
        hand.glance("hall", 5)  # all of it is wanted now
        until(lambda: len(found) == 3)
        hand.tell("hall", 6)
        until(lambda: len(found) == 4)
        assert [estimate["seq"] for estimate in found] == [3, 4, 5, 6]


def test_the_state_and_source_of_a_room_are_known_at_other_nodes(
    tmp_path: Path, nats: NatsServer
) -> None:
    with fed_at_one_of_two(tmp_path, nats) as (_, b, feeder):
        room = b.service.find("hall")
        assert room is not None
        assert room.source == "a desk"
        until(lambda: listed(b) == {"hall": "waiting"})  # it sends nothing
        feeder.send(tones(0.1, music=0.9))
        until(lambda: listed(b) == {"hall": "fed"})
        feeder.end()
        until(lambda: listed(b) == {"hall": "ended"})
        until(lambda: newest_status(b, "hall") == NOBODY_SENDS)
    with node(tmp_path / "c", nats) as c:  # it knows the rooms of before
        assert listed(c) == {"hall": "ended"}


def test_a_room_that_is_named_at_one_node_is_listed_at_all_before_it_is_fed(
    tmp_path: Path, nats: NatsServer
) -> None:
    with node(tmp_path / "a", nats) as a:
        with node(tmp_path / "b", nats, rooms=("hall", "attic")) as b:
            until(lambda: listed(a) == {"attic": "empty", "hall": "empty"})
            assert listed(b) == listed(a)
            with Feeder(a, "hall") as feeder:
                assert feeder.open()["next"] == 0
                until(lambda: listed(b) == {"attic": "empty", "hall": "fed"})
        with node(tmp_path / "c", nats, rooms=("hall",)) as c:
            assert listed(c) == listed(a)


def test_a_room_that_is_named_is_known_again_where_nats_has_lost_what_it_kept(
    tmp_path: Path, nats: NatsServer
) -> None:
    with node(tmp_path / "a", nats, rooms=("hall",)) as a:
        nats.kill()
        until(lambda: not is_ready(a))
        shutil.rmtree(tmp_path / "nats")
        nats.start()
        until(lambda: is_ready(a))
        with node(tmp_path / "b", nats) as b:
            assert listed(b) == {"hall": "empty"}


def test_a_room_has_one_sender_over_all_nodes(tmp_path: Path, nats: NatsServer) -> None:
    with node(tmp_path / "a", nats) as a, node(tmp_path / "b", nats) as b:
        with Feeder(a, "hall") as first, Hand(nats) as hand:
            ready = first.open()
            first.send(tones(0.25, music=0.9))
            first.until("taken")
            hand.heard("hall", round(2.5 * HOP))
            with Feeder(b, "hall") as second:
                second.say("open", rate=24_000)
                assert second.until("error")[-1]["code"] == "room_is_fed"
                assert second.close_code() == 4409
            with Feeder(b, "hall") as back:  # its own sender, which comes by another way
                assert back.open(resume=ready["resume"])["next"] == 2.5 * HOP
                assert "came back" in first.until("error")[-1]["message"]
                assert first.close_code() == 4410
                back.send(tones(0.25, music=0.9))
                hand.heard("hall", 5 * HOP)
                with Feeder(a, "hall") as third:
                    assert third.open(rate=48_000, take_over=True)["next"] == 2 * 5 * HOP
                    assert "taken over" in back.until("error")[-1]["message"]
                    assert back.close_code() == 4410
                    third.send(np.repeat(tones(0.5, music=0.9), 2))
                    chunks = hand.heard("hall", 9 * HOP)
        epochs = [chunk.epoch for chunk in chunks]
        assert epochs == sorted(epochs)
        assert len(set(epochs)) == 3
        assert all(one.end == other.position for one, other in pairwise(chunks))


def test_markers_are_heard_at_all_nodes_once(tmp_path: Path, nats: NatsServer) -> None:
    with (
        fed_at_one_of_two(tmp_path, nats) as (a, b, _),
        Watcher(a, "hall", "markers") as one,
        Watcher(b, "hall", "markers") as other,
    ):
        other.say("marker", label="the first", id="1")
        other.say("marker", label="the second", id="2")
        for watcher in (one, other):
            labels = [watcher.until("marker")[-1]["label"] for _ in range(2)]
            assert labels == ["the first", "the second"]


def test_where_nobody_computes_watchers_are_told_and_no_live_sender_waits(
    tmp_path: Path, nats: NatsServer
) -> None:
    with fed_at_one_of_two(tmp_path, nats) as (a, b, feeder):
        said = said_of(a, "hall"), said_of(b, "hall")
        feeder.send(tones(4 * RoomLimits().backlog_s, music=0.9))
        until(lambda: feeder.until("taken")[-1]["next"] == feeder.index)

        def told_so() -> bool:
            feeder.send(tones(0.01, music=0.9))
            return all(NOBODY_COMPUTES in each for each in said)

        until(told_so)


def test_while_nats_is_away_sound_is_kept_and_then_sent_from_what_was_told_on(
    tmp_path: Path, nats: NatsServer
) -> None:
    with fed_at_one_of_two(tmp_path, nats) as (a, b, feeder):
        with Hand(nats) as hand:
            feeder.send(tones(6.0, music=0.9))
            hand.heard("hall", 60 * HOP)
            found = b.all_of("hall")
            hand.tell("hall", *range(50))
            until(lambda: len(found) == 50)
        nats.kill()
        said = said_of(a, "hall"), said_of(b, "hall")

        def told_so() -> bool:
            feeder.send(tones(0.01, music=0.9))
            return all(MACHINES_APART in each for each in said)

        until(told_so)
        assert not is_ready(a)
        with Feeder(a, "attic") as other:
            other.say("open", rate=24_000)
            assert other.until("error")[-1]["code"] == "not_ready"
            assert other.close_code() == 4413
        feeder.send(tones(1.0, music=0.9))
        nats.start()
        with Hand(nats) as hand:
            until(lambda: is_ready(a) and is_ready(b))
            feeder.send(tones(0.1, music=0.9))
            # Sound that NATS had lost comes again, as long as nobody told of it for sure.
            stored = hand.log("hall", upto=feeder.index)
            assert stored[0].position <= 50 * HOP
            assert all(one.end == other.start for one, other in pairwise(stored))
            assert all(chunk.missing == 0 for chunk in stored)
            hand.tell("hall", *range(50, 60))
            until(lambda: len(found) == 60)
            feed = hand.feed("hall")
            assert feed is not None
            assert parse_feed(feed.data).epoch == stored[0].epoch
        nats.kill()
        until(lambda: not is_ready(a))
        for _ in range(2):
            feeder.send(tones(KEPT_S / 2 + 1.0, music=0.9))  # more than is kept
        room = a.service.find("hall")
        assert room is not None
        until(lambda: room.counts.lost_s >= 1.0)  # a long message is taken in bit by bit
        assert room.counts.gaps == 1
        # Whoever sends is told so, for all that it knows is that all came.
        until(lambda: feeder.until("taken")[-1]["undelivered"] == round(room.counts.lost_s * RATE))
        nats.start()
        until(lambda: any("sound were lost" in line for line in a.said))


def test_what_a_node_keeps_of_all_its_rooms_fits_between_it_and_nats() -> None:
    model = ToneRecognizer()
    made = Node(nats_address("nats://localhost"), model, rooms=200, say=lambda line: None)
    link = made._link
    link._up = True  # and nobody takes what is sent
    second = bytes(4 * model.sample_rate)
    for room in range(200):
        for _ in range(round(KEPT_S)):
            assert link.send(Kind.SOUND, f"room-{room}", second)
    assert link.overflowed == 0


def test_a_node_waits_for_nats_with_a_line_and_can_be_ended_meanwhile(
    tmp_path: Path, nats: NatsServer
) -> None:
    nats.kill()
    said: list[str] = []
    waiting = not_begun(tmp_path / "a", nats.url, said=said)
    thread = threading.Thread(target=waiting.run)
    thread.start()
    until(lambda: said)
    assert "does not answer" in said[0]
    waiting.service.stop()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    waiting = not_begun(tmp_path / "a", nats.url, said=said)
    thread = threading.Thread(target=waiting.start)
    said.clear()
    thread.start()
    until(lambda: said)
    nats.start()
    thread.join(PATIENCE_S)
    with Feeder(waiting, "hall") as feeder:
        assert feeder.open()["next"] == 0
    waiting.stop()


def test_what_nats_does_not_take_ends_a_node_with_what_to_do(tmp_path: Path) -> None:
    with nats_server(tmp_path / "nats", "--user", "mer", "--pass", "right") as nats:
        wrong = nats.url.replace("//", "//mer:wrong@")
        with pytest.raises(InputError, match="password") as caught:
            not_begun(tmp_path / "a", wrong).run()
        assert "wrong@" not in str(caught.value)
        right = nats.url.replace("//", "//mer:right@")
        at = not_begun(tmp_path / "a", right)
        at.start()
        at.stop()


def test_rooms_of_two_models_do_not_meet(tmp_path: Path, nats: NatsServer) -> None:
    class Other(ToneRecognizer):
        def __init__(self) -> None:
            super().__init__()
            self.card = Card(name="another")

    other = not_begun(tmp_path / "b", nats.url, recognizer=Other())
    other.start()
    with node(tmp_path / "a", nats) as a, Feeder(a, "hall") as one, Feeder(other, "hall") as two:
        one.open(source="one")
        two.open(source="two")
        for at, source in ((a, "one"), (other, "two")):
            room = at.service.find("hall")
            assert room is not None
            assert room.source == source
    other.stop()


def test_no_more_rooms_of_others_come_than_a_node_may_have(
    tmp_path: Path, nats: NatsServer
) -> None:
    with node(tmp_path / "a", nats) as a, Feeder(a, "one") as one, Feeder(a, "two") as two:
        one.open()
        two.open()
        with node(tmp_path / "b", nats, limits=RoomLimits(rooms=1)) as b:
            assert len(listed(b)) == 1
            assert sum("--rooms" in line for line in b.said) == 1


def test_what_cannot_be_read_in_nats_is_as_good_as_not_there_and_what_was_deleted_comes_again(
    tmp_path: Path, nats: NatsServer
) -> None:
    with node(tmp_path / "a", nats) as a, Hand(nats) as hand, Feeder(a, "hall") as feeder:
        for kind in (Kind.FEEDS, Kind.STATES, Kind.TOLD):
            assert hand.put(kind, "hall", b'{"of": "another version"}')
        old = SoundChunk(epoch=7, position=2 * HOP, samples=np.zeros(HOP, np.float32))
        assert hand.put(Kind.SOUND, "hall", old.encode())
        assert feeder.open()["next"] == 3 * HOP
        until(lambda: listed(a) == {"hall": "fed"})
        feed = hand.feed("hall")
        assert feed is not None
        # Workers would take nothing of an epoch before that of the sound that lies there.
        assert parse_feed(feed.data).epoch == 8
        assert hand.put(Kind.FEEDS, "hall", b"")  # as somebody does who deletes the room

        def is_back() -> bool:
            stored = hand.feed("hall")
            assert stored is not None
            return bool(stored.data) and parse_feed(stored.data).node is not None

        until(is_back)
        feeder.send(tones(0.1, music=0.9))
        hand.heard("hall", 4 * HOP)


def test_where_somebody_removes_all_streams_a_room_that_is_fed_goes_on(
    tmp_path: Path, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_SEE_EVERY_S", 0.1)
    with fed_at_one_of_two(tmp_path, nats) as (a, b, feeder):
        feeder.send(tones(0.5, music=0.9))
        with Hand(nats) as hand:
            hand.log("hall", upto=5 * HOP)
            for kind in OF_A_MODEL:
                hand.remove(kind)
            until(lambda: all(any("removed" in line for line in at.said) for at in (a, b)))
            until(lambda: is_ready(a) and is_ready(b))
            found = b.all_of("hall")
            feeder.send(tones(0.5, music=0.9))
            stored = hand.log("hall", upto=10 * HOP)  # what was not told is there once more
            assert stored[0].position == 0
            hand.tell("hall", *range(10))
            until(lambda: len(found) == 10)
            until(lambda: listed(b) == {"hall": "waiting"})  # which is a word of now


def test_what_one_node_records_is_told_to_whoever_sends_or_watches_at_another_one(
    tmp_path: Path, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "sessions"))
    sound = tones(1.0, music=0.9)
    with node(tmp_path / "b", nats) as b:
        with Feeder(b, "hall") as early:
            assert early.open()["sound_stored"] is False
            with node(
                tmp_path / "a", nats, rooms=("hall",), record=("hall",), record_sound=("hall",)
            ) as a:
                # It was told that nothing is stored, so it has to come back.
                assert early.close_code() == SoundClose.GOING_AWAY
                with Feeder(b, "hall") as feeder:
                    ready = feeder.open()
                    assert ready["notice"] == ROOM_NOTICES[True, True]
                    room = b.service.find("hall")
                    assert room is not None
                    assert room.recording() == RecordingState(estimates=True, sound=True)
                    until(lambda: listed(a) == {"hall": "fed"})
                    feeder.send(sound)
                    there = a.service.find("hall")
                    assert there is not None
                    until(lambda: there.position == len(sound))
        until(lambda: room.recording() is None)
    (folder,) = (tmp_path / "sessions").iterdir()
    (tmp_path / "kept.flac").write_bytes(Session(folder).sound())
    kept, _ = soundfile.read(tmp_path / "kept.flac", dtype="float32")
    np.testing.assert_allclose(kept, sound, atol=1e-3)
