"""Tries seeds of a target one after the other, and bounds what each may take."""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import FrameType

from realtime_mer.sessions.store import FOLDER_VARIABLE
from tests.fuzzing.targets import TARGETS, Try

LONGEST_S = 60
"""A seed that takes longer does not come to an end."""

MOST_MB = 400
"""By so much the process may grow beyond what its first seeds took."""

_WARM = 50  # seeds, after which every library has what it keeps


@dataclass
class Run:
    """What came of some seeds.

    Attributes:
        tried: how many.
        failed: why each failed that did.
        memory_mb: by how much the process grew beyond what its first seeds took, at its most.
    """

    tried: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    memory_mb: float = 0.0


def run(name: str, *, seconds: float = inf, seeds: int | None = None, first: int = 0) -> Run:
    """Try seeds for so long, at least one, or so many."""
    found = Run()
    before = os.environ.get(FOLDER_VARIABLE)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers near the largest
        os.environ[FOLDER_VARIABLE] = f"{folder}/sessions"
        try:
            one = TARGETS[name](Path(folder))
            end = time.monotonic() + seconds
            warm = 0.0
            while not found.tried or (found.tried != seeds and time.monotonic() < end):
                seed = first + found.tried
                why = tried(one, seed)
                found.tried += 1
                if why is not None:
                    found.failed[seed] = why
                peak = _peak_mb()
                if found.tried <= _WARM:
                    warm = peak
                elif peak - warm > MOST_MB:
                    found.failed[seed] = f"the process grew by {peak - warm:.0f} MB"
                    warm = peak
                found.memory_mb = max(found.memory_mb, round(peak - warm, 1))
        finally:
            if before is None:
                del os.environ[FOLDER_VARIABLE]
            else:
                os.environ[FOLDER_VARIABLE] = before
    return found


def tried(one: Try, seed: int) -> str | None:
    """Try one seed, and return what it raised; None for nothing."""
    try:
        with _no_longer_than(LONGEST_S):
            one(seed)
    except Exception:  # noqa: BLE001  every one is what is looked for
        return traceback.format_exc()
    return None


@contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _peak_mb() -> float:
    """Return the most memory that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
