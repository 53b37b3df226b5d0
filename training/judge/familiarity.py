"""Fit what networks call familiar: how near a window lies to the songs that they learnt from.

Each part's distance is fitted on the songs that it learnt from, and bears their median as its unit.
So the distances of songs that folds held out, pooled, tell for every part how far a song may lie
that it never heard: up to the median of theirs a window is wholly familiar, and farther than all of
them it is not at all. A fold's steps are those of the other folds' songs.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import save_file

from realtime_mer.errors import InputError
from realtime_mer.model.network import EmotionNetwork

from ..corpora import Clip
from ..features.cache import FeatureStore
from ..files import replacing
from ..learn.run import REFIT, Run
from .evaluate import (
    FAMILIARITY,
    after_silence,
    learnt_hash,
    load_network,
    run_network,
    trained_network,
    whole_hops,
)

QUANTILES = (0.5, 0.75, 0.9, 0.99, 1.0)
"""Of the distances of held-out windows: where the familiarity is 1, 3/4, 1/2, 1/4 and 0."""

_LEAST = 1e-4  # of the greatest variance: below it a direction is as good as constant
_STEP = 1e-3  # between knots, in units of the median distance, so that none falls on another
_EVERY = 5  # hops: neighbours share most of their window

_Floats = NDArray[np.float32]


def fit_familiarity(run: Run, features: FeatureStore, folds: Sequence[int]) -> None:
    """Fit every finished part's familiarity and keep it in the run folder.

    Args:
        run: whose networks have the head.
        features: log-mel frames of the clips that it is judged by.
        folds: the folds to fit; the refit is fitted with them where it is trained.

    Raises:
        InputError: a fold is not trained.
    """
    parts = [f"fold-{fold}" for fold in folds]
    parts += [REFIT] if run.weights(REFIT).is_file() else []
    kept: dict[str, torch.Tensor] = {}
    held_out: dict[str, _Floats] = {}
    for part in parts:
        network = trained_network(run, part)
        if network.familiarity is None:
            raise InputError(f"{run.folder}: its networks tell nothing of it; see network.familiar")
        learnt = [clip for clip in run.training_clips(part) if clip.key in features.spans]
        centre, directions = fit(
            _embeddings(network, features, learnt),
            directions=network.familiarity.directions.shape[1],
        )
        kept |= {f"{part}.centre": centre, f"{part}.directions": directions}
        if clips := run.held_out_clips(part):
            own = torch.from_numpy(_embeddings(network, features, clips))
            held_out[part] = ((own - centre) @ directions).norm(dim=1).numpy()
    for part in parts:
        others = [own for name, own in held_out.items() if name != part] or [*held_out.values()]
        kept[f"{part}.knots"] = torch.from_numpy(knots(np.concatenate(others)))
    with replacing(run.folder / FAMILIARITY) as path:
        save_file(kept, path, metadata={"learnt": learnt_hash(run)})


def fit_as_told(
    network: EmotionNetwork, run: Run, part: str, features: FeatureStore, steps: torch.Tensor
) -> None:
    """Fit a network's familiarity to what its part learnt from, its steps those of another run.

    For a run that holds out nothing, by which its own steps could be found: distances are in units
    of the median of the songs that were learnt from, and so compare from run to run.

    Args:
        network: with the head, which is changed.
        run, part: whose network it is.
        features: of the clips that the part learnt from.
        steps: distances as ``Familiarity.knots``.
    """
    head = network.familiarity
    if head is None:
        raise InputError(f"{run.folder}: its networks tell nothing of it; see network.familiar")
    learnt = [clip for clip in run.training_clips(part) if clip.key in features.spans]
    rows = _embeddings(network, features, learnt)
    centre, directions = fit(rows, directions=head.directions.shape[1])
    head.load_state_dict({"centre": centre, "directions": directions, "knots": steps})


def tells_familiarity(run: Run, part: str) -> bool:
    """Return whether a part's network was fitted to tell what is familiar to it.

    A run of the refit alone, as those that leave a corpus out are, holds out nothing by which it
    could be.
    """
    path = run.folder / FAMILIARITY
    if not (run.config.network.familiar and path.is_file()):
        return False
    with safe_open(path, "pt") as file:
        return f"{part}.centre" in file.keys()  # noqa: SIM118


def held_out_familiarity(run: Run, features: FeatureStore) -> dict[str, _Floats]:
    """Return how familiar every clip is to the network of the fold that held it out.

    Args:
        run: evaluated, its networks with the head.
        features: of its clips.

    Returns:
        By ``Clip.key``: (H,) in [0, 1].
    """
    told: dict[str, _Floats] = {}
    for part in (part for part in run.parts if run.held_out_clips(part)):
        network = load_network(run, part)
        for clip in track(run.held_out_clips(part), description=f"hearing {part}"):
            output = run_network(network, *features.heard(clip.key))
            told[clip.key] = output.familiar[0].numpy()
    return told


def _embeddings(network: EmotionNetwork, features: FeatureStore, clips: Sequence[Clip]) -> _Floats:
    """Return the embeddings of some windows of clips, (n, D)."""
    rows = []
    with torch.inference_mode():
        for clip in clips:
            frames, pitches = after_silence(network, *features.heard(clip.key))
            own = network.embeddings(frames, pitches=pitches)[0].numpy()
            rows.append(whole_hops(own)[::_EVERY])
    return np.concatenate(rows)


def fit(embeddings: _Floats, *, directions: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return centre, (D,), and as many directions, (D, K), of embeddings, (n, D).

    The directions are those of greatest variance, each divided by its standard deviation, and all
    by the median of the distances that result.
    """
    rows = embeddings.astype(np.float64)
    centre = rows.mean(0)
    variance, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    variance, vectors = variance[::-1][:directions], vectors[:, ::-1][:, :directions]
    floor = _LEAST * max(float(variance[0]), 1e-12)
    scaled = vectors / np.sqrt(np.maximum(variance, floor))
    median = float(np.median(np.linalg.norm((rows - centre) @ scaled, axis=1)))
    scaled = np.ascontiguousarray(scaled / max(median, 1e-12), np.float32)
    return torch.from_numpy(centre.astype(np.float32)), torch.from_numpy(scaled)


def knots(distances: _Floats) -> _Floats:
    """Return the distances of ``QUANTILES``, each beyond the one before."""
    steps = np.quantile(distances.astype(np.float64), QUANTILES)
    apart = _STEP * np.arange(len(steps))
    rising: _Floats = (np.maximum.accumulate(steps - apart) + apart).astype(np.float32)
    return rising
