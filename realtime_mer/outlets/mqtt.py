"""MQTT, for homes: states that stay, sensors that Home Assistant finds by itself, a last will.

``docs/outlets/homes.md`` lists the topics that an output without routes has. The version is 3.1.1,
which every broker speaks.
"""

import json
import re
import socket
import ssl
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictStr, field_validator

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.home_assistant import AVAILABLE, as_identifier, sensor
from realtime_mer.outlets.wires import Message, Table, Url, Value, Wire
from realtime_mer.wire.protocol import Hello

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessageInfo

_ANSWER_S = 5.0  # the broker's time for every step
_KEEPALIVE_S = 15  # a broker that says nothing for twice as long is gone
_BASE = "realtime-mer"
_ONLINE, _OFFLINE = "online", "offline"
_Name = Annotated[StrictStr, Field(min_length=1, max_length=100)]
_NO_MORE = "the broker has ended the connection"


class MqttPlace(Table):
    """Where a value goes.

    Attributes:
        topic: of the message; behind ``~/`` one below the output's own, as in Home Assistant.
        retain: whether the broker keeps it for whoever comes later; None for values that stand,
            and not for what happens.
        qos: 0 for sent once, 1 for at least once, 2 for exactly once; None for 0, and for 1 where
            it happens.
        sensor: what Home Assistant calls a sensor of it; None for none.
        unit: of that sensor.
    """

    topic: Annotated[StrictStr, Field(pattern=r"^[^+#\x00]+$", max_length=1000)]
    retain: StrictBool | None = None
    qos: Literal[0, 1, 2] | None = None
    sensor: _Name | None = None
    unit: _Name | None = None


class MqttOptions(Table):
    """What an MQTT output has besides.

    Attributes:
        password_file: its first line is the password.
        discovery: where Home Assistant looks for sensors; False for none.
        device: what Home Assistant calls all of them together; None for the output's own topic.
    """

    password_file: _Name | None = None
    discovery: _Name | Literal[False] = "homeassistant"
    device: _Name | None = None


class MqttsOptions(MqttOptions):
    """What it has with TLS.

    Attributes:
        ca: certificate of who vouches for the broker; None for those that the system trusts.
    """

    ca: _Name | None = None

    @field_validator("ca")
    @classmethod
    def _is_certificate(cls, ca: str | None) -> str | None:
        try:
            ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise ValueError(f"{ca} cannot be used as a certificate: {error}") from error
        return ca


class MqttConnection:
    """A connection to a broker, which paho's thread keeps alive.

    Args:
        url: machine, port, user, password, and as its path the output's own topic.
        options: of the output; with TLS ``MqttsOptions``.

    Raises:
        OSError, ServiceError: there is none.
    """

    def __init__(self, url: Url, options: MqttOptions) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._base, self._options = _base(url), options
        self._hello: Hello | None = None
        self._told: set[MqttPlace] = set()  # to Home Assistant
        self._answered, self._lost = threading.Event(), threading.Event()
        self._refusal: str | None = None
        self._client = client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.connect_timeout = _ANSWER_S
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.will_set(self._topic(AVAILABLE), _OFFLINE, qos=1, retain=True)
        if url.user is not None:
            client.username_pw_set(url.user, _password(url, options))
        if isinstance(options, MqttsOptions):
            client.tls_set_context(ssl.create_default_context(cafile=options.ca))
        try:
            _open(client, url)
            client.loop_start()
            if not self._answered.wait(_ANSWER_S):
                raise ServiceError("there is a machine, but no MQTT broker answers")
            if self._refusal is not None:
                raise ServiceError(self._refusal)
            self._say(_ONLINE)
        except (OSError, ServiceError):
            self._end()
            raise

    def announce(self, _places: Collection[MqttPlace], hello: Hello | None) -> None:
        """Tell Home Assistant anew of every sensor, with its next value."""
        self._hello = hello
        self._told.clear()

    def send(self, messages: Sequence[Message[MqttPlace]]) -> int:
        """Send messages, and wait until they are on their way, or there where that is asked for."""
        infos = []
        for message in messages:
            place = message.place
            if place.sensor is not None and self._options.discovery and place not in self._told:
                infos.append(self._begin(*self._sensor(message), qos=1, retain=True))
                self._told.add(place)
            infos.append(
                self._begin(
                    _full(place.topic, self._base),
                    payload(message.value),
                    qos=int(message.once) if place.qos is None else place.qos,
                    retain=not message.once if place.retain is None else place.retain,
                )
            )
        self._wait(infos)
        return 0

    def close(self) -> None:
        """Say that nothing comes any more, as the last will would, and end."""
        if not self._lost.is_set():
            with suppress(OSError, ServiceError):  # the broker says so then
                self._say(_OFFLINE)
        self._end()

    def _say(self, state: str) -> None:
        self._wait([self._begin(self._topic(AVAILABLE), state, qos=1, retain=True)])

    def _begin(self, topic: str, text: str, *, qos: int, retain: bool) -> "MQTTMessageInfo":
        info = self._client.publish(topic, text, qos=qos, retain=retain)
        if info.rc:
            raise ServiceError(_NO_MORE)
        return info

    def _wait(self, infos: "Sequence[MQTTMessageInfo]") -> None:
        """Wait until messages are gone; what cannot go must not pile up here."""
        turns = round(_ANSWER_S / 0.1)
        for info in infos:
            while not info.is_published():
                if self._lost.is_set():
                    raise ServiceError(_NO_MORE)
                if turns == 0:
                    raise TimeoutError(f"the broker has taken nothing for {_ANSWER_S:g} s")
                info.wait_for_publish(0.1)  # in between it may be lost
                turns -= 1

    def _sensor(self, message: Message[MqttPlace]) -> tuple[str, str]:
        """Return topic and text by which Home Assistant finds the sensor of a message's place."""
        place = message.place
        told = sensor(
            place.sensor or "",
            identifier=as_identifier(place.topic),
            topic=_full(place.topic, self._base),
            unit=place.unit,
            number=not isinstance(message.value, str | bool),
            base=self._base,
            device=self._options.device or self._base,
            hello=self._hello,
        )
        named = f"{as_identifier(self._base)}/{as_identifier(place.topic)}"
        return f"{self._options.discovery}/sensor/{named}/config", json.dumps(told)

    def _topic(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _on_connect(self, *results: Any) -> None:
        code = results[3]
        if code.is_failure:
            words = str(code)
            secret = words in ("Not authorized", "Bad user name or password")
            then = "; check user and password" if secret else ""
            self._refusal = f"the broker refuses: {words}{then}"
        self._answered.set()

    def _on_disconnect(self, *_results: Any) -> None:
        self._lost.set()

    def _end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def payload(value: Value) -> str:
    """Return a value as it is sent: numbers to four digits behind the point, true and false."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(round(value, 4) + 0.0)  # no minus before a zero
    return str(value)


def _open(client: Any, url: Url) -> None:
    secure = url.scheme == MQTTS.scheme
    try:
        client.connect(url.host, url.port or (8883 if secure else 1883), keepalive=_KEEPALIVE_S)
    except socket.gaierror as error:
        raise ServiceError(f"there is no machine {url.host!r}; give its address") from error
    except ssl.SSLCertVerificationError as error:
        raise ServiceError(
            f"its certificate is not trusted ({error.verify_message}); name as `ca` the "
            "certificate of who vouches for it"
        ) from error
    except ssl.SSLError as error:
        raise ServiceError(f"it does not speak TLS as it should ({error.reason})") from error
    except ValueError as error:  # from the encoding of a name that is none
        raise ServiceError(f"{url.host!r} is no name of a machine") from error


def _password(url: Url, options: MqttOptions) -> str | None:
    """Return the password; a file of it is read anew for every connection.

    Raises:
        ServiceError: the file cannot be read.
    """
    if options.password_file is None:
        return url.password
    try:
        lines = Path(options.password_file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ServiceError(f"password_file {options.password_file} cannot be read") from error
    return lines[0] if lines else ""


def _base(url: Url) -> str:
    return url.path.strip("/") or _BASE


def _full(topic: str, base: str) -> str:
    return f"{base}/{topic[2:]}" if topic.startswith("~/") else topic


def _check(url: Url) -> None:
    wire = MQTTS if url.scheme == MQTTS.scheme else MQTT
    if url.host is None or url.port == 0 or url.query:
        raise InputError(f"{url.shown}: give a machine, as in {wire.example}")
    if "#" in url.text or re.search(r"[+#\x00]", url.path):
        raise InputError(f"{url.shown}: a topic has no + and #, as in {wire.example}")


def _route(topic: str, source: str, **rest: Any) -> Mapping[str, Any]:
    return {"from": source, "topic": f"~/{topic}", "only_changes": True, **rest}


def _number(topic: str, source: str, **rest: Any) -> Mapping[str, Any]:
    return _route(topic, source, max_rate=1, step=0.005, **rest)


MQTT = Wire(
    scheme="mqtt",
    example="mqtt://user:password@192.168.1.5/living-room",
    place=MqttPlace,
    options=MqttOptions,
    connect=MqttConnection,
    check=_check,
    libraries=("paho",),
    extra="mqtt",
    routes=(
        _number("valence", "valence", sensor="Valence"),
        _number("arousal", "arousal", sensor="Arousal"),
        _route("mood", "mood_held", sensor="Mood"),
        _route("status", "status", sensor="Status"),
        *(_number(name, name) for name in ("valence_sd", "arousal_sd", "music", "familiar")),
        _number("changed", "changed"),
        _route("turns", "turns", only_changes=True),
        _route("quadrant", "quadrant", max_rate=1),
        *(_number(f"quadrants/{name}", f"quadrants.{name}") for name in QUADRANTS),
        *(_number(f"gems/{name}", f"gems.{name}") for name in GEMS),
        _route("level", "level_dbfs", max_rate=1, step=1),
        {"from": "marker", "topic": "~/marker"},
    ),
)
"""The wire ``mqtt``."""

MQTTS = replace(MQTT, scheme="mqtts", example="mqtts://mqtt.example.org", options=MqttsOptions)
"""The same with TLS."""
