"""How a worker fares, as numbers, and in Prometheus' text format (pure)."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from realtime_mer.rooms.machines.reports import Report

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_LATENCIES_S = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Latencies:
    """A histogram of the time from the capture of a window's last sample to what is told of it.

    Attributes:
        total_s: seconds of all.
    """

    def __init__(self) -> None:
        self.total_s = 0.0
        self._counts = [0] * (len(_LATENCIES_S) + 1)

    def take(self, report: Report, at: float) -> None:
        """Take what was told of live sound.

        Args:
            report: of hops.
            at: when NATS had it, in seconds since 1970.
        """
        for hop in report.hops:
            if hop.captured_at is not None:
                latency_s = max(0.0, at - hop.captured_at)
                self._counts[bisect_left(_LATENCIES_S, latency_s)] += 1
                self.total_s += latency_s

    def buckets(self) -> list[tuple[str, int]]:
        """Return the bounds and how many lie below each."""
        bounds = [*map(str, _LATENCIES_S), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomFigures:
    """How a room fares at its worker, since that took it.

    Attributes:
        room: its name.
        estimates: told.
        backlog_s: seconds of sound that came and were not computed yet.
        untold: hops that were computed and not told yet.
        lost_s, repeated_s: seconds of sound that never came, or came again.
        holes: how often NATS was asked for sound that did not come.
        given_way: hops that could not be told in time.
    """

    room: str
    estimates: int
    backlog_s: float
    untold: int
    lost_s: float
    repeated_s: float
    holes: int
    given_way: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)  # the registry asks for its hash
class Figures:
    """How a worker fares.

    Attributes:
        rooms, most_rooms: that it computes, and may at most.
        accepting: whether it takes more.
        stopping: whether it is about to end.
        workers: that it hears, itself counted in.
        at: when that was, by the machine's steady clock.
        compute_idle_s: since the computing thread looked up.
        nats_up: whether NATS is there.
        taken, handed_over, fenced: rooms that it took, that it left to others, and that others had.
        left_out: hops that were too late to be computed.
        nats_returns: how often the connection came back.
        nats_missed, nats_refused: messages that were not taken in time, and that were none.
        nats_unstored: messages that NATS had no room for.
        latencies, latency_s: as of ``Latencies``.
        of_rooms: of each room.
    """

    rooms: int
    most_rooms: int
    accepting: bool
    stopping: bool
    workers: int
    at: float
    compute_idle_s: float
    nats_up: bool
    taken: int
    handed_over: int
    fenced: int
    left_out: int
    nats_returns: int
    nats_missed: int
    nats_refused: int
    nats_unstored: int
    latencies: Sequence[tuple[str, int]]
    latency_s: float
    of_rooms: Sequence[RoomFigures]

    def collect(self) -> "Iterable[Metric]":
        """Yield the numbers, as Prometheus' library asks for them."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        for name, what in _GAUGES.items():
            value = float(getattr(self, name.replace("_seconds", "_s")))
            yield GaugeMetricFamily(f"realtime_mer_worker_{name}", what, value=value)
        for name, what in _COUNTERS.items():
            value = getattr(self, name)
            yield CounterMetricFamily(f"realtime_mer_worker_{name}", what, value=value)
        for family, names in (
            (GaugeMetricFamily, _ROOM_GAUGES),
            (CounterMetricFamily, _ROOM_COUNTERS),
        ):
            for name, what in names.items():
                shown = family(f"realtime_mer_worker_room_{name}", what, labels=["room"])
                for room in self.of_rooms:
                    shown.add_metric([room.room], getattr(room, name.replace("_seconds", "_s")))
                yield shown
        yield HistogramMetricFamily(
            "realtime_mer_worker_latency_seconds",
            "From the capture of a window's last sample until NATS had the estimate",
            buckets=self.latencies,
            sum_value=self.latency_s,
        )

    def render(self) -> tuple[bytes, str]:
        """Return the text and its content type."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


_GAUGES = {
    "rooms": "Rooms that it computes",
    "most_rooms": "Rooms that it computes at most",
    "accepting": "Whether it takes more",
    "workers": "Workers that it hears, itself counted in",
    "compute_idle_seconds": "Since the computing thread looked up",
    "nats_up": "Whether NATS is there",
}
_COUNTERS = {
    "taken": "Rooms that it took",
    "handed_over": "Rooms that it left to others",
    "fenced": "Rooms that it let go because somebody else had them",
    "left_out": "Hops that were too late to be computed",
    "nats_returns": "Times the connection to NATS came back",
    "nats_missed": "Messages of NATS that were not taken in time",
    "nats_refused": "Messages of NATS that were none",
    "nats_unstored": "Messages that NATS had no room for",
}
_ROOM_GAUGES = {
    "backlog_seconds": "Sound that came and was not computed yet",
    "untold": "Hops that were computed and not told yet",
}
_ROOM_COUNTERS = {
    "estimates": "Estimates told",
    "lost_seconds": "Seconds of sound that never came",
    "repeated_seconds": "Seconds of sound that came again",
    "holes": "Times that NATS was asked for sound that did not come",
    "given_way": "Hops that could not be told in time",
}
