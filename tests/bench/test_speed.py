"""The bench: what it reports, never how fast this machine is."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from realtime_mer.audio import demo
from realtime_mer.bench import speed
from realtime_mer.bench.shares import PARTS, offline_shares
from realtime_mer.bench.speed import measure
from tests.command_line import call, noise, write_model
from tests.networks import random_recognizer

STATED = (
    "hop_ms.incremental.median hop_ms.incremental.p99 hop_ms.windowed.median hop_ms.windowed.p99 "
    "hop_ms.loaded.p99 hop_ratio offline_x_realtime capture_to_client_ms.median "
    "capture_to_client_ms.p99 capture_to_client_48k_ms.median capture_to_client_48k_ms.p99 "
    "resampler_delay_48k_ms startup_s rss_mb unit_ms "
    "runtimes.light.hop_ms.median runtimes.light.hop_ms.p99 runtimes.light.startup_cpu_s "
    "runtimes.light.rss_mb runtimes.torch.hop_ms.median runtimes.torch.hop_ms.p99 "
    "runtimes.torch.startup_cpu_s runtimes.torch.rss_mb"
).split()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Name every number of nested objects by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


@pytest.mark.slow
def test_every_stated_measurement_is_taken_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    # Everything is measured as ever, but less often and beside fewer clients; and the piece, whose
    # sound nobody asks about here, is not composed three times over.
    monkeypatch.setattr(speed, "_ROUNDS", 3)
    monkeypatch.setattr(speed, "_CALLS", 5)
    monkeypatch.setattr(speed, "_OFFLINE_S", 3.0)
    monkeypatch.setattr(speed, "_CLIENTS", 3)
    monkeypatch.setattr(demo, "compose", lambda *, sample_rate: noise(5, rate=sample_rate))
    said: list[str] = []
    results = measure(model=str(write_model(tmp_path)), seconds=1.0, say=said.append)
    numbers = dict(leaves(json.loads(json.dumps(results, allow_nan=False))))
    for name in STATED:
        assert math.isfinite(numbers[name]), name
        assert numbers[name] > 0, name
    assert results["hop_ms"]["incremental"]["p99"] >= results["hop_ms"]["incremental"]["median"]
    assert numbers["file.seconds_per_core_second"] > 0
    assert list(results["file"]["shares"]) == list(PARTS)
    assert numbers["about.model"] == "random"
    assert (numbers["about.runtime"], numbers["about.threads"]) == ("light", 1)
    assert numbers["runtimes.light.hop_ms.median"] == numbers["hop_ms.incremental.median"]
    assert numbers["runtimes.light.rss_mb"] == numbers["rss_mb"]
    assert numbers["about.calls"] == 15
    assert numbers["about.clients"] == 3
    assert len(said) >= 6


def test_the_shares_of_a_files_time_are_those_of_all_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    sound = noise(4.0, rate=48_000)
    soundfile.write(path, np.column_stack((sound, sound)), 48_000)
    found = offline_shares(path, random_recognizer())
    assert found["seconds_per_core_second"] > 0
    assert list(found["shares"]) == list(PARTS)
    assert sum(found["shares"].values()) == pytest.approx(1.0, abs=0.01)
    assert found["shares"]["decoding"] > 0
    assert found["shares"]["network"] > 0


def test_a_time_too_short_to_measure_is_refused_before_anything_is_measured(capsys) -> None:
    for seconds in ("0", "-1", "nan", "inf", "0.5"):
        line = call(capsys, "bench", "--model", "no-such-model", f"--seconds={seconds}").complaint()
        assert "--seconds" in line


def test_an_unknown_checkpoint_is_one_line(capsys) -> None:
    result = call(capsys, "bench", "--model", "no-such-model", "--seconds=1", "--json")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[-1].startswith("realtime-mer: No checkpoint 'no-such-model'")
    assert "Traceback" not in result.err
