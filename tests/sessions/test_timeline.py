"""Sound that was kept lies where the estimates of it say, whatever happened in between."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.switch import SwitchableSource
from realtime_mer.engine import Engine
from realtime_mer.estimate import Estimate
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.stream import EmotionStream
from tests.networks import random_recognizer
from tests.test_engine import Script

RATE = 24_000
HOP = 2_400

SOUND = st.tuples(st.just("sound"), st.integers(1, 30_000), st.integers(-60, -3))  # and dBFS
STEPS = st.lists(
    st.one_of(
        SOUND,
        SOUND,
        st.tuples(st.just("gap"), st.integers(1, 30_000)),
        st.tuples(st.sampled_from(["fresh", "pause", "resume", "change"])),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def recognizer() -> StreamingRecognizer:
    return random_recognizer()


def block(number: int, *, length: int = 0, level: float = 0.0, missing: int = 0) -> Block:
    noise = np.random.default_rng(number).standard_normal((length, 1)).astype(np.float32)
    # Two sources do not sound alike, so that a shift by a sample shows; below full scale, so that a
    # file can hold it.
    samples = np.clip(noise * np.float32(10 ** (level / 20) / 3), -0.95, 0.95)
    return Block(samples=samples, rate=RATE, missing=missing)


def amplitude(samples: NDArray[np.float32]) -> float:
    """Return the root mean square, not under that of -120 dBFS."""
    return math.sqrt(max(float(np.mean(np.square(samples, dtype=float))), 1e-12))


@settings(max_examples=25)
@given(before=STEPS, within=STEPS, real_time=st.booleans())
@example(  # a hop that holds but a few quiet samples
    before=[("gap", 1)] * 4 + [("sound", 1854, -3)],
    within=[("gap", 1)] * 6 + [("gap", 2925)],
    real_time=False,
)
def test_the_kept_sound_of_every_hop_is_as_loud_as_its_estimate_says(
    recognizer: StreamingRecognizer, before: list, within: list, real_time: bool
) -> None:
    recorders: list[tuple[int, SoundRecorder]] = []

    def begin() -> None:
        start = engine.ring.written
        path = Path(folder) / "audio.flac"
        recorders.append((start, SoundRecorder(path, engine.ring, rate=RATE, start=start)))

    def change(rest: list) -> Callable[[], None]:
        return lambda: source.change(Script(rest, real_time=real_time))

    def played(steps: list, number: int = 0) -> list:
        """Return blocks and what happens between them; after a change the next source has them."""
        items: list = []
        for at, (what, *rest) in enumerate(steps):
            match what:
                case "record":
                    items.append(begin)
                case "sound":
                    items.append(block(number + at, length=rest[0], level=rest[1]))
                case "gap":
                    items.append(block(number + at, length=1, level=-20, missing=rest[0]))
                case "fresh":
                    items.append(lambda: source.reset())
                case "pause":
                    items.append(lambda: source.pause())
                case "resume":
                    items.append(lambda: source.resume())
                case _:
                    return [*items, change(played(steps[at + 1 :], number + at + 1))]
        return items

    # At last some sound, as a file without any is none.
    steps = [*before, ("record",), *within, ("resume",), ("sound", 3000, -20)]
    with tempfile.TemporaryDirectory() as folder:
        source = SwitchableSource(Script(played(steps), real_time=real_time))
        engine = Engine(
            source=source,
            stream=EmotionStream(recognizer),
            make_room=lambda length: [one.make_room(length) for _, one in recorders],
            max_backlog_s=29.0,
        )
        estimates = [event for event in engine.events() if isinstance(event, Estimate)]
        ((start, recorder),) = recorders
        recorder.close()
        kept, _ = soundfile.read(Path(folder) / "audio.flac", dtype="float32")
    assert recorder.lost == 0
    assert len(kept) == engine.ring.written - start
    judged = 0
    for estimate in estimates:
        end = round(estimate.t * RATE) - start
        if end >= HOP:
            expected = 10 ** (estimate.level_dbfs / 20)
            # The file has 16 bits; what is kept, without its offset, need not be whole steps.
            assert amplitude(kept[end - HOP : end]) == pytest.approx(expected, rel=2e-3, abs=2**-16)
            judged += 1
    assert judged == max(0, engine.ring.written // HOP - -(-start // HOP))
