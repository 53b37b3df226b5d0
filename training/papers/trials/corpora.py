"""The corpora that lie in a folder, as the papers' systems hear them, and the folds of each."""

from collections.abc import Collection, Sequence
from pathlib import Path

from ...corpora import CORPORA, Clip, find_corpora, read_clips
from ...corpora.midi import rendered, sound_fonts
from ...corpora.splits import Split, draw_split
from ...learn.config import DEFAULT_SETTINGS, read_config

ALIASES = {"4q": "panda4q"}
"""Other names of corpora on the command line."""


def corpora_here(root: Path) -> list[str]:
    """Return the corpora that lie in a folder as sound, in the order of ``CORPORA``."""
    return [each.corpus.name for each in find_corpora(root) if each.corpus.sound == "files"]


def clips_here(root: Path) -> dict[str, list[Clip]]:
    """Return the clips of each corpus that is here as sound."""
    return {name: read_clips(root, [name]) for name in corpora_here(root)}


def clips_of_notes(root: Path, names: Collection[str]) -> dict[str, list[Clip]]:
    """Return the clips of those of these corpora that lie in a folder as notes, not rendered."""
    return {
        each.corpus.name: read_clips(root, [each.corpus.name])
        for each in find_corpora(root)
        if each.corpus.sound == "midi" and each.corpus.name in names
    }


def read_corpus(root: Path, name: str, cache: Path, *, jobs: int = 1) -> list[Clip]:
    """Return the clips of one corpus; of notes, rendered with the first sound font there is.

    Args:
        root: folder of the corpora.
        name: of the corpus, or one of ``ALIASES``.
        cache: where rendered sound is.
        jobs: how many clips are rendered at the same time.

    Raises:
        InputError: the corpus is unknown or not there, or cannot be rendered.
    """
    name = ALIASES.get(name, name)
    clips = read_clips(root, [name])
    if next(corpus.sound for corpus in CORPORA if corpus.name == name) == "files":
        return clips
    return rendered(clips, folder=cache, fonts=sound_fonts()[:1], jobs=jobs)


def default_split(root: Path, clips: Sequence[Clip]) -> Split:
    """Return the folds that the default checkpoint is judged on, if its corpora hold these clips.

    Others are drawn by the same settings, of these clips alone.
    """
    config = read_config(DEFAULT_SETTINGS)
    every = read_clips(root)
    known = {clip.key for clip in every}
    drawn = every if all(clip.key in known for clip in clips) else clips
    return draw_split(drawn, folds=config.folds, seed=config.seed)
