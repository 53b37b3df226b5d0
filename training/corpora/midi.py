"""Sound from notes: MIDI files rendered by FluidSynth with several sound fonts.

Every sound font is another piano in another room, so that a network learns the music and not one
set of samples. What is rendered is kept outside the repository under a name that is a hash of the
notes, the sound font and the settings.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import soundfile
from rich.progress import track

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError

from ..files import replacing
from .clip import Clip

SOUND_FONTS = ("FluidR3_GM", "MuseScore_General", "TimGM6mb")
"""The General MIDI sound fonts looked for, as the beginnings of their files' names."""

SOUND_FONTS_VARIABLE = "REALTIME_MER_SOUND_FONTS"
"""Environment variable that names a further folder of sound fonts, which comes first."""

RATE = 24_000
_SYNTHESIS_RATE = 48_000
# FluidSynth's own 0.2 is 14 dB softer; at 1.0 one of twenty pieces of VGMIDI reaches full scale.
_GAIN = "1.0"
_SETTINGS = f"rate {RATE} from {_SYNTHESIS_RATE}, gain {_GAIN}, mono, cut to the length"
_TIMEOUT_S = 600
_PLACES = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
)


def midi_seconds(path: Path) -> float:
    """Return the length of a MIDI file by its tempo map, 0 where it is missing.

    Raises:
        InputError: it is no MIDI file.
    """
    return float(_notes(path).length) if path.is_file() else 0.0


def sound_fonts() -> list[Path]:
    """Return the sound fonts that are installed, at most one for each of ``SOUND_FONTS``."""
    own = os.environ.get(SOUND_FONTS_VARIABLE)
    files = [
        path
        for place in (*([own] if own else ()), *_PLACES)
        for path in sorted(Path(place).glob("*.sf[23]"))
    ]
    found = []
    for name in SOUND_FONTS:
        found += [path for path in files if path.name.startswith(name)][:1]
    return found


def rendered(
    clips: Iterable[Clip],
    *,
    folder: Path,
    fonts: Sequence[Path] | None = None,
    one_font_each: bool = False,
    longest_s: int | None = None,
    jobs: int = 1,
) -> list[Clip]:
    """Return clips that all have sound: one for each piece of notes and sound font, and the rest.

    What is not in the cache is rendered: 24 kHz mono FLAC, as long as the notes, all at one gain.

    Args:
        clips: any clips; those whose ``path`` is a MIDI file are rendered.
        folder: the cache.
        fonts: sound fonts; None for ``sound_fonts()``.
        one_font_each: render a piece with one of the fonts, which follows from its key, instead of
            with each of them.
        longest_s: render this many seconds from a piece's start; None for all.
        jobs: how many are rendered at the same time.

    Raises:
        InputError: FluidSynth or every sound font is missing, or a piece cannot be rendered.
    """
    chosen = sound_fonts() if fonts is None else list(fonts)
    result: list[Clip] = []
    missing: dict[Path, tuple[Clip, Path, int | None]] = {}
    for clip in clips:
        if not clip.is_midi:
            result.append(clip)
            continue
        if not chosen:
            raise InputError(
                "no sound font is installed to render MIDI with; install one (Debian: "
                "fluid-soundfont-gm, timgm6mb-soundfont, musescore-general-soundfont-small) or "
                f"name a folder of them in {SOUND_FONTS_VARIABLE}"
            )
        longest = longest_s if longest_s is not None and longest_s < clip.seconds else None
        seconds = clip.seconds if longest is None else float(longest)
        number = zlib.crc32(clip.key.encode()) % len(chosen)
        for font in chosen[number : number + 1] if one_font_each else chosen:
            key = _key(clip.path, font, longest)
            sound = folder / "rendered" / font.stem / f"{key}.flac"
            result.append(replace(clip, id=f"{clip.id}@{font.stem}", path=sound, seconds=seconds))
            if not sound.is_file():
                missing[sound] = (clip, font, longest)
    if missing:
        program = _fluidsynth()
        with ThreadPoolExecutor(jobs) as pool:
            work = pool.map(lambda each: _render(program, each[0], *each[1]), missing.items())
            for _ in track(work, description="rendering", total=len(missing)):
                pass
    return result


def _fluidsynth() -> str:
    program = shutil.which("fluidsynth")
    if program is None:
        raise InputError(
            "MIDI is rendered by FluidSynth, which is not installed; install it (Debian: "
            "apt-get install fluidsynth; macOS: brew install fluid-synth) or leave the MIDI "
            "corpora out"
        )
    return program


def _key(notes: Path, font: Path, longest_s: int | None) -> str:
    settings = _SETTINGS if longest_s is None else f"{_SETTINGS}, first {longest_s} s"
    # A sound font's name and size stand for its bytes, of which there may be hundreds of megabytes.
    digest = hashlib.sha256(f"{font.name} {font.stat().st_size} {settings}".encode())
    digest.update(notes.read_bytes())
    return digest.hexdigest()[:20]


def _notes(path: Path) -> mido.MidiFile:
    try:
        return mido.MidiFile(path)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise InputError(f"{path} is not a MIDI file that can be read: {error}") from error


def _first_notes(path: Path, seconds: float) -> mido.MidiFile:
    """Return what happens in the first seconds, lasting a second longer than that."""
    whole = _notes(path)
    tempo, left = 500_000, seconds  # microseconds a quarter note, MIDI's own where none is stated
    kept = mido.MidiTrack()
    for message in whole.merged_track:
        passed = mido.tick2second(message.time, whole.ticks_per_beat, tempo)
        if passed > left:
            break
        left -= passed
        kept.append(message)
        if message.type == "set_tempo":
            tempo = message.tempo
    # FluidSynth stops at the last message, and what is held then is to be heard to the end.
    rest = mido.second2tick(left + 1.0, whole.ticks_per_beat, tempo)
    kept.append(mido.MetaMessage("end_of_track", time=rest))
    return mido.MidiFile(ticks_per_beat=whole.ticks_per_beat, tracks=[kept])


def _render(program: str, sound: Path, clip: Clip, font: Path, longest_s: int | None) -> None:
    sound.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wave = Path(scratch) / "sound.wav"
        notes = clip.path
        if longest_s is not None:
            notes = Path(scratch) / "notes.mid"
            _first_notes(clip.path, longest_s).save(notes)
        rate = str(_SYNTHESIS_RATE)
        options = ("-n", "-i", "-q", "-g", _GAIN, "-r", rate, "-T", "wav", "-O", "float")
        # Only the instruments that are played are read: half the time of a short piece.
        reading = ("-o", "synth.dynamic-sample-loading=1")
        command = (program, *options, *reading, "-F", str(wave), str(font), str(notes))
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"FluidSynth did not finish {clip.path} in {_TIMEOUT_S} s; is the file whole?"
            ) from None
        if not wave.is_file():
            reason = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
            raise InputError(f"FluidSynth could not render {clip.path}: {reason[-1]}")
        seconds = clip.seconds if longest_s is None else longest_s
        samples = load_audio(wave, sample_rate=RATE)[: round(seconds * RATE)]
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-4:
        raise InputError(
            f"{clip.path} renders to silence with {font.name}; use a General MIDI sound font"
        )
    with replacing(sound) as partial:
        # A chord that would clip is made softer, all else keeps its level.
        soundfile.write(partial, samples / max(1.0, peak), RATE, subtype="PCM_16")
