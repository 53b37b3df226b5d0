"""Folds in which no artist and no recording stands on both sides, written to a file once."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from realtime_mer.errors import InputError
from training.corpora import Clip
from training.files import write_json


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which fold holds each clip out.

    Attributes:
        folds: number of folds.
        seed: what they were drawn with.
        fold_of: the fold that holds a clip out, by ``Clip.key``.
    """

    folds: int
    seed: int
    fold_of: Mapping[str, int]

    @property
    def hash(self) -> str:
        """Hash of the assignment, for run folders and cards."""
        text = json.dumps(dict(self.fold_of), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def held_out(self, clips: Sequence[Clip], fold: int) -> list[Clip]:
        """Return the clips that a fold holds out."""
        return [clip for clip in clips if self.fold_of[clip.key] == fold]

    def training(self, clips: Sequence[Clip], fold: int) -> list[Clip]:
        """Return the clips that a fold learns from."""
        return [clip for clip in clips if self.fold_of[clip.key] != fold]


def draw_split(clips: Sequence[Clip], *, folds: int, seed: int) -> Split:
    """Draw folds grouped by ``Clip.group``, with corpora and quadrants spread evenly."""
    strata = [f"{clip.corpus}/{clip.quadrant}" for clip in clips]
    groups = [clip.group for clip in clips]
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    fold_of: dict[str, int] = {}
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(clips)), strata, groups)):
        fold_of |= {clips[index].key: fold for index in held_out}
    split = Split(folds=folds, seed=seed, fold_of=fold_of)
    check_split(split, clips)
    return split


def check_split(split: Split, clips: Sequence[Clip]) -> None:
    """Refuse a split that is not one of these clips, or in which a group is on both sides.

    Raises:
        InputError: naming the clip or group.
    """
    folds_of_group = defaultdict(set)
    for clip in clips:
        fold = split.fold_of.get(clip.key)
        if fold is None or not 0 <= fold < split.folds:
            raise InputError(
                f"the split does not place {clip.key} in one of its {split.folds} folds; it was "
                "drawn for other data: start a new run folder"
            )
        folds_of_group[clip.group].add(fold)
    for group, folds in folds_of_group.items():
        if len(folds) > 1:
            raise InputError(
                f"the split leaks: group {group!r} is held out in folds {sorted(folds)} and so "
                "learnt from where it is tested; draw the split again by group"
            )


def write_split(split: Split, path: Path) -> None:
    """Write a split as JSON, with its hash."""
    content = {"folds": split.folds, "seed": split.seed, "hash": split.hash}
    write_json(path, content | {"fold_of": dict(split.fold_of)})


def read_split(path: Path, clips: Sequence[Clip]) -> Split:
    """Read a split and check that it is whole and fits these clips.

    Raises:
        InputError: it was edited, does not fit or leaks.
    """
    content = json.loads(path.read_text())
    split = Split(folds=content["folds"], seed=content["seed"], fold_of=content["fold_of"])
    if split.hash != content["hash"]:
        raise InputError(f"{path} was changed after it was drawn: its hash does not fit")
    check_split(split, clips)
    return split
