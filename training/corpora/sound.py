"""Sound files in the folders of a corpus."""

from collections.abc import Iterable
from pathlib import Path

import soundfile

from realtime_mer.audio.files import load_audio

SUFFIXES = frozenset(
    ".aac .aif .aiff .flac .m4a .mp3 .mp4 .oga .ogg .opus .wav .wma".split(),
)
"""What counts as a sound file."""


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files in and below a folder, in the order of their paths."""
    return sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )


def by_stem(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the sound files in and below some folders by their name without suffix."""
    return {path.stem: path for folder in folders for path in sound_files(folder)}


def duration(path: Path) -> float:
    """Return a sound file's seconds, 0 where it is missing.

    Raises:
        AudioFileError: it is not sound.
    """
    if not path.is_file():
        return 0.0
    try:
        return float(soundfile.info(path).duration)
    except soundfile.LibsndfileError:
        # What only ffmpeg reads tells its length when it is decoded.
        return len(load_audio(path, sample_rate=8000)) / 8000


def artist_tag(path: Path) -> str:
    """Return the artist that a sound file names, empty where there is none."""
    try:
        with soundfile.SoundFile(path) as file:
            return str(file.artist).strip()
    except soundfile.LibsndfileError:
        return ""
