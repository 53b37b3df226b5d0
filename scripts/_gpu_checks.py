"""The parts of `gpu.py`, each started by it as a process: `_gpu_checks.py PART DEVICE OUT`.

A part writes what it has found after every step, so that a limit or a crash leaves the rest. On the
processor all of it is smaller.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:  # a part imports what it needs itself: other parts run without
    import pytest

    from realtime_mer.recognizer.reference import Recognizer
    from training.corpora import Clip
    from training.features.cache import FeatureStore
    from training.learn.config import TrainingConfig

ROOT = Path(__file__).resolve().parent.parent

TEACHER = 16
"""Numbers of the made teacher's embedding."""


class Notes:
    """What a part has found so far, in the file that `gpu.py` reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Any] = {}
        self._failed: dict[str, str] = {}
        self._at = "the start"

    def at(self, what: str) -> None:
        """Say what is being done."""
        self._at = what
        self._write()

    def found(self, **facts: Any) -> None:
        """Keep what was measured."""
        self._found |= facts
        self._write()

    def failed(self, what: str, why: str) -> None:
        """Keep what did not hold."""
        self._failed[what] = why
        self._write()

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """Do something whose failure, as of memory or a kernel, is kept and costs nothing else."""
        self.at(what)
        try:
            yield
        except RuntimeError as error:
            self.failed(what, f"{type(error).__name__}: {error}")

    def _write(self) -> None:
        beside = self._path.with_suffix(".new")
        told = {"at": self._at, "found": self._found, "failed": self._failed}
        beside.write_text(json.dumps(told), encoding="utf-8")
        beside.replace(self._path)


def main(name: str, device: str, out: Path) -> None:
    """Run a part."""
    notes = Notes(out)
    notes.at("the start")
    if device == "cuda" and not torch.cuda.is_available():
        machine(device, notes)
        notes.failed("cuda", "PyTorch sees no CUDA device: is there a GPU, and a driver for it?")
        return
    PARTS[name](device, notes)


# --- the machine ----------------------------------------------------------------------------------


def machine(device: str, notes: Notes) -> None:
    """Note the versions of everything, and the GPU."""
    notes.found(
        python=platform.python_version(),
        platform=platform.platform(),
        cpus=os.cpu_count(),
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        driver=_driver(),
        packages={name: _version(name) for name in ("torch", "torchaudio", "numpy", "safetensors")},
    )
    if not torch.cuda.is_available():
        notes.found(gpu=None)
        return
    told = torch.cuda.get_device_properties(0)
    notes.found(
        gpu={
            "name": told.name,
            "capability": f"{told.major}.{told.minor}",
            "memory_gb": round(told.total_memory / 2**30, 1),
            "processors": told.multi_processor_count,
            "count": torch.cuda.device_count(),
        }
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip().partition("\n")[0]


# --- the tests ------------------------------------------------------------------------------------


def tests(device: str, notes: Notes) -> None:
    """Run every test that is marked ``cuda``; or on the processor, where all run, one of a file."""
    import pytest

    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/test_*_cuda.py"))
    options = [
        "-q",
        *(("-m", "cuda") if device == "cuda" else ()),
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=--import-mode=importlib",
    ]
    noted = _NotedTests(notes, one_of_a_file=device != "cuda")
    code = pytest.main([*options, *files], plugins=[noted])
    notes.found(exit=int(code))
    if not noted.passed:
        notes.failed("pytest", "no test passed")
    elif code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        notes.failed("pytest", f"ended with {code}")


_UNCHOSEN = ("cuda", "slow")


class _NotedTests:
    """Keeps what became of each test."""

    def __init__(self, notes: Notes, *, one_of_a_file: bool) -> None:
        self._notes = notes
        self._one_of_a_file = one_of_a_file
        self._tests: dict[str, dict[str, Any]] = {}
        self.passed = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._one_of_a_file:
            chosen = [item for item in items if not any(map(item.get_closest_marker, _UNCHOSEN))]
            items[:] = {item.path: item for item in chosen}.values()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._notes.at(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self._tests.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0})
        test["seconds"] = round(test["seconds"] + report.duration, 2)
        if report.outcome != "passed":
            test["outcome"] = report.outcome
        if report.failed:
            self._notes.failed(report.nodeid, report.longreprtext[-2000:])
        elif report.skipped:
            self._notes.failed(report.nodeid, f"skipped: {report.longreprtext[-500:]}")
        if report.when == "teardown":
            self.passed += test["outcome"] == "passed"
            self._notes.found(passed=self.passed, tests=self._tests)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._notes.failed(report.nodeid, report.longreprtext[-2000:])


# --- the bench ------------------------------------------------------------------------------------


def bench(device: str, notes: Notes) -> None:
    """Time hops of one stream and of many, with what they ask of host and memory."""
    from realtime_mer.recognizer.reference import Recognizer
    from realtime_mer.stream import EmotionStream

    full = device == "cuda"
    calls = 200 if full else 5
    torch.set_num_threads(1)  # as live
    began = time.perf_counter()
    recognizer = Recognizer.load("default", device)
    notes.found(
        model=recognizer.card.name,
        calls=calls,
        load_s=round(time.perf_counter() - began, 2),
        hops=(hops := {}),
        windowed=(windowed := {}),
    )
    for batch in (1, 8, 64, 512, 4096) if full else (1, 8):
        with notes.trying(f"hop at B = {batch}"):
            hops[str(batch)] = _hop(recognizer, batch, calls=calls)
        notes.found(hops=hops)
    for batch in (1, 64) if full else (1,):
        with notes.trying(f"window at B = {batch}"):
            sound = _sound(batch, recognizer.window_samples).to(device)
            window = partial(recognizer.windowed, sound, None)
            windowed[str(batch)] = {"ms": _times(window, calls)}
        notes.found(windowed=windowed)
    with notes.trying("a live stream's hop"):
        stream = EmotionStream(recognizer)
        piece = _sound(1, recognizer.hop_samples)[0].numpy()
        notes.found(
            live_hop={
                "ms": _times(lambda: stream.push(piece), calls),
                "syncs_a_hop": _syncs(lambda: stream.push(piece), device),
                **_calls(lambda: stream.push(piece), device),
            }
        )
    with notes.trying("offline, a minute at once"):
        minute = _sound(1, 60 * recognizer.sample_rate)
        times = _times(lambda: recognizer.run(minute).valence.cpu(), 5)
        notes.found(offline_x_realtime=round(60_000 / times["median"], 1))
    with notes.trying("the processor beside it"):
        beside = recognizer if not full else Recognizer.load("default", "cpu")
        notes.found(cpu_hop=_hop(beside, 1, calls=calls))
        music = _sound(4, 10 * recognizer.sample_rate)
        one, other = recognizer.run(music), beside.run(music)
        apart = {
            each.name: _apart(getattr(one, each.name).cpu(), getattr(other, each.name))
            for each in fields(one)
        }
        notes.found(apart_from_cpu=apart)
        if max(apart.values()) > 1e-4:
            notes.failed("apart_from_cpu", f"more than 1e-4: {apart}")


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return how far two are apart at most; 0 where neither says anything, as without a head."""
    nothing = one.isnan() & other.isnan()
    return float((one - other).masked_fill(nothing, 0.0).abs().max())


def _hop(recognizer: Recognizer, batch: int, *, calls: int) -> dict[str, Any]:
    """Return what a hop of a batch takes: with its sound on the device, and from host to host."""
    device = recognizer.device.type
    there = _sound(batch, recognizer.hop_samples).to(device)
    here = there.cpu()
    state = recognizer.initial_state(batch)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()

    def on_device() -> None:
        nonlocal state
        _, state = recognizer.step(there, state)

    def from_host() -> None:
        nonlocal state
        estimates, state = recognizer.step(here, state)
        for field in fields(estimates):
            getattr(estimates, field.name).cpu()

    began = time.perf_counter()
    for _ in range(5):  # a compiled hop makes ready for each size anew
        on_device()
    _wait(device)
    ready = time.perf_counter() - began
    times, both = _times(on_device, calls), _times(from_host, calls)
    _wait(device)
    began = time.perf_counter()
    for _ in range(calls):
        on_device()
    _wait(device)
    a_second = batch * calls / (time.perf_counter() - began)
    return {
        "first_five_s": round(ready, 3),
        "ms": times,
        "host_to_host_ms": both,
        "hops_a_second": round(a_second),
        "streams_in_real_time": round(a_second * recognizer.card.hop_s),
        "syncs_a_hop": _syncs(on_device, device),
        "syncs_a_hop_host_to_host": _syncs(from_host, device),
        **_calls(on_device, device),
        "state_mb": round(sum(each.nbytes for each in state.to_dict().values()) / 2**20, 3),
        "peak_mb": _peak_mb(device),
    }


def _peak_mb(device: str) -> float | None:
    return round(torch.cuda.max_memory_allocated() / 2**20, 1) if device == "cuda" else None


def _sound(batch: int, samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(batch, samples, generator=generator)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _times(work: Callable[[], object], calls: int) -> dict[str, float]:
    """Return median and 99th percentile of milliseconds, each call waited for."""
    import numpy as np

    taken = []
    for _ in range(3 + calls):
        began = time.perf_counter()
        work()
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.synchronize()
        taken.append(1000 * (time.perf_counter() - began))
    median, p99 = np.percentile(taken[3:], (50, 99))
    return {"median": round(float(median), 3), "p99": round(float(p99), 3)}


def _syncs(work: Callable[[], object], device: str, *, hops: int = 10) -> float:
    """Return how often a hop makes the host wait for the GPU, as torch's own watch sees it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("warn")
        for _ in range(hops):
            work()
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in caught) / hops


def _calls(work: Callable[[], object], device: str, *, hops: int = 10) -> dict[str, Any]:
    """Return how many calls of CUDA a hop makes, by their names, as the profiler sees them."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as watched:
        for _ in range(hops):
            work()
    events = watched.key_averages()
    counts = {each.key: each.count / hops for each in events}
    return {
        "cuda_calls_a_hop": {
            name: count for name, count in counts.items() if name.startswith(("cuda", "cuLaunch"))
        },
        "operations_a_hop": sum(
            count for name, count in counts.items() if name.startswith("aten::")
        ),
    }


# --- many streams ---------------------------------------------------------------------------------


def rooms(device: str, notes: Notes) -> None:
    """Hold an hour of music to the processor's numbers, and time hops of many streams at once."""
    from realtime_mer.recognizer.graphs import BUCKETS, DeviceBank
    from realtime_mer.recognizer.reference import Recognizer

    full = device == "cuda"
    torch.set_num_threads(1)
    recognizer = Recognizer.load("default", device)
    counts = (1, 8, 64, 512, 4096, 16_384, 50_000) if full else (1, 5)
    began = time.perf_counter()
    bank = DeviceBank(
        recognizer,
        streams=1 << (counts[-1] - 1).bit_length(),
        buckets=BUCKETS if full else (1, 4),
    )
    _wait(device)
    notes.found(
        graphs=full, ready_s=round(time.perf_counter() - began, 2), peak_mb=_peak_mb(device)
    )
    with notes.trying("an hour of music as on the processor" if full else "some music"):
        _compare_hour(bank, recognizer, seconds=3600 if full else 20, notes=notes)
    ticks: dict[str, Any] = {}
    for count in counts:
        with notes.trying(f"{count} streams"):
            ticks[str(count)] = _tick(recognizer, bank, count, ticks=20 if full else 3)
        notes.found(ticks=ticks)


def _compare_hour(bank: Any, recognizer: Recognizer, *, seconds: int, notes: Notes) -> None:
    """Compare hops one by one on the device with the same in blocks on the processor."""
    import numpy as np

    from realtime_mer.audio.demo import compose
    from realtime_mer.recognizer.reference import Recognizer as Reference

    hop, at_once = recognizer.hop_samples, 300
    piece = compose(sample_rate=recognizer.sample_rate).mean(axis=1, dtype=np.float32)
    needed = seconds * recognizer.sample_rate // hop * hop
    random = np.random.default_rng(0)
    parts: list[
        Any
    ] = []  # the piece again and again, each time at another level and from another place
    while sum(len(part) for part in parts) < needed:
        start = int(random.integers(len(piece) // 2))
        parts.append(piece[start:] * np.float32(random.uniform(0.2, 1.0)))
    whole = np.rint(32768 * np.concatenate(parts)[:needed]).clip(-32768, 32767)
    music = (whole / 32768).astype(np.float32)[np.newaxis]
    beside = Reference.load("default", "cpu")
    state = beside.initial_state(1)
    apart, began, beside_s = 0.0, time.perf_counter(), 0.0
    row = np.array([0])
    bank.reset(row)
    for start in range(0, needed, at_once * hop):
        block = music[:, start : start + at_once * hop]
        found = bank.step(row, block, [False] * (block.shape[1] // hop))
        before = time.perf_counter()
        expected, state = beside.step(block, state)
        beside_s += time.perf_counter() - before
        for each in fields(expected):
            one, other = getattr(found, each.name), getattr(expected, each.name)
            apart = max(apart, _apart(torch.from_numpy(one), torch.from_numpy(other)))
        notes.found(
            music={
                "seconds": round((start + block.shape[1]) / recognizer.sample_rate),
                "apart": apart,
                "taken_s": round(time.perf_counter() - began - beside_s, 1),
                "taken_by_the_processor_s": round(beside_s, 1),
            }
        )
    if not apart <= 1e-4:
        notes.failed("an hour as on the processor", f"{apart} apart; 0.0001 are allowed")


def _tick(recognizer: Recognizer, bank: Any, count: int, *, ticks: int) -> dict[str, Any]:
    """Time a hop of all streams, from samples of 16 bits to what is told, and the network alone."""
    import numpy as np

    from realtime_mer.batch import StreamBatch

    batch = StreamBatch(recognizer, bank=bank)
    streams = np.array([batch.join() for _ in range(count)])
    few = (3000 * np.random.default_rng(0).standard_normal((64, recognizer.hop_samples))).astype(
        np.int16
    )
    samples = np.resize(few, (count, recognizer.hop_samples))
    step: Any = batch.step
    whole = _times(lambda: step(streams, samples), ticks)
    alone = _times(
        lambda: bank.hop(streams, samples, anew=False, if_sound=False, above_dbfs=0.0), ticks
    )
    return {
        "tick_ms": whole,
        "without_policies_ms": alone,
        "streams_in_real_time": round(count * 1000 * recognizer.card.hop_s / whole["p99"]),
        "keeps_up_in_50_ms": whole["p99"] <= 50,
    }


# --- the training ---------------------------------------------------------------------------------


def training(device: str, notes: Notes) -> None:
    """Train on a small made corpus and hold the losses to those of the processor."""
    from realtime_mer.model.config import NetworkConfig
    from training.learn.config import LossConfig, SequenceConfig, TrainingConfig

    full = device == "cuda"
    torch.set_num_threads(min(8, os.cpu_count() or 1) if full else 1)
    network = (
        NetworkConfig()
        if full
        else NetworkConfig(channels=(4, 4, 8), column_channels=16, embedding=16)
    )
    shares = dict.fromkeys(("grekow", "emotify", "panda4q"), 1.0)
    config = TrainingConfig(
        epochs=4 if full else 2,
        steps_per_epoch=2 if full else 1,
        half_precision=False,
        sequences=SequenceConfig(
            streams=8 if full else 3,
            segment_s=10.0 if full else 6.0,
            piece_s=(4.0, 6.0),
            shares=shares,
        ),
        losses=LossConfig(teacher=1.0),
        network=replace(network, dropout=0.0),  # which draws other numbers on another device
    )
    clips, features, teacher = _corpus(config)
    runs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)

        def run(
            name: str, config: TrainingConfig, where: str, sound: FeatureStore = features
        ) -> None:
            runs[name] = _trained(clips, sound, teacher, config, place / name, device=where)
            notes.found(runs=runs)
            if not runs[name]["finite"]:
                notes.failed(name, "weights are not finite")

        notes.at("the processor")
        run("cpu", config, "cpu")
        with notes.trying("the same on the device, in float32"), _float32():
            run("same", config, device)
            _compare(runs, notes)
        with notes.trying("as it is by default: TF32, bfloat16, dropout"):
            run("default", replace(config, half_precision=True, network=network), device)
        with notes.trying("stopped and gone on"):
            try:
                run("stopped", config, device, _stopping(features, place / "stopped" / "state.pt"))
            except _Stopped:
                run("stopped", config, device)
            epochs = len(runs["stopped"]["losses"])
            if epochs != config.epochs:
                notes.failed("stopped", f"{epochs} epochs instead of {config.epochs}")


class _Stopped(Exception):
    """A training was stopped."""


def _stopping(store: FeatureStore, state: Path) -> FeatureStore:
    """Return a store that stops whoever reads it once there is something to go on from."""

    class Stopping(type(store)):  # type: ignore[misc]
        def __getitem__(self, key: str) -> Any:
            if state.exists():
                raise _Stopped
            return super().__getitem__(key)

    stopping: FeatureStore = Stopping(store.rows, store.spans, store.audio_hashes)
    return stopping


def _corpus(config: TrainingConfig) -> tuple[list[Clip], FeatureStore, FeatureStore]:
    """Make clips of three corpora, their frames and a teacher's embeddings.

    Loud clips have high arousal, high tones high valence, as in the tests' corpora.
    """
    import numpy as np

    from realtime_mer.features.log_mel import LogMel
    from training.corpora import Clip
    from training.features.cache import TEACHER_HOP_S, FeatureStore, log_mel

    random = np.random.default_rng(0)
    transform = LogMel(config.features).eval()
    seconds = 8
    time_s = np.arange(seconds * config.features.sample_rate) / config.features.sample_rate
    clips, frames, embeddings = [], [], []
    for n in range(24):
        loud, high = n % 2 == 0, n % 4 < 2
        tone = np.sin(2 * np.pi * (880 if high else 220) * time_s)
        sound = (0.3 if loud else 0.01) * (tone + 0.3 * random.standard_normal(len(time_s)))
        frames.append(log_mel(transform, sound.astype(np.float32)))
        embeddings.append(random.standard_normal((seconds // TEACHER_HOP_S, TEACHER)))
        labels: dict[str, Any] = {
            "grekow": {"valence": 0.6 if high else -0.6, "arousal": 0.7 if loud else -0.7},
            "emotify": {"gems": (0.6 if loud else 0.1,) * 9, "answers": 12},
            "panda4q": {"quadrant": (0 if high else 1) if loud else (3 if high else 2)},
        }
        corpus = sorted(labels)[n // 4 % 3]
        clips.append(
            Clip(
                corpus=corpus,
                id=str(n),
                path=Path(),
                seconds=float(seconds),
                group=str(n),
                **labels[corpus],
            )
        )

    def store(rows: list[Any]) -> FeatureStore:
        ends = np.cumsum([len(each) for each in rows]).tolist()
        starts = [0, *ends[:-1]]
        spans = {
            clip.key: (0, start, end) for clip, start, end in zip(clips, starts, ends, strict=True)
        }
        return FeatureStore((np.concatenate(rows).astype(np.float16),), spans, {})

    return clips, store(frames), store(embeddings)


def _compare(runs: Mapping[str, Any], notes: Notes) -> None:
    """Hold losses to the processor's: close while the weights are, near after they went apart."""
    epochs = list(zip(runs["cpu"]["losses"], runs["same"]["losses"], strict=True))
    if any(here.keys() != there.keys() for here, there in epochs):
        notes.failed("losses", "the device has other losses than the processor")
        return
    apart = [
        round(max(abs(there[name] - value) for name, value in here.items()), 5)
        for here, there in epochs
    ]
    notes.found(losses_apart=apart)
    if apart[0] > 1e-3 or max(apart) > 0.05:
        notes.failed("losses", f"by epoch they lie {apart} apart; 0.001, then 0.05 are allowed")


@contextmanager
def _float32() -> Iterator[None]:
    """Train with TF32 off, which is on by default."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _trained(
    clips: list[Clip],
    features: FeatureStore,
    teacher: FeatureStore,
    config: TrainingConfig,
    folder: Path,
    *,
    device: str,
) -> dict[str, Any]:
    """Train a part and return its losses by epoch, and seconds."""
    from safetensors.torch import load_file

    from training.learn.processes import World
    from training.learn.train import train_part

    world = World(device=torch.device(device))
    began = time.perf_counter()
    train_part(clips, features, teacher, config, folder, stream_key=0, world=world)
    seconds = time.perf_counter() - began
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = [
        {name: value for name, value in line.items() if name not in ("epoch", "seconds")}
        for line in log
    ]
    weights = load_file(folder / "weights.safetensors")
    return {
        "seconds": round(seconds, 2),
        "epoch_s": [line["seconds"] for line in log],
        "losses": losses,
        "finite": all(bool(torch.isfinite(each).all()) for each in weights.values()),
    }


PARTS: Mapping[str, Callable[[str, Notes], None]] = {
    "machine": machine,
    "tests": tests,
    "bench": bench,
    "rooms": rooms,
    "training": training,
}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
