"""What a sender of sound and a service of rooms say to each other, without a socket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import ProtocolError
from realtime_mer.wire.sound import (
    Chunk,
    End,
    Farewell,
    Open,
    Ready,
    Refusal,
    Taken,
    encode_sound_message,
    parse_chunk,
    parse_sender_message,
    parse_service_message,
)

READY = Ready(
    room="hall",
    next=5,
    resume="again",
    server_version="0.1.0",
    message_bytes=1 << 20,
    messages_per_s=200.0,
    message_burst=1000,
    speed=2.0,
    ahead_s=15.0,
    stall_s=30.0,
    estimates_stored=False,
    sound_stored=False,
    notice="Nothing is stored.",
)
OF_SERVICES = [
    READY,
    Taken(next=9, kept=5, lost=1, repeated=2, skipped=0, undelivered=0, drift_ppm=None),
    Taken(next=9, kept=5, lost=1, repeated=2, skipped=0, undelivered=3, drift_ppm=-12.5),
    Refusal(code="bad_index", message="no"),
    Farewell(reason="it stops", next=9),
]
OF_SENDERS = [
    Open(rate=24_000),
    Open(rate=48_000, channels=2, format="opus", token="t", live=False, take_over=True, source="x"),
    End(),
]


@pytest.mark.parametrize("message", OF_SERVICES, ids=str)
def test_what_a_service_says_reads_as_it_was_written(message) -> None:
    assert parse_service_message(encode_sound_message(message)) == message


@pytest.mark.parametrize("message", OF_SENDERS, ids=str)
def test_what_a_sender_says_reads_as_it_was_written(message) -> None:
    assert parse_sender_message(encode_sound_message(message)) == message


def test_a_type_or_a_field_that_is_newer_is_let_be() -> None:
    assert parse_sender_message('{"type": "wave"}') is None
    assert parse_sender_message('{"type": "end", "why": "late"}') == End()


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": "24000"},
        {"rate": 0},
        {"rate": 24_000.5},
        {"rate": 24_000, "format": "mp3"},
        {"rate": 24_000, "channels": 0},
        {"rate": 24_000, "source": "a\nb"},
        {"rate": 24_000, "live": 1},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_its_field(fields) -> None:
    with pytest.raises(ProtocolError, match=list(fields)[-1]):
        parse_sender_message(json.dumps({"type": "open", **fields}))


@given(index=st.integers(0, 2**64 - 1), data=st.binary(max_size=64))
def test_a_chunk_reads_as_it_was_written(index: int, data: bytes) -> None:
    message = Chunk(index, data).encode()
    assert message[:8] == index.to_bytes(8, "little")
    assert parse_chunk(message) == Chunk(index, data)


@given(st.binary(max_size=7))
def test_what_is_too_short_for_an_index_is_refused(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="index"):
        parse_chunk(message)


@pytest.mark.parametrize("index", [-1, 2**64])
def test_an_index_that_no_message_holds_is_refused(index: int) -> None:
    with pytest.raises(ProtocolError, match=r"2\*\*64"):
        Chunk(index, b"").encode()
