"""What Home Assistant wants to be told by MQTT before it shows a sensor."""

import re
from typing import Any

from realtime_mer.wire.protocol import Hello

AVAILABLE = "available"
"""Below an output's own topic: whether it is there."""


def sensor(
    name: str,
    *,
    identifier: str,
    topic: str,
    unit: str | None,
    number: bool,
    base: str,
    device: str,
    hello: Hello | None,
) -> dict[str, Any]:
    """Return the settings of a sensor, by the names of Home Assistant's MQTT discovery.

    Args:
        name: what people see.
        identifier: among the sensors of the device.
        topic: of its values.
        unit: of these.
        number: whether they are numbers, of which there are statistics.
        base: the output's own topic, which tells devices apart.
        device: what people see of that.
        hello: what subscribers of the session are told of it.
    """
    whole = as_identifier(base)
    about = {} if hello is None else {"model": hello.model, "sw_version": hello.server_version}
    told: dict[str, Any] = {
        "name": name,
        "unique_id": f"{whole}_{identifier}",
        "object_id": f"{whole}_{identifier}",
        "state_topic": topic,
        "availability_topic": f"{base}/{AVAILABLE}",
        "device": {
            "identifiers": [whole],
            "name": device,
            "manufacturer": "realtime-mer",
            **about,
        },
    }
    if number:
        told |= {"state_class": "measurement", "suggested_display_precision": 2}
    if unit is not None:
        told["unit_of_measurement"] = unit
    return told


def as_identifier(topic: str) -> str:
    """Return a topic as a name of letters, digits and underscores."""
    return re.sub(r"\W+", "_", topic, flags=re.ASCII).strip("_")
