"""Speed and latency on this machine, measured in one run with one CPU thread for the network."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile
from rich.table import Table

import realtime_mer
from realtime_mer import display
from realtime_mer.audio import demo
from realtime_mer.audio.block import Source
from realtime_mer.audio.demo import DemoSource
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.ring import RingBuffer
from realtime_mer.bench.hops import Spread, TimedRecognizer, load_runtimes, noise, time_hops
from realtime_mer.bench.shares import offline_shares
from realtime_mer.bench.start import start_session
from realtime_mer.engine import RING_S, Engine
from realtime_mer.errors import RealtimeMerError
from realtime_mer.estimate import Estimate
from realtime_mer.printing.console import console
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.loading import computes_on_gpu, load_recognizer
from realtime_mer.service.server import Service
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import Event, Hello

_ROUNDS, _CALLS = 25, 20  # of a hop each way
_OFFLINE_S = 60.0
_CLIENTS = 100


def run_bench(*, as_json: bool, model: str, seconds: float) -> None:
    """Measure and print a table, or JSON with ``as_json``; progress goes to standard error.

    Args:
        as_json: for programs.
        model: name or path of a checkpoint.
        seconds: how long each live session is watched, at least 1.

    Raises:
        RealtimeMerError: a setting cannot be used, or a fresh session does not start.
    """
    notes = console(stderr=True)
    results = measure(model=model, seconds=seconds, say=lambda text: notes.print(text))
    if as_json:
        print(json.dumps(results, indent=2, allow_nan=False))
    else:
        console(wrap=True).print(_table(results))


def measure(*, model: str, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Take every measurement and return them as nested, JSON-ready mappings.

    Args:
        model: name or path of a checkpoint.
        seconds: how long each live session is watched.
        say: is told what is being measured.
    """
    say("one hop, incremental and windowed, in every runtime by turns")
    runtimes = load_runtimes(model)
    spreads, unit_ms = time_hops(runtimes, rounds=_ROUNDS, calls=_CALLS)
    taken = next(iter(runtimes))  # what auto takes where there is no GPU
    results = _told(spreads[taken])
    results["unit_ms"] = unit_ms
    recognizer = runtimes[taken]
    say(f"offline, {_OFFLINE_S:.0f} s of sound at once")
    results["offline_x_realtime"] = _offline(recognizer)
    say("a stereo file at 48 kHz from decoding to summary")
    with _demo_file(rate=48_000, channels=2) as path:
        results["file"] = offline_shares(path, recognizer)
    say(f"a live session at 24 kHz, {seconds:.0f} s")
    quiet = _Session(model)
    results["capture_to_client_ms"] = quiet.latency(
        lambda: DemoSource(paced=True, loop=True), seconds=seconds, clients=1
    ).to_dict()
    say(f"a live session at 48 kHz, {seconds:.0f} s")
    with _demo_file(rate=48_000) as path:
        other = _Session(model)
        results["capture_to_client_48k_ms"] = other.latency(
            lambda: FileSource(path, paced=True), seconds=min(seconds, 60.0), clients=1
        ).to_dict()
        results["resampler_delay_48k_ms"] = round(1000 * other.resampler_delay_s, 3)
    window = display.is_installed()
    if not display.has_screen():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"  # the same drawing, into memory
    shown = "a window at 60 Hz" if window else "no window (not installed)"
    say(f"a live session with {shown} and {_CLIENTS} clients, {seconds:.0f} s")
    busy = _Session(model)
    results["capture_to_client_loaded_ms"] = busy.latency(
        lambda: DemoSource(paced=True, loop=True),
        seconds=seconds,
        clients=_CLIENTS,
        window=window,
    ).to_dict()
    results["hop_ms"]["loaded"] = Spread.of(busy.hop_ms).to_dict()
    say("start-up and memory of a fresh session, in every runtime")
    results["runtimes"] = {}
    with _demo_file(rate=recognizer.sample_rate) as path:
        for name in runtimes:
            start = start_session(model, name, path)
            results["runtimes"][name] = {
                "hop_ms": spreads[name]["incremental"].to_dict(),
                "startup_cpu_s": start.processor_s,
                "rss_mb": start.resident_mb,
            }
            if name == taken:
                results["startup_s"], results["rss_mb"] = start.seconds, start.resident_mb
    if computes_on_gpu(model, "auto"):
        say("the same hops on CUDA")
        results["cuda"], _ = _hops(load_recognizer(model, "cuda"))
    results["about"] = {
        "model": recognizer.card.name,
        "runtime": taken,
        "threads": 1,
        "cpu_count": os.cpu_count(),
        "calls": _ROUNDS * _CALLS,
        "live_seconds": seconds,
        "clients": _CLIENTS,
        "window": window,
    }
    return results


def _hops(recognizer: Any) -> tuple[dict[str, Any], float]:
    """Time one recogniser's hops and whole recordings."""
    spreads, unit_ms = time_hops({"it": recognizer}, rounds=_ROUNDS, calls=_CALLS)
    return _told(spreads["it"]) | {"offline_x_realtime": _offline(recognizer)}, unit_ms


def _told(ways: Mapping[str, Spread]) -> dict[str, Any]:
    ratio = ways["windowed"].median / ways["incremental"].median
    return {
        "hop_ms": {way: spread.to_dict() for way, spread in ways.items()},
        "hop_ratio": round(ratio, 2),
    }


def _offline(recognizer: StreamingRecognizer) -> float:
    samples = noise(round(_OFFLINE_S * recognizer.sample_rate))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        recognizer.run(samples)
        times.append(time.perf_counter() - began)
    return round(_OFFLINE_S / float(np.median(times)), 1)


class _Session:
    """A live session with real clients in another process, watched from inside."""

    def __init__(self, model: str) -> None:
        self._timed = TimedRecognizer(load_recognizer(model, "cpu"))
        self._recognizer = cast(StreamingRecognizer, self._timed)
        self.resampler_delay_s = 0.0

    @property
    def hop_ms(self) -> list[float]:
        """Milliseconds of every step."""
        return self._timed.times_ms

    def latency(
        self,
        open_source: Callable[[], Source],
        *,
        seconds: float,
        clients: int,
        window: bool = False,
    ) -> Spread:
        """Return milliseconds from a hop's last sample in the ring to its receipt by a client."""
        rate = self._recognizer.sample_rate
        hello = Hello(
            server_version=realtime_mer.__version__,
            model=self._recognizer.card.name,
            hop=self._recognizer.card.hop_s,
            window=self._recognizer.card.window_s,
            sample_rate=rate,
        )
        arrived: dict[int, float] = {}
        with Service(hello=hello, port=0) as service:
            readers = _start_clients(service.url, clients)
            shown = display.spawn(service.url) if window else None
            try:
                ring = RingBuffer(round(RING_S * rate))

                def note(event: Event) -> None:
                    if isinstance(event, Estimate):
                        service.publish(event)
                        when = ring.arrived_at(round(event.t * rate))
                        if when is not None:
                            arrived[event.seq] = when

                # The clock of a paced source starts with its first read, so it is opened last.
                engine = Engine(
                    source=open_source(),
                    stream=EmotionStream(self._recognizer),
                    ring=ring,
                    seconds=seconds,
                    publish=note,
                )
                for _ in engine.events():
                    self.resampler_delay_s = max(self.resampler_delay_s, engine.intake.delay_s)
            finally:
                if shown is not None:
                    shown.terminate()
                    shown.wait()
        output, _ = readers.communicate(timeout=60)
        received = [(seq, at) for seq, at in json.loads(output or "[]") if seq in arrived]
        if not received:
            raise RealtimeMerError(
                "No client received an estimate in time: give more --seconds, on a quieter machine."
            )
        return Spread.of([1000 * (at - arrived[seq]) for seq, at in received])


def _start_clients(url: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "realtime_mer.bench.clients", url, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.stderr is not None:
        process.stderr.readline()
        process.stderr.readline()  # until all of them are connected
    return process


@contextmanager
def _demo_file(*, rate: int, channels: int = 1) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.flac"
        sound = demo.compose(sample_rate=rate)
        soundfile.write(path, np.column_stack([sound] * channels), rate)
        yield path


def _table(results: dict[str, Any]) -> Table:
    about = results["about"]
    table = Table("measurement", "median", "p99", title=f"realtime-mer bench, {about['model']}")

    def spread(name: str, values: dict[str, float], unit: str) -> None:
        table.add_row(name, f"{values['median']:.2f} {unit}", f"{values['p99']:.2f} {unit}")

    hops = results["hop_ms"]
    for name, runtime in results["runtimes"].items():
        spread(f"hop, {name}", runtime["hop_ms"], "ms")
        unit = runtime["hop_ms"]["median"] / results["unit_ms"]
        table.add_row("  in plain products", f"{unit:.3f}", "")
        table.add_row("  start, processor time", f"{runtime['startup_cpu_s']:.2f} s", "")
        table.add_row("  resident memory", f"{runtime['rss_mb']:.0f} MB", "")
    table.add_row("a plain product, 512 by 512", f"{results['unit_ms']:.2f} ms", "")
    spread("hop, incremental", hops["incremental"], "ms")
    spread("hop, windowed", hops["windowed"], "ms")
    table.add_row("windowed / incremental", f"{results['hop_ratio']:.2f}", "")
    table.add_row("offline, times real time", f"{results['offline_x_realtime']:.0f}", "")
    table.add_row(
        "a file's seconds per core second", f"{results['file']['seconds_per_core_second']:.0f}", ""
    )
    for part, share in results["file"]["shares"].items():
        table.add_row(f"  of it {part}", f"{share:.0%}", "")
    spread("capture to client, 24 kHz source", results["capture_to_client_ms"], "ms")
    spread("capture to client, 48 kHz source", results["capture_to_client_48k_ms"], "ms")
    table.add_row("  resampler's own delay", f"{results['resampler_delay_48k_ms']:.2f} ms", "")
    load = f"{about['clients']} clients" + (" and a window" if about["window"] else "")
    spread(f"hop beside {load}", hops["loaded"], "ms")
    spread(f"capture to client beside {load}", results["capture_to_client_loaded_ms"], "ms")
    table.add_row("start-up to first estimate", f"{results['startup_s']:.2f} s", "")
    table.add_row("resident memory", f"{results['rss_mb']:.0f} MB", "")
    if cuda := results.get("cuda"):
        spread("CUDA: hop, incremental", cuda["hop_ms"]["incremental"], "ms")
        spread("CUDA: hop, windowed", cuda["hop_ms"]["windowed"], "ms")
        table.add_row("CUDA: offline, times real time", f"{cuda['offline_x_realtime']:.0f}", "")
    return table
