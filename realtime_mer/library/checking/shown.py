"""What is shown of tracks: as they are stored, or on the owner's scale.

A table holds what the model says, whatever is asked for here. What is shown, printed, exported,
served or written into tags may stand on the owner's scale, and then says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from realtime_mer.emotion import QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.estimate import Affect
from realtime_mer.library.checking.answers import read_answers
from realtime_mer.library.tables import each_track, read_table
from realtime_mer.library.tracks import Course, Point, Section, Track
from realtime_mer.mood import above_zero, mood_text, mood_words

if TYPE_CHECKING:  # brings numpy
    from realtime_mer.library.checking.own_scale import Line, OwnScale

_SAME = 1.0  # what a spread is multiplied by where the scale is the model's


def read_shown(table: Path, my_scale: Path | None) -> list[Track]:
    """Read the tracks of a table as they are to be shown, without their courses.

    Args:
        table: what ``annotate`` wrote.
        my_scale: the answers of a check; None for the model's own scale.

    Raises:
        InputError: one of them cannot be used, or the scale does not belong to the table.
    """
    tracks = read_table(table, courses=False)
    return tracks if my_scale is None else list(on_scale(tracks, read_scale(my_scale)))


def each_shown(table: Path, my_scale: Path | None) -> Iterator[Track]:
    """Yield the same, few of them held at a time; of none no error is made."""
    tracks = each_track(table, courses=False)
    yield from tracks if my_scale is None else on_scale(tracks, read_scale(my_scale))


def read_scale(path: Path) -> "OwnScale":
    """Return the scale that the answers of a check come to.

    Raises:
        InputError: they cannot be read, or mean nothing.
    """
    from realtime_mer.library.checking.own_scale import scale_of

    answers = read_answers(path)
    scale = scale_of(
        (
            ((placed.valence, placed.arousal), (said.valence, said.arousal))
            for placed, said in answers.both
        ),
        models=answers.models,
    )
    if not scale.means_something:
        raise InputError(
            f"{path} gives no scale of your own: valence: {scale.valence.refused}; "
            f"arousal: {scale.arousal.refused}"
        )
    return scale


def on_scale(tracks: Iterable[Track], scale: "OwnScale") -> Iterator[Track]:
    """Yield tracks with their numbers on the owner's scale.

    Raises:
        InputError: another model spoke of a track than of those that the owner placed.
    """
    for track in tracks:
        if track.model_sha256 not in scale.models:
            raise InputError(
                f"{track.path} is as another model heard it than the tracks that you placed: "
                "bring the table up to date with `annotate --outdated`, and let `library check` "
                "look at it again"
            )
        yield moved(track, scale)


def moved(track: Track, scale: "OwnScale") -> Track:
    """Return a track on the owner's scale.

    Ratings move, and with them beginning, ending, course and sections. Spreads and intervals widen
    or narrow. Quadrants and words follow from where the track lies then. How much of it each word
    was said cannot be told any more, and GEMS have nothing to do with it.
    """
    valence, arousal = scale.valence.used, scale.arousal.used
    stretch = tuple(_SAME if line is None else line.slope.value for line in (valence, arousal))
    sds = track.valence_sd * stretch[0], track.arousal_sd * stretch[1]
    mean = _point(track.mean, valence, arousal)
    quadrants = _quadrants(mean, sds)
    course = track.course
    return replace(
        track,
        scale=scale.words,
        affect=Affect(
            valence=mean.valence,
            arousal=mean.arousal,
            valence_sd=round(sds[0], 6),
            arousal_sd=round(sds[1], 6),
            quadrants=quadrants,
            gems=track.gems,
        ),
        quadrant=max(quadrants, key=quadrants.__getitem__),
        valence_spread=round(track.valence_spread * stretch[0], 6),
        arousal_spread=round(track.arousal_spread * stretch[1], 6),
        beginning=_point(track.beginning, valence, arousal),
        ending=_point(track.ending, valence, arousal),
        moods={},
        sections=tuple(_section(one, valence, arousal, sds) for one in track.sections),
        course=None
        if course is None
        else Course(
            every_s=course.every_s,
            valence=tuple(_on(valence, value) for value in course.valence),
            arousal=tuple(_on(arousal, value) for value in course.arousal),
        ),
    )


def _on(line: "Line | None", value: float) -> float:
    return value if line is None else round(line(value), 6)


def _point(point: Point, valence: "Line | None", arousal: "Line | None") -> Point:
    return Point(valence=_on(valence, point.valence), arousal=_on(arousal, point.arousal))


def _section(
    section: Section, valence: "Line | None", arousal: "Line | None", sds: tuple[float, float]
) -> Section:
    if section.valence is None or section.arousal is None:
        return section
    place = Point(valence=_on(valence, section.valence), arousal=_on(arousal, section.arousal))
    words = mood_words(
        place.valence,
        place.arousal,
        valence_sd=sds[0],
        arousal_sd=sds[1],
        quadrants=_quadrants(place, sds),
    )
    return replace(section, valence=place.valence, arousal=place.arousal, mood=mood_text(words))


def _quadrants(place: Point, sds: tuple[float, float]) -> dict[str, float]:
    """Return how much of a normal distribution lies in each quadrant."""
    right, up = above_zero(place.valence, sds[0]), above_zero(place.arousal, sds[1])
    parts = right * up, (1 - right) * up, (1 - right) * (1 - up), right * (1 - up)
    return {name: round(part, 6) for name, part in zip(QUADRANTS, parts, strict=True)}
