"""Plans without a file: what ``--osc`` and its like stand for."""

from typing import Any
from urllib.parse import quote

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets import lsl, midi, mqtt, osc
from realtime_mer.outlets.mapping.tables import Plan, read_plan
from realtime_mer.outlets.wires import Url, Wire
from realtime_mer.wire import access


def osc_url(text: str) -> Url:
    """Read what stands behind ``--osc``: HOST:PORT, [IPV6]:PORT, or a port of this machine.

    Raises:
        InputError: it is none of these.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    try:
        if not (port.isascii() and port.isdigit()):
            raise InputError("there is no port")
        url = Url.parse(f"osc://{access.authority(host, int(port))}")
        osc.OSC.check(url)
    except InputError as error:
        raise InputError(f"--osc {text!r}: give HOST:PORT, such as 127.0.0.1:9000.") from error
    return url


def osc_plan(text: str, *, max_rate: float | None = None) -> Plan:
    """Return the plan of ``--osc``: all addresses that OSC has by itself, to one target.

    Args:
        text: as for ``osc_url``.
        max_rate: most estimates, and most levels, per second of sound; None for every one.

    Raises:
        InputError: one of them cannot be used.
    """
    url = osc_url(text)
    if max_rate is not None and not 0 < max_rate <= 1000:
        raise InputError(f"--osc-rate {max_rate}: give more than 0 and at most 1000 a second.")
    defaults = {} if max_rate is None else {"max_rate": max_rate}
    return read_plan({"output": [{"to": url.text, "defaults": defaults}]}, file="--osc")


def mqtt_plan(text: str) -> Plan:
    """Return the plan of ``--mqtt``: all topics that MQTT has by itself, to one broker.

    Args:
        text: a machine, or an address such as ``mqtts://user:password@broker.local/kitchen``.

    Raises:
        InputError: it cannot be used.
    """
    return _plan("--mqtt", text if "://" in text else f"mqtt://{text}", mqtt.MQTT, mqtt.MQTTS)


def lsl_plan(name: str) -> Plan:
    """Return the plan of ``--lsl``: the two outlets that LSL has by itself.

    Args:
        name: of the first of them.

    Raises:
        InputError: it cannot be used.
    """
    return _plan("--lsl", f"lsl:{quote(name)}", lsl.LSL)


def midi_plan(text: str) -> Plan:
    """Return the plan of ``--midi``: the controllers that MIDI has by itself, to one port.

    Args:
        text: a port's name or a part of it, or ``virtual`` for a port of our own.

    Raises:
        InputError: it cannot be used.
    """
    return _plan("--midi", f"midi:{quote(text)}", midi.MIDI)


def _plan(option: str, to: str, *wires: Wire[Any, Any]) -> Plan:
    """Return the plan of an output without routes, which the option's wires have.

    Raises:
        InputError: it cannot be used.
    """
    try:
        url = Url.parse(to)
        wire = next((wire for wire in wires if wire.scheme == url.scheme), None)
        if wire is None:
            raise InputError(f"{url.shown}: give an address as in {wires[0].example}.")
        wire.check(url)
    except InputError as error:
        raise InputError(f"{option}: {error}") from error
    return read_plan({"output": [{"to": to}]}, file=option)


def look_up(text: str) -> None:
    """Refuse an ``--osc`` that leads to no machine.

    Raises:
        ServiceError: the name cannot be looked up.
    """
    url = osc_url(text)
    try:
        osc.look_up(url)
    except ServiceError as error:
        raise ServiceError(f"--osc {text}: {error}") from error
