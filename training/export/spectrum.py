"""Samples to log-mel frames and log-pitch rows as matrix products.

The transform of a frame is computed in two stages (Cooley and Tukey 1965). With n_fft = N = P Q,
sample n = Q n1 + n2 and line k = k1 + P k2::

    X[k] = sum_n2 W_Q^(n2 k2)  W_N^(n2 k1)  sum_n1 x[n] W_P^(n1 k1),    W_N = exp(-2 pi i / N)

which is a product with a matrix over n1, a twiddle of each number, and a product over n2. Sound is
real: k1 above P / 2 would only say again, conjugated, what lower ones say. That is a tenth of the
arithmetic of one product over all samples, and of its weights; onnxruntime's own DFT is slower
than either and less exact. Of k2 only those are computed that some band needs.

Dimensions: B streams, T frames, M bands, R = P // 2 + 1 values of k1, S of k2.
"""

import numpy as np
from numpy.typing import NDArray

from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch

from .nodes import Graph

_MOST_FIRST = 32  # P at most: fast among divisors of 960 and of 8192, for one hop and for many

_Array = NDArray[np.float64]


def log_power(graph: Graph, samples: str, config: FeatureConfig) -> str:
    """Return ``ln(1 + log_gain * power)`` of each mel band, ``(B, T, M)``.

    Args:
        graph: where the nodes go.
        samples: ``(B, n_fft - hop_length + T * hop_length)``.
        config: settings.
    """
    mel = LogMel(config).mel
    return log_bands(
        graph,
        samples,
        window=mel.spectrogram.window.double().numpy(),
        hop=config.hop_length,
        filters=config.log_gain * mel.mel_scale.fb.double().numpy(),
    )


def log_pitch_power(
    graph: Graph, samples: str, config: PitchConfig, *, sample_rate: int, hop: int
) -> str:
    """Return ``ln(1 + log_gain * power)`` of each log-pitch bin, ``(B, H, P)``.

    Args:
        graph: where the nodes go.
        samples: ``(B, n_fft - hop + H * hop)``.
        config: settings.
        sample_rate: Hz.
        hop: samples from one row to the next.
    """
    pitch = LogPitch(config, sample_rate=sample_rate, hop=hop)
    return log_bands(
        graph,
        samples,
        window=pitch.window.double().numpy(),
        hop=hop,
        filters=config.log_gain * pitch.filters.double().numpy(),
    )


def log_bands(graph: Graph, samples: str, *, window: _Array, hop: int, filters: _Array) -> str:
    """Return ``ln(1 + power)`` of each band of each frame, ``(B, T, M)``.

    Args:
        graph: where the nodes go.
        graph: where the nodes go.
        samples: ``(B, N - hop + T * hop)``.
        window: of a frame, ``(N,)``.
        hop: samples from one frame to the next.
        filters: what the power of each line adds to each band, ``(N // 2 + 1, M)``.
    """
    size = len(window)
    first = max(p for p in range(1, _MOST_FIRST + 1) if size % p == 0)
    second = size // first
    bands = _bands(filters, first, second)
    needed = np.flatnonzero(bands.any(axis=(0, 2)))
    frames = graph.op("Mul", _frames(graph, samples, size=size, hop=hop), graph.constant(window))
    real, imaginary = _first_stage(graph, graph.reshape(frames, 0, 0, first, second), first)
    k1, n2 = np.arange(first // 2 + 1), np.arange(second)
    twiddled = _twiddled(graph, real, imaginary, np.outer(k1, n2) / size)
    both = _second_stage(graph, *twiddled, second, needed)
    squares = graph.reshape(graph.op("Mul", both, both), 0, 0, len(k1) * 2 * len(needed))
    twice = np.stack((bands[:, needed], bands[:, needed]), axis=1)
    power = graph.linear(squares, twice.reshape(-1, bands.shape[2]))
    return graph.op("Log", graph.op("Add", power, graph.constant(1.0)))


def _frames(graph: Graph, samples: str, *, size: int, hop: int) -> str:
    """Return overlapping frames ``(B, T, size)``: runs of successive blocks of a hop's length."""
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


def _twiddled(graph: Graph, real: str, imaginary: str, turns: _Array) -> tuple[str, str]:
    """Return complex numbers turned by parts of a circle."""
    root = _roots(turns)
    cosine, sine = graph.constant(root.real), graph.constant(root.imag)
    return (
        graph.op("Sub", graph.op("Mul", real, cosine), graph.op("Mul", imaginary, sine)),
        graph.op("Add", graph.op("Mul", real, sine), graph.op("Mul", imaginary, cosine)),
    )


def _second_stage(
    graph: Graph, real: str, imaginary: str, second: int, needed: NDArray[np.int64]
) -> str:
    """Return the sums over n2: real parts and behind them imaginary ones, ``(B, T, R, 2 S)``."""
    root = _roots(np.outer(np.arange(second), needed) / second)
    matrix = np.block([[root.real, root.imag], [-root.imag, root.real]])
    return graph.linear(graph.concat(real, imaginary, axis=3), matrix)


def _bands(filters: _Array, first: int, second: int) -> _Array:
    """Return filters ``(N // 2 + 1, M)`` in the order of the lines, ``(R, Q, M)``.

    A line that comes twice, as itself and as its conjugate, counts once.
    """
    size, rows = first * second, first // 2 + 1
    bands = np.zeros((rows, second, filters.shape[1]))
    met = set()
    for k1 in range(rows):
        for k2 in range(second):
            line = min(k1 + first * k2, size - k1 - first * k2)
            if line not in met:
                bands[k1, k2] = filters[line]
                met.add(line)
    return bands


def _roots(turns: _Array) -> NDArray[np.complex128]:
    roots: NDArray[np.complex128] = np.exp(-2j * np.pi * turns)
    return roots
