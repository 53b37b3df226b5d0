"""Essentia's heads: read, run, and judged beside a network."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from tests.training.made_teacher import head_arrays
from training.corpora import data_root
from training.features.cache import FeatureStore
from training.judge.evaluate import HOP_COLUMNS
from training.judge.metrics import QUADRANT_COLUMNS
from training.judge.yardsticks.baselines import AFFECT_HEAD, MOOD_HEADS, predict_heads
from training.judge.yardsticks.heads import Heads, load_heads
from training.learn.run import Run


@pytest.fixture
def heads(tmp_path: Path) -> Heads:
    return _kept(tmp_path, head_arrays())


def _kept(folder: Path, arrays: dict[str, np.ndarray]) -> Heads:
    np.savez(folder / "heads.npz", **arrays)
    return load_heads(folder / "heads.npz")


def _windows(run: Run, *, windows_per_clip: int = 2) -> FeatureStore:
    """Some rows of noise for every clip, loud enough that no head says the same of all."""
    rows = 2 * np.random.default_rng(0).standard_normal((windows_per_clip * len(run.clips), 200))
    spans = {
        clip.key: (0, windows_per_clip * n, windows_per_clip * (n + 1))
        for n, clip in enumerate(run.clips)
    }
    return FeatureStore((rows.astype(np.float16),), spans, {})


def test_valence_and_arousal_are_one_linear_layer_on_scaled_numbers(heads: Heads) -> None:
    a = {name: array.astype(float) for name, array in head_arrays().items()}
    row = np.random.default_rng(1).standard_normal(200)
    expected = []
    for output in range(2):
        rated = a["emomusic_va.bias"][output]
        for n in range(200):
            scaled = row[n] * a["emomusic_va.input_scale"][n] + a["emomusic_va.input_shift"][n]
            rated += scaled * a["emomusic_va.weight"][output, n]
        expected.append((rated - 5) / 4)
    np.testing.assert_allclose(heads.affect(row[None])[0], expected)


def test_the_ends_and_the_middle_of_emomusics_scale_become_those_of_ours(tmp_path: Path) -> None:
    arrays = head_arrays()
    arrays["emomusic_va.weight"][:] = 0
    for rated, said in ((1, -1), (5, 0), (9, 1)):
        arrays["emomusic_va.bias"][:] = rated
        assert _kept(tmp_path, arrays).affect(np.ones((1, 200))).tolist() == [[said, said]]


def test_a_mood_is_the_class_that_its_head_calls_so(tmp_path: Path) -> None:
    arrays = head_arrays()
    for name, array in arrays.items():
        if name.endswith("out.weight"):
            array[:] = 0
        if name.endswith("out.bias"):
            array[:] = (math.log(3), 0)  # three in four for the class that stands first
    said = _kept(tmp_path, arrays).moods(np.ones((1, 200)))
    # Happy and aggressive stand first, sad and relaxed second.
    np.testing.assert_allclose(said, [[0.75, 0.75, 0.25, 0.25]])


def test_a_mood_has_one_rectified_layer_between(heads: Heads) -> None:
    a = {name: array.astype(float) for name, array in head_arrays().items()}
    row = np.random.default_rng(1).standard_normal(200)
    hidden = [
        max(0.0, float(a["mood_sad.hidden.weight"][n] @ row + a["mood_sad.hidden.bias"][n]))
        for n in range(100)
    ]
    logits = [
        float(a["mood_sad.out.weight"][n] @ hidden + a["mood_sad.out.bias"][n]) for n in range(2)
    ]
    sad = math.exp(logits[1]) / (math.exp(logits[0]) + math.exp(logits[1]))
    assert heads.moods(row[None])[0, 2] == pytest.approx(sad)


def test_outputs_are_averaged_over_a_clips_windows(run: Run, heads: Heads) -> None:
    windows = _windows(run)
    said = predict_heads(run, windows, heads)
    at = [HOP_COLUMNS.index(column) for column in QUADRANT_COLUMNS]
    for clip in run.clips:
        each = heads.moods(windows[clip.key].astype(float)).mean(0)
        assert said[MOOD_HEADS].hops[clip.key].shape == (1, len(HOP_COLUMNS))
        np.testing.assert_allclose(
            said[MOOD_HEADS].hops[clip.key][0, at], each / each.sum(), rtol=1e-5
        )


def test_the_likeliest_quadrant_is_that_of_the_signs_of_valence_and_arousal(
    run: Run, tmp_path: Path
) -> None:
    arrays = head_arrays()
    arrays["emomusic_va.bias"][:] = 5  # so that both signs are met
    arrays["emomusic_va.input_shift"][:] = 0
    said = predict_heads(run, _windows(run), _kept(tmp_path, arrays))[AFFECT_HEAD]
    met = set()
    for (row,) in said.hops.values():
        known = dict(zip(HOP_COLUMNS, row.tolist(), strict=True))
        quadrant = {(True, True): 0, (False, True): 1, (False, False): 2, (True, False): 3}[
            known["valence"] > 0, known["arousal"] > 0
        ]
        scores = [known[column] for column in QUADRANT_COLUMNS]
        assert int(np.argmax(scores)) == quadrant
        assert sum(scores) == pytest.approx(1)
        met.add(quadrant)
    assert met == {0, 1, 2, 3}


def test_a_head_says_nothing_that_it_did_not_learn(run: Run, heads: Heads) -> None:
    said = predict_heads(run, _windows(run), heads)
    for model, known in (
        (AFFECT_HEAD, {"valence", "arousal", *QUADRANT_COLUMNS}),
        (MOOD_HEADS, {*QUADRANT_COLUMNS}),
    ):
        assert said[model].fold == run.split.fold_of
        for (row,) in said[model].hops.values():
            told = {name for name, value in zip(HOP_COLUMNS, row, strict=True) if value == value}
            assert told == known


def test_a_clip_without_one_whole_window_is_named(run: Run, heads: Heads) -> None:
    one = replace(run, clips=run.clips[:1])
    with pytest.raises(InputError, match=run.clips[0].key):
        predict_heads(one, _windows(one, windows_per_clip=0), heads)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("mood_sad.out.bias", None, "mood_sad.out.bias"),
        ("emomusic_va.weight", np.zeros((2, 100)), "shape"),
        ("emomusic_va.bias", np.array([5.0, np.nan]), "finite"),
        ("mood_happy.out.bias", np.array(["a", "b"]), "damaged"),
    ],
)
def test_arrays_of_something_else_are_refused(
    name: str, value: np.ndarray | None, told: str, tmp_path: Path
) -> None:
    arrays = head_arrays()
    del arrays[name]
    with pytest.raises(InputError, match=told):
        _kept(tmp_path, arrays if value is None else {**arrays, name: value})


def test_a_file_that_is_missing_cut_off_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "heads.npz"
    with pytest.raises(InputError, match="no heads of Essentia"):
        load_heads(path)
    _kept(tmp_path, head_arrays())
    whole = path.read_bytes()
    np.save(tmp_path / "one.npy", np.ones(3))
    for content in (whole[:-100], b"", b"no archive", (tmp_path / "one.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"heads\.npz is damaged"):
            load_heads(path)


@pytest.mark.skipif(
    "REALTIME_MER_DATA" not in os.environ, reason="REALTIME_MER_DATA names no folder of corpora"
)
def test_the_real_heads_give_their_reference_outputs() -> None:
    folder = data_root(None) / "teachers"
    heads = load_heads(folder / "essentia_heads.npz")
    reference = np.load(folder / "reference.npz")
    affect, moods = (said(reference["embedding"]) for said in (heads.affect, heads.moods))
    np.testing.assert_allclose(5 + 4 * affect, reference["out_emomusic_va"], atol=1e-5)
    for n, (mood, positive) in enumerate(
        (("happy", 0), ("aggressive", 0), ("sad", 1), ("relaxed", 1))
    ):
        expected = reference[f"out_mood_{mood}"][:, positive]
        np.testing.assert_allclose(moods[:, n], expected, atol=1e-5)
