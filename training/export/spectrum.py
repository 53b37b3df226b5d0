"""Samples to log-mel frames as matrix products.

The transform of a frame is computed in two stages (Cooley and Tukey 1965). With n_fft = N = P Q,
sample n = Q n1 + n2 and bin k = k1 + P k2::

    X[k] = sum_n2 W_Q^(n2 k2)  W_N^(n2 k1)  sum_n1 x[n] W_P^(n1 k1),    W_N = exp(-2 pi i / N)

which is a product with a matrix over n1, a twiddle of each number, and a product over n2. Sound is
real: k1 above P / 2 would only say again, conjugated, what lower ones say. That is a tenth of the
arithmetic of one product over all samples, and of its weights; onnxruntime's own DFT is slower
than either and less exact.

Dimensions: B streams, T frames, M mel bands, R = P // 2 + 1 values of k1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.features.config import FeatureConfig
from realtime_mer.features.log_mel import LogMel

from .nodes import Graph

_MOST_FIRST = 32  # P at most; of the divisors of 960 it was the fastest, for one hop and for many


def log_power(graph: Graph, samples: str, config: FeatureConfig) -> str:
    """Return ``ln(1 + log_gain * power)`` of each mel band, ``(B, T, M)``.

    Args:
        graph: where the nodes go.
        samples: ``(B, n_fft - hop_length + T * hop_length)``.
        config: settings.
    """
    mel = LogMel(config).mel
    size = config.n_fft
    first = max(p for p in range(1, _MOST_FIRST + 1) if size % p == 0)
    second = size // first
    frames = graph.op(
        "Mul", _frames(graph, samples, config), graph.constant(mel.spectrogram.window)
    )
    real, imaginary = _first_stage(graph, graph.reshape(frames, 0, 0, first, second), first)
    k1, n2 = np.arange(first // 2 + 1), np.arange(second)
    both = _second_stage(graph, *_twiddled(graph, real, imaginary, np.outer(k1, n2) / size), second)
    squares = graph.reshape(graph.op("Mul", both, both), 0, 0, len(k1) * 2 * second)
    bands = _bands(mel.mel_scale.fb.double().numpy(), first, second)
    power = graph.linear(squares, config.log_gain * bands)
    return graph.op("Log", graph.op("Add", power, graph.constant(1.0)))


def _frames(graph: Graph, samples: str, config: FeatureConfig) -> str:
    """Return overlapping frames ``(B, T, n_fft)``: runs of successive blocks of a hop's length."""
    hop, size = config.hop_length, config.n_fft
    run = -(-size // hop)
    if missing := run * hop - size:  # so that the samples are whole blocks
        samples = graph.op("Pad", samples, graph.whole(0, 0, 0, missing))
    blocks = graph.reshape(samples, 0, -1, hop)
    parts = [graph.slice(blocks, 1, at, at - run + 1 or None) for at in range(run)]
    frames = graph.concat(*parts, axis=2) if run > 1 else blocks
    return graph.slice(frames, 2, 0, size) if missing else frames


def _first_stage(graph: Graph, samples: str, first: int) -> list[str]:
    """Return real and imaginary parts ``(B, T, R, Q)`` of the sums over n1 of ``(B, T, P, Q)``."""
    root = _roots(np.outer(np.arange(first // 2 + 1), np.arange(first)) / first)
    matrix = graph.constant(np.concatenate((root.real, root.imag)))
    product = graph.op("MatMul", matrix, samples)
    return graph.several("Split", 2, product, axis=2, num_outputs=2)


def _twiddled(
    graph: Graph, real: str, imaginary: str, turns: NDArray[np.float64]
) -> tuple[str, str]:
    """Return complex numbers turned by parts of a circle."""
    root = _roots(turns)
    cosine, sine = graph.constant(root.real), graph.constant(root.imag)
    return (
        graph.op("Sub", graph.op("Mul", real, cosine), graph.op("Mul", imaginary, sine)),
        graph.op("Add", graph.op("Mul", real, sine), graph.op("Mul", imaginary, cosine)),
    )


def _second_stage(graph: Graph, real: str, imaginary: str, second: int) -> str:
    """Return the sums over n2: real parts and behind them imaginary ones, ``(B, T, R, 2 Q)``."""
    root = _roots(np.outer(np.arange(second), np.arange(second)) / second)
    matrix = np.block([[root.real, root.imag], [-root.imag, root.real]])
    return graph.linear(graph.concat(real, imaginary, axis=3), matrix)


def _bands(filters: NDArray[np.float64], first: int, second: int) -> NDArray[Any]:
    """Return the mel filters ``(bins, M)`` in the order of the squares, ``(R * 2 * Q, M)``.

    A bin that comes twice, as itself and as its conjugate, counts once.
    """
    size, rows = first * second, first // 2 + 1
    bands = np.zeros((rows, second, filters.shape[1]))
    met = set()
    for k1 in range(rows):
        for k2 in range(second):
            bin_ = min(k1 + first * k2, size - k1 - first * k2)
            if bin_ not in met:
                bands[k1, k2] = filters[bin_]
                met.add(bin_)
    return np.stack((bands, bands), axis=1).reshape(rows * 2 * second, -1)


def _roots(turns: NDArray[np.float64]) -> NDArray[np.complex128]:
    roots: NDArray[np.complex128] = np.exp(-2j * np.pi * turns)
    return roots
