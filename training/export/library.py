"""A committee as a checkpoint that ships: the file of its network, and a card that tells all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from realtime_mer.hops import StreamPolicy
from realtime_mer.model.card import Calibration
from realtime_mer.model.checkpoint import Checkpoint, save_card
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
from ..judge.calibration import agreements, calibrate
from ..judge.committee import (
    HEARING,
    Turn,
    fit_turn,
    logits_of_both,
    logits_of_music,
    predict_together,
    predict_windows,
)
from ..judge.evaluate import Predictions, evaluate, judge
from ..judge.lean import CLEAR
from ..judge.music_prior import Verdict
from ..judge.not_music import figures
from ..learn.committee import fit_committee
from ..learn.run import REFIT, Run, audio_hash
from ..learn.training_set import FREE_MUSIC
from .committee import Student, committee_file
from .shipping import LICENCE, calibration_of, checkpoint, coverage_rows, scales_of

_NO_MUSIC_BELOW = StreamPolicy().no_music_below
_INSIDE = (
    "a network that is part of the .onnx file, as its authors trained it; no labels of people of "
    "this project"
)


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a committee is made from.

    Attributes:
        run: the clips, their folds and the settings.
        sounds: that are no music.
        networks: the teachers, by name.
        teachers_sha256: hashes of their arrays, by name.
        store: what they made of the clips and the sounds, brought to the level of the settings.
        features: what the network that the run trained hears of both, so that it sits in the
            committee; None for one without it, for which nothing has to be trained.
    """

    run: Run
    sounds: Sequence[Sound]
    networks: Mapping[str, MusiCNN | Tagger]
    teachers_sha256: Mapping[str, str]
    store: FeatureStore
    features: FeatureStore | None = None


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
        InputError: the clips lack a kind of label, the sounds that are no music are not there, or
            the network that is to sit in it is not trained and evaluated.
    """
    run, store, teachers = material.run, material.store, tuple(material.networks)
    student = None
    if material.features is None:
        said = predict_windows(run, store, teachers=teachers)
    else:
        fits, said = predict_together(run, store, material.features, teachers=teachers)
        student = Student(checkpoint=_uncalibrated(checkpoint(run)), rescaling=fits[REFIT])
    fitted = calibrate(run, said)
    heard = _heard_music(material, teachers)
    turn = fit_turn(heard)
    committee = fit_committee(
        run.clips, store, teachers=teachers, reference=run.config.losses.reference
    )
    card = CommitteeCard(
        name=stem.name,
        description=_description(teachers, student),
        level=run.config.level,
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
            *([] if student is None else _learnt_besides(student)),
            *described(teachers, _INSIDE),
        ],
        metrics=[
            *_told(run, said, figures_of, resamples),
            *coverage_rows(run, fitted),
            _agreement(said),
            *_music_rows(heard, turn),
        ],
        training={
            **provenance,
            "teachers_sha256": dict(material.teachers_sha256),
            "audio_sha256": audio_hash(store.audio_hashes),
            "music": {
                "meaning": "what the logits of music are multiplied with, the tagger's of its "
                "class Music and that of the network in it, where it tells, and what is added to "
                "their sum; fitted on windows of which it is known whether music sounds, the "
                "network's out of fold",
                **asdict(turn),
            },
            **({} if student is None else _told_of(student)),
            "split": f"{run.split.folds} folds grouped by artist or recording, jointly over the "
            "corpora",
        },
    )
    file = committee_file(committee, material.networks, card, turn=turn, student=student)
    _save(stem, file, card)
    return card


def _heard_music(material: Material, teachers: Sequence[str]) -> list[Verdict]:
    """Return logits of music, beside the tagger's the network's where it sits in and tells it."""
    run, sounds, features = material.run, material.sounds, material.features
    if features is not None and run.config.network.music:
        return logits_of_both(run, material.store, features, sounds, teachers=teachers)
    clips = [*run.clips, *(sound.clip for sound in sounds)]
    return logits_of_music(clips, material.store, sounds, teachers=teachers)


def _uncalibrated(whole: Checkpoint) -> Checkpoint:
    """Return a checkpoint that says what its network says, before any calibration."""
    return replace(whole, card=whole.card.model_copy(update={"calibration": Calibration()}))


def _description(teachers: Sequence[str], student: Student | None) -> str:
    titles = " and ".join(TEACHERS[name].title for name in teachers)
    told = f"A committee of {titles}: ridge regressions on what each hears, their answers averaged"
    if student is not None:
        told += (
            f", and the network of {student.checkpoint.card.name}, which hears each window as if "
            "nothing had been before it. What both say is averaged again; the standard deviations "
            "follow from the network's"
        )
    told += (
        ". Each window by itself. It takes the processor far longer than the default checkpoint. "
        "It learnt from every rated clip; all metrics are out of fold, of a committee that never "
        "heard the artists it is judged by."
    )
    if student is None:
        told += " Its standard deviations are the same at every hop."
    return told


def _learnt_besides(student: Student) -> list[dict[str, Any]]:
    """Return what a card says of what the network alone learnt from."""
    corpora = student.checkpoint.card.corpora
    return [told for told in corpora if told["name"] == FREE_MUSIC]


def _told_of(student: Student) -> dict[str, Any]:
    training = student.checkpoint.card.training
    return {
        "network": {
            "meaning": "which network sits in it, and how the mean of both is rescaled and leans, "
            "as for a network's own stretch",
            "name": student.checkpoint.card.name,
            **{name: training[name] for name in ("config_sha256", "seed", "git_commit")},
            **student.rescaling,
        }
    }


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


def _agreement(said: Predictions) -> dict[str, Any]:
    """Return how often the likeliest quadrant is that of the point."""
    same, asked = agreements(said.hops.values()).sum(0)
    return {
        "data": "all corpora",
        "metric": "clear windows whose likeliest quadrant is their point's",
        "value": round(float(same / max(asked, 1)), 4),
        "n": len(said.hops),
        "protocol": f"out of fold; clear where |valence| and |arousal| are more than {CLEAR}; "
        f"{asked} windows",
        "baseline": None,
    }


def _music_rows(heard: Sequence[Verdict], turn: Turn) -> list[dict[str, Any]]:
    """Return how well it tells music from what is none."""
    found = figures([replace(each, stream=turn(each.stream)) for each in heard])
    protocol = (
        "windows of 3 s, one every 2 s; the tagger never heard these labels, and a network in it "
        "nobody that is heard in the clip, but the numbers that join their words were fitted on "
        "these windows"
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
