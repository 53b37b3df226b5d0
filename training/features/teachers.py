"""The teachers a run can name, and their words set side by side."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError

from ..corpora import Clip
from . import cache, tagger, teacher
from .cache import FeatureStore


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A network that was taught elsewhere, and is heard and never shipped.

    Attributes:
        file: the name of its arrays.
        store: what it made of every window of clips: ``cache.teacher_store`` or its like.
        width: numbers in a row of it.
        heard: from its rows, (n, width), what models of ratings learn from, (n, heard_width).
        heard_width: numbers in a row of that.
        may_know: corpora whose very recordings it may have learnt from, by other labels than
            ratings: a gain on these may be no gain on music that it never heard.
    """

    file: str
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


TEACHERS = {
    "musicnn": Teacher(
        file="msd_musicnn.npz",
        store=cache.teacher_store,
        width=teacher.EMBEDDING,
        heard=_rectified,
        heard_width=teacher.EMBEDDING,
        # The Million Song Dataset holds commercial recordings.
        may_know=frozenset({"panda4q", "grekow"}),
    ),
    "mtt_musicnn": Teacher(
        file="mtt_musicnn.npz",
        store=cache.teacher_store,
        width=teacher.EMBEDDING,
        heard=_rectified,
        heard_width=teacher.EMBEDDING,
        # MagnaTagATune and Emotify both come from Magnatune.
        may_know=frozenset({"emotify"}),
    ),
    "tagger": Teacher(
        file="audioset_mn04.npz",
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
    jobs: int = 1,
) -> FeatureStore:
    """Return what teachers made of every window of every clip, one behind the other in a row.

    Args:
        names: of ``TEACHERS``, at least one.
        clips: whose sound.
        folder: of the teachers' arrays.
        place: the cache.
        longest_s: hear this many seconds from a clip's start; None for all.
        jobs: processes that compute side by side.
    """
    stores = [
        TEACHERS[name].store(clips, arrays_of(name, folder), place, longest_s=longest_s, jobs=jobs)
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


def heard_rows(names: Sequence[str], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what models of ratings learn from a committee's rows, (n, any)."""
    parts = zip(names, columns(names), strict=True)
    return np.concatenate([TEACHERS[name].heard(rows[:, own]) for name, own in parts], axis=1)
