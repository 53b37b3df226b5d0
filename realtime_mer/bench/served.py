"""A service with readers in another process, for ``realtime-mer bench serve``."""

import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

import realtime_mer
from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import RealtimeMerError
from realtime_mer.estimate import Affect, Estimate, Status
from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Hello


@dataclass(frozen=True, kw_only=True)
class Receipts:
    """What readers got.

    Attributes:
        seqs: number of an estimate, one for every receipt, ``(receipts,)``.
        at: ``time.monotonic()`` of that receipt.
        published: the same for the publishing of every estimate, ``(estimates,)``.
    """

    seqs: NDArray[np.intp]
    at: NDArray[np.float64]
    published: NDArray[np.float64]

    def latency_ms(self, seqs: range) -> NDArray[np.float64]:
        """Return what it took from publishing to receipt, for some estimates and every reader."""
        chosen = (self.seqs >= seqs.start) & (self.seqs < seqs.stop)
        latency: NDArray[np.float64] = self.at[chosen] - self.published[self.seqs[chosen]]
        return 1000 * latency


class LoadedService:
    """A service with readers in another process."""

    def __init__(self, service: Service, readers: "subprocess.Popen[bytes]") -> None:
        self.service = service
        self._readers = readers
        self._published: list[float] = []

    def publish(self, count: int, *, rate: float) -> range:
        """Publish so many estimates at a rate and return their numbers."""
        first = len(self._published)
        due = time.monotonic()
        for seq in range(first, first + count):
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))
            self._published.append(time.monotonic())
            self.service.publish(_estimate(seq))
        time.sleep(1 / rate)  # the last one's turn, too, before anything else begins
        return range(first, first + count)

    def end(self) -> Receipts:
        """Stop the service and return what the readers got."""
        self.service.close()
        output, _ = self._readers.communicate(timeout=60)
        pairs = np.frombuffer(output, dtype=np.float64).reshape(-1, 2)
        return Receipts(
            seqs=pairs[:, 0].astype(np.intp),
            at=pairs[:, 1],
            published=np.array(self._published),
        )


@contextmanager
def loaded_service(
    clients: int, *, rate: float, cores: Sequence[int] | None
) -> Iterator[LoadedService]:
    """Start a service and its readers, and end both.

    Args:
        clients: how many readers; one more may connect.
        rate: estimates a second that ``hello`` tells of.
        cores: where the readers run; None where the system does not let us choose.

    Raises:
        RealtimeMerError: the readers do not start.
    """
    hello = Hello(
        server_version=realtime_mer.__version__,
        model="bench",
        hop=1 / rate,
        window=3.0,
        sample_rate=24_000,
    )
    # A stalled client is to stay.
    limits = Limits(connections=clients + 1, stall_timeout_s=math.inf)
    with (
        Service(hello=hello, port=0, limits=limits) as service,
        _readers(service.port, clients, cores) as readers,
    ):
        yield LoadedService(service, readers)


@contextmanager
def _readers(
    port: int, count: int, cores: Sequence[int] | None
) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "realtime_mer.bench.readers", str(port), str(count)],
        stdout=subprocess.PIPE,
    ) as process:
        try:
            if cores is not None:
                psutil.Process(process.pid).cpu_affinity(list(cores))
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise RealtimeMerError(
                    f"{count} clients could not connect: see above why, or allow more open files."
                )
            yield process
        finally:
            process.kill()


def _estimate(seq: int) -> Estimate:
    return Estimate(
        seq=seq,
        t=round((seq + 1) * 0.1, 3),
        wall_time="2026-01-01T12:00:00.000+00:00",
        affect=Affect(
            valence=0.123456,
            arousal=-0.345678,
            valence_sd=0.234567,
            arousal_sd=0.345678,
            quadrants=dict.fromkeys(QUADRANTS, 0.25),
            gems=dict.fromkeys(GEMS, 0.123456),
        ),
        status=Status.MUSIC,
        level_dbfs=-20.12,
        latency_ms=12.345,
        state_age_s=round((seq + 1) * 0.1, 3),
    )
