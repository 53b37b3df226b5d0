"""What a run learns from: its clips, those it learns from besides, and what a teacher made of them.

Music of the packages that ``fetch-music`` brought is a corpus like the others here, named
``free-music``: nobody rated it, so a network learns from the teacher's word on it alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError

from ..corpora import CORPORA, Clip, label_hash, read_clips
from ..corpora.cards import extent, terms
from ..corpora.free_music import SHORTEST_MUSIC_S
from ..corpora.midi import rendered
from ..features import cache
from ..features.cache import FeatureStore
from ..features.conditions import Named, conditions
from ..features.teachers import committee_store
from .run import Run, audio_hash

FREE_MUSIC = "free-music"


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Everything the parts of a run learn from.

    Attributes:
        run: the run, with the clips that every part learns from besides.
        features: log-mel frames of all clips.
        changed: their frames under each condition that the settings name, if any.
        teacher: what the run's teachers made of them; None for no teacher.
    """

    run: Run
    features: FeatureStore
    changed: Sequence[FeatureStore]
    teacher: FeatureStore | None


def gather(
    run: Run, root: Path, place: Path, teachers: Path | None, *, jobs: int = 1
) -> TrainingSet:
    """Return what a run's settings ask for, computing what is not cached, and record it.

    Args:
        run: as opened.
        root: folder of the corpora.
        place: the cache, which holds the free music and what is rendered.
        teachers: folder of the teachers' arrays; None for no teacher.
        jobs: processes that render and compute side by side.

    Raises:
        InputError: a corpus is missing, cannot be rendered or is not what the run learnt from
            before.
    """
    config = run.config
    besides = {
        name: _besides(name, root, place, config.longest_s.get(name), jobs) for name in config.also
    }
    heard: list[tuple[Sequence[Clip], int | None]] = [(run.clips, None)]
    heard += [(clips, config.longest_s.get(name)) for name, clips in besides.items()]

    def frames(condition: Named | None) -> FeatureStore:
        return cache.merged(
            [
                cache.feature_store(
                    clips,
                    config.features,
                    place,
                    longest_s=longest,
                    condition=condition,
                    jobs=jobs,
                )
                for clips, longest in heard
            ]
        )

    features = frames(None)
    changed = [frames((name, conditions()[name])) for name in config.sequences.augment.changes]
    teacher = None
    if teachers is not None:
        teacher = cache.merged(
            [
                committee_store(
                    config.teachers, clips, teachers, place, longest_s=longest, jobs=jobs
                )
                for clips, longest in heard
            ]
        )
    also = [clip for clips in besides.values() for clip in clips]
    described = [
        _described(name, clips, features, config.longest_s.get(name), place)
        for name, clips in besides.items()
    ]
    _check_same(run, described)
    run.record(also=described)
    return TrainingSet(
        run=run.with_besides(also), features=features, changed=changed, teacher=teacher
    )


def free_music(folder: Path) -> list[Clip]:
    """Return every piece of music in a folder that ``fetch_music`` filled, without labels.

    Raises:
        InputError: there is none.
    """
    clips = []
    for path in sorted(folder.glob("*/package.json")):
        package = json.loads(path.read_text(encoding="utf-8"))
        for sound in package["sounds"]:
            if sound["seconds"] >= SHORTEST_MUSIC_S:
                name = f"{package['package']}/{sound['path']}"
                clips.append(
                    Clip(
                        corpus=FREE_MUSIC,
                        id=name,
                        path=folder / name,
                        seconds=sound["seconds"],
                        group=f"{FREE_MUSIC}:{name}",
                    )
                )
    if not clips:
        raise InputError(f"there is no free music in {folder}; run fetch-music first")
    return clips


def _besides(name: str, root: Path, place: Path, longest_s: int | None, jobs: int) -> list[Clip]:
    if name == FREE_MUSIC:
        return free_music(place / "music")
    # A piece with every sound font would be the same notes again, and cost as much as other notes.
    return rendered(
        read_clips(root, [name]), folder=place, one_font_each=True, longest_s=longest_s, jobs=jobs
    )


def _check_same(run: Run, described: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to go on with other clips than a part of the run may have learnt from already."""
    # Runs of before these hashes were recorded have none to differ from.
    before = {entry["name"]: entry for entry in run.described() if "audio_sha256" in entry}
    for entry in described:
        known = before.get(entry["name"], entry)
        for hashed, what in (("audio_sha256", "sound"), ("labels_sha256", "clips or labels")):
            if known[hashed] != entry[hashed]:
                raise InputError(
                    f"the {what} of {entry['name']} changed since {run.folder} was begun "
                    f"({known['clips']} clips then, {entry['clips']} now); bring back what was "
                    "there, or name a new --run folder"
                )


def _described(
    name: str, clips: Sequence[Clip], features: FeatureStore, longest_s: int | None, place: Path
) -> dict[str, Any]:
    """Return what a card says of a corpus that was learnt from besides."""
    entry: dict[str, Any] = {
        "name": name,
        **extent(clips, longest_s=longest_s),
        "labels_sha256": label_hash(clips),
        "audio_sha256": audio_hash({clip.key: features.audio_hashes[clip.key] for clip in clips}),
    }
    if name != FREE_MUSIC:
        if any(corpus.name == name and corpus.sound == "midi" for corpus in CORPORA):
            fonts = sorted({clip.path.parent.name for clip in clips})
            entry["sound"] = f"notes, each piece rendered with one of {', '.join(fonts)}"
        return entry | terms(name)
    packages = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((place / "music").glob("*/package.json"))
    ]
    return entry | {
        "labels": "none of people: a teacher's embedding and pseudo-labels made from it",
        "licence": "free licences of Debian's archive, by package in the record copyright of each: "
        + ", ".join(f"{package['package']} {package['version']}" for package in packages),
    }
