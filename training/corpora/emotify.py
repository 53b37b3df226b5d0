"""Emotify: felt emotion, nine GEMS items, by players of an online game.

Read are a repackaged layout (``tracks.csv`` with the listeners' shares and ``audio/ID.opus``) and
the published one: ``data.csv`` with a row for each answer, beside or above folders of genres with
``1.mp3`` to ``100.mp3``. The names of the published columns are from memory.

Trap: the published track id is the number within the genre plus 0 (classical), 100 (rock), 200
(electronic) or 300 (pop), which is not the alphabetical order of the folders.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError

from .clip import Clip, Corpus, Layout, artist_group
from .sound import artist_tag, by_stem, duration
from .tables import Row, number, read_rows, required, song_number

GENRES = ("classical", "rock", "electronic", "pop")
"""In the order of the track ids, 100 each."""

_ANSWER = {
    "track": ("track_id", "trackid"),
    **{item: (item,) for item in GEMS},
    "joyful_activation": ("joyful_activation", "joyful", "joyfulactivation"),
    "amazement": ("amazement", "wonder"),
    "calmness": ("calmness", "peacefulness"),
}
"""Columns of a table with a row for each answer, with the spellings that are met."""


def read_repackaged(folder: Path) -> list[Clip]:
    """Read ``tracks.csv``: a row for each song, with shares and an artist's group."""
    path = folder / "tracks.csv"
    columns = ("track_id", "n_annotators", "artist_group", "duration_s", *GEMS)
    return [
        Clip(
            corpus="emotify",
            id=row["track_id"],
            path=folder / "audio" / f"{row['track_id']}.opus",
            seconds=required(row["duration_s"], path),
            group=artist_group(row["artist_group"], f"emotify:{row['track_id']}"),
            gems=tuple(required(row[item], path) for item in GEMS),
            answers=int(required(row["n_annotators"], path)),
        )
        for row in read_rows(path, columns)
    ]


def read_published(folder: Path) -> list[Clip]:
    """Read ``data.csv``: a row for each answer. Artists are those of the files' tags.

    A song whose file names no artist is a group of its own.
    """
    path = folder / "data.csv"
    answers: dict[int, list[Row]] = defaultdict(list)
    for row in read_rows(path, {**_ANSWER, "genre": ("genre",)}):
        answers[int(required(song_number(row["track"]), path))].append(row)
    music = {genre: by_stem([place]) for genre, place in _genre_folders(folder).items()}
    return [_published_song(track, rows, music, path) for track, rows in sorted(answers.items())]


def answers_table(folder: Path) -> Path:
    """Return where single answers lie, or would lie, in either layout of the corpus."""
    repackaged = folder / "annotations.csv"
    return repackaged if repackaged.is_file() else folder / "data.csv"


def read_answers(folder: Path) -> dict[str, NDArray[np.bool_]]:
    """Return every listener's ticks of the nine items, (listeners, 9), by the clip's key.

    Args:
        folder: of the corpus, see ``answers_table``.

    Raises:
        InputError: the table is not there, or is not what it should be.
    """
    path = answers_table(folder)
    ticks: dict[str, list[list[bool]]] = defaultdict(list)
    for row in read_rows(path, _ANSWER):
        track = int(required(song_number(row["track"]), path))
        ticks[f"emotify/{track:03}"].append([bool(number(row[item], path)) for item in GEMS])
    return {key: np.array(own) for key, own in ticks.items()}


def _published_song(
    track: int, rows: list[Row], music: dict[str, dict[str, Path]], table: Path
) -> Clip:
    genre = rows[0]["genre"].casefold()
    if genre not in GENRES:
        raise InputError(f"{table} names the genre {genre!r}; known are {', '.join(GENRES)}")
    own = track - 100 * GENRES.index(genre)
    if not 1 <= own <= 100:
        raise InputError(
            f"{table} places track {track} in {genre}, whose tracks are "
            f"{100 * GENRES.index(genre) + 1} to {100 * GENRES.index(genre) + 100}; is it the "
            "published table?"
        )
    path = music.get(genre, {}).get(str(own), table.parent / genre / f"{own}.mp3")
    ticks = [[number(row[item], table) or 0.0 for item in GEMS] for row in rows]
    return Clip(
        corpus="emotify",
        id=f"{track:03}",
        path=path,
        seconds=duration(path),
        group=artist_group(artist_tag(path), f"emotify:{track:03}"),
        gems=tuple(sum(column) / len(rows) for column in zip(*ticks, strict=True)),
        answers=len(rows),
    )


def _genre_folders(folder: Path) -> dict[str, Path]:
    """Return the folders of the genres, which stand beside the table or one level below."""
    return {
        place.name.casefold(): place
        for place in (*folder.glob("*/*/"), *folder.glob("*/"))
        if place.name.casefold() in GENRES and place.is_dir()
    }


EMOTIFY = Corpus(
    name="emotify",
    kind="felt emotion, 9 GEMS items, 11 to 59 listeners a song",
    licence="none stated; the authors ask for the citation. Sound: Magnatune, mostly "
    "CC BY-NC-SA (not verified per track)",
    cite="Aljanaki, Wiering & Veltkamp, Information Processing & Management, 2015",
    layouts=(
        Layout(
            shape="emotify/tracks.csv",
            fits=lambda folder: folder.name == "emotify" and (folder / "tracks.csv").is_file(),
            read=read_repackaged,
        ),
        Layout(
            shape="data.csv beside (or above) folders classical, rock, electronic, pop",
            fits=lambda folder: (folder / "data.csv").is_file() and bool(_genre_folders(folder)),
            read=read_published,
        ),
    ),
)
