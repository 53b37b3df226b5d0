"""The settings of a run, read from a TOML file."""

import tomllib
from collections.abc import Collection
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from realtime_mer.errors import InputError
from realtime_mer.features.config import FeatureConfig, LevelConfig
from realtime_mer.model.card import check_fit
from realtime_mer.model.config import NetworkConfig

from .augment import AugmentConfig

DEFAULT_SETTINGS = Path(__file__).parents[1] / "configs" / "default.toml"
"""The settings of the default checkpoint."""


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SequenceConfig:
    """What sequences are made of.

    Attributes:
        streams: how many run side by side, a batch.
        segment_s: seconds of sound in one step; gradients end at its borders.
        piece_s: shortest and longest piece of one clip before another follows.
        cold_start: probability that a stream starts anew, after digital zeros, at a segment.
        warm_up_weight: weight of the hops whose window still holds zeros from before the start.
        mask_bands: largest number of neighbouring bands silenced for a segment.
        shares: how often a corpus is drawn from, relative to the others; absent means never.
        augment: what is done to a piece before it is heard.
    """

    streams: int = 16
    segment_s: float = 20.0
    piece_s: tuple[float, float] = (5.0, 15.0)
    cold_start: float = 0.5
    warm_up_weight: float = 0.25
    mask_bands: int = 8
    shares: dict[str, Annotated[float, Field(ge=0)]] = field(default_factory=dict)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class LossConfig:
    """What each loss weighs.

    Attributes:
        concordance, likelihood: of valence and arousal: 1 - CCC, Gaussian negative log-likelihood.
        quadrants, gems: cross-entropy; binomial negative log-likelihood.
        teacher: agreement with the teacher's embedding, 0 for no teacher.
        relations: agreement with which windows lie near one another in that embedding; 0 for none.
        pseudo: agreement with pseudo-labels, see ``pseudo``; 0 for none.
        music: cross-entropy of whether music sounds at all; 0 for none.
        agreement: of the quadrants with valence and arousal, whoever is right; 0 for none.
        reference: the corpus whose scale valence and arousal bear.
        affect_shares: weight of a corpus among those with valence and arousal; absent means 1.
        label_smoothing: of the quadrants.
    """

    concordance: float = 1.0
    likelihood: float = 0.5
    quadrants: float = 1.0
    gems: float = 1.0
    teacher: float = 1.0
    relations: float = 0.0
    pseudo: float = 0.0
    music: float = 0.0
    agreement: Annotated[float, Field(ge=0)] = 0.0
    reference: str = "grekow"
    affect_shares: dict[str, float] = field(default_factory=dict)
    label_smoothing: float = 0.05


@checked(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TrainingConfig:
    """All settings of a run.

    Attributes:
        name: of the checkpoint.
        seed: of everything random.
        folds: of the grouped cross-validation.
        corpora: what it learns from and is judged by, of what there is; none named means all.
        teachers: whose word is learnt, of ``features.teachers.TEACHERS``; see ``losses.teacher``.
        epochs, steps_per_epoch: length of the schedule.
        teacher_epochs: first epochs of a part, in which only the teacher speaks.
        also: corpora that every part learns from and none is judged by.
        longest_s: hear no more than this many seconds of each clip of a corpus of ``also``.
        annotation_lag_s: by corpus, how much later than the sound its curves answer: a hop that
            ends at t is told the rating at t plus this. Absent means 0. Listeners answer 1 to 3 s
            late (Schubert, Modeling perceived emotion with continuous musical features, Music
            Perception 21(4), 2004), but how late a corpus is depends on how it was asked and
            prepared, so nothing is shifted unasked; ``docs/training.md`` tells what was measured.
        shared_epochs: epochs that all parts share and begin from, learnt from the teacher's word
            on the corpora of ``also`` alone.
        learning_rate: highest of the one-cycle schedule.
        weight_decay: of AdamW.
        gradient_norm: where gradients are clipped.
        half_precision: run the network in bfloat16; losses and weights stay in float32.
        ema_decay: of the moving average of the weights, which is what is kept.
        level: to which level sound is brought before a finished network hears it; training itself
            varies the level instead, see ``sequences.augment``.
    """

    name: str = "default"
    seed: int = 1
    folds: int = 5
    corpora: tuple[str, ...] = ()
    teachers: Annotated[
        tuple[Literal["musicnn", "tagger", "mtt_musicnn"], ...], Field(min_length=1)
    ] = ("musicnn",)
    epochs: int = 30
    steps_per_epoch: int = 50
    teacher_epochs: int = 0
    also: tuple[str, ...] = ()
    longest_s: dict[str, Annotated[int, Field(gt=0)]] = field(default_factory=dict)
    annotation_lag_s: dict[str, Annotated[float, Field(ge=0)]] = field(default_factory=dict)
    shared_epochs: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    gradient_norm: float = 5.0
    half_precision: bool = True
    ema_decay: float = 0.99
    sequences: SequenceConfig = field(default_factory=SequenceConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    level: LevelConfig | None = None


def read_config(path: Path) -> TrainingConfig:
    """Read a run's settings.

    Raises:
        InputError: the file is missing, no TOML, or holds an unknown or unfit setting.
    """
    try:
        content = _renamed(tomllib.loads(path.read_text(encoding="utf-8")))
        config = TypeAdapter(TrainingConfig).validate_python(content)
    except OSError as error:
        raise InputError(f"the settings {path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the settings {path} are no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {place}: {first['msg']}") from error
    try:
        check_fit(config.features, config.network)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if config.losses.teacher <= 0:
        for name, value in (
            ("teacher_epochs", config.teacher_epochs),
            ("shared_epochs", config.shared_epochs),
            ("losses.pseudo", config.losses.pseudo),
            ("losses.relations", config.losses.relations),
        ):
            if value > 0:
                raise InputError(
                    f"{path}: {name} {value} asks for a teacher, but losses.teacher is 0"
                )
    if (config.losses.music > 0) != config.network.music:
        raise InputError(
            f"{path}: losses.music is {config.losses.music} and network.music is "
            f"{str(config.network.music).lower()}; give both a weight and the head that learns "
            "from it, or neither"
        )
    return config


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the table that run folders of before may hold under its new name."""
    sequences = content.get("sequences")
    if isinstance(sequences, dict) and "spoil" in sequences and "augment" not in sequences:
        spoil = sequences["spoil"]
        kept = {name: value for name, value in sequences.items() if name != "spoil"}
        return content | {"sequences": kept | {"augment": spoil}}
    return content


def check_corpora(config: TrainingConfig, judged: Collection[str]) -> None:
    """Refuse settings of a corpus that the run does not use, and a corpus it would never draw from.

    Args:
        config: the settings of a new run.
        judged: names of the corpora that it is judged by.

    Raises:
        InputError: naming the setting and the corpus.
    """
    used = {*judged, *config.also}
    settings = (
        ("sequences.shares", config.sequences.shares),
        ("annotation_lag_s", config.annotation_lag_s),
        ("losses.affect_shares", config.losses.affect_shares),
    )
    for setting, values in settings:
        for name in values:
            if name not in used:
                raise InputError(
                    f"the settings' {setting} names {name}, which this run does not use; it uses "
                    f"{', '.join(sorted(used))}: take {name} out of {setting}, or bring it in "
                    "(its folder below --data and its name in corpora, if that names any, or in "
                    "also)"
                )
    if not any(config.sequences.shares.values()):
        raise InputError(
            "the settings' sequences.shares gives no corpus a share, so that nothing would be "
            f"learnt from; name there what is to be, of {', '.join(sorted(used))}"
        )
    for name in config.longest_s:
        if name not in config.also:
            raise InputError(
                f"the settings' longest_s names {name}, but only corpora of also can be heard in "
                f"part, and these are: {', '.join(config.also) or 'none'}; take {name} out of "
                "longest_s, or name it in also"
            )
    for name in config.also:
        if not config.sequences.shares.get(name):
            raise InputError(
                f"the settings' also names {name}, but sequences.shares gives it no share: name "
                "one, or leave the corpus out"
            )
