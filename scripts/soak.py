#!/usr/bin/env python3
"""Runs a day of sound through one session, many times real time, and accounts for every sample.

The built-in piece at 44.1 kHz, over and over, goes through the parts that a live session consists
of: engine, network, recorder of events and sound, service. Twenty subscribers follow over real
sockets, in four processes; one of each wants every estimate, the others two a second of sound.
Once an hour the device is lost for seven seconds. In the end all samples must be accounted for, the
session must be whole, and nothing may have grown. The numbers go to `docs/results/soak.json`; what
was not so is printed, and the status is 1.

    .venv/bin/python scripts/soak.py --hours 24

At such speeds a subscriber gets the newest estimates and not each: the status and the end must
reach it, in order. Linux; not run on macOS or Windows.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
import torch

import realtime_mer
from realtime_mer.audio.block import Block
from realtime_mer.audio.demo import compose
from realtime_mer.audio.ring import RingBuffer
from realtime_mer.engine import RING_S, Engine
from realtime_mer.estimate import Estimate, Status
from realtime_mer.model.files import checkpoint_files
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.service.server import Service
from realtime_mer.sessions.manifest import Manifest
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.store import AUDIO, FOLDER_VARIABLE, Session, create_folder
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import Event, Hello, StatusMessage

FOLLOWERS = Path(__file__).with_name("_soak_followers.py")
FOLLOWER_PROCESSES = 4
RATE = 44_100
AWAY_S = 7.0
FIRST_LOSS_S = 600
SETTLED_MIN = 15  # caches and queues are full by then


class LosingSource:
    """The built-in piece at 44.1 kHz, whose device is lost for seconds once an hour.

    It comes so many times as fast as real time, or slower where whoever reads it is slower.

    Attributes:
        length: frames there will be, those that are lost included.
        frames: how many passed.
        losses: how often it was lost.
    """

    name = "the built-in piece"
    real_time = False

    def __init__(self, *, hours: float, speed: float) -> None:
        self.frames = self.losses = 0
        self._frames_a_second = speed * RATE
        self._due = time.monotonic()
        self._piece = compose(sample_rate=RATE)
        self.length = round(hours * 3600 * RATE)
        self._at = 0
        self._back: Block | None = None

    def read(self) -> Block | None:
        """Return the next second of it, or that it is away."""
        if self._back is not None:
            back, self._back = self._back, None
            return back
        if self.frames >= self.length:
            return None
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due, time.monotonic() - 1.0) + RATE / self._frames_a_second
        samples = self._piece[self._at : self._at + min(RATE, self.length - self.frames)]
        self._at = (self._at + len(samples)) % len(self._piece)
        if self.frames >= (FIRST_LOSS_S + 3600 * self.losses) * RATE:
            missing = round(AWAY_S * RATE)
            self.losses += 1
            self.frames += missing + len(samples)
            self._back = Block(samples=samples, rate=RATE, missing=missing)
            return Block(samples=samples[:0], rate=RATE, reconnecting=True)
        self.frames += len(samples)
        return Block(samples=samples, rate=RATE)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(kw_only=True)
class Measured:
    """What was read of the process once a minute of sound."""

    minutes: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)

    def take(self, process: psutil.Process, minutes: float, waiting: int) -> None:
        """Read them now."""
        self.minutes.append(minutes)
        self.resident_mb.append(round(process.memory_info().rss / 1e6, 1))
        self.descriptors.append(process.num_fds())
        self.threads.append(threading.active_count())
        self.waiting.append(waiting)

    def growth(self) -> dict[str, float]:
        """Return by how much each grew, once it had settled."""
        settled = next((at for at, minute in enumerate(self.minutes) if minute >= SETTLED_MIN), 0)
        slope = np.polyfit(self.minutes[settled:], self.resident_mb[settled:], 1)[0]
        return {
            "resident_mb": round(self.resident_mb[-1] - self.resident_mb[settled], 1),
            "resident_mb_per_hour": round(float(slope) * 60, 2),
            "descriptors": self.descriptors[-1] - self.descriptors[settled],
            "threads": self.threads[-1] - self.threads[settled],
            "most_waiting_for_the_disk": max(self.waiting),
        }


def main() -> int:
    """Measure, check, write and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0, help="of sound (default: 24)")
    parser.add_argument("--speed", type=float, default=60.0, help="times real time (default: 60)")
    parser.add_argument("--subscribers", type=int, default=20)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    if options.hours * 60 <= SETTLED_MIN:
        parser.error(f"--hours must be more than {SETTLED_MIN / 60}")
    torch.set_num_threads(1)  # as live
    with tempfile.TemporaryDirectory() as name:
        os.environ[FOLDER_VARIABLE] = f"{name}/sessions"
        result, problems = soak(
            hours=options.hours,
            speed=options.speed,
            subscribers=options.subscribers,
            model=options.model,
        )
    text = json.dumps(result | {"problems": problems}, indent=1, allow_nan=False) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "soak.json").write_text(text, encoding="utf-8")
    print(text, end="")
    return int(bool(problems))


def soak(
    *, hours: float, speed: float, subscribers: int, model: str
) -> tuple[dict[str, Any], list[str]]:
    """Run it, and return the numbers and what was not as it must be, one line each."""
    recognizer = load_recognizer(model)
    rate, hop = recognizer.sample_rate, recognizer.hop_samples
    hello = Hello(
        server_version=realtime_mer.__version__,
        model=recognizer.card.name,
        hop=hop / rate,
        window=recognizer.window_samples / rate,
        sample_rate=rate,
    )
    source = LosingSource(hours=hours, speed=speed)
    ring = RingBuffer(round(RING_S * rate))
    folder = create_folder("soak", now=datetime.now().astimezone())
    manifest = Manifest(
        name=folder.name,
        started_at=datetime.now().astimezone().isoformat("T", "milliseconds"),
        software=realtime_mer.__version__,
        source=source.name,
        hello=hello,
        model_card=json.loads(checkpoint_files(model)[0].read_bytes()),
        compute=recognizer.compute,
        settings={},
        audio=AUDIO,
    )
    measured, seqs, ends_right, away = Measured(), 0, True, 0
    begun = time.monotonic()
    with (
        Service(hello=hello, port=0) as service,
        closing(Recording(folder, manifest, wait=True)) as recording,
    ):
        recording.record_sound(ring, rate=rate, start=0)
        sound = recording.sound
        if sound is None:
            return {}, ["the sound is not recorded"]

        def publish(event: Event) -> None:
            recording.events.record(event)
            service.publish(event)

        engine = Engine(
            source=source,
            stream=EmotionStream(recognizer),
            ring=ring,
            publish=publish,
            make_room=sound.make_room,
        )
        expected = round(source.length * rate / RATE)
        last = expected // hop - 1
        followers = _followers(service.url, subscribers, last)
        if any(one.stdout is None or one.stdout.readline() != "ready\n" for one in followers):
            return {}, ["the subscribers did not come"]
        process = psutil.Process()
        for event in engine.events():
            if isinstance(event, StatusMessage):
                away += event.status is Status.RECONNECTING
            elif isinstance(event, Estimate):
                ends_right &= event.seq == seqs and round(event.t * rate) == (seqs + 1) * hop
                seqs += 1
                if seqs % round(60 * rate / hop) == 0:
                    measured.take(process, seqs * hop / rate / 60, recording.events.waiting)
        wall = time.monotonic() - begun
        # Sound this fast leaves seconds of messages in the system's buffers: a service that ended
        # now would cut off whoever reads them still.
        told = [one for process in followers for one in json.loads(process.communicate()[0])]
    session = Session(folder)
    totals = session.totals(read=True)
    kept = len(soundfile.SoundFile(folder / AUDIO))
    problems = _problems(
        {
            "samples heard": (ring.written, expected),
            "estimates": (seqs, expected // hop),
            "estimates that end where they must": (ends_right, True),
            "losses told": (away, source.losses),
            "samples kept": (kept, expected),
            "samples the disk was too slow for": (sound.lost, 0),
            "estimates kept": (totals.estimates, seqs),
            "what cannot be read of them": (totals.damaged, 0),
            "failures of the recording": (recording.failures, ()),
            "messages lost by the recorder": (recording.events.lost, 0),
            "problems of the session": (session.problems(), []),
            "subscribers": (len(told), subscribers),
            "subscribers that got all in order": (sum(one["ordered"] for one in told), subscribers),
            "subscribers that got the end": (sum(one["ended"] for one in told), subscribers),
            "growth of descriptors": (measured.growth()["descriptors"], 0),
            "growth of threads": (measured.growth()["threads"], 0),
        }
    )
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": f"{hours:g} hours of the built-in piece at {RATE} Hz, at most {speed:g} times "
        f"as fast as real time; {subscribers} subscribers in {FOLLOWER_PROCESSES} processes, one "
        "of each wants every estimate and the others two a second of sound; a device lost for "
        f"{AWAY_S:g} s every hour; measured every minute of sound, growth from minute "
        f"{SETTLED_MIN} on",
        "hours": hours,
        "wall_s": round(wall, 1),
        "times_real_time": round(hours * 3600 / wall, 1),
        "frames_in": source.frames,
        "samples_heard": ring.written,
        "drift_samples": ring.written - expected,
        "estimates": seqs,
        "losses": source.losses,
        "session_mb": round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6, 1),
        "growth": measured.growth(),
        "service": service.faults(),
        "subscribers_got": sorted(one["estimates"] for one in told),
        "resident_mb": measured.resident_mb[:: max(1, len(measured.resident_mb) // 144)],
    }
    return result, problems


def _followers(url: str, count: int, last: int) -> list["subprocess.Popen[str]"]:
    """Start processes that share so many subscribers, who follow to this number of estimate."""
    shares = [len(range(at, count, FOLLOWER_PROCESSES)) for at in range(FOLLOWER_PROCESSES)]
    return [
        subprocess.Popen(
            [sys.executable, str(FOLLOWERS), url, str(share), str(last)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
        if share
    ]


def _problems(found: dict[str, tuple[Any, Any]]) -> list[str]:
    return [
        f"{what}: {value}, and {wanted} was expected"
        for what, (value, wanted) in found.items()
        if value != wanted
    ]


if __name__ == "__main__":
    sys.exit(main())
