"""What ``realtime-mer bench serve`` counts; how fast it is, nobody asserts."""

import json

import pytest

from realtime_mer.bench import serve
from realtime_mer.bench.serve import compare_stalled, measure_load
from realtime_mer.errors import RealtimeMerError
from tests.command_line import call


def test_every_estimate_reaches_every_reader_and_its_latency_is_measured() -> None:
    load = measure_load(clients=5, rate=50, seconds=0.4, cores=None)
    assert load.delivered == 1.0
    assert load.latency_ms.shape == (5 * 20,)
    assert (load.latency_ms > 0).all()
    # Counted in ticks of 10 ms: a load as small as this one may take none.
    assert 0 <= load.cpu < 2
    assert load.rss_mb > 10


def test_rounds_with_and_without_a_stalled_client_take_turns_with_the_same_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "_FILL", 120)
    said: list[str] = []
    result = compare_stalled(clients=4, rate=50, seconds=0.2, pairs=2, cores=None, say=said.append)
    assert len(said) == len(result["p99_ratios"]) == 2
    assert result["interval"] == [min(result["p99_ratios"]), max(result["p99_ratios"])]
    assert result["interval"][0] <= result["p99_ratio"] <= result["interval"][1]
    assert result["coverage"] == 0.5


def test_a_client_that_reads_after_all_is_not_taken_for_a_stalled_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "_FILL", 1)  # its buffers hold that, and what follows
    with pytest.raises(RealtimeMerError, match="buffers"):
        compare_stalled(clients=2, rate=50, seconds=0.1, pairs=1, cores=None, say=lambda _: None)


@pytest.mark.slow
def test_the_results_are_json_with_every_load_and_the_comparison(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "_LOADS", ((2, 20.0),))
    monkeypatch.setattr(serve, "_FILL", 120)
    monkeypatch.setattr(serve, "_STALL_CLIENTS", 3)
    monkeypatch.setattr(serve, "_STALL_PAIRS", 1)
    serve.run_bench_serve(as_json=True, seconds=1)
    results = json.loads(capsys.readouterr().out)
    (load,) = results["serve"]
    assert (load["clients"], load["rate"], load["delivered"]) == (2, 20.0, 1.0)
    assert load["latency_ms"]["median"] <= load["latency_ms"]["p99"]
    stalled = results["stalled"]
    ratio = stalled["one_stalled_ms"]["p99"] / stalled["none_stalled_ms"]["p99"]
    assert stalled["p99_ratios"] == [pytest.approx(ratio, abs=0.002)]
    assert stalled["interval"] == [stalled["p99_ratio"]] * 2
    assert stalled["verdict"] in {"yes", "no", "undecided"}


@pytest.mark.parametrize("seconds", [0, 0.5, -1, float("nan"), float("inf")])
def test_a_time_that_measures_nothing_is_refused(
    seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    result = call(capsys, "bench", "serve", f"--seconds={seconds}")
    assert f"--seconds {float(seconds)}: watch each load" in result.complaint()
