"""A committee in a graph says what it says in NumPy, of every voter and label, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from realtime_mer.errors import InputError
from training.corpora import Clip
from training.export.committee import answer
from training.export.nodes import Graph
from training.features.cache import FeatureStore
from training.features.tagger import CLASSES
from training.features.tagger import EMBEDDING as HIDDEN
from training.features.teacher import EMBEDDING
from training.features.teachers import COMMITTEE, heard_rows
from training.learn.committee import AFFECT, GEMS, QUADRANT, WIDTH, Committee, fit_committee

ROW = EMBEDDING + HIDDEN + CLASSES


def _clips() -> list[Clip]:
    """Rated clips of three corpora, whose labels all follow from how far along they are."""
    clips = []
    for n in range(45):
        far = n / 45
        labels: tuple[tuple[str, dict[str, object]], ...] = (
            ("grekow", {"valence": far, "arousal": 0.5 - far}),
            ("panda4q", {"quadrant": int(4 * far)}),
            ("emotify", {"gems": (far, 1 - far) * 4 + (far,)}),
        )
        corpus, label = labels[n % 3]
        clip = Clip(corpus=corpus, id=str(n), path=Path(), seconds=9.0, group=f"group {n * 7 % 45}")
        clips.append(replace(clip, **label))  # type: ignore[arg-type]
    return clips


def _rows(far: np.ndarray, *, seed: int) -> np.ndarray:
    """What the teachers make of clips: all of their numbers tell how far along a clip is."""
    return 2 * far[:, None] + np.random.default_rng(seed).normal(0, 0.5, (len(far), ROW))


def _committee(clips: list[Clip]) -> Committee:
    rows = _rows(np.array([int(clip.id) / 45 for clip in clips]), seed=1).astype(np.float16)
    store = FeatureStore((rows,), {clip.key: (0, n, n + 1) for n, clip in enumerate(clips)}, {})
    return fit_committee(clips, store, teachers=COMMITTEE, reference="grekow")


def test_in_a_graph_it_says_what_it_says_in_numpy() -> None:
    committee = _committee(_clips())
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
    committee = _committee([clip for clip in _clips() if clip.corpus != "emotify"])
    graph = Graph()
    row = graph.input("row", ("B", EMBEDDING + HIDDEN), "what is heard")
    with pytest.raises(InputError, match="6 numbers of 15"):
        answer(graph, row, committee)
