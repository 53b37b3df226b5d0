"""The teachers a run can name, and their words set side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError

from ..corpora import Clip
from . import cache, tagger, teacher
from .cache import FeatureStore
from .conditions import Named
from .tagger import Tagger
from .teacher import MusiCNN


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A network that was taught elsewhere.

    Attributes:
        title: what it is called in cards.
        taught: what it learnt from elsewhere, half a sentence.
        licence, cite: its terms, and what to name for it.
        file: the name of its arrays.
        network: what is made of them.
        store: what it made of every window of clips: ``cache.teacher_store`` or its like.
        width: numbers in a row of it.
        heard: from its rows, (n, width), what models of ratings learn from, (n, heard_width).
        heard_width: numbers in a row of that.
        may_know: corpora whose very recordings it may have learnt from, by other labels than
            ratings: a gain on these may be no gain on music that it never heard.
    """

    title: str
    taught: str
    licence: str
    cite: str
    file: str
    network: Callable[[Mapping[str, np.ndarray]], MusiCNN | Tagger]
    store: Callable[..., FeatureStore]
    width: int
    heard: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    heard_width: int
    may_know: frozenset[str]


def _rectified(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(rows, 0.0)


def _hidden(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    # Its classes say nothing of ratings that its last hidden layer does not.
    return rows[:, : tagger.EMBEDDING]


_MUSICNN = (
    "Pons & Serra, musicnn: pre-trained convolutional neural networks for music audio tagging, "
    "ISMIR late-breaking demo, 2019"
)

TEACHERS = {
    "musicnn": Teacher(
        title="MSD-MusiCNN",
        taught="it learnt from tags of the Million Song Dataset and may have met songs of panda4q "
        "among them",
        licence="ISC",
        cite=_MUSICNN,
        file="msd_musicnn.npz",
        network=MusiCNN,
        store=cache.teacher_store,
        width=teacher.EMBEDDING,
        heard=_rectified,
        heard_width=teacher.EMBEDDING,
        # The Million Song Dataset holds commercial recordings.
        may_know=frozenset({"panda4q", "grekow"}),
    ),
    "mtt_musicnn": Teacher(
        title="MTT-MusiCNN",
        taught="it learnt from tags of MagnaTagATune and may have met songs of emotify among them",
        licence="ISC",
        cite=_MUSICNN,
        file="mtt_musicnn.npz",
        network=MusiCNN,
        store=cache.teacher_store,
        width=teacher.EMBEDDING,
        heard=_rectified,
        heard_width=teacher.EMBEDDING,
        # MagnaTagATune and Emotify both come from Magnatune.
        may_know=frozenset({"emotify"}),
    ),
    "tagger": Teacher(
        title="EfficientAT mn04",
        taught="it learnt from AudioSet's labels of public videos and may have met songs of "
        "panda4q and grekow among them",
        licence="MIT, (c) 2022 Florian Schmid",
        cite="Schmid, Koutini & Widmer, Efficient large-scale audio tagging via "
        "transformer-to-CNN knowledge distillation, ICASSP, 2023",
        file="audioset_mn04.npz",
        network=Tagger,
        store=cache.tagger_store,
        width=tagger.EMBEDDING + tagger.CLASSES,
        heard=_hidden,
        heard_width=tagger.EMBEDDING,
        # AudioSet is of public videos.
        may_know=frozenset({"panda4q", "grekow"}),
    ),
}
"""By the name that the settings give them."""

COMMITTEE = ("musicnn", "tagger")
"""Those of the committee that a report measures every run by, whichever taught the run."""


def described(names: Sequence[str], labels: str) -> list[dict[str, str]]:
    """Return what a card says of teachers, an entry each.

    Args:
        names: of ``TEACHERS``.
        labels: what was made of them.
    """
    return [
        {
            "name": teacher.title,
            "labels": f"{labels}; {teacher.taught}",
            "licence": teacher.licence,
            "cite": teacher.cite,
        }
        for teacher in (TEACHERS[name] for name in names)
    ]


def arrays_of(name: str, folder: Path) -> Path:
    """Return where a teacher's arrays lie.

    Raises:
        InputError: they do not.
    """
    path = folder / TEACHERS[name].file
    if not path.is_file():
        raise InputError(f"no arrays of the teacher at {path}; name their folder by --teachers")
    return path


def committee_store(
    names: Sequence[str],
    clips: Sequence[Clip],
    folder: Path,
    place: Path,
    *,
    longest_s: int | None = None,
    condition: Named | None = None,
    jobs: int = 1,
) -> FeatureStore:
    """Return what teachers made of every window of every clip, one behind the other in a row.

    Args:
        names: of ``TEACHERS``, at least one.
        clips: whose sound.
        folder: of the teachers' arrays.
        place: the cache.
        longest_s: hear this many seconds from a clip's start; None for all.
        condition: its name, and what happens to the sound before it is heard.
        jobs: processes that compute side by side.
    """
    stores = [
        TEACHERS[name].store(
            clips,
            arrays_of(name, folder),
            place,
            longest_s=longest_s,
            condition=condition,
            jobs=jobs,
        )
        for name in names
    ]
    first, *others = stores
    if not others:
        return first
    # All of them cut a clip into the same windows, so that a row has the same place in each.
    rows = zip(*(store.rows for store in stores), strict=True)
    return FeatureStore(
        tuple(np.concatenate(parts, axis=1) for parts in rows), first.spans, first.audio_hashes
    )


def columns(names: Sequence[str]) -> list[slice]:
    """Return where a committee's rows hold each teacher's numbers."""
    return _side_by_side(TEACHERS[name].width for name in names)


def heard_columns(names: Sequence[str]) -> list[slice]:
    """Return where ``heard_rows`` holds what is heard of each teacher."""
    return _side_by_side(TEACHERS[name].heard_width for name in names)


def _side_by_side(widths: Iterable[int]) -> list[slice]:
    stops = np.cumsum([0, *widths]).tolist()
    return [slice(start, stop) for start, stop in pairwise(stops)]


def music_logits(names: Sequence[str], rows: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return how sure the tagger is of music, as logits, from a committee's rows, (n, any).

    Raises:
        InputError: the tagger is not among the teachers.
    """
    if "tagger" not in names:
        raise InputError(f"{', '.join(names)} cannot tell whether music sounds: add the tagger")
    own = columns(names)[tuple(names).index("tagger")]
    logits: NDArray[np.float32] = rows[:, own.start + tagger.EMBEDDING + tagger.MUSIC].astype(
        np.float32
    )
    return logits


def heard_rows(names: Sequence[str], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what models of ratings learn from a committee's rows, (n, any)."""
    parts = zip(names, columns(names), strict=True)
    return np.concatenate([TEACHERS[name].heard(rows[:, own]) for name, own in parts], axis=1)
