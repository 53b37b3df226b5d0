"""The past that a service sends to whoever joins late, over real sockets."""

from itertools import pairwise
from typing import Any

from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.past import STEP_S
from realtime_mer.wire.protocol import LevelMessage, Marker, Subscribe
from tests.samples import sample_estimate
from tests.subscribers import Client, get, in_loop, numbers, running, seqs, status


def publish(service: Service, count: int, *, start: int = 0) -> None:
    """Publish estimates, each taken by the service before the next."""
    for seq in range(start, start + count):
        service.publish(sample_estimate(seq=seq))
        if seq % 50 == 0:
            in_loop(service, lambda: None)
    in_loop(service, lambda: None)


def past(messages: list[dict[str, Any]]) -> list[int]:
    return [seq for message in messages if message["type"] == "history" for seq in message["seq"]]


def marked(messages: list[dict[str, Any]]) -> list[str]:
    return [
        marker["label"]
        for message in messages
        if message["type"] == "history"
        for marker in message["markers"]
    ]


def test_hello_tells_how_much_of_the_past_can_be_asked_for() -> None:
    with running() as service, Client(service) as client:
        assert client.hello["history_s"] == 600
    with running(limits=Limits(history_s=60)) as service, Client(service) as client:
        assert client.hello["history_s"] == 60


def test_whoever_joins_late_gets_the_past_and_then_what_is_new_without_hole_or_repetition() -> None:
    with running() as service, Client(service) as client:
        publish(service, 1000)
        client.send(type="subscribe", streams=["estimates"], history=60)
        messages = client.until("estimate")
        assert past(messages)[0] == 400
        assert seqs(messages) == [999]
        assert messages[-1]["gems"] == sample_estimate().gems
        told = past(messages)
        publish(service, 20, start=1000)
        told += [999, *seqs(client.settle())]
        assert told == sorted(set(told))
        assert all(b - a <= STEP_S / 0.1 for a, b in pairwise(told))
        assert told[-20:] == list(range(1000, 1020))


def test_markers_of_the_past_come_as_history_and_new_ones_as_markers() -> None:
    with running() as service, Client(service) as client:
        publish(service, 100)
        service.publish(Marker(label="verse", t=5.0))
        in_loop(service, lambda: None)
        client.send(type="subscribe", streams=["estimates", "markers"], history=600)
        messages = client.until("estimate")
        assert marked(messages) == ["verse"]
        service.publish(Marker(label="chorus", t=9.0))
        (marker,) = client.until("marker")
        assert marker["label"] == "chorus"


def test_only_the_past_of_the_streams_asked_for_is_sent() -> None:
    with running() as service, Client(service) as client:
        publish(service, 100)
        service.publish(Marker(label="verse", t=5.0))
        service.publish(LevelMessage(t=10.0, level_dbfs=-20.0, peak_dbfs=-6.0))
        service.publish(status("on air"))
        in_loop(service, lambda: None)
        client.send(type="subscribe", streams=["status", "level", "markers"], history=600)
        messages = client.until("level")
        assert [message["type"] for message in messages] == ["status", "history", "level"]
        assert (past(messages), marked(messages)) == ([], ["verse"])


def test_without_being_asked_for_the_past_stays_away() -> None:
    with running() as service, Client(service) as client:
        publish(service, 100)
        client.send(type="subscribe", streams=["estimates", "markers"])
        assert [message["type"] for message in client.settle()] == ["estimate"]


def test_a_slow_reader_of_the_past_has_no_hole_holds_no_memory_and_delays_nobody() -> None:
    limits = Limits(socket_bytes=4096)
    with running(limits=limits) as service, Client(service, "estimates") as quick:
        for seq in range(6000):
            service.publish(sample_estimate(seq=seq))
            assert quick.receive()["seq"] == seq
        with Client(service) as slow:
            slow.send(type="subscribe", streams=["estimates"], history=600)
            (connection,) = in_loop(
                service,
                lambda: [c for c in service._audience.clients if c.catching_up or not c.streams],
            )
            for seq in range(6000, 6600):  # a minute in which it reads nothing
                service.publish(sample_estimate(seq=seq))
                assert quick.receive()["seq"] == seq
            assert in_loop(service, lambda: connection.catching_up)
            assert len(connection._mailbox) == 0
            assert connection.transport.get_write_buffer_size() < 3 * limits.write_bytes
            messages = slow.until("estimate")
            told = past(messages) + seqs(messages)
            assert told == sorted(set(told))
            assert told[-1] == 6599
            assert all(b - a <= STEP_S / 0.1 for a, b in pairwise(told))


def test_the_past_goes_out_in_turns_so_that_others_get_what_is_new_in_between() -> None:
    with running() as service, Client(service) as late:
        publish(service, 6000)
        sent: list[bytes] = []

        def join() -> int:
            """Subscribe, and return how much was sent before anybody else had a turn."""
            (client,) = service._audience.clients
            for frame in service._audience._past.read(600, estimates=True, markers=True):
                sent.append(frame)
            counted = iter(sent)
            client.subscribe(
                Subscribe(streams=("estimates",)),
                past=counted,
                begin=lambda: service._audience._begin(client),
            )
            return len(sent) - counted.__length_hint__()

        assert in_loop(service, join) == 1
        assert len(sent) > 10
        assert len([m for m in late.until("estimate") if m["type"] == "history"]) == len(sent)


def test_whoever_asks_for_the_past_amid_what_is_new_gets_nothing_new_before_it() -> None:
    with running() as service, Client(service, "estimates", "level") as client:
        publish(service, 100)
        client.settle()

        def ask() -> int:
            (connection,) = service._audience.clients
            past = service._audience._past.read(600, estimates=True, markers=True)
            connection.subscribe(
                Subscribe(streams=("estimates",)),
                past=past,
                begin=lambda: service._audience._begin(connection),
            )
            service._audience.offer(sample_estimate(seq=100))
            return len(connection._mailbox)

        assert in_loop(service, ask) == 0
        messages = client.until("estimate")
        told = past(messages) + seqs(messages)
        assert told == sorted(set(told))
        assert told[-1] == 100
        assert client.settle() == []  # the past was whole by then


def test_whoever_asks_for_the_past_too_often_gets_what_is_new_and_an_error_and_is_counted() -> None:
    limits = Limits(history_burst=2)
    with running(limits=limits) as service, Client(service) as client:
        publish(service, 100)
        for _ in range(2):
            client.send(type="subscribe", streams=["estimates"], history=600)
            assert past(client.until("estimate"))
        client.send(type="subscribe", streams=["estimates"], history=600)
        error, estimate = client.until("estimate")
        assert (error["type"], error["code"]) == ("error", "too_much_history")
        assert estimate["seq"] == 99
        counted = numbers(get(service, "/metrics")[1])
        assert counted["realtime_mer_histories_total"] == 2
        assert counted["realtime_mer_histories_refused_total"] == 1


def test_a_later_subscribe_ends_the_past_that_is_on_its_way() -> None:
    with running() as service, Client(service) as client:
        publish(service, 6000)
        client.send(type="subscribe", streams=["estimates"], history=600)
        client.send(type="subscribe", streams=["estimates"])
        messages = client.until("estimate")
        assert seqs(messages) == [5999]
        assert client.settle() == []


def test_more_of_the_past_than_there_can_be_is_refused() -> None:
    with running() as service, Client(service) as client:
        for seconds in (601, -1, "60", None):
            client.send(type="subscribe", streams=["estimates"], history=seconds)
            assert client.receive()["code"] == "bad_message"


def test_the_past_of_a_stream_that_went_back_begins_there() -> None:
    with running() as service, Client(service) as client:
        publish(service, 500)
        publish(service, 10, start=100)
        client.send(type="subscribe", streams=["estimates"], history=600)
        messages = client.until("estimate")
        assert past(messages) == [100, 105]
        assert seqs(messages) == [109]
