"""How far listeners leave a system to come: the ceilings beside the papers' metrics.

A class that is the item most listeners ticked changes with the listeners. Two numbers bracket what
a perfect system could score on such classes, given that it knows what all people would say:

``two halves``
    how often two random halves of a song's listeners name the same item. Half a panel errs more
    than a whole one, so this is too low.
``perfect``
    how often a panel drawn anew, listener by listener with replacement, names the item that the
    real one did. The real one's ticks are taken for what all people would say, though they scatter
    too, so this is too high.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...corpora import Clip, find_corpora
from ...corpora.emotify import answers_table, read_answers
from ...judge.metrics import bootstrap, mean_of, row
from ...judge.yardsticks.ceilings import Answers, repeat_ceilings

DRAWS = 200
"""Random halves, and panels, of each song."""


def item_ceilings(
    clips: Sequence[Clip], answers: Answers, *, seed: int = 0, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Return how often listeners agree on a song's top item, as rows of ``metrics.row``.

    Of items that share the top the first counts, as in the classes that the systems learn.

    Args:
        clips: songs of one corpus; those without at least two answers are left out.
        answers: of these songs.
        seed: of halves, panels and draws of groups.
        resamples: draws behind an interval.
    """
    asked = [clip for clip in clips if len(answers.get(clip.key, ())) > 1]
    if not asked:
        return []
    generator = np.random.default_rng(seed)
    rows = []
    for clip in asked:
        ticks = answers[clip.key]
        people = len(ticks)
        order = generator.permuted(np.tile(np.arange(people), (DRAWS, 1)), axis=1)
        first, second = (
            ticks[half].sum(1).argmax(1)
            for half in (order[:, : people // 2], order[:, people // 2 :])
        )
        panels = ticks[generator.integers(0, people, (DRAWS, people))].sum(1).argmax(1)
        rows.append(
            {
                "group": clip.group,
                "halves": (first == second).mean(),
                "perfect": (panels == ticks.sum(0).argmax()).mean(),
            }
        )
    table = pd.DataFrame(rows)
    return [
        row(
            table,
            bootstrap(table, mean_of(column), resamples=resamples, seed=seed),
            data=asked[0].corpus,
            metric=metric,
            protocol=f"{DRAWS} draws a song; 95 % interval by bootstrap over groups",
        )
        for column, metric in (
            ("halves", "accuracy, two halves"),
            ("perfect", "accuracy, perfect"),
        )
    ]


def ceilings(
    root: Path, clips: Mapping[str, Sequence[Clip]], *, resamples: int = 1000
) -> dict[str, list[dict[str, Any]]]:
    """Return by corpus what its labels tell of a ceiling; an empty list where they tell nothing.

    Args:
        root: folder of the corpora.
        clips: of each corpus.
        resamples: draws behind an interval.
    """
    folders = {found.corpus.name: found.folder for found in find_corpora(root)}
    told = {}
    for corpus, own in clips.items():
        told[corpus] = [
            each
            for each in repeat_ceilings(own, resamples=resamples)
            if each["metric"].startswith("R²")
        ]
        # A copy may hold the shares alone: no reason to lose the page after hours of learning.
        if corpus == "emotify" and own and answers_table(folders[corpus]).is_file():
            answers = read_answers(folders[corpus])
            told[corpus] += item_ceilings(own, answers, resamples=resamples)
    return told
