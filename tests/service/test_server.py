"""The WebSocket service, over real sockets."""

import json
import logging
import secrets
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import PROTOCOL, CloseCode, LevelMessage, Marker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import (
    HELLO,
    SMALL_RECEIVE_BUFFER,
    Client,
    get,
    in_loop,
    let_time_pass,
    running,
    seqs,
    status,
)

# Conversation


def test_the_server_speaks_first_with_hello() -> None:
    with running() as service, Client(service) as client:
        assert client.hello["type"] == "hello"
        assert client.hello["protocol"] == PROTOCOL
        assert client.hello["model"] == "default"
        assert client.hello["authorization_required"] is False
        assert client.socket.subprotocol == PROTOCOL


def test_a_subscriber_gets_every_estimate_in_order() -> None:
    with running() as service, Client(service, "estimates") as client:
        for seq in range(50):
            service.publish(sample_estimate(seq=seq))
        received = [client.receive() for _ in range(50)]
        assert seqs(received) == list(range(50))
        assert received[3]["gems"] == sample_estimate().gems


def test_a_newcomer_gets_the_latest_estimate_status_and_level_at_once() -> None:
    with running() as service, Client(service, "estimates", "status", "level") as first:
        service.publish(sample_estimate(seq=1))
        service.publish(sample_estimate(seq=2))
        service.publish(status("on air"))
        service.publish(LevelMessage(t=0.3, level_dbfs=-20.0, peak_dbfs=-6.0))
        first.until("level")
        with Client(service) as newcomer:
            newcomer.send(type="subscribe", streams=["estimates", "status", "level"])
            messages = newcomer.settle()
            assert seqs(messages) == [2]
            assert sorted(message["type"] for message in messages) == [
                "estimate",
                "level",
                "status",
            ]


def test_clients_are_heard_while_more_is_published_than_can_be_sent() -> None:
    class Followed(dict[str, float]):
        """Shares of an estimate that the next one follows while it is being sent."""

        def items(self) -> Any:
            service.publish(estimate)
            return super().items()

    estimate = sample_estimate(gems=Followed(sample_estimate().gems))
    with running() as service, Client(service, "status") as client:
        service.publish(estimate)
        client.send(type="ping", id="x1")
        assert client.receive() == {"type": "pong", "id": "x1"}


def test_only_the_streams_asked_for_are_sent() -> None:
    with running() as service, Client(service, "status") as client:
        with Client(service, "estimates", "level") as other:
            service.publish(LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0))
            service.publish(sample_estimate())
            assert {other.receive()["type"], other.receive()["type"]} == {"estimate", "level"}
        assert client.settle() == []


def test_a_later_subscribe_takes_the_place_of_the_earlier() -> None:
    with running() as service, Client(service, "estimates") as client:
        client.send(type="subscribe", streams=[])
        client.settle()
        with Client(service, "estimates") as other:
            service.publish(sample_estimate(seq=5))
            other.receive()
        assert client.settle() == []


def test_max_rate_thins_the_estimates_in_stream_time_whatever_the_clock() -> None:
    with (
        running() as service,
        Client(service, "estimates") as every,
        Client(service, "estimates", max_rate=2) as few,
    ):
        for seq in range(100):
            service.publish(sample_estimate(seq=seq))
            assert every.receive()["seq"] == seq
        assert seqs(few.settle()) == list(range(0, 100, 5))
        assert service.dropped == 0


def test_a_ping_is_answered_with_its_id() -> None:
    with running() as service, Client(service) as client:
        client.send(type="ping", id="x1")
        assert client.receive() == {"type": "pong", "id": "x1"}


def test_a_marker_of_one_client_reaches_all_subscribers_and_the_program() -> None:
    with running() as service, Client(service, "markers", "estimates") as one:
        with Client(service, "markers") as other:
            service.publish(sample_estimate(seq=9))
            one.until("estimate")
            other.send(type="marker", label="drop", id="7", t=-5, wall_time="forged")
            other.send(type="marker", label="drop", id="7", t=999, wall_time="forged")
            assert other.receive()["code"] == "bad_message"
            marker = one.receive()
            assert marker == other.receive()
            assert (marker["label"], marker["id"], marker["t"]) == ("drop", "7", 1.0)
            assert marker["wall_time"] != "forged"
        assert [marker.label for marker in service.take_markers()] == ["drop"]
        assert service.take_markers() == []


def test_a_marker_of_the_program_reaches_the_subscribers() -> None:
    with running() as service, Client(service, "markers") as client:
        service.publish(Marker(label="scene 2", t=3.5, wall_time=None))
        assert client.receive()["label"] == "scene 2"
        assert service.take_markers() == []


def test_several_threads_may_publish_at_once() -> None:
    with running() as service, Client(service, "status") as client:
        threads = [
            threading.Thread(target=service.publish, args=[status(str(number))])
            for number in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        details = {client.receive()["detail"] for _ in range(20)}
        assert details == {str(number) for number in range(20)}


# Slow readers


def test_a_stalled_reader_gets_fewer_never_older_estimates_and_disturbs_nobody() -> None:
    with (
        running() as service,
        Client(service, "estimates") as stalled,
        Client(service, "estimates") as prompt,
    ):
        for seq in range(1000):
            service.publish(sample_estimate(seq=seq))
            assert prompt.receive()["seq"] == seq
        assert service.dropped > 0
        received = [stalled.receive()["seq"]]
        while received[-1] != 999:
            received.append(stalled.receive()["seq"])
    assert received == sorted(set(received))
    assert len(received) + service.dropped == 1000
    # What waited for it were its two socket buffers and one write buffer, not the backlog.
    assert len(received) < 250


def test_a_stalled_reader_gets_all_of_the_last_levels_and_what_is_lost_is_counted() -> None:
    column = tuple(range(64))
    with (
        running() as service,
        Client(service, "level") as stalled,
        Client(service, "level") as prompt,
    ):
        for number in range(1, 1001):
            t = number / 10
            service.publish(LevelMessage(t=t, level_dbfs=-20.0, peak_dbfs=-6.0, mel=column))
            assert prompt.receive()["t"] == t
        assert service.dropped > 0
        numbers = [round(10 * stalled.receive()["t"])]
        while numbers[-1] != 1000:
            numbers.append(round(10 * stalled.receive()["t"]))
    assert numbers == sorted(set(numbers))
    assert numbers[-Limits().levels :] == list(range(1001 - Limits().levels, 1001))
    assert len(numbers) + service.dropped == 1000


def test_levels_of_a_backlog_that_come_at_once_all_arrive() -> None:
    with running() as service, Client(service, "level") as client:
        for number in range(1, 31):
            service.publish(LevelMessage(t=number / 10, level_dbfs=-20.0, peak_dbfs=-6.0))
        service.publish(sample_estimate())
        times = [message["t"] for message in client.settle()]
        assert times == [number / 10 for number in range(1, 31)]
        assert service.dropped == 0


def test_the_memory_held_for_a_stalled_reader_does_not_grow() -> None:
    with (
        running() as service,
        Client(service, "estimates"),
        Client(service, "estimates") as prompt,
    ):
        dropped = []
        for seq in range(1200):
            service.publish(sample_estimate(seq=seq))
            prompt.receive()
            dropped.append(service.dropped)
    # Once its buffers are full, each new estimate takes the place of the one before.
    # (Either count may be read one estimate late.)
    assert abs(dropped[-1] - dropped[-501] - 500) <= 1


def test_a_reader_that_lets_ordered_messages_pile_up_is_closed_with_too_slow() -> None:
    with (
        running(limits=Limits(close_timeout_s=60)) as service,
        Client(service, "status") as stalled,
        Client(service, "status") as prompt,
    ):
        long = "x" * 2000
        for number in range(200):
            service.publish(status(f"{number} {long}"))
            assert prompt.receive()["detail"].startswith(f"{number} ")
        assert stalled.close_code() == 4430


def stalled(service: Service) -> int:
    """How many clients the service has stopped to write to."""
    return in_loop(service, lambda: sum(client.paused for client in service._audience.clients))


def sent_away(service: Service) -> list[CloseCode]:
    """Why clients are being closed at this moment."""
    codes = in_loop(service, lambda: [client.parting_code for client in service._audience.clients])
    return [code for code in codes if code is not None]


def test_a_reader_that_takes_nothing_for_too_long_is_closed_and_one_that_came_back_is_not() -> None:
    with (
        running(limits=Limits(stall_timeout_s=600, close_timeout_s=600)) as service,
        Client(service, "estimates") as back,
        Client(service, "estimates") as away,
        Client(service, "estimates") as prompt,
    ):
        seq = 0
        while stalled(service) < 2:
            service.publish(sample_estimate(seq=seq))
            assert prompt.receive()["seq"] == seq
            seq += 1
        back.settle()
        assert stalled(service) == 1
        let_time_pass(service, 590)
        assert sent_away(service) == []
        let_time_pass(service, 10)
        assert sent_away(service) == [CloseCode.TOO_SLOW]
        service.publish(sample_estimate(seq=seq))
        assert back.receive()["seq"] == prompt.receive()["seq"] == seq
        assert away.close_code() == CloseCode.TOO_SLOW


def test_each_stall_has_its_own_time() -> None:
    with (
        running(limits=Limits(stall_timeout_s=600)) as service,
        Client(service, "estimates") as hesitant,
        Client(service, "estimates") as prompt,
    ):
        seq = 0
        for _ in range(3):
            while stalled(service) == 0:
                service.publish(sample_estimate(seq=seq))
                prompt.receive()
                seq += 1
            let_time_pass(service, 400)
            for client in (hesitant, prompt):
                client.settle()
        assert sent_away(service) == []


def test_pings_of_a_client_that_never_reads_cannot_fill_the_memory() -> None:
    handshake = (
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    ping = bytes([0x89, 0x80 | 125]) + bytes(4) + b"x" * 125
    with running() as service, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
        sock.connect(("127.0.0.1", service.port))
        sock.sendall(handshake.encode())
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            sock.sendall(ping * 100_000)  # 13 MB


def test_what_is_published_faster_than_the_service_can_take_is_bounded_and_counted() -> None:
    with running() as service, Client(service, "status") as client:
        # A handler that holds the loop up, as a starved thread would be.
        held, release = threading.Event(), threading.Event()
        loop = service._loop
        assert loop is not None
        loop.call_soon_threadsafe(lambda: (held.set(), release.wait(PATIENCE_S)))
        assert held.wait(PATIENCE_S)
        for seq in range(100):
            service.publish(sample_estimate(seq=seq))
        for number in range(1, 101):
            service.publish(LevelMessage(t=number / 10, level_dbfs=-20.0, peak_dbfs=-6.0))
        service.publish(status("late"))
        assert service.dropped == 36 + 36
        assert service.faults()["messages that came too fast for the service"] == 72
        release.set()
        assert client.receive()["detail"] == "late"


# Bad clients


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_json"),
        ("[]", "bad_message"),
        (b"{}", "bad_message"),
        ('{"type": "subscribe", "streams": ["weather"]}', "bad_message"),
        (json.dumps({"type": "ping", "pad": "x" * 5000}), "too_large"),
    ],
)
def test_a_malformed_message_is_answered_with_an_error_and_the_connection_goes_on(
    text: str | bytes, code: str
) -> None:
    with running() as service, Client(service) as client:
        client.socket.send(text)
        error = client.receive()
        assert (error["type"], error["code"]) == ("error", code)
        assert client.settle() == []


def test_a_message_of_an_unknown_type_is_ignored() -> None:
    with running() as service, Client(service) as client:
        client.send(type="weather", rain=True)
        assert client.settle() == []


def test_an_oversized_message_closes_the_connection() -> None:
    with running() as service, Client(service) as client:
        client.socket.send("x" * 100_000)
        assert client.close_code() == 1009


def test_a_flood_of_messages_is_answered_once_and_closed() -> None:
    limits = Limits(message_burst=5, messages_per_s=0.001)
    with running(limits=limits) as service, Client(service) as client:
        client.flood(limits)
        messages = client.until("error")
        assert [message["type"] for message in messages] == ["pong"] * 5 + ["error"]
        assert messages[-1]["code"] == "too_many_messages"
        assert client.close_code() == 4429


def test_a_client_that_never_subscribes_is_closed() -> None:
    with running(limits=Limits(subscribe_timeout_s=0.05)) as service, Client(service) as client:
        assert client.close_code() == 4408


def test_a_subscriber_may_stay_silent() -> None:
    with (
        running(limits=Limits(subscribe_timeout_s=600)) as service,
        Client(service, "estimates") as quiet,
        Client(service) as never,
    ):
        let_time_pass(service, 600)
        assert never.close_code() == 4408
        service.publish(sample_estimate(seq=3))
        assert quiet.receive()["seq"] == 3


def test_a_client_that_does_not_finish_its_handshake_is_cut_off() -> None:
    with (
        running(limits=Limits(open_timeout_s=0.05)) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S) as slow,
    ):
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        assert slow.recv(100) == b""


def test_clients_beyond_the_limit_are_refused_and_one_that_leaves_makes_room() -> None:
    with (
        running(limits=Limits(connections=2)) as service,
        Client(service) as leaving,
        Client(service) as staying,
    ):
        with pytest.raises(InvalidStatus) as caught:
            Client(service)
        assert caught.value.response.status_code == 503
        leaving.socket.close()
        staying.settle()
        with Client(service, "estimates") as newcomer:
            assert newcomer.hello["type"] == "hello"


def test_connections_that_only_knock_are_bounded_too_and_the_oldest_goes() -> None:
    with running(limits=Limits(connections=1, waiting=2, open_timeout_s=600)) as service:
        knocking = [
            socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S)
            for _ in range(4)
        ]
        for oldest in knocking[:2]:
            with suppress(ConnectionResetError):
                assert oldest.recv(100) == b""
        assert service.open_connections <= 2
        for sock in knocking:
            sock.close()


def test_an_estimate_that_json_cannot_hold_is_left_out_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        running() as service,
        Client(service, "estimates") as client,
        caplog.at_level(logging.ERROR),
    ):
        service.publish(sample_estimate(seq=0, valence=float("nan")))
        service.publish(sample_estimate(seq=1))
        assert client.receive()["seq"] == 1
    assert "NaN" in caplog.text


# Who may connect


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1:8765", "https://[::1]", "http://app.localhost"],
)
def test_a_page_of_this_machine_may_connect(origin: str) -> None:
    with running() as service, Client(service, origin=Origin(origin)) as client:
        assert client.hello["type"] == "hello"


@pytest.mark.parametrize(
    "origin",
    ["http://example.org", "null", "https://127.0.0.1.example.org", "http://[", "localhost"],
)
def test_a_page_of_another_host_may_not_connect(origin: str) -> None:
    with running() as service, pytest.raises(InvalidStatus) as caught:
        Client(service, origin=Origin(origin))
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("host", ["example.org", "example.org:8765", "127.0.0.1.example.org", "["])
def test_a_request_for_another_host_name_is_refused(host: str) -> None:
    with running() as service:
        assert get(service, "/", Host=host)[0] == 403
        assert get(service, "/healthz", Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8765"])
def test_a_request_for_a_name_of_this_machine_is_answered(host: str) -> None:
    with running() as service:
        assert get(service, "/healthz", Host=host) == (200, "ok\n")


def test_on_a_network_it_answers_to_its_own_name_in_any_domain() -> None:
    name = socket.gethostname().partition(".")[0]
    with running(host="0.0.0.0", token="s3cret", weak_token=True) as service:
        assert get(service, "/healthz", Host=f"{name}.lan:{service.port}")[0] == 200
        assert get(service, "/healthz", Host="example.org")[0] == 403
    with running() as service:
        assert get(service, "/healthz", Host=f"{name}.lan")[0] == 403


def test_only_get_is_answered_and_only_known_paths() -> None:
    with running() as service:
        assert get(service, "/")[0] == 200
        assert get(service, "/?x=1")[0] == 200
        assert get(service, "/secrets")[0] == 404
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE"]:
            assert get(service, "/", method=method)[0] == 405


def test_a_client_without_a_subprotocol_is_accepted_and_one_with_only_others_is_not() -> None:
    with running() as service:
        with Client(service, subprotocols=None) as client:
            assert client.hello["protocol"] == PROTOCOL
        with Client(service, subprotocols=[Subprotocol("other"), Subprotocol(PROTOCOL)]) as client:
            assert client.socket.subprotocol == PROTOCOL
        with pytest.raises(InvalidStatus) as caught:
            Client(service, subprotocols=[Subprotocol("realtime-mer.v9")])
        assert caught.value.response.status_code == 400


def test_compression_is_never_agreed_on() -> None:
    with running() as service, Client(service, compression="deflate") as client:
        assert client.socket.response is not None
        assert "Sec-WebSocket-Extensions" not in client.socket.response.headers


def test_beyond_loopback_a_token_is_required() -> None:
    for host in ["0.0.0.0", "::", "", "192.0.2.1", "example.org"]:
        with pytest.raises(ServiceError, match="--token"):
            Service(hello=HELLO, host=host, port=0)


def test_the_token_is_accepted_in_the_header() -> None:
    with running(token="s3cret") as service:
        headers = {"Authorization": "Bearer s3cret"}
        with Client(service, "estimates", additional_headers=headers) as client:
            assert client.hello["authorization_required"] is True
            service.publish(sample_estimate(seq=4))
            assert client.receive()["seq"] == 4


def test_the_token_is_accepted_as_the_first_message() -> None:
    with running(token="s3cret") as service, Client(service) as client:
        client.send(type="authorize", token="s3cret")
        client.send(type="subscribe", streams=["estimates"])
        client.settle()
        service.publish(sample_estimate(seq=4))
        assert client.receive()["seq"] == 4


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic s3cret", "s3cret", "Bearer s3cret2"])
def test_a_wrong_token_in_the_header_is_refused(header: str) -> None:
    with running(token="s3cret") as service, pytest.raises(InvalidStatus) as caught:
        Client(service, additional_headers={"Authorization": header})
    assert caught.value.response.status_code == 401


def test_a_token_in_the_address_is_not_looked_at() -> None:
    with (
        running(token="s3cret") as service,
        Client(service, url=f"{service.url}/?token=s3cret") as client,
    ):
        client.send(type="subscribe", streams=["estimates"])
        assert client.receive()["code"] == "unauthorized"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "authorize", "token": "wrong"},
        {"type": "authorize", "token": "ünïcode"},
        {"type": "subscribe", "streams": ["estimates"]},
        {"type": "marker", "label": "drop"},
        {"type": "ping"},
    ],
)
def test_without_the_token_nothing_is_to_be_had(message: dict[str, Any]) -> None:
    with running(token="s3cret") as service, Client(service) as client:
        service.publish(sample_estimate())
        client.send(**message)
        error = client.receive()
        assert (error["type"], error["code"]) == ("error", "unauthorized")
        assert client.close_code() == 4401
        assert service.take_markers() == []


def test_a_client_that_shows_no_token_in_time_is_closed() -> None:
    limits = Limits(subscribe_timeout_s=0.05)
    with running(token="s3cret", limits=limits) as service, Client(service) as client:
        assert client.close_code() == 4401


def test_a_token_with_spaces_or_nothing_in_it_is_refused() -> None:
    for token in ["", "two words", "naïve"]:
        with pytest.raises(InputError, match="token"):
            Service(hello=HELLO, port=0, token=token)


def test_beyond_loopback_a_token_that_could_be_guessed_is_refused_unless_one_insists() -> None:
    for host in ("0.0.0.0", "192.168.1.5"):
        with pytest.raises(InputError, match=r"30 bits .* 128: .* --weak-token"):
            Service(hello=HELLO, host=host, port=0, token="correct-horse")
    Service(hello=HELLO, host="0.0.0.0", port=0, token="correct-horse", weak_token=True)
    Service(hello=HELLO, host="127.0.0.1", port=0, token="correct-horse")


# Beginning and end


def test_a_busy_port_is_told_in_one_line_with_what_to_do() -> None:
    with running() as service:
        other = Service(hello=HELLO, port=service.port)
        with pytest.raises(ServiceError) as caught:
            other.start()
        other.close()
    assert str(service.port) in str(caught.value)
    assert "--port 0" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_that_is_not_of_this_machine_is_told() -> None:
    service = Service(hello=HELLO, host="192.0.2.1", port=0, token=secrets.token_hex(16))
    with pytest.raises(ServiceError, match=r"192\.0\.2\.1"):
        service.start()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(InputError, match=str(port)):
        Service(hello=HELLO, port=port)


def test_stopping_says_bye_with_the_reason_and_frees_the_port_at_once() -> None:
    with running() as service, Client(service, "estimates", "status") as client:
        service.publish(sample_estimate(seq=8))
        service.close("the concert is over")
        messages = client.until("bye")
        assert seqs(messages) == [8]
        assert messages[-1]["reason"] == "the concert is over"
        assert client.close_code() == 1001
        assert service.clients == 0
        with running(port=service.port) as successor, Client(successor) as again:
            assert again.hello["type"] == "hello"


def test_stopping_waits_for_no_stalled_reader_and_no_open_handshake() -> None:
    with (
        running(limits=Limits(close_timeout_s=0.05, open_timeout_s=600)) as service,
        Client(service, "estimates"),
        Client(service, "estimates") as prompt,
        socket.create_connection(("127.0.0.1", service.port)),
    ):
        seq = 0
        while service.dropped == 0:
            service.publish(sample_estimate(seq=seq))
            prompt.receive()
            seq += 1
        service.close()
        with running(port=service.port) as successor:
            assert get(successor, "/healthz")[0] == 200


def test_publishing_before_the_start_and_after_the_end_does_nothing() -> None:
    service = Service(hello=HELLO, port=0)
    service.publish(sample_estimate())
    service.start()
    service.close()
    service.close()
    service.publish(sample_estimate())
    assert service.dropped == 0


def test_a_service_starts_only_once() -> None:
    with running() as service, pytest.raises(ServiceError, match="before"):
        service.start()


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    with running() as service, Client(service, "estimates") as client:
        service.publish(sample_estimate())
        client.receive()
    assert threading.active_count() == before
