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
        rest = _ENERGY_OF_OURS.sub("", self.names.comment)
        if self.track.says_nothing:
            return rest
        own = f"{energy_text(self.energy)} - {self.track.mood}"
        if self.track.scale:
            own += " (own scale)"
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
    """Return a crate for each mood word that is said and each energy; none is empty."""
    held: dict[tuple[str, str], list[int]] = {crate: [] for crate in _CRATES}
    for place, entry in enumerate(of):
        for crate in crates_of(entry.track):
            held[crate].append(place)
    return [
        Crate(group=group, name=name, places=tuple(places))
        for (group, name), places in held.items()
        if places
    ]


def crates_of(track: Track) -> list[tuple[str, str]]:
    """Return group and name of each crate that a track is in.

    A track that lies between two words is in the crates of both, one without music in none.
    """
    if track.says_nothing:
        return []
    return [*((MOODS, word) for word in track.words), _of_energy(energy(track.arousal))]


def file_name(group: str, name: str) -> str:
    """Return what the playlist of a crate is called."""
    return f"{name}.m3u8" if name.startswith(group) else f"{group} {name}.m3u8"


def made_by(scale: str) -> str:
    """Return what stands at the head of a file, and whose scale its numbers are on."""
    return f"{MADE_BY}, {scale}" if scale else MADE_BY


def _of_energy(level: int) -> tuple[str, str]:
    return ENERGY, f"{ENERGY} {level:02}"  # two digits, because programs sort by letters


_CRATES = (
    *((MOODS, mood.word) for mood in MOOD_WORDS),
    *(_of_energy(level) for level in ENERGIES),
)
