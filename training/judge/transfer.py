"""Intervals that hold on corpora never met: factors fitted on all corpora but the one judged.

Within the corpus that a network learnt its scale from its errors are smaller than where artists,
recordings and listeners are others. So a factor on the network's own sd is fitted over several
corpora, each counted alike however many clips it has: the one under which standardised errors have
mean square 1. Where the network says how familiar a sound is, its sd is widened by
``1 + k * (1 - familiar)`` besides; factor and k are those of the greatest likelihood of the hops. A
clip's sd is the root mean square of its hops' widened ones, times a factor of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ..corpora import Clip
from ..files import read_json, write_json
from ..learn.run import Run
from .evaluate import HOP_COLUMNS, fingerprint, whole_hops
from .metrics import AFFECT, bootstrap, coverage, interval_note, mean_of, row

KINDS = ("hop", "clip")
LEVELS = (0.5, 0.9)
WIDENING = "widening.json"
"""The file of a run folder in which ``keep_widenings`` keeps what its network ships with."""

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
    """What turns a network's sd into one that holds across corpora, for valence or arousal.

    Attributes:
        factor, unfamiliar: a hop's sd is multiplied by ``factor * (1 + unfamiliar * (1 -
            familiar))``.
        clip: the root mean square of a clip's hops' widened sd is multiplied by this.
    """

    factor: float
    unfamiliar: float = 0.0
    clip: float = 1.0


@dataclass(frozen=True)
class _Errors:
    """Every clip's hops, an array a clip.

    Attributes:
        error: what was said less the rating.
        sd: as the network gives it.
        strange: 1 less how familiar they are, 0 where the network does not tell.
        tells: whether it does.
    """

    error: Sequence[_Floats]
    sd: Sequence[_Floats]
    strange: Sequence[_Floats]
    tells: bool

    def under(self, widening: Widening, kind: str) -> list[_Floats]:
        """Return the standardised errors under a widening, of hops or of the mean of each clip."""
        standardised = []
        for error, own, strange in zip(self.error, self.sd, self.strange, strict=True):
            sd = own * widening.factor * (1 + widening.unfamiliar * strange)
            if kind == "clip":
                sd = widening.clip * np.sqrt(np.mean(sd**2, keepdims=True))
                standardised.append(error.mean(keepdims=True) / sd)
            else:
                standardised.append(error / sd)
        return standardised


def fit(corpora: Sequence[Rated], *, axis: str) -> Widening:
    """Return the widening that fits some corpora, every corpus and every clip counted alike.

    Args:
        corpora: at least one; k is 0 unless all of them tell how familiar their sounds are.
        axis: of ``AFFECT``.
    """
    return _fit([_errors(one, axis) for one in corpora])


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
    for axis, kind in product(AFFECT, KINDS):
        errors = [_errors(one, axis) for one in corpora]
        for judged, own in zip(corpora, errors, strict=True):
            others = [
                error
                for one, error in zip(corpora, errors, strict=True)
                if one.corpus != judged.corpus
            ]
            if not others:
                continue
            widening = _fit(others)
            z = own.under(widening, kind)
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
                    | {
                        "factor": round(
                            widening.factor * (widening.clip if kind == "clip" else 1), 4
                        )
                    }
                    | {"unfamiliar": round(widening.unfamiliar, 4)}
                )
    return rows


def keep_widenings(run: Run, corpora: Sequence[Rated], covered: Sequence[dict[str, Any]]) -> None:
    """Keep in a run's folder what its network ships with: the widenings that fit all corpora.

    Args:
        run: whose folder gets ``widening.json``.
        corpora: at least one.
        covered: the rows of ``transfer``, which tell what such widenings hold.
    """
    fitted = {axis: asdict(fit(corpora, axis=axis)) for axis in AFFECT}
    told = [f"{one.corpus} ({one.how})" for one in corpora]
    content = {"run": fingerprint(run), "fitted_on": told, **fitted, "covered": list(covered)}
    write_json(run.folder / WIDENING, content)


@dataclass(frozen=True, kw_only=True)
class Widenings:
    """What ``keep_widenings`` kept."""

    valence: Widening
    arousal: Widening
    covered: Sequence[dict[str, Any]]


def kept_widenings(run: Run) -> Widenings | None:
    """Return what was kept of these very weights, None where there is nothing."""
    path = run.folder / WIDENING
    content = read_json(path) if path.is_file() else {}
    if content.get("run") != fingerprint(run):
        return None
    valence, arousal = (Widening(**content[axis]) for axis in AFFECT)
    return Widenings(valence=valence, arousal=arousal, covered=content["covered"])


def _names(corpora: Sequence[Rated], judged: Rated) -> list[str]:
    return [f"{one.corpus} ({one.how})" for one in corpora if one.corpus != judged.corpus]


def _fit(corpora: Sequence[_Errors]) -> Widening:
    z = np.concatenate(
        [error / sd for one in corpora for error, sd in zip(one.error, one.sd, strict=True)]
    )
    strange = np.concatenate([part for one in corpora for part in one.strange])
    weight = np.concatenate(
        [np.full(len(z), 1 / len(one.error) / len(z)) for one in corpora for z in one.error]
    )
    weight /= len(corpora)

    def factor(k: float) -> float:
        return float(np.sqrt(weight @ (z / (1 + k * strange)) ** 2))

    def surprise(k: float) -> float:
        return float(np.log(factor(k)) + weight @ np.log(1 + k * strange))

    k = 0.0
    if all(one.tells for one in corpora) and strange.any():
        found = minimize_scalar(surprise, bounds=(0.0, MOST_WIDENING), method="bounded")
        k = float(found.x) if found.fun < surprise(0.0) else 0.0
    hops = Widening(factor=factor(k), unfamiliar=k)
    squares = [np.mean(np.square(np.concatenate(one.under(hops, "clip")))) for one in corpora]
    return replace(hops, clip=float(np.sqrt(np.mean(squares))))


def _errors(heard: Rated, axis: str) -> _Errors:
    mean, sd = HOP_COLUMNS.index(axis), HOP_COLUMNS.index(f"{axis}_sd")
    errors, sds, strange = [], [], []
    for clip in heard.clips:
        hops = whole_hops(np.asarray(heard.hops[clip.key], np.float32)).astype(np.float64)
        errors.append(hops[:, mean] - getattr(clip, axis))
        sds.append(hops[:, sd])
        far: _Floats = np.zeros(len(hops))
        if heard.familiar is not None:
            far = 1.0 - np.asarray(heard.familiar[clip.key], np.float64)[-len(hops) :]
        strange.append(far)
    return _Errors(errors, sds, strange, heard.familiar is not None)
