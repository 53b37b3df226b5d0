"""Why there is no path: which rule cannot be kept, and by what (pure)."""

from collections import Counter

import numpy as np

from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.paths.plane import from_mean, squared_distances
from realtime_mer.library.paths.points import shown
from realtime_mer.library.paths.rules import (
    LONGEST,
    LOUDEST,
    MUSIC,
    ONCE,
    QUIETEST,
    WITHIN,
    Break,
    breaks,
)
from realtime_mer.library.paths.search import Outcome, Search, breaking_alone
from realtime_mer.library.paths.way import Way
from realtime_mer.library.tracks import Point
from realtime_mer.wording import clock, counted

_LOOKED_AT = 500  # of the nearest tracks, for whose rules tags may have to be read


def refusal(search: Search, way: Way, outcome: Outcome, *, last: int | None = None) -> str:
    """Return in a sentence or two why a search for a path found none.

    Args:
        search: that was asked.
        way: as it was asked for.
        outcome: what it came to, without a path.
        last: the track that was to be the last.
    """
    beginning = outcome.farthest
    at_s = search.starts_s(beginning)
    place = way.next(beginning.place, at_s)
    said = "No path keeps all rules"
    if not outcome.all_tried:
        said = "No path that keeps all rules was found, though not every way could be tried"
    head = (
        f"{said}: track {len(beginning.turns) + 1}, which begins at {clock(max(0.0, at_s))}, "
        f"is to lie near {shown(way.places[place])}."
    )
    turn = None if last is None else search.turn(last, at_s)
    if turn is not None and last is not None and way.done(place, turn.ends_s):
        why = [one.why for one in breaks(search.rules, search.before + beginning.turns, turn)]
        return f"{head} {search.columns.paths[last]} is to be the last, and {' and '.join(why)}."
    return f"{head} {missing(search, way.places[place], outcome)}"


def missing(search: Search, point: Point, outcome: Outcome | None = None) -> str:
    """Return which rule keeps how many tracks from being the next, and the nearest of those.

    Args:
        search: that found none.
        point: where the next was to lie.
        outcome: of a search for a path, to go on from where it failed.
    """
    columns, rules = search.columns, search.rules
    turns = () if outcome is None else outcome.farthest.turns
    at_s = 0.0 if outcome is None else search.starts_s(outcome.farthest)
    used = search.used.union(turn.track for turn in turns)
    alone = breaking_alone(rules, columns)
    far = from_mean(columns, point)
    nearest = np.argsort(squared_distances(columns, point), kind="stable")[:_LOOKED_AT]
    only: dict[str, tuple[int, Break]] = {}
    kept_out: Counter[str] = Counter()
    in_the_way: Counter[str] = Counter()
    for track in nearest.tolist():
        found = [
            Break(rule=rule, why=_why_alone(rule, columns, track))
            for rule, mask in alone.items()
            if mask[track]
        ]
        if track in used:
            found.append(Break(rule=ONCE, why="it is in the path already"))
        if rules.within is not None and far[track] > rules.within + 1e-9:
            found.append(Break(rule=WITHIN, why=f"it lies {far[track]:.2f} away"))
        turn = search.turn(track, at_s)
        found += breaks(rules, search.before + turns, turn)
        kept_out.update({one.rule for one in found})
        if len({one.rule for one in found}) == 1:
            in_the_way[found[0].rule] += 1
            only.setdefault(found[0].rule, (track, found[0]))
    looked_at = "all" if len(nearest) == len(columns.paths) else f"the nearest {len(nearest)}"
    if only:
        rule = max(only, key=lambda rule: (rule != ONCE, in_the_way[rule]))
        track, broken = only[rule]
        return (
            f"{_began(_named(rule))} alone keeps out {in_the_way[rule]} of {looked_at} tracks, "
            f"the nearest is {columns.paths[track]}: {broken.why}."
        )
    each = ", ".join(f"{_named(rule)} {number}" for rule, number in kept_out.most_common())
    if not each:
        return f"None of {counted(len(columns.paths), 'track')} can be gone on from."
    return f"Each of {looked_at} tracks breaks more than one rule: {each}."


def _named(rule: str) -> str:
    if rule == ONCE:
        return "that no track comes twice"
    if rule == LONGEST:
        return "that no track lasts longer than two steps"
    return rule


def _began(words: str) -> str:
    """Return words as a sentence begins; an option stays as it is typed."""
    return words if words.startswith("-") else words[:1].upper() + words[1:]


def _why_alone(rule: str, columns: Columns, track: int) -> str:
    if rule == MUSIC:
        return f"{columns.music_share[track]:.0%} of it is music"
    if rule in (QUIETEST, LOUDEST):
        loud = columns.loudness_lufs[track]
        return "it has no loudness" if np.isnan(loud) else f"it has {loud:.1f} LUFS"
    return f"it lasts {clock(columns.seconds[track])}"
