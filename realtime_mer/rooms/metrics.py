"""What a service of rooms counts, in Prometheus' text format, each number with its room."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from realtime_mer.rooms.nodes.computer import Number
from realtime_mer.rooms.room import Room

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_OF_A_ROOM = {
    "estimates": "Estimates told",
    "skipped": "Hops left out because inference was behind",
    "gaps": "Times that sound was lost on its way to the service",
    "lost_s": "Seconds of sound that never came",
    "repeated_s": "Seconds of sound that came twice",
    "messages": "Chunks of sound that came",
    "bytes": "Bytes of sound that came",
    "senders": "Senders that came",
    "refused": "Messages and senders that were refused",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """What is counted of the service as a whole.

    Attributes:
        rooms: at this moment.
        waiting: connections that were not let in yet.
        wrong_tokens: that were shown so far.
        unlogged: lines that were left out of the log so far.
        computing: what whoever computes counts.
    """

    rooms: int
    waiting: int
    wrong_tokens: int
    unlogged: int
    computing: tuple[Number, ...]


class RoomMetrics:
    """The numbers of a service of rooms.

    Args:
        rooms: gives them, in the order in which they are told of.
        whole: gives what is counted of all together.
    """

    def __init__(self, rooms: Callable[[], Sequence[Room]], whole: Callable[[], Whole]) -> None:
        self._rooms, self._whole = rooms, whole

    def render(self) -> tuple[bytes, str]:
        """Return the text and its content type."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4

    def collect(self) -> "Iterable[Metric]":
        """Yield the numbers, as the library asks for them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        rooms, whole = self._rooms(), self._whole()
        for name, what in _OF_A_ROOM.items():
            shown = f"realtime_mer_room_{name.removesuffix('_s')}"
            shown += "_seconds" if name.endswith("_s") else ""
            family = CounterMetricFamily(shown, what, labels=["room"])
            for room in rooms:
                family.add_metric([room.name], getattr(room.counts, name))
            yield family
        yield from self._histograms(rooms)
        for name, what, of in (
            ("fed", "Whether somebody feeds the room", lambda room: room.sender is not None),
            ("watchers", "Clients that follow the room", lambda room: len(room.audience)),
            ("backlog_seconds", "Sound that waits to be computed", lambda room: room.backlog_s),
            (
                "drift_ppm",
                "How much faster the sender's clock runs, in millionths",
                lambda room: room.drift_ppm,
            ),
            ("stream_seconds", "Seconds of sound so far", lambda room: float(room.seconds)),
        ):
            gauge = GaugeMetricFamily(f"realtime_mer_room_{name}", what, labels=["room"])
            for room in rooms:
                value = of(room)
                if value is not None:
                    gauge.add_metric([room.name], value)
            yield gauge
        for number in (
            Number("rooms", "Rooms now", whole.rooms),
            Number("waiting", "Connections not let in yet", whole.waiting),
            Number("wrong_tokens", "Wrong tokens that were shown", whole.wrong_tokens, total=True),
            Number("unlogged", "Lines left out of the log", whole.unlogged, total=True),
            *whole.computing,
        ):
            kind = CounterMetricFamily if number.total else GaugeMetricFamily
            yield kind(f"realtime_mer_{number.name}", number.what, value=number.value)

    def _histograms(self, rooms: Sequence[Room]) -> "Iterable[Metric]":
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(
            "realtime_mer_room_latency_seconds",
            "From the capture of a window's last sample to its estimate",
            labels=["room"],
        )
        for room in rooms:
            buckets, total_s = room.metrics.latencies()
            family.add_metric([room.name], buckets=buckets, sum_value=total_s)
        yield family
