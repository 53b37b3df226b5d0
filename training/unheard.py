"""A corpus nothing was trained on: the refit beside the teacher's embedding with ridge regression.

Both hear the same first seconds of every piece, rendered with every sound font that is there; what
they say is averaged over the fonts. The pieces' ratings stay out of everything that is fitted.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from training.baselines import clip_rows, fit
from training.cache import Store
from training.corpora import Clip
from training.evaluate import AS_LIVE, FIRST_WHOLE_HOP, HOP_COLUMNS, load_network, run_clip
from training.metrics import AFFECT, Metric, draws, interval
from training.run import REFIT, Run
from training.splits import joined_groups

NETWORK = "the network, refit on every clip"
EMBEDDING = "MusiCNN + ridge on {}"


def unheard(
    run: Run,
    clips: Sequence[Clip],
    *,
    features: Store,
    own_embeddings: Store,
    embeddings: Store,
    longest_s: int,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Return correlations with the ratings of pieces of a corpus that the run never heard.

    Args:
        run: a trained run.
        clips: the corpus, as sound.
        features: its log-mel frames.
        own_embeddings: its embeddings by the teacher.
        embeddings: those of the run's own clips, for the ridge regression.
        longest_s: seconds that were heard of each, for the protocol.
        resamples: draws behind an interval.

    Returns:
        Rows as ``evaluate`` gives, with ``model`` besides, and a row for each difference to the
        network.
    """
    table = pd.DataFrame(
        {
            "piece": clip.id.partition("@")[0],
            "group": clip.group,
            "true_valence": clip.valence,
            "true_arousal": clip.arousal,
        }
        for clip in clips
    )
    said = {NETWORK: _network(run, clips, features)}
    reference = run.config.losses.reference
    rows = clip_rows(own_embeddings, clips, spread=True)
    heard = np.stack([rows[clip.key] for clip in clips])
    for name, learnt in _learnt(run, reference).items():
        said[EMBEDDING.format(name)] = _ridge(learnt, embeddings, heard)
    for model, values in said.items():
        for n, axis in enumerate(AFFECT):
            table[f"{model} {axis}"] = values[:, n]
    table = table.groupby(["piece", "group"], as_index=False).mean()
    fonts = sorted({clip.id.partition("@")[2] for clip in clips} - {""})
    protocol = (
        f"never trained on; first {longest_s} s of each piece"
        + (f", rendered with {', '.join(fonts)}" if fonts else "")
        + f"; the network {AS_LIVE}; 95 % interval by bootstrap over {clips[0].corpus}'s groups"
    )
    report = []
    for axis in AFFECT:
        own = draws(table, _correlation(f"{NETWORK} {axis}", axis), resamples=resamples)
        for model in said:
            metric = _correlation(f"{model} {axis}", axis)
            values = draws(table, metric, resamples=resamples)
            found = {f"r {axis}": interval(metric(table), values)}
            if model != NETWORK:
                ahead = _correlation(f"{NETWORK} {axis}", axis)(table) - metric(table)
                found[f"r {axis}, the network's lead"] = interval(ahead, own - values)
            for name, (value, low, high) in found.items():
                report.append(
                    {
                        "data": clips[0].corpus,
                        "model": model,
                        "metric": name,
                        "value": round(value, 4),
                        "low": round(low, 4),
                        "high": round(high, 4),
                        "baseline": 0.0,
                        "n": len(table),
                        "groups": int(table["group"].nunique()),
                        "protocol": protocol,
                    }
                )
    return report


def _correlation(column: str, axis: str) -> Metric:
    def metric(table: pd.DataFrame) -> float:
        said, true = table[column].to_numpy(float), table[f"true_{axis}"].to_numpy(float)
        if said.std() == 0 or true.std() == 0:
            return float("nan")
        return float(np.corrcoef(said, true)[0, 1])

    return metric


def _network(run: Run, clips: Sequence[Clip], features: Store) -> NDArray[np.float64]:
    network = load_network(run, REFIT)
    at = [HOP_COLUMNS.index(axis) for axis in AFFECT]
    return np.array(
        [
            run_clip(network, features[clip.key])[FIRST_WHOLE_HOP:, at].mean(0)
            for clip in track(clips, description="hearing what was never trained on")
        ]
    )


def _learnt(run: Run, reference: str) -> dict[str, list[tuple[Clip, float, float]]]:
    """Return clips with valence and arousal on the reference's scale, by what they are called."""
    joins: dict[str, Any] = json.loads((run.folder / REFIT / "joins.json").read_text())
    own, joined = [], []
    for clip in run.clips:
        if clip.valence is None or clip.arousal is None:
            continue
        if clip.corpus == reference:
            own.append((clip, clip.valence, clip.arousal))
        elif clip.corpus in joins:
            (offset_v, offset_a), (scale_v, scale_a) = (
                joins[clip.corpus][name] for name in ("offset", "scale")
            )
            joined.append(
                (clip, (clip.valence - offset_v) / scale_v, (clip.arousal - offset_a) / scale_a)
            )
    sets = {reference: own}
    if joined:
        names = sorted({clip.corpus for clip, _, _ in joined})
        sets[f"{reference} and {', '.join(names)}, joined"] = own + joined
    return sets


def _ridge(
    learnt: Sequence[tuple[Clip, float, float]], embeddings: Store, heard: NDArray[np.float64]
) -> NDArray[np.float64]:
    clips = [clip for clip, _, _ in learnt]
    rows = clip_rows(embeddings, clips, spread=True)
    known = np.stack([rows[clip.key] for clip in clips])
    groups = joined_groups(clips)
    return np.stack(
        [
            fit(
                known,
                np.array([labels[n] for labels in learnt]),
                groups,
                model="linear",
                classes=False,
            ).predict(heard)
            for n in (1, 2)
        ],
        axis=1,
    )
