"""Which rooms are to be computed follows from what nodes say of them."""

import pytest

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.entries import Beat
from realtime_mer.rooms.machines.feeds import IDLE_S, Feed, Feeds
from realtime_mer.rooms.machines.link import Stored
from realtime_mer.rooms.machines.presence import SILENT_S, Presence


class Nodes:
    """What nodes say, each word newer than those before."""

    def __init__(self) -> None:
        self.presence = Presence(0.0)
        self.feeds = Feeds(self.presence)
        self._sequence = 0

    def say(self, room: str, feed: Feed | None) -> None:
        self._sequence += 1
        data = b"" if feed is None else feed.encode()
        self.feeds.hear(Stored(room, data, self._sequence))

    def beat(self, node: str, now: float) -> None:
        beat = Beat(id=node, role="node", host="here", rooms=1, most=9, accepting=True)
        self.presence.hear(beat, now)

    def wanted(self, now: float, *, rested: int = 0) -> set[str]:
        return self.feeds.wanted(now, rested=lambda room: rested)


def test_a_room_is_wanted_from_its_first_sender_on_until_all_of_it_was_computed() -> None:
    nodes = Nodes()
    nodes.beat("a", 0.0)
    nodes.say("hall", Feed())  # it was only named
    assert nodes.wanted(0.0) == set()
    nodes.say("hall", Feed(node="a", epoch=1, state="fed"))
    assert nodes.wanted(0.0, rested=1) == {"hall"}
    nodes.say("hall", Feed(epoch=1, state="ended"))
    assert nodes.wanted(1.0) == {"hall"}  # what came last may not have been computed
    assert nodes.wanted(1.0, rested=1) == set()
    nodes.say("hall", Feed(epoch=2, state="ended"))  # another came and went while nobody computed
    assert nodes.wanted(1.0, rested=1) == {"hall"}
    nodes.say("hall", None)
    assert nodes.wanted(1.0) == set()


def test_a_room_is_idle_once_nobody_has_fed_it_for_long() -> None:
    nodes = Nodes()
    nodes.say("hall", Feed(epoch=1))
    for now, idle in ((10.0, False), (9.0 + IDLE_S, False), (10.0 + IDLE_S, True)):
        nodes.wanted(now)
        assert nodes.feeds.idle("hall", now) is idle
    nodes.beat("a", 400.0)
    nodes.say("hall", Feed(node="a", epoch=2, state="fed"))
    nodes.wanted(400.0)
    assert not nodes.feeds.idle("hall", 400.0)
    assert nodes.wanted(401.0 + SILENT_S, rested=2) == set()  # its node is dead
    assert nodes.wanted(401.0 + SILENT_S) == {"hall"}
    assert not nodes.feeds.idle("hall", 401.0 + SILENT_S)


def test_a_word_that_cannot_be_read_changes_nothing() -> None:
    nodes = Nodes()
    nodes.say("hall", Feed(epoch=1))
    with pytest.raises(ProtocolError):
        nodes.feeds.hear(Stored("hall", b"garbage", 9))
    assert nodes.wanted(0.0) == {"hall"}
