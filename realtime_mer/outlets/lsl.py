"""Lab Streaming Layer, for laboratories: numbers stamped with the end of their window, and markers.

An output is two streams: ``NAME``, whose channels are those that routes name, and ``NAME markers``.
Times are on the clock of LSL, by which other devices of the laboratory are recorded too.
"""

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StrictFloat, StrictInt, StrictStr

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.mapping.values import STATUSES
from realtime_mer.outlets.rows import Row, Rows, Stamps
from realtime_mer.outlets.wires import Message, Table, Url, Wire
from realtime_mer.wire.clocks import ahead
from realtime_mer.wire.protocol import Hello

_BUFFERED_S = 60  # for an inlet that does not read
_Name = Annotated[StrictStr, Field(min_length=1, max_length=100)]


class LslPlace(Table):
    """Where a value goes.

    Attributes:
        channel: among the numbers; None for a marker.
        unit: of the channel, for those who read the recording.
    """

    channel: _Name | None = None
    unit: _Name | None = None


class LslOptions(Table):
    """What an LSL output has besides.

    Attributes:
        sound_card_ms: how late the sound card hands over what it hears, where you measured it.
    """

    sound_card_ms: Annotated[StrictFloat | StrictInt, Field(ge=0, le=5000)] = 0


class LslConnection:
    """The two streams, which LSL's own threads hand out.

    Args:
        url: its path is their name.
        options: of the output.

    Raises:
        ServiceError: there is no liblsl.
    """

    def __init__(self, url: Url, options: LslOptions) -> None:
        try:
            import pylsl
        except RuntimeError as error:
            raise ServiceError(
                "pylsl finds no liblsl, which comes with it for Windows, macOS and new Linux on "
                "x86_64; install liblsl, or name its file in PYLSL_LIB"
            ) from error
        _hush(pylsl)
        self._lsl: Any = pylsl
        self._name = url.path.strip()
        self._lead_s = options.sound_card_ms / 1000
        self._numbers: Any = None
        self._markers: Any = None

    def announce(self, places: Collection[LslPlace], hello: Hello | None) -> None:
        """Begin both streams, or begin them anew with other channels."""
        self._numbers = self._markers = None  # first, so that none stands twice
        units: dict[str, str | None] = {}
        for place in places:
            if place.channel is not None:
                units.setdefault(place.channel, place.unit)
        self._index = {channel: number for number, channel in enumerate(units)}
        self._rows, self._stamps = Rows(len(units)), Stamps()
        rate = self._lsl.IRREGULAR_RATE if hello is None else 1 / hello.hop
        if units:
            self._numbers = self._outlet("", "Emotion", "double64", rate, units, hello)
        self._markers = self._outlet(" markers", "Markers", "string", 0, {"marker": None}, hello)

    def send(self, messages: Sequence[Message[LslPlace]]) -> int:
        """Hand values over to LSL; a text is no number, and is not taken for one."""
        refused = 0
        for message in messages:
            channel, value = message.place.channel, message.value
            if channel is None:
                self._markers.push_sample([str(value)], self._on_lsl(message.captured_at))
            elif isinstance(value, str) or channel not in self._index:
                refused += 1
            else:
                index, at = self._index[channel], message.captured_at
                self._push(self._rows.put(index, float(value), t=message.t, captured_at=at))
        if self._numbers is not None:
            self._push(self._rows.take_whole())
        return refused

    def close(self) -> None:
        """End both streams."""
        if self._numbers is not None:
            self._push(self._rows.take())
        self._numbers = self._markers = None

    def _push(self, row: Row | None) -> None:
        if row is None:
            return
        t, captured_at, values = row
        end = None if captured_at is None else self._stamps.at(t, captured_at)
        self._numbers.push_sample(values, self._on_lsl(end))

    def _on_lsl(self, at: float | None) -> float:
        """Return a time of ``time.monotonic()`` on LSL's clock; None is now."""
        if at is None:
            return float(self._lsl.local_clock())
        return float(at - self._lead_s + ahead(self._lsl.local_clock))

    def _outlet(
        self,
        suffix: str,
        kind: str,
        values: str,
        rate: float,
        units: Mapping[str, str | None],
        hello: Hello | None,
    ) -> Any:
        name = self._name + suffix
        info = self._lsl.StreamInfo(
            name,
            kind,
            len(units),
            rate,
            values,
            f"realtime-mer {name} on {socket.gethostname()}",  # by which an inlet finds it again
        )
        about = info.desc()
        channels = about.append_child("channels")
        for label, unit in units.items():
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            if unit is not None:
                channel.append_child_value("unit", unit)
        about.append_child_value("manufacturer", "realtime-mer")
        if hello is not None:
            for key, value in (
                ("version", hello.server_version),
                ("model", hello.model),
                ("hop_s", hello.hop),
                ("window_s", hello.window),
                ("smoothing_s", hello.smoothing_s),
                ("delay_s", hello.delay_s),
            ):
                about.append_child_value(key, str(value))
        about.append_child_value("stamp", "end of the window")
        about.append_child_value("sound_card_s", str(self._lead_s))
        return self._lsl.StreamOutlet(info, 0, _BUFFERED_S)


def _hush(pylsl: Any) -> None:
    """Let liblsl say only what goes wrong, unless the laboratory has settings of its own."""
    settings = [
        os.environ.get("LSLAPICFG", ""),
        "lsl_api.cfg",
        "~/lsl_api/lsl_api.cfg",
        "/etc/lsl_api/lsl_api.cfg",
    ]
    if not any(name and Path(name).expanduser().is_file() for name in settings):
        with suppress(NotImplementedError):  # a liblsl of the system may be older
            pylsl.set_config_content("[log]\nlevel = -2\n")


def _check(url: Url) -> None:
    if url.host is not None or not 0 < len(url.path.strip()) <= 100 or url.query:
        raise InputError(f"{url.text!r}: give a name alone, as in {LSL.example}")


def _channel(source: str, unit: str) -> Mapping[str, Any]:
    return {"from": source, "channel": source, "unit": unit}


LSL = Wire(
    scheme="lsl",
    example="lsl:music",
    place=LslPlace,
    options=LslOptions,
    connect=LslConnection,
    check=_check,
    every=True,
    libraries=("pylsl",),
    extra="lsl",
    routes=(
        *(
            _channel(name, "perceived rating, -1 to 1")
            for name in ("valence", "arousal", "valence_sd", "arousal_sd")
        ),
        *(_channel(f"quadrants.{name}", "probability") for name in QUADRANTS),
        *(_channel(f"gems.{name}", "share of listeners") for name in GEMS),
        *(_channel(name, "0 to 1") for name in ("music", "familiar", "changed")),
        {"from": "marker"},
        {
            "from": "status",
            "only_changes": True,
            "words": {status: f"status {status}" for status in STATUSES},
        },
    ),
)
"""The wire ``lsl``."""
