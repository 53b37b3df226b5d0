"""What a system of a paper is: its view of the sound, how it is fitted, what its paper printed.

Each paper's module ends with ``SYSTEMS: tuple[System, ...]``; ``training.papers.systems.registry``
joins them. A system never sees files, folds or the other side of a split: ``features`` makes the
arrays,
``protocols`` decides who learns from what, and ``fit`` gets what it may learn from.

::

    View.compute     samples of one segment     ->  {"mfcc": (13, 216), "series": (5, 216)}
    features         every segment of a corpus  ->  {"mfcc": (n, 13, 216), "series": (n, 5, 216)}
    System.balance   over-sampling              (paper: of everything; grouped: of training folds)
    System.prepare   scalers, selection         (paper: of everything; grouped: of training folds)
    System.fit       Training                   ->  Fitted
    Fitted.predict   arrays of other segments   ->  (n, classes) or (n, 2)

Conventions: n segments on the first axis of every array and time on the last; float32; labels are
class numbers (n,) int64, or valence and arousal (n, 2) float32 in [-1, 1].
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS, QUADRANTS

from ...corpora import Clip

Task = Literal["quadrants", "gems", "affect"]
"""Four quadrants; the nine GEMS items, the one that most listeners ticked; valence and arousal."""

TASKS: tuple[Task, ...] = ("quadrants", "gems", "affect")

CLASSES: tuple[Task, ...] = ("quadrants", "gems")
"""The tasks of a classifier: it takes whichever a corpus has."""

Arrays = Mapping[str, NDArray[np.float32]]
"""Named arrays, (n, ...) each."""

Tensors = Mapping[str, NDArray[Any]]
"""What was learnt, as it stands in a file: numbers, booleans, by name."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A transformation that was fitted: a scaling of every feature, then a selection of columns.

    Attributes:
        mean, spread: by the arrays' names, of a shape that fits them.
        columns: int64, of the arrays of which not all columns are kept.
    """

    mean: Arrays
    spread: Arrays
    columns: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __call__(self, given: Arrays) -> Arrays:
        """Return the arrays scaled, and of the selected ones the kept columns."""
        scaled = {
            name: (values - self.mean[name]) / self.spread[name] for name, values in given.items()
        }
        return scaled | {name: scaled[name][:, kept] for name, kept in self.columns.items()}

    def tensors(self) -> Tensors:
        """Return what ``restore`` makes the same of."""
        parts: Mapping[str, Tensors]
        parts = {"mean": self.mean, "spread": self.spread, "columns": self.columns}
        return joined(parts)

    @classmethod
    def restore(cls, tensors: Tensors) -> "Prepared":
        """Return what ``tensors`` were made of."""
        return cls(
            mean=below(tensors, "mean"),
            spread=below(tensors, "spread"),
            columns=below(tensors, "columns"),
        )


@dataclass(frozen=True, kw_only=True)
class View:
    """How a clip is cut into segments, and what is computed of each.

    Attributes:
        name: names the cached arrays; change it, or ``version``, when ``compute`` changes.
        sample_rate: of the sound, Hz.
        seconds: length of a segment.
        hop_s: seconds between the starts of segments.
        longest_s: hear this much from a clip's start; None for all.
        fill: what fills up a clip that is shorter than a segment: True for zeros, "repeat" for the
            clip again and again; False where such a clip gives none (one up to 0.1 s short of a
            segment is always filled). What a clip has beyond its last whole segment is never
            heard.
        compute: (round(seconds * sample_rate),) float32 to named arrays without the axis n, always
            the same names and shapes, finite. A function of a module, so that processes can share
            the work; ``training.papers.systems.features`` has the librosa toolbox.
        version: counts the changes of ``compute``.
    """

    name: str
    sample_rate: int
    seconds: float
    hop_s: float
    compute: Callable[[NDArray[np.float32]], Mapping[str, NDArray[Any]]]
    longest_s: float | None = None
    fill: bool | Literal["repeat"] = False
    version: int = 1

    @property
    def samples(self) -> int:
        """Samples of a segment."""
        return round(self.seconds * self.sample_rate)

    @property
    def live(self) -> "View":
        """This view as a stream has it: a window is sound from end to end, not filled up by zeros.

        A system that was taught by zeros takes them for a mark of its classes, and their absence
        for a sound unlike any other.
        """
        return replace(self, fill="repeat") if self.fill else self


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long to train: the paper's or a chosen number of epochs, or a few steps in a test.

    Attributes:
        epochs: passes over the training segments.
        most_steps: stop after so many optimiser steps in all; None for no limit.
        threads: processor threads of a network.
        seed: of weights, order and dropout.
        progress: called after each epoch with the number of epochs done and what was measured:
            ``loss`` while learning, and ``watched loss`` and, of a classifier, ``watched accuracy``
            on the validation part (by the names that kept records have).
    """

    epochs: int
    most_steps: int | None = None
    threads: int = 1
    seed: int = 0
    progress: Callable[[int, Mapping[str, float]], None] = field(
        default=lambda _epoch, _measured: None
    )


@dataclass(frozen=True, kw_only=True)
class Part:
    """Segments with their labels, balanced and prepared.

    Attributes:
        arrays: by the names of the view (or of ``System.prepare``).
        labels: (n,) int64 classes, or (n, 2) float32 valence and arousal.
        groups: (n,) str, what must not be split in a selection made inside a fit. Segments made
            by over-sampling carry the group of the nearest real segment of their class.
    """

    arrays: Arrays
    labels: NDArray[Any]
    groups: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that a fit may look at.

    Attributes:
        train: what to learn from.
        validation: for schedules and early stopping, of other segments (paper) or
            other groups (grouped); never the test part.
        task: what to learn.
        effort: how long.
    """

    train: Part
    validation: Part
    task: Task
    effort: Effort

    @property
    def outputs(self) -> int:
        """Numbers per segment: classes, or 2 for valence and arousal."""
        return len(labels_of(self.task)) if self.task != "affect" else 2


class Fitted(Protocol):
    """A system that has learnt."""

    @property
    def parameters(self) -> int:
        """How many numbers it learnt (weights; support vectors times their width; ...)."""

    def predict(self, arrays: Arrays) -> NDArray[np.floating[Any]]:
        """Return class probabilities (n, classes), or valence and arousal (n, 2), per segment."""

    def tensors(self) -> Tensors:
        """Return all that was learnt, of which ``System.restore`` makes the same."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number that a paper prints.

    Attributes:
        corpus: as the paper names it; "emotify", "panda4q" or "grekow" where it is the one here.
        metric: "accuracy", "macro-F1", "R² valence", "R² arousal", "MAE valence", ...
        value: in [0, 1] where the paper prints per cent.
        note: what else a reader must know of it (segment length, subset, misprint).
    """

    corpus: str
    metric: str
    value: float
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PaperSplit:
    """How the paper divides its data, or what was chosen where it does not say.

    Attributes:
        unit: what is dealt out at random: "segment" (pieces of one song on both sides) or "clip".
        folds: number of cross-validation folds, a tenth of the rest for validation; 0 for
            one division by ``shares``.
        shares: of train, validation and test.
        leaks: what crosses the split, one line; printed beside every LEAKY number.
        stated: whether the text says how it divides; else the division was chosen here.
    """

    unit: Literal["segment", "clip"]
    leaks: str
    folds: int = 0
    shares: tuple[float, float, float] = (0.70, 0.15, 0.15)
    stated: bool = False


@dataclass(frozen=True, kw_only=True)
class System:
    """One system of one paper.

    Attributes:
        name: on the command line: yakovyna, model-1, ..., see ``registry.SYSTEMS``.
        paper: authors, year.
        summary: what it is, one line.
        tasks: what it can learn; of a corpus' labels the first that fits is taken.
        view: what it hears.
        fit: learns; deterministic by ``Effort.seed`` (on one thread).
        split: the paper's protocol.
        figures: what the paper printed.
        settings: optimiser, widths, ... as JSON, for the records; what the text does not say and
            was chosen stands in the module's docstring.
        epochs: passes over the training segments unless told otherwise; 0 where it has none.
        balance: over-sampling to the commonest class: "smote" (views with one flat array only),
            "copies" or None. Never of valence and arousal.
        prepare: fits scalers or a selection on arrays and labels; None for none. ``standardise`` is
            one. It is fitted after balancing, on all segments under the paper's protocol, and on
            the training folds alone under the grouped one.
        keep: whether the paper's protocol uses a clip; None for all. The grouped one uses all.
        not_live: why it cannot run live; None where it is causal (a window of the past will do).
        restore: makes of ``Fitted.tensors`` and what was learnt the same again, so that it can run
            live; None where it cannot. A wrong or missing tensor is a KeyError, ValueError or
            RuntimeError.
    """

    name: str
    paper: str
    summary: str
    tasks: tuple[Task, ...]
    view: View
    fit: Callable[[Training], Fitted]
    split: PaperSplit
    figures: tuple[Figure, ...]
    settings: Mapping[str, Any]
    epochs: int
    balance: Literal["smote", "copies"] | None = None
    prepare: Callable[[Arrays, NDArray[Any]], Prepared] | None = None
    keep: Callable[[Clip], bool] | None = None
    not_live: str | None = None
    restore: Callable[[Tensors, Task], Fitted] | None = None


def joined(parts: Mapping[str, Tensors]) -> dict[str, NDArray[Any]]:
    """Return the tensors of several parts, each named ``part.name``."""
    return {f"{part}.{name}": value for part, own in parts.items() for name, value in own.items()}


def below(tensors: Tensors, part: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of one part, as they were given to ``joined``."""
    start = f"{part}."
    return {
        name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)
    }


def labels_of(task: Task) -> tuple[str, ...]:
    """Return the names of the classes, or of the two axes."""
    return {"quadrants": QUADRANTS, "gems": GEMS, "affect": ("valence", "arousal")}[task]


def target(clip: Clip, task: Task) -> int | tuple[float, float] | None:
    """Return what a clip teaches of a task; None where it does not say.

    A quadrant that was not given follows from the signs of valence and arousal, unless one is 0.
    Of the GEMS items that share the top the first counts.
    """
    if task == "gems":
        return None if clip.gems is None else int(np.argmax(clip.gems))
    if task == "quadrants" and clip.quadrant is not None:
        return clip.quadrant
    if clip.valence is None or clip.arousal is None:
        return None
    if task == "affect":
        return clip.valence, clip.arousal
    if clip.valence == 0 or clip.arousal == 0:
        return None
    return {(True, True): 0, (False, True): 1, (False, False): 2, (True, False): 3}[
        clip.valence > 0, clip.arousal > 0
    ]


def standardise(arrays: Arrays, _labels: NDArray[Any]) -> Prepared:
    """Return a scaling to mean 0 and sd 1 of every feature: a ``System.prepare``.

    A feature is a column of (n, features); a row of (n, ..., features, time), over all times.
    """
    mean, spread = {}, {}
    for name, values in arrays.items():
        axes = (0,) if values.ndim == 2 else (0, values.ndim - 1)
        mean[name] = values.mean(axes, keepdims=True, dtype=np.float64).astype(np.float32)
        deviation = values.std(axes, keepdims=True, dtype=np.float64)
        spread[name] = np.maximum(deviation, 1e-8).astype(np.float32)
    return Prepared(mean=mean, spread=spread)
