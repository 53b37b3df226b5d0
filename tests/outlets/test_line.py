"""One target's line, over real TCP connections: latest wins, new tries, nothing that grows."""

import errno
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from queue import Queue
from threading import Event, Semaphore
from typing import Any

import pytest

from realtime_mer.errors import ServiceError
from realtime_mer.outlets.line import MAX_EVENTS, MAX_VALUES, Line
from realtime_mer.outlets.wires import Message, Table, Target, Url, Wire
from realtime_mer.wire.protocol import Hello
from tests.patience import PATIENCE_S
from tests.subscribers import HELLO

MORE_THAN_A_SOCKET_HOLDS = 30_000_000


class Named(Table):
    name: str


class LinesOverTcp:
    """A connection that writes ``NAME VALUE`` lines, as a wire over TCP would."""

    def __init__(self, url: Url, _options: Table) -> None:
        if url.host == "nobody.invalid":
            raise ServiceError(f"there is no machine {url.host!r}; give its address.")
        self._socket = socket.create_connection((url.host, url.port), timeout=PATIENCE_S)
        self._socket.settimeout(0.05)

    def send(self, messages: Sequence[Message[Named]]) -> int:
        lines = "".join(f"{message.place.name} {message.value}\n" for message in messages)
        self._socket.sendall(lines.encode())
        return 0

    def close(self) -> None:
        self._socket.close()


def wire(connect: Any = LinesOverTcp, *, every: bool = False) -> Wire[Any, Any]:
    return Wire(
        scheme="lines",
        example="lines://127.0.0.1:9",
        place=Named,
        options=Table,
        connect=connect,
        check=lambda _url: None,
        every=every,
    )


class Server:
    """Whatever the lines go to. It reads only when asked."""

    def __init__(self, port: int = 0) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        self._listening.settimeout(PATIENCE_S)
        self.port = self._listening.getsockname()[1]

    def accept(self) -> socket.socket:
        connection, _ = self._listening.accept()
        connection.settimeout(PATIENCE_S)
        return connection

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as server:
        yield server


def line_to(
    port: int, *, host: str = "127.0.0.1", tell: Callable[[str], None] = lambda _: None
) -> Line:
    target = Target(wire=wire(), url=Url.parse(f"lines://{host}:{port}"), options=Table())
    return Line(target, name="lines", tell=tell)


def value(name: str, number: object, **more: Any) -> Message[Named]:
    return Message(place=Named(name=name), value=str(number), **more)


def read_until(connection: socket.socket, last: str) -> list[str]:
    text = ""
    while f"{last}\n" not in text:
        received = connection.recv(65536)
        assert received, text
        text += received.decode()
    return text.splitlines()


def test_what_is_offered_arrives_in_order(server: Server) -> None:
    with closing(line_to(server.port)) as line, closing(server.accept()) as connection:
        line.offer([value("a", 1), value("b", 2)])
        assert read_until(connection, "b 2") == ["a 1", "b 2"]
        line.offer([value("scene", "x", once=True), value("a", 3)])
        assert read_until(connection, "scene x") == ["a 3", "scene x"]  # the scene is of that value
    assert (line.state.sent, line.state.dropped, line.state.failed) == (4, 0, 0)


class Gate:
    """A connection whose ``send`` waits until it is let through."""

    def __init__(self, _url: Url, _options: Table) -> None:
        self.entered, self.open = Semaphore(0), Event()
        self.got: list[list[tuple[str, object]]] = []

    def send(self, messages: Sequence[Message[Named]]) -> int:
        self.got.append([(message.place.name, message.value) for message in messages])
        self.entered.release()
        assert self.open.wait(PATIENCE_S)
        return 0

    def close(self) -> None: ...


def gated(*, every: bool = False) -> tuple[Line, Gate]:
    gates: Queue[Gate] = Queue()

    def connect(url: Url, options: Table) -> Gate:
        gates.put(gate := Gate(url, options))
        return gate

    target = Target(wire=wire(connect, every=every), url=Url.parse("lines:x"), options=Table())
    line = Line(target, name="gated", tell=lambda _: None)
    line.offer([value("first", 0)])
    gate = gates.get(timeout=PATIENCE_S)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    return line, gate


def test_for_a_slow_receiver_the_latest_of_each_place_wins() -> None:
    line, gate = gated()
    with closing(line):
        for number in range(1000):
            line.offer([value("a", number), value("b", -number)])
        gate.open.set()
        assert gate.entered.acquire(timeout=PATIENCE_S)
    assert gate.got[1] == [("a", "999"), ("b", "-999")]
    assert (line.state.sent, line.state.dropped) == (3, 2 * 999)


def test_where_every_value_matters_a_bounded_run_waits() -> None:
    line, gate = gated(every=True)
    with closing(line):
        for number in range(MAX_VALUES):
            line.offer([value("a", number)])
        assert line.state.dropped == 0
        line.offer([value("a", "more")])
        assert line.state.dropped == MAX_VALUES
        gate.open.set()
        assert gate.entered.acquire(timeout=PATIENCE_S)
    assert gate.got[1] == [("a", "more")]


def test_what_rules_send_never_gives_way_to_values_and_is_bounded() -> None:
    line, gate = gated()
    with closing(line):
        for number in range(3 * MAX_EVENTS):
            line.offer([value("scene", number, once=True), value("a", number)])
        gate.open.set()
        assert gate.entered.acquire(timeout=PATIENCE_S)
    scenes = [number for name, number in gate.got[1] if name == "scene"]
    assert scenes == [str(number) for number in range(2 * MAX_EVENTS, 3 * MAX_EVENTS)]
    assert line.lost == 2 * MAX_EVENTS
    assert line.state.dropped == 2 * MAX_EVENTS + 3 * MAX_EVENTS - 1


def test_a_scene_that_would_come_late_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_mer.outlets.line.STALE_S", -1.0)
    line, gate = gated()
    with closing(line):
        line.offer([value("scene", 1, once=True), value("a", 1)])
        gate.open.set()
        assert gate.entered.acquire(timeout=PATIENCE_S)
    assert gate.got[1] == [("a", "1")]
    assert line.lost == 1


def test_a_receiver_that_never_reads_costs_a_connection_and_nothing_grows(server: Server) -> None:
    told: Queue[str] = Queue()
    with closing(line_to(server.port, tell=told.put)) as line:
        with closing(server.accept()):
            line.offer([value("a", "x" * MORE_THAN_A_SOCKET_HOLDS)])
            notice = told.get(timeout=PATIENCE_S)
            assert "timed out; the rest goes on, and this is tried again." in notice
            assert line.state.failed == 1
            for number in range(3 * MAX_EVENTS):
                line.offer([value("a", number), value("scene", number, once=True)])
            assert len(line._values) <= 1
            assert len(line._events) <= MAX_EVENTS
        with closing(server.accept()) as connection:  # it has connected again
            line.offer([value("a", "back")])
            read_until(connection, "a back")


def test_a_receiver_that_comes_late_or_back_gets_the_latest_of_every_place() -> None:
    with closing(Server()) as gone:
        port = gone.port
    told: Queue[str] = Queue()
    with closing(line_to(port, tell=told.put)) as line:
        line.offer([value("a", 1), value("b", 1)])
        line.offer([value("a", 2)])
        assert told.get(timeout=PATIENCE_S) == (
            f"lines://127.0.0.1:{port}: Connection refused; the rest goes on, and this is tried "
            "again."
        )
        assert line.state.state == "failing"
        with closing(Server(port)) as server:
            with closing(server.accept()) as connection:
                assert read_until(connection, "a 2") == ["b 1", "a 2"]
                assert told.get(timeout=PATIENCE_S) == f"lines://127.0.0.1:{port}: back."
                assert line.state.state == "connected"
            line.offer([value("c", "x" * MORE_THAN_A_SOCKET_HOLDS)])  # to nobody any more
            told.get(timeout=PATIENCE_S)
            line.offer([value("c", 3)])
            with closing(server.accept()) as connection:
                assert {"a 2", "b 1"} <= set(read_until(connection, "c 3"))


def test_a_name_that_nobody_has_is_told_once() -> None:
    told: Queue[str] = Queue()
    with closing(line_to(9, host="nobody.invalid", tell=told.put)) as line:
        assert told.get(timeout=PATIENCE_S) == (
            "lines://nobody.invalid:9: there is no machine 'nobody.invalid'; give its address; "
            "the rest goes on, and this is tried again."
        )
        line.offer([value("a", 1)])
    assert told.empty()


def test_what_waits_at_the_end_is_sent_and_what_comes_later_is_not(server: Server) -> None:
    line = line_to(server.port)
    with closing(server.accept()) as connection:
        line.offer([value("a", "home")])
        line.close()
        line.close()
        line.offer([value("a", "late")])
        assert read_until(connection, "a home") == ["a home"]
        assert connection.recv(1) == b""
    assert (line.state.sent, line.state.dropped) == (1, 1)


def test_places_that_nothing_feeds_are_forgotten(server: Server) -> None:
    told: Queue[str] = Queue()
    with closing(line_to(server.port, tell=told.put)) as line:
        with closing(server.accept()) as connection:
            line.offer([value("a", 1), value("b", 1)])
            read_until(connection, "b 1")
            line.keep({Named(name="b")})
        line.offer([value("c", "x" * MORE_THAN_A_SOCKET_HOLDS)])
        told.get(timeout=PATIENCE_S)
        line.offer([value("c", 1)])
        with closing(server.accept()) as connection:
            assert "a 1" not in read_until(connection, "c 1")


class Announced(LinesOverTcp):
    """One that says first what will come."""

    def announce(self, places: Collection[Named], hello: Hello | None) -> None:
        names = " ".join(place.name for place in places)
        of = "nobody" if hello is None else hello.model
        self._socket.sendall(f"{of}: {names}\n".encode())


def test_what_will_come_is_announced_before_it_and_again_when_that_changes(server: Server) -> None:
    url = Url.parse(f"lines://127.0.0.1:{server.port}")
    target = Target(wire=wire(Announced), url=url, options=Table())
    a, b = Named(name="a"), Named(name="b")
    line = Line(target, name="lines", tell=print, places=[a, a, b], hello=HELLO)
    with closing(line):
        line.offer([Message(place=a, value=1)])
        with closing(server.accept()) as connection, connection.makefile() as lines:
            assert lines.readline() == f"{HELLO.model}: a b\n"
            assert lines.readline() == "a 1\n"
            line.keep({a}, places=[a])
            assert lines.readline() == f"{HELLO.model}: a\n"
        while line.state.state == "connected":
            line.offer([Message(place=a, value=2)])
        with closing(server.accept()) as connection, connection.makefile() as lines:
            assert lines.readline() == f"{HELLO.model}: a\n"


class WithoutNetwork:
    """A connection as over UDP: there is one, but nothing gets out until the network is back."""

    def __init__(self, network: Event, tried: Semaphore) -> None:
        self._network, self._tried = network, tried

    def send(self, messages: Sequence[Message[Named]]) -> int:
        self._tried.release()
        if not self._network.is_set():
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return 0

    def close(self) -> None:
        pass


def test_a_network_that_is_away_is_told_once_and_again_when_something_has_got_out() -> None:
    network, tried = Event(), Semaphore(0)
    told: Queue[str] = Queue()
    target = Target(
        wire=wire(lambda _url, _options: WithoutNetwork(network, tried)),
        url=Url.parse("lines://127.0.0.1:9"),
        options=Table(),
    )
    with closing(Line(target, name="booth", tell=told.put)) as line:
        line.offer([value("a", 1)])
        for _ in range(3):
            assert tried.acquire(timeout=PATIENCE_S)
        assert "Network is unreachable; the rest goes on" in told.get(timeout=PATIENCE_S)
        assert told.empty()
        assert line.state.state == "failing"
        network.set()
        assert told.get(timeout=PATIENCE_S) == "lines://127.0.0.1:9: back."
        assert line.state.state == "connected"


def test_what_still_waits_at_the_end_is_counted() -> None:
    told: Queue[str] = Queue()
    with closing(line_to(9, host="nobody.invalid", tell=told.put)) as line:
        told.get(timeout=PATIENCE_S)
        line.offer([value("a", 1)])
        line.offer([value("a", 2), value("b", 3), value("drop", 4, once=True)])
        assert line.lost == 1  # so that a session can tell of it before its lines end
    state = line.state
    assert (state.sent, state.failed, state.dropped) == (0, 0, 4)
    assert line.lost == 1  # of a rule
