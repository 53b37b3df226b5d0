"""What must hold of the tracks that are chosen, and of one after the other (pure)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from realtime_mer.library.paths.music import UNTOLD, Music, tempo_gap
from realtime_mer.wording import clock

MUSIC, QUIETEST, LOUDEST = "--music", "--min-lufs", "--max-lufs"
TEMPO, KEYS, ARTIST, APART = "--tempo", "--keys", "--artist-once", "--apart"
WITHIN, ONCE, LONGEST = "--within", "once", "longest"
"""Rules by the options that ask for them; the last two always hold."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What must hold. Tempo, key and artists are held to where tags tell them.

    Attributes:
        music: the least share of music, in [0, 1]; a track without any is never chosen. One of
            which the share is not known is.
        quietest_lufs, loudest_lufs: bounds of the loudness; a track without one keeps neither.
        longest_s: no track is longer than that.
        within: no track's mean lies farther from its place on the plane than that.
        tempo: by which part a tempo may differ from that before, or from its half or double.
        keys: whether each key suits the one before (``Key.suits``).
        artist_once: of so many tracks in a row no two are by the same artist; 1 for no rule.
        apart_s: from the end of an artist's track to the beginning of the next at least so long.
    """

    music: float = 0.0
    quietest_lufs: float | None = None
    loudest_lufs: float | None = None
    longest_s: float | None = None
    within: float | None = None
    tempo: float | None = None
    keys: bool = False
    artist_once: int = 1
    apart_s: float = 0.0

    @property
    def of_tags(self) -> bool:
        """Whether one of them asks what tags tell."""
        return self.tempo is not None or self.keys or self.artist_once > 1 or self.apart_s > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A track in its place in a row.

    Attributes:
        track: its place among the columns.
        starts_s, ends_s: seconds since the row began.
        music: what its tags tell, where that is asked.
    """

    track: int
    starts_s: float
    ends_s: float
    music: Music = UNTOLD


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """A rule that a track would break.

    Attributes:
        rule: the option that asks for it.
        why: by what, such as ``its tempo of 128 is 14 % from 112``.
    """

    rule: str
    why: str


def breaks(rules: Rules, before: Sequence[Turn], turn: Turn) -> Iterator[Break]:
    """Yield the rules that a track would break after the others.

    Args:
        rules: to keep.
        before: what has been and will have been played, in order.
        turn: the track that would follow.
    """
    if not before:
        return
    music, last = turn.music, before[-1].music
    if rules.tempo is not None and music.tempo is not None and last.tempo is not None:
        gap = tempo_gap(last.tempo, music.tempo)
        if gap > rules.tempo:
            why = f"its tempo of {music.tempo:g} is {gap:.0%} from {last.tempo:g}"
            yield Break(rule=TEMPO, why=why)
    if rules.keys and music.key and last.key and not music.key.suits(last.key):
        yield Break(rule=KEYS, why=f"its key {music.key} does not suit {last.key}")
    if not music.artists or not (rules.artist_once > 1 or rules.apart_s > 0):
        return
    for ago, other in enumerate(reversed(before), start=1):
        if music.artists.isdisjoint(other.music.artists):
            continue
        if ago < rules.artist_once:
            yield Break(rule=ARTIST, why=f"{music.artist} plays {ago} before")
        if turn.starts_s - other.ends_s < rules.apart_s:
            since = clock(max(0.0, turn.starts_s - other.ends_s))
            yield Break(rule=APART, why=f"{music.artist} has ended {since} before")
        return  # the latest of the artist is the nearest in both ways
