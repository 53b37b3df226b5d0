"""What a checkpoint costs: milliseconds a hop on one thread, megabytes on the disc."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realtime_mer.model.checkpoint import Checkpoint, save_checkpoint
from realtime_mer.recognizer.reference import Recognizer

HOPS = 500
_UNTIMED = 20  # the first calls compile


def cost(made: Checkpoint, *, hops: int = HOPS) -> list[dict[str, Any]]:
    """Return the time of a hop, as live, and the size of the two files.

    Args:
        made: the checkpoint.
        hops: how many are timed.
    """
    recognizer = Recognizer(made, device="cpu")
    noise = np.random.default_rng(0).standard_normal(recognizer.hop_samples)
    sound = torch.from_numpy((0.1 * noise).astype(np.float32))[None]
    state = recognizer.initial_state(1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times, busy = [], []
    for _ in range(_UNTIMED + hops):
        began, begun = time.perf_counter(), time.thread_time()
        estimates, state = recognizer.step(sound, state)
        estimates.valence.item()
        times.append(1000 * (time.perf_counter() - began))
        busy.append(1000 * (time.thread_time() - begun))
    torch.set_num_threads(threads)
    timed = np.array(times[_UNTIMED:])
    protocol = (
        f"incremental hops one after another, one thread, {os.cpu_count()} cores that other work "
        "was not kept from, which processor time leaves out; realtime-mer bench has the same "
        "beside live sessions"
    )
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "made", made.network, made.card)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return [
        _row("one hop, median (ms)", float(np.median(timed)), hops, protocol),
        _row(
            "one hop, median (ms of processor)", float(np.median(busy[_UNTIMED:])), hops, protocol
        ),
        _row("one hop, 99th percentile (ms)", float(np.percentile(timed, 99)), hops, protocol),
        _row("checkpoint (MB)", size / 1e6, 1, "weights and card as they ship"),
    ]


def _row(metric: str, value: float, n: int, protocol: str) -> dict[str, Any]:
    return {
        "data": "the refit",
        "metric": metric,
        "value": round(value, 3),
        "n": n,
        "protocol": protocol,
    }
