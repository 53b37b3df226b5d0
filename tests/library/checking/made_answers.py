"""Answers of an owner made up for tests."""

from collections.abc import Callable
from pathlib import Path

from realtime_mer.library.checking.answers import Answers, Drawn, Placed, Said, write_answers
from realtime_mer.library.tracks import Track


def answers_of(
    tracks: list[Track], place: Callable[[Track], tuple[float, float]], *, seed: int = 0
) -> Answers:
    """Return the answers of somebody who places every track."""
    drawn = []
    for track in tracks:
        valence, arousal = place(track)
        placed = Placed(valence=valence, arousal=arousal)
        drawn.append(Drawn(path=track.path, placed=placed, said=Said.of(track)))
    return Answers(seed=seed, drawn=tuple(drawn))


def write_scale(
    path: Path, tracks: list[Track], *, offset: float = 0.2, slope: float = 0.5
) -> Path:
    """Write the answers of an owner whose valence is a line of the model's, and arousal is none."""
    place = lambda track: (offset + slope * track.valence, 0.0)  # noqa: E731
    write_answers(path, answers_of(tracks, place))
    return path
