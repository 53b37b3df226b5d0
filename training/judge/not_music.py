"""What a checkpoint says of sound that is not music: until a status tells, a limit to be stated."""

import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.recognizer.reference import Recognizer
from realtime_mer.stream import EmotionStream
from realtime_mer.summary import Summarizer

SECONDS = 30
LEVEL_DBFS = -20.0

# How far from neutral an estimate must lie to count as an emotion: half way to the mood words.
FALSE_EMOTION = 0.3

_VOICES = ("en-us", "en-gb+f3", "de+m3")
_TEXT = (
    "The next train to the harbour leaves from platform four at ten past nine. Please mind the "
    "gap between the train and the platform. We are sorry for the delay this morning, which is "
    "due to works on the line. Tickets can be bought from the machines in the hall, or from the "
    "conductor, who takes cards and cash. "
)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was said of one sound.

    Attributes:
        sound: its name.
        valence, arousal: means over the hops after the first 3 s.
        false_emotions: share of these hops further than ``FALSE_EMOTION`` from neutral.
        quadrant: the likeliest, with its mean probability.
    """

    sound: str
    valence: float
    arousal: float
    false_emotions: float
    quadrant: tuple[str, float]


def judge(recognizer: Recognizer, sound: str, samples: NDArray[np.float32]) -> Judgement:
    """Run a sound as live and summarise what was said of it.

    Args:
        recognizer: the checkpoint.
        sound: name for the table.
        samples: float32 ``(n,)``, more than 3 s at the recogniser's rate.
    """
    estimates = [
        estimate
        for estimate in EmotionStream(recognizer).push(samples)
        if estimate.status is not Status.WARMING_UP
    ]
    summarizer = Summarizer(recognizer.card.calibration)
    summarizer.add(estimates)
    summary = summarizer.summary(path=sound, seconds=len(samples) / recognizer.sample_rate)
    quadrants = {name: p for name, p in summary.quadrants.items() if p is not None}
    likeliest = max(quadrants, key=quadrants.__getitem__)
    return Judgement(
        sound=sound,
        valence=summary.valence or 0.0,
        arousal=summary.arousal or 0.0,
        false_emotions=sum(map(_is_emotion, estimates)) / len(estimates),
        quadrant=(likeliest, quadrants[likeliest]),
    )


def sounds(rate: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield noises, and speech where espeak-ng is installed, each ``SECONDS`` at ``LEVEL_DBFS``."""
    generator = np.random.default_rng(0)
    count = SECONDS * rate
    t = np.arange(count) / rate
    white = generator.standard_normal(count)
    yield "white noise", _levelled(white)
    spectrum = np.fft.rfft(white)
    slope = np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    yield "pink noise", _levelled(np.fft.irfft(spectrum / slope, count))
    yield "brown noise (traffic far off)", _levelled(np.fft.irfft(spectrum / slope**2, count))
    overtones = np.arange(1, 8)[:, None]
    hum = (np.sin(2 * np.pi * 50 * overtones * t) / overtones).sum(axis=0)
    yield "mains hum", _levelled(hum)
    claps = np.zeros(count)
    # Some 40 hands, three claps a second each: short decaying bursts at random moments.
    for start in generator.integers(0, count - rate // 20, 120 * SECONDS):
        length = rate // 20
        decay = np.exp(-np.arange(length) / (0.006 * rate))
        claps[start : start + length] += generator.standard_normal(length) * decay
    yield "applause (made)", _levelled(claps)
    if shutil.which("espeak-ng") is None:
        return
    for voice in _VOICES:
        yield f"speech (espeak-ng {voice})", _levelled(_speech(voice, rate)[:count])


def false_emotions(recognizer: Recognizer) -> list[dict[str, Any]]:
    """Return a row for every sound of ``sounds`` as a report keeps them."""
    return [
        {**asdict(judge(recognizer, sound, samples)), "seconds": SECONDS}
        for sound, samples in sounds(recognizer.sample_rate)
    ]


def _levelled(samples: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    power = math.sqrt(float(np.mean(np.square(samples, dtype=np.float64))))
    return (samples * (10 ** (LEVEL_DBFS / 20) / power)).astype(np.float32)


def _speech(voice: str, rate: int) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = ["espeak-ng", "-v", voice, "-w", str(path), _TEXT * 3]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip() or f"status {error.returncode}"
            raise InputError(f"espeak-ng cannot speak as {voice}: {said}") from error
        return load_audio(path, sample_rate=rate)


def _is_emotion(estimate: Estimate) -> bool:
    return math.hypot(estimate.valence, estimate.arousal) > FALSE_EMOTION
