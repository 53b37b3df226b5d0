"""sACN against the receiver of the library sacn, Art-Net against that of stupidArtnet."""

import queue
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.dmx import ARTNET, SACN, ArtnetOptions, DmxConnection, SacnOptions, artdmx
from realtime_mer.outlets.fixtures import DmxPlace
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import Plan, read_plan
from realtime_mer.outlets.wires import Message, Url
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

sacn = pytest.importorskip("sacn", reason="the extra dmx is not installed")
stupid_artnet = pytest.importorskip("stupidArtnet", reason="the extra test is not installed")

LEFT = {"name": "left", "channel": 10, "parts": ["dimmer", "red", "green", "blue"]}


def free_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class Desk:
    """An sACN receiver on loopback."""

    def __init__(self) -> None:
        self.port = free_port()
        self.packets: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._receiver = sacn.sACNreceiver(bind_address="127.0.0.1", bind_port=self.port)
        self._receiver.register_listener("universe", self.packets.put, universe=1)
        self._receiver.register_listener("availability", self._changed)
        self._receiver.start()

    def _changed(self, universe: int, changed: str) -> None:
        self.ended.put(changed)

    @property
    def to(self) -> str:
        return f"sacn://127.0.0.1:{self.port}"

    def wait_for(self, *levels: int, at: int) -> Any:
        """Return the first packet with these levels at a channel."""
        while True:
            packet = self.packets.get(timeout=PATIENCE_S)
            if packet.dmxData[at - 1 : at - 1 + len(levels)] == levels:
                return packet

    def close(self) -> None:
        self._receiver.stop()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with closing(Desk()) as desk:
        yield desk


def plan(to: str, *routes: Any, rules: Any = (), **options: Any) -> Plan:
    output = {"to": to, "routes": list(routes), **options}
    return read_plan({"output": [output], "rule": list(rules)}, file="test.toml")


def sending(plan: Plan) -> closing[MappedOutlet]:
    return closing(MappedOutlet(plans=[plan]))


def test_values_reach_channels_and_fixtures_below_the_desks_priority(desk: Desk) -> None:
    routes = (
        {"from": "arousal", "channel": 1, "target": [0, 200]},
        {"from": "valence", "fixture": "left", "part": "dimmer"},
    )
    with sending(plan(desk.to, *routes, fixtures=[LEFT])) as outlet:
        outlet.publish(sample_estimate(valence=1.0))
        packet = desk.wait_for(255, at=10)
    assert packet.dmxData[0] == 50  # a quarter of its range
    assert packet.priority == 50
    assert packet.sourceName == "realtime-mer"


@pytest.mark.parametrize(
    ("valence", "arousal", "rgb"),
    [(1, 1, (1, 2, 3)), (-1, 1, (10, 20, 30)), (-1, -1, (100, 0, 0)), (1, -1, (0, 200, 0))],
)
def test_the_mood_has_a_colour(
    desk: Desk, valence: float, arousal: float, rgb: tuple[int, int, int]
) -> None:
    routes = [{"from": name, "fixture": "left", "part": name} for name in ("valence", "arousal")]
    colours = ["#010203", "#0a141e", "#640000", "#00c800"]
    with sending(plan(desk.to, *routes, fixtures=[LEFT], colours=colours)) as outlet:
        outlet.publish(sample_estimate(valence=valence, arousal=arousal))
        desk.wait_for(0, *rgb, at=10)


def test_between_the_quadrants_colours_blend(desk: Desk) -> None:
    routes = [{"from": name, "fixture": "left", "part": name} for name in ("valence", "arousal")]
    colours = ["#c80000", "#000000", "#000000", "#000000"]
    with sending(plan(desk.to, *routes, fixtures=[LEFT], colours=colours)) as outlet:
        outlet.publish(sample_estimate(valence=0, arousal=1))
        desk.wait_for(0, 100, 0, 0, at=10)


def test_a_rule_sends_a_colour(desk: Desk) -> None:
    rule = {
        "when": "valence > 0.2",
        "send": {"to": "room", "fixture": "left", "part": "colour", "value": "#0A0bff"},
    }
    told = plan(desk.to, rules=[rule], fixtures=[LEFT], name="room")
    with sending(told) as outlet:
        outlet.publish(sample_estimate(valence=0.25))
        desk.wait_for(10, 11, 255, at=11)


@pytest.mark.parametrize(("blackout", "last"), [(True, 0), (False, 255)])
def test_at_the_end_it_is_dark_and_the_source_says_that_it_ends(
    desk: Desk, blackout: bool, last: int
) -> None:
    told = plan(desk.to, {"from": "valence", "channel": 1}, blackout=blackout)
    with sending(told) as outlet:
        outlet.publish(sample_estimate(valence=1.0))
        desk.wait_for(255, at=1)
        assert desk.ended.get(timeout=PATIENCE_S) == "available"
    if blackout:
        desk.wait_for(0, at=1)
    assert desk.ended.get(timeout=PATIENCE_S) == "timeout"
    while not desk.packets.empty():
        assert desk.packets.get().dmxData[0] == last


def plain_receiver() -> tuple[socket.socket, int]:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(PATIENCE_S)
    return receiver, receiver.getsockname()[1]


def test_levels_are_sent_again_while_nothing_changes() -> None:
    receiver, port = plain_receiver()
    with receiver, closing(SACN.connect(Url.parse(f"sacn://127.0.0.1:{port}"), SacnOptions())) as c:
        c.send([Message(place=DmxPlace(channel=1), value=9)])
        first, second = (receiver.recv(1000) for _ in range(2))
    assert first[126] == second[126] == 9
    assert second[111] == first[111] + 1  # its number


def test_a_rule_that_fires_a_thousand_times_is_a_few_packets() -> None:
    receiver, port = plain_receiver()
    url = Url.parse(f"sacn://127.0.0.1:{port}")
    with receiver, closing(SACN.connect(url, SacnOptions())) as connection:
        for number in range(1000):
            message = Message(place=DmxPlace(channel=1), value=number % 200, once=True)
            assert connection.send([message]) == 0
        connection.send([Message(place=DmxPlace(channel=1), value=250)])
        packets = 1
        while receiver.recv(1000)[126] != 250:
            packets += 1
    assert packets < 500


def test_nobody_needs_to_read() -> None:
    receiver, port = plain_receiver()
    with receiver:
        connections = [
            SACN.connect(Url.parse(f"sacn://127.0.0.1:{port}"), SacnOptions()),
            ARTNET.connect(Url.parse("artnet://127.0.0.1:9"), ArtnetOptions()),
        ]
        for connection in connections:
            with closing(connection):
                for level in range(256):
                    assert connection.send([Message(place=DmxPlace(channel=1), value=level)]) == 0


def test_a_text_is_no_level() -> None:
    url = Url.parse("artnet://127.0.0.1:9")
    with closing(ARTNET.connect(url, ArtnetOptions())) as connection:
        assert connection.send([Message(place=DmxPlace(channel=1), value="loud")]) == 1


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(ServiceError, match=r"no machine 'nobody\.invalid'"):
        ARTNET.connect(Url.parse("artnet://nobody.invalid"), ArtnetOptions())


def test_a_network_that_takes_no_packet_is_told_by_the_very_send() -> None:
    # Nothing can be sent to the port 0: the system says so, as it does of a network that is gone.
    there = DmxConnection(("127.0.0.1", 0), lambda _levels, _ends: b"x", SacnOptions())
    with closing(there) as connection, pytest.raises(OSError, match=r"."):
        connection.send([Message(place=DmxPlace(channel=1), value=9)])


def test_an_art_net_node_reads_what_is_sent() -> None:
    server = stupid_artnet.StupidArtnetServer(port=(port := free_port()))
    heard: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    server.register_listener(
        universe=3,
        sub=2,
        net=1,
        is_simplified=False,
        callback_function=lambda levels: heard.put(levels),
    )
    told = plan(
        f"artnet://127.0.0.1:{port}",
        {"from": "valence", "channel": 512},
        universe=(1 << 8) + (2 << 4) + 3,
    )
    try:
        with sending(told) as outlet:
            outlet.publish(sample_estimate(valence=1.0))
            while heard.get(timeout=PATIENCE_S)[511] != 255:
                pass
        while heard.get(timeout=PATIENCE_S)[511] != 0:  # dark at the end
            pass
    finally:
        server.listen = False
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as waker:
            waker.sendto(artdmx(bytes(512), universe=0, sequence=1), ("127.0.0.1", port))


@pytest.mark.parametrize(
    ("options", "route", "told"),
    [
        ({}, {"channel": 0}, "channel: 0 is not allowed"),
        ({}, {"channel": 513}, "channel: 513 is not allowed"),
        ({}, {}, "either a channel, or a fixture"),
        ({}, {"fixture": "left"}, "belong together"),
        ({}, {"fixture": "left", "part": "red"}, "no fixture 'left'; there are: none"),
        ({"fixtures": [LEFT]}, {"fixture": "left", "part": "white"}, "'left' has no 'white'"),
        ({"universe": 0}, {"channel": 1}, "universe: 0 is not allowed"),
        ({"priority": 201}, {"channel": 1}, "priority: 201 is not allowed"),
        (
            {"fixtures": [LEFT, {"name": "right", "channel": 13, "parts": ["dimmer"]}]},
            {"channel": 1},
            "'left' has channels 10 to 13, and 'right' begins at 13: they overlap",
        ),
        ({"fixtures": [LEFT, {**LEFT, "channel": 20}]}, {"channel": 1}, "two fixtures called"),
        (
            {"fixtures": [{**LEFT, "channel": 510}]},
            {"channel": 1},
            "'left' goes up to channel 513; there are 512",
        ),
        (
            {"fixtures": [{**LEFT, "parts": ["red", "red"]}]},
            {"channel": 1},
            "the part 'red' twice",
        ),
    ],
)
def test_what_cannot_be_lit_is_refused(options: Any, route: Any, told: str) -> None:
    with pytest.raises(InputError, match=r"test.toml: \[\[output\]\] 1.*") as refused:
        plan("sacn:", {"from": "valence", **route}, **options)
    assert told in str(refused.value)


@pytest.mark.parametrize("to", ["sacn:/1", "sacn://u@h", "artnet:", "artnet://h/1", "sacn://h?x=1"])
def test_an_address_that_is_none_is_refused(to: str) -> None:
    with pytest.raises(InputError, match="1, to: "):
        plan(to, {"from": "valence", "channel": 1})


@pytest.mark.parametrize(
    ("send", "told"),
    [
        ({"fixture": "rigth", "part": "dimmer"}, "no fixture 'rigth'; there are: left"),
        ({"fixture": "left", "part": "white"}, "'left' has no 'white'; it has: dimmer, red"),
    ],
)
def test_a_rule_that_sends_to_a_light_that_is_not_there_is_refused(send: Any, told: str) -> None:
    rule = {"when": "marker", "send": {"to": "room", "value": 1, **send}}
    with pytest.raises(InputError) as refused:
        plan("sacn:", rules=[rule], fixtures=[LEFT], name="room")
    assert str(refused.value).startswith("test.toml: [[rule]] 1, send: ")
    assert told in str(refused.value)
