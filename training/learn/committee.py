"""A committee: what ridge regressions on several teachers' rows say of a sound in people's words.

It is one thing with three uses. It is the yardstick of a run, asked about whole clips that it never
heard; it makes the pseudo-labels of all music, window by window; and it can be shipped. It learns
from the rated clips it is given and from nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from realtime_mer.errors import InputError

from ..corpora import Clip
from ..corpora.splits import joined_groups
from ..features.cache import FeatureStore
from ..features.teachers import heard_columns, heard_rows
from .ridge import KERNELS, Ridge, fit_ridge

AFFECT, QUADRANT, GEMS = slice(0, 2), slice(2, 6), slice(6, 15)
"""Where an answer holds valence and arousal, quadrant probabilities and shares of listeners."""

WIDTH = 15
"""Numbers of an answer."""

LEAST_GROUPS = 5
"""Groups that must bear a label before it is learnt."""

LEAST_SHARE = 1e-3
"""Of a quadrant, before they are made to sum to 1."""

_SMOOTHED = 3  # windows; the models learn from whole clips, and one window alone says little
_TOGETHER = 64  # sounds whose windows are answered in one go

_Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Voter:
    """One of those whose answers a committee averages.

    Attributes:
        teachers: whose rows it hears, side by side.
        kernel: of ``ridge.KERNELS``.
    """

    teachers: tuple[str, ...]
    kernel: str


def voters(teachers: Sequence[str]) -> tuple[Voter, ...]:
    """Return the voters of a committee: of each teacher apart one of each kernel.

    A probe chose that on three folds and confirmed it on two (``docs/results/probe.md``).
    """
    return tuple(Voter((teacher,), kernel) for teacher in teachers for kernel in KERNELS)


@dataclass(frozen=True)
class _Task:
    """One kind of label: where an answer holds it, and what a clip bears of it, None for none."""

    columns: slice
    label: Callable[[Clip], Any]
    classes: bool = False


@dataclass(frozen=True)
class _Opinion:
    """A voter that learnt: the columns of what is heard that it looks at, a model for each task."""

    columns: NDArray[np.intp]
    models: Sequence[tuple[_Task, Ridge]]

    def __call__(self, heard: _Rows) -> _Rows:
        answer = np.full((len(heard), WIDTH), np.nan)
        own = heard[:, self.columns]
        for task, model in self.models:
            said = model(own)
            answer[:, task.columns] = _probabilities(said) if task.classes else said
        return answer


@dataclass(frozen=True)
class Committee:
    """What learnt from the rated clips of ``fit_committee``.

    An answer has ``WIDTH`` numbers: valence and arousal on the scale of the reference corpus, the
    probabilities of the quadrants, the shares of listeners who would tick each of GEMS. What nobody
    rated among the clips it learnt from is NaN.
    """

    teachers: tuple[str, ...]
    opinions: Sequence[_Opinion]

    def of_sounds(self, sounds: Sequence[NDArray[np.floating[Any]]]) -> _Rows:
        """Return what it says of whole sounds, (sounds, 15).

        Args:
            sounds: the teachers' rows of each, (n, width).

        Raises:
            InputError: a sound has no row.
        """
        mean: _Rows = self.votes(sounds).mean(0)
        return mean

    def votes(self, sounds: Sequence[NDArray[np.floating[Any]]]) -> _Rows:
        """Return what each of its voters says of whole sounds, (voters, sounds, 15).

        Args, Raises: as ``of_sounds``.
        """
        if not all(len(rows) for rows in sounds):
            raise InputError("a sound is too short for a committee: not one whole window")
        heard = np.stack([self._heard(rows).mean(0) for rows in sounds])
        return self._votes(heard)

    def of_windows(
        self, sounds: Sequence[NDArray[np.floating[Any]]], *, smoothed: int = _SMOOTHED
    ) -> Iterator[_Rows]:
        """Yield what it says of every window of each sound, (n, 15), with its neighbours heard too.

        Args:
            sounds: as for ``of_sounds``, but n may be 0.
            smoothed: windows that are heard together, an odd number; 1 for each by itself.
        """
        for start in range(0, len(sounds), _TOGETHER):
            heard = [self._heard(rows) for rows in sounds[start : start + _TOGETHER]]
            smooth = [
                uniform_filter1d(rows, smoothed, axis=0, mode="nearest") if len(rows) else rows
                for rows in heard
            ]
            together = np.concatenate(smooth)
            said = self._votes(together).mean(0) if len(together) else together[:, :WIDTH]
            stops = np.cumsum([len(rows) for rows in smooth])
            yield from np.split(said, stops[:-1])

    def _heard(self, rows: NDArray[np.floating[Any]]) -> _Rows:
        return heard_rows(self.teachers, rows.astype(np.float64))

    def _votes(self, heard: _Rows) -> _Rows:
        return np.stack([opinion(heard) for opinion in self.opinions])


def fit_committee(
    clips: Sequence[Clip],
    store: FeatureStore,
    *,
    teachers: Sequence[str],
    reference: str,
    of: Sequence[Voter] | None = None,
) -> Committee:
    """Return a committee that learnt from clips.

    Args:
        clips: those it may learn from, rated or not; too short ones are passed over.
        store: what the teachers made of them.
        teachers: their names, in the order of their numbers in a row.
        reference: the corpus whose valence and arousal are learnt. Its quadrants follow from them
            and are not learnt apart.
        of: its voters; None for ``voters``.

    Raises:
        InputError: a voter hears a teacher that is not among them.
    """
    rated = [
        clip
        for clip in clips
        if any(task.label(clip) is not None for task in _tasks(reference)) and len(store[clip.key])
    ]
    rows = {
        clip.key: heard_rows(teachers, store[clip.key].astype(np.float64)).mean(0) for clip in rated
    }
    groups = dict(zip((clip.key for clip in rated), joined_groups(rated), strict=True))
    return Committee(
        tuple(teachers),
        [
            _learnt(voter, rated, rows, groups, teachers=teachers, reference=reference)
            for voter in (voters(teachers) if of is None else of)
        ],
    )


def _learnt(
    voter: Voter,
    clips: Sequence[Clip],
    rows: dict[str, _Rows],
    groups: dict[str, str],
    *,
    teachers: Sequence[str],
    reference: str,
) -> _Opinion:
    if missing := set(voter.teachers) - set(teachers):
        raise InputError(
            f"a voter hears {', '.join(sorted(missing))}, but the rows are of "
            f"{', '.join(teachers)} alone"
        )
    at = dict(zip(teachers, heard_columns(teachers), strict=True))
    columns = np.concatenate([np.arange(at[name].start, at[name].stop) for name in voter.teachers])
    models = []
    for task in _tasks(reference):
        labelled = [clip for clip in clips if task.label(clip) is not None]
        own = [groups[clip.key] for clip in labelled]
        if len(set(own)) < LEAST_GROUPS:
            continue
        labels = np.array([task.label(clip) for clip in labelled], float).reshape(len(own), -1)
        if task.classes:
            labels = (labels == np.arange(QUADRANT.stop - QUADRANT.start)).astype(float)
        x = np.stack([rows[clip.key][columns] for clip in labelled])
        models.append((task, fit_ridge(x, labels, own, kernel=voter.kernel)))
    return _Opinion(columns, models)


def _probabilities(said: _Rows) -> _Rows:
    """Return what regressions on "is it this one?" say as probabilities, (n, classes)."""
    shares = np.clip(said, LEAST_SHARE, 1.0)
    probabilities: _Rows = shares / shares.sum(1, keepdims=True)
    return probabilities


def _tasks(reference: str) -> tuple[_Task, ...]:
    def rating(axis: str) -> Callable[[Clip], float | None]:
        return lambda clip: getattr(clip, axis) if clip.corpus == reference else None

    return (
        _Task(slice(0, 1), rating("valence")),
        _Task(slice(1, 2), rating("arousal")),
        _Task(QUADRANT, lambda clip: clip.quadrant if clip.corpus != reference else None, True),
        _Task(GEMS, lambda clip: clip.gems),
    )
