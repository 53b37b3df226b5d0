"""Make the predicted standard deviations hold as many ratings as they say, hop and clip apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.corpora import Clip
from training.evaluate import FIRST_WHOLE_HOP, HOP_COLUMNS, Predictions
from training.metrics import AFFECT, coverage
from training.run import Run

LEVELS = (0.5, 0.9)

_Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class HeldErrors:
    """Errors over predictive sd, each fold's under factors fitted on the other folds.

    Attributes:
        clips: the reference corpus' clips that were predicted.
        z: by ``hop_valence`` and so on: for every clip of ``clips``, in their order, its hops'
            errors or the one of their mean.
    """

    clips: Sequence[Clip]
    z: Mapping[str, Sequence[_Floats]]


def calibrate(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Fit factors on the network's sd on the reference corpus, and measure their coverage.

    A hop's factor makes its standardised errors have mean square 1, every clip counted alike; a
    clip's does the same for the error of the mean over its hops. Both are fitted on all
    out-of-fold predictions; the coverage told is of each fold under factors fitted on the others.

    Returns:
        ``hop_valence``, ``hop_arousal``: factor; ``clip_valence``, ``clip_arousal``: ``floor`` and
        ``scale``, see ``ClipCalibration``; ``coverage``: by output and level.
    """
    result: dict[str, Any] = {}
    clips = _reference(run, predictions)
    for axis in AFFECT:
        hops, means = _errors(clips, predictions, axis)
        hop_factor, clip_factor = _spread(_squares(hops)), _spread(_squares(means))
        result[f"hop_{axis}"] = hop_factor
        result[f"clip_{axis}"] = {"floor": 0.0, "scale": clip_factor / hop_factor}
    covered = {
        name: {f"{level:.0%}": coverage(np.concatenate(z), level) for level in LEVELS}
        for name, z in held_errors(run, predictions).z.items()
    }
    return result | {"coverage": covered}


def held_errors(run: Run, predictions: Predictions) -> HeldErrors:
    """Return every standardised error of the reference corpus, calibrated on the other folds."""
    clips = _reference(run, predictions)
    folds = np.array([predictions.fold[clip.key] for clip in clips])
    held: dict[str, Sequence[_Floats]] = {}
    for axis in AFFECT:
        for name, errors in zip(("hop", "clip"), _errors(clips, predictions, axis), strict=True):
            squares = _squares(errors)
            factors = {}
            for fold in np.unique(folds):
                others = folds != fold if (folds != fold).any() else folds == fold
                factors[fold] = _spread(squares[others])
            held[f"{name}_{axis}"] = [
                z / factors[fold] for z, fold in zip(errors, folds, strict=True)
            ]
    return HeldErrors(clips, held)


def _reference(run: Run, predictions: Predictions) -> list[Clip]:
    return [
        clip
        for clip in run.clips
        if clip.corpus == run.config.losses.reference and clip.key in predictions.hops
    ]


def _errors(
    clips: Sequence[Clip], predictions: Predictions, axis: str
) -> tuple[list[_Floats], list[_Floats]]:
    """Return the errors over the network's own sd of every clip's hops, and of their mean."""
    mean, sd = HOP_COLUMNS.index(axis), HOP_COLUMNS.index(f"{axis}_sd")
    hop_z: list[_Floats] = []
    clip_z: list[_Floats] = []
    for clip in clips:
        hops = predictions.hops[clip.key][FIRST_WHOLE_HOP:]
        error = hops[:, mean] - getattr(clip, axis)
        hop_z.append(error / hops[:, sd])
        # A clip's own sd, before its factor, is the root mean square of its hops'.
        clip_z.append(np.atleast_1d(error.mean() / np.sqrt(np.mean(hops[:, sd] ** 2))))
    return hop_z, clip_z


def _squares(errors: Sequence[_Floats]) -> _Floats:
    return np.array([np.mean(z**2) for z in errors])


def _spread(squares: _Floats) -> float:
    return float(np.mean(squares) ** 0.5)
