"""What a sender does with the network as it comes: real sockets, and sound whose samples count."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import trustme

from realtime_mer.audio.intake import Piece
from realtime_mer.client.connecting import normalised
from realtime_mer.errors import ServiceError
from realtime_mer.rooms.formats import decoder
from realtime_mer.rooms.sending.sender import Sender
from realtime_mer.rooms.sending.terminal import losses
from realtime_mer.rooms.sending.writing import writer
from realtime_mer.wire.sound import Chunk, Format, Open, Ready, SoundClose
from tests.patience import PATIENCE_S
from tests.rooms.sending.room import Room
from tests.rooms.serving import until

RATE = 1000  # so that a tenth of a second is a hundred samples, each of which counts
AWAY = 5.0


class Running:
    """A sender that runs in a thread of its own."""

    def __init__(self, room: Room, *, kept_s: float = 10.0, context: ssl.SSLContext | None = None):
        self.told: list[Ready] = []
        self.error: BaseException | None = None
        self.sender = Sender(
            normalised(f"{room.url}/rooms/hall/audio"),
            opening=Open(rate=RATE, token="secret"),
            writer=writer("s16le"),
            context=context,
            told=self.told.append,
            kept_s=kept_s,
        )
        self._at = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self.sender.run())
        except ServiceError as error:
            self.error = error

    def add(self, count: int, *, missing: int = 0) -> None:
        """Let it hear samples whose values are their places."""
        self._at += missing
        samples = np.arange(self._at, self._at + count, dtype=np.float32) / 32768
        self._at += count
        self.sender.add(Piece(samples=samples, missing=missing))

    def wait(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@contextmanager
def running(room: Room, **options: object) -> Iterator[Running]:
    one = Running(room, **options)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        one.sender.stop()
        one.wait()


def places(chunks: list[Chunk], *, base: int = 0) -> list[int]:
    """Return the values that came, each of which must be at its own place."""
    found: list[int] = []
    for chunk in chunks:
        values = np.frombuffer(chunk.data, dtype="<i2").tolist()
        assert values == list(range(chunk.index - base, chunk.index - base + len(values)))
        found += values
    return found


def test_sound_arrives_at_its_places_from_where_the_room_wants_it_and_its_end_is_told() -> None:
    with Room(next=700) as room, running(room) as one:
        for _ in range(10):
            one.add(50)
        one.sender.finish()
        one.wait()
        assert (one.error, room.ended) == (None, 1)
        assert places(room.chunks, base=700) == list(range(500))
        assert room.paths == ["/rooms/hall/audio"]
        assert room.opened[0].token == "secret"
        assert [ready.notice for ready in one.told] == ["Nothing of the sound is kept."]
        assert one.sender.figures.lost_s == 0


def test_what_a_device_lost_is_left_out_and_keeps_its_time() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        one.add(100, missing=300)
        one.sender.finish()
        one.wait()
        assert places(room.chunks) == [*range(100), *range(400, 500)]
        figures = one.sender.figures
        assert (figures.missed_s, figures.recorded_s, figures.lost_s) == (0.3, 0.5, 0)


def test_what_comes_while_the_network_is_away_is_sent_when_it_is_back() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.vanish()
        one.add(400)
        room.listen()
        room.wait_for(lambda: room.next == 500)
        assert places(room.chunks) == list(range(500))
        assert (one.sender.figures.reconnects, one.sender.figures.lost_s) == (1, 0)


def test_what_was_on_its_way_when_the_network_went_is_sent_again() -> None:
    with Room() as room, running(room) as one:
        one.add(500)
        room.wait_for(lambda: room.next == 500)
        room.vanish()
        room.next = 350  # the rest never came
        del room.chunks[:]
        one.add(100)
        room.listen()
        room.wait_for(lambda: room.next == 600)
        assert places(room.chunks) == list(range(350, 600))
        assert one.sender.figures.lost_s == 0


def test_what_is_older_than_what_is_kept_is_lost_and_counted_and_the_rest_has_its_place() -> None:
    with Room() as room, running(room, kept_s=0.5) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.vanish()
        for _ in range(20):
            one.add(100)
        room.listen()
        room.wait_for(lambda: room.next == 2100)
        assert places(room.chunks) == [*range(100), *range(1600, 2100)]
        assert one.sender.figures.lost_s == 1.5


def test_what_the_service_lost_behind_it_is_counted_over_nodes_each_of_which_counts_anew() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        for told, seconds in ((250, 0.25), (400, 0.4), (400, 0.4), (30, 0.43), (50, 0.45)):
            room.confirm(undelivered=told)
            until(lambda so_far=seconds: one.sender.figures.undelivered_s == so_far)
        figures = one.sender.figures
        assert figures.lost_s == 0
        assert losses(figures) == "0.5 s lost at the service, between its machines"


def test_what_went_down_with_a_connection_is_sent_again_though_no_more_sound_comes() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.vanish()
        room.next = 0  # it was on its way
        room.listen()
        room.wait_for(lambda: room.next == 100)
        assert places(room.chunks) == [*range(100), *range(100)]


def test_a_room_that_somebody_else_fed_meanwhile_goes_on_behind_that() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.confirm()
        until(lambda: one.sender.figures.drift_ppm == -12.5)
        room.vanish()
        until(lambda: one.sender.figures.state == "away")
        room.next = 5000
        room.listen()
        one.add(100)
        room.wait_for(lambda: room.next == 5100)
        assert room.chunks[-1].index == 5000 + 100 - len(room.chunks[-1].data) // 2
        assert one.sender.figures.lost_s == 0


def test_what_nobody_confirmed_before_somebody_else_fed_the_room_counts_as_lost() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.vanish()
        room.next = 5000
        room.listen()
        until(lambda: one.sender.figures.reconnects == 1)
        one.add(100)
        room.wait_for(lambda: room.next == 5100)
        assert one.sender.figures.lost_s == 0.1


def test_a_service_tells_how_fast_the_clock_of_the_sound_runs() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.confirm()
        one.add(100)
        room.wait_for(lambda: room.next == 200)
        one.sender.finish()
        one.wait()
        assert one.sender.figures.drift_ppm == -12.5


@pytest.mark.parametrize(
    ("code", "close"),
    [
        ("unauthorized", SoundClose.UNAUTHORIZED),
        ("room_is_fed", SoundClose.ROOM_IS_FED),
        ("too_many_rooms", SoundClose.TOO_MANY_ROOMS),
        ("bad_format", SoundClose.BAD_MESSAGE),
    ],
)
def test_a_room_that_refuses_at_first_is_not_asked_again(code: str, close: SoundClose) -> None:
    with Room(refusal=(code, close)) as room:
        one = Running(room)
        one.wait()
        assert isinstance(one.error, ServiceError)
        assert f"this is why: {code}" in str(one.error)
        assert len(room.opened) == 1


def test_after_a_loss_a_fed_room_may_hold_our_own_place_and_is_asked_again() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.vanish()
        room.refusal = ("room_is_fed", SoundClose.ROOM_IS_FED)
        room.listen()
        one.add(100)
        room.wait_for(lambda: len(room.opened) >= 3)
        room.wait_for(lambda: "room_is_fed" in one.sender.figures.reason)
        room.refusal = None
        room.wait_for(lambda: room.next == 200)
        assert places(room.chunks) == list(range(200))


def test_whoever_is_turned_out_for_good_ends() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.vanish()
        room.refusal = ("unauthorized", SoundClose.UNAUTHORIZED)
        room.listen()
        one.add(100)
        one.wait()
        assert "--token" in str(one.error)


def test_nobody_there_at_the_start_is_an_error_that_says_what_to_do() -> None:
    with Room() as room:
        pass
    one = Running(room)
    one.wait()
    assert "nothing answers at" in str(one.error)


def test_it_ends_at_once_when_told_to_though_the_network_is_away() -> None:
    with Room() as room, running(room) as one:
        one.add(100)
        room.wait_for(lambda: room.next == 100)
        room.vanish()
        one.add(300)
        one.sender.stop()
        one.wait()
        assert one.sender.figures.lost_s == 0.3
        room.listen()


def test_a_service_with_a_certificate_of_its_own_is_trusted_by_that_alone() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Room(context=context) as room:
        with running(room, context=trusting) as one:
            one.add(100)
            room.wait_for(lambda: room.next == 100)
            assert places(room.chunks) == list(range(100))
        stranger = Running(room, context=ssl.create_default_context())
        stranger.wait()
        assert "--ca" in str(stranger.error)


@pytest.mark.parametrize("form", ["s16le", "f32le"])
def test_raw_samples_are_written_as_the_service_reads_them(form: Format) -> None:
    one = writer(form)
    samples = np.array([0.0, 0.5, -1.0, 1.0, 1.5, -3.0], dtype=np.float32)
    ((index, data),) = one.write(7, samples)
    read = decoder(Open(rate=one.rate, format=form)).decode(data)[:, 0]
    expected = samples if form == "f32le" else np.clip(samples, -1, 32767 / 32768)
    assert index == 7
    assert np.array_equal(read, expected.astype(np.float32))


def test_packets_of_opus_are_read_as_the_tone_that_was_written() -> None:
    pytest.importorskip("av")
    one = writer("opus")
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
    chunks = list(one.write(960, tone[:24_000])) + list(one.write(24_960, tone[24_000:]))
    assert [index for index, _ in chunks] == list(range(960, 48_960, 960))
    reader = decoder(Open(rate=one.rate, format="opus"))
    heard = np.concatenate([reader.decode(data)[:, 0] for _, data in chunks])
    assert len(heard) == 48_000
    spectrum = np.abs(np.fft.rfft(heard[4800:] * np.hanning(43_200)))
    assert abs(spectrum.argmax() * 48_000 / 43_200 - 440) < 2
    assert np.sqrt(np.mean(heard[4800:] ** 2)) == pytest.approx(0.354, abs=0.01)
    assert sum(len(data) for _, data in chunks) < 12_000  # of 96 000 as 16-bit numbers


def test_after_a_gap_a_packet_of_opus_begins_anew_and_what_is_left_over_is_filled_up() -> None:
    pytest.importorskip("av")
    one = writer("opus")
    noise = np.random.default_rng(0).standard_normal(2000).astype(np.float32) / 8
    first = list(one.write(0, noise))
    assert [index for index, _ in first] == [0, 960, 1920]
    assert next(one.write(9000, noise))[0] == 9000
