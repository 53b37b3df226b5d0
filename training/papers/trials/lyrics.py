"""The branches of Parisi et al. judged on a table of sung lines of one's own, songs kept together.

No corpus here has words, so this needs a table (``parisi.read_lines``) and a file of word vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from realtime_mer.errors import InputError

from ...corpora import Clip
from ...corpora.splits import draw_split
from ...judge.metrics import Interval, bootstrap, mean_of
from ..systems import parisi
from ..systems.fitting import FittedNetwork
from ..systems.system import Effort, Training
from .protocols import LabelledSegments, predict_grouped
from .scores import segment_table

BRANCHES: Mapping[str, Callable[..., FittedNetwork]] = {
    "sound": parisi.fit,
    "words": parisi.fit_words,
    "both": parisi.fit_both,
}

_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How well a branch names the emotion of lines of songs held out.

    Attributes:
        branch: of ``BRANCHES``.
        accuracy: with its 95 % interval over songs.
        baseline: accuracy of the commonest emotion of what was learnt from.
        lines, songs: how many there were.
        parameters: how many numbers it learnt.
    """

    branch: str
    accuracy: Interval
    baseline: float
    lines: int
    songs: int
    parameters: int


def judge_lines(
    lines: Sequence[parisi.Line],
    vectors: parisi.WordVectors,
    effort: Effort,
    *,
    resamples: int = 1000,
) -> list[Judgement]:
    """Return the accuracy of the sound, of the words and of both on lines of songs held out.

    Five folds, or one a song where songs are fewer.

    Raises:
        InputError: fewer than three songs.
        AudioFileError: a sound file cannot be read.
    """
    songs = {line.song for line in lines}
    if len(songs) < 3:
        raise InputError(
            f"lines of {len(songs)} songs cannot be judged: at least one song must be held out, "
            "one watched and one learnt from; give at least 3"
        )
    part = parisi.sung(lines, vectors)
    clips = [
        Clip(
            corpus="lyrics",
            id=f"{number}",
            path=line.path,
            seconds=parisi.VIEW.seconds,
            group=line.song,
        )
        for number, line in enumerate(lines)
    ]
    data = LabelledSegments(
        part=part,
        clip=np.arange(len(lines)),
        oversampled=np.zeros(len(lines), np.bool_),
        clips=clips,
        # Only tells ratings from classes: the branches are told how many there are.
        task="quadrants",
    )
    split = draw_split(clips, folds=min(_FOLDS, len(songs)), seed=effort.seed)
    judged = []
    for branch, fit in BRANCHES.items():
        with_outputs: Callable[[Training], FittedNetwork] = partial(
            fit, outputs=len(parisi.EMOTIONS)
        )
        system = replace(parisi.SYSTEMS[0], fit=with_outputs)
        predictions = predict_grouped(system, data, split, effort)
        table = segment_table(predictions, clips, data.task)
        table["right"] = table["true"] == table["predicted"]
        accuracy = bootstrap(table, mean_of("right"), resamples=resamples)
        judged.append(
            Judgement(
                branch=branch,
                accuracy=accuracy,
                baseline=float((table["true"] == table["baseline"]).mean()),
                lines=len(lines),
                songs=len(songs),
                parameters=predictions.parameters,
            )
        )
    return judged
