"""Whether a hop's numbers say the same: its likeliest quadrant is that of its point.

Asked is every hop after the first 3 s whose valence and arousal both lie further from neutral than
``CLEAR``: nearer to an axis both quadrants beside it are as good an answer.
"""

from typing import Any

import numpy as np
import pandas as pd

from ..judge import weighted
from ..judge.calibration import agreements
from ..judge.evaluate import AS_LIVE, Predictions
from ..judge.lean import CLEAR
from ..judge.metrics import Metric, bootstrap, interval_note, row
from ..judge.weighted import Floats

AGREEMENT = "the likeliest quadrant is the point's, share of clear hops"


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
    same, asked = agreements(predictions.hops[key] for key in clips["key"]).T
    table = clips[["corpus", "group"]].assign(same=same, asked=asked)
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
