"""What a corpus tells of a piece of music (plain values), and what a corpus is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ALL_THROUGH = (0.0, math.inf)
"""When music sounds in a clip of music."""

NEVER = (0.0, 0.0)
"""When it does in a clip of anything else."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How the ratings of a piece moved.

    Attributes:
        times: seconds from the start of the sound; of a rating while listening the moment, of a
            measure its start. Ascending.
        valence, arousal: mean over the listeners at each time, in [-1, 1] on the corpus' own scale.
        valence_sd, arousal_sd: their spread, in the same units; None where it is not published.
    """

    times: tuple[float, ...]
    valence: tuple[float, ...]
    arousal: tuple[float, ...]
    valence_sd: tuple[float, ...] | None = None
    arousal_sd: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One labelled piece of sound.

    Attributes:
        corpus: name of its corpus, one of ``CORPORA``.
        id: its identifier, unique within the corpus.
        path: its audio file, or its notes (``.mid``), which ``midi.rendered`` turns into sound.
        seconds: duration; as stated by the corpus, else of the file (0 where it is missing).
        group: what must not stand on both sides of a split (artist, series, song or recording),
            comparable across corpora.
        recording: what was played, in a name that other corpora with the same recording share;
            None where nothing else can hold it.
        valence, arousal: mean rating on [-1, 1] on the corpus' own scale; None where not asked.
        valence_sd, arousal_sd: spread over the listeners, in the same units; None where not known.
        quadrant: index into ``QUADRANTS``; None where not given.
        gems: share of listeners who ticked each of ``GEMS``; None where not asked.
        answers: number of listeners behind the labels; 0 where not known.
        curve: ratings along the piece; None where there are none.
        official: its part ("train", "val", "test") in the split its authors published, if any.
        music: from when to when music sounds in it, in seconds; None where nobody can say.
        inside: further groups that are heard in it: the music of a mixture, voices of a crowd.
    """

    corpus: str
    id: str
    path: Path
    seconds: float
    group: str
    recording: str | None = None
    valence: float | None = None
    arousal: float | None = None
    valence_sd: float | None = None
    arousal_sd: float | None = None
    quadrant: int | None = None
    gems: tuple[float, ...] | None = None
    answers: int = 0
    curve: Curve | None = None
    official: str | None = None
    music: tuple[float, float] | None = ALL_THROUGH
    inside: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Identifier that is unique across corpora, ``corpus/id``."""
        return f"{self.corpus}/{self.id}"

    @property
    def is_midi(self) -> bool:
        """Whether ``path`` holds notes instead of sound."""
        return self.path.suffix.lower() in (".mid", ".midi")


@dataclass(frozen=True, kw_only=True)
class Rating:
    """What people said of a song whose sound is not there: a prior, nothing to learn from alone.

    Attributes:
        table: name of its table, one of ``RATING_TABLES``.
        song: its number in the original corpus.
        recording: as in ``Clip``.
        valence, arousal, valence_sd, arousal_sd: as in ``Clip``.
        curve: ratings along the song; None in a static table.
    """

    table: str
    song: str
    recording: str
    valence: float | None = None
    arousal: float | None = None
    valence_sd: float | None = None
    arousal_sd: float | None = None
    curve: Curve | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way in which a corpus lies on a disc.

    Attributes:
        shape: what is looked for, for messages.
        fits: whether a folder is laid out so; it looks at names only.
        read: turns such a folder into its clips. A clip whose audio is missing is among them.
    """

    shape: str
    fits: Callable[[Path], bool]
    read: Callable[[Path], list[Clip]]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus and what may be done with it.

    Attributes:
        name: its name in keys, settings and cards.
        kind: what was asked, and of whom.
        licence: terms of labels and sound, as far as they are stated.
        cite: the publication to name.
        layouts: the ways in which it is met.
        sound: "files", or "midi" where the sound must be rendered first.
    """

    name: str
    kind: str
    licence: str
    cite: str
    layouts: tuple[Layout, ...]
    sound: Literal["files", "midi"] = "files"


@dataclass(frozen=True, kw_only=True)
class RatingTable:
    """A table of ratings without sound.

    Attributes:
        name: the file's name without suffix.
        kind: what was asked, and of whom.
        licence, cite: as in ``Corpus``.
        read: turns the file into ratings.
    """

    name: str
    kind: str
    licence: str
    cite: str
    read: Callable[[Path], list[Rating]]


def holding(times: Sequence[float], moments: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Return which rating of a curve holds at each moment, -1 for none: each lasts to the next.

    Args:
        times: as of a ``Curve``, K >= 1; the last rating lasts as long as the one before it, a
            single one for ever.
        moments: seconds, any shape.

    Returns:
        Numbers in [-1, K), of the shape of ``moments``.
    """
    edges = [*times, 2 * times[-1] - times[-2] if len(times) > 1 else np.inf]
    # A moment that is a border up to rounding belongs to what begins there.
    place = np.searchsorted(edges, moments + 1e-6, side="right") - 1
    return np.where(place < len(times), place, -1)


def artist_group(name: str, otherwise: str) -> str:
    """Return the group of an artist in one spelling, so that corpora meet in it.

    Args:
        name: the artist as a corpus spells it.
        otherwise: the group where the name is empty.
    """
    letters = "".join(c if c.isalnum() else " " for c in name.casefold()).split()
    artist = " ".join(word for word in letters if word != "the")
    return f"artist:{artist}" if artist else otherwise
