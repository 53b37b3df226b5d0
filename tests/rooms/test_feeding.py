"""Sound comes into a room over a socket, and what is told of it is that of the sound alone."""

import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme
from numpy.typing import NDArray

from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.rooms.names import NAME_RULE
from realtime_mer.wire.sound import Chunk
from tests.rooms.serving import Feeder, Serving, Watcher, serving
from tests.tones import HOP, RATE, tones


def as_s16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.rint(samples * 32767).astype(np.int16)


def test_a_room_that_is_fed_tells_an_estimate_for_every_hop(tmp_path: Path) -> None:
    with serving(tmp_path, rooms=("hall",)) as at, Watcher(at, "hall", "estimates") as watcher:
        assert watcher.hello["type"] == "hello"
        with Feeder(at, "hall") as feeder:
            ready = feeder.open(source="the desk")
            assert (ready["room"], ready["next"], ready["sound_stored"]) == ("hall", 0, False)
            found = at.all_of("hall")
            feeder.send(tones(1.05, music=0.9))
            assert watcher.wait(9) == {"type": "estimate", **found[-1]}
            assert [estimate["seq"] for estimate in found] == list(range(10))
            assert found[-1]["valence"] == pytest.approx(0.9, abs=1e-3)
            assert found[-1]["t"] == 1.0
            assert found[-1]["latency_ms"] >= 0
            assert feeder.end()["next"] == round(1.05 * RATE)


@pytest.mark.parametrize("rate", [24_000, 44_100, 16_000])
def test_samples_of_any_format_rate_and_channels_are_heard_alike(tmp_path: Path, rate: int) -> None:
    t = np.arange(2 * rate) / rate
    mono = (0.1 * np.sin(2 * np.pi * 220 * t)).astype(np.float32)
    stereo = np.stack((mono, mono), axis=1)
    ways: dict[str, tuple[dict[str, Any], NDArray[Any]]] = {
        "floats": ({"format": "f32le"}, mono),
        "ints": ({"format": "s16le"}, as_s16(mono)),
        "stereo": ({"format": "s16le", "channels": 2}, as_s16(stereo)),
    }
    with serving(tmp_path, rooms=tuple(ways)) as at:
        told = {}
        for name, (message, samples) in ways.items():
            told[name] = at.all_of(name)
            with Watcher(at, name) as watcher, Feeder(at, name) as feeder:
                feeder.open(rate=rate, live=False, **message)
                for start in range(0, len(samples), 1000):
                    feeder.send(samples[start : start + 1000])
                feeder.end()
                watcher.wait(19)
    for name in ways:
        assert [estimate["seq"] for estimate in told[name]] == list(range(20))
        assert told[name][-1]["valence"] == pytest.approx(told["floats"][-1]["valence"], abs=1e-3)
        assert told[name][-1]["level_dbfs"] == pytest.approx(-23.0, abs=0.1)
        assert told[name][-1]["latency_ms"] is None  # it did not happen now


def test_what_is_missing_is_a_gap_and_what_comes_twice_is_left_out(tmp_path: Path) -> None:
    with (
        serving(tmp_path, rooms=("hall",)) as at,
        Watcher(at, "hall", "estimates") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        found = at.all_of("hall")
        sound = tones(2.0, music=0.9)
        feeder.send(sound[: 4 * HOP])
        feeder.send(sound[2 * HOP : 6 * HOP], index=2 * HOP)  # two hops of it once more
        feeder.send(sound[8 * HOP : 12 * HOP], index=8 * HOP)  # after two that never came
        watcher.wait(11)
        assert [estimate["seq"] for estimate in found] == list(range(12))
        gone = [estimate["seq"] for estimate in found if estimate["status"] == "gap"]
        assert gone == [6, 7]
        taken = feeder.until("taken")[-1]
        assert (taken["lost"], taken["repeated"], taken["next"]) == (2 * HOP, 2 * HOP, 12 * HOP)
        assert found[-1]["xruns"] == 1


def test_a_long_gap_passes_at_once_and_leaves_a_hole_in_the_numbers(tmp_path: Path) -> None:
    hour = 36_000  # hops
    with (
        serving(tmp_path, rooms=("hall",)) as at,
        Watcher(at, "hall", "estimates") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        found = at.all_of("hall")
        feeder.send(tones(0.15, music=0.9))
        feeder.send(tones(0.5, music=0.9), index=round(0.15 * RATE) + hour * HOP)
        watcher.wait(hour + 5)
        assert [estimate["seq"] for estimate in found] == [0, 1, *range(hour + 1, hour + 6)]
        assert found[-1]["t"] == pytest.approx(hour / 10 + 0.6)


BAD: dict[str, tuple[bytes | str, str, int]] = {
    "an index far ahead": (Chunk(1 << 60, b"\0" * 8).encode(), "bad_index", 4400),
    "half a sample": (Chunk(0, b"\0" * 3).encode(), "bad_chunk", 4400),
    "no index": (b"\0\0\0", "bad_chunk", 4400),
    "nothing": (b"", "bad_chunk", 4400),
    "no JSON": ("{", "bad_json", 4400),
    "no rate": ('{"type": "open"}', "bad_message", 4400),
    "no such rate": ('{"type": "open", "rate": 10}', "bad_format", 4400),
    "no such format": ('{"type": "open", "rate": 8000, "format": "mp3"}', "bad_message", 4400),
    "a long text": ("x" * 5000, "too_large", 4400),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_used_is_answered_and_ends_its_connection_alone(
    tmp_path: Path, what: str
) -> None:
    message, code, close = BAD[what]
    with serving(tmp_path) as at, Feeder(at, "other") as other, Feeder(at, "hall") as feeder:
        other.open()
        feeder.open()
        feeder.socket.send(message)
        assert feeder.until("error")[-1]["code"] == code
        assert feeder.close_code() == close
        with Watcher(at, "other") as watcher:
            other.send(tones(0.2, music=0.9))
            assert watcher.wait(1)["seq"] == 1
        with Feeder(at, "hall") as again:
            assert again.open()["next"] == 0


def test_a_block_of_ten_megabytes_is_refused_and_one_of_none_is_taken(tmp_path: Path) -> None:
    with serving(tmp_path) as at:
        with Feeder(at, "hall") as feeder:
            feeder.open()
            feeder.send(np.zeros(0, dtype=np.float32))
            feeder.send(np.zeros(HOP, dtype=np.float32))
            feeder.socket.send(b"\0" * 10_000_000)
            assert feeder.close_code() == 1009
        hall = at.service.find("hall")
        assert hall is not None
        while hall.sender is not None:  # the room lets go of it after that
            time.sleep(0.01)
        with Feeder(at, "hall") as again:
            assert again.open()["next"] == HOP


def test_thousands_of_tiny_messages_are_read_later_and_none_is_lost(tmp_path: Path) -> None:
    limits = RoomLimits(messages_per_s=1e6, frames_per_s=2000.0, frame_burst=100)
    sound = tones(0.1, music=0.9)
    with (
        serving(tmp_path, rooms=("hall",), limits=limits) as at,
        Watcher(at, "hall", "estimates") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        for start in range(HOP):
            feeder.send(sound[start : start + 1])
        assert watcher.wait(0)["valence"] == pytest.approx(0.9, abs=1e-3)
        assert feeder.end()["next"] == HOP


def test_sound_comes_over_tls_too(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with (
        serving(tmp_path, rooms=("hall",), ssl=context) as at,
        Feeder(at, "hall", trusted=trusted) as feeder,
    ):
        found = at.all_of("hall")
        feeder.open(live=False)
        for part in np.array_split(tones(5.0, music=0.9), 7):
            feeder.send(part)
        assert feeder.end()["next"] == 5 * RATE
    assert [estimate["seq"] for estimate in found] == list(range(50))


def test_sound_before_open_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as at, Feeder(at, "hall") as feeder:
        feeder.send(np.zeros(10, dtype=np.float32))
        assert feeder.until("error")[-1]["code"] == "bad_message"


def test_a_room_has_one_sender_unless_one_who_manages_it_takes_it_over(tmp_path: Path) -> None:
    with serving(tmp_path) as at, Feeder(at, "hall") as first:
        first.open()
        with Feeder(at, "hall") as second:
            second.say("open", rate=24_000)
            assert second.until("error")[-1]["code"] == "room_is_fed"
            assert second.close_code() == 4409
        first.send(tones(0.1, music=0.9))
        with Feeder(at, "hall") as third:  # without tokens everybody manages
            third.open(take_over=True)
            assert first.until("error")[-1]["code"] == "taken_over"
            assert first.close_code() == 4410
            third.send(tones(0.1, music=0.9))


def test_who_comes_back_before_its_loss_was_noticed_has_its_place(tmp_path: Path) -> None:
    with serving(tmp_path) as at, Feeder(at, "hall") as lost:
        ready = lost.open()
        lost.send(tones(0.1, music=0.9))
        lost.until("taken")
        with Feeder(at, "hall") as back:
            assert back.open(resume=ready["resume"])["next"] == HOP
            back.send(tones(0.1, music=0.9))
            assert lost.close_code() == 4410


def test_a_rate_that_changes_goes_on_in_the_same_time(tmp_path: Path) -> None:
    with (
        serving(tmp_path, rooms=("hall",)) as at,
        Watcher(at, "hall", "estimates") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open(rate=48_000)
        found = at.all_of("hall")
        feeder.send(np.repeat(tones(1.0, music=0.9), 2))
        assert feeder.open(rate=16_000)["next"] == 16_000
        feeder.send(np.zeros(16_000, dtype=np.float32))
        watcher.wait(18)  # the resampler holds back some milliseconds
        assert [estimate["seq"] for estimate in found] == list(range(19))
        assert found[5]["level_dbfs"] > -30
        assert found[18]["level_dbfs"] == -120


def test_no_more_rooms_come_than_the_service_may_have(tmp_path: Path) -> None:
    with serving(tmp_path, limits=RoomLimits(rooms=1)) as at, Feeder(at, "one") as first:
        first.open()
        with Feeder(at, "two") as second:
            second.say("open", rate=24_000)
            assert second.until("error")[-1]["code"] == "too_many_rooms"
            assert second.close_code() == 4412


def test_who_says_nothing_loses_its_place(tmp_path: Path) -> None:
    limits = RoomLimits(open_timeout_s=0.1, stall_s=0.2)
    with serving(tmp_path, limits=limits) as at:
        with Feeder(at, "hall") as silent:
            assert silent.until("error")[-1]["code"] == "not_opened"
            assert silent.close_code() == 4408
        with Feeder(at, "hall") as stalled:
            stalled.open()
            assert stalled.until("error")[-1]["code"] == "stalled"
            assert stalled.close_code() == 4411


def get(at: Serving, path: str) -> tuple[int, dict[str, str], bytes]:
    """What is answered over HTTP, redirects not followed."""
    with socket.create_connection(("127.0.0.1", at.service.port)) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while part := sock.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def test_rooms_are_listed_and_each_has_the_pages_of_a_session(tmp_path: Path) -> None:
    with (
        serving(tmp_path, rooms=("empty", "hall")) as at,
        Watcher(at, "hall") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open(source="the desk")
        feeder.send(tones(0.5, music=0.9))
        watcher.wait(4)
        status, headers, body = get(at, "/rooms")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        empty, hall = json.loads(body)["rooms"]
        assert (empty["name"], empty["state"], empty["estimate"]) == ("empty", "empty", None)
        assert (hall["name"], hall["state"], hall["source"]) == ("hall", "fed", "the desk")
        assert (hall["estimate"]["seq"], hall["watchers"]) == (4, 1)
        assert hall["counts"]["estimates"] == 5
        assert get(at, "/rooms/hall")[:2][1]["Location"] == "/rooms/hall/"
        assert b"<!doctype html>" in get(at, "/rooms/hall/")[2]
        assert json.loads(get(at, "/rooms/hall/now")[2])["seq"] == 4
        assert get(at, "/rooms/nowhere/")[0] == 404
        status, _, body = get(at, "/rooms/room%201/audio")
        assert (status, NAME_RULE in body.decode()) == (404, True)
        assert get(at, "/rooms/hall/audio")[0] == 426
        assert get(at, "/readyz")[0] == get(at, "/healthz")[0] == 200
        metrics = get(at, "/metrics")[2].decode()
        assert 'realtime_mer_room_estimates_total{room="hall"} 5.0' in metrics
        assert 'realtime_mer_room_fed{room="empty"} 0.0' in metrics


def test_a_sender_is_told_what_came_of_it_and_was_lost_and_not_what_others_lost(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, rooms=("hall",)) as at:
        room = at.service.find("hall")
        assert room is not None

        def told(feeder: Feeder) -> int:
            feeder.say("end")
            samples: int = feeder.until("taken")[-1]["undelivered"]
            return samples

        with Feeder(at, "hall") as first:
            resume = first.open(rate=48_000)["resume"]
            room.lose(HOP, gap=True)
            room.lose(HOP, gap=False)
            assert told(first) == 2 * 2 * HOP
        with Feeder(at, "hall") as back:
            back.open(rate=48_000, resume=resume)
            room.lose(HOP, gap=True)
            assert told(back) == 3 * 2 * HOP
        with Feeder(at, "hall") as other:
            other.open()
            assert told(other) == 0
        assert (room.counts.gaps, room.counts.lost_s) == (2, pytest.approx(3 * HOP / RATE))
