"""What a run said of every corpus with ratings, met or never met, for intervals across corpora."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.progress import track

from ..corpora import find_corpora, read_clips
from ..corpora.clip import Clip
from ..corpora.midi import rendered
from ..features import cache
from ..files import read_json
from ..judge.evaluate import (
    columns_of,
    load_network,
    load_predictions,
    reference_clips,
    run_network,
)
from ..judge.familiarity import fit_as_told, held_out_familiarity, tells_familiarity
from ..judge.transfer import Rated
from ..learn.run import REFIT, Run


def never_heard(run: Run, root: Path) -> Iterator[list[Clip]]:
    """Yield the clips of each corpus with valence and arousal that a run did not learn from."""
    for found in find_corpora(root):
        if found.corpus.name not in run.corpora:
            clips = read_clips(root, [found.corpus.name])
            rated = [clip for clip in clips if clip.valence is not None]
            if rated:
                yield rated


def heard_corpora(
    run: Run,
    left_out: Sequence[Run],
    *,
    root: Path,
    folder: Path,
    fonts: Sequence[Path] | None = None,
    longest_s: int,
    jobs: int = 1,
) -> list[Rated]:
    """Return what a run, and runs that left its reference corpus out, said of rated corpora.

    Ratings are placed on the scale of the network that is judged: by the joins that the run
    learnt, and as they are where the corpus is the reference or was never met.

    Args:
        run: evaluated.
        left_out: trained runs that left corpora out.
        root: folder of the corpora.
        folder: the cache.
        fonts: sound fonts to render with; None for every one that is installed.
        longest_s: seconds that are heard of each piece of a corpus never met.
        jobs: processes that compute side by side.
    """
    said = load_predictions(run)
    reference = run.config.losses.reference
    joins = read_json(run.folder / REFIT / "joins.json")
    familiar, steps = None, None
    if tells_familiarity(run, REFIT):
        own = cache.feature_store(run.clips, run.config.features, folder, jobs=jobs)
        familiar = held_out_familiarity(run, own)
        head = load_network(run, REFIT).familiarity
        steps = None if head is None else head.knots
    found = [
        Rated(
            corpus=reference,
            how="out of fold",
            clips=reference_clips(run, said),
            hops=said.hops,
            familiar=familiar,
        )
    ]
    for corpus, join in joins.items():
        joined = [
            _placed(clip, join["offset"], join["scale"], back=True)
            for clip in run.clips
            if clip.corpus == corpus and clip.valence is not None and clip.key in said.hops
        ]
        if joined:
            found.append(
                Rated(
                    corpus=corpus,
                    how="out of fold, joined",
                    clips=joined,
                    hops=said.hops,
                    familiar=familiar,
                )
            )
    for judged in (run, *left_out):
        scale = judged.config.losses.reference
        for clips in never_heard(judged, root):
            if scale == reference:
                placed: Sequence[Clip] = clips
            elif clips[0].corpus == reference and scale in joins:
                join = joins[scale]
                placed = [
                    _placed(clip, join["offset"], join["scale"], back=False) for clip in clips
                ]
            else:
                continue
            sounds = rendered(placed, folder=folder, fonts=fonts, longest_s=longest_s, jobs=jobs)
            features = cache.feature_store(
                sounds, judged.config.features, folder, longest_s=longest_s, jobs=jobs
            )
            network = load_network(judged, REFIT)
            if steps is not None and not tells_familiarity(judged, REFIT):
                learnt = cache.feature_store(
                    judged.clips, judged.config.features, folder, jobs=jobs
                )
                fit_as_told(network, judged, REFIT, learnt, steps)
            hops, near = {}, {}
            for clip in track(sounds, description=f"hearing {clips[0].corpus}"):
                output = run_network(network, *features.heard(clip.key))
                hops[clip.key] = columns_of(output)
                near[clip.key] = output.familiar[0].numpy()
            found.append(
                Rated(
                    corpus=clips[0].corpus,
                    how="never met",
                    clips=sounds,
                    hops=hops,
                    familiar=None if steps is None else near,
                )
            )
    return [one for one in found if one.clips]


def _placed(clip: Clip, offset: Sequence[float], scale: Sequence[float], *, back: bool) -> Clip:
    """Return a clip with its ratings on another scale: ``offset + scale *``, or back from it."""
    ratings = (clip.valence, clip.arousal)
    valence, arousal = (
        None if rating is None else (rating - shift) / factor if back else shift + factor * rating
        for rating, shift, factor in zip(ratings, offset, scale, strict=True)
    )
    return replace(clip, valence=valence, arousal=arousal)
