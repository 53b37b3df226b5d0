"""Turn a finished run into a checkpoint that ships: weights and a card that tells all."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from realtime_mer.errors import InputError
from realtime_mer.model.card import Calibration, Card
from realtime_mer.model.checkpoint import Checkpoint

from ..corpora import CORPORA, Clip
from ..corpora.cards import RESEARCH_ONLY, entry
from ..corpora.grekow import GREKOW
from ..corpora.own import OWN
from ..features.teachers import TEACHERS, described
from ..files import read_json
from ..judge.evaluate import FAMILIARITY, load_network, load_rescaling, read_evaluation
from ..judge.metrics import AFFECT
from ..judge.music_prior import kept_prior, prior_file
from ..judge.transfer import Widening, Widenings, kept_widenings
from ..learn.config import TrainingConfig
from ..learn.run import REFIT, Run
from .onnx_file import save_all

LICENCE = (
    f"{RESEARCH_ONLY} So: run them, study them, teach with them, publish what they say and cite "
    "the corpora; before they go into a product or a paid service, ask whoever holds the rights in "
    "the corpora, or train others on material you have the rights to."
)
"""The terms of weights that learnt from other people's corpora."""

_TAUGHT_BY = (
    "a teacher network's embedding of what was learnt from, and pseudo-labels made from it, no "
    "labels of people"
)
_OWN_LICENCE = (
    "Yours to state: the weights were learnt from your own recordings and labels alone. Write your "
    "terms here before you pass them on."
)


def export(run: Run, stem: Path) -> Card:
    """Write the refit as ``stem.safetensors``, ``stem.onnx`` and their card, ``stem.json``.

    Returns:
        The card.

    Raises:
        InputError: as ``checkpoint``.
    """
    made = checkpoint(run)
    save_all(stem, made)
    return made.card


def checkpoint(run: Run) -> Checkpoint:
    """Return the refit as it ships: its network and its card.

    Raises:
        InputError: the refit is not trained, or the folds are not all evaluated as they are.
    """
    network = load_network(run, REFIT)
    report = read_evaluation(run)
    if network.familiarity is not None and not (run.folder / FAMILIARITY).is_file():
        raise InputError(f"{run.folder} has no {FAMILIARITY}; run evaluate again")
    joins = read_json(run.folder / REFIT / "joins.json")
    widenings = kept_widenings(run)
    card = Card(
        name=run.config.name,
        description="Causal CNN-LSTM over 3 s windows, learnt from people's labels of songs"
        + (
            f" and, in its lower layers, from what {_joined(run.config.teachers)} made of the same "
            "songs. "
            if run.config.losses.teacher > 0
            else ". "
        )
        + "The shipped weights are a refit on every development clip; all metrics are out of fold, "
        "of networks of the same settings that never heard the artists they are judged by."
        + _unlearnt(run.clips),
        features=run.config.features,
        network=run.config.network,
        calibration=calibration_of(run, report["calibration"], across=widenings),
        level=run.config.level,
        scales=scales_of(run),
        weights_licence=_OWN_LICENCE if _all_own(run) else LICENCE,
        corpora=_corpora(run.clips, joins, run.config, run.described()),
        metrics=report["metrics"]
        + (
            coverage_rows(run, report["calibration"])
            if widenings is None
            else _coverage_across(widenings)
        ),
        training={
            **run.provenance(),
            "audio_sha256": report["audio_sha256"],
            "refit_on_all_clips": True,
            "stretch": {
                "meaning": "what the head's numbers before tanh are multiplied by, in these "
                "weights, and how far the quadrants lean on what comes of it; fitted on "
                "out-of-fold predictions, each fold judged under what the others want",
                **load_rescaling(run, REFIT),
            },
            **_music_prior(run),
            "split": f"{run.split.folds} folds grouped by artist or recording, jointly over the "
            "corpora"
            + (
                "; GTZAN names no artists, so Grekow's clips are grouped by recording alone"
                if GREKOW.name in run.corpora
                else ""
            ),
            "config": TypeAdapter(TrainingConfig).dump_python(run.config, mode="json"),
        },
    )
    return Checkpoint(network=network, card=card)


def _music_prior(run: Run) -> dict[str, Any]:
    if not prior_file(run).is_file():
        return {}
    meaning = "added to the logits of music, in these weights, so that one half means as likely "
    return {"music_prior": {"meaning": meaning + "as not", "shift": kept_prior(run, REFIT)}}


def _joined(teachers: Sequence[str]) -> str:
    return " and ".join(TEACHERS[name].title for name in teachers)


def _all_own(run: Run) -> bool:
    """Return whether a run learnt from nobody else's material, a teacher's included."""
    return run.corpora == {OWN.name} and run.config.losses.teacher <= 0


def scales_of(run: Run) -> dict[str, str]:
    """Return what a card says of its scales: those of the corpus that defines them."""
    scales: dict[str, str] = Card.model_fields["scales"].default
    reference = run.config.losses.reference
    if reference == GREKOW.name:
        return scales
    own = f"perceived rating in [-1, 1], neutral 0, on the scale of the corpus {reference}"
    return scales | {"valence": own, "arousal": own}


def calibration_of(
    run: Run, fitted: Mapping[str, Any], *, across: Widenings | None = None
) -> Calibration:
    """Return what a card says of calibration.

    Args:
        run: whose ratings spread as they do.
        fitted: from ``judge.calibration.calibrate``.
        across: widenings fitted across corpora, which count instead where there are any.
    """
    rated = [clip for clip in run.clips if clip.corpus == run.config.losses.reference]
    shares = [clip.gems for clip in run.clips if clip.gems]
    known = {key: fitted[key] for key in fitted if key != "coverage"}
    for axis in AFFECT:
        ratings = [rating for clip in rated if (rating := getattr(clip, axis)) is not None]
        if ratings:
            known[f"prior_{axis}_sd"] = _spread(ratings)
    if shares:
        known["prior_gems"] = np.mean(shares, axis=0).tolist()
    if across is not None:
        for axis in AFFECT:
            widening: Widening = getattr(across, axis)
            known[f"hop_{axis}"] = widening.factor
            known[f"unfamiliar_{axis}"] = widening.unfamiliar
            known[f"clip_{axis}"] = {"floor": 0.0, "scale": widening.clip}
    return Calibration.model_validate(known)


def _unlearnt(clips: Sequence[Clip]) -> str:
    """Return a warning of the outputs that no clip had a label for, empty where there is none."""
    silent = [
        name
        for name, labels in (
            ("valence and arousal", [clip.valence for clip in clips]),
            ("quadrants", [clip.quadrant for clip in clips]),
            ("GEMS", [clip.gems for clip in clips]),
        )
        if all(label is None for label in labels)
    ]
    if not silent:
        return ""
    return f" Nobody's labels taught it {' or '.join(silent)}: what it says of these means nothing."


def _spread(ratings: Sequence[float]) -> float:
    """Return the root mean square about the neutral 0, which is what is said before any sound."""
    return math.sqrt(sum(rating**2 for rating in ratings) / len(ratings))


def coverage_rows(run: Run, fitted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how many ratings lie inside the intervals, as metrics of a card.

    Args:
        run, fitted: as for ``calibration_of``.
    """
    covered, reference = fitted["coverage"], run.config.losses.reference
    return [
        {
            "data": reference,
            "metric": f"coverage of the {level} interval, {name.replace('_', ' ')}",
            "value": round(value, 4),
            "n": sum(clip.corpus == reference for clip in run.clips),
            "protocol": "out of fold, each fold under factors fitted on the others",
        }
        for name, levels in covered.items()
        for level, value in levels.items()
    ]


def _coverage_across(across: Widenings) -> list[dict[str, Any]]:
    return [
        {
            "data": row["data"],
            "metric": f"coverage of the {row['level']:.0%} interval, {row['metric']}",
            "value": round(row["value"], 4),
            "n": row["n"],
            "protocol": row["protocol"],
        }
        for row in across.covered
    ]


def _scale(name: str, joins: Mapping[str, Any], config: TrainingConfig) -> dict[str, Any]:
    """Return how a corpus' valence and arousal relate to the reference's; empty without any."""
    if name == config.losses.reference:
        return {"scale": "the reference: valence and arousal bear its scale"}
    if name not in joins:
        return {}
    meaning = "its (valence, arousal) = offset + scale * the reference's, before the stretch"
    return {"scale": {"meaning": meaning, **joins[name]}}


def _corpora(
    clips: Sequence[Clip],
    joins: Mapping[str, Any],
    config: TrainingConfig,
    also: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for corpus in CORPORA:
        learnt = [clip for clip in clips if clip.corpus == corpus.name]
        if learnt:
            entries.append(entry(corpus.name, learnt))
    entries = [told | _scale(told["name"], joins, config) for told in (*entries, *also)]
    if config.losses.teacher > 0:
        entries += described(config.teachers, _TAUGHT_BY)
    return entries
