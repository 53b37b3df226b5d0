"""People's labels and where their sound lies: one reader for each corpus, one ``Clip`` for all.

Scales are never mixed here: what a corpus asked its listeners stays in its own field, and the
training joins the corpora through an offset and scale of each.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError

DATA_VARIABLE = "REALTIME_MER_DATA"
"""Environment variable that names the folder of the corpora."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One labelled piece of sound.

    Attributes:
        corpus: name of its corpus, a key of ``CORPORA``.
        id: its identifier, unique within the corpus.
        path: its audio file.
        seconds: duration as stated by the corpus.
        group: what must not stand on both sides of a split (artist or recording), comparable
            across corpora.
        valence, arousal: mean rating on [-1, 1] on the corpus' own scale; None where not asked.
        quadrant: index into ``QUADRANTS``; None where not given.
        gems: share of listeners who ticked each of ``GEMS``; None where not asked.
        answers: number of listeners behind ``gems``.
    """

    corpus: str
    id: str
    path: Path
    seconds: float
    group: str
    valence: float | None = None
    arousal: float | None = None
    quadrant: int | None = None
    gems: tuple[float, ...] | None = None
    answers: int = 0

    @property
    def key(self) -> str:
        """Identifier that is unique across corpora, ``corpus/id``."""
        return f"{self.corpus}/{self.id}"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus and what may be done with it.

    Attributes:
        name: its folder below the data root.
        table: the table that lists its clips, relative to that folder.
        kind: what was asked, and of whom.
        licence: terms of labels and sound, as far as they are stated.
        cite: the publication to name.
        read: turns the corpus' folder into its clips.
    """

    name: str
    table: str
    kind: str
    licence: str
    cite: str
    read: Callable[[Path], list[Clip]]


def _artist(name: object) -> str:
    """Return one spelling for an artist, so that the same artist meets itself across corpora."""
    letters = "".join(c if c.isalnum() else " " for c in str(name).casefold()).split()
    return " ".join(word for word in letters if word != "the")


def _table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table as text.

    Raises:
        InputError: it lacks one of ``columns``.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]!r}; is it the right file?")
    return frame


def _emotify(folder: Path) -> list[Clip]:
    columns = ("track_id", "n_annotators", "artist_group", "duration_s", *GEMS)
    table = _table(folder / "tracks.csv", columns)
    return [
        Clip(
            corpus="emotify",
            id=row["track_id"],
            path=folder / "audio" / f"{row['track_id']}.opus",
            seconds=float(row["duration_s"]),
            group=f"artist:{_artist(row['artist_group'])}",
            gems=tuple(float(row[item]) for item in GEMS),
            answers=int(row["n_annotators"]),
        )
        for row in table.to_dict("records")
    ]


def _panda4q(folder: Path) -> list[Clip]:
    columns = ("clip_id", "quadrant", "artist", "duration_s", "tag_valence", "tag_arousal")
    table = _table(folder / "clips.csv", columns)
    return [
        Clip(
            corpus="panda4q",
            id=row["clip_id"],
            path=folder / "audio" / f"{row['clip_id']}.opus",
            seconds=float(row["duration_s"]),
            # A clip without an artist's name is a group of its own.
            group=f"artist:{_artist(row['artist'])}"
            if _artist(row["artist"])
            else f"panda4q:{row['clip_id']}",
            valence=float(row["tag_valence"]),
            arousal=float(row["tag_arousal"]),
            quadrant=QUADRANTS.index(row["quadrant"]),
        )
        for row in table.to_dict("records")
    ]


def _grekow(folder: Path) -> list[Clip]:
    columns = ("clip_id", "valence_unit", "arousal_unit", "quadrant", "recording", "duration_s")
    table = _table(folder / "clips.csv", columns)
    return [
        Clip(
            corpus="grekow",
            id=row["clip_id"],
            path=folder / "audio" / f"{row['clip_id']}.opus",
            seconds=float(row["duration_s"]),
            group=f"grekow:{row['recording']}",
            valence=float(row["valence_unit"]),
            arousal=float(row["arousal_unit"]),
            quadrant=QUADRANTS.index(row["quadrant"]),
        )
        for row in table.to_dict("records")
    ]


CORPORA = (
    Corpus(
        name="emotify",
        table="tracks.csv",
        kind="felt emotion, 9 GEMS items, 11 to 59 listeners a song",
        licence="none stated; the authors ask for the citation. Sound: Magnatune, mostly "
        "CC BY-NC-SA (not verified per track)",
        cite="Aljanaki, Wiering & Veltkamp, Information Processing & Management, 2015",
        read=_emotify,
    ),
    Corpus(
        name="panda4q",
        table="clips.csv",
        kind="quadrant, valence and arousal from editors' mood tags",
        licence="none stated for data; sound: excerpts of commercial recordings",
        cite="Panda, Malheiro & Paiva, IEEE Transactions on Affective Computing, 2018",
        read=_panda4q,
    ),
    Corpus(
        name="grekow",
        table="clips.csv",
        kind="perceived valence and arousal, mean of music experts",
        licence="none stated; sound: GTZAN, commercial recordings without clearance",
        cite="Grekow, From Content-based Music Emotion Recognition to Emotion Maps of Musical "
        "Pieces, Springer, 2018",
        read=_grekow,
    ),
)


def data_root(path: Path | None) -> Path:
    """Return the folder of the corpora.

    Args:
        path: as given on the command line; None to ask the environment.

    Raises:
        InputError: neither names a folder that exists.
    """
    named = path if path is not None else os.environ.get(DATA_VARIABLE)
    if named is None:
        raise InputError(f"no folder of corpora was named: pass --data PATH or set {DATA_VARIABLE}")
    root = Path(named)
    if not root.is_dir():
        raise InputError(f"the folder of corpora {root} does not exist; check --data")
    return root


def read_clips(root: Path, names: Sequence[str] = ()) -> list[Clip]:
    """Return the clips of the corpora below a folder, in the order of their tables.

    Args:
        root: folder that holds a folder for each corpus.
        names: the corpora wanted; none means all that are there.

    Raises:
        InputError: a corpus that was named, or every corpus, is missing, or an audio file is.
    """
    known = {corpus.name: corpus for corpus in CORPORA}
    for name in names:
        if name not in known:
            raise InputError(f"unknown corpus {name!r}; known are {', '.join(known)}")
        if not (root / name / known[name].table).is_file():
            raise InputError(f"corpus {name!r} is not in {root}: no {name}/{known[name].table}")
    chosen = [known[name] for name in names] or [
        corpus for corpus in CORPORA if (root / corpus.name / corpus.table).is_file()
    ]
    if not chosen:
        raise InputError(f"no known corpus in {root}; looked for {', '.join(known)}")
    clips = [clip for corpus in chosen for clip in corpus.read(root / corpus.name)]
    for clip in clips:
        if not clip.path.is_file():
            raise InputError(f"the audio of {clip.key} is missing: no {clip.path}")
    return clips


def label_hash(clips: Sequence[Clip]) -> str:
    """Return a hash of every clip's labels and group, for run folders and cards."""
    digest = hashlib.sha256()
    for clip in sorted(clips, key=lambda clip: clip.key):
        labels = (clip.valence, clip.arousal, clip.quadrant, clip.gems, clip.answers)
        digest.update(repr((clip.key, clip.group, clip.seconds, labels)).encode())
    return digest.hexdigest()
