"""What a checkpoint's card says of the corpora that its weights learnt from."""

from collections.abc import Sequence
from typing import Any

from . import EVERYTHING, Clip

RESEARCH_ONLY = (
    "Research use only. The weights were learnt from recordings and labels whose terms are not "
    "stated, are for research, or are non-commercial (see corpora); the licence of the code does "
    "not extend to them."
)
"""The licence of weights that learnt from these corpora."""


def entry(name: str, clips: Sequence[Clip]) -> dict[str, Any]:
    """Return a corpus' name, extent and terms.

    Args:
        name: of the corpus, one of ``EVERYTHING``.
        clips: those of it that were learnt from.
    """
    return {"name": name, **extent(clips), **terms(name)}


def extent(clips: Sequence[Clip], *, longest_s: int | None = None) -> dict[str, Any]:
    """Return how many clips and groups there are, and for how many hours they were heard.

    Args:
        clips: of one corpus.
        longest_s: no more than this many seconds of each; None for all.
    """
    seconds = sum(min(clip.seconds, longest_s or clip.seconds) for clip in clips)
    return {
        "clips": len(clips),
        "groups": len({clip.group for clip in clips}),
        "hours": round(seconds / 3600, 2),
    }


def terms(name: str) -> dict[str, Any]:
    """Return what a corpus' labels are, its licence and the publication to name."""
    corpus = next(corpus for corpus in EVERYTHING if corpus.name == name)
    return {"labels": corpus.kind, "licence": corpus.licence, "cite": corpus.cite}
