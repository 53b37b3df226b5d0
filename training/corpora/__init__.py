"""People's labels and where their sound lies: a reader for each corpus, one ``Clip`` for all.

Scales are never mixed here: what a corpus asked its listeners stays in its own field, and the
training joins the corpora through an offset and scale of each. ``docs/corpora.md`` tells which
layouts are read, and their traps.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime_mer.errors import InputError

from .clip import ALL_THROUGH, Clip, Corpus, Curve, Layout, Rating, RatingTable, holding
from .deam import DEAM, EMOMUSIC
from .emopia import EMOPIA
from .emotify import EMOTIFY
from .grekow import GREKOW
from .merge import MERGE
from .not_music import NOT_MUSIC
from .own import OWN
from .panda4q import PANDA4Q
from .pmemo import PMEMO
from .ratings import RATING_TABLES, read_ratings
from .vgmidi import VGMIDI

__all__ = [
    "CORPORA",
    "DATA_VARIABLE",
    "EVERYTHING",
    "RATING_TABLES",
    "Clip",
    "Corpus",
    "Curve",
    "Found",
    "Layout",
    "Rating",
    "RatingTable",
    "data_root",
    "find_corpora",
    "holding",
    "label_hash",
    "read_clips",
    "read_ratings",
    "without_repeats",
]

DATA_VARIABLE = "REALTIME_MER_DATA"
"""Environment variable that names the folder of the corpora."""

CORPORA = (EMOTIFY, PANDA4Q, GREKOW, VGMIDI, EMOPIA, DEAM, EMOMUSIC, PMEMO, MERGE, OWN)
"""Every corpus of music; the first of two that share recordings is the one to count."""

EVERYTHING = (*CORPORA, NOT_MUSIC)
"""And the one of what is no music, which is read where it is named."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A corpus that was met on the disc.

    Attributes:
        corpus: which.
        layout: how it lies there.
        folder: where.
    """

    corpus: Corpus
    layout: Layout
    folder: Path

    def read(self) -> list[Clip]:
        """Return its clips, those whose audio is missing among them.

        Raises:
            InputError: a table of it is not what it should be.
        """
        return self.layout.read(self.folder)


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


def find_corpora(root: Path, among: Sequence[Corpus] = CORPORA) -> list[Found]:
    """Return the corpora that lie in a folder or in the folders directly below it.

    A folder is told by the names in it. Own recordings are what no known corpus is.

    Args:
        root: the folder.
        among: those that are looked for.
    """
    places = [root.resolve(), *sorted(path for path in root.resolve().glob("*/"))]
    found: list[Found] = []
    for corpus in among:
        for place in places:
            if corpus is OWN and any(place == each.folder for each in found):
                continue
            layout = next((each for each in corpus.layouts if each.fits(place)), None)
            if layout is not None:
                found.append(Found(corpus=corpus, layout=layout, folder=place))
                if place == places[0]:
                    # What lies below the corpus' own folder is part of it.
                    break
    return found


def read_clips(root: Path, names: Sequence[str] = ()) -> list[Clip]:
    """Return the clips of the corpora below a folder, in the order of their tables.

    Args:
        root: folder that holds a folder for each corpus, or is that of one.
        names: the corpora wanted; none means all of music that are there as sound. Those of notes
            (MIDI) must be named, because their sound has yet to be rendered.

    Raises:
        InputError: a corpus that was named, or every corpus, is missing, an audio file is, or a
            corpus is there twice.
    """
    known = {corpus.name: corpus for corpus in EVERYTHING}
    found = find_corpora(root, EVERYTHING)
    for name in names:
        if name not in known:
            raise InputError(f"unknown corpus {name!r}; known are {', '.join(known)}")
        if all(each.corpus.name != name for each in found):
            shapes = " and no ".join(layout.shape for layout in known[name].layouts)
            raise InputError(f"corpus {name!r} is not in {root}: no {shapes}")
    chosen = [each for name in names for each in found if each.corpus.name == name] or [
        each for each in found if each.corpus in CORPORA and each.corpus.sound == "files"
    ]
    if not chosen:
        raise InputError(
            f"no known corpus with sound in {root}; looked for "
            f"{', '.join(corpus.name for corpus in CORPORA if corpus.sound == 'files')}"
        )
    clips: dict[str, Clip] = {}
    for each in chosen:
        for clip in each.read():
            if clip.key in clips:
                raise InputError(
                    f"{clip.key} is there twice: {clips[clip.key].path} and {clip.path}; keep one "
                    "copy of the corpus in the folder"
                )
            if not clip.path.is_file():
                raise InputError(f"the audio of {clip.key} is missing: no {clip.path}")
            clips[clip.key] = clip
    return list(clips.values())


def without_repeats(clips: Iterable[Clip]) -> list[Clip]:
    """Return the clips whose recording did not come before, in this or another corpus."""
    seen: set[str] = set()
    kept = []
    for clip in clips:
        name = clip.recording or clip.key
        if name not in seen:
            seen.add(name)
            kept.append(clip)
    return kept


def label_hash(clips: Sequence[Clip]) -> str:
    """Return a hash of every clip's labels and group, for run folders and cards."""
    digest = hashlib.sha256()
    for clip in sorted(clips, key=lambda clip: clip.key):
        labels = (clip.valence, clip.arousal, clip.quadrant, clip.gems, clip.answers)
        digest.update(repr((clip.key, clip.group, clip.seconds, labels)).encode())
        # Apart, so that corpora without these keep the hash that runs of them were begun with.
        more = (clip.valence_sd, clip.arousal_sd, clip.curve)
        if any(label is not None for label in more):
            digest.update(repr(more).encode())
        if clip.music != ALL_THROUGH:
            digest.update(repr((clip.music, clip.inside)).encode())
    return digest.hexdigest()
