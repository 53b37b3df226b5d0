"""A run folder: everything needed to repeat, resume and judge a training.

::

    RUN/
        config.toml        the settings, as given
        split.json         the folds
        provenance.json    versions, git commit, hashes of data and settings
        fold-0/ ...        a part for each fold, and ``all`` for the refit on every clip
            state.pt       where to resume
            log.jsonl      a line for each epoch
            weights.safetensors
        predictions.npz    what the folds said of the clips they held out, hop by hop
        report.json        its evaluation
"""

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError
from training.cache import Store
from training.config import TrainingConfig, read_config
from training.corpora import Clip, label_hash
from training.files import write_json
from training.splits import Split, draw_split, read_split, write_split

REFIT = "all"
"""The part that learns from every clip."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """An opened run folder.

    Attributes:
        folder: where it lies.
        config: its settings.
        split: its folds.
        clips: all clips it may learn from.
    """

    folder: Path
    config: TrainingConfig
    split: Split
    clips: Sequence[Clip]

    @property
    def parts(self) -> list[str]:
        """Names of the trainings of this run: one for each fold, and the refit."""
        return [*(f"fold-{fold}" for fold in range(self.split.folds)), REFIT]

    def training_clips(self, part: str) -> list[Clip]:
        """Return what a part learns from."""
        if part == REFIT:
            return list(self.clips)
        return self.split.training(self.clips, self._fold(part))

    def held_out_clips(self, part: str) -> list[Clip]:
        """Return what a part is judged by, none for the refit."""
        return [] if part == REFIT else self.split.held_out(self.clips, self._fold(part))

    def weights(self, part: str) -> Path:
        """Return where a part's finished weights lie."""
        return self.folder / part / "weights.safetensors"

    def provenance(self) -> dict[str, Any]:
        """Return what was recorded when the folder was made."""
        content: dict[str, Any] = json.loads((self.folder / "provenance.json").read_text())
        return content

    def record(self, **facts: str) -> None:
        """Add what was learnt later to the provenance."""
        write_json(self.folder / "provenance.json", self.provenance() | facts)

    def _fold(self, part: str) -> int:
        if part not in self.parts:
            raise InputError(f"no part {part!r} in this run; parts are {', '.join(self.parts)}")
        return self.parts.index(part)


def open_run(folder: Path, clips: Sequence[Clip], config_path: Path | None) -> Run:
    """Open a run folder, making it if it is new.

    Args:
        folder: the run folder.
        clips: the clips there are.
        config_path: settings for a new folder; for an old one they must be the same.

    Raises:
        InputError: a new folder without settings, or settings or data that changed.
    """
    own = folder / "config.toml"
    labels = label_hash(clips)
    if own.is_file():
        if config_path is not None and config_path.read_bytes() != own.read_bytes():
            raise InputError(
                f"{config_path} differs from the settings {folder} was begun with; name a new "
                "--run folder"
            )
        recorded = json.loads((folder / "provenance.json").read_text())["labels_sha256"]
        if recorded != labels:
            raise InputError(
                f"the labels changed since {folder} was begun; name a new --run folder"
            )
        config = read_config(own)
        return Run(
            folder=folder,
            config=config,
            clips=clips,
            split=read_split(folder / "split.json", clips),
        )
    if config_path is None:
        raise InputError(f"{folder} is no run folder yet; begin it with --config SETTINGS.toml")
    config = read_config(config_path)
    folder.mkdir(parents=True, exist_ok=True)
    split = draw_split(clips, folds=config.folds, seed=config.seed)
    write_split(split, folder / "split.json")
    provenance = {
        "labels_sha256": labels,
        "split_sha256": split.hash,
        "config_sha256": hashlib.sha256(config_path.read_bytes()).hexdigest(),
        "seed": config.seed,
        "git_commit": git_commit(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "torchaudio", "numpy", "scikit-learn")},
        },
        "platform": platform.platform(),
    }
    write_json(folder / "provenance.json", provenance)
    # Copied last: where the settings are, the folder is whole.
    shutil.copyfile(config_path, own)
    return Run(folder=folder, config=config, split=split, clips=clips)


def audio_hash(store: Store) -> str:
    """Return one hash over the bytes of every audio file behind a store."""
    text = json.dumps(dict(store.audio_hashes), sort_keys=True)
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
