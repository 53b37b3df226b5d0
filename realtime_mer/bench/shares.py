"""Where the processor's time goes while a whole file is analysed."""

import time
from pathlib import Path
from typing import Any, cast

from realtime_mer.analysis import FileAnalysis
from realtime_mer.audio.block import Block
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.intake import Intake
from realtime_mer.recognizer.contract import StreamingRecognizer

PARTS = ("decoding", "mixing and resampling", "network", "all else")
"""What the time goes to; nothing is to take more of it than the network."""


class _Timed:
    """A recogniser that notes its processor time, and is another's in all else."""

    def __init__(self, recognizer: StreamingRecognizer) -> None:
        self._recognizer = recognizer
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recognizer, name)

    def step(self, samples: Any, state: Any) -> Any:
        began = time.thread_time()  # a file is decoded in another thread meanwhile
        result = self._recognizer.step(samples, state)
        self.seconds += time.thread_time() - began
        return result


def offline_shares(path: Path, recognizer: StreamingRecognizer) -> dict[str, Any]:
    """Return what a file takes of the processor, as ``annotate`` hears it.

    Args:
        path: a sound file.
        recognizer: on the CPU, in one thread.

    Returns:
        ``seconds_per_core_second``, sound for each second of one core, and ``shares`` of the time
        for each of ``PARTS``, which sum to 1.
    """
    blocks: list[Block] = []
    began = time.process_time()
    source = FileSource(path, paced=False)
    while (block := source.read()) is not None:
        blocks.append(block)
    decoding = time.process_time() - began

    began = time.process_time()
    intake = Intake(target_rate=recognizer.sample_rate)
    for block in blocks:
        intake.push(block)
    intake.flush()
    mixing = time.process_time() - began

    timed = _Timed(recognizer)
    began = time.process_time()
    analysis = FileAnalysis(path, recognizer=cast(StreamingRecognizer, timed))
    for _ in analysis.estimates():
        pass
    analysis.summary()
    whole = time.process_time() - began
    rest = max(0.0, whole - decoding - mixing - timed.seconds)
    parts = (decoding, mixing, timed.seconds, rest)
    return {
        "seconds_per_core_second": round(analysis.seconds / whole, 1),
        "shares": {
            name: round(seconds / sum(parts), 3) for name, seconds in zip(PARTS, parts, strict=True)
        },
    }
