"""A run folder: everything needed to repeat, resume and judge a training.

::

    RUN/
        config.toml        the settings, as given
        split.json         the folds
        beside.json        of clips that are no music: the folds that must not learn from each
        provenance.json    versions, git commit, hashes of data and settings, device, processes
        shared/            what all parts begin from, where the settings ask for it
        fold-0/ ...        a part for each fold, and ``all`` for the refit on every clip
            begun.safetensors  what it begins from of another run, where one was named
            state.pt       where to resume
            log.jsonl      a line for each epoch
            weights.safetensors
            learner.safetensors  the network and what stands beside it in training only
        familiarity.safetensors  what evaluation found to tell by how near a sound lies, if asked
        music.json         what to add to the logits of music, if asked
        stretch.json       what evaluation found to rescale valence and arousal by
        predictions.npz    what the folds said of the clips they held out, hop by hop
        report.json        its evaluation
        not_music.json     how well it tells music from what is none, if asked
        widening.json      what its report found to widen sd by, over all corpora, if asked
"""

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError

from ..corpora import Clip, label_hash
from ..corpora.not_music import NOT_MUSIC
from ..corpora.splits import Split, draw_split, held_out_beside, kept_split, read_split
from ..files import read_json, write_json
from .config import TrainingConfig, check_corpora, read_config

REFIT = "all"
"""The part that learns from every clip."""

SHARED = "shared"
"""The part that all others begin from."""


BEGUN = "begun.safetensors"
"""In a part's folder: the network of another run, and what stood beside it, to begin from."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """An opened run folder.

    Attributes:
        folder: where it lies.
        config: its settings.
        split: its folds.
        clips: the clips that it is judged by, each held out by one fold.
        also: clips that parts learn from besides, and none is judged by as music.
        held_out: of those of them that are no music, by ``Clip.key``: the folds that must not learn
            from it, see ``corpora.splits.held_out_beside``. The others every part learns from.
    """

    folder: Path
    config: TrainingConfig
    split: Split
    clips: Sequence[Clip]
    also: Sequence[Clip] = ()
    held_out: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def parts(self) -> list[str]:
        """Names of the trainings of this run, in order: a fold each, and the refit."""
        shared = [SHARED] if self.config.shared_epochs else []
        return [*shared, *(f"fold-{fold}" for fold in range(self.split.folds)), REFIT]

    @property
    def corpora(self) -> set[str]:
        """Names of the corpora that this run learns from."""
        return {*(clip.corpus for clip in self.clips), *self.config.also}

    def training_clips(self, part: str) -> list[Clip]:
        """Return what a part learns from."""
        if part == SHARED:
            # All folds begin from it: it must not hear what any of them holds out.
            return [clip for clip in self.also if clip.key not in self.held_out]
        if part == REFIT:
            return [*self.clips, *self.also]
        fold = self._fold(part)
        beside = [clip for clip in self.also if fold not in self.held_out.get(clip.key, ())]
        return [*self.split.training(self.clips, fold), *beside]

    def held_out_clips(self, part: str) -> list[Clip]:
        """Return what a part is judged by, none for the refit."""
        return [] if part in (REFIT, SHARED) else self.split.held_out(self.clips, self._fold(part))

    def weights(self, part: str) -> Path:
        """Return where a part's finished weights lie."""
        return self.folder / part / "weights.safetensors"

    def unheard(self, part: str) -> list[Clip]:
        """Return the clips that are no music, or not all of it, of which a part knows nothing."""
        own = [self._fold(part)]
        return [clip for clip in self.also if self.held_out.get(clip.key) == own]

    def with_besides(self, also: Sequence[Clip]) -> "Run":
        """Return the run with the clips that its parts learn from besides.

        Raises:
            InputError: other sounds that are no music lay there when the run was begun.
        """
        sounds = [clip for clip in also if clip.corpus == NOT_MUSIC.name]
        if not sounds:
            return replace(self, also=also)
        path = self.folder / "beside.json"
        if not path.is_file():
            write_json(path, held_out_beside(sounds, self.split, self.clips))
        held_out: dict[str, list[int]] = read_json(path)
        if held_out.keys() != {clip.key for clip in sounds}:
            raise InputError(
                f"{path} is of {len(held_out)} clips, and there are {len(sounds)} or others now; "
                "bring back what was there, or name a new --run folder"
            )
        return replace(self, also=also, held_out=held_out)

    def provenance(self) -> dict[str, Any]:
        """Return what was recorded when the folder was made."""
        content: dict[str, Any] = json.loads((self.folder / "provenance.json").read_text())
        return content

    def described(self) -> list[dict[str, Any]]:
        """Return what was recorded of the corpora that were learnt from besides."""
        also: list[dict[str, Any]] = self.provenance().get("also", [])
        return also

    def record(self, **facts: Any) -> None:
        """Add what was learnt later to the provenance; what stands there is not written again."""
        before = self.provenance()
        if before | facts != before:
            write_json(self.folder / "provenance.json", before | facts)

    def _fold(self, part: str) -> int:
        if part not in self.parts:
            raise InputError(f"no part {part!r} in this run; parts are {', '.join(self.parts)}")
        return int(part.removeprefix("fold-"))


def unkept_run(config: TrainingConfig, clips: Sequence[Clip]) -> Run:
    """Return a run in no folder, for what is judged by its folds and trains no network.

    Args:
        config: whose corpora and folds are taken.
        clips: the clips there are.
    """
    clips = _wanted(clips, config)
    split = draw_split(clips, folds=config.folds, seed=config.seed)
    return Run(folder=Path(), config=config, clips=clips, split=split)


def open_run(folder: Path, clips: Sequence[Clip], config_path: Path | None) -> Run:
    """Open a run folder, making it if it is new.

    Args:
        folder: the run folder.
        clips: the clips there are.
        config_path: settings for a new folder; for an old one they must be the same.

    Raises:
        InputError: a new folder without settings or with some of a corpus it does not use, or
            settings or data that changed.
    """
    own = folder / "config.toml"
    if own.is_file():
        config = read_config(own)
        # By what they say, not letter by letter: a comment or an older name changes nothing.
        if config_path is not None and read_config(config_path) != config:
            raise InputError(
                f"{config_path} differs from the settings {folder} was begun with; name a new "
                "--run folder"
            )
        clips = _wanted(clips, config)
        recorded = json.loads((folder / "provenance.json").read_text())["labels_sha256"]
        if recorded != label_hash(clips):
            raise InputError(
                f"the labels changed since {folder} was begun; name a new --run folder"
            )
        return Run(
            folder=folder,
            config=config,
            clips=clips,
            split=read_split(folder / "split.json", clips),
        )
    if config_path is None:
        raise InputError(f"{folder} is no run folder yet; begin it with --config SETTINGS.toml")
    config = read_config(config_path)
    clips = _wanted(clips, config)
    # Not of an old folder: what it was trained with can no longer be mended.
    check_corpora(config, {clip.corpus for clip in clips})
    folder.mkdir(parents=True, exist_ok=True)
    # A split that was laid there, or that lost its settings, is kept.
    split = kept_split(folder / "split.json", clips, folds=config.folds, seed=config.seed)
    provenance = provenance_of(clips, split, config_path, seed=config.seed)
    write_json(folder / "provenance.json", provenance)
    # Copied last: where the settings are, the folder is whole.
    shutil.copyfile(config_path, own)
    return Run(folder=folder, config=config, split=split, clips=clips)


def begin_from(folder: Path, other: Run) -> dict[str, Any]:
    """Lay into a new run folder what its parts begin from: the parts of another run, and its folds.

    Args:
        folder: of the new run, not opened yet.
        other: all of whose parts are trained.

    Returns:
        What to record of it: its settings' name, what they were, its folds and its code.

    Raises:
        InputError: the folder is a run already, or a part of the other is not trained.
    """
    if (folder / "config.toml").is_file():
        raise InputError(f"{folder} is a run already and goes on from where it was begun")
    parts = [part for part in other.parts if part != SHARED]
    for part in parts:
        if not other.weights(part).is_file():
            raise InputError(f"part {part} of {other.folder} is not trained yet: run train first")
    for part in parts:
        (folder / part).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(other.folder / part / "learner.safetensors", folder / part / BEGUN)
    shutil.copyfile(other.folder / "split.json", folder / "split.json")
    said = other.provenance()
    recorded = {name: said[name] for name in ("config_sha256", "split_sha256", "git_commit")}
    return {"begun": {"name": other.config.name, "epochs": other.config.epochs, **recorded}}


def provenance_of(
    clips: Sequence[Clip], split: Split, config_path: Path, *, seed: int
) -> dict[str, Any]:
    """Return what is recorded of where a training comes from.

    Args:
        clips: that it learns from.
        split: their folds.
        config_path, seed: its settings, and the seed among them.
    """
    return {
        "labels_sha256": label_hash(clips),
        "split_sha256": split.hash,
        "config_sha256": hashlib.sha256(config_path.read_bytes()).hexdigest(),
        "seed": seed,
        "git_commit": git_commit(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "torchaudio", "numpy", "scikit-learn")},
        },
        "platform": platform.platform(),
    }


def _wanted(clips: Sequence[Clip], config: TrainingConfig) -> Sequence[Clip]:
    """Return the clips of the corpora that the settings name, all where they name none."""
    there = {clip.corpus for clip in clips}
    for name in config.corpora:
        if name not in there:
            raise InputError(f"the settings name the corpus {name}; there are: {', '.join(there)}")
    return [clip for clip in clips if not config.corpora or clip.corpus in config.corpora]


def audio_hash(hashes: Mapping[str, str]) -> str:
    """Return one hash over the bytes of many audio files.

    Args:
        hashes: SHA-256 of each, by ``Clip.key``, as ``FeatureStore.audio_hashes``.
    """
    text = json.dumps(dict(hashes), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def git_commit() -> str:
    """Return the commit of the code, with ``+changes`` if files differ from it, or ``unknown``."""
    here = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(
                ("git", *command), cwd=here, capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+changes" if changes else commit
