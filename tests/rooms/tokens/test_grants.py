"""What is kept of a token is read as it was written, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError, ProtocolError
from realtime_mer.rooms.machines.link import Stored
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.tokens.grants import (
    EVERY_ROOM,
    MAX_GRANT,
    Grant,
    new_grant,
    parse_grant,
)
from realtime_mer.rooms.tokens.shared import SharedTokens


def kept(name: str, *, room: str = "hall") -> Grant:
    return Grant(id=name, room=room, right=Right.FEED, digest="0" * 64, made_at="2026-01-01")


@given(
    right=st.sampled_from(Right),
    room=st.sampled_from(["hall", EVERY_ROOM]),
    note=st.text(max_size=200),
)
def test_a_grant_is_read_as_it_was_written_and_holds_no_token(
    right: Right, room: str, note: str
) -> None:
    grant, token = new_grant(room, right, note=note, taken=())
    assert parse_grant(grant.encode(), key=grant.id) == grant
    assert len(grant.encode()) <= MAX_GRANT
    assert token not in repr(grant)


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b"null",
        b"[]",
        kept("b").encode(),
        json.dumps({**json.loads(kept("a").encode()), "right": "own"}).encode(),
        kept("a", room="x" * MAX_GRANT).encode(),
    ],
)
def test_what_is_no_grant_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_grant(data, key="a")


def test_a_note_that_is_too_long_and_a_room_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="201 characters"):
        new_grant("hall", Right.FEED, note="x" * 201, taken=())
    with pytest.raises(InputError, match="cannot be a room's name"):
        new_grant("a room", Right.FEED, note="", taken=())


def test_the_newest_word_of_a_token_counts_in_whichever_order_it_is_heard() -> None:
    tokens = SharedTokens()
    assert not tokens.changed()
    tokens.hear(Stored("a", kept("a").encode(), 1))
    tokens.hear(Stored("b", kept("b").encode(), 2))
    assert tokens.changed()
    assert not tokens.changed()
    assert [grant.id for grant in tokens.grants()] == ["a", "b"]
    tokens.hear(Stored("a", b"", 3))
    tokens.hear(Stored("a", kept("a").encode(), 1))  # late
    assert tokens.changed()
    assert [grant.id for grant in tokens.grants()] == ["b"]
    tokens.hear(Stored("b", b"garbage", 4))  # who it lets in cannot be read: nobody
    assert tokens.grants() == ()
    assert tokens.garbage == 1
