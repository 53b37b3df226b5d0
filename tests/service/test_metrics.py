"""The numbers of a service in Prometheus' format."""

from dataclasses import fields

from prometheus_client.parser import text_string_to_metric_families

from realtime_mer.estimate import Status
from realtime_mer.service.metrics import Metrics, Traffic
from realtime_mer.wire.protocol import OutletState, StatusMessage
from tests.samples import sample_estimate

TRAFFIC = Traffic(
    clients=3,
    waiting=4,
    connections_total=7,
    refused_total=2,
    evicted_total=6,
    wrong_tokens_total=8,
    unlogged_total=9,
    dropped_total=11,
    histories_total=12,
    histories_refused_total=13,
    markers_total=5,
    markers_dropped_total=1,
)


def read(metrics: Metrics) -> dict[str, float]:
    text, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=0.0.4")
    return {
        sample.name + sample.labels.get("le", ""): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_before_anything_happened_everything_is_there_and_zero() -> None:
    traffic = Traffic(**dict.fromkeys((field.name for field in fields(Traffic)), 0))
    values = read(Metrics(lambda: traffic))
    assert set(values.values()) == {0}
    assert "realtime_mer_estimates_total" in values


def test_estimates_their_latency_and_the_health_they_tell_are_counted() -> None:
    metrics = Metrics(lambda: TRAFFIC)
    metrics.count(sample_estimate(seq=0, latency_ms=4.0))
    metrics.count(sample_estimate(seq=1, latency_ms=40.0, xruns=2, skipped=3))
    metrics.count(sample_estimate(seq=2, latency_ms=None, xruns=2, skipped=3))
    values = read(metrics)
    assert values["realtime_mer_estimates_total"] == 3
    assert values["realtime_mer_xruns_total"] == 2
    assert values["realtime_mer_skipped_total"] == 3
    assert values["realtime_mer_stream_seconds"] == 0.3
    assert values["realtime_mer_latency_seconds_count"] == 2
    assert values["realtime_mer_latency_seconds_sum"] == 0.044
    assert values["realtime_mer_latency_seconds_bucket0.005"] == 1
    assert values["realtime_mer_latency_seconds_bucket0.05"] == 2
    assert values["realtime_mer_latency_seconds_bucket+Inf"] == 2


def test_a_latency_on_a_bound_or_above_all_of_them_counts_where_prometheus_says() -> None:
    metrics = Metrics(lambda: TRAFFIC)
    metrics.count(sample_estimate(seq=0, latency_ms=5.0))
    metrics.count(sample_estimate(seq=1, latency_ms=9000.0))
    values = read(metrics)
    assert values["realtime_mer_latency_seconds_bucket0.002"] == 0
    assert values["realtime_mer_latency_seconds_bucket0.005"] == 1
    assert values["realtime_mer_latency_seconds_bucket3.0"] == 1
    assert values["realtime_mer_latency_seconds_bucket+Inf"] == 2


def test_a_status_tells_the_health_where_no_estimate_does() -> None:
    metrics = Metrics(lambda: TRAFFIC)
    metrics.count(
        StatusMessage(
            status=Status.RECONNECTING, detail="", t=9.0, wall_time=None, source="mic", xruns=4
        )
    )
    values = read(metrics)
    assert values["realtime_mer_xruns_total"] == 4
    assert values["realtime_mer_estimates_total"] == 0


def test_traffic_is_asked_for_when_the_numbers_are() -> None:
    values = read(Metrics(lambda: TRAFFIC))
    assert values["realtime_mer_clients"] == 3
    assert values["realtime_mer_connections_total"] == 7
    assert values["realtime_mer_refused_total"] == 2
    assert values["realtime_mer_dropped_total"] == 11
    assert values["realtime_mer_markers_total"] == 5


def test_two_services_count_apart() -> None:
    one, other = Metrics(lambda: TRAFFIC), Metrics(lambda: TRAFFIC)
    one.count(sample_estimate())
    assert read(one)["realtime_mer_estimates_total"] == 1
    assert read(other)["realtime_mer_estimates_total"] == 0


def test_how_outlets_fare_is_counted_by_name_as_the_latest_status_told() -> None:
    metrics = Metrics(lambda: TRAFFIC)
    states = [
        OutletState(name="booth", state="connected", sent=5, dropped=2, failed=1),
        OutletState(name="booth", state="failing", sent=10, dropped=0, failed=7),
        OutletState(name="osc", state="connected", sent=3, dropped=0, failed=0),
    ]
    status = StatusMessage(
        status=Status.MUSIC,
        detail="",
        t=1.0,
        wall_time=None,
        source="a file",
        outlets=tuple(states),
    )
    metrics.count(status)
    metrics.count(sample_estimate())  # tells nothing of them
    text = metrics.render()[0].decode()
    assert 'realtime_mer_outlets_connected{outlet="booth"} 1.0' in text
    assert 'realtime_mer_outlets_sent_total{outlet="booth"} 15.0' in text
    assert 'realtime_mer_outlets_dropped_total{outlet="booth"} 2.0' in text
    assert 'realtime_mer_outlets_failed_total{outlet="booth"} 8.0' in text
    assert 'realtime_mer_outlets_sent_total{outlet="osc"} 3.0' in text
