"""The committee's teachers in a graph of ONNX, from three seconds of sound to what they hear in it.

``training.features.teacher`` and ``training.features.tagger`` are what is written here.

Dimensions: B streams, T frames, F mel bands, C channels.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..features import tagger, teacher
from ..features.cache import TEACHER_WINDOW_S
from ..features.tagger import Tagger
from ..features.teacher import MusiCNN
from .folding import LN_10
from .nodes import Graph
from .resampling import resampled
from .spectrum import log_bands


def musicnn_embedding(graph: Graph, samples: str, network: MusiCNN, *, rate: int) -> str:
    """Return MusiCNN's embedding of windows, ``(B, 200)``, before its rectifier.

    Args:
        graph: where the nodes go.
        samples: ``(B, n)`` of 3 s.
        network: MusiCNN.
        rate: of the samples, Hz.
    """
    sound = resampled(graph, samples, rate=rate, wanted=teacher.SAMPLE_RATE)
    spectrogram, hop = network.spectrogram, teacher.HOP_LENGTH
    before, size = hop, spectrogram.n_fft
    needed = size + (teacher.WINDOW_FRAMES - 1) * hop
    padded = graph.op("Pad", sound, graph.whole(0, before, 0, before))
    logs = log_bands(
        graph,
        graph.slice(padded, 1, 0, needed),
        window=spectrogram.spectrogram.window.double().numpy(),
        hop=hop,
        filters=teacher.LOG_GAIN * spectrogram.mel_scale.fb.double().numpy(),
    )
    scale, shift = _normalisation(network, "input_bn")
    image = graph.op("Unsqueeze", graph.scaled(logs, scale / LN_10, shift), graph.whole(1))
    front = [_loudest_band(graph, image, network, name) for name in teacher.TIMBRE]
    front += [_loudest_band(graph, image, network, name) for name in teacher.TEMPORAL]
    stages = [graph.concat(*front, axis=1)]
    for name in teacher.MIDDLE:
        weight = network.array(f"{name}.weight")[:, 0].transpose(0, 2, 1)
        bias = network.array(f"{name}.bias")
        x = graph.op(
            "Conv",
            stages[-1],
            graph.constant(weight),
            graph.constant(bias),
            kernel_shape=[weight.shape[2]],
            pads=[weight.shape[2] // 2] * 2,
        )
        x = _normalised(graph, graph.op("Relu", x), network, f"{name}_bn")
        stages.append(graph.op("Add", x, stages[-1]) if len(stages) > 1 else x)
    every = graph.concat(*stages, axis=1)
    time = graph.whole(2)
    pooled = [graph.op(f"Reduce{kind}", every, time, keepdims=1) for kind in ("Max", "Mean")]
    scale, shift = _normalisation(network, "pooled_bn")
    weight = network.array("embedding.weight")
    bias = network.array("embedding.bias") + weight @ shift
    return graph.linear(
        graph.reshape(graph.concat(*pooled, axis=2), 0, -1), (weight * scale).T, bias
    )


def _loudest_band(graph: Graph, image: str, network: MusiCNN, name: str) -> str:
    """Return one branch's strongest response over frequency: (B, 1, T, F) -> (B, C, T)."""
    # Filters whose normalisation falls are turned over, see ``MusiCNN``.
    sign = np.sign(network.array(f"{name}_bn.gamma"))
    weight = network.array(f"{name}.weight") * sign[:, None, None, None]
    frames, bands = weight.shape[2:]
    # TensorFlow's "same": the smaller half of an even kernel's padding goes in front.
    before, after = (frames - 1) // 2, frames // 2
    responses = graph.op(
        "Conv",
        image,
        graph.constant(weight),
        graph.constant(network.array(f"{name}.bias") * sign),
        kernel_shape=[frames, bands],
        pads=[before, 0, after, 0],
    )
    extreme = graph.op("ReduceMax", responses, graph.whole(3), keepdims=0)
    extreme = graph.op("Mul", extreme, graph.constant(sign[:, None]))
    return _normalised(graph, graph.op("Relu", extreme), network, f"{name}_bn")


def _normalised(graph: Graph, value: str, network: MusiCNN, name: str) -> str:
    """Return ``(B, C, T)`` with each channel scaled by training's statistics."""
    scale, shift = _normalisation(network, name)
    return graph.scaled(value, scale[:, None], shift[:, None])


def _normalisation(network: MusiCNN, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    gamma, beta, mean, variance = (
        network.array(f"{name}.{part}") for part in ("gamma", "beta", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + teacher.EPSILON)
    return scale, beta - mean * scale


def tagger_hidden(graph: Graph, samples: str, network: Tagger, *, rate: int) -> str:
    """Return the tagger's last hidden layer of windows, ``(B, 512)``.

    Args:
        graph: where the nodes go.
        samples: ``(B, n)`` of 3 s.
        network: the tagger.
        rate: of the samples, Hz.
    """
    sound = resampled(graph, samples, rate=rate, wanted=tagger.SAMPLE_RATE)
    before = graph.op("Mul", graph.slice(sound, 1, 0, -1), graph.constant(tagger.PRE_EMPHASIS))
    sharpened = graph.op("Sub", graph.slice(sound, 1, 1), before)
    edge, hop = tagger.N_FFT // 2, tagger.HOP_LENGTH
    mirrored = graph.op("Pad", sharpened, graph.whole(0, edge, 0, edge), mode="reflect")
    frames = 1 + (TEACHER_WINDOW_S * tagger.SAMPLE_RATE - 1) // hop
    taper = network.array("window")
    beside = (tagger.N_FFT - len(taper)) // 2
    logs = log_bands(
        graph,
        graph.slice(mirrored, 1, 0, tagger.N_FFT + (frames - 1) * hop),
        window=np.pad(taper, beside),
        hop=hop,
        filters=network.array("mel_bank").T / tagger.FLOOR,
    )
    shift = (math.log(tagger.FLOOR) + tagger.SHIFT) / tagger.SCALE
    image = graph.op("Transpose", graph.scaled(logs, 1 / tagger.SCALE, shift), perm=[0, 2, 1])
    x = graph.op("Unsqueeze", image, graph.whole(1))
    x = graph.op("HardSwish", _convolved(graph, x, network, "stem", stride=2))
    for number, block in enumerate(tagger.blocks(), 1):
        x = _block(graph, x, network, block, number)
    x = graph.op("HardSwish", _convolved(graph, x, network, "last"))
    return graph.op("HardSwish", _dense(graph, _pooled(graph, x), network, "classifier.hidden"))


def class_logit(
    graph: Graph,
    hidden: str,
    network: Tagger,
    *,
    number: int,
    scale: float = 1.0,
    shift: float = 0.0,
) -> str:
    """Return the logit of one of the tagger's classes, ``(B, 1)``, from its hidden layer.

    Args:
        graph: where the nodes go.
        hidden: as ``tagger_hidden`` gives it.
        network: the tagger.
        number: of the class.
        scale, shift: what it is multiplied with, and what is added to that.
    """
    weight = scale * network.array("classifier.logits.weight")[[number]]
    bias = scale * network.array("classifier.logits.bias")[[number]] + shift
    return graph.linear(hidden, weight.T, bias)


def _block(graph: Graph, x: str, network: Tagger, block: str, number: int) -> str:
    activation = "HardSwish" if number >= tagger.FIRST_HARD_SWISH else "Relu"
    y = x
    if network.has(f"{block}.expand.weight"):
        y = graph.op(activation, _convolved(graph, y, network, f"{block}.expand"))
    stride = 2 if number in tagger.HALVING else 1
    y = _convolved(graph, y, network, f"{block}.depthwise", stride=stride, apart=True)
    y = graph.op(activation, y)
    if network.has(f"{block}.squeeze.weight"):
        narrow = graph.op("Relu", _dense(graph, _pooled(graph, y), network, f"{block}.squeeze"))
        weights = graph.op("Sigmoid", _dense(graph, narrow, network, f"{block}.excite"))
        y = graph.op("Mul", y, graph.op("Unsqueeze", weights, graph.whole(2, 3)))
    y = _convolved(graph, y, network, f"{block}.project")
    return graph.op("Add", x, y) if number in tagger.ADDING else y


def _pooled(graph: Graph, x: str) -> str:
    """Return the mean of each channel, ``(B, C)``."""
    return graph.op("ReduceMean", x, graph.whole(2, 3), keepdims=0)


def _convolved(
    graph: Graph, x: str, network: Tagger, layer: str, *, stride: int = 1, apart: bool = False
) -> str:
    """Return what a layer makes of an image; ``apart``: each filter of one channel alone."""
    weight = network.array(f"{layer}.weight")
    size = weight.shape[2]
    return graph.op(
        "Conv",
        x,
        graph.constant(weight),
        graph.constant(network.array(f"{layer}.bias")),
        kernel_shape=[size, size],
        strides=[stride, stride],
        pads=[size // 2] * 4,
        group=weight.shape[0] if apart else 1,
    )


def _dense(graph: Graph, x: str, network: Tagger, layer: str) -> str:
    return graph.linear(x, network.array(f"{layer}.weight").T, network.array(f"{layer}.bias"))
