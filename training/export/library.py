"""A committee as a checkpoint that ships: the file of its network, and a card that tells all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from realtime_mer.hops import StreamPolicy
from realtime_mer.model.checkpoint import save_card
from realtime_mer.model.committee import CommitteeCard
from realtime_mer.model.files import network_path
from realtime_mer.model.network_file import sha256
from realtime_mer.writing.replacing import replacing

from ..corpora import CORPORA
from ..corpora.cards import entry
from ..corpora.not_music import NOT_MUSIC, Sound
from ..features.cache import FeatureStore
from ..features.tagger import Tagger
from ..features.teacher import MusiCNN
from ..features.teachers import TEACHERS, described
from ..judge.calibration import calibrate
from ..judge.committee import (
    HEARING,
    Turn,
    fit_turn,
    logits_of_music,
    predict_windows,
)
from ..judge.evaluate import Predictions, evaluate, judge
from ..judge.music_prior import Verdict
from ..judge.not_music import figures
from ..learn.committee import fit_committee
from ..learn.run import Run, audio_hash
from .committee import committee_file
from .shipping import LICENCE, calibration_of, coverage_rows, scales_of

_NO_MUSIC_BELOW = StreamPolicy().no_music_below
_INSIDE = (
    "a network that is part of the .onnx file, as its authors trained it; no labels of people of "
    "this project"
)


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a committee is made from.

    Attributes:
        run: the clips, their folds and the settings; nothing has to be trained.
        sounds: that are no music.
        networks: the teachers, by name.
        teachers_sha256: hashes of their arrays, by name.
        store: what they made of the clips and the sounds.
    """

    run: Run
    sounds: Sequence[Sound]
    networks: Mapping[str, MusiCNN | Tagger]
    teachers_sha256: Mapping[str, str]
    store: FeatureStore


def ship_committee(
    stem: Path,
    material: Material,
    *,
    figures_of: Collection[tuple[str, str]],
    provenance: Mapping[str, Any],
    resamples: int = 1000,
) -> CommitteeCard:
    """Write ``stem.onnx`` and ``stem.json``: a committee that learnt from every rated clip.

    Args:
        stem: where, without suffix.
        material: what it is made from.
        figures_of: corpus and name of the metrics that are told of each fold too.
        provenance: what is known of how it was made.
        resamples: draws behind an interval.

    Returns:
        The card.

    Raises:
        InputError: the clips lack a kind of label, or the sounds that are no music are not there.
    """
    run, store, teachers = material.run, material.store, tuple(material.networks)
    said = predict_windows(run, store, teachers=teachers)
    fitted = calibrate(run, said)
    heard = logits_of_music(
        [*run.clips, *(sound.clip for sound in material.sounds)],
        store,
        material.sounds,
        teachers=teachers,
    )
    turn = fit_turn(heard)
    committee = fit_committee(
        run.clips, store, teachers=teachers, reference=run.config.losses.reference
    )
    card = CommitteeCard(
        name=stem.name,
        description=f"A committee of {' and '.join(TEACHERS[name].title for name in teachers)}: "
        "ridge regressions on what each hears, their answers averaged, window by window. It takes "
        "the processor far longer than the default checkpoint. Its regressions learnt from every "
        "rated clip; all metrics are out of fold, of regressions that never heard the artists they "
        "are judged by. Its standard deviations are the same at every hop.",
        calibration=calibration_of(run, fitted),
        scales=scales_of(run),
        weights_licence=f"{LICENCE} The networks inside keep the licences of their authors: "
        + "; ".join(f"{TEACHERS[name].title}: {TEACHERS[name].licence}" for name in teachers)
        + ".",
        corpora=[
            *(
                entry(corpus.name, own)
                for corpus in CORPORA
                if (own := [clip for clip in run.clips if clip.corpus == corpus.name])
            ),
            entry(NOT_MUSIC.name, [sound.clip for sound in material.sounds]),
            *described(teachers, _INSIDE),
        ],
        metrics=[
            *_told(run, said, figures_of, resamples),
            *coverage_rows(run, fitted),
            *_music_rows(heard, turn),
        ],
        training={
            **provenance,
            "teachers_sha256": dict(material.teachers_sha256),
            "audio_sha256": audio_hash(store.audio_hashes),
            "music": {
                "meaning": "what the tagger's logit of its class Music is multiplied with and what "
                "is added; fitted on all windows of which it is known whether music sounds",
                "scale": turn.scale,
                "shift": turn.shift,
            },
            "split": f"{run.split.folds} folds grouped by artist or recording, jointly over the "
            "corpora",
        },
    )
    _save(stem, committee_file(committee, material.networks, card, turn=turn), card)
    return card


def _save(stem: Path, network: bytes, card: CommitteeCard) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    with replacing(network_path(stem)) as file:
        file.write(network)
    save_card(stem, card.model_copy(update={"onnx_sha256": sha256(network)}))


def _told(
    run: Run, said: Predictions, figures_of: Collection[tuple[str, str]], resamples: int
) -> list[dict[str, Any]]:
    """Return every metric over all folds, and some in each of them under ``folds``."""
    rows = evaluate(run, said, resamples=resamples, hearing=HEARING)
    by_fold: dict[tuple[str, str], list[float | None]] = {}
    for fold in range(run.split.folds):
        fold_of = {key: own for key, own in said.fold.items() if own == fold}
        alone = Predictions({key: said.hops[key] for key in fold_of}, fold_of)
        for row in judge(run, {"": (alone, HEARING)}, only=figures_of, resamples=0):
            by_fold.setdefault((row["data"], row["metric"]), []).append(row["value"])
    return [
        row | ({"folds": by_fold[key]} if (key := (row["data"], row["metric"])) in by_fold else {})
        for row in rows
    ]


def _music_rows(heard: Sequence[Verdict], turn: Turn) -> list[dict[str, Any]]:
    """Return how well it tells music from what is none."""
    found = figures([replace(each, said=turn(each.said)) for each in heard])
    protocol = (
        "windows of 3 s, one every 2 s; the tagger never heard these labels, but the two numbers "
        "that turn its word were fitted on these windows"
    )
    at = next(row for row in found["thresholds"] if row["threshold"] == _NO_MUSIC_BELOW)
    told = {
        "AUC music, clips that are wholly one or the other": found["auc"],
        f"share of not-music below {_NO_MUSIC_BELOW}": at["not_music_told"],
        f"share of music below {_NO_MUSIC_BELOW}": at["music_mistaken"],
    }
    return [
        {
            "data": f"music and {NOT_MUSIC.name}",
            "metric": metric,
            "value": value,
            "n": found["clips"],
            "protocol": protocol,
            "baseline": None,
        }
        for metric, value in told.items()
    ]
