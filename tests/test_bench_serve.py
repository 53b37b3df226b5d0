"""What ``realtime-mer bench --serve`` counts; how fast it is, nobody asserts."""

import json

import pytest

from realtime_mer import bench_serve
from realtime_mer.bench_serve import measure_load
from realtime_mer.errors import InputError


def test_every_estimate_reaches_every_reader_and_its_latency_is_measured() -> None:
    load = measure_load(clients=5, rate=50, seconds=0.4, cores=None)
    assert load.delivered == 1.0
    assert load.latency_ms.shape == (5 * 20,)
    assert (load.latency_ms > 0).all()
    # Counted in ticks of 10 ms: a load as small as this one may take none.
    assert 0 <= load.cpu < 2
    assert load.rss_mb > 10


def test_a_stalled_client_is_stalled_and_takes_nothing_from_the_others() -> None:
    load = measure_load(clients=3, stalled=1, rate=50, seconds=0.2, cores=None, fill=400)
    assert load.delivered == 1.0
    assert load.latency_ms.shape == (3 * 10,)


def test_the_results_are_json_with_every_load_and_the_comparison(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_serve, "_LOADS", ((2, 20.0),))
    monkeypatch.setattr(bench_serve, "_STALL_CLIENTS", 3)
    monkeypatch.setattr(bench_serve, "_STALL_ROUNDS", 1)
    bench_serve.run_bench_serve(as_json=True, seconds=1)
    results = json.loads(capsys.readouterr().out)
    (load,) = results["serve"]
    assert (load["clients"], load["rate"], load["delivered"]) == (2, 20.0, 1.0)
    assert load["latency_ms"]["median"] <= load["latency_ms"]["p99"]
    stalled = results["stalled"]
    change = stalled["one_stalled_ms"]["p99"] / stalled["none_stalled_ms"]["p99"] - 1
    assert stalled["p99_change_percent"] == pytest.approx(100 * change, abs=0.2)


@pytest.mark.parametrize("seconds", [0, 0.5, -1, float("nan"), float("inf")])
def test_a_time_that_measures_nothing_is_refused(seconds: float) -> None:
    with pytest.raises(InputError, match="--seconds"):
        bench_serve.run_bench_serve(as_json=True, seconds=seconds)
