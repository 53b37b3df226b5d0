"""MQTT, with a real broker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import pytest
import trustme

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets import mqtt
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import Plan, read_plan
from realtime_mer.outlets.mqtt import MQTT, MqttOptions, MqttPlace, payload
from realtime_mer.outlets.short_ways import mqtt_plan
from realtime_mer.outlets.wires import Message, Url
from realtime_mer.wire.protocol import Marker
from tests.outlets.brokers import Broker, listening, needs_broker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO

pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt, of the extra mqtt")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with_broker = Broker(tmp_path)
    yield with_broker
    with_broker.stop()


def sending(plan: Plan, tell: Callable[[str], None] = lambda _: None) -> closing[MappedOutlet]:
    return closing(MappedOutlet(plans=[plan], hello=HELLO, tell=tell))


def plan(to: str, *routes: Mapping[str, Any], **output: Any) -> Plan:
    tables = {"output": [{"to": to, "routes": list(routes), **output}]}
    return read_plan(tables, file="test.toml")


def of(broker: Broker, rest: str = "") -> str:
    return f"mqtt://127.0.0.1:{broker.port}{rest}"


@needs_broker
def test_the_latest_values_stay_with_the_broker_for_whoever_comes_later(broker: Broker) -> None:
    with sending(mqtt_plan(of(broker))) as outlet, listening(broker) as listener:
        outlet.publish(sample_estimate(music=0.75))
        listener.until_all("realtime-mer/valence", "realtime-mer/music")
        with listening(broker) as late:
            found = late.until_all(
                *(f"realtime-mer/{name}" for name in ("valence", "arousal", "status", "music")),
                *(f"realtime-mer/gems/{name}" for name in GEMS),
                "realtime-mer/quadrant",
                "realtime-mer/available",
            )
    assert found["realtime-mer/valence"] == "0.25"
    assert found["realtime-mer/arousal"] == "-0.5"
    assert found["realtime-mer/status"] == "music"
    assert found["realtime-mer/music"] == "0.75"
    assert found["realtime-mer/quadrant"] == "4"
    assert found["realtime-mer/gems/power"] == "0.125"
    assert found["realtime-mer/available"] == "online"
    assert "realtime-mer/familiar" not in found  # the model does not tell


@needs_broker
def test_home_assistant_finds_the_sensors_and_who_they_belong_to(broker: Broker) -> None:
    configs = {
        name: f"homeassistant/sensor/living_room/{name}/config"
        for name in ("valence", "arousal", "mood", "status")
    }
    with sending(mqtt_plan(of(broker, "/living-room"))) as outlet, listening(broker) as listener:
        for seq in range(12):  # a mood has to stand for a second
            outlet.publish(sample_estimate(seq=seq, t=seq / 10))
        found = listener.until_all(*configs.values(), "living-room/mood")
    valence, mood = found[configs["valence"]], found[configs["mood"]]
    assert valence["name"] == "Valence"
    assert valence["state_topic"] == "living-room/valence"
    assert valence["availability_topic"] == "living-room/available"
    assert valence["state_class"] == "measurement"
    assert "state_class" not in mood  # a text has no statistics
    assert mood["state_topic"] == "living-room/mood"
    assert len({found[config]["unique_id"] for config in configs.values()}) == 4
    for config in configs.values():
        assert found[config]["device"] == {
            "identifiers": ["living_room"],
            "name": "living-room",
            "manufacturer": "realtime-mer",
            "model": HELLO.model,
            "sw_version": HELLO.server_version,
        }


@needs_broker
def test_a_route_of_ones_own_has_its_topic_and_perhaps_a_sensor(broker: Broker) -> None:
    routes = [
        {"from": "valence", "topic": "lamp/set", "target": [0, 255], "retain": False},
        {"from": "arousal", "topic": "~/energy", "sensor": "Energy", "unit": "%"},
    ]
    there = plan(of(broker, "/bar"), *routes, device="The bar", discovery="ha")
    with sending(there) as outlet, listening(broker) as listener:
        outlet.publish(sample_estimate(valence=1))
        found = listener.until_all("lamp/set", "bar/energy", "ha/sensor/bar/energy/config")
        with listening(broker) as late:
            kept = late.until_all("bar/energy", "ha/sensor/bar/energy/config", "bar/available")
    assert found["lamp/set"] == "255.0"
    assert "lamp/set" not in kept
    config = found["ha/sensor/bar/energy/config"]
    assert (config["name"], config["unit_of_measurement"]) == ("Energy", "%")
    assert config["device"]["name"] == "The bar"


@needs_broker
def test_without_discovery_nothing_is_told_of_sensors(broker: Broker) -> None:
    there = plan(
        of(broker), {"from": "valence", "topic": "~/v", "sensor": "Valence"}, discovery=False
    )
    with sending(there) as outlet, listening(broker) as listener:
        outlet.publish(sample_estimate())
        assert set(listener.until("realtime-mer/v")) <= {"realtime-mer/available", "realtime-mer/v"}


@needs_broker
def test_what_a_rule_sends_is_not_kept(broker: Broker) -> None:
    tables = {
        "rule": [
            {
                "when": 'marker "drop"',
                "send": {"to": of(broker), "topic": "scene", "value": "drop"},
            },
        ]
    }
    with (
        sending(read_plan(tables, file="test.toml")) as outlet,
        listening(broker) as listener,
    ):
        outlet.publish(Marker(label="drop"))
        assert listener.until("scene")["scene"] == "drop"
        with listening(broker) as late:
            assert late.get()[0] == "realtime-mer/available"
            outlet.publish(Marker(label="drop"))
            assert late.get() == ("scene", "drop", False)


@needs_broker
def test_at_the_end_it_says_that_nothing_comes_any_more(broker: Broker) -> None:
    with listening(broker) as listener:
        with sending(mqtt_plan(of(broker))):
            listener.until("realtime-mer/available", "online")
        listener.until("realtime-mer/available", "offline")


@pytest.mark.slow
@needs_broker
def test_the_broker_says_so_when_it_is_killed(broker: Broker) -> None:
    program = f"""
from realtime_mer.outlets.mqtt import MQTT, MqttOptions
from realtime_mer.outlets.wires import Url
connection = MQTT.connect(Url.parse({of(broker)!r}), MqttOptions())
print("up", flush=True)
input()
"""
    with listening(broker) as listener:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"up"
        listener.until("realtime-mer/available", "online")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        listener.until("realtime-mer/available", "offline")


@needs_broker
def test_a_broker_that_was_away_gets_all_anew_and_both_are_told_in_a_line(broker: Broker) -> None:
    told: Queue[str] = Queue()
    with sending(mqtt_plan(of(broker)), tell=told.put) as outlet:
        with listening(broker) as listener:
            outlet.publish(sample_estimate())
            listener.until("realtime-mer/valence")
        broker.stop()
        seq = 0
        while told.empty():  # the loss is seen by the next that is sent
            seq += 1
            outlet.publish(sample_estimate(seq=seq, t=2.0 * seq, valence=(-1) ** seq / 2))
            _pause(0.05)
        assert "tried again" in told.get()
        broker.start()
        assert told.get(timeout=PATIENCE_S).endswith(": back.")
        with listening(broker) as listener:
            config = "homeassistant/sensor/realtime_mer/valence/config"
            found = listener.until_all("realtime-mer/valence", "realtime-mer/status", config)
    assert found["realtime-mer/valence"] in ("0.5", "-0.5")
    assert told.empty()


def _pause(seconds: float) -> None:
    """Let the time of sound pass, of which the broker's absence is no part."""
    Event().wait(seconds)


@needs_broker
def test_a_broker_that_takes_nothing_is_given_up_and_nothing_piles_up(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = Url.parse(of(broker))
    with closing(MQTT.connect(url, MqttOptions())) as connection:
        monkeypatch.setattr(mqtt, "_ANSWER_S", 0.3)
        broker.freeze()
        try:
            message = Message(place=MqttPlace(topic="scene"), value=1, once=True)
            with pytest.raises(TimeoutError, match="taken nothing"):
                connection.send([message])
            with pytest.raises(ServiceError, match="no MQTT broker answers"):
                MQTT.connect(url, MqttOptions())
        finally:
            broker.thaw()


@needs_broker
def test_a_wrong_password_is_told_once_and_a_right_one_lets_in(tmp_path: Path) -> None:
    broker = Broker(tmp_path, users={"mer": "secret"})
    to = of(broker).replace("//", "//mer@")
    password = tmp_path / "password"
    password.write_text("wrong\n")
    told: Queue[str] = Queue()
    route = {"from": "valence", "topic": "v"}
    try:
        with sending(plan(to, route, password_file=str(password)), tell=told.put) as outlet:
            outlet.publish(sample_estimate())
            line = told.get(timeout=PATIENCE_S)
            assert "Not authorized; check user and password" in line
            assert outlet.states()[0].state == "failing"
            password.write_text("secret\n")
            assert told.get(timeout=PATIENCE_S).endswith(": back.")
            with listening(broker, user="mer", password="secret") as listener:
                assert listener.until("v")["v"] == "0.25"
        assert told.empty()
    finally:
        broker.stop()


def test_no_line_shows_a_password() -> None:
    (target,) = mqtt_plan("mqtt://mer:secret@127.0.0.1:1883").targets
    assert "secret" not in target.url.shown
    for text in ("mqtt://mer:secret@h/a+b", "mqtt://mer:secret@h:99999", "mqtt://mer:secret@"):
        with pytest.raises(InputError) as raised:
            mqtt_plan(text)
        assert "secret" not in str(raised.value)


@needs_broker
def test_with_tls_a_broker_must_be_vouched_for(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    ca, chain, key = (tmp_path / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(chain), append=True)
    certificate.private_key_pem.write_to_path(str(key))
    broker = Broker(tmp_path, tls=(chain, key))
    to = f"mqtts://localhost:{broker.port}"
    route = {"from": "valence", "topic": "v"}
    told: Queue[str] = Queue()
    try:
        with sending(plan(to, route), tell=told.put) as outlet:
            assert "name as `ca` the certificate" in told.get(timeout=PATIENCE_S)
        with sending(plan(to, route, ca=str(ca))) as outlet:
            outlet.publish(sample_estimate())
            while outlet.states()[0].sent == 0:
                _pause(0.01)
        with sending(plan(to.replace("mqtts", "mqtt"), route), tell=told.put):
            assert "tried again" in told.get(timeout=PATIENCE_S)
    finally:
        broker.stop()


def test_nobody_there_and_no_such_machine_are_told() -> None:
    with pytest.raises(ServiceError, match=r"no machine 'nobody\.invalid'"):
        MQTT.connect(Url.parse("mqtt://nobody.invalid"), MqttOptions())
    with pytest.raises(ConnectionRefusedError):
        MQTT.connect(Url.parse("mqtt://127.0.0.1:9"), MqttOptions())


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (-0.00001, "0.0"), (-120.0, "-120.0"), (3, "3"), (True, "true")],
)
def test_values_are_short_texts(value: float | bool, text: str) -> None:
    assert payload(value) == text
    assert json.loads(payload(value)) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(
    ("to", "output", "place", "told"),
    [
        ("mqtt:valence", {}, {}, "give a machine"),
        ("mqtt://h/a#", {}, {}, "a topic has no"),
        ("mqtt://h?x=1", {}, {}, "give a machine"),
        ("mqtt://h", {}, {"topic": "a/+"}, "topic: "),
        ("mqtt://h", {}, {"topic": ""}, "topic: "),
        ("mqtt://h", {}, {"qos": 3}, "qos: "),
        ("mqtt://h", {"ca": "x.pem"}, {}, "ca: there is no such key"),
        ("mqtts://h", {"ca": "no.pem"}, {}, "no.pem cannot be used as a certificate"),
    ],
)
def test_what_can_never_work_is_refused(
    to: str, output: Mapping[str, Any], place: Mapping[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        plan(to, {"from": "valence", "topic": "v", **place}, **output)
