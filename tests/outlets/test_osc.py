"""OSC messages, over real UDP sockets."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pythonosc.osc_message import OscMessage

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.estimate import Status
from realtime_mer.outlets.osc import OscSender, Target, messages
from realtime_mer.wire.protocol import LevelMessage, Marker, StatusMessage
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate


class Receiver:
    """Software that listens for OSC."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(PATIENCE_S)
        self.target = Target(host=host, port=self._socket.getsockname()[1])

    def receive(self) -> OscMessage:
        return OscMessage(self._socket.recv(65536))

    def receive_all(self, count: int) -> dict[str, Any]:
        received = [self.receive() for _ in range(count)]
        for message in received:
            assert len(message.params) == 1
        return {message.address: message.params[0] for message in received}

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as receiver:
        yield receiver


def test_an_estimate_arrives_at_its_addresses(receiver: Receiver) -> None:
    estimate = sample_estimate(seq=7)
    with closing(OscSender(receiver.target)) as sender:
        sender.publish(estimate)
        received = receiver.receive_all(sender.sent)
    assert received["/mer/valence"] == 0.25
    assert received["/mer/arousal"] == -0.5
    assert received["/mer/valence_sd"] == pytest.approx(0.2)
    assert received["/mer/arousal_sd"] == pytest.approx(0.3)
    assert received["/mer/quadrant"] == 4
    assert received["/mer/quadrants/Q2"] == pytest.approx(0.2)
    assert received["/mer/mood"] == "calm"
    assert received["/mer/status"] == "music"
    assert received["/mer/seq"] == 7
    assert received["/mer/time"] == pytest.approx(0.8)
    for name in GEMS:
        assert received[f"/mer/gems/{name}"] == 0.125


def test_what_the_model_does_not_tell_is_not_sent(receiver: Receiver) -> None:
    assert not {"/mer/music", "/mer/familiar"} & dict(messages(sample_estimate())).keys()
    with closing(OscSender(receiver.target)) as sender:
        sender.publish(sample_estimate(music=0, familiar=0.75, status=Status.NO_MUSIC))
        received = receiver.receive_all(sender.sent)
    assert (received["/mer/music"], received["/mer/familiar"]) == (0.0, 0.75)
    assert received["/mer/status"] == "no_music"


def test_level_status_and_marker_arrive_at_once(receiver: Receiver) -> None:
    with closing(OscSender(receiver.target)) as sender:
        sender.publish(LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0))
        sender.publish(
            StatusMessage(status=Status.SILENCE, detail="", t=1.0, wall_time=None, source="a file")
        )
        sender.publish(Marker(label="Refrain, größer"))
        assert receiver.receive_all(4) == {
            "/mer/level": -20.0,
            "/mer/peak": -6.0,
            "/mer/status": "silence",
            "/mer/marker": "Refrain, größer",
        }


def test_the_type_of_an_address_never_changes(receiver: Receiver) -> None:
    plain = dict(messages(sample_estimate()))
    whole = dict(messages(sample_estimate(valence=0, arousal=1, valence_sd=1, t=3, seq=2**31 + 5)))
    assert {name: type(value) for name, value in plain.items()} == {
        name: type(value) for name, value in whole.items()
    }
    with closing(OscSender(receiver.target)) as sender:
        sender.publish(sample_estimate(seq=2**31 + 5))
        assert receiver.receive_all(sender.sent)["/mer/seq"] == 5  # four bytes hold no more


def test_the_rate_is_bounded_in_stream_time(receiver: Receiver) -> None:
    with closing(OscSender(receiver.target, max_rate=2)) as sender:
        seqs = []
        for seq in range(20):
            before = sender.sent
            sender.publish(sample_estimate(seq=seq))
            if sender.sent > before:
                seqs.append(receiver.receive_all(sender.sent - before)["/mer/seq"])
    assert seqs == [0, 5, 10, 15]


def test_nobody_needs_to_listen() -> None:
    with closing(Receiver()) as gone:
        target = gone.target
    with closing(OscSender(target)) as sender:
        for seq in range(50):
            sender.publish(sample_estimate(seq=seq))
        # Where nobody listens the system may say so at the next message, or not at all.
        assert sender.sent + sender.failed == 50 * len(list(messages(sample_estimate())))


def test_what_the_system_does_not_send_is_counted_and_never_raised() -> None:
    sender = OscSender(Target(host="127.0.0.1", port=9))
    sender.close()  # as good as a network that is gone
    sender.publish(sample_estimate())
    sender.publish(Marker(label="drop"))
    assert sender.sent == 0
    assert sender.failed == len(list(messages(sample_estimate()))) + 1


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_the_target_may_be_an_ipv6_address() -> None:
    try:
        receiver = Receiver("::1")
    except OSError:
        pytest.skip("no IPv6 loopback")
    with closing(receiver), closing(OscSender(receiver.target)) as sender:
        sender.publish(Marker(label="six"))
        assert receiver.receive().params == ["six"]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.168.1.20:9000", "192.168.1.20", 9000),
        ("lights.local:7000", "lights.local", 7000),
        ("[::1]:9000", "::1", 9000),
        (":9000", "127.0.0.1", 9000),
        ("9000", "127.0.0.1", 9000),
    ],
)
def test_a_target_is_read_from_the_command_line(text: str, host: str, port: int) -> None:
    assert Target.parse(text) == Target(host=host, port=port)


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:65536", "host:x", "h:²"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        Target.parse(text)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), 5000])
def test_a_rate_that_cannot_be_used_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match="--osc-rate"):
        OscSender(Target(host="127.0.0.1", port=9), max_rate=rate)


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(ServiceError, match="no machine"):
        OscSender(Target(host="nobody.invalid", port=9))
