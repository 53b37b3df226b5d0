from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from tests.training.made_teacher import tagger_arrays, teacher_arrays
from training.corpora import read_clips
from training.features.cache import tagger_store, teacher_store
from training.features.teachers import TEACHERS, columns, committee_store, heard_rows


def test_a_committees_rows_hold_each_teachers_word_in_the_order_of_their_names(
    corpora_root: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / TEACHERS["musicnn"].file, **teacher_arrays())
    np.savez(tmp_path / TEACHERS["tagger"].file, **tagger_arrays())
    clips = [clip for clip in read_clips(corpora_root, ["emotify"]) if clip.id in {"000", "001"}]
    both = committee_store(["tagger", "musicnn"], clips, tmp_path, tmp_path)
    heard = tagger_store(clips, tmp_path / TEACHERS["tagger"].file, tmp_path)
    embedded = teacher_store(clips, tmp_path / TEACHERS["musicnn"].file, tmp_path)
    first, second = columns(["tagger", "musicnn"])
    for clip in clips:
        np.testing.assert_array_equal(both[clip.key][:, first], heard[clip.key])
        np.testing.assert_array_equal(both[clip.key][:, second], embedded[clip.key])


def test_models_of_ratings_hear_a_rectified_embedding_and_the_taggers_hidden_layer() -> None:
    rows = np.random.default_rng(0).standard_normal((3, 200 + 512 + 527))
    heard = heard_rows(["musicnn", "tagger"], rows)
    np.testing.assert_array_equal(heard[:, :200], np.maximum(rows[:, :200], 0))
    np.testing.assert_array_equal(heard[:, 200:], rows[:, 200:712])


def test_a_teacher_without_arrays_is_named_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"audioset_mn04\.npz.*--teachers"):
        committee_store(["tagger"], [], tmp_path, tmp_path)
