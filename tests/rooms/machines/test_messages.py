"""What goes through NATS can be read again, and what is none is refused."""

import math
import struct
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError, ProtocolError
from realtime_mer.rooms.machines.address import nats_address
from realtime_mer.rooms.machines.chunks import MAX_SAMPLES, SoundChunk, parse_chunk
from realtime_mer.rooms.machines.entries import (
    Beat,
    Lease,
    SavedState,
    parse_beat,
    parse_lease,
    parse_saved,
)
from realtime_mer.rooms.machines.names import Kind, Names, key_of
from realtime_mer.rooms.machines.reports import (
    MAX_HOPS,
    Glances,
    Report,
    ToldHop,
    parse_glances,
    parse_report,
)
from realtime_mer.rooms.names import check_room
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import LevelMessage
from tests.tones import ToneRecognizer, tones

POSITIONS = st.integers(0, 2**53 - 1)
NAMES = Names.of("0123456789abcdef")


def hops(count: int) -> list[ToldHop]:
    stream = EmotionStream(ToneRecognizer())
    estimates = stream.push(tones(count / 10, music=0.9))
    return [
        ToldHop(each, LevelMessage(t=each.t, level_dbfs=-20.0, peak_dbfs=-17.0, mel=(1, 2, 255)))
        for each in estimates
    ]


@given(
    epoch=POSITIONS,
    position=POSITIONS,
    samples=st.lists(st.floats(-1, 1, width=32), max_size=20),
    missing=POSITIONS,
    fresh=st.booleans(),
    captured_at=st.none() | st.floats(0, 1e10),
    gaps=st.integers(0, 2**32 - 1),
)
def test_a_chunk_is_read_as_it_was_written(
    epoch, position, samples, missing, fresh, captured_at, gaps
) -> None:
    chunk = SoundChunk(
        epoch=epoch,
        position=position,
        samples=np.array(samples, dtype=np.float32),
        missing=min(missing, position),
        fresh=fresh,
        captured_at=captured_at,
        gaps=gaps,
    )
    read = parse_chunk(chunk.encode())
    assert read.samples.tobytes() == chunk.samples.tobytes()
    for name in ("epoch", "position", "missing", "fresh", "captured_at", "gaps", "start", "end"):
        assert getattr(read, name) == getattr(chunk, name)


@given(st.binary(max_size=200))
def test_garbage_is_refused_by_one_kind_of_error(data: bytes) -> None:
    for parse in (parse_chunk, parse_report, parse_glances, parse_beat, parse_lease, parse_saved):
        with suppress(ProtocolError):
            parse(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:20],
        lambda data: data + b"\0",
        lambda data: b"\2" + data[1:],
        lambda data: data[:-4] + np.float32(np.nan).tobytes(),
        lambda data: data + bytes(4 * MAX_SAMPLES),
        lambda data: data[:24] + b"\xff" * 8 + data[32:],  # more is missing than there was
    ],
)
def test_a_chunk_that_cannot_be_is_refused(change) -> None:
    good = SoundChunk(epoch=1, position=7, samples=np.ones(3, dtype=np.float32)).encode()
    parse_chunk(good)
    with pytest.raises(ProtocolError):
        parse_chunk(change(good))


def test_a_report_is_read_as_it_was_written() -> None:
    told = hops(3)
    told += [
        ToldHop(
            replace(told[-1].estimate, seq=7, skipped=4, xruns=2, turns=1, familiar=0.25),
            replace(told[-1].level, mel=None),
            captured_at=1.75e9,
        )
    ]
    report = Report("worker-1", told)
    assert parse_report(report.encode()) == report


GOOD = Report("w", hops(2)).encode()
HOP = (len(GOOD) - 4) // 2  # bytes of each, behind the head
NUMBERS = 4 + 26  # where those of the first begin


def with_number(place: int, number: float) -> bytes:
    at = NUMBERS + 8 * place
    return GOOD[:at] + struct.pack("<d", number) + GOOD[at + 8 :]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        GOOD[:3],
        GOOD[:-1],
        GOOD + b"\0",
        b"\1" + GOOD[1:],  # of another version
        GOOD[:1] + b"\0" + GOOD[2:4],  # no hop
        GOOD[:1] + bytes([MAX_HOPS + 1]) + GOOD[2:4] + GOOD[4 : 4 + HOP] * (MAX_HOPS + 1),
        GOOD[:4] + GOOD[4 + HOP :] + GOOD[4 : 4 + HOP],  # out of order
        GOOD[:3] + b"\xff" + GOOD[4:],  # a name that is no text
        GOOD[:28] + b"\xff" + GOOD[29:],  # a status that there is not
        *(with_number(place, math.nan) for place in (4, 9, 25)),
        *(with_number(place, 1.5) for place in (1, 2, 3, 9, 25)),
        with_number(0, math.inf),
    ],
)
def test_a_report_that_cannot_be_is_refused(bad: bytes) -> None:
    parse_report(GOOD)
    with pytest.raises(ProtocolError):
        parse_report(bad)


def test_what_was_told_last_of_rooms_is_read_as_it_was_written_and_nothing_else() -> None:
    told = dict(zip(("hall", "a.room"), hops(2), strict=True))
    written = Glances("w", told).encode()
    assert parse_glances(written) == told
    assert parse_glances(b"") == {}
    for bad in (written[:1], written[:-1], written + b"\0", b"\xff" + written[1:]):
        with pytest.raises(ProtocolError):
            parse_glances(bad)


def test_beats_leases_and_states_are_read_as_they_were_written() -> None:
    beat = Beat(id="a-1", role="worker", host="a", rooms=3, most=64, accepting=True)
    assert parse_beat(beat.encode()) == beat
    assert parse_lease(Lease(worker="a-1").encode()) == Lease(worker="a-1")
    assert parse_lease(b"") is None
    saved = SavedState(seq=5, behind_s=0.25, state=b"abc")
    assert parse_saved(saved.encode()) == saved


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True))
def test_every_room_has_a_subject_of_its_own_and_is_found_in_it(room: str) -> None:
    check_room(room)
    for kind in Kind:
        for subject in (NAMES.subject(kind, room), NAMES.heard(kind, room)):
            assert key_of(subject) == room
            assert (
                subject.count(".") == NAMES.subject(kind).count(".")
                or kind.newest_alone
                or (kind is Kind.TOLD)
            )
    with pytest.raises(ProtocolError):
        key_of("mer.0123.sound.a b")


def test_names_of_two_models_never_meet_but_for_tokens() -> None:
    other = Names.of("fedcba9876543210")
    assert NAMES.stream(Kind.TOKENS) == other.stream(Kind.TOKENS)
    assert NAMES.heard(Kind.TOKENS) == Names.of_all_models().heard(Kind.TOKENS)
    for kind in set(Kind) - {Kind.TOKENS}:
        assert NAMES.stream(kind) != other.stream(kind)
        assert NAMES.subject(kind, "hall") != other.subject(kind, "hall")
        assert NAMES.heard(kind, "hall") != other.heard(kind, "hall")


def test_an_address_is_shown_without_what_is_secret() -> None:
    address = nats_address("nats://me:secret@host, tls://token@[::1]:4333")
    assert address.shown == "nats://host:4222, tls://[::1]:4333"
    assert address.secure
    assert not nats_address("nats://host").secure


@pytest.mark.parametrize(
    "text",
    ["", "host:4222", "http://host", "nats://", "nats://h:x", "nats://h/secret", "nats://h,"],
)
def test_what_is_no_address_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InputError, match="--nats takes") as refused:
        nats_address(text)
    assert "secret" not in str(refused.value)
