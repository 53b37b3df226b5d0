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
