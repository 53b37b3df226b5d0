"""A committee on a run's folds: what the student is measured by, and what it was taught by."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from realtime_mer.emotion import GEMS as GEMS_ITEMS

from ...corpora import Clip
from ...features.cache import FeatureStore
from ...learn.committee import AFFECT, GEMS, QUADRANT, Voter, fit_committee
from ...learn.run import Run
from ..evaluate import HOP_COLUMNS, Predictions
from ..metrics import AFFECT as AXES
from ..metrics import (
    affect_metrics,
    correlation_metrics,
    gems_metrics,
    quadrant_metrics,
    sign_metrics,
)


def hearing(teachers: Sequence[str]) -> str:
    """Return how a committee hears a clip, for a protocol."""
    return (
        f"the whole clip at once; ridge regressions on {' and '.join(teachers)}, fitted on the "
        "fold's training clips, their answers averaged"
    )


def predict_committee(
    run: Run, store: FeatureStore, *, teachers: Sequence[str], of: Sequence[Voter] | None = None
) -> Predictions:
    """Return what a committee says of a run's clips out of fold, one "hop" for each clip.

    A fold's committee learns from the fold's rated training clips alone. It says everything of
    every clip, whatever its corpus asked; only the sd are NaN.

    Args:
        run: whose folds.
        store: what the teachers made of its clips.
        teachers, of: as for ``fit_committee``.
    """
    hops: dict[str, NDArray[np.float32]] = {}
    for judged, votes in votes_by_fold(run, store, teachers=teachers, of=of):
        hops |= answered(judged, votes.mean(0))
    return Predictions(hops, run.split.fold_of)


def votes_by_fold(
    run: Run, store: FeatureStore, *, teachers: Sequence[str], of: Sequence[Voter] | None
) -> Iterator[tuple[Sequence[Clip], NDArray[np.float64]]]:
    """Yield each fold's held-out clips and what each voter says of them, (voters, clips, 15).

    Args:
        run, store, teachers, of: as for ``predict_committee``.
    """
    for fold in track(range(run.split.folds), description="asking the committee"):
        part = f"fold-{fold}"
        committee = fit_committee(
            run.training_clips(part),
            store,
            teachers=teachers,
            reference=run.config.losses.reference,
            of=of,
        )
        judged = run.held_out_clips(part)
        yield judged, committee.votes([store[clip.key] for clip in judged])


def answered(clips: Sequence[Clip], said: NDArray[np.float64]) -> Mapping[str, NDArray[np.float32]]:
    """Return a committee's answers, (clips, 15), as predictions hold them, by ``Clip.key``."""
    return {clip.key: own for clip, own in zip(clips, as_hops(said)[:, None], strict=True)}


def as_hops(said: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return a committee's answers, (n, 15), in ``HOP_COLUMNS``, (n, 17), the sd being NaN."""
    hops = np.full((len(said), len(HOP_COLUMNS)), np.nan, np.float32)
    hops[:, :2] = said[:, AFFECT]
    hops[:, HOP_COLUMNS.index("quadrant_0") :] = np.concatenate(
        (said[:, QUADRANT], said[:, GEMS]), axis=1
    )
    return hops


def told_figures(said: Predictions) -> set[str]:
    """Return the figures that predictions without sd allow: a committee may know not all labels."""
    rows = np.concatenate(list(said.hops.values()))
    known = dict(zip(HOP_COLUMNS, np.isfinite(rows).any(axis=0), strict=True))
    figures: set[str] = set()
    if known["valence"]:
        figures |= {*affect_metrics(), *correlation_metrics(*AXES), *sign_metrics()}
    if known["quadrant_0"]:
        figures |= {
            name for name in quadrant_metrics() if known["valence"] or not name.endswith(AXES)
        }
    if known[GEMS_ITEMS[0]]:
        figures |= {*gems_metrics()}
    return figures
