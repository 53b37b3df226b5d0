"""OSC, over real UDP sockets."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.estimate import Status
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import Plan, read_plan
from realtime_mer.outlets.osc import OSC, OscOptions, OscPlace, encode
from realtime_mer.outlets.short_ways import look_up, osc_plan, osc_url
from realtime_mer.outlets.wires import Message, Url
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
        port = self._socket.getsockname()[1]
        self.text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.plan = osc_plan(self.text)

    def datagram(self) -> bytes:
        return self._socket.recv(65536)

    def receive(self) -> OscMessage:
        return OscMessage(self.datagram())

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


OF_AN_ESTIMATE = sum(
    route["from"] not in {"level_dbfs", "peak_dbfs", "marker", "music", "familiar", "changed"}
    for route in OSC.routes
)
"""Messages of an estimate that tells neither of music, nor of what is known, nor of changes."""


def sending(*plans: Plan, files: tuple[Path, ...] = ()) -> closing[MappedOutlet]:
    return closing(MappedOutlet(plans=plans, files=files))


def plan(receiver: Receiver, *routes: Mapping[str, Any], **options: Any) -> Plan:
    output = {"to": f"osc://{receiver.text}", "routes": list(routes), **options}
    return read_plan({"output": [output]}, file="test.toml")


def test_an_estimate_arrives_at_its_addresses(receiver: Receiver) -> None:
    with sending(receiver.plan) as outlet:
        outlet.publish(sample_estimate(seq=7))
        received = receiver.receive_all(OF_AN_ESTIMATE)
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
    with sending(receiver.plan) as outlet:
        outlet.publish(sample_estimate())
        received = receiver.receive_all(OF_AN_ESTIMATE)
        assert not {"/mer/music", "/mer/familiar"} & received.keys()
        outlet.publish(sample_estimate(music=0, familiar=0.75, status=Status.NO_MUSIC))
        received = receiver.receive_all(OF_AN_ESTIMATE + 2)
    assert (received["/mer/music"], received["/mer/familiar"]) == (0.0, 0.75)
    assert received["/mer/status"] == "no_music"


def test_level_status_and_marker_arrive_without_an_estimate(receiver: Receiver) -> None:
    with sending(receiver.plan) as outlet:
        outlet.publish(LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0))
        outlet.publish(
            StatusMessage(status=Status.SILENCE, detail="", t=1.0, wall_time=None, source="a file")
        )
        outlet.publish(Marker(label="Refrain, größer"))
        assert receiver.receive_all(4) == {
            "/mer/level": -20.0,
            "/mer/peak": -6.0,
            "/mer/status": "silence",
            "/mer/marker": "Refrain, größer",
        }


def test_the_type_of_an_address_never_changes(receiver: Receiver) -> None:
    whole = sample_estimate(valence=0, arousal=1, valence_sd=1, t=3, seq=2**31 + 5)
    kinds = []
    with sending(receiver.plan) as outlet:
        for estimate in (sample_estimate(), whole):
            outlet.publish(estimate)
            received = receiver.receive_all(OF_AN_ESTIMATE)
            kinds.append({address: type(value) for address, value in received.items()})
    assert kinds[0] == kinds[1]
    assert received["/mer/seq"] == 5  # four bytes hold no more


def test_every_estimate_is_sent_unless_a_rate_bounds_them(receiver: Receiver) -> None:
    with sending(osc_plan(receiver.text, max_rate=2)) as outlet:
        for seq in range(20):
            outlet.publish(sample_estimate(seq=seq))
        seqs = [receiver.receive_all(OF_AN_ESTIMATE)["/mer/seq"] for _ in range(4)]
    assert seqs == [0, 5, 10, 15]


def test_nobody_needs_to_listen() -> None:
    with closing(Receiver()) as gone:
        there_was = gone.plan
    with sending(there_was) as outlet:
        for seq in range(20):
            outlet.publish(sample_estimate(seq=seq))
    # Where nobody listens the system may say so at the next message, or not at all.
    (count,) = outlet.states()
    assert count.sent + count.failed + count.dropped == 20 * OF_AN_ESTIMATE


def test_what_is_sent_at_one_moment_goes_in_one_bundle_if_wished(receiver: Receiver) -> None:
    routes = [{"from": name, "address": f"/{name}"} for name in ("valence", "arousal")]
    with sending(plan(receiver, *routes, bundle=True)) as outlet:
        outlet.publish(sample_estimate())
        bundle = OscBundle(receiver.datagram())
    found = {message.address: message.params for message in bundle}
    assert found == {"/valence": [0.25], "/arousal": [-0.5]}


def test_bundles_are_small_enough_for_a_frame_of_the_network(receiver: Receiver) -> None:
    messages = [
        Message(place=OscPlace(address=f"/{number:0200}"), value=1.0) for number in range(50)
    ]
    url = Url.parse(f"osc://{receiver.text}")
    with closing(OSC.connect(url, OscOptions(bundle=True))) as connection:
        assert connection.send(messages) == 0
    found: list[str] = []
    while len(found) < len(messages):
        datagram = receiver.datagram()
        assert len(datagram) <= 1432
        found += [message.address for message in OscBundle(datagram)]
    assert found == [message.place.address for message in messages]


@pytest.mark.parametrize(
    ("kind", "value", "got"),
    [
        (None, 1.5, 1.5),
        (None, 7, 7),
        (None, "calm", "calm"),
        (None, True, True),
        ("i", 1.6, 2),
        ("i", -(2**40), -(2**31)),
        ("f", 2, 2.0),
        ("d", 0.1, 0.1),
        ("s", 0.5, "0.5"),
        ("T", 0, False),
        ("f", "calm", "calm"),
    ],
)
def test_a_type_is_that_of_the_value_or_the_one_asked_for(
    kind: Any, value: float | int | str | bool, got: object
) -> None:
    (received,) = OscMessage(encode(OscPlace(address="/x", type=kind), value)).params
    assert received == got
    assert type(received) is type(got)


def test_several_targets_get_the_same(receiver: Receiver) -> None:
    with closing(Receiver()) as other:
        output = {
            "to": [f"osc://{receiver.text}", f"osc://{other.text}"],
            "routes": [{"from": "mood", "address": "/mood"}],
        }
        with sending(read_plan({"output": [output]}, file="test.toml")) as outlet:
            outlet.publish(sample_estimate())
            for each in (receiver, other):
                assert each.receive_all(1) == {"/mood": "calm"}


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_the_target_may_be_an_ipv6_address() -> None:
    try:
        receiver = Receiver("::1")
    except OSError:
        pytest.skip("no IPv6 loopback")
    with closing(receiver), sending(receiver.plan) as outlet:
        outlet.publish(Marker(label="six"))
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
    url = osc_url(text)
    assert (url.host, url.port) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:0", "host:65536", "host:x", "h:²", "a/b:90", "u@h:9"]
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        osc_url(text)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), 5000])
def test_a_rate_that_cannot_be_used_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match="--osc-rate"):
        osc_plan("9000", max_rate=rate)


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(ServiceError, match=r"--osc nobody\.invalid:9: there is no machine"):
        look_up("nobody.invalid:9")


@pytest.mark.parametrize("address", ["", "booth", "/a b", "/a*", "/{a,b}"])
def test_an_address_that_osc_does_not_know_is_refused(address: str) -> None:
    output = {"to": "osc://127.0.0.1:9", "routes": [{"from": "mood", "address": address}]}
    with pytest.raises(InputError, match=r"test.toml: .*route 1 \(mood\), address: "):
        read_plan({"output": [output]}, file="test.toml")
