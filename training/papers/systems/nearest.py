"""One nearest neighbour: what a split by segment rewards, shown without any learning.

A system that stores its segments and answers with the label of the closest one cannot know what
an emotion sounds like. Where it does well, the split has put pieces of one song on both sides.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from . import yakovyna
from .system import (
    CLASSES,
    Arrays,
    System,
    Task,
    Tensors,
    Training,
    labels_of,
    standardise,
)


class Neighbour:
    """Segments and their labels; see ``training.papers.systems.system.Fitted``.

    Args:
        rows: features (n, 28).
        labels: classes (n,).
        outputs: how many classes there are.
    """

    def __init__(
        self, rows: NDArray[np.floating[Any]], labels: NDArray[np.int64], outputs: int
    ) -> None:
        self._kept: Tensors = {"rows": rows, "labels": labels}
        self._outputs = outputs
        self._search = KNeighborsClassifier(n_neighbors=1)
        self._search.fit(rows, labels)
        self.parameters = 0

    def predict(self, arrays: Arrays) -> NDArray[np.floating[Any]]:
        """Return 1 for the class of the nearest segment, else 0, (n, classes)."""
        nearest: NDArray[np.int64] = self._search.predict(arrays["features"])
        return np.eye(self._outputs, dtype=np.float64)[nearest]

    def tensors(self) -> Tensors:
        """Return the segments and their labels."""
        return self._kept


def fit(training: Training) -> Neighbour:
    """Return the segments to learn from."""
    return Neighbour(training.train.arrays["features"], training.train.labels, training.outputs)


def restore(tensors: Tensors, task: Task) -> Neighbour:
    """Return the segments that were kept."""
    return Neighbour(tensors["rows"], tensors["labels"], len(labels_of(task)))


SYSTEMS = (
    System(
        name="nearest",
        paper="no paper: a demonstration",
        summary="the label of the nearest segment in the 28 features of yakovyna",
        tasks=CLASSES[::-1],
        view=yakovyna.SYSTEMS[0].view,
        fit=fit,
        restore=restore,
        balance="smote",
        prepare=standardise,
        split=yakovyna.SYSTEMS[0].split,
        figures=(),
        settings={"neighbours": 1},
        epochs=0,
    ),
)
