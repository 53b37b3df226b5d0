"""Make the predicted standard deviations hold as many ratings as they say, hop and clip apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluate import FIRST_WHOLE_HOP, HOP_COLUMNS, Predictions
from training.metrics import AFFECT, coverage
from training.run import Run

LEVELS = (0.5, 0.9)

_Floats = NDArray[np.floating[Any]]


def calibrate(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Fit factors on the network's sd on the reference corpus, and measure their coverage.

    A hop's factor makes its standardised errors have mean square 1, every clip counted alike; a
    clip's does the same for the error of the mean over its hops. Both are fitted on all
    out-of-fold predictions; the coverage told is of each fold under factors fitted on the others.

    Returns:
        ``hop_valence``, ``hop_arousal``: factor; ``clip_valence``, ``clip_arousal``: ``floor`` and
        ``scale``, see ``ClipCalibration``; ``coverage``: by output and level.
    """
    reference = [
        clip
        for clip in run.clips
        if clip.corpus == run.config.losses.reference and clip.key in predictions.hops
    ]
    folds = np.array([predictions.fold[clip.key] for clip in reference])
    result: dict[str, Any] = {}
    covered: dict[str, dict[str, float]] = {}
    for axis in AFFECT:
        mean, sd = HOP_COLUMNS.index(axis), HOP_COLUMNS.index(f"{axis}_sd")
        hops = [predictions.hops[clip.key][FIRST_WHOLE_HOP:] for clip in reference]
        errors = [
            own[:, mean] - getattr(clip, axis) for own, clip in zip(hops, reference, strict=True)
        ]
        hop_z = [error / own[:, sd] for error, own in zip(errors, hops, strict=True)]
        hop_square = np.array([np.mean(z**2) for z in hop_z])
        # A clip's own sd, before its factor, is the root mean square of its hops'.
        clip_z = np.array(
            [
                error.mean() / np.sqrt(np.mean(own[:, sd] ** 2))
                for error, own in zip(errors, hops, strict=True)
            ]
        )
        hop_factor, clip_factor = _spread(hop_square), _spread(clip_z**2)
        result[f"hop_{axis}"] = hop_factor
        result[f"clip_{axis}"] = {"floor": 0.0, "scale": clip_factor / hop_factor}
        held_hop, held_clip = [], []
        for fold in np.unique(folds):
            others = folds != fold if (folds != fold).any() else folds == fold
            own = np.flatnonzero(folds == fold)
            held_hop += [hop_z[n] / _spread(hop_square[others]) for n in own]
            held_clip.append(clip_z[own] / _spread(clip_z[others] ** 2))
        for name, parts in (("hop", held_hop), ("clip", held_clip)):
            z = np.concatenate(parts)
            covered[f"{name}_{axis}"] = {f"{level:.0%}": coverage(z, level) for level in LEVELS}
    return result | {"coverage": covered}


def _spread(squares: _Floats) -> float:
    return float(np.mean(squares) ** 0.5)
