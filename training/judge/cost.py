"""What a checkpoint costs: milliseconds a hop on one thread, megabytes on the disc.

Beside it stands MSD-MusiCNN, the network that live systems of the field take: it has no state, so
that whoever wants an answer every 0.1 s computes its whole window of 3 s as often.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realtime_mer.model.checkpoint import Checkpoint, save_checkpoint
from realtime_mer.recognizer.light import LightRecognizer
from realtime_mer.recognizer.reference import Recognizer

from ..features.teacher import HOP_LENGTH, SAMPLE_RATE, WINDOW_FRAMES, MusiCNN

HOPS = 500
WINDOWS = 60
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


def cost_beside_teacher(
    light: LightRecognizer, arrays: Mapping[str, np.ndarray], *, windows: int = WINDOWS
) -> list[dict[str, Any]]:
    """Return the time of a light hop and of a teacher's window, taken by turns on one thread.

    Args:
        light: the checkpoint, in the light runtime.
        arrays: the teacher's, see ``MusiCNN``.
        windows: how many are timed, each after as many hops as make a second.
    """
    teacher = MusiCNN(arrays).eval()
    rng, second = np.random.default_rng(0), round(1 / light.card.hop_s)
    sound = (0.1 * rng.standard_normal((1, light.hop_samples))).astype(np.float32)
    length = (WINDOW_FRAMES - 1) * HOP_LENGTH  # its frames are centred, the first on sample 0
    window = torch.from_numpy((0.1 * rng.standard_normal((1, length))).astype(np.float32))
    state = light.initial_state()
    of_hops, of_windows = [], []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        for _ in range(_UNTIMED + windows):
            for _ in range(second):
                begun = time.thread_time()
                _, state = light.step(sound, state)
                of_hops.append(1000 * (time.thread_time() - begun))
            begun = time.thread_time()
            teacher(teacher.mel(window))
            of_windows.append(1000 * (time.thread_time() - begun))
    torch.set_num_threads(threads)
    hop = float(np.median(of_hops[_UNTIMED * second :]))
    whole = float(np.median(of_windows[_UNTIMED:]))
    protocol = (
        "by turns in one run, a window after each second of hops, one thread, features included; "
        f"MSD-MusiCNN hears {length / SAMPLE_RATE:.2f} s"
    )
    hops = windows * second
    return [
        _row("one hop, light runtime, median (ms of processor)", hop, hops, protocol),
        _row("one window of MSD-MusiCNN, median (ms of processor)", whole, windows, protocol),
        _row("light hops in the time of one window of MSD-MusiCNN", whole / hop, windows, protocol),
    ]


def _row(metric: str, value: float, n: int, protocol: str) -> dict[str, Any]:
    return {
        "data": "the refit",
        "metric": metric,
        "value": round(value, 3),
        "n": n,
        "protocol": protocol,
    }
