from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip
from training.files import write_json
from training.judge.evaluate import HOP_COLUMNS, Predictions, save_predictions
from training.judge.transfer import transfer
from training.learn.run import REFIT, Run
from training.report.intervals import heard_corpora

JOIN = {"offset": [0.1, -0.2], "scale": [0.5, 2.0]}


@pytest.fixture
def judged(run: Run) -> Run:
    """A run that says of every clip what its corpus' people said, on the reference's scale."""
    generator = np.random.default_rng(0)
    hops = {}
    for clip in run.clips:
        said = np.full((40, len(HOP_COLUMNS)), 0.2, np.float32)
        for column, rating in enumerate((clip.valence, clip.arousal)):
            if rating is not None:
                join = clip.corpus == "panda4q"
                offset, scale = (JOIN[n][column] for n in ("offset", "scale")) if join else (0, 1)
                said[:, column] = (rating - offset) / scale + 0.1 * generator.standard_normal()
        hops[clip.key] = said
    save_predictions(Predictions(hops, run.split.fold_of), run.folder / "predictions.npz")
    (run.folder / REFIT).mkdir()
    write_json(run.folder / REFIT / "joins.json", {"panda4q": JOIN})
    return run


def test_ratings_of_a_joined_corpus_are_placed_on_the_scale_of_the_network(
    judged: Run, corpora_root: Path, tmp_path: Path
) -> None:
    reference, joined = heard_corpora(judged, [], root=corpora_root, folder=tmp_path, longest_s=6)
    assert (reference.corpus, reference.how) == ("grekow", "out of fold")
    assert (joined.corpus, joined.how) == ("panda4q", "out of fold, joined")
    first = next(clip for clip in judged.clips if clip.corpus == "panda4q")
    placed: Clip = next(clip for clip in joined.clips if clip.key == first.key)
    assert placed.valence == pytest.approx((first.valence - 0.1) / 0.5)
    assert placed.arousal == pytest.approx((first.arousal + 0.2) / 2.0)
    rows = {
        (row["data"], row["metric"], row["level"]): row
        for row in transfer([reference, joined], resamples=5)
    }
    # Each errs by a tenth where a fifth is said, so that either's factor fits the other.
    for data in ("grekow", "panda4q"):
        row = rows[data, "clip arousal", 0.9]
        assert row["n"] == 12
        assert row["factor"] == pytest.approx(0.5, abs=0.25)
        assert row["value"] >= 0.75
