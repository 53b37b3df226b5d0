"""Clients that mean harm, or are broken: they get nothing, and nobody else notices."""

import json
import os
import random
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import CloseCode
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import (
    SMALL_RECEIVE_BUFFER,
    Client,
    get,
    in_loop,
    let_time_pass,
    numbers,
    running,
    seqs,
    status,
)

ACCEPTED_AT_ONCE = 100  # asyncio's backlog

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """A frame as a client sends it, masked with zeros."""
    return bytes([0x80 * final | opcode, 0x80 | len(payload)]) + bytes(4) + payload


@contextmanager
def raw(service: Service, *, handshake: bytes = HANDSHAKE) -> Iterator[socket.socket]:
    """A connection without a WebSocket library's manners."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
        sock.settimeout(PATIENCE_S)
        sock.connect(("127.0.0.1", service.port))
        sock.sendall(handshake)
        if handshake is HANDSHAKE:
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += sock.recv(1)
            assert answer.startswith(b"HTTP/1.1 101")
        yield sock


def read_to_end(sock: socket.socket) -> bytes:
    """Everything until the service closes, or cuts the connection off."""
    received = b""
    with suppress(ConnectionResetError, BrokenPipeError):
        while data := sock.recv(65536):
            received += data
    return received


class Witness:
    """A good client, which must get every ordered message and every estimate."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._client = Client(service, "status", "estimates")
        self._count = 0

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def _receive_two(self) -> list[dict[str, Any]]:
        return [self._client.receive(), self._client.receive()]

    def is_served(self) -> None:
        self._service.publish(status(str(self._count)))
        self._service.publish(sample_estimate(seq=self._count))
        # Either may overtake the other.
        received = {message["type"]: message for message in self._receive_two()}
        assert received["status"]["detail"] == str(self._count)
        assert received["estimate"]["seq"] == self._count
        self._count += 1


def bytes_waiting(service: Service) -> list[int]:
    """For every connection, what the service holds for it beyond the system's own buffers."""

    def measure() -> list[int]:
        return [
            client.transport.get_write_buffer_size()
            + sum(map(len, [*client._mailbox._ordered]))
            + sum(len(item) for slot in client._mailbox._slots.values() for item in slot.items)
            for client in service._reception.connections
        ]

    return in_loop(service, measure)


def test_slow_lorises_are_cut_off_and_delay_nobody() -> None:
    with (
        running(limits=Limits(open_timeout_s=600)) as service,
        Witness(service) as witness,
        ExitStack() as stack,
    ):
        lorises = [
            stack.enter_context(raw(service, handshake=b"GET / HTTP/1.1\r\nHost: l"))
            for _ in range(40)
        ]
        witness.is_served()
        for letter in b"ocalhost":
            for loris in lorises:
                with suppress(ConnectionResetError, BrokenPipeError):
                    loris.sendall(bytes([letter]))
            witness.is_served()
        let_time_pass(service, 600)
        for loris in lorises:
            assert read_to_end(loris) == b""
        witness.is_served()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + 20_000 * b"x",
        b"GET / HTTP/1.1\r\n" + b"X-Header: y\r\n" * 3000,
        b"GET / HTTP/1.1\r\nHost: " + 20_000 * b"x",
        bytes(range(256)) * 100,
    ],
)
def test_an_opening_handshake_without_end_is_cut_off(head: bytes) -> None:
    with running(limits=Limits(open_timeout_s=600)) as service, Witness(service) as witness:
        with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S) as sock:
            with suppress(ConnectionResetError, BrokenPipeError):
                sock.sendall(head)
            assert b"101" not in read_to_end(sock)
        witness.is_served()


GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "requests",
    [
        [GET + GET],
        [GET + GET + GET[:20], GET[20:]],
        [bytes([letter]) for letter in GET] + [GET],
        [GET + b"\x81\x05hello" + bytes(100)],
    ],
)
@pytest.mark.parametrize("half_closed", [False, True])
def test_of_requests_in_one_breath_the_first_is_answered_and_nothing_is_logged(
    requests: list[bytes], half_closed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with running() as service, Witness(service) as witness:
        with raw(service, handshake=b"") as sock:
            for part in requests:
                sock.sendall(part)
            if half_closed:
                sock.shutdown(socket.SHUT_WR)
            answer = read_to_end(sock)
        witness.is_served()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1") == 1
    assert caplog.messages == []


HOST = b"Host: localhost\r\n"
UNREADABLE: dict[str, tuple[bytes, int]] = {
    "a form": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\na=1&b", 405),
    "a body longer than any head": (
        b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 30000\r\n\r\n" + bytes(30_000),
        405,
    ),
    "chunks": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        405,
    ),
    "GET with a body": (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi", 400),
    "GET with chunks": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "HEAD with a body": (b"HEAD / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi", 400),
    "a path that is no ASCII": ("GET /é HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "a method that is no ASCII": ("GÉT / HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "lines that end in LF": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "a header that is none": (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 505),
    "another protocol": (b"EHLO example.org\r\n", 400),
    "nothing but a line": (b"\r\n", 400),
    "signs that do not print": (b"\x00\x1b[31m\xff\xfe\r\n\r\n", 400),
    "a long path": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a long header": (b"GET / HTTP/1.1\r\nHost: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 200 + b"\r\n", 431),
    "an upgrade without a key": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        400,
    ),
    "another upgrade": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        426,
    ),
    "an upgrade of HTTP/1.0": (
        b"GET / HTTP/1.0\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        505,
    ),
}


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_answered_and_guarded_and_not_logged(
    what: str, in_pieces: bool, caplog: pytest.LogCaptureFixture
) -> None:
    request, code = UNREADABLE[what]
    pieces = [request[:9], request[9:]] if in_pieces else [request]
    with running() as service, Witness(service) as witness:
        with raw(service, handshake=b"") as sock:
            for piece in pieces:
                sock.sendall(piece)
            head, _, body = read_to_end(sock).partition(b"\r\n\r\n")
        witness.is_served()
    first, *lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert len(headers) == len(lines)
    assert first.startswith(f"HTTP/1.1 {code} ")
    assert headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "strict-transport-security" not in headers
    assert headers.get("allow") == ("GET, HEAD" if code == 405 else None)
    assert len(body) == (0 if request.startswith(b"HEAD") else int(headers["content-length"]))
    assert caplog.messages == []


def test_what_comes_after_a_refusal_is_bounded() -> None:
    limits = Limits(open_timeout_s=600, opening_bytes=512)
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"
    with (
        running(limits=limits) as service,
        raw(service, handshake=request) as sock,
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):
        sock.sendall(bytes(32_000_000))  # more than all buffers hold


def test_what_comes_with_the_handshake_is_read_after_it() -> None:
    early = frame(0x1, b'{"type":"ping","id":"early"}') + frame(0x1, b'{"type":"ping","id":"2"}')
    with running() as service, raw(service, handshake=HANDSHAKE + early) as sock:
        received = b""
        while b'"id":"2"' not in received:
            received += sock.recv(4096)
    assert received.startswith(b"HTTP/1.1 101")
    assert received.index(b'"hello"') < received.index(b'"early"') < received.index(b'"id":"2"')


def test_who_stops_sending_with_the_handshake_is_let_go() -> None:
    with running() as service:
        with raw(service, handshake=HANDSHAKE + b"") as sock:
            sock.shutdown(socket.SHUT_WR)
            assert b'"hello"' in read_to_end(sock)
        with Client(service) as client:
            client.settle()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of files to set")
def test_at_the_limit_of_files_there_is_one_line_and_nobody_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import resource

    with running() as service, Witness(service) as witness, ExitStack() as stack:
        knocking = [stack.enter_context(socket.socket()) for _ in range(20)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        filling: list[int] = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/dev/fd"))), hard))
            with suppress(OSError):
                while True:
                    filling.append(os.dup(0))
            for sock in knocking:
                sock.settimeout(PATIENCE_S)
                sock.connect(("127.0.0.1", service.port))
            while not caplog.messages:
                witness.is_served()
            witness.is_served()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for file in filling:
                os.close(file)
        let_time_pass(service, 1)
        for sock in knocking:
            sock.sendall(GET)
            assert read_to_end(sock).startswith(b"HTTP/1.1 200 OK")
    (line,) = caplog.messages
    assert "out of system resource" in line
    assert len(line) <= 300
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x81\x05hello",  # not masked
        frame(0x1 | 0x70, b"{}"),  # reserved bits
        frame(0x3),  # reserved opcode
        frame(0x0, b"{}"),  # continues nothing
        frame(0x1, b"\xff\xfe"),  # no UTF-8
        frame(0x9, b"ping", final=False),  # control frames are whole
        frame(0x8, b"\x00"),  # half a close code
        bytes([0x81, 0xFF]) + b"\xff" * 8,  # 16 exabytes to come
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_frames_that_are_none_end_their_connection_and_no_other(nonsense: bytes) -> None:
    with running() as service, Witness(service) as witness:
        with raw(service) as sock:
            sock.sendall(nonsense)
            assert b'"type":"hello"' in read_to_end(sock)
        witness.is_served()


@pytest.mark.parametrize(
    "endless",
    [
        frame(0xA),  # pongs nobody asked for
        frame(0x0, final=False),  # fragments of nothing
        frame(0x9),  # pings
    ],
)
def test_a_flood_of_frames_that_are_no_messages_is_cut_off(endless: bytes) -> None:
    with running() as service, Witness(service) as witness:
        with raw(service) as sock:
            sock.sendall(frame(0x1, b"{", final=False))
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                sock.sendall(1_000_000 * endless)
        witness.is_served()


def test_answers_that_nobody_takes_are_bounded_however_many_frames_are_allowed() -> None:
    ping = frame(0x9, b"x" * 125)
    limits = Limits(frame_burst=10**9, stall_timeout_s=600)
    with running(limits=limits) as service, Witness(service) as witness:
        with raw(service) as sock, pytest.raises((ConnectionResetError, BrokenPipeError)):
            sock.sendall(ping * 100_000)  # 13 MB, to be answered with as many
        witness.is_served()


def test_a_message_in_endless_fragments_is_cut_off_at_the_limit() -> None:
    with running(limits=Limits(frame_burst=10_000)) as service, Witness(service) as witness:
        with raw(service) as sock:
            with suppress(ConnectionResetError, BrokenPipeError):
                sock.sendall(frame(0x1, b"{", final=False))
                for _ in range(1000):
                    sock.sendall(frame(0x0, b" " * 100, final=False))
            assert b'"type":"hello"' in read_to_end(sock)
        witness.is_served()


def test_floods_of_messages_of_many_clients_cost_only_their_own_connections() -> None:
    limits = Limits(message_burst=10, messages_per_s=0.001)
    with running(limits=limits) as service, Witness(service) as witness, ExitStack() as stack:
        flooding = [stack.enter_context(Client(service)) for _ in range(20)]
        for number in range(30):
            for client in flooding:
                with suppress(ConnectionClosed):  # as long as it is there
                    client.send(type="ping", id=str(number))
            witness.is_served()
        for client in flooding:
            assert client.close_code() == 4429
        witness.is_served()


TOKEN = {"Authorization": "Bearer s3cret"}


def test_hundreds_that_show_no_token_keep_nobody_out_who_has_it() -> None:
    limits = Limits(waiting=32, waiting_per_address=16, connections=4, subscribe_timeout_s=600)
    with (
        running(token="s3cret", limits=limits) as service,
        Client(service, "status", additional_headers=TOKEN) as good,
        ExitStack() as stack,
    ):
        for number in range(20):
            for _ in range(20):
                stack.enter_context(raw(service))
            with Client(service, "status", additional_headers=TOKEN) as at_once:
                service.publish(status(str(number)))
                assert at_once.until("status")[-1]["detail"] == str(number)
            with Client(service) as later:
                later.send(type="authorize", token="s3cret")
                later.send(type="subscribe", streams=["status"])
                assert later.receive()["detail"] == str(number)
            assert good.receive()["detail"] == str(number)
        # Those without the token, and the two that left a moment ago.
        assert service.open_connections <= limits.waiting_per_address + 1 + 2
        values = numbers(get(service, "/metrics", **TOKEN)[1])
        assert values["realtime_mer_evicted_total"] >= 400 - limits.waiting_per_address
        assert values["realtime_mer_waiting"] <= limits.waiting_per_address


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is this machine's on Linux only")
def test_an_address_that_fills_its_places_drives_away_only_its_own() -> None:
    limits = Limits(waiting=100, waiting_per_address=4, open_timeout_s=600)
    with running(token="s3cret", limits=limits) as service, ExitStack() as stack:
        stranger = stack.enter_context(
            socket.create_connection(
                ("127.0.0.1", service.port), PATIENCE_S, source_address=("127.0.0.2", 0)
            )
        )
        crowd = [stack.enter_context(raw(service)) for _ in range(20)]
        for pushed_out in crowd[:16]:
            assert b'"type":"hello"' in read_to_end(pushed_out)
        stranger.sendall(HANDSHAKE)
        answer = b""
        while b'"type":"hello"' not in answer:
            answer += stranger.recv(1)
        stack.enter_context(raw(service))
        assert b'"type":"hello"' in read_to_end(crowd[16])


def test_who_shows_the_token_when_all_places_were_taken_meanwhile_is_told_to_come_again() -> None:
    limits = Limits(connections=1, subscribe_timeout_s=600)
    with (
        running(token="s3cret", limits=limits) as service,
        Client(service) as late,
        Client(service, "status", additional_headers=TOKEN),
    ):
        late.send(type="authorize", token="s3cret")
        assert late.close_code() == CloseCode.TRY_AGAIN_LATER


@pytest.mark.slow
def test_thousands_of_connections_are_bounded_and_leave_nothing_behind() -> None:
    limits = Limits(connections=4, waiting=16, open_timeout_s=600)
    process = psutil.Process()
    with running(limits=limits) as service, Witness(service) as witness:
        before = process.num_fds()
        most = 0
        waiting: list[socket.socket] = []
        for _ in range(2000):
            waiting.append(
                socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S)
            )
            if len(waiting) == 100:
                witness.is_served()
                # All but ours: what the service lets in, and what it is about to turn away.
                most = max(most, process.num_fds() - before - len(waiting))
                for sock in waiting:
                    sock.close()
                waiting.clear()
        assert most <= limits.connections + limits.waiting + 2 * ACCEPTED_AT_ONCE
        # Those that were just accepted are counted a moment later.
        while service.open_connections > 1 or process.num_fds() > before:
            witness.is_served()


def test_wrong_tokens_and_origins_by_the_hundred_leave_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running(token="s3cret") as service:
        answers = set()
        with Client(service, "status", additional_headers=TOKEN) as good:
            for number in range(100):
                with pytest.raises(InvalidStatus) as caught:
                    Client(service, additional_headers={"Authorization": f"Bearer {number}"})
                answers.add(caught.value.response.status_code)
                with pytest.raises(InvalidStatus) as caught:
                    Client(service, origin=Origin(f"http://evil{number}.example.org"))
                assert caught.value.response.status_code == 403
            service.publish(status("still here"))
            assert good.receive()["detail"] == "still here"
            assert service.clients == 1
    assert answers == {401, 429}
    assert len(caplog.messages) == 1
    assert caplog.messages[0] == "wrong tokens from 127.0.0.1: it has to wait 1 s"


def test_guesses_as_the_first_message_are_slowed_down_too() -> None:
    codes = []
    with running(token="s3cret") as service:
        for number in range(7):
            with Client(service) as guesser:
                guesser.send(type="authorize", token=str(number))
                codes.append((guesser.receive()["code"], guesser.close_code()))
    wrong, too_soon = ("unauthorized", 4401), ("too_many_guesses", 4429)
    assert codes[:6] == [wrong] * 6
    assert codes[6] in (too_soon, wrong)  # wrong if a second passed


def test_what_the_service_holds_for_clients_that_never_read_is_bounded() -> None:
    limits = Limits(close_timeout_s=600)
    with (
        running(limits=limits) as service,
        ExitStack() as stack,
        Client(service, "status", "estimates", "level") as prompt,
    ):
        for _ in range(2):
            stack.enter_context(Client(service, "status", "estimates", "markers", "level"))
        long = "x" * 1000
        most = 0
        for number in range(100):
            service.publish(status(f"{number} {long}"))
            service.publish(sample_estimate(seq=number))
            messages = prompt.until("estimate")
            assert messages[0]["detail"].startswith(f"{number} ")
            most = max(most, *bytes_waiting(service))
        # The ordered messages, the latest of the rest, and what was written before the pause.
        message = 1500
        assert (
            most <= limits.ordered_messages * message + 2 * message + limits.write_bytes + message
        )


def test_subscribing_and_unsubscribing_in_a_race_never_mixes_up_what_is_sent() -> None:
    chance = random.Random(0)
    stop = threading.Event()
    limits = Limits(message_burst=1000)
    with running(limits=limits) as service, Client(service, "status") as racing:

        def publish() -> None:
            seq = 0
            while not stop.is_set():
                service.publish(sample_estimate(seq=seq))
                seq += 1
                stop.wait(0.001)

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            wanted: list[str] = []
            for _ in range(30):
                for _ in range(3):
                    wanted = chance.sample(["estimates", "status", "level"], chance.randint(0, 3))
                    racing.socket.send(json.dumps({"type": "subscribe", "streams": wanted}))
                before = racing.settle()
                assert seqs(before) == sorted(seqs(before))
                after = racing.settle()
                assert seqs(after) == [] or "estimates" in wanted
        finally:
            stop.set()
            publisher.join()
        racing.send(type="subscribe", streams=["status"])
        racing.settle()
        service.publish(status("the end"))
        assert racing.receive()["detail"] == "the end"


def test_clients_that_come_and_go_amid_the_stream_disturb_nobody() -> None:
    with running() as service, Witness(service) as witness:
        for number in range(100):
            with raw(service) as sock:
                sock.sendall(frame(0x1, b'{"type":"subscribe","streams":["estimates","status"]}'))
                if number % 2:
                    sock.recv(100)
                witness.is_served()
        while service.open_connections > 1:
            witness.is_served()


def test_markers_of_many_neither_evict_a_reader_nor_crowd_out_those_of_one() -> None:
    limits = Limits(
        marker_burst=10, markers_per_s=0.001, markers_per_client=3, markers=8, stall_timeout_s=600
    )
    with (
        running(limits=limits) as service,
        Witness(service) as witness,
        Client(service, "markers", "status") as innocent,  # reads when all is over
        Client(service, "markers") as honest,
        ExitStack() as stack,
    ):
        attackers = [stack.enter_context(Client(service)) for _ in range(20)]
        refused = 0
        for number in range(20):
            for attacker in attackers:
                attacker.send(type="marker", label=f"noise {number}")
            refused += sum(
                message["code"] == "too_many_markers"
                for attacker in attackers
                for message in attacker.settle()
            )
            witness.is_served()
        assert refused == 20 * 20 - 10 - 20 * 3
        assert service.faults()["markers of subscribers that came too fast"] == refused
        honest.send(type="marker", label="the drop")
        assert [message["label"] for message in honest.settle()] == ["noise 0"] * 10
        service.publish(status("still there"))
        messages = innocent.until("status")
        while messages[-1]["detail"] != "still there":
            messages += innocent.until("status")
        values = numbers(get(service, "/metrics")[1])
        assert values["realtime_mer_markers_dropped_total"] == refused
        assert values["realtime_mer_refused_total"] == 0


def test_a_marker_that_has_to_wait_comes_in_its_turn_with_the_time_it_was_set() -> None:
    limits = Limits(marker_burst=1, markers_per_s=0.1, subscribe_timeout_s=600)
    with running(limits=limits) as service, Client(service, "markers", "estimates") as client:
        for label, seq in (("first", 9), ("second", 19), ("third", 29)):
            service.publish(sample_estimate(seq=seq))
            client.until("estimate")
            client.send(type="marker", label=label)
            came = [message["label"] for message in client.settle()]
            assert came == ["first"] * (label == "first")
        for label, t in (("second", 2.0), ("third", 3.0)):
            let_time_pass(service, 10)
            marker = client.receive()
            assert (marker["label"], marker["t"]) == (label, t)
        assert [marker.label for marker in service.take_markers()] == ["first", "second", "third"]


def test_a_reader_that_reads_nothing_is_not_closed_for_the_markers_of_others() -> None:
    many = {"marker_burst": 10_000, "message_burst": 10_000, "frame_burst": 10_000}
    limits = Limits(markers=4, stall_timeout_s=600, **many)
    with (
        running(limits=limits) as service,
        Client(service, "markers") as stalled,
        Client(service, "markers") as prompt,
    ):
        label = 190 * "x"
        for number in range(1000):
            prompt.send(type="marker", label=f"{number} {label}")
            prompt.until("marker")
        assert service.dropped > 0
        received = [int(marker["label"].split()[0]) for marker in stalled.settle()]
        assert received[-4:] == [996, 997, 998, 999]
        assert received == sorted(received)
        assert len(received) + service.dropped == 1000


def test_no_marker_but_a_valid_one_gets_through_to_the_program() -> None:
    bad: list[Any] = [
        {"label": ""},
        {"label": "x" * 201},
        {"label": "two\nlines"},
        {"label": "\x1b[2J"},
        {"label": "\x9b2J"},
        *({"label": f"drop{sign}pord"} for sign in "\u202a\u202e\u2066\u2069\u2028\u2029"),
        {"label": "drop", "id": "a\u202eb"},
        {"label": 7},
        {"label": ["drop"]},
        {"label": "drop", "id": "x" * 65},
        {},
    ]
    with running() as service, Client(service, "markers") as client:
        for fields in bad:
            client.send(type="marker", **fields)
            assert client.receive()["code"] == "bad_message"
        assert service.take_markers() == []
        for label in ("مرحبا\u200f", "שלום", "\U0001f469\u200d\U0001f3a4", "naïve – drop"):
            client.send(type="marker", label=label)
            assert client.receive()["label"] == label
