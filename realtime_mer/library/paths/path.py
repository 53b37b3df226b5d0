"""A path over the plane that keeps rules: what ``realtime-mer path`` does."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime_mer.errors import InputError
from realtime_mer.library.paths.points import between, is_point, point_of, record
from realtime_mer.library.paths.records import lines_of, record_of, scale_of, untold
from realtime_mer.library.paths.rules import Rules
from realtime_mer.library.paths.way import Way, counted, lasting, stepped
from realtime_mer.library.playlist import write_m3u8
from realtime_mer.library.tables import check_table
from realtime_mer.library.tracks import Point, Track
from realtime_mer.printing.lines import complain, line, notice

if TYPE_CHECKING:  # brings numpy
    from realtime_mer.library.paths.columns import Columns
    from realtime_mer.library.paths.search import Beginning, Search

DEFAULT_COUNT = 10


@dataclass(frozen=True, kw_only=True)
class PathOptions:
    """What ``realtime-mer path`` was asked for.

    Attributes:
        table: see ``read_columns``.
        start: the track that plays now, by its path or a part of it; exclusive with ``at``.
        at: where the path begins, as ``V,A``.
        to: where it leads, as ``V,A``, or the track that is to be the last; None to stay.
        count: how many tracks it has; None where the others say it.
        minutes: how long it lasts at least; its last track begins before.
        step: how far the places of one step and of the next lie from each other at most.
        step_minutes: how long a step lasts, to the nearest track.
        rules: of its tracks.
        m3u8: playlist to write; None for none.
        as_json: print JSON.
        my_scale: the answers of a check, for numbers and places on the owner's scale.
    """

    table: Path
    start: str | None = None
    at: str | None = None
    to: str | None = None
    count: int | None = None
    minutes: float | None = None
    step: float | None = None
    step_minutes: float | None = None
    rules: Rules = field(default_factory=Rules)
    m3u8: Path | None = None
    as_json: bool = False
    my_scale: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A path as it is to be looked for.

    Attributes:
        search: among which tracks, by which rules.
        way: along which places.
        last: the track that it is to end with; None for any.
    """

    search: "Search"
    way: Way
    last: int | None


def check_options(options: PathOptions, *, followed: bool = False) -> None:
    """Refuse what the arguments alone tell cannot be.

    Args:
        options: to check.
        followed: a running session tells where the music is, so that it need not be said.

    Raises:
        InputError: there is no such table, or an argument cannot be used.
    """
    check_table(options.table)
    given = (options.start is not None) + (options.at is not None)
    if given > 1 or not (given or followed):
        raise InputError("Say where the path begins: --from TRACK or --at V,A, one of the two.")
    if options.at is not None:
        point_of(options.at, name="--at")
    if options.to is not None and is_point(options.to):
        point_of(options.to, name="--to")
    for name, value in (
        ("--minutes", options.minutes),
        ("--step", options.step),
        ("--step-minutes", options.step_minutes),
    ):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{name} {value:g}: give more than 0.")
    if options.my_scale is not None and followed:
        raise InputError(
            "--follow goes by what a running session says, which is on the model's scale: leave "
            "--my-scale out with it."
        )
    if options.count is not None and (options.minutes or options.step or options.step_minutes):
        raise InputError("--count says how many tracks: leave --minutes and --step out with it.")
    if options.step_minutes is not None and (options.step is None or options.minutes is not None):
        raise InputError("--step-minutes goes with --step, and says how long the path is by that.")


def path(options: PathOptions) -> None:
    """Print a path, and write it as a playlist.

    Args:
        options: as ``check_options`` lets them pass.

    Raises:
        InputError: the table cannot be used, or there is no path.
    """
    from realtime_mer.library.paths.columns import read_columns

    columns = read_columns(options.table, my_scale=options.my_scale)
    asked = asked_of(options, columns)
    found = found_path(asked)
    tracks = columns.whole([turn.track for turn in found.turns])
    for remark in untold(options.rules, found.turns):
        complain(remark)
    for note in scale_of(tracks):
        notice(note)
    if options.m3u8 is not None:
        write_m3u8(options.m3u8, tracks)
    if options.as_json:
        records = records_of(found, tracks, asked)
        print(json.dumps(records, indent=2, allow_nan=False))
    else:
        for text in lines_of(tracks, starts_s=[turn.starts_s for turn in found.turns]):
            line(text)


def asked_of(options: PathOptions, columns: "Columns", *, here: Point | None = None) -> Asked:
    """Return what is to be looked for.

    Args:
        options: as ``check_options`` lets them pass.
        columns: the tracks.
        here: where the path begins if no option says it.

    Raises:
        InputError: an argument cannot be used.
    """
    from realtime_mer.library.paths.asked import Tags, find, mean_of, playing, usual_s
    from realtime_mer.library.paths.search import Search

    tags = Tags(columns)
    before = []
    if options.start is not None:
        track = find(options.start, columns)
        before.append(playing(columns, track, tags, options.rules))
        here = columns.whole([track])[0].ending
    elif here is None or options.at is not None:
        here = point_of(options.at or "", name="--at")
    there, last = here, None
    if options.to is not None and is_point(options.to):
        there = point_of(options.to, name="--to")
    elif options.to is not None:
        last = find(options.to, columns)
        if before and before[0].track == last:
            raise InputError(f"--to {options.to} is the track that plays: name another one.")
        there = mean_of(columns, last)
    way = way_of(options, here, there, track_s=usual_s(columns))
    rules = options.rules
    if options.step is not None:
        rules = replace(rules, within=options.step if rules.within is None else rules.within)
        if way.step_s is not None:
            rules = replace(rules, longest_s=2 * way.step_s)
    return Asked(search=Search(columns, rules, music_of=tags, before=before), way=way, last=last)


def way_of(options: PathOptions, here: Point, there: Point, *, track_s: float) -> Way:
    """Return the way of a path.

    Args:
        options: what says how long it is, and its steps.
        here: where it begins.
        there: where it leads.
        track_s: how long a track usually is.
    """
    total_s = None if options.minutes is None else options.minutes * 60
    if options.step is not None:
        way = stepped(here, there, step=options.step)
        if options.step_minutes is not None:
            return lasting(way, step_s=options.step_minutes * 60, track_s=track_s)
        if total_s is None:
            return way
        return lasting(way, step_s=total_s / len(way.places), track_s=track_s)
    if total_s is None:
        return counted(here, there, options.count or DEFAULT_COUNT)
    steps = max(1, round(total_s / track_s))  # about a track each
    way = Way(places=tuple(between(here, there, (i + 1) / steps) for i in range(steps)))
    return lasting(way, step_s=total_s / steps, track_s=track_s)


def found_path(asked: Asked) -> "Beginning":
    """Return the path that was asked for.

    Raises:
        InputError: there is none; it says which rule cannot be kept.
    """
    from realtime_mer.library.paths.refusals import refusal

    outcome = asked.search.find(asked.way, last=asked.last)
    if outcome.path is None:
        raise InputError(refusal(asked.search, asked.way, outcome, last=asked.last))
    return outcome.path


def records_of(found: "Beginning", tracks: Sequence[Track], asked: Asked) -> list[dict[str, Any]]:
    """Return the tracks of a path as records for JSON.

    Args:
        found: the path.
        tracks: its tracks, whole.
        asked: what was looked for.
    """
    of_tags = asked.search.rules.of_tags
    return [
        {
            **record_of(track, distance=math.sqrt(squared), music=turn.music if of_tags else None),
            "starts_s": round(turn.starts_s, 3),
            "step": place + 1,
            "wanted": record(asked.way.places[place]),
        }
        for track, turn, place, squared in zip(
            tracks, found.turns, found.places, found.costs, strict=True
        )
    ]
