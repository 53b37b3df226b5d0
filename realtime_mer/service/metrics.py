"""What a service counts, in Prometheus' text format (no socket, no registry shared by others).

The library that writes the format is imported when somebody asks: hardly a session is asked.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from realtime_mer.estimate import Estimate
from realtime_mer.wire.protocol import OutletState, StatusMessage

if TYPE_CHECKING:
    from prometheus_client.core import Metric

# A hop takes milliseconds and lasts 100: the interesting places are around both.
_LATENCIES_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """How a service fares with its clients.

    Attributes:
        clients: connected now.
        waiting: connections without the token, in a handshake or fetching a page now.
        connections_total: clients that came so far.
        refused_total: clients that were closed for what they did or did not do, so far.
        evicted_total: connections cut off for a newer one before they showed the token, so far.
        wrong_tokens_total: wrong tokens that were shown, so far.
        unlogged_total: lines that were left out of the log, so far.
        dropped_total: messages that gave way to newer ones, so far.
        histories_total: how often the past was sent to a client, so far.
        histories_refused_total: how often it was not, since the client asked too often.
        markers_total: markers that clients set, so far.
        markers_dropped_total: markers that clients sent too fast and that were lost, so far.
    """

    clients: int
    waiting: int
    connections_total: int
    refused_total: int
    evicted_total: int
    wrong_tokens_total: int
    unlogged_total: int
    dropped_total: int
    histories_total: int
    histories_refused_total: int
    markers_total: int
    markers_dropped_total: int


class Metrics:
    """The numbers of one service. Not thread-safe.

    Args:
        traffic: is asked when the numbers are.
    """

    def __init__(self, traffic: Callable[[], Traffic]) -> None:
        self._traffic = traffic
        self._estimates = self._xruns = self._skipped = 0
        self._t = 0.0
        self._outlets: tuple[OutletState, ...] = ()
        self._latencies = [0] * (len(_LATENCIES_S) + 1)  # how many lie in each, the last above all
        self._latency_s = 0.0

    def count(self, event: Estimate | StatusMessage) -> None:
        """Count an estimate, and take over the health that estimates and status tell."""
        self._xruns, self._skipped, self._t = event.xruns, event.skipped, event.t
        if isinstance(event, StatusMessage):
            self._outlets = event.outlets
        else:
            self._estimates += 1
            if event.latency_ms is not None:
                latency_s = event.latency_ms / 1000
                self._latencies[bisect_left(_LATENCIES_S, latency_s)] += 1
                self._latency_s += latency_s

    def latencies(self) -> tuple[list[tuple[str, int]], float]:
        """Return the buckets of a histogram of latencies, and their sum in seconds."""
        bounds = [*map(str, _LATENCIES_S), "+Inf"]
        return list(zip(bounds, accumulate(self._latencies), strict=True)), self._latency_s

    def render(self) -> tuple[bytes, str]:
        """Return the text and its content type."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4

    def collect(self) -> "Iterable[Metric]":
        """Yield the numbers, as the library asks for them."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        buckets, total_s = self.latencies()
        yield HistogramMetricFamily(
            "realtime_mer_latency_seconds",
            "From the capture of a window's last sample to its estimate",
            buckets=buckets,
            sum_value=total_s,
        )
        traffic = self._traffic()
        for name, what, value in (
            ("estimates", "Estimates published", self._estimates),
            ("xruns", "Input overflows", self._xruns),
            ("skipped", "Hops left out because inference fell behind", self._skipped),
            ("connections", "Clients that connected", traffic.connections_total),
            ("refused", "Clients that were closed for what they did", traffic.refused_total),
            ("evicted", "Connections cut off for newer ones", traffic.evicted_total),
            ("wrong_tokens", "Wrong tokens that were shown", traffic.wrong_tokens_total),
            ("unlogged", "Lines left out of the log", traffic.unlogged_total),
            ("dropped", "Messages that gave way to newer ones", traffic.dropped_total),
            ("histories", "Times the past was sent", traffic.histories_total),
            (
                "histories_refused",
                "Times it was asked for too often",
                traffic.histories_refused_total,
            ),
            ("markers", "Markers that clients set", traffic.markers_total),
            ("markers_dropped", "Markers sent too fast", traffic.markers_dropped_total),
        ):
            yield CounterMetricFamily(f"realtime_mer_{name}", what, value=value)
        yield from self._of_outlets()
        yield GaugeMetricFamily(
            "realtime_mer_clients", "Clients connected now", value=traffic.clients
        )
        yield GaugeMetricFamily(
            "realtime_mer_waiting", "Connections not let in yet", value=traffic.waiting
        )
        yield GaugeMetricFamily(
            "realtime_mer_stream_seconds", "Seconds of sound so far", value=self._t
        )

    def _of_outlets(self) -> "Iterable[Metric]":
        """Yield what the latest status said of the outlets; those of one name together."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        connected = GaugeMetricFamily(
            "realtime_mer_outlets_connected",
            "Targets of a mapping that have a connection",
            labels=["outlet"],
        )
        names = list(dict.fromkeys(state.name for state in self._outlets))
        for name in names:
            of_name = [state for state in self._outlets if state.name == name]
            connected.add_metric([name], sum(state.state == "connected" for state in of_name))
        yield connected
        for key, what in (
            ("sent", "Messages that a mapping's targets took"),
            ("dropped", "Messages to them that gave way to newer ones or came too late"),
            ("failed", "Messages to them that could not be sent"),
        ):
            family = CounterMetricFamily(f"realtime_mer_outlets_{key}", what, labels=["outlet"])
            for name in names:
                total = sum(getattr(s, key) for s in self._outlets if s.name == name)
                family.add_metric([name], total)
            yield family
