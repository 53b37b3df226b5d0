from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.corpora import Clip
from training.features.cache import FeatureStore
from training.features.teacher import EMBEDDING
from training.learn.committee import AFFECT, QUADRANT
from training.learn.pseudo import pseudo_labels
from training.learn.targets import Targets

WINDOWS = 4


def _rated(count: int = 40) -> tuple[list[Clip], dict[str, np.ndarray]]:
    """Clips whose embedding tells valence in its first number and arousal in its second."""
    random = np.random.default_rng(0)
    clips, windows = [], {}
    for n in range(count):
        valence, arousal = random.uniform(-0.8, 0.8, 2)
        common = {"path": Path(), "seconds": 9.0, "group": f"group {n // 2}"}
        quadrant = {(True, True): 0, (False, True): 1, (False, False): 2}.get(
            (valence > 0, arousal > 0), 3
        )
        for clip in (
            Clip(corpus="grekow", id=str(n), valence=valence, arousal=arousal, **common),
            Clip(corpus="panda4q", id=str(n), quadrant=quadrant, **common),
            Clip(
                corpus="emotify",
                id=str(n),
                gems=tuple(0.5 + 0.4 * valence for _ in range(9)),
                answers=10,
                **common,
            ),
            Clip(corpus="free-music", id=str(n), **common),
        ):
            clips.append(clip)
            own = np.ones((WINDOWS, EMBEDDING))
            own[:, :2] += (valence, arousal)
            own[:, :6] += 0.05 * random.standard_normal((WINDOWS, 6))
            windows[clip.key] = own
    return clips, windows


def _store(windows: dict[str, np.ndarray]) -> FeatureStore:
    spans = {key: (0, WINDOWS * n, WINDOWS * (n + 1)) for n, key in enumerate(windows)}
    return FeatureStore((np.concatenate(list(windows.values())).astype(np.float16),), spans, {})


def said_of(clips: list[Clip], teacher: FeatureStore) -> dict[str, np.ndarray]:
    return dict(pseudo_labels(clips, teacher, teachers=["musicnn"], reference="grekow"))


@pytest.fixture(scope="module")
def training_set() -> tuple[list[Clip], FeatureStore]:
    clips, windows = _rated()
    return clips, _store(windows)


@pytest.mark.slow
def test_music_that_nobody_rated_gets_what_its_embedding_says(
    training_set: tuple[list[Clip], FeatureStore],
) -> None:
    clips, teacher = training_set
    rows = said_of(clips, teacher)
    truth = {clip.id: clip for clip in clips if clip.corpus == "grekow"}
    free = [clip for clip in clips if clip.corpus == "free-music"]
    said = np.array([rows[clip.key].mean(0) for clip in free])
    for axis, name in enumerate(("valence", "arousal")):
        told = [getattr(truth[clip.id], name) for clip in free]
        assert np.corrcoef(said[:, AFFECT][:, axis], told)[0, 1] > 0.9
    np.testing.assert_allclose(said[:, QUADRANT].sum(1), 1, atol=1e-5)
    assert np.isfinite(said).all()


@pytest.mark.slow
def test_a_rated_clip_never_hears_its_own_label_back(
    training_set: tuple[list[Clip], FeatureStore],
) -> None:
    clips, teacher = training_set
    odd = next(clip for clip in clips if clip.corpus == "grekow")
    other = replace(odd, valence=-odd.valence, arousal=-odd.arousal)
    changed = [other if clip is odd else clip for clip in clips]
    before = said_of(clips, teacher)[odd.key][:, AFFECT]
    after = said_of(changed, teacher)[odd.key][:, AFFECT]
    np.testing.assert_array_equal(before, after)


def test_without_ratings_there_are_no_pseudo_labels(
    training_set: tuple[list[Clip], FeatureStore],
) -> None:
    clips, teacher = training_set
    free = [clip for clip in clips if clip.corpus == "free-music"]
    rows = said_of(free, teacher)
    assert all(np.isnan(row).all() for row in rows.values())


def test_what_is_no_music_has_no_mood() -> None:
    clips, windows = _rated()
    noise = replace(clips[3], id="noise", music=(0.0, 0.0), group="noise")
    windows[noise.key] = windows[clips[3].key]
    clips.insert(1, noise)
    teacher = _store(windows)
    targets = Targets(clips, teacher, teachers=["musicnn"], hop_s=0.1)
    targets.add_pseudo(clips, teacher, "grekow")
    rows = torch.arange(WINDOWS)
    said = [targets.pseudo(torch.full((WINDOWS,), at), rows) for at in range(len(clips))]
    assert torch.isnan(said[1]).all()
    for clip, own in zip(clips, said, strict=True):
        assert torch.isfinite(own).any() or clip is noise
