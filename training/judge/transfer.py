"""Intervals that hold on corpora never met: factors fitted on all corpora but the one judged.

Within the corpus that a network learnt its scale from its errors are smaller than where artists,
recordings and listeners are others. So a factor on the network's own sd is fitted over several
corpora, each counted alike however many clips it has: the one under which standardised errors have
mean square 1. Where the network says how familiar a sound is, its sd is widened by
``1 + k * (1 - familiar)`` besides; factor and k are those of the greatest likelihood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ..corpora import Clip
from .evaluate import HOP_COLUMNS, whole_hops
from .metrics import AFFECT, bootstrap, coverage, interval_note, mean_of, row

KINDS = ("hop", "clip")
LEVELS = (0.5, 0.9)
MOST_WIDENING = 9.0
"""The largest k: what is wholly unfamiliar has an sd ten times as large."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Rated:
    """What a network said of a corpus.

    Attributes:
        corpus: its name.
        how: how the network stands to it, for a protocol.
        clips: rated on the network's scale; none twice.
        hops: by ``Clip.key``, (H, 17), see ``HOP_COLUMNS``, sd as the network gives it.
        familiar: by ``Clip.key``, (H,) in [0, 1]; None where the network does not tell.
    """

    corpus: str
    how: str
    clips: Sequence[Clip]
    hops: Mapping[str, NDArray[np.floating[Any]]]
    familiar: Mapping[str, NDArray[np.floating[Any]]] | None = None


@dataclass(frozen=True, kw_only=True)
class Widening:
    """What a network's sd is multiplied with: ``factor * (1 + unfamiliar * (1 - familiar))``."""

    factor: float
    unfamiliar: float = 0.0


@dataclass(frozen=True)
class _Errors:
    """Errors of every clip over the network's sd, an array a clip.

    Attributes:
        z: of its hops, or of their mean.
        unfamiliar: 1 less how familiar they are, 0 where the network does not tell.
        tells: whether it does.
    """

    z: Sequence[_Floats]
    unfamiliar: Sequence[_Floats]
    tells: bool

    def under(self, widening: Widening) -> list[_Floats]:
        """Return the standardised errors under a widening."""
        return [
            z / (widening.factor * (1 + widening.unfamiliar * u))
            for z, u in zip(self.z, self.unfamiliar, strict=True)
        ]


def fit(corpora: Sequence[Rated], *, kind: str, axis: str) -> Widening:
    """Return the widening of the greatest likelihood, every corpus and every clip counted alike.

    Args:
        corpora: at least one; k is 0 unless all of them tell how familiar their sounds are.
        kind: ``hop`` or ``clip``.
        axis: of ``AFFECT``.
    """
    return _fit([_errors(one, kind, axis) for one in corpora])


def transfer(corpora: Sequence[Rated], *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Return how many ratings of each corpus lie inside intervals fitted on the other corpora.

    Args:
        corpora: at least two; several may be of one corpus, heard by different networks: what is
            fitted for one leaves all of that corpus out.
        resamples: draws behind an interval.

    Returns:
        Rows as ``metrics.row`` gives, with ``level``, ``condition`` (how the network stands to the
        corpus) and the ``factor`` and ``unfamiliar`` that were fitted besides. None of a corpus
        beside which there is no other.
    """
    rows = []
    for kind, axis in product(KINDS, AFFECT):
        errors = [_errors(one, kind, axis) for one in corpora]
        for judged, own in zip(corpora, errors, strict=True):
            others = [
                error
                for one, error in zip(corpora, errors, strict=True)
                if one.corpus != judged.corpus
            ]
            if not others:
                continue
            widening = _fit(others)
            z = own.under(widening)
            for level in LEVELS:
                table = pd.DataFrame(
                    {
                        "inside": [coverage(each, level) for each in z],
                        "group": [clip.group for clip in judged.clips],
                    }
                )
                told = row(
                    table,
                    bootstrap(table, mean_of("inside"), resamples=resamples),
                    data=judged.corpus,
                    metric=f"{kind} {axis}",
                    protocol=f"{judged.corpus}, {judged.how}; the sd's factor fitted on "
                    f"{', '.join(_names(corpora, judged))}, each counted alike; "
                    + interval_note(resamples),
                )
                rows.append(
                    told
                    | {"level": level, "condition": judged.how}
                    | {"factor": round(widening.factor, 4)}
                    | {"unfamiliar": round(widening.unfamiliar, 4)}
                )
    return rows


def _names(corpora: Sequence[Rated], judged: Rated) -> list[str]:
    return [f"{one.corpus} ({one.how})" for one in corpora if one.corpus != judged.corpus]


def _fit(corpora: Sequence[_Errors]) -> Widening:
    z = np.concatenate([part for one in corpora for part in one.z])
    unfamiliar = np.concatenate([part for one in corpora for part in one.unfamiliar])
    weight = np.concatenate(
        [np.full(len(z), 1 / len(one.z) / len(z)) for one in corpora for z in one.z]
    )
    weight /= len(corpora)

    def factor(k: float) -> float:
        return float(np.sqrt(weight @ (z / (1 + k * unfamiliar)) ** 2))

    def surprise(k: float) -> float:
        return float(np.log(factor(k)) + weight @ np.log(1 + k * unfamiliar))

    k = 0.0
    if all(one.tells for one in corpora) and unfamiliar.any():
        found = minimize_scalar(surprise, bounds=(0.0, MOST_WIDENING), method="bounded")
        k = float(found.x) if found.fun < surprise(0.0) else 0.0
    return Widening(factor=factor(k), unfamiliar=k)


def _errors(heard: Rated, kind: str, axis: str) -> _Errors:
    mean, sd = HOP_COLUMNS.index(axis), HOP_COLUMNS.index(f"{axis}_sd")
    z: list[_Floats] = []
    unfamiliar: list[_Floats] = []
    for clip in heard.clips:
        hops = whole_hops(np.asarray(heard.hops[clip.key], np.float32)).astype(np.float64)
        error, own = hops[:, mean] - getattr(clip, axis), hops[:, sd]
        strange: _Floats = np.zeros(len(hops))
        if heard.familiar is not None:
            strange = 1.0 - np.asarray(heard.familiar[clip.key], np.float64)[-len(hops) :]
        if kind == "clip":
            # A clip's own sd is the root mean square of its hops'.
            error, own = error.mean(keepdims=True), np.sqrt(np.mean(own**2, keepdims=True))
            strange = strange.mean(keepdims=True)
        z.append(error / own)
        unfamiliar.append(strange)
    return _Errors(z, unfamiliar, heard.familiar is not None)
