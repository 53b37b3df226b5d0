"""What to play next: what ``realtime-mer suggest`` does."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from realtime_mer.errors import InputError
from realtime_mer.library.paths.points import point_of
from realtime_mer.library.paths.records import lines_of, record_of, scale_of, untold
from realtime_mer.library.paths.rules import Rules
from realtime_mer.library.playlist import write_m3u8
from realtime_mer.library.tables import check_table
from realtime_mer.printing.lines import complain, line, notice

if TYPE_CHECKING:  # brings numpy
    from realtime_mer.library.paths.columns import Columns
    from realtime_mer.library.paths.rules import Turn


@dataclass(frozen=True, kw_only=True)
class SuggestOptions:
    """What ``realtime-mer suggest`` was asked for.

    Attributes:
        table: see ``read_columns``.
        start: the track that plays now, by its path or a part of it; exclusive with ``at``.
        at: the present mood as ``V,A``.
        count: at most so many tracks.
        rules: of what could come next.
        m3u8: playlist to write; None for none.
        as_json: print JSON.
        my_scale: the answers of a check, for numbers and places on the owner's scale.
    """

    table: Path
    start: str | None = None
    at: str | None = None
    count: int = 10
    rules: Rules = field(default_factory=Rules)
    m3u8: Path | None = None
    as_json: bool = False
    my_scale: Path | None = None


def check_options(options: SuggestOptions) -> None:
    """Refuse what the arguments alone tell cannot be.

    Raises:
        InputError: there is no such table, or an argument cannot be used.
    """
    check_table(options.table)
    if (options.start is None) == (options.at is None):
        raise InputError("Say where you are: --from TRACK or --at V,A, one of the two.")
    if options.at is not None:
        point_of(options.at, name="--at")


def suggest(options: SuggestOptions) -> None:
    """Print the tracks that continue a mood, and write them as a playlist.

    Args:
        options: as ``check_options`` lets them pass.

    Raises:
        InputError: the table cannot be used, or there is nothing to suggest.
    """
    from realtime_mer.library.paths.columns import read_columns

    columns = read_columns(options.table, my_scale=options.my_scale)
    turns, squared = suggestions(options, columns)
    tracks = columns.whole([turn.track for turn in turns])
    for remark in untold(options.rules, turns):
        complain(remark)
    for note in scale_of(tracks):
        notice(note)
    if options.m3u8 is not None:
        write_m3u8(options.m3u8, tracks)
    if options.as_json:
        records = [
            record_of(
                track,
                distance=math.sqrt(far),
                music=turn.music if options.rules.of_tags else None,
            )
            for track, turn, far in zip(tracks, turns, squared, strict=True)
        ]
        print(json.dumps(records, indent=2, allow_nan=False))
    else:
        for text in lines_of(tracks):
            line(text)


def suggestions(options: SuggestOptions, columns: "Columns") -> tuple[list["Turn"], list[float]]:
    """Return the tracks that continue a mood best, the best first, and their squared distances.

    Each could come next; they are no row, in which every track may lead a little further off.

    Raises:
        InputError: an argument cannot be used, or there is nothing to suggest.
    """
    from realtime_mer.library.paths.asked import Tags, find, playing
    from realtime_mer.library.paths.refusals import missing
    from realtime_mer.library.paths.search import Search

    tags = Tags(columns)
    before = []
    if options.start is not None:
        track = find(options.start, columns)
        before.append(playing(columns, track, tags, options.rules))
        here = columns.whole([track])[0].ending
    else:
        here = point_of(options.at or "", name="--at")
    search = Search(columns, options.rules, music_of=tags, before=before)
    found = search.next_ones(here, options.count)
    if not found:
        if len(columns.paths) == len(before):
            raise InputError(f"{options.table} holds no other track: annotate more music.")
        raise InputError(f"No track keeps all rules. {missing(search, here)}")
    turns = [search.turn(track, 0.0) for track, _ in found]
    return turns, [squared for _, squared in found]
