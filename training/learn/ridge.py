"""Ridge regression from one row of numbers a sound, linear or with a Gaussian kernel.

How strongly it is regularised is chosen inside what it learns from, by three folds of whole groups,
so that nothing of what it is judged by decides it. One decomposition of a fold's kernel serves all
strengths and all outputs: a fit takes hundredths of a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GroupKFold

LINEAR, GAUSSIAN = "linear", "Gaussian"
KERNELS = (LINEAR, GAUSSIAN)

INNER_FOLDS = 3
"""Folds of groups by which a strength is chosen; ``fit_ridge`` needs as many groups."""

_STRENGTHS = np.logspace(-2, 2, 9)  # of kernels whose values are about 1, however wide a row is

_Rows = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """A fitted regression: plain arrays.

    Attributes:
        kernel: of ``KERNELS``.
        centre, scale: (width,) what a row is standardised by.
        known: (n, width) the rows it learnt from, standardised.
        weights: (n, k) of each of them in each output.
        base: (k,) the mean of what it learnt.
    """

    kernel: str
    centre: _Rows
    scale: _Rows
    known: _Rows
    weights: _Rows
    base: _Rows

    def __call__(self, rows: _Rows) -> _Rows:
        """Return what it says of rows (m, width), (m, k)."""
        alike = _kernel((rows - self.centre) / self.scale, self.known, self.kernel)
        said: _Rows = alike @ self.weights + self.base
        return said


def fit_ridge(rows: _Rows, labels: _Rows, groups: Sequence[str], *, kernel: str) -> Ridge:
    """Return a regression that learnt labels from rows, its strength chosen over groups.

    Args:
        rows: (n, width).
        labels: (n, k), which share one strength and count alike in its choice.
        groups: n names; at least ``INNER_FOLDS`` different ones.
        kernel: of ``KERNELS``.
    """
    spread = _spread(labels)
    errors = np.zeros(len(_STRENGTHS))
    for learnt, held in GroupKFold(INNER_FOLDS).split(rows, groups=groups):
        for number, model in enumerate(_fits(rows[learnt], labels[learnt], _STRENGTHS, kernel)):
            errors[number] += (((model(rows[held]) - labels[held]) / spread) ** 2).sum()
    (best,) = _fits(rows, labels, _STRENGTHS[[errors.argmin()]], kernel)
    return best


def _fits(rows: _Rows, labels: _Rows, strengths: _Rows, kernel: str) -> list[Ridge]:
    centre, scale, base = rows.mean(0), _spread(rows), labels.mean(0)
    known = (rows - centre) / scale
    values, vectors = np.linalg.eigh(_kernel(known, known, kernel))
    turned = vectors.T @ (labels - base)
    return [
        Ridge(
            kernel=kernel,
            centre=centre,
            scale=scale,
            known=known,
            weights=vectors @ (turned / (values + strength)[:, None]),
            base=base,
        )
        for strength in strengths
    ]


def _kernel(rows: _Rows, known: _Rows, kernel: str) -> _Rows:
    alike: _Rows
    if kernel == LINEAR:
        alike = rows @ known.T / known.shape[1]
    else:
        alike = rbf_kernel(rows, known, gamma=1 / known.shape[1])
    return alike


def _spread(values: _Rows) -> _Rows:
    """Return the standard deviation of each column, 1 where it does not vary."""
    spread: _Rows = values.std(0)
    return np.where(spread > 1e-9, spread, 1.0)
