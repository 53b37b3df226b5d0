"""Which tracks come next: the nearest on the valence-arousal plane, or a path to another place.

Pure: the same tracks, in any order, give the same suggestions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.library.tracks import Point, Track

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A track and how well it fits.

    Attributes:
        track: the track.
        distance: see ``distances``, from the mood that is wanted at its place.
    """

    track: Track
    distance: float


def distances(tracks: Sequence[Track], point: Point) -> Numbers:
    """Return how far from a mood that is which one hears when a track follows it, ``(tracks,)``.

    The root mean square of two distances: that of the track's beginning, which is the step heard
    at the transition, and that of its hops, which follows from its mean and spread::

        d² = ½ |beginning − point|² + ½ (|mean − point|² + valence_spread² + arousal_spread²)

    So a track that begins here and then wanders off is as bad as one that lies elsewhere.
    """
    beginning = _squared([track.beginning for track in tracks], point)
    mean = _squared([track.mean for track in tracks], point)
    spread = np.array([t.valence_spread**2 + t.arousal_spread**2 for t in tracks])
    return np.asarray(np.sqrt((beginning + mean + spread) / 2))


def continuing(tracks: Sequence[Track], *, here: Point, count: int) -> list[Suggestion]:
    """Return the tracks that continue a mood best, the best first.

    Each could come next; they are no chain, in which every track may lead a little further off.

    Args:
        tracks: to choose from.
        here: the present mood; after a track, its ending.
        count: at most so many, >= 1.
    """
    tracks = sorted(tracks, key=lambda track: track.path)
    far = distances(tracks, here)
    best = np.argsort(far, kind="stable")[:count]
    return [Suggestion(track=tracks[i], distance=float(far[i])) for i in best]


def leading(
    tracks: Sequence[Track], *, here: Point, there: Point | Track, count: int
) -> list[Suggestion]:
    """Return a path of tracks from one mood to another, in the order of playing.

    The straight line from here to there is cut into equal steps, and each place on the path has
    the end of its step as the wanted mood. Of all ways to fill the places with tracks whose means
    come strictly nearer to the target from place to place, the one with the least sum of squared
    ``distances`` is taken, found exactly by dynamic programming in O(places x tracks). Equal steps
    because a listener follows a slow change and notices a jump; strictly nearer so that the path
    never turns back, which also keeps a track, or a copy of it, from coming twice. (Dijkstra over
    all pairs of tracks would need tracks² edges, and a bound on the step that is right for no
    library.)

    Args:
        tracks: to choose from.
        here: the present mood; after a track, its ending.
        there: the wanted mood, or a track, which is then the last.
        count: at most so many, >= 1; fewer where fewer tracks lie nearer to the target than here.
    """
    target = there.mean if isinstance(there, Track) else there
    last = [there] if isinstance(there, Track) else []
    # The farthest first; tracks that are equally far are one after the other.
    near = np.sqrt(_squared([track.mean for track in tracks], target))
    start = np.sqrt(_squared([here], target))[0]
    order = sorted(range(len(tracks)), key=lambda i: (-near[i], tracks[i].path))
    order = [i for i in order if near[i] < start and not (last and near[i] == 0)]
    tracks, near = [tracks[i] for i in order], near[order]
    places = min(count - len(last), len(np.unique(near)))
    steps = places + len(last)
    far = np.stack(
        [distances(tracks, _between(here, target, i / steps)) for i in range(1, places + 1)]
        or [np.zeros(0)]
    )
    path = [
        Suggestion(track=tracks[j], distance=float(far[i, j]))
        for i, j in enumerate(_descent(far**2, near) if places else [])
    ]
    return path + [
        Suggestion(track=track, distance=float(distances([track], target)[0])) for track in last
    ]


def _descent(costs: Numbers, near: Numbers) -> list[int]:
    """Return a track for each place so that ``near`` falls strictly and the costs sum up to least.

    Args:
        costs: ``(places, tracks)``.
        near: ``(tracks,)``, not increasing, with at least as many different values as places.
    """
    count = len(near)
    # The first track that is as near as this one: its predecessors are those before it.
    first = np.searchsorted(-near, -near, side="left")
    best = costs[0]
    came_from = []
    for cost in costs[1:]:
        least = np.minimum.accumulate(best)
        falls = np.concatenate(([True], best[1:] < least[:-1]))
        where = np.maximum.accumulate(np.where(falls, np.arange(count), 0))
        reachable = first > 0
        before = np.maximum(first - 1, 0)
        came_from.append(where[before])
        best = cost + np.where(reachable, least[before], np.inf)
    path = [int(np.argmin(best))]
    for back in reversed(came_from):
        path.append(int(back[path[-1]]))
    return path[::-1]


def _between(here: Point, there: Point, part: float) -> Point:
    return Point(
        valence=here.valence + part * (there.valence - here.valence),
        arousal=here.arousal + part * (there.arousal - here.arousal),
    )


def _squared(places: Sequence[Point], point: Point) -> Numbers:
    """Return squared distances ``(places,)``."""
    valence = np.array([place.valence for place in places]) - point.valence
    arousal = np.array([place.arousal for place in places]) - point.arousal
    return np.asarray(valence**2 + arousal**2, dtype=np.float64)
