"""What to play next: what ``realtime-mer suggest`` does."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from realtime_mer.errors import InputError
from realtime_mer.library.playlist import write_m3u8
from realtime_mer.library.tables import check_table, read_table
from realtime_mer.library.tracks import Point, Track
from realtime_mer.printing.lines import line

if TYPE_CHECKING:  # brings numpy
    from realtime_mer.library.plane import Suggestion

_NAMED = 3  # tracks that a complaint about an ambiguous name lists


@dataclass(frozen=True, kw_only=True)
class SuggestOptions:
    """What ``realtime-mer suggest`` was asked for.

    Attributes:
        table: see ``read_table``.
        start: the track that plays now, by its path or a part of it; exclusive with ``at``.
        at: the present mood as ``V,A``.
        to: the wanted mood as ``V,A`` or a track; None to stay.
        count: at most so many tracks.
        m3u8: playlist to write; None for none.
        as_json: print JSON.
    """

    table: Path
    start: str | None = None
    at: str | None = None
    to: str | None = None
    count: int = 10
    m3u8: Path | None = None
    as_json: bool = False


def check_options(options: SuggestOptions) -> None:
    """Refuse what the arguments alone tell cannot be.

    Raises:
        InputError: there is no such table, or an argument cannot be used.
    """
    check_table(options.table)
    if (options.start is None) == (options.at is None):
        raise InputError("Say where you are: --from TRACK or --at V,A, one of the two.")
    if options.at is not None:
        _point(options.at, name="--at")
    if options.to is not None and _is_point(options.to):
        _point(options.to, name="--to")


def suggest(options: SuggestOptions) -> None:
    """Print the tracks that continue a mood or lead to another one, and write them as a playlist.

    Args:
        options: as ``check_options`` lets them pass.

    Raises:
        InputError: the table cannot be used, or there is nothing to suggest.
    """
    found = suggestions(options, read_table(options.table))
    if options.m3u8 is not None:
        write_m3u8(options.m3u8, [one.track for one in found])
    if options.as_json:
        print(json.dumps([_record(one) for one in found], indent=2, allow_nan=False))
    else:
        width = max(len(one.track.mood) for one in found)
        for number, one in enumerate(found, start=1):
            line(_line(number, one.track, width=width))


def suggestions(options: SuggestOptions, tracks: Sequence[Track]) -> "list[Suggestion]":
    """Return the suggestions that were asked for, out of these tracks.

    Raises:
        InputError: an argument cannot be used, or there is nothing to suggest.
    """
    from realtime_mer.library.plane import continuing, leading

    rest = list(tracks)
    if options.start is not None:
        playing = _find(options.start, tracks)
        rest.remove(playing)
        here = playing.ending
    else:
        here = _point(options.at or "", name="--at")
    if options.to is None:
        found = continuing(rest, here=here, count=options.count)
        if not found:
            raise InputError(f"{options.table} holds no other track: annotate more music.")
        return found
    there: Point | Track
    if _is_point(options.to):
        there = _point(options.to, name="--to")
    else:
        there = _find(options.to, tracks)
        if there not in rest:
            raise InputError(f"--to {options.to} is the track that plays: name another one.")
        rest.remove(there)
    found = leading(rest, here=here, there=there, count=options.count)
    if not found:
        raise InputError(
            f"No track lies nearer to {options.to} than where you are; "
            "without --to you get those that continue the present mood."
        )
    return found


def _find(name: str, tracks: Sequence[Track]) -> Track:
    """Return the track with this path, else the only one with this in its path, in any case."""
    path = os.path.abspath(name)
    for track in tracks:
        if track.path == path:
            return track
    found = [track for track in tracks if name.casefold() in track.path.casefold()]
    if not found:
        raise InputError(
            f"No track of the table has {name!r} in its path: give a part of one that is there."
        )
    if len(found) > 1:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        names = ", ".join(track.path for track in found[:_NAMED])
        raise InputError(f"{name!r} may be {names}{more}: type more of it.")
    return found[0]


def _is_point(text: str) -> bool:
    try:
        [float(part) for part in text.split(",")]
    except ValueError:
        return False
    return True


def _point(text: str, *, name: str) -> Point:
    if _is_point(text) and text.count(",") == 1:
        valence, arousal = (float(part) for part in text.split(","))
        if abs(valence) <= 1 and abs(arousal) <= 1:  # no NaN is
            return Point(valence=valence, arousal=arousal)
    raise InputError(
        f"{name} {text} is no place: give valence and arousal from -1 to 1, such as 0.3,-0.5."
    )


def _line(number: int, track: Track, *, width: int) -> str:
    minutes, seconds = divmod(round(track.seconds), 60)
    return (
        f"{number:3}  {track.valence:+z.2f} {track.arousal:+z.2f}  {track.mood:<{width}}  "
        f"{minutes:3}:{seconds:02}  {track.path}"
    )


def _record(one: "Suggestion") -> dict[str, object]:
    track = one.track
    return {
        "path": track.path,
        "seconds": track.seconds,
        "valence": track.valence,
        "arousal": track.arousal,
        "mood": track.mood,
        "beginning": asdict(track.beginning),
        "ending": asdict(track.ending),
        "distance": round(one.distance, 6),
    }
