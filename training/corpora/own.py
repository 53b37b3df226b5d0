"""Own recordings: a folder for each label, or a table ``labels.csv``.

Folders are named Q1 to Q4 or by a mood word that lies within a quadrant (happy, tense, sad, calm,
…; docs/corpora.md lists them). A table has a column ``path`` (relative to its folder) and any of
``valence``, ``arousal``, ``valence_sd``, ``arousal_sd`` (on [-1, 1]), ``quadrant`` (Q1 to Q4),
``gems_amazement`` … ``gems_sadness`` (shares of listeners in [0, 1], all nine or none),
``answers`` (number of listeners) and ``group`` (what must not be split); an empty cell is a label
that was not given. Without a group it is the artist that the file names, else the recording itself.
"""

from pathlib import Path

from realtime_mer.emotion import GEMS, MOOD_WORDS, QUADRANTS
from realtime_mer.errors import InputError

from .clip import Clip, Corpus, Layout, artist_group
from .sound import artist_tag, duration, sound_files
from .tables import Row, number, quadrant, read_rows

_OPTIONAL = (
    "valence",
    "arousal",
    "valence_sd",
    "arousal_sd",
    "quadrant",
    "answers",
    "group",
    *(f"gems_{item}" for item in GEMS),
)


def _label_names() -> dict[str, int]:
    """Return the quadrant of every name that a folder of recordings may bear."""
    signs = {(True, True): 0, (False, True): 1, (False, False): 2, (True, False): 3}
    words = {
        mood.word: signs[mood.valence > 0, mood.arousal > 0]
        for mood in MOOD_WORDS
        # A word on an axis, such as tired, lies between two quadrants.
        if min(abs(mood.valence), abs(mood.arousal)) > 0.01
    }
    return {name.casefold(): index for index, name in enumerate(QUADRANTS)} | words


LABEL_NAMES = _label_names()
"""Quadrant, an index into ``QUADRANTS``, of every name that a folder may bear in lower case."""


def read_table(folder: Path) -> list[Clip]:
    """Read ``labels.csv``.

    Raises:
        InputError: a row names no file, no label, or one out of its range.
    """
    table = folder / "labels.csv"
    rows = read_rows(table, ("path",), optional={name: (name,) for name in _OPTIONAL})
    return [_row(row, folder, table) for row in rows]


def _row(row: Row, folder: Path, table: Path) -> Clip:
    where = f"{table}, {row['path'] or 'a row without path'}"
    if not row["path"]:
        raise InputError(f"{where}: every row must name a sound file")
    path = folder / row["path"]
    clip = Clip(
        corpus="own",
        id=f"{folder.name}/{row['path']}",
        path=path,
        seconds=duration(path),
        group=f"own:{row['group']}" if row["group"] else _group(path, folder),
        valence=_within(row, "valence", -1, 1, where),
        arousal=_within(row, "arousal", -1, 1, where),
        valence_sd=_within(row, "valence_sd", 0, 2, where),
        arousal_sd=_within(row, "arousal_sd", 0, 2, where),
        quadrant=quadrant(row["quadrant"], where),
        gems=_shares(row, where),
        answers=int(_within(row, "answers", 0, 1e9, where) or 0),
    )
    if (clip.valence is None) != (clip.arousal is None):
        raise InputError(f"{where} has only one of valence and arousal; give both or none")
    if clip.valence is None and clip.quadrant is None and clip.gems is None:
        raise InputError(f"{where} has no label; give valence and arousal, a quadrant or gems")
    return clip


def _within(row: Row, name: str, low: float, high: float, where: str) -> float | None:
    value = number(row[name], where)
    if value is not None and not low <= value <= high:
        raise InputError(f"{where}: {name} is {value:g}, outside {low:g} to {high:g}")
    return value


def _shares(row: Row, where: str) -> tuple[float, ...] | None:
    values = [_within(row, f"gems_{item}", 0, 1, where) for item in GEMS]
    given = [value for value in values if value is not None]
    if not given:
        return None
    if len(given) < len(values):
        raise InputError(f"{where} has only {len(given)} of the nine gems_ columns; fill all")
    if not number(row["answers"], where):
        raise InputError(f"{where} has shares of listeners but not their number in 'answers'")
    return tuple(given)


def _group(path: Path, folder: Path) -> str:
    # The folder's own place must not matter to the hash of its labels.
    name = path.relative_to(folder) if path.is_relative_to(folder) else path
    artist = artist_tag(path) if path.is_file() else ""
    return artist_group(artist, f"own:{folder.name}/{name.as_posix()}")


def _labelled_folders(folder: Path) -> list[Path]:
    return sorted(place for place in folder.glob("*/") if place.name.casefold() in LABEL_NAMES)


def read_folders(folder: Path) -> list[Clip]:
    """Read the sound files in and below every folder that is named by a label."""
    return [
        Clip(
            corpus="own",
            id=f"{folder.name}/{path.relative_to(folder).as_posix()}",
            path=path,
            seconds=duration(path),
            group=_group(path, folder),
            quadrant=LABEL_NAMES[place.name.casefold()],
        )
        for place in _labelled_folders(folder)
        for path in sound_files(place)
    ]


OWN = Corpus(
    name="own",
    kind="own labels",
    licence="as you hold the recordings; state it on the card of what learns from them",
    cite="-",
    layouts=(
        Layout(
            shape="labels.csv",
            fits=lambda folder: (folder / "labels.csv").is_file(),
            read=read_table,
        ),
        Layout(
            shape="two or more folders named Q1 to Q4 or by mood words",
            fits=lambda folder: len(_labelled_folders(folder)) > 1,
            read=read_folders,
        ),
    ),
)
