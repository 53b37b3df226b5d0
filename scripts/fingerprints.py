#!/usr/bin/env python3
"""Measures how alike the fingerprints of copies are, and how unlike those of different tracks.

The first half minute of some clips (by chance of those that are named) is made stereo at 44.1
kHz, written in other formats by ffmpeg, and changed in ways that make another track of it. Each is
compared with what it was made from, by the rule that `annotate` knows a track by: length, loudness
and fingerprint. Every clip is compared with every other one too, and those that come near are
named, since corpora hold the same recording twice. The result is `docs/results/fingerprints.json`,
written anew after each clip, so that you may stop it. One process; it needs ffmpeg, and what tests
need.

    .venv/bin/python scripts/fingerprints.py $REALTIME_MER_DATA/{emotify,panda4q}/audio/*.opus
"""

import argparse
import itertools
import json
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime_mer import load_audio
from realtime_mer.library.fingerprint import alike, difference
from realtime_mer.library.listening import listen
from realtime_mer.library.sound import LONGEST_APART_S, LOUDEST_APART_LU, Sound

RATE = 44_100
COPIES = 100
"""Clips that are written in other formats."""

LONGEST_S = 30.0
"""Seconds of each of these."""

NEAR = 0.5
"""Pairs of different clips that differ in less are named; sounds that are unlike differ in 2/3."""

FORMATS: Mapping[str, tuple[str, Sequence[str]]] = {
    "MP3 64 kbit/s": ("mp3", ["-b:a", "64k"]),
    "MP3 128 kbit/s": ("mp3", ["-b:a", "128k"]),
    "MP3 320 kbit/s": ("mp3", ["-b:a", "320k"]),
    "AAC 128 kbit/s, M4A": ("m4a", ["-b:a", "128k"]),
    "Opus 32 kbit/s": ("opus", ["-b:a", "32k"]),
    "Opus 96 kbit/s": ("opus", ["-b:a", "96k"]),
    "Vorbis q3": ("ogg", ["-q:a", "3"]),
    "FLAC 48 kHz": ("flac", ["-ar", "48000"]),
    "FLAC 22.05 kHz": ("flac", ["-ar", "22050"]),
    "WAV, 8 bits": ("wav", ["-c:a", "pcm_u8"]),
    "raw AAC 128 kbit/s": ("aac", ["-b:a", "128k"]),
    "WMA 128 kbit/s": ("wma", ["-b:a", "128k"]),
}
TWICE = "MP3 128 kbit/s, then AAC 128 kbit/s"
Samples = NDArray[np.float32]


def over(samples: Samples, other: Samples) -> Samples:
    """Return a clip with another one over it, 12 dB quieter."""
    other = np.resize(other, samples.shape)
    ratio = np.sqrt(np.mean(samples**2) / max(float(np.mean(other**2)), 1e-12))
    both = samples + 10 ** (-12 / 20) * ratio * other
    return np.asarray(both, dtype=np.float32)


def replaced(samples: Samples, other: Samples) -> Samples:
    """Return a clip with up to eight seconds in its middle from another one."""
    changed, size = samples.copy(), min(8 * RATE, len(samples) // 3)
    start = (len(samples) - size) // 2
    changed[start : start + size] = np.resize(other, (size,))
    return changed


def faster(samples: Samples, other: Samples) -> Samples:
    """Return a clip one per cent faster."""
    places = np.arange(0, len(samples) - 1, 1.01)
    return np.asarray(np.interp(places, np.arange(len(samples)), samples), dtype=np.float32)


CHANGES: Mapping[str, Callable[[Samples, Samples], Samples]] = {
    "another clip over it, 12 dB quieter": over,
    "8 s replaced": replaced,
    "1 % faster": faster,
}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How far two sounds are apart."""

    everywhere: float
    there: float
    seconds: float
    loudness: float | None
    known: bool
    alike: bool


def compared(one: Sound, other: Sound) -> Compared:
    """Compare two sounds as a store does that knows the first of them."""
    everywhere, there = difference(one.fingerprint, other.fingerprint)
    seconds = abs(one.seconds - other.seconds)
    loudness = None
    if one.loudness_lufs is not None and other.loudness_lufs is not None:
        loudness = abs(one.loudness_lufs - other.loudness_lufs)
    same = alike(one.fingerprint, other.fingerprint)
    return Compared(
        everywhere=everywhere,
        there=there,
        seconds=seconds,
        loudness=loudness,
        known=same
        and seconds <= LONGEST_APART_S
        and loudness is not None
        and loudness <= LOUDEST_APART_LU,
        alike=same,
    )


def main() -> None:
    """Measure the clips that were named and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--out", type=Path, default=Path("docs/results/fingerprints.json"))
    arguments = parser.parse_args()
    clips: list[Path] = arguments.clips
    pairs = of_pairs({f"{path.parent.parent.name}/{path.stem}": path for path in clips})
    some = random.Random(0).sample(clips, min(arguments.copies, len(clips)))
    result = {
        "rule": {
            "seconds": LONGEST_APART_S,
            "loudness_lu": LOUDEST_APART_LU,
            "fingerprint": "alike() of realtime_mer/library/fingerprint.py",
        },
        "different_clips": pairs,
    }
    for copied in of_copies(some):
        content = json.dumps(result | copied, indent=1)
        arguments.out.write_text(f"{content}\n", encoding="utf-8")


def of_copies(clips: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Compare clips with their copies and with what makes others of them; yield what is known."""
    copies: dict[str, list[Compared]] = {name: [] for name in (*FORMATS, TWICE)}
    changes: dict[str, list[Compared]] = {name: [] for name in CHANGES}
    other = load_audio(clips[-1], sample_rate=RATE, longest_s=LONGEST_S)
    for number, clip in enumerate(clips, start=1):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            samples = load_audio(clip, sample_rate=RATE, longest_s=LONGEST_S)
            original = folder / "original.wav"
            heard = written(original, samples)
            for kind, (ending, options) in FORMATS.items():
                copies[kind].append(compared(heard, encoded(original, ending, options)))
            encoded(original, "mp3", FORMATS["MP3 128 kbit/s"][1])
            again = encoded(folder / "original.mp3", *FORMATS["AAC 128 kbit/s, M4A"])
            copies[TWICE].append(compared(heard, again))
            for kind, change in CHANGES.items():
                changed = written(folder / "changed.wav", change(samples, other))
                changes[kind].append(compared(heard, changed))
            other = samples
        print(number, clip.name, flush=True)
        yield {
            "copied_clips": number,
            "copied_s": LONGEST_S,
            "copies": {name: row(found) for name, found in copies.items()},
            "not_copies": {name: row(found) for name, found in changes.items()},
        }


def of_pairs(clips: Mapping[str, Path]) -> dict[str, Any]:
    """Compare every clip with every other one."""
    sounds = {}
    for number, (name, path) in enumerate(clips.items(), start=1):
        sounds[name], source = listen(str(path))
        source.close()
        if number % 100 == 0:
            print(f"{number} clips heard", flush=True)
    found, near = [], []
    for (one, first), (other, second) in itertools.combinations(sounds.items(), 2):
        pair = compared(first, second)
        found.append(pair)
        if pair.everywhere < NEAR:
            near.append((pair, one, other))
    near.sort(key=lambda one: one[0].everywhere)
    return {
        "clips": len(sounds),
        **row(found),
        "passing_length_and_loudness": sum(
            one.seconds <= LONGEST_APART_S
            and one.loudness is not None
            and one.loudness <= LOUDEST_APART_LU
            for one in found
        ),
        "near": [
            {"one": one, "other": other, **numbers(pair), "known": pair.known}
            for pair, one, other in near
        ],
    }


def written(path: Path, samples: Samples) -> Sound:
    """Write a clip as 16 bits in two channels, and hear it."""
    soundfile.write(path, np.repeat(samples[:, None], 2, axis=1), RATE, subtype="PCM_16")
    return heard(path)


def encoded(path: Path, ending: str, options: Sequence[str]) -> Sound:
    """Write a file in another format beside it, and hear that."""
    target = path.with_suffix(f".{ending}")
    if target == path:
        target = path.with_name(f"copy.{ending}")
    command = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-i", str(path), *options]
    subprocess.run([*command, str(target)], check=True)
    return heard(target)


def heard(path: Path) -> Sound:
    """Return the sound of a file."""
    sound, source = listen(str(path))
    source.close()
    return sound


def numbers(one: Compared) -> dict[str, float | None]:
    """Return what was compared, as far as it is worth telling."""
    loudness = None if one.loudness is None else round(one.loudness, 2)
    return {
        "everywhere": round(one.everywhere, 4),
        "worst_10_s": round(one.there, 4),
        "seconds": round(one.seconds, 3),
        "loudness_lu": loudness,
    }


def row(found: Iterable[Compared]) -> dict[str, Any]:
    """Return the quantiles of what was compared, and how many pairs are taken for one track."""
    found = list(found)
    values = {
        "everywhere": [one.everywhere for one in found],
        "worst_10_s": [one.there for one in found],
        "seconds": [one.seconds for one in found],
        "loudness_lu": [one.loudness for one in found if one.loudness is not None],
    }
    shares = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "most": 1.0}
    return {
        "pairs": len(found),
        "taken_for_one": sum(one.known for one in found),
        "of_one_fingerprint": sum(one.alike for one in found),
    } | {
        name: {word: round(float(np.quantile(of, share)), 4) for word, share in shares.items()}
        for name, of in values.items()
    }


if __name__ == "__main__":
    main()
