"""Tracks by a part of their path, what their tags tell, and where they lie."""

import os

import numpy as np

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.paths.music import UNTOLD, Music, music_of
from realtime_mer.library.paths.rules import Rules, Turn
from realtime_mer.library.tagging.told import told
from realtime_mer.library.tracks import Point

_NAMED = 3  # tracks that a complaint about an ambiguous name lists


class Tags:
    """What the tags of tracks tell, each file read once, when it is asked for."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[int, Music] = {}

    def __call__(self, track: int) -> Music:
        """Return what the tags of a track tell; nothing where its file cannot be read.

        Raises:
            InputError: mutagen is not installed.
        """
        if track not in self._known:
            try:
                music = music_of(told(self._columns.paths[track]))
            except (AudioFileError, OSError):
                music = UNTOLD
            self._known[track] = music
        return self._known[track]


def playing(columns: Columns, track: int, tags: Tags, rules: Rules) -> Turn:
    """Return the track that plays, as what ends where something else begins."""
    return Turn(
        track=track,
        starts_s=-float(columns.seconds[track]),
        ends_s=0.0,
        music=tags(track) if rules.of_tags else UNTOLD,
    )


def find(name: str, columns: Columns) -> int:
    """Return the track with this path, else the only one with this in its path, in any case.

    Raises:
        InputError: there is none, or there are several.
    """
    path = os.path.abspath(name)
    part = name.casefold()
    found = []
    for track, known in enumerate(columns.paths):
        if known == path:
            return track
        if part in known.casefold():
            found.append(track)
    if not found:
        raise InputError(
            f"No track of the table has {name!r} in its path: give a part of one that is there."
        )
    if len(found) > 1:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        names = ", ".join(columns.paths[track] for track in found[:_NAMED])
        raise InputError(f"{name!r} may be {names}{more}: type more of it.")
    return found[0]


def mean_of(columns: Columns, track: int) -> Point:
    """Return where a track lies as a whole."""
    return Point(valence=float(columns.valence[track]), arousal=float(columns.arousal[track]))


def usual_s(columns: Columns) -> float:
    """Return how long a track usually is: the median, in seconds, > 0."""
    return max(1.0, float(np.median(columns.seconds)))
