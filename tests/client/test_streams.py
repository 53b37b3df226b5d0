"""The Python clients, against a real service."""

import asyncio
import inspect
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from realtime_mer.client.blocking import LoopThread
from realtime_mer.client.streams import Gap, Stream, Subscription, connect, subscribe
from realtime_mer.errors import InputError, ProtocolError, ServiceError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import (
    PROTOCOL,
    Bye,
    ErrorMessage,
    Hello,
    History,
    LevelMessage,
    Marker,
    StatusMessage,
    encode,
)
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import in_loop

HELLO = Hello(server_version="0.1.0", model="default", hop=0.1, window=3.0, sample_rate=24000)
STATUS = StatusMessage(
    status=Status.SILENCE, detail="quiet", t=1.0, wall_time=None, source="a file"
)
LEVEL = LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(hello=HELLO, port=0) as service:
        yield service


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


async def next_estimate(stream: Stream) -> Estimate:
    message = await anext(stream)
    assert isinstance(message, Estimate)
    return message


def test_it_yields_the_very_estimates_that_were_published(service: Service) -> None:
    service.publish(sample_estimate(seq=0))

    async def listen() -> list[Any]:
        received = []
        async with connect(service.url) as stream:
            async for estimate in stream:
                received.append(estimate)
                if len(received) == 100:
                    break
                service.publish(sample_estimate(seq=len(received)))
        return received

    assert asyncio.run(listen()) == [sample_estimate(seq=seq) for seq in range(100)]


def test_it_yields_typed_messages_of_the_streams_asked_for(service: Service) -> None:
    service.publish(STATUS)
    service.publish(sample_estimate())
    service.publish(LEVEL)

    async def listen() -> list[Any]:
        async with connect(service.url, streams=["estimates", "status", "level"]) as stream:
            assert stream.hello.model == "default"
            return [await anext(stream) for _ in range(3)]

    assert asyncio.run(listen()) == [STATUS, sample_estimate(), LEVEL]


def test_a_marker_travels_to_the_service_and_to_all(service: Service) -> None:
    async def listen() -> Any:
        async with (
            connect(service.url, streams=["markers"]) as one,
            connect(service.url, streams=["markers"]) as other,
        ):
            await one.mark("drop", id="7")
            markers = [await anext(one), await anext(other)]
        return markers

    one, other = asyncio.run(listen())
    assert isinstance(one, Marker)
    assert one == other
    assert (one.label, one.id) == ("drop", "7")
    assert service.take_markers() == [one]


def test_max_rate_reaches_the_service(service: Service) -> None:
    async def listen() -> list[int]:
        async with connect(service.url, max_rate=1) as few, connect(service.url) as every:
            received = []
            for seq in range(30):
                service.publish(sample_estimate(seq=seq))
                await next_estimate(every)
                if seq % 10 == 0:
                    received.append((await next_estimate(few)).seq)
            assert few.replaced == 0
            return received

    assert asyncio.run(listen()) == [0, 10, 20]


def test_a_busy_reader_gets_the_latest_estimate_afterwards(service: Service) -> None:
    service.publish(sample_estimate(seq=0))

    async def listen() -> tuple[list[int], int]:
        async with connect(service.url) as busy, connect(service.url) as prompt:
            received = [(await next_estimate(busy)).seq]
            await next_estimate(prompt)
            for seq in range(1, 50):
                service.publish(sample_estimate(seq=seq))
                await next_estimate(prompt)
            while received[-1] < 49:
                received.append((await next_estimate(busy)).seq)
            return received, busy.replaced

    received, replaced = asyncio.run(listen())
    assert received == sorted(received)
    assert len(received) < 25
    assert replaced == 50 - len(received)


def test_a_backlog_keeps_the_latest_few_for_a_busy_reader(service: Service) -> None:
    service.publish(sample_estimate(seq=0))

    async def listen() -> list[int]:
        async with connect(service.url, backlog=50) as busy, connect(service.url) as prompt:
            received = [(await next_estimate(busy)).seq]
            await next_estimate(prompt)
            for seq in range(1, 50):
                service.publish(sample_estimate(seq=seq))
                await next_estimate(prompt)
            return [*received, *[(await next_estimate(busy)).seq for _ in range(49)]]

    assert asyncio.run(listen()) == list(range(50))


def test_markers_of_others_do_not_end_the_stream_of_a_busy_reader(service: Service) -> None:
    service.publish(sample_estimate())

    async def listen() -> list[str]:
        async with (
            connect(service.url, streams=["estimates", "markers"]) as busy,
            connect(service.url, streams=["estimates", "markers"]) as prompt,
        ):
            for stream in (busy, prompt):
                await next_estimate(stream)
            for number in range(300):
                service.publish(Marker(label=str(number), t=1.0))
                await anext(prompt)
            service.publish(Marker(label="end", t=1.0))
            await anext(prompt)
            labels: list[str] = []
            while "end" not in labels:
                marker = await anext(busy)
                assert isinstance(marker, Marker)
                labels.append(marker.label)
            return labels

    labels = asyncio.run(listen())
    assert len(labels) >= 256
    assert labels == [*map(str, range(301 - len(labels), 300)), "end"]


def test_the_token_is_shown() -> None:
    with Service(hello=HELLO, port=0, token="s3cret") as service:
        service.publish(sample_estimate(seq=6))
        messages = subscribe(service.url, token="s3cret")
        assert next(messages) == sample_estimate(seq=6)


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_right_token_it_says_so(token: str | None) -> None:
    with (
        Service(hello=HELLO, port=0, token="s3cret") as service,
        pytest.raises(ServiceError, match="--token"),
    ):
        next(subscribe(service.url, token=token))


def test_a_service_that_is_not_there_is_told_in_one_line_with_what_to_do() -> None:
    with pytest.raises(ServiceError, match="realtime-mer live") as caught:
        next(subscribe(f"ws://127.0.0.1:{free_port()}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1:1", "ws://", "ws://host:port", "http://[", "ws://x#y"]
)
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(InputError, match="ws://HOST:PORT"):
        connect(url)


def test_an_address_may_be_given_without_scheme_or_as_a_page(service: Service) -> None:
    service.publish(sample_estimate())
    for url in [f"127.0.0.1:{service.port}", f"http://localhost:{service.port}/"]:
        messages = subscribe(url)
        assert next(messages) == sample_estimate()
        messages.close()


@pytest.mark.parametrize(
    "arguments",
    [
        {"streams": ["weather"]},
        {"streams": "estimates"},
        {"max_rate": 0},
        {"max_rate": float("nan")},
        {"backlog": 0},
        {"history": -1},
        {"history": 601},
        {"history": float("nan")},
    ],
)
def test_arguments_that_cannot_be_used_are_refused_before_connecting(
    arguments: dict[str, Any],
) -> None:
    with pytest.raises(InputError, match=next(iter(arguments))):
        connect("ws://127.0.0.1:1", **arguments)


def test_a_stream_that_was_not_entered_says_what_to_do(service: Service) -> None:
    async def misuse() -> None:
        stream = connect(service.url)
        with pytest.raises(InputError, match="inside its async with block"):
            await anext(stream)
        with pytest.raises(InputError, match="inside its async with block"):
            await stream.mark("here")

    asyncio.run(misuse())


def test_the_blocking_twin_yields_the_same_messages(service: Service) -> None:
    service.publish(sample_estimate(seq=0))
    messages = subscribe(service.url)
    received = []
    for seq in range(100):
        received.append(next(messages))
        service.publish(sample_estimate(seq=seq + 1))
    messages.close()
    assert received == [sample_estimate(seq=seq) for seq in range(100)]


def test_the_twins_take_the_same_arguments() -> None:
    ours, theirs = inspect.signature(subscribe), inspect.signature(connect)
    assert ours.parameters == theirs.parameters
    assert ours.return_annotation is Subscription


def test_what_ctrl_c_leaves_half_done_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    loop = LoopThread()
    loop.start()
    cancelled = threading.Event()

    async def connecting_for_ever() -> None:
        begun.set_result(None)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def leave_behind() -> None:
        kept.append(asyncio.create_task(connecting_for_ever()))

    kept: list[asyncio.Task[None]] = []
    begun: Future[None] = Future()
    loop.run(leave_behind())
    begun.result(PATIENCE_S)
    loop.stop()
    assert cancelled.is_set()
    assert kept[0].cancelled()
    assert caplog.records == []


def test_closing_the_blocking_twin_disconnects_and_leaves_no_thread(service: Service) -> None:
    before = threading.active_count()
    service.publish(sample_estimate())
    messages = subscribe(service.url)
    next(messages)
    assert service.clients == 1
    messages.close()
    assert threading.active_count() == before
    # The end of the connection is through when a newcomer is the only one.
    other = subscribe(service.url)
    next(other)
    assert service.clients == 1
    other.close()


def test_without_reconnect_the_messages_end_with_the_service(service: Service) -> None:
    service.publish(sample_estimate())
    messages = subscribe(service.url, reconnect=False, events=True)
    assert isinstance(next(messages), Hello)
    assert next(messages) == sample_estimate()
    service.close("good night")
    assert list(messages) == [Bye(reason="good night")]


def test_a_busy_reader_finds_what_came_before_the_bye_before_it(service: Service) -> None:
    async def listen() -> list[Any]:
        async with connect(service.url, reconnect=False, events=True, backlog=50) as stream:
            service.publish(sample_estimate(seq=0))
            assert isinstance(await anext(stream), Hello)
            assert await anext(stream) == sample_estimate(seq=0)  # it is subscribed
            for seq in range(1, 21):
                service.publish(sample_estimate(seq=seq))
            await asyncio.to_thread(service.close, "good night")
            return [message async for message in stream]

    *estimates, bye = asyncio.run(listen())
    assert [estimate.seq for estimate in estimates] == list(range(1, 21))
    assert bye == Bye(reason="good night")


def test_it_reconnects_by_itself_when_the_service_comes_back(service: Service) -> None:
    service.publish(sample_estimate(seq=70))

    async def listen() -> None:
        async with connect(service.url, events=True) as stream:
            assert isinstance(await anext(stream), Hello)
            assert (await next_estimate(stream)).seq == 70
            await asyncio.to_thread(service.close, "new cable")
            assert await anext(stream) == Bye(reason="new cable")
            with pytest.raises(ServiceError, match="no connection"):
                await stream.mark("drop")
            successor = Service(hello=HELLO, port=service.port)
            successor.start()
            successor.publish(sample_estimate(seq=3))
            assert isinstance(await anext(stream), Hello)
            gap = await anext(stream)
            assert isinstance(gap, Gap)
            assert gap.missed_s is None  # another session: its time began anew
            assert gap.offline_s > 0
            assert (await next_estimate(stream)).seq == 3
            assert stream.reconnects == 1
            await asyncio.to_thread(successor.close)

    asyncio.run(listen())


class Relay:
    """A bad network: it lets a client through to a service, can break the connection, or go silent.

    While ``silent`` is set whatever anybody says is lost.
    """

    def __init__(self, port: int) -> None:
        self.silent = asyncio.Event()
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, back]
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self.silent.is_set():
                    writer.write(data)
        writer.close()


@pytest.mark.parametrize("max_rate", [None, 5])
def test_after_a_break_it_says_how_much_sound_was_missed(
    service: Service, max_rate: float | None
) -> None:
    service.publish(sample_estimate(seq=0))

    async def listen() -> list[Any]:
        async with (
            Relay(service.port) as relay,
            connect(relay.url, events=True, max_rate=max_rate, backlog=100) as stream,
            connect(service.url) as witness,
        ):
            received = [await anext(stream), await anext(stream)]
            await anext(witness)
            relay.cut()
            received.append(await anext(stream))
            for seq in range(1, 41):
                service.publish(sample_estimate(seq=seq))
                await anext(witness)
            return received + [await anext(stream) for _ in range(3)]

    hello, first, bye, back, gap, next_one = asyncio.run(listen())
    assert isinstance(hello, Hello)
    assert first == sample_estimate(seq=0)
    assert isinstance(bye, Bye)
    assert isinstance(back, Hello)
    assert isinstance(gap, Gap)
    assert gap.missed_s is not None
    step = 0.1 if max_rate is None else 1 / max_rate
    assert gap.missed_s == pytest.approx(next_one.t - first.t - step)
    assert gap.missed_s > 0


def test_a_break_in_which_nothing_came_is_no_gap_and_repeats_no_estimate(service: Service) -> None:
    service.publish(STATUS)
    service.publish(sample_estimate(seq=0))

    async def listen() -> list[Any]:
        async with (
            Relay(service.port) as relay,
            connect(relay.url, streams=["estimates", "status"], events=True, backlog=10) as stream,
        ):
            received = [await anext(stream) for _ in range(3)]
            relay.cut()
            # The status comes with the subscription, and the known estimate with it.
            received += [await anext(stream) for _ in range(3)]
            service.publish(sample_estimate(seq=1))
            return [*received, await anext(stream)]

    hello, status, first, bye, back, again, second = asyncio.run(listen())
    assert hello == back
    assert isinstance(bye, Bye)
    assert status == again == STATUS
    assert [first, second] == [sample_estimate(seq=0), sample_estimate(seq=1)]


def publish(service: Service, first: int, last: int) -> None:
    """Publish estimates, few enough at a time that the service takes them all."""
    for seq in range(first, last):
        service.publish(sample_estimate(seq=seq))
        if seq % 50 == 0:
            in_loop(service, lambda: None)
    in_loop(service, lambda: None)


def test_the_past_comes_first_and_meets_what_is_new(service: Service) -> None:
    publish(service, 0, 1000)
    service.publish(Marker(label="verse", t=90.0))

    async def listen() -> tuple[list[int], list[str]]:
        seqs, labels = [], []
        async with connect(service.url, streams=["estimates", "markers"], history=30) as stream:
            async for message in stream:
                if isinstance(message, Estimate):
                    return [*seqs, message.seq], labels
                assert isinstance(message, History)
                seqs += message.seq
                labels += [marker.label for marker in message.markers]
        raise AssertionError

    seqs, labels = asyncio.run(listen())
    assert seqs == sorted(set(seqs))
    assert (seqs[0], seqs[-1]) == (700, 999)
    assert max(b - a for a, b in pairwise(seqs)) <= 5
    assert labels == ["verse"]


def test_after_a_loss_the_past_holds_what_was_missed_and_nothing_twice(service: Service) -> None:
    publish(service, 0, 100)
    service.publish(Marker(label="verse", t=5.0))

    async def listen() -> list[Any]:
        got: list[Any] = []
        async with connect(service.url, streams=["estimates", "markers"], history=600) as stream:
            while not isinstance(got[-1] if got else None, Estimate):
                got.append(await anext(stream))
            stream._connection.transport.abort()
            publish(service, 100, 200)
            service.publish(Marker(label="chorus", t=19.0))
            in_loop(service, lambda: None)
            while not isinstance(got[-1], Estimate) or got[-1].seq < 199:
                got.append(await anext(stream))
        return got

    got = asyncio.run(listen())
    seqs = [s for m in got for s in (m.seq if isinstance(m, History) else [m.seq])]
    assert seqs == sorted(set(seqs))
    assert max(b - a for a, b in pairwise(seqs)) <= 5
    labels = [marker.label for m in got if isinstance(m, History) for marker in m.markers]
    assert labels == ["verse", "chorus"]


def test_the_past_of_a_service_started_anew_is_all_news() -> None:
    port = free_port()

    async def listen() -> list[list[int]]:
        told: list[list[int]] = []
        with Service(hello=HELLO, port=port) as first:
            publish(first, 0, 100)
            stream = await connect(first.url, history=600).__aenter__()
            told.append(list((await anext(stream)).seq))  # type: ignore[union-attr]
            while not isinstance(await anext(stream), Estimate):
                pass
        with Service(hello=HELLO, port=port) as second:
            publish(second, 0, 20)
            while not isinstance(message := await anext(stream), History):
                pass
            told.append(list(message.seq))
            await stream.__aexit__(None, None, None)
        return told

    first, second = asyncio.run(listen())
    assert first[0] == second[0] == 0


def test_the_blocking_twin_sets_markers(service: Service) -> None:
    service.publish(sample_estimate())
    with subscribe(service.url, streams=["markers"], events=True) as messages:
        with pytest.raises(ServiceError, match="ask for a message first"):
            messages.mark("too early")
        assert isinstance(next(messages), Hello)
        messages.mark("drop", id="7")
        marker = next(messages)
    assert isinstance(marker, Marker)
    assert (marker.label, marker.id, marker.t) == ("drop", "7", 0.1)


def test_the_clients_of_a_restarted_service_come_by_and_by_and_each_in_its_own_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def note(attempt: int, chance: float) -> float:
        asked.append((attempt, chance))
        return 0.0  # no need to wait for it

    async def listen() -> None:
        service = Service(hello=HELLO, port=0)
        service.start()
        async with connect(service.url, events=True) as stream:
            await anext(stream)
            monkeypatch.setattr("realtime_mer.client.streams.retry_delay", note)
            await asyncio.to_thread(service.close)
            await anext(stream)
            while len(asked) < 4:
                await asyncio.sleep(0)

    asyncio.run(listen())
    attempts, chances = zip(*asked, strict=True)
    assert attempts == tuple(range(len(asked)))
    assert len(set(chances)) == len(asked)


def test_a_network_that_goes_away_without_a_word_is_noticed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_mer.client.connecting._PING_PERIOD_S", 0.05)
    monkeypatch.setattr("realtime_mer.client.connecting._PING_TIMEOUT_S", 0.2)

    async def listen() -> list[Any]:
        async with Relay(service.port) as relay, connect(relay.url, events=True) as stream:
            received = [await anext(stream)]
            relay.silent.set()
            received.append(await anext(stream))
            relay.silent.clear()
            return [*received, await anext(stream)]

    hello, bye, back = asyncio.run(listen())
    assert hello == back
    assert isinstance(hello, Hello)
    assert isinstance(bye, Bye)
    assert "lost" in bye.reason


def test_leaving_while_the_service_is_gone_is_quick_and_clean(service: Service) -> None:
    messages = subscribe(service.url, events=True)
    next(messages)
    service.close()
    next(messages)
    messages.close()


class Impostor:
    """Something that speaks WebSocket: one text, after the answer the others, then it closes."""

    def __init__(self, *texts: str, subprotocol: str = PROTOCOL, close_code: int = 1000) -> None:
        self._texts = texts
        self._subprotocol = subprotocol
        self._close_code = close_code

    async def _handle(self, connection: ServerConnection) -> None:
        first, *others = self._texts or [""]
        with suppress(ConnectionClosed):
            await connection.send(first)
            await connection.recv()
            for text in others:
                await connection.send(text)
            await connection.close(self._close_code)

    def yields(self, **options: Any) -> list[Any]:
        async def listen() -> list[Any]:
            async with serve_websocket(
                self._handle,
                "127.0.0.1",
                0,
                subprotocols=[Subprotocol(self._subprotocol)],
                close_timeout=0.1,
            ) as server:
                url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
                async with connect(url, reconnect=False, **options) as stream:
                    return [message async for message in stream]

        return asyncio.run(listen())


def test_a_service_of_another_version_is_refused() -> None:
    newer = encode(HELLO).replace(PROTOCOL, "realtime-mer.v2")
    with pytest.raises(ServiceError, match="use one version on both sides"):
        Impostor(newer).yields()


def test_something_that_is_no_service_is_refused() -> None:
    with pytest.raises(ServiceError, match="no realtime-mer service"):
        Impostor(subprotocol="chat").yields()
    with pytest.raises(ProtocolError):
        Impostor("good morning").yields()


def test_unknown_types_and_fields_of_a_newer_server_are_ignored() -> None:
    hello = encode(HELLO).replace('{"type":"hello",', '{"type":"hello","colour":"blue",')
    estimate = encode(sample_estimate()).replace('"seq":0', '"seq":0,"dominance":0.5')
    bye = encode(Bye(reason="end"))
    received = Impostor(hello, '{"type":"weather"}', estimate, bye, close_code=1001).yields()
    assert received == [sample_estimate()]


def test_an_error_of_the_server_is_raised() -> None:
    error = encode(ErrorMessage(code="bad_message", message="no such stream"))
    with pytest.raises(ProtocolError, match="no such stream") as caught:
        Impostor(encode(HELLO), error).yields()
    assert caught.value.code == "bad_message"


def test_a_message_that_breaks_the_protocol_is_raised() -> None:
    broken = encode(sample_estimate()).replace('"valence":0.25', '"valence":NaN')
    with pytest.raises(ProtocolError) as caught:
        Impostor(encode(HELLO), broken).yields()
    assert caught.value.code == "bad_json"


def test_a_lost_connection_is_told_where_it_is_not_made_again() -> None:
    with pytest.raises(ServiceError, match="4430"):
        Impostor(encode(HELLO), encode(sample_estimate()), close_code=4430).yields()
