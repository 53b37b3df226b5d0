"""The built-in demo: a piece of four sections, calm, joyful, tense and sad, played by `synth`.

It needs no sound card, no file and no rights of anybody, and shows what the recogniser does to
someone who has nothing playing. What makes a section sound as it does is what studies of music and
emotion agree on (A. Gabrielsson and E. Lindström in Juslin and Sloboda, Handbook of Music and
Emotion, 2010): tempo, mode, loudness, register, articulation, timbre and dissonance.
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio import synth
from realtime_mer.audio.block import Block
from realtime_mer.audio.pacing import Pacer


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the piece and what it was written to express.

    Attributes:
        name: the intended emotion.
        start_s, end_s: its place in the piece, in seconds.
        quadrant: the intended quadrant of the valence-arousal plane.
    """

    name: str
    start_s: float
    end_s: float
    quadrant: str


SECTIONS = (
    Section(name="calm", start_s=0.0, end_s=16.0, quadrant="Q4"),
    Section(name="joyful", start_s=16.0, end_s=32.0, quadrant="Q1"),
    Section(name="tense", start_s=32.0, end_s=48.0, quadrant="Q2"),
    Section(name="sad", start_s=48.0, end_s=64.0, quadrant="Q3"),
)

_GAIN = 0.7145553  # brings the piece's highest sample at 24 kHz to 0.89, -1 dBFS
_EARLY_S = 0.02  # no player comes in sooner before a note, nor before a section
_ROOM_S = 1.9
_END_S = 1.2  # fade of the last chord


def compose(*, sample_rate: int = 24_000, seed: int = 4) -> NDArray[np.float32]:
    """Return the whole piece as float32 ``(frames, 2)``, 64 s long.

    Its peak is -1 dBFS at the usual rate and seed, and a little beside it at others.

    Args:
        sample_rate: in Hz, at least 16 000 for all the instruments to sound as meant.
        seed: of the players' small liberties in time and touch and of all noise; the notes are
            written down. The same seed gives the same samples.
    """
    return np.concatenate(list(compose_parts(sample_rate=sample_rate, seed=seed)))


def compose_parts(*, sample_rate: int = 24_000, seed: int = 4) -> Iterator[NDArray[np.float32]]:
    """Yield the piece in parts, each when it is composed, about a section long.

    The first takes a tenth of the time that the whole takes.

    Args:
        sample_rate, seed: as for ``compose``.
    """
    stage = _Stage(seconds=SECTIONS[-1].end_s, rate=sample_rate, seed=seed)
    for section, perform in zip(SECTIONS, (_calm, _joyful, _tense, _sad), strict=True):
        perform(stage, section.start_s)
        if section is SECTIONS[-1]:
            yield stage.finished(section.end_s, fade_s=_END_S)
        else:
            yield stage.finished(section.end_s - _EARLY_S)


class DemoSource:
    """The demo piece as a source of sound: 24 kHz stereo in blocks of 20 ms.

    Each part is composed while the one before it plays, in a thread of its own.

    Args:
        paced: deliver at the speed of a sound card instead of as fast as it is read.
        loop: begin again at the end, for ever.
        sample_rate: in Hz.
    """

    def __init__(self, *, paced: bool, loop: bool = False, sample_rate: int = 24_000) -> None:
        self._rate = sample_rate
        self._paced = paced
        self._pacer = Pacer(rate=sample_rate)
        self._closed = False
        self._blocks = self._play(loop=loop)

    @property
    def name(self) -> str:
        """What a person would call it."""
        return "demo piece"

    @property
    def real_time(self) -> bool:
        """Whether it is paced by the clock."""
        return self._paced

    @property
    def speed(self) -> float | None:
        """Seconds of sound in a second, from any thread; None where no clock paces it."""
        return self._pacer.speed if self._paced else None

    def pace(self, speed: float) -> None:
        """Play at another speed, where a clock paces it. From any thread."""
        self._pacer.speed = speed

    def read(self) -> Block | None:
        """Return the next block, when it is due if paced; None at the end or once closed."""
        samples = None if self._closed else next(self._blocks, None)
        if samples is None:
            return None
        if not self._paced:
            return Block(samples=samples, rate=self._rate)
        due = self._pacer.wait(len(samples))
        return None if due is None else Block(samples=samples, rate=self._rate, arrived_at=due)

    def resume(self) -> None:
        """Go on after a time without reads: the clock begins anew."""
        self._pacer.restart()

    def close(self) -> None:
        """Stop; a ``read`` that waits in another thread returns None at once."""
        self._closed = True
        self._pacer.close()

    def _play(self, *, loop: bool) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of 20 ms to the end of the piece, or for ever."""
        size = self._rate // 50
        played = []
        for part in _composed_ahead(self._rate):
            if loop:
                played.append(part)
            yield from _cut(part, size)
        for part in itertools.cycle(played) if loop else ():
            yield from _cut(part, size)


def _composed_ahead(rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield the parts of the piece, the next one being composed meanwhile."""
    composer = ThreadPoolExecutor(1, thread_name_prefix="composer")
    try:
        parts = compose_parts(sample_rate=rate)
        coming = composer.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = composer.submit(next, parts, None)
            yield part
    finally:
        composer.shutdown(wait=False)


def _cut(part: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield successive blocks of so many frames; the last may have fewer."""
    for start in range(0, len(part), size):
        yield part[start : start + size]


class _Stage:
    """Where notes are put: a stereo mix and a send to the room behind it."""

    def __init__(self, *, seconds: float, rate: int, seed: int) -> None:
        self.rate = rate
        self.rng = np.random.default_rng(seed)
        # The room's noise is its own: it sounds in the first part, before the last is played.
        self._room = synth.room(_ROOM_S, rate=rate, rng=np.random.default_rng((seed, 1)))
        self._finished = 0
        self._dry = np.zeros((round(seconds * rate), 2), np.float32)
        self._send = np.zeros(len(self._dry), np.float32)

    def put(
        self, sound: synth.Sound, at: float, *, gain: float, pan: float = 0.0, wet: float = 0.2
    ) -> None:
        """Add a sound at a time in seconds: ``pan`` -1 left to 1 right, ``wet`` to the room."""
        start = round(at * self.rate)
        piece = (gain * sound[: len(self._dry) - start]).astype(np.float32)
        angle = (pan + 1) * np.pi / 4
        self._dry[start : start + len(piece), 0] += np.float32(np.cos(angle)) * piece
        self._dry[start : start + len(piece), 1] += np.float32(np.sin(angle)) * piece
        self._send[start : start + len(piece)] += np.float32(wet) * piece

    def human(self, at: float, *, spread: float = 0.006) -> float:
        """Return a time a little beside ``at``, as a player would hit it."""
        return max(0.0, at + float(np.clip(self.rng.normal(0, spread), -_EARLY_S, _EARLY_S)))

    def touch(self, velocity: float) -> float:
        """Return a velocity a little beside ``velocity``."""
        return float(np.clip(velocity * self.rng.normal(1, 0.07), 0.05, 1.0))

    def finished(self, until_s: float, *, fade_s: float = 0.0) -> NDArray[np.float32]:
        """Return what came since the last call, dry and room together.

        Args:
            until_s: where it ends, in seconds; whatever is put later begins there or after.
            fade_s: fade it out over so many seconds before.
        """
        start, end = self._finished, round(until_s * self.rate)
        send = self._send[start : end + len(self._room)].copy()
        send[end - start :] = 0.0
        self._dry[start : start + len(send)] += synth.convolve(send, self._room)
        self._finished = end
        mix = self._dry[start:end]
        if fade := round(fade_s * self.rate):
            down = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / fade)
            mix[-fade:] *= down[:, None].astype(np.float32)
        return np.float32(_GAIN) * mix


@dataclass(frozen=True, slots=True)
class _Note:
    """A written note: its name, its first beat and its length in beats."""

    name: str
    beat: float
    beats: float


def _line(score: str) -> Iterator[_Note]:
    """Read a melody such as ``"E5:1.5 D5:.5 | -:1 C5:1"``: name and beats, ``-`` rests."""
    beat = 0.0
    for word in score.replace("|", " ").split():
        name, beats = word.split(":")
        if name != "-":
            yield _Note(name, beat, float(beats))
        beat += float(beats)


def _calm(stage: _Stage, start: float) -> None:
    """F major at 60: wide soft chords, a harp, a slow tune whose two phrases answer each other."""
    beat_s = 1.0
    chords = (
        "F2 C3 A3 E4 G4|E2 C3 G3 D4 E4|D2 A2 F3 C4 E4|Bb2 F3 A3 D4 F4|"
        "A2 F3 C4 E4 A4|Bb2 F3 C4 D4 F4|C3 G3 C4 E4 G4|F2 C3 A3 C4 F4"
    ).split("|")
    for i, names in enumerate(chords):
        chord = names.split()
        at = start + 2 * i * beat_s
        for voice, name in enumerate(chord):
            sound = synth.pad(
                synth.pitch(name), 3.2, velocity=0.3, attack=1.0, rate=stage.rate, rng=stage.rng
            )
            stage.put(sound, max(start, at - 0.35), gain=0.22, pan=0.3 * (voice - 2), wet=0.5)
        # The harp rises through the chord, a note a beat and one between.
        for offset, voice in ((0.0, 0), (1.0, 2), (1.5, 3)):
            sound = synth.pluck(
                synth.pitch(chord[voice]),
                3.0,
                velocity=stage.touch(0.22),
                rate=stage.rate,
                rng=stage.rng,
            )
            when = stage.human(at + offset * beat_s, spread=0.01)
            stage.put(sound, when, gain=0.42, pan=-0.35, wet=0.45)
    tune = "C5:1.5 A4:.5 G4:2 | A4:1 F4:1 D4:2 |C5:1 E5:1 D5:1.5 C5:.5 | C5:.5 D5:.5 G4:1 A4:2"
    for note in _line(tune):
        sound = synth.piano(
            synth.pitch(note.name),
            note.beats * beat_s + 1.2,
            velocity=stage.touch(0.3),
            rate=stage.rate,
            rng=stage.rng,
        )
        when = stage.human(start + note.beat * beat_s, spread=0.012)
        stage.put(sound, when, gain=0.6, pan=0.15, wet=0.5)


def _joyful(stage: _Stage, start: float) -> None:
    """D major at 128: drums, claps, a dancing bass, strums, off-beat horns and a leaping tune."""
    beat_s = 60 / 128
    roots = "D2 A2 B2 G2 D2 B2 G2 A2".split()
    strums = {
        "D2": "A3 D4 F#4 A4",
        "A2": "A3 C#4 E4 A4",
        "B2": "B3 D4 F#4 B4",
        "G2": "B3 D4 G4 B4",
    }
    tune = (
        "A4:.5 D5:.5 F#5:.5 A5:1 F#5:.5 D5:1 | E5:.5 E5:.5 C#5:.5 E5:1 A4:.5 E5:1 |"
        "D5:.5 F#5:.5 B5:.5 A5:1 F#5:.5 D5:1 | G5:.5 F#5:.5 G5:.5 B5:1 A5:.5 G5:1 |"
        "A5:.5 D6:.5 A5:.5 F#5:1 A5:.5 D6:1 | B5:.5 A5:.5 B5:.5 D6:1 B5:.5 F#5:1 |"
        "G5:.5 A5:.5 B5:.5 D6:.5 B5:.5 A5:.5 G5:.5 B5:.5 |"
        "A5:.5 G5:.5 E5:.5 C#5:.5 E5:.5 G5:.5 A5:.5 C#6:.5 | D6:2"
    )
    rate, rng = stage.rate, stage.rng
    for note in _line(tune):
        when = stage.human(start + note.beat * beat_s, spread=0.004)
        freq, touch = synth.pitch(note.name), stage.touch(0.75)
        sound = synth.bell(freq, 0.9, velocity=touch, ratio=3.0, rate=rate, rng=rng)
        stage.put(sound, when, gain=0.20, pan=0.25, wet=0.25)
        length = note.beats * beat_s * 0.8 + 0.1
        sound = synth.piano(freq, length, velocity=touch, rate=rate, rng=rng)
        stage.put(sound, when, gain=0.52, pan=0.1)
        if note.beat >= 16:  # the second time in octaves
            sound = synth.piano(freq / 2, length, velocity=touch, rate=rate, rng=rng)
            stage.put(sound, when, gain=0.3, pan=0.1)

    def strum(chord: str, at: float, *, velocity: float, seconds: float, up: bool) -> None:
        strings = chord.split()
        for i, name in enumerate(reversed(strings) if up else strings):
            sound = synth.pluck(
                synth.pitch(name), seconds, velocity=stage.touch(velocity), rate=rate, rng=rng
            )
            stage.put(sound, at + 0.009 * i, gain=0.26, pan=-0.4, wet=0.12)

    def bass(name: str, at: float, *, seconds: float, transpose: int = 0) -> None:
        freq = synth.pitch(name, transpose=transpose)
        sound = synth.pluck(freq, seconds, velocity=stage.touch(0.6), rate=rate, rng=rng)
        stage.put(sound, at, gain=0.75, wet=0.03)

    def horns(chord: str, at: float, *, seconds: float) -> None:
        for voice, name in enumerate(chord.split()):
            sound = synth.brass(
                synth.pitch(name), seconds, velocity=stage.touch(0.7), rate=rate, rng=rng
            )
            stage.put(sound, stage.human(at), gain=0.26, pan=0.1 + 0.15 * voice, wet=0.2)

    for bar, root in enumerate(roots):
        at = start + 4 * bar * beat_s
        for offset, beats in ((0.5, 0.3), (1.5, 0.8), (3.5, 0.4)):
            horns(strums[root], at + offset * beat_s, seconds=beats * beat_s)
        for eighth, octave in enumerate((0, 0, 12, 0, 0, 12, 7, 12)):
            when = stage.human(at + eighth * beat_s / 2, spread=0.003)
            bass(root, when, seconds=beat_s * 0.48, transpose=octave)
        for beat, up in ((0, False), (1, False), (1.5, True), (2.5, True), (3, False), (3.5, True)):
            when = stage.human(at + beat * beat_s)
            strum(strums[root], when, velocity=0.55 if up else 0.7, seconds=0.4, up=up)
    drums = {
        "kick": synth.kick(low=52, seconds=0.22, rate=rate),
        "snare": synth.snare(rate=rate, rng=rng),
        "clap": synth.clap(rate=rate, rng=rng),
        "hat": synth.cymbal(seconds=0.07, rate=rate, rng=rng),
        "crash": synth.cymbal(seconds=1.4, rate=rate, rng=rng),
    }
    for sixteenth in range(8 * 16):
        when = start + sixteenth * beat_s / 4
        place = sixteenth % 16
        accent = (1.0, 0.35, 0.7, 0.35)[place % 4]
        stage.put(drums["hat"], when, gain=0.36 * stage.touch(accent), pan=0.45, wet=0.05)
        if place in (0, 4, 8, 10, 12):
            stage.put(drums["kick"], when, gain=0.36, wet=0.04)
        if place in (4, 12) or sixteenth in (123, 125, 126, 127):
            stage.put(drums["snare"], when, gain=0.46, pan=-0.1, wet=0.2)
        if place in (4, 12) or (place == 15 and sixteenth >= 64):
            stage.put(drums["clap"], when, gain=0.4, pan=0.2, wet=0.25)
        if sixteenth in (0, 64):
            stage.put(drums["crash"], when, gain=0.35, pan=0.5, wet=0.3)
    # The dominant of the eighth bar comes home on the ninth.
    end = start + 32 * beat_s
    strum("D3 A3 D4 F#4 A4", end, velocity=0.8, seconds=1.1, up=False)
    bass("D2", end, seconds=1.0)
    horns("D4 F#4 A4 D5", end, seconds=0.8)
    for sound, gain in ((drums["kick"], 0.5), (drums["crash"], 0.4)):
        stage.put(sound, end, gain=gain, wet=0.3)


def _tense(stage: _Stage, start: float) -> None:
    """No key at 150: a driven, limping low riff, brass and strings in clashes that climb, blows."""
    beat_s = 60 / 150
    rate, rng = stage.rate, stage.rng
    climb = (0, 1, 3, 6, 7)  # semitones above the start for each eight beats
    swells = (0.62, 0.70, 0.80, 0.90, 1.0)
    last_beat = 38.0

    # Two guitars play the same: damped sixteenths under tritones and minor ninths on 3 + 3 + 2.
    riff = "E2+Bb2 E2 E2 F2+B2 E2 E2 E2+Bb2 E2 E2+Bb2 E2 E2 F2+B2 E2 Bb2+E3 A2+Eb3 F2+B2".split()
    for pan, drive in ((-0.75, 14.0), (0.75, 18.0)):
        strings = np.zeros(round(16 * rate))
        for sixteenth in range(round(4 * last_beat) + 1):
            up = climb[sixteenth // 32]
            names = riff[sixteenth % 16].split("+")
            seconds = beat_s * (0.27 if len(names) > 1 else 0.17)
            if sixteenth == 4 * last_beat:
                seconds = 2 * beat_s
            for name in names:
                sound = synth.pluck(
                    synth.pitch(name, transpose=up),
                    seconds,
                    velocity=stage.touch(0.95 if len(names) > 1 else 0.6),
                    rate=rate,
                    rng=rng,
                )
                first = round(stage.human(sixteenth * beat_s / 4, spread=0.003) * rate)
                sound = sound[: len(strings) - first]
                strings[first : first + len(sound)] += swells[sixteenth // 32] * sound
        stage.put(
            synth.amplifier(strings, drive=drive, rate=rate), start, gain=0.26, pan=pan, wet=0.06
        )

    for part, (up, swell) in enumerate(zip(climb, swells, strict=True)):
        at = start + 8 * part * beat_s
        beats = min(8.0, last_beat - 8 * part)
        # Violins tremble on two semitone clashes a tritone apart.
        for voice, name in enumerate("E5 F5 Bb5 B5".split()):
            sound = synth.bowed(
                synth.pitch(name, transpose=up),
                beats * beat_s + 0.1,
                velocity=0.9,
                tremolo=10.0 + 0.4 * voice,
                vibrato=0.008,
                rate=rate,
                rng=rng,
            )
            stage.put(sound, at, gain=0.17 * swell, pan=0.35 * (voice - 1.5), wet=0.25)
        # Low brass: a stab on the first beat, a growl that the next part cuts off.
        for beat, length in (
            (0.0, 0.7),
            (1.5, 0.4),
            (3.0, 2.5),
            (6.0, 0.4),
            (6.5, 0.4),
            (7.0, 0.9),
        ):
            if beat >= beats:
                continue
            for voice, name in enumerate("E2 F3 B3 E4".split()):
                sound = synth.brass(
                    synth.pitch(name, transpose=up),
                    length * beat_s,
                    velocity=stage.touch(0.85),
                    rate=rate,
                    rng=rng,
                )
                when = stage.human(at + beat * beat_s, spread=0.004)
                stage.put(sound, when, gain=0.30 * swell, pan=0.3 - 0.15 * voice, wet=0.3)
        # Strings run up by semitones into the next part.
        for step in range(16 if beats == 8 else 0):
            sound = synth.bowed(
                synth.pitch("E4", transpose=up + step),
                beat_s * 0.27,
                velocity=0.9,
                attack=0.01,
                vibrato=0.0,
                rate=rate,
                rng=rng,
            )
            when = at + (4 + step / 4) * beat_s
            stage.put(sound, when, gain=(0.12 + 0.016 * step) * swell, pan=-0.3, wet=0.25)

    boom = synth.kick(low=46, seconds=0.22, rate=rate)
    toms = [synth.kick(low=low, seconds=0.4, rate=rate) for low in (62, 82, 104)]
    hit = synth.snare(rate=rate, rng=rng)
    tick = synth.cymbal(seconds=0.06, rate=rate, rng=rng)
    crash = synth.cymbal(seconds=1.8, rate=rate, rng=rng)
    for sixteenth in range(round(4 * last_beat)):
        part, place = divmod(sixteenth, 32)
        swell, when = swells[part], stage.human(start + sixteenth * beat_s / 4, spread=0.002)
        if place == 0:
            stage.put(crash, when, gain=0.38 * swell, pan=-0.4, wet=0.3)
        if place % 16 in (0, 3, 6, 8, 11, 14):
            stage.put(boom, when, gain=0.5 * swell * stage.touch(0.9), wet=0.08)
        elif part > 2:  # both feet
            stage.put(boom, when, gain=0.25 * swell * stage.touch(0.9), wet=0.04)
        if place % 8 == 4 and place < 24:
            stage.put(hit, when, gain=0.8 * swell, pan=0.1, wet=0.3)
        if place >= 26 and part < 4:  # a roll down the toms leads into the next part
            stage.put(hit, when, gain=0.4 * swell * stage.touch(0.9), pan=0.1, wet=0.2)
            stage.put(toms[(31 - place) // 2], when, gain=0.5 * swell, pan=-0.3, wet=0.2)
        accent = 0.9 if place % 2 == 0 else 0.5
        stage.put(tick, when, gain=0.30 * swell * stage.touch(accent), pan=0.6, wet=0.1)
    for part in range(len(climb)):
        seconds = 3 * beat_s
        swish = synth.noise(seconds, low=2500, high=0.4 * rate, rate=rate, rng=rng)
        swish *= np.linspace(0, 1, len(swish)) ** 3
        swish[-round(0.02 * rate) :] *= np.linspace(1, 0, round(0.02 * rate))
        end = min(8.0 * (part + 1), last_beat)
        stage.put(swish, start + end * beat_s - seconds, gain=0.22, pan=-0.4, wet=0.2)
    # The last blow is left to ring.
    blow = start + last_beat * beat_s
    for voice, name in enumerate("B1 C3 F3 B3 C4 F#4".split()):
        sound = synth.brass(synth.pitch(name), 1.5 * beat_s, velocity=0.95, rate=rate, rng=rng)
        stage.put(sound, blow, gain=0.28, pan=0.2 * (voice - 2.5), wet=0.4)
    for sound, gain in ((boom, 0.5), (hit, 0.6), (crash, 0.4)):
        stage.put(sound, blow, gain=gain, wet=0.4)


def _sad(stage: _Stage, start: float) -> None:
    """A minor at 60: an elegy of low strings over a bass that sinks by semitones, and a cello."""
    beat_s = 1.0
    rate, rng = stage.rate, stage.rng
    chords = (
        "A2 E3 A3 C4|G#2 E3 B3 D4|G2 E3 A3 C4|F#2 D3 A3 C4|"
        "F2 C3 A3 C4|D2 D3 A3 F3|E2 E3 G#3 D4|A2 E3 A3 C4"
    ).split("|")
    for i, names in enumerate(chords):
        chord = names.split()
        at = start + 2 * i * beat_s
        for voice, name in enumerate(chord):
            sound = synth.bowed(
                synth.pitch(name),
                2 * beat_s + 0.9,
                velocity=stage.touch(0.68),
                attack=0.7,
                rate=rate,
                rng=rng,
            )
            stage.put(sound, max(start, at - 0.35), gain=0.09, pan=0.3 * (1.5 - voice), wet=0.35)
        # A piano tolls the bass.
        sound = synth.piano(
            synth.pitch(chord[0]), 2.4, velocity=stage.touch(0.3), rate=rate, rng=rng
        )
        stage.put(sound, stage.human(at, spread=0.012), gain=0.4, wet=0.4)
    tune = (
        "E4:1.5 D4:.5 C4:.5 B3:1.5 | C4:1 E4:1 E4:.5 D4:1.5 |"
        "C4:1 A4:1 G4:.5 F4:1 D4:.5 | C4:.5 B3:1 G#3:.5 A3:2"
    )
    for note in _line(tune):
        # Slurred: each note grows out of the end of the one before it.
        sound = synth.bowed(
            synth.pitch(note.name, transpose=-12),
            note.beats * beat_s + 0.12,
            velocity=stage.touch(0.72),
            attack=0.14,
            vibrato=0.007,
            rate=rate,
            rng=rng,
        )
        stage.put(sound, start + note.beat * beat_s, gain=0.2, pan=-0.1, wet=0.4)
