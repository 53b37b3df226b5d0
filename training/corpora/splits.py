"""Folds in which no artist, song, series or recording stands on both sides, written to a file once.

What must stay together is a group; corpora that hold the same recording name it alike
(``Clip.recording``), which joins their groups, however each of them is grouped.
"""

import hashlib
import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from realtime_mer.emotion import QUADRANTS
from realtime_mer.errors import InputError

from ..files import read_json, write_json
from . import Clip


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


def joined_groups(clips: Sequence[Clip]) -> list[str]:
    """Return the group of every clip, those joined that share a recording.

    A joined group bears the first of its names in alphabetical order, so that a group nothing is
    joined to keeps its own.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    group_of_recording: dict[str, str] = {}
    for clip in clips:
        own = root(clip.group)
        if clip.recording is not None:
            other = root(group_of_recording.setdefault(clip.recording, own))
            parent[max(own, other)] = min(own, other)
    return [root(clip.group) for clip in clips]


def draw_split(clips: Sequence[Clip], *, folds: int, seed: int) -> Split:
    """Draw folds grouped by ``joined_groups``, with corpora and quadrants spread evenly.

    A quadrant of fewer clips than folds is spread as far as it goes, see ``too_few``.

    Raises:
        InputError: there are fewer groups than folds, or no corpus and quadrant has as many clips.
    """
    strata = [f"{clip.corpus}/{clip.quadrant}" for clip in clips]
    groups = joined_groups(clips)
    if len(set(groups)) < folds:
        raise InputError(
            f"{len(set(groups))} groups cannot make {folds} folds without a group on both sides; "
            "ask for fewer folds (folds in the settings, or --folds), or give more groups"
        )
    if (most := max(Counter(strata).values())) < folds:
        raise InputError(
            f"no quadrant of a corpus has more than {most} clips, too few to spread over {folds} "
            f"folds; ask for {most} folds or fewer (folds in the settings, or --folds)"
        )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        pairs = list(splitter.split(np.zeros(len(clips)), strata, groups))
    fold_of = {clips[index].key: fold for fold, (_, held) in enumerate(pairs) for index in held}
    split = Split(folds=folds, seed=seed, fold_of=fold_of)
    check_split(split, clips)
    return split


def held_out_beside(
    beside: Sequence[Clip], split: Split, clips: Sequence[Clip]
) -> dict[str, list[int]]:
    """Return the folds that must not learn from each of some clips beside those of a split.

    A group goes into the fold that holds out most of the music in its clips; one without music, by
    its size, into the one that holds fewest. Where a clip holds groups of other folds as well,
    these must not learn from it either, and none can judge it as unheard.

    Args:
        beside: clips whose groups the split does not hold, but of which some are in its clips or
            in one another, see ``Clip.inside``.
        split: the folds.
        clips: what was split.

    Returns:
        By ``Clip.key``: its own fold first, then those of what else is heard in it.
    """
    fold_of = {clip.group: split.fold_of[clip.key] for clip in clips}
    members: dict[str, list[Clip]] = defaultdict(list)
    for clip in beside:
        members[clip.group].append(clip)
    music = {
        group: Counter(fold_of[name] for clip in own for name in clip.inside if name in fold_of)
        for group, own in members.items()
    }
    held: Counter[int] = Counter()
    for group in sorted(members, key=lambda group: (not music[group], -len(members[group]), group)):
        if music[group]:
            fold = max(sorted(music[group]), key=music[group].__getitem__)
        else:
            fold = min(range(split.folds), key=held.__getitem__)
        fold_of[group] = fold
        held[fold] += len(members[group])
    return {
        clip.key: [
            fold_of[clip.group],
            *sorted(
                {fold_of.get(n, fold_of[clip.group]) for n in clip.inside} - {fold_of[clip.group]}
            ),
        ]
        for clip in beside
    }


def too_few(clips: Sequence[Clip], folds: int) -> str | None:
    """Return a remark on the quadrants that some fold holds none of, None where there are enough.

    Args:
        clips: what was split.
        folds: into how many folds.
    """
    counts = Counter(
        clip.corpus if clip.quadrant is None else f"{clip.corpus} {QUADRANTS[clip.quadrant]}"
        for clip in clips
    )
    rare = [f"{name} ({count})" for name, count in sorted(counts.items()) if count < folds]
    if not rare:
        return None
    return f"fewer clips than the {folds} folds, so that some hold none of: {', '.join(rare)}"


def check_split(split: Split, clips: Sequence[Clip]) -> None:
    """Refuse a split that is not one of these clips, or in which a group is on both sides.

    Raises:
        InputError: naming the clip or group.
    """
    folds_of_group = defaultdict(set)
    for clip, group in zip(clips, joined_groups(clips), strict=True):
        fold = split.fold_of.get(clip.key)
        if fold is None or not 0 <= fold < split.folds:
            raise InputError(
                f"the split does not place {clip.key} in one of its {split.folds} folds; it was "
                "drawn for other data: start a new run folder"
            )
        folds_of_group[group].add(fold)
    for group, folds in folds_of_group.items():
        if len(folds) > 1:
            raise InputError(
                f"the split leaks: group {group!r} is held out in folds {sorted(folds)} and so "
                "learnt from where it is tested; draw the split again by group"
            )


def kept_split(path: Path, clips: Sequence[Clip], *, folds: int, seed: int) -> Split:
    """Return the split that lies in a file; only where there is none is one drawn and written.

    Raises:
        InputError: what lies there was edited, has other folds, does not fit or leaks.
    """
    if not path.exists():
        split = draw_split(clips, folds=folds, seed=seed)
        write_split(split, path)
        return split
    split = read_split(path, clips)
    if split.folds != folds:
        raise InputError(
            f"{path} has {split.folds} folds where {folds} are asked for; a split is never drawn "
            "again: ask for its folds, or name another file"
        )
    return split


def counted(split: Split, clips: Sequence[Clip]) -> list[dict[str, Any]]:
    """Return what each fold holds out: ``fold``, ``clips``, ``groups``, and clips ``by_corpus``."""
    rows = []
    for fold in range(split.folds):
        own = split.held_out(clips, fold)
        rows.append(
            {
                "fold": fold,
                "clips": len(own),
                "groups": len(set(joined_groups(own))),
                "by_corpus": dict(sorted(Counter(clip.corpus for clip in own).items())),
            }
        )
    return rows


def write_split(split: Split, path: Path) -> None:
    """Write a split as JSON, with its hash."""
    content = {"folds": split.folds, "seed": split.seed, "hash": split.hash}
    write_json(path, content | {"fold_of": dict(split.fold_of)})


def read_split(path: Path, clips: Sequence[Clip]) -> Split:
    """Read a split and check that it is whole and fits these clips.

    Raises:
        InputError: it was edited, does not fit or leaks.
    """
    content = read_json(path)
    try:
        split = Split(folds=content["folds"], seed=content["seed"], fold_of=content["fold_of"])
        drawn = content["hash"]
    except KeyError as error:
        raise InputError(f"{path} is no split: it lacks {error}") from error
    if split.hash != drawn:
        raise InputError(f"{path} was changed after it was drawn: its hash does not fit")
    check_split(split, clips)
    return split
