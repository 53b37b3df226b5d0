"""The teachers in a graph say what they say in torch, of sound that soxr brought to their rates."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
import soxr
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.made_teacher import tagger_arrays, teacher_arrays
from training.export.nodes import Graph
from training.export.resampling import resampled
from training.export.teachers import class_logit, musicnn_embedding, tagger_hidden
from training.features import tagger, teacher
from training.features.tagger import Tagger
from training.features.teacher import MusiCNN

RATE = 24_000
WINDOW = 3 * RATE
LOUDER = 1.6


def _louder(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a made tagger whose many layers do not lose what is put in."""
    return {
        name: LOUDER * array if name.startswith("block") and name.endswith("weight") else array
        for name, array in arrays.items()
    }


def _run(write: Callable[[Graph, str], str], samples: np.ndarray) -> np.ndarray:
    graph = Graph()
    given = graph.input("samples", ("B", samples.shape[1]), "sound")
    graph.output("answer", write(graph, given), (None, None), "answer")  # type: ignore[arg-type]
    model = graph.model(told="", metadata={}).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    (answer,) = session.run(None, {"samples": samples})
    return np.asarray(answer)


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    """Noise, silence, and what begins and ends in the middle of sound."""
    random = np.random.default_rng(0)
    noise = 0.2 * random.standard_normal(WINDOW)
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(WINDOW) / RATE + 1)
    return np.stack((noise, np.zeros(WINDOW), tone)).astype(np.float32)


@pytest.mark.parametrize("wanted", [teacher.SAMPLE_RATE, tagger.SAMPLE_RATE])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), hundredths=st.integers(1, 40))
def test_sound_is_brought_to_another_rate_as_soxr_does_it(
    wanted: int, seed: int, hundredths: int
) -> None:
    sound = np.random.default_rng(seed).uniform(-1, 1, (2, hundredths * RATE // 100))
    sound = sound.astype(np.float32)
    found = _run(lambda graph, given: resampled(graph, given, rate=RATE, wanted=wanted), sound)
    right = np.stack([soxr.resample(one, RATE, wanted) for one in sound])
    assert found.shape == right.shape
    np.testing.assert_allclose(found, right, atol=5e-6)


def test_musicnn_hears_in_a_graph_what_it_hears_in_torch(windows: np.ndarray) -> None:
    network = MusiCNN(teacher_arrays()).eval()
    sound = np.stack([soxr.resample(one, RATE, teacher.SAMPLE_RATE) for one in windows])
    with torch.inference_mode():
        right = network(network.mel(torch.from_numpy(sound))[:, : teacher.WINDOW_FRAMES])
    found = _run(lambda graph, given: musicnn_embedding(graph, given, network, rate=RATE), windows)
    assert np.ptp(right.numpy(), axis=0).max() > 1  # the windows are told apart
    np.testing.assert_allclose(found, right.numpy(), atol=1e-4, rtol=1e-4)


def test_the_tagger_hears_in_a_graph_what_it_hears_in_torch(windows: np.ndarray) -> None:
    network = Tagger(_louder(tagger_arrays())).eval()
    sound = np.stack([soxr.resample(one, RATE, tagger.SAMPLE_RATE) for one in windows])
    with torch.inference_mode():
        right = network(network.mel(torch.from_numpy(sound)))

    def hidden(graph: Graph, given: str) -> str:
        return tagger_hidden(graph, given, network, rate=RATE)

    assert np.ptp(right.hidden.numpy(), axis=0).max() > 0.1
    np.testing.assert_allclose(_run(hidden, windows), right.hidden.numpy(), atol=1e-4)
    found = _run(
        lambda graph, given: class_logit(graph, hidden(graph, given), network, number=137),
        windows,
    )
    np.testing.assert_allclose(found, right.logits[:, [137]].numpy(), atol=1e-3)
