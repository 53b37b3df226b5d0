import os
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from torch.nn import functional

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError
from tests.training.made_teacher import teacher_arrays
from training.corpora import data_root, read_clips
from training.features.cache import teacher_store
from training.features.teacher import MusiCNN


def _literal(arrays: dict[str, np.ndarray], mel: torch.Tensor) -> torch.Tensor:
    """The network as its description tells it, step by step."""
    a = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def normalise(x: torch.Tensor, name: str) -> torch.Tensor:
        shape = (1, -1, *(1,) * (x.ndim - 2))
        mean, variance = a[f"{name}.running_mean"], a[f"{name}.running_var"]
        scale = a[f"{name}.gamma"] / (variance + 1e-3).sqrt()
        return (x - mean.view(shape)) * scale.view(shape) + a[f"{name}.beta"].view(shape)

    image = normalise(mel[:, None], "input_bn")
    front = []
    for name, before, after in (
        ("front_timbre_7x38", 3, 3),
        ("front_timbre_7x67", 3, 3),
        ("front_temporal_128x1", 63, 64),
        ("front_temporal_64x1", 31, 32),
        ("front_temporal_32x1", 15, 16),
    ):
        padded = functional.pad(image, (0, 0, before, after))
        x = functional.conv2d(padded, a[f"{name}.weight"], a[f"{name}.bias"])
        front.append(normalise(functional.relu(x), f"{name}_bn").amax(3))
    stages = [torch.cat(front, 1)]
    for number in (1, 2, 3):
        x = functional.pad(stages[-1].transpose(1, 2)[:, None], (0, 0, 3, 3))
        x = functional.conv2d(x, a[f"mid_conv{number}.weight"], a[f"mid_conv{number}.bias"])[..., 0]
        x = normalise(functional.relu(x), f"mid_conv{number}_bn")
        stages.append(x if number == 1 else x + stages[-1])
    every = torch.cat(stages, 1)
    pooled = torch.stack((every.amax(2), every.mean(2)), 2).reshape(len(mel), -1)
    return normalise(pooled, "pooled_bn") @ a["embedding.weight"].T + a["embedding.bias"]


def test_the_embedding_is_what_the_networks_description_computes() -> None:
    arrays = teacher_arrays()
    mel = torch.rand(2, 187, 96, generator=torch.Generator().manual_seed(0)) * 3
    torch.testing.assert_close(MusiCNN(arrays)(mel), _literal(arrays, mel), atol=1e-3, rtol=1e-4)


def test_the_cache_holds_the_embedding_of_every_whole_window(
    corpora_root: Path, tmp_path: Path
) -> None:
    arrays = teacher_arrays()
    np.savez(tmp_path / "teacher.npz", **arrays)
    clips = [clip for clip in read_clips(corpora_root, ["emotify"]) if clip.id in {"000", "001"}]
    store = teacher_store(clips, tmp_path / "teacher.npz", tmp_path)
    # 6 and 7 s: windows of 3 s from 0 s and 2 s, and from 4 s in the longer.
    assert [len(store[clip.key]) for clip in clips] == [2, 3]
    network = MusiCNN(arrays).eval()
    sound = soxr.resample(load_audio(clips[1].path), 24_000, 16_000)
    with torch.inference_mode():
        mel = network.mel(torch.from_numpy(sound[4 * 16_000 : 7 * 16_000])[None])[:, :187]
        expected = network(mel)[0].numpy()
    found = store[clips[1].key][2].astype(np.float32)
    assert np.corrcoef(found, expected)[0, 1] > 0.999  # kept and computed in half precision


def test_a_missing_array_is_named() -> None:
    arrays = teacher_arrays()
    del arrays["mid_conv2.bias"]
    with pytest.raises(InputError, match=r"mid_conv2\.bias"):
        MusiCNN(arrays)


@pytest.mark.skipif(
    "REALTIME_MER_DATA" not in os.environ, reason="REALTIME_MER_DATA names no folder of corpora"
)
def test_the_real_teacher_gives_its_reference_activations() -> None:
    folder: Path = data_root(None) / "teachers"
    reference = np.load(folder / "reference.npz")
    network = MusiCNN(np.load(folder / "msd_musicnn.npz")).eval()
    sound = torch.from_numpy(reference["audio_16k_int16"].astype(np.float32) / 32768)
    with torch.inference_mode():
        mel = network.mel(sound[None])[0, : 5 * 187].unflatten(0, (5, 187))
        embedding = network(torch.from_numpy(reference["mel"]))
    np.testing.assert_allclose(mel.numpy(), reference["mel"], atol=5e-4)
    np.testing.assert_allclose(embedding.numpy(), reference["embedding"], atol=1e-3)
