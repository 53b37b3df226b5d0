import os
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError
from tests.training.made_teacher import tagger_arrays
from training.corpora import data_root, read_clips
from training.features.cache import tagger_store
from training.features.tagger import Tagger


def _mirrored_spectrum(arrays: dict[str, np.ndarray], samples: np.ndarray) -> np.ndarray:
    """The front end as its description tells it, frame by frame in double precision."""
    y = samples.astype(np.float64)
    p = np.pad(y[1:] - 0.97 * y[:-1], 512, mode="reflect")
    window = np.pad(arrays["window"].astype(np.float64), 112)
    frames = np.stack([p[k : k + 1024] * window for k in range(0, len(p) - 1023, 320)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    return (np.log(arrays["mel_bank"] @ power.T + 1e-5) + 4.5) / 5


def _convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """A plain convolution of (C, F, T), one filter a channel where the weight is one deep."""
    size = weight.shape[2]
    padded = np.pad(x, ((0, 0), *((size // 2, size // 2),) * 2))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    patches = patches[:, ::stride, ::stride]
    if weight.shape[1] == 1 and len(x) == len(weight):
        return np.einsum("cftij,cij->cft", patches, weight[:, 0]) + bias[:, None, None]
    return np.einsum("cftij,ocij->oft", patches, weight) + bias[:, None, None]


def _literal(arrays: dict[str, np.ndarray], mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The network as its description tells it, block by block."""
    a = {name: array.astype(np.float64) for name, array in arrays.items()}

    def layer(x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        return _convolve(x, a[f"{name}.weight"], a[f"{name}.bias"], stride)

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return a[f"{name}.weight"] @ x + a[f"{name}.bias"]

    def swish(x: np.ndarray) -> np.ndarray:
        return x * np.clip(x + 3, 0, 6) / 6

    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    x = swish(layer(mel[None], "stem", 2))
    for number in range(1, 16):
        block = f"block{number:02}"
        activate = relu if number <= 6 else swish
        y = activate(layer(x, f"{block}.expand")) if number > 1 else x
        y = activate(layer(y, f"{block}.depthwise", 2 if number in (2, 4, 7, 13) else 1))
        if f"{block}.squeeze.weight" in a:
            gate = dense(relu(dense(y.mean((1, 2)), f"{block}.squeeze")), f"{block}.excite")
            y = y / (1 + np.exp(-gate))[:, None, None]
        y = layer(y, f"{block}.project")
        x = y if number in (2, 4, 7, 11, 13) else x + y
    pooled = swish(layer(x, "last")).mean((1, 2))
    hidden = swish(dense(pooled, "classifier.hidden"))
    return hidden, dense(hidden, "classifier.logits")


@pytest.mark.parametrize("frames", [20, 33])
def test_it_computes_what_its_description_tells(frames: int) -> None:
    arrays = tagger_arrays()
    mel = np.random.default_rng(1).standard_normal((2, 128, frames)).astype(np.float32)
    heard = Tagger(arrays)(torch.from_numpy(mel))
    for number, image in enumerate(mel):
        hidden, logits = _literal(arrays, image)
        np.testing.assert_allclose(heard.hidden[number].numpy(), hidden, atol=1e-4)
        np.testing.assert_allclose(heard.logits[number].numpy(), logits, atol=1e-4)


@pytest.mark.parametrize("samples", [514, 3200, 9601])
def test_its_frames_are_centred_and_mirrored_at_both_ends(samples: int) -> None:
    arrays = tagger_arrays()
    sound = np.random.default_rng(2).uniform(-1, 1, samples).astype(np.float32)
    mel = Tagger(arrays).mel(torch.from_numpy(sound[None]))[0].numpy()
    np.testing.assert_allclose(mel, _mirrored_spectrum(arrays, sound), atol=1e-4)


def test_the_cache_holds_what_it_heard_in_every_whole_window(
    corpora_root: Path, tmp_path: Path
) -> None:
    arrays = tagger_arrays()
    np.savez(tmp_path / "tagger.npz", **arrays)
    clips = [clip for clip in read_clips(corpora_root, ["emotify"]) if clip.id in {"000", "001"}]
    store = tagger_store(clips, tmp_path / "tagger.npz", tmp_path)
    # 6 and 7 s: windows of 3 s from 0 s and 2 s, and from 4 s in the longer.
    assert [len(store[clip.key]) for clip in clips] == [2, 3]
    sound = soxr.resample(load_audio(clips[1].path), 24_000, 32_000)
    network = Tagger(arrays)
    heard = network(network.mel(torch.from_numpy(sound[4 * 32_000 : 7 * 32_000])[None]))
    found = store[clips[1].key][2]
    np.testing.assert_allclose(found[:512], heard.hidden[0].numpy(), atol=2e-2)
    np.testing.assert_allclose(found[512:], heard.logits[0].numpy(), atol=2e-2)


def test_a_missing_array_is_named() -> None:
    arrays = tagger_arrays()
    del arrays["block11.depthwise.bias"]
    with pytest.raises(InputError, match=r"block11\.depthwise\.bias"):
        Tagger(arrays)


@pytest.mark.skipif(
    "REALTIME_MER_DATA" not in os.environ, reason="REALTIME_MER_DATA names no folder of corpora"
)
def test_the_real_tagger_gives_its_reference_activations() -> None:
    folder: Path = data_root(None) / "teachers"
    reference = np.load(folder / "audioset_mn04_reference.npz")
    network = Tagger(np.load(folder / "audioset_mn04.npz"))
    sound = torch.from_numpy(reference["audio_32k_int16"].astype(np.float32) / 32768)
    with torch.inference_mode():
        mel = network.mel(sound)
        heard = network(torch.from_numpy(reference["log_mel"]))
    np.testing.assert_allclose(mel.numpy(), reference["log_mel"], atol=1e-3)
    np.testing.assert_allclose(heard.hidden.numpy(), reference["hidden"], atol=1e-3)
    np.testing.assert_allclose(heard.logits.numpy(), reference["logits"], atol=1e-3)
