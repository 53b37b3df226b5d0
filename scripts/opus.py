#!/usr/bin/env python3
"""What `rooms send --format opus` does to the estimates, beside those of the same music as s16le.

Each clip goes both ways that a room is fed: written by the sender's own writer, read by the
service's own decoder, made 24 kHz, and estimated as a stream. Hop by hop the two are compared: how
far valence and arousal lie apart where both hear music, whether the likeliest quadrant is the same,
and in how many hops the status differs. The result goes to `docs/results/opus.json`.

    .venv/bin/python scripts/opus.py $REALTIME_MER_DATA/{emotify,grekow,panda4q}/audio/*[05].opus

Clips that are Opus already have lost most of what Opus takes away; so the built-in piece, which was
never packed, is measured apart. It needs the extra `opus`.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer import load_audio
from realtime_mer.audio.block import Block
from realtime_mer.audio.demo import compose
from realtime_mer.audio.intake import Intake
from realtime_mer.estimate import Estimate, Status
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.rooms.formats import decoder
from realtime_mer.rooms.sending.writing import OPUS_BITS_PER_S, writer
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.sound import Format, Open

SECONDS = 30.0


def main() -> None:
    """Measure the clips that were named, and the built-in piece, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/results/opus.json"))
    arguments = parser.parse_args()
    recognizer = load_recognizer(compute="light")
    rate = recognizer.sample_rate
    clips, piece = Apart(), Apart()
    for path in arguments.clips:
        clips.add(recognizer, load_audio(path, sample_rate=rate, longest_s=SECONDS))
        print(path.name, flush=True)
    piece.add(recognizer, compose(sample_rate=rate).mean(axis=1))
    result = {
        "data": f"{clips.count} clips, their first {SECONDS:g} s; and the built-in piece, whole",
        "model": recognizer.card.name,
        "protocol": f"mono Opus at {OPUS_BITS_PER_S} bits a second in packets of 20 ms, beside "
        "s16le at 24 kHz, hop by hop; numbers and quadrants of hops where both hear music",
        "clips": clips.row(),
        "built_in_piece": piece.row(),
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def heard(samples: NDArray[np.float32], form: Format, *, rate: int) -> NDArray[np.float32]:
    """Return what a room hears of mono sound that is sent in a format."""
    written = writer(form)
    opened = Open(rate=written.rate, format=form)
    read = decoder(opened)
    sent = resampled([samples], rate=rate, to=written.rate)
    chunks = [
        read.decode(data)[:, 0]
        for at in range(0, len(sent), written.rate)
        for _, data in written.write(at, sent[at : at + written.rate])
    ]
    return resampled(chunks, rate=written.rate, to=rate)


def resampled(parts: list[NDArray[np.float32]], *, rate: int, to: int) -> NDArray[np.float32]:
    """Return sound at another rate, made as sender and service make it."""
    intake = Intake(target_rate=to)
    pieces = [
        piece.samples
        for part in parts
        for piece in intake.push(Block(samples=part[:, np.newaxis], rate=rate))
    ]
    return np.concatenate([*pieces, *(piece.samples for piece in intake.flush())])


@dataclass
class Apart:
    """How far the estimates of two ways lie apart.

    Attributes:
        count: clips.
        distances: of valence and arousal, a row a hop where both hear music.
        means: of either over a clip, likewise a row a clip.
    """

    count: int = 0
    hops: int = 0
    other_status: int = 0
    same_quadrant: int = 0
    distances: list[NDArray[np.float64]] = field(default_factory=list)
    means: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, recognizer: StreamingRecognizer, samples: NDArray[np.float32]) -> None:
        """Send a clip both ways."""
        raw, packed = (
            EmotionStream(recognizer).push(heard(samples, form, rate=recognizer.sample_rate))
            for form in ("s16le", "opus")
        )
        pairs = list(zip(raw, packed, strict=False))  # the last packet is filled up with zeros
        music = [
            (one, other)
            for one, other in pairs
            if one.status is Status.MUSIC and other.status is Status.MUSIC
        ]
        self.count += 1
        self.hops += len(pairs)
        self.other_status += sum(one.status is not other.status for one, other in pairs)
        self.same_quadrant += sum(likeliest(one) == likeliest(other) for one, other in music)
        if music:
            rows = np.array([point(other) - point(one) for one, other in music])
            self.distances.append(np.abs(rows))
            self.means.append(rows.mean(axis=0))

    def row(self) -> dict[str, Any]:
        """Return what was found, ready for JSON."""
        distances = np.concatenate(self.distances)
        means = np.array(self.means)
        row: dict[str, Any] = {
            "clips": self.count,
            "hops": self.hops,
            "hops_of_music": len(distances),
            "share_of_hops_with_another_status": round(self.other_status / self.hops, 5),
            "share_with_the_same_quadrant": round(self.same_quadrant / len(distances), 4),
        }
        for number, name in enumerate(("valence", "arousal")):
            apart = distances[:, number]
            row[name] = {
                "mean": round(float(apart.mean()), 4),
                "median": round(float(np.median(apart)), 4),
                "p99": round(float(np.quantile(apart, 0.99)), 4),
                "mean_of_clips_moved": round(float(np.abs(means[:, number]).mean()), 4),
                "shift": round(float(means[:, number].mean()), 4),
            }
        return row


def point(estimate: Estimate) -> NDArray[np.float64]:
    """Return valence and arousal."""
    return np.array([estimate.valence, estimate.arousal])


def likeliest(estimate: Estimate) -> str:
    """Return the quadrant that is likeliest."""
    return max(estimate.quadrants, key=lambda name: estimate.quadrants[name])


if __name__ == "__main__":
    main()
