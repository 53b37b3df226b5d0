"""A committee in a graph says what it says in NumPy, of every voter and label, and nothing else."""

import numpy as np
import onnxruntime
import pytest

from realtime_mer.errors import InputError
from tests.training.made_committee import clips, fitted
from training.corpora import Clip
from training.export.committee import answer
from training.export.nodes import Graph
from training.features.tagger import CLASSES
from training.features.tagger import EMBEDDING as HIDDEN
from training.features.teacher import EMBEDDING
from training.features.teachers import COMMITTEE, heard_rows
from training.learn.committee import AFFECT, GEMS, QUADRANT, WIDTH, Committee

ROW = EMBEDDING + HIDDEN + CLASSES


def _rows(far: np.ndarray, *, seed: int) -> np.ndarray:
    """What the teachers make of clips: all of their numbers tell how far along a clip is."""
    return 2 * far[:, None] + np.random.default_rng(seed).normal(0, 0.5, (len(far), ROW))


def _committee(clips: list[Clip]) -> Committee:
    return fitted(clips, _rows(np.array([int(clip.id) / 45 for clip in clips]), seed=1))


def test_in_a_graph_it_says_what_it_says_in_numpy() -> None:
    committee = _committee(clips())
    rows = _rows(np.array([0.1, 0.4, 0.6, 0.9]), seed=2)
    right = committee.of_sounds([row[None] for row in rows])
    heard = heard_rows(COMMITTEE, rows).astype(np.float32)
    graph = Graph()
    given = graph.input("row", ("B", heard.shape[1]), "what is heard")
    graph.output("answer", answer(graph, given, committee), ("B", WIDTH), "answer")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = graph.model(told="", metadata={}).SerializeToString()
    (found,) = onnxruntime.InferenceSession(model, options).run(None, {"row": heard})
    for part in (AFFECT, QUADRANT, GEMS):
        assert np.ptp(right[:, part], axis=0).min() > 0.02  # the rows are told apart
    np.testing.assert_allclose(found, right, atol=1e-5)


def test_one_that_has_not_learnt_every_label_does_not_ship() -> None:
    committee = _committee([clip for clip in clips() if clip.corpus != "emotify"])
    graph = Graph()
    row = graph.input("row", ("B", EMBEDDING + HIDDEN), "what is heard")
    with pytest.raises(InputError, match="6 numbers of 15"):
        answer(graph, row, committee)
