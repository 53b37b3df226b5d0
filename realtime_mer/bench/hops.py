"""What a hop costs each runtime, by turns in one process, and beside it a plain matrix product.

Machines differ, and so does one machine from minute to minute. So everything here is timed in
rounds by turns: a change of the machine's speed hits all of it, and ratios hold.
"""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import CheckpointError, RealtimeMerError
from realtime_mer.model.card import CNN_LSTM, CardKind, load_card
from realtime_mer.model.files import find_checkpoint
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.contract import Estimates, Samples, StreamingRecognizer
from realtime_mer.recognizer.light import LightRecognizer
from realtime_mer.recognizer.loading import load_recognizer

_PRODUCT = """
import sys, time
import numpy as np
a = np.random.default_rng(0).standard_normal((512, 512), np.float32)
for _ in sys.stdin:
    began = time.perf_counter()
    a @ a
    print(1000 * (time.perf_counter() - began), flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median and 99th percentile of repeated measurements."""

    median: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise at least one value."""
        return cls(
            median=round(float(np.median(values)), 3),
            p99=round(float(np.percentile(values, 99)), 3),
        )

    def to_dict(self) -> dict[str, float]:
        """Return a JSON-ready mapping."""
        return {"median": self.median, "p99": self.p99}


class TimedRecognizer:
    """A recogniser that notes how long each step took, and is another's in all else.

    Attributes:
        times_ms: of every step until now.
    """

    def __init__(self, recognizer: StreamingRecognizer) -> None:
        self._recognizer = recognizer
        self.times_ms: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recognizer, name)

    def step(self, samples: Samples, state: Any) -> tuple[Estimates[NDArray[np.float32]], Any]:
        """As the recogniser does."""
        began = time.perf_counter()
        result = self._recognizer.step(samples, state)
        self.times_ms.append(1000 * (time.perf_counter() - began))
        return result


def load_runtimes(model: str) -> dict[str, Any]:
    """Return the recognisers of a checkpoint on one thread of the processor, by their runtimes.

    A runtime that is not installed, or that the checkpoint cannot run on, is left out.

    Raises:
        CheckpointError: there is no such checkpoint, or it runs on neither.
    """
    found: dict[str, Any] = {}
    stem = find_checkpoint(model)
    if load_card(stem, CardKind).architecture != CNN_LSTM:
        recognizer = load_recognizer(model, "cpu")
        return {recognizer.compute: recognizer}
    refused: CheckpointError | None = None
    try:
        found["light"] = LightRecognizer.load(stem)
    except CheckpointError as error:
        refused = error
    if importlib.util.find_spec("torch") is not None:
        from realtime_mer.recognizer.reference import Recognizer

        found["torch"] = Recognizer.load(stem, "cpu")
        compute_on_one_thread()
    if refused is not None and not found:
        raise refused
    return found


def time_hops(
    recognizers: Mapping[str, Any], *, rounds: int, calls: int
) -> tuple[dict[str, dict[str, Spread]], float]:
    """Time single hops of each recogniser, incremental and from their windows.

    Args:
        recognizers: by any name.
        rounds: in which all take their turns, >= 1.
        calls: of a way in each round, >= 1.

    Returns:
        Milliseconds under ``incremental`` and ``windowed`` by the recognisers' names, and those of
        a product of two matrices of 512 by 512 on one thread.
    """
    ways: dict[tuple[str, str], Callable[[], None]] = {}
    for name, recognizer in recognizers.items():
        ways[name, "incremental"] = _incremental(recognizer)
        ways[name, "windowed"] = _windowed(recognizer)
    times: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    for call in ways.values():
        call()
    products: list[float] = []
    with _plain_products() as product_ms:
        for _ in range(rounds):
            products += [product_ms() for _ in range(calls)]
            for way, call in ways.items():
                for _ in range(calls):
                    began = time.perf_counter()
                    call()
                    times[way].append(1000 * (time.perf_counter() - began))
    spreads = {
        name: {way: Spread.of(times[name, way]) for way in ("incremental", "windowed")}
        for name in recognizers
    }
    return spreads, round(float(np.median(products)), 3)


def noise(samples: int) -> NDArray[np.float32]:
    """Return sound ``(1, samples)``."""
    return (0.1 * np.random.default_rng(0).standard_normal((1, samples))).astype(np.float32)


def _incremental(recognizer: Any) -> Callable[[], None]:
    hop, state = noise(recognizer.hop_samples), recognizer.initial_state(1)

    def call() -> None:
        nonlocal state
        _, state = recognizer.step(hop, state)  # arrays are only there once CUDA is done

    return call


def _windowed(recognizer: Any) -> Callable[[], None]:
    window, memory = noise(recognizer.window_samples), None

    def call() -> None:
        nonlocal memory
        _, memory = recognizer.windowed(window, memory)

    return call


@contextmanager
def _plain_products() -> Iterator[Callable[[], float]]:
    """Give what times a product of matrices with one thread, in a process that is told so.

    NumPy's threads can only be bounded before it is imported.
    """
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    with subprocess.Popen(
        [sys.executable, "-c", _PRODUCT],
        env={**os.environ, **one, "VECLIB_MAXIMUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:

        def product_ms() -> float:
            if process.stdin is None or process.stdout is None:
                raise RealtimeMerError("The process that multiplies has no pipes.")
            process.stdin.write("\n")
            return float(process.stdout.readline())

        product_ms()  # the first one makes ready
        yield product_ms
