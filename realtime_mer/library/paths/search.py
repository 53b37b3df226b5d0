"""Looks for tracks that keep every rule and lie near the places of a way (pure).

A search that goes on from the best beginnings only (a beam). It is repeated with more of them where
it found nothing, until a path is found, all ways were looked at, or too many.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.paths.music import UNTOLD, Music
from realtime_mer.library.paths.plane import from_mean, squared_distances
from realtime_mer.library.paths.rules import (
    LONGEST,
    LOUDEST,
    MUSIC,
    QUIETEST,
    Rules,
    Turn,
    breaks,
)
from realtime_mer.library.paths.way import Way
from realtime_mer.library.tracks import Point

_WIDTHS = ((32, 16), (256, 64), (2048, 1 << 30))
"""How many beginnings are gone on from, and how many next tracks of each are looked at."""

_MOST_TRIED = 200_000
"""Tracks that are tried in a place before a search gives up; a second or so."""

_SORTED_FIRST = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """Tracks with which a path may begin.

    Attributes:
        turns: those that were chosen.
        places: of each on its way.
        costs: squared distance of each.
    """

    turns: tuple[Turn, ...] = ()
    places: tuple[int, ...] = ()
    costs: tuple[float, ...] = ()

    @property
    def place(self) -> int | None:
        """Of the last; None where there is none yet."""
        return self.places[-1] if self.places else None

    @property
    def cost(self) -> float:
        """Mean of the squared distances."""
        return sum(self.costs) / max(1, len(self.costs))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a search came to.

    Attributes:
        path: what was found; None where nothing was.
        farthest: the longest beginning that could not be gone on with.
        all_tried: whether every way was looked at, so that there is no path if none was found.
    """

    path: Beginning | None
    farthest: Beginning
    all_tried: bool


class Search:
    """Looks for paths among tracks; the same tracks give the same paths.

    Args:
        columns: the tracks.
        rules: all of which every path keeps.
        music_of: returns what the tags of a track tell; asked only where a rule needs it.
        before: what was played before the row began, in order; none of it comes again.
        left_out: other tracks that are not to be chosen.
    """

    def __init__(
        self,
        columns: Columns,
        rules: Rules,
        *,
        music_of: Callable[[int], Music],
        before: Sequence[Turn] = (),
        left_out: Sequence[int] = (),
    ) -> None:
        self.columns, self.rules, self.before = columns, rules, tuple(before)
        self._music_of = music_of
        self._allowed = np.ones(len(columns.paths), dtype=bool)
        for broken in breaking_alone(rules, columns).values():
            self._allowed &= ~broken
        self.used = {turn.track for turn in before} | set(left_out)
        self._tried = 0

    def find(self, way: Way, *, from_: Beginning | None = None, last: int | None = None) -> Outcome:
        """Return a path along a way, the one with the least mean squared distance that was met.

        Args:
            way: to its end.
            from_: what of the way has been gone already; it counts for the rules.
            last: the track that it is to end with; no distance is asked of it.
        """
        nearest = _Nearest(self.columns, self._allowed, way, self.rules.within)
        start = Beginning() if from_ is None else from_
        too_few = self._too_few(way, start, last)
        for width, branches in _WIDTHS:
            self._tried = 0
            outcome = self._run(way, nearest, start, last, width=width, branches=branches)
            if too_few:  # how far one gets is known now, and more would be looked at for nothing
                return replace(outcome, all_tried=True)
            if outcome.path is not None or outcome.all_tried or self._tried >= _MOST_TRIED:
                break
        return outcome

    def _too_few(self, way: Way, start: Beginning, last: int | None) -> bool:
        """Return whether the tracks that may be chosen are too few, or too short, for a way."""
        free = self._allowed.copy()
        free[[*self.used, *(turn.track for turn in start.turns)]] = False
        if last is not None:
            free[last] = True
        if int(free.sum()) < way.last - (-1 if start.place is None else start.place):
            return True
        whole_s = self.starts_s(start) + float(self.columns.seconds[free].sum())
        return way.step_s is not None and whole_s < way.step_s * len(way.places)

    def next_ones(self, point: Point, count: int, *, at_s: float = 0.0) -> list[tuple[int, float]]:
        """Return the tracks that could come next, the nearest first, with their squared distances.

        Args:
            point: where they are to lie.
            count: at most so many.
            at_s: when they would begin, on the clock of ``before``.
        """
        way = Way(places=(point,))
        nearest = _Nearest(self.columns, self._allowed, way, self.rules.within)
        fitting = (
            (track, cost)
            for track, cost in nearest.of(0)
            if track not in self.used and self._keeps((), track, at_s)
        )
        return list(islice(fitting, count))

    def turn(self, track: int, starts_s: float) -> Turn:
        """Return a track in a place of a row."""
        return Turn(
            track=track,
            starts_s=starts_s,
            ends_s=starts_s + float(self.columns.seconds[track]),
            music=self._music_of(track) if self.rules.of_tags else UNTOLD,
        )

    def _keeps(self, turns: tuple[Turn, ...], track: int, at_s: float) -> bool:
        before = self.before + turns
        return next(breaks(self.rules, before, self.turn(track, at_s)), None) is None

    def starts_s(self, beginning: Beginning) -> float:
        """Return when the track after a beginning starts."""
        turns = beginning.turns or self.before
        return turns[-1].ends_s if turns else 0.0

    def _run(
        self,
        way: Way,
        nearest: "_Nearest",
        start: Beginning,
        last: int | None,
        *,
        width: int,
        branches: int,
    ) -> Outcome:
        beam, farthest = [start], start
        found: list[Beginning] = []
        all_tried = True
        while beam:
            longer: list[Beginning] = []
            for beginning in beam:
                ways_on = self._extended(way, nearest, beginning, last)
                some = list(islice(ways_on, branches))
                all_tried &= len(some) < branches or next(ways_on, None) is None
                if not some and len(beginning.turns) > len(farthest.turns):
                    farthest = beginning
                for one in some:
                    ended = way.done(one.place, one.turns[-1].ends_s)
                    (found if ended else longer).append(one)
            longer.sort(key=_rank)
            all_tried &= len(longer) <= width
            beam = longer[:width]
        all_tried &= self._tried < _MOST_TRIED
        best = min(found, key=_rank, default=None)
        return Outcome(path=best, farthest=farthest, all_tried=all_tried)

    def _extended(
        self, way: Way, nearest: "_Nearest", beginning: Beginning, last: int | None
    ) -> Iterator[Beginning]:
        """Yield a beginning with one more track, the nearest first."""
        starts_s = self.starts_s(beginning)
        place = way.next(beginning.place, starts_s)
        if last is not None:
            turn = self.turn(last, starts_s)
            if way.done(place, turn.ends_s):
                if self._keeps(beginning.turns, last, starts_s):
                    yield _with(beginning, turn, place, nearest.cost(place, last))
                return
        used = self.used.union(turn.track for turn in beginning.turns)
        for track, cost in nearest.of(place):
            if track in used or self._tried >= _MOST_TRIED:
                continue
            self._tried += 1
            turn = self.turn(track, starts_s)
            if last is not None and (track == last or way.done(place, turn.ends_s)):
                continue
            if next(breaks(self.rules, self.before + beginning.turns, turn), None) is None:
                yield _with(beginning, turn, place, cost)


def breaking_alone(rules: Rules, columns: Columns) -> Mapping[str, NDArray[np.bool_]]:
    """Return which tracks break a rule whatever is beside them, each ``(tracks,)``."""
    share, loud = columns.music_share, columns.loudness_lufs
    # Of a share that is not known (NaN) neither is true, and nothing of a loudness.
    found: dict[str, NDArray[np.bool_]] = {MUSIC: (share <= 0) | (share < rules.music)}
    if rules.quietest_lufs is not None:
        found[QUIETEST] = ~(loud >= rules.quietest_lufs)
    if rules.loudest_lufs is not None:
        found[LOUDEST] = ~(loud <= rules.loudest_lufs)
    if rules.longest_s is not None:
        found[LONGEST] = columns.seconds > rules.longest_s
    return found


class _Nearest:
    """Tracks in order of their distance from each place, sorted no farther than they are asked for.

    Args:
        columns: the tracks.
        allowed: which of them may be chosen, ``(tracks,)``.
        way: with the places.
        within: how far the mean of a track may lie from its place; None for any distance.
    """

    def __init__(
        self, columns: Columns, allowed: NDArray[np.bool_], way: Way, within: float | None
    ) -> None:
        self._columns, self._allowed, self._way, self._within = columns, allowed, way, within
        self._known: dict[int, tuple[NDArray[np.float64], NDArray[np.intp]]] = {}
        self._sorted: dict[int, list[tuple[int, float]]] = {}

    def cost(self, place: int, track: int) -> float:
        """Return the squared distance of a track from a place."""
        return float(self._of(place)[0][track])

    def of(self, place: int) -> Iterator[tuple[int, float]]:
        """Yield tracks that lie near enough, each with its squared distance."""
        squared, near = self._of(place)
        if place not in self._sorted:
            first = near
            if len(near) > _SORTED_FIRST:
                first = near[np.argpartition(squared[near], _SORTED_FIRST)[:_SORTED_FIRST]]
                first.sort()  # so that of equally near ones the first by name comes first
            self._sorted[place] = _by_distance(squared, first)
        yield from self._sorted[place]
        known = len(self._sorted[place])
        if known < len(near):
            rest = np.setdiff1d(near, [track for track, _ in self._sorted[place]])
            self._sorted[place] += _by_distance(squared, rest)
        yield from islice(self._sorted[place], known, None)

    def _of(self, place: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        if place not in self._known:
            point = self._way.places[place]
            near = self._allowed
            if self._within is not None:
                near = near & (from_mean(self._columns, point) <= self._within + 1e-9)
            self._known[place] = squared_distances(self._columns, point), np.flatnonzero(near)
        return self._known[place]


def _by_distance(squared: NDArray[np.float64], tracks: NDArray[np.intp]) -> list[tuple[int, float]]:
    order = tracks[np.argsort(squared[tracks], kind="stable")]
    return list(zip(order.tolist(), squared[order].tolist(), strict=True))


def _with(beginning: Beginning, turn: Turn, place: int, cost: float) -> Beginning:
    return Beginning(
        turns=(*beginning.turns, turn),
        places=(*beginning.places, place),
        costs=(*beginning.costs, cost),
    )


def _rank(beginning: Beginning) -> tuple[float, tuple[int, ...]]:
    return beginning.cost, tuple(turn.track for turn in beginning.turns)
