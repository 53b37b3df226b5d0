"""Makes the smallest sound, MIDI files and tables that look like a corpus."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from training.corpora.midi import sound_fonts

RATE = 16_000

can_render = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not sound_fonts(),
    reason="needs FluidSynth and a General MIDI sound font",
)


def sound(path: Path, *, seconds: float = 0.5, artist: str = "") -> None:
    """Write a tone as MP3, WAV, … by the file's suffix, with an artist's tag where one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix[1:].upper()
    with soundfile.SoundFile(path, "w", RATE, 1, format=kind) as file:
        if artist:
            file.artist = artist
        file.write(0.1 * np.sin(np.arange(round(seconds * RATE)) * 0.1))


def table(path: Path, rows: Sequence[Mapping[str, object]], *, separator: str = ",") -> None:
    """Write a table; ``separator`` may carry the blanks that published tables carry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def midi(path: Path, *, notes: int = 4) -> None:
    """Write quarter notes at 120 to the minute, half a second each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    track = mido.MidiTrack()
    for note in range(notes):
        track.append(mido.Message("note_on", note=60 + note, velocity=90, time=0))
        track.append(mido.Message("note_off", note=60 + note, velocity=0, time=480))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(path)


def samples(
    values: Mapping[str, Sequence[float | str]], *, start_ms: int = 15_000
) -> list[dict[str, object]]:
    """Return rows of a wide table of curves, a value each half second."""
    return [
        {"song_id": song}
        | {f"sample_{start_ms + 500 * step}ms": value for step, value in enumerate(curve)}
        for song, curve in values.items()
    ]


def made_sounds(folder: Path, *, artists: tuple[str, str], seconds: float = 8.0) -> None:
    """Write a corpus of sounds that are no music, with two mixtures with music of these artists."""
    rows: list[dict[str, object]] = []

    def add(name: str, group: str, how: str = "recorded", **told: object) -> None:
        columns = ("music_from_s", "music_to_s", "music_snr_db", "music_group", "voices")
        path = folder / "audio" / f"{name}.opus"
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(len(rows))
        noise = 0.1 * random.standard_normal(round(seconds * RATE))
        # Readers go by a file's content, not its name, and Opus takes seconds to encode.
        soundfile.write(path, noise, RATE, format="WAV", subtype="PCM_16")
        rows.append(
            {
                "clip_id": name,
                "kind": name.partition("_")[0],
                "title": name,
                "how": how,
                "group": group,
                "duration_s": seconds,
                "borderline": 0,
            }
            | dict.fromkeys(columns, "")
            | told
        )

    add("speech_0", "anna")
    add("speech_1", "bert")
    add("speech_2", "carl")
    add("noise_0", "white", "synthetic")
    add("noise_1", "rain")
    add("tone_0", "bell", borderline=1)
    add("crowd_0", "crowd", "mixed voices", voices="anna;bert;carl")
    first, second = artists
    over = {"music_from_s": 0.0, "music_to_s": seconds, "music_snr_db": 5}
    add("mix_0", "anna", "mix", **over, music_group=first)
    then = {"music_from_s": 3.5, "music_to_s": seconds, "music_snr_db": 5}
    add("mix_1", "rain", "mix", **then, music_group=second)
    table(folder / "clips.csv", rows)
