"""Tempo, key and artists of a track as its file's tags tell them, and which go together (pure)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NOTES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_MODES = {"": False, "maj": False, "major": False, "dur": False}
_MODES |= {"m": True, "min": True, "minor": True, "moll": True}

_ON_WHEEL = re.compile(r"0?(1[0-2]|[1-9])([ABdm])", re.IGNORECASE)
_BY_NAME = re.compile(r"([A-G])([#♯b♭]?)[\s-]*([a-z]*)", re.IGNORECASE)

_SLOWEST, _FASTEST = 20.0, 400.0  # beats a minute; beyond, the tag means something else


@dataclass(frozen=True, slots=True)
class Key:
    """A musical key by its place on the wheel of fifths that DJ programs show.

    Attributes:
        number: from 1 to 12; a fifth higher is one more. 8 is C major and A minor.
        minor: whether it is minor (A on the wheel) or major (B).
    """

    number: int
    minor: bool

    def __str__(self) -> str:
        return f"{self.number}{'A' if self.minor else 'B'}"

    def suits(self, other: "Key") -> bool:
        """Return whether it is the same, its relative, or a fifth away in the same mode."""
        if self.number == other.number:
            return True
        return self.minor == other.minor and (self.number - other.number) % 12 in (1, 11)


@dataclass(frozen=True, kw_only=True, slots=True)
class Music:
    """What tags tell of a track.

    Attributes:
        title, artist: as written; "" where there is none.
        artists: each of them in lower case; none where the tags name none.
        tempo: beats a minute; None where the tags tell none.
        key: None likewise.
    """

    title: str = ""
    artist: str = ""
    artists: frozenset[str] = frozenset()
    tempo: float | None = None
    key: Key | None = None


UNTOLD = Music()
"""Of a track whose tags tell nothing."""


def music_of(texts: Mapping[str, tuple[str, ...]]) -> Music:
    """Return what the texts of tags mean; those that mean nothing known are as if not there."""
    artists = [" ".join(text.split()) for text in texts.get("artist", ())]
    tempos = (tempo_of(text) for text in texts.get("tempo", ()))
    keys = (key_of(text) for text in texts.get("key", ()))
    return Music(
        title=" ".join(next(iter(texts.get("title", ())), "").split()),
        artist=", ".join(filter(None, artists)),
        artists=frozenset(artist.casefold() for artist in artists if artist),
        tempo=next((tempo for tempo in tempos if tempo is not None), None),
        key=next((key for key in keys if key is not None), None),
    )


def tempo_of(text: str) -> float | None:
    """Return beats a minute; None where a text tells none that music has."""
    try:
        tempo = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return tempo if _SLOWEST <= tempo <= _FASTEST else None  # no NaN is


def key_of(text: str) -> Key | None:
    """Return the key that a text names: ``Am``, ``Bb major``, on the wheel ``8A``, or open ``1m``.

    None where it names none.
    """
    text = text.strip()
    if found := _ON_WHEEL.fullmatch(text):
        number, letter = int(found[1]), found[2].lower()
        if letter in "ab":
            return Key(number, minor=letter == "a")
        return Key((number + 6) % 12 + 1, minor=letter == "m")  # 1 is C major there
    found = _BY_NAME.fullmatch(text)
    if found is None:
        return None
    mode = "major" if found[3] == "M" else found[3].lower()
    if mode not in _MODES:
        return None
    note = _NOTES[found[1].lower()] + _SIGNS[found[2].lower()]
    minor = _MODES[mode]
    # A fifth is seven semitones, and seven times seven is one more than a multiple of twelve.
    return Key((7 * (note + 3 * minor) + 7) % 12 + 1, minor=minor)


def tempo_gap(tempo: float, other: float) -> float:
    """Return by which part of a tempo another one differs, that at half or double pace too.

    Args:
        tempo, other: beats a minute.
    """
    return min(abs(other * pace - tempo) / tempo for pace in (0.5, 1.0, 2.0))
