"""What other programs are told of a track, and the crates that it is in (pure)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.library.scales import ENERGIES, energy
from realtime_mer.library.tagging.fields import energy_text
from realtime_mer.library.tracks import Track

MADE_BY = "made by realtime-mer"
"""Stands in every file that is written, so that no other is ever written over."""

MOODS, ENERGY = "Mood", "Energy"
"""What the two groups of crates are called."""

_ENERGY_OF_OURS = re.compile(r"Energy \d+( - |$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """What a file's tags call a track; "" for what they do not tell."""

    title: str = ""
    artist: str = ""
    album: str = ""
    comment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A track as other programs are told of it.

    Attributes:
        track: itself.
        names: title, artist, album and comment; the title is the file's name where tags have none.
        energy: from 1 to 10.
    """

    track: Track
    names: Names
    energy: int

    @property
    def comment(self) -> str:
        """Energy and mood, and behind them what the comment was."""
        own = f"{energy_text(self.energy)} - {self.track.mood}"
        rest = _ENERGY_OF_OURS.sub("", self.names.comment)
        return f"{own} - {rest}" if rest else own


@dataclass(frozen=True, kw_only=True, slots=True)
class Crate:
    """Tracks that go together.

    Attributes:
        group: ``MOODS`` or ``ENERGY``.
        name: within the group, such as ``calm`` or ``Energy 07``.
        places: of its entries among all.
    """

    group: str
    name: str
    places: tuple[int, ...]


def entries(tracks: Iterable[Track], names: Mapping[str, Names]) -> list[Entry]:
    """Return tracks as they are told of, with their names by their paths."""
    found = []
    for track in tracks:
        named = names.get(track.path, Names())
        if not named.title:
            named = Names(
                title=PurePath(track.path).stem,
                artist=named.artist,
                album=named.album,
                comment=named.comment,
            )
        found.append(Entry(track=track, names=named, energy=energy(track.arousal)))
    return found


def crates(of: Sequence[Entry]) -> list[Crate]:
    """Return a crate for each mood word that is said and each energy; none is empty.

    A track that lies between two words is in the crates of both.
    """
    found = []
    said: dict[str, list[int]] = {mood.word: [] for mood in MOOD_WORDS}
    for place, entry in enumerate(of):
        for word in entry.track.words:  # which are found out anew each time that they are asked for
            said[word].append(place)
    for word, held in said.items():
        found.append(Crate(group=MOODS, name=word, places=tuple(held)))
    for level in ENERGIES:
        places = tuple(place for place, entry in enumerate(of) if entry.energy == level)
        # Two digits, because programs sort by letters.
        found.append(Crate(group=ENERGY, name=f"{ENERGY} {level:02}", places=places))
    return [crate for crate in found if crate.places]
