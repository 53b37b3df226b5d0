"""Tracks that were chosen, as lines for people and as records for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from realtime_mer.library.paths.music import Music
from realtime_mer.library.paths.rules import APART, ARTIST, KEYS, TEMPO, Rules, Turn
from realtime_mer.library.tracks import Track
from realtime_mer.wording import clock, counted


def record_of(track: Track, *, distance: float, music: Music | None = None) -> dict[str, Any]:
    """Return a track as a record for JSON.

    Args:
        track: that was chosen.
        distance: from the place that was wanted.
        music: what its tags tell; None where nobody asked.
    """
    record: dict[str, Any] = {"scale": track.scale} if track.scale else {}
    record |= {
        "path": track.path,
        "seconds": track.seconds,
        "valence": track.valence,
        "arousal": track.arousal,
        "mood": track.mood,
        "beginning": asdict(track.beginning),
        "ending": asdict(track.ending),
        "distance": round(distance, 6),
    }
    if music is not None:
        record |= {
            "title": music.title or None,
            "artist": music.artist or None,
            "tempo": music.tempo,
            "key": None if music.key is None else str(music.key),
        }
    return record


def scale_of(tracks: Sequence[Track]) -> list[str]:
    """Return a line that says whose scale the numbers are on; none where it is the model's."""
    return [f"Numbers are on your {track.scale}" for track in tracks[:1] if track.scale]


def lines_of(tracks: Sequence[Track], *, starts_s: Sequence[float] | None = None) -> list[str]:
    """Return a line for each track, with the time at which it begins if that is known."""
    width = max((len(track.mood) for track in tracks), default=0)
    lines = []
    for number, track in enumerate(tracks, start=1):
        minutes, seconds = divmod(round(track.seconds), 60)
        when = "" if starts_s is None else f"{clock(starts_s[number - 1]):>8}  "
        lines.append(
            f"{number:3}  {when}{track.valence:+z.2f} {track.arousal:+z.2f}  "
            f"{track.mood:<{width}}  {minutes:3}:{seconds:02}  {track.path}"
        )
    return lines


def untold(rules: Rules, turns: Iterable[Turn]) -> list[str]:
    """Return for how many tracks a rule cannot hold, as their tags tell nothing, a line each."""
    turns = list(turns)
    asked = (
        (TEMPO, "tempo", rules.tempo is not None, [turn.music.tempo is None for turn in turns]),
        (KEYS, "key", rules.keys, [turn.music.key is None for turn in turns]),
        (ARTIST, "artist", rules.artist_once > 1, [not turn.music.artists for turn in turns]),
        (APART, "artist", rules.apart_s > 0, [not turn.music.artists for turn in turns]),
    )
    return [
        f"{sum(lacking)} of {counted(len(turns), 'track')} have no {what} in their tags: {rule} "
        "cannot hold for them"
        for rule, what, wanted, lacking in asked
        if wanted and any(lacking)
    ]
