"""Whether a hop's numbers say the same: its likeliest quadrant is that of its point.

Asked is every hop after the first 3 s whose valence and arousal both lie further from neutral than
``CLEAR``: nearer to an axis both quadrants beside it are as good an answer.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from realtime_mer.emotion import QUADRANTS, quadrant_of

from ..judge import weighted
from ..judge.evaluate import AS_LIVE, HOP_COLUMNS, Predictions, whole_hops
from ..judge.metrics import AFFECT, QUADRANT_COLUMNS, Metric, bootstrap, interval_note, row
from ..judge.weighted import Floats

CLEAR = 0.15

AGREEMENT = "the likeliest quadrant is the point's, share of clear hops"

# Which quadrant holds valence and arousal of these signs, as quadrant_of has it: [0 for below].
_OF_SIGNS = np.array(
    [[QUADRANTS.index(quadrant_of(v, a)) for a in (-1.0, 1.0)] for v in (-1.0, 1.0)]
)


def agreeing(hops: NDArray[np.floating[Any]]) -> tuple[int, int]:
    """Return how many hops have the likeliest quadrant of their point, and how many are asked.

    Args:
        hops: (H, 17), see ``HOP_COLUMNS``.
    """
    valence, arousal = (hops[:, HOP_COLUMNS.index(axis)] for axis in AFFECT)
    clear = (np.abs(valence) > CLEAR) & (np.abs(arousal) > CLEAR)
    said = hops[:, [HOP_COLUMNS.index(column) for column in QUADRANT_COLUMNS]].argmax(1)
    same = said == _OF_SIGNS[(valence > 0).astype(int), (arousal > 0).astype(int)]
    return int((same & clear).sum()), int(clear.sum())


def consistency(
    clips: pd.DataFrame, predictions: Predictions, *, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Return the share of hops that agree, of each corpus and of all.

    Args:
        clips: as ``clip_table`` gives them.
        predictions: what the folds said of them.
        resamples: draws behind an interval.

    Returns:
        Rows as ``metrics.row`` gives, with ``hops`` besides: how many were asked.
    """
    counts = [agreeing(whole_hops(predictions.hops[key])) for key in clips["key"]]
    table = clips[["corpus", "group"]].assign(
        same=[same for same, _ in counts], asked=[asked for _, asked in counts]
    )
    table = table[table["asked"] > 0].reset_index(drop=True)
    corpora = sorted(set(table["corpus"]))
    sets = {corpus: table[table["corpus"] == corpus] for corpus in corpora}
    if len(corpora) > 1:
        sets = {", ".join(corpora): table} | sets
    protocol = (
        f"out of fold; {AS_LIVE.partition(';')[0]}; hops after the first 3 s with |valence| and "
        f"|arousal| over {CLEAR:g}, each counted once; {interval_note(resamples)}"
    )
    rows = []
    for data, chosen in sets.items():
        own = chosen.reset_index(drop=True)
        found = bootstrap(own, _SHARE, resamples=resamples)
        told = row(own, found, data=data, metric=AGREEMENT, protocol=protocol)
        rows.append(told | {"hops": int(own["asked"].sum())})
    return rows


def _share(table: pd.DataFrame, weights: Floats) -> Floats:
    same, asked = (table[name].to_numpy(np.float64) for name in ("same", "asked"))
    return weighted.ratio(weighted.total(same, weights), weighted.total(asked, weights))


_SHARE = Metric(_share)
