"""Samples to log-mel frames and log-pitch rows as matrix products.

The transform of a frame is computed in two stages (Cooley and Tukey 1965). With n_fft = N = P Q,
sample n = Q n1 + n2 and line k = k1 + P k2::

    X[k] = sum_n2 W_N^(n2 k)  sum_n1 x[n] W_P^(n1 k1),    W_N = exp(-2 pi i / N)

which is a product with a matrix over n1, and for each k1 one over n2. Sound is real: k1 above P / 2
would only say again, conjugated, what lower ones say. Only those lines are computed that some band
needs. Where they lie low, the Q samples that follow one another in a sum over n2 are more than such
lines can tell apart: what they can is a few combinations of them, which are taken first (the
singular vectors of the transform's columns; the rest is less than what float32 rounds).

That is a tenth of the arithmetic of one product over all samples, and of its weights; onnxruntime's
own DFT is slower than either and less exact. A batch of streams does not fit a processor's cache,
so each time that all numbers are written again costs as much as a product: frames are taken out of
the sound by one node, and the factors W_N^(n2 k1) are part of the second matrix.

Dimensions: B streams, T frames, F = B T, M bands, R = P // 2 + 1 values of k1, S lines of each,
C combinations of Q samples.
"""

import math

import numpy as np
from numpy.typing import NDArray

from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch

from .nodes import Graph

_MOST_FIRST = 64  # P at most: fast among divisors of 960 and of 8192, for one hop and for many
_ROUNDING = 1e-7  # of a sine of amplitude 1: what float32 cannot tell
_LANES = 16  # numbers that processors multiply at once: more combinations up to there cost nothing

_Array = NDArray[np.float64]


def log_power(graph: Graph, samples: str, config: FeatureConfig, *, surplus: int = 0) -> str:
    """Return ``ln(1 + log_gain * power)`` of each mel band, ``(B, T, M)``.

    Args:
        graph: where the nodes go.
        samples: ``(B, surplus + n_fft - hop_length + T * hop_length)``.
        config: settings.
        surplus: samples before those of the first frame.
    """
    mel = LogMel(config).mel
    return log_bands(
        graph,
        samples,
        window=mel.spectrogram.window.double().numpy(),
        hop=config.hop_length,
        filters=config.log_gain * mel.mel_scale.fb.double().numpy(),
        surplus=surplus,
    )


def log_pitch_power(
    graph: Graph,
    samples: str,
    config: PitchConfig,
    *,
    sample_rate: int,
    hop: int,
    surplus: int = 0,
) -> str:
    """Return ``ln(1 + log_gain * power)`` of each log-pitch bin, ``(B, H, P)``.

    Args:
        graph: where the nodes go.
        samples: ``(B, surplus + n_fft - hop + H * hop)``.
        config: settings.
        sample_rate: Hz.
        hop: samples from one row to the next.
        surplus: samples before those of the first row.
    """
    pitch = LogPitch(config, sample_rate=sample_rate, hop=hop)
    return log_bands(
        graph,
        samples,
        window=pitch.window.double().numpy(),
        hop=hop,
        filters=config.log_gain * pitch.filters.double().numpy(),
        surplus=surplus,
    )


def log_bands(
    graph: Graph, samples: str, *, window: _Array, hop: int, filters: _Array, surplus: int = 0
) -> str:
    """Return ``ln(1 + power)`` of each band of each frame, ``(B, T, M)``.

    Args:
        graph: where the nodes go.
        samples: ``(B, surplus + N - hop + T * hop)``.
        window: of a frame, ``(N,)``.
        hop: samples from one frame to the next.
        filters: what the power of each line adds to each band, ``(N // 2 + 1, M)``.
        surplus: samples before those of the first frame.
    """
    size = len(window)
    first = max(p for p in range(1, _MOST_FIRST + 1) if size % p == 0)
    rows, lines = _lines(filters, first)
    angles = -2 * np.pi * np.outer(np.arange(size // first), lines) / size
    basis = _basis(angles)
    frames = _frames(graph, samples, size=size, hop=hop, surplus=surplus)
    x = graph.op("Mul", frames, graph.constant(window))
    x = graph.reshape(x, -1, first, size // first)
    if basis is not None:
        x = graph.op("MatMul", x, graph.constant(basis))
    x = graph.op("MatMul", graph.constant(_first_stage(first)), x)
    second, bands = _second_stage(rows, lines, angles, basis, filters, rows_of=first // 2 + 1)
    _, count, numbers, each = second.shape
    x = graph.op("Transpose", graph.reshape(x, -1, count, numbers), perm=[1, 0, 2])
    squares = []
    for part in second:
        y = graph.op("MatMul", x, graph.constant(part))
        squares.append(graph.op("Mul", y, y))
    power = graph.op("Transpose", graph.op("Add", *squares), perm=[1, 0, 2])
    power = graph.reshape(power, -1, count * each)
    logs = graph.op("Log", graph.linear(power, bands, np.ones(bands.shape[1])))
    streams = graph.op("Shape", samples, start=0, end=1)
    shape = graph.concat(streams, graph.whole(-1, bands.shape[1]), axis=0)
    return graph.op("Reshape", logs, shape)


def _frames(graph: Graph, samples: str, *, size: int, hop: int, surplus: int) -> str:
    """Return overlapping frames ``(B, T, size)``: each a run of rows of the sound."""
    row = math.gcd(size, hop, surplus)
    rows = graph.reshape(samples, 0, -1, row)
    there = graph.op("Shape", rows, start=1, end=2)
    end = graph.op("Squeeze", graph.op("Sub", there, graph.whole(size // row - 1)))
    begin, step = (graph.number(count // row) for count in (surplus, hop))
    starts = graph.op("Unsqueeze", graph.op("Range", begin, end, step), graph.whole(1))
    places = graph.op("Add", starts, graph.whole(*range(size // row)))
    return graph.reshape(graph.op("Gather", rows, places, axis=1), 0, 0, size)


def _lines(filters: _Array, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return those lines that a band needs, and the k1 of each, between 0 and P // 2.

    A line whose own k1 lies above is there as its conjugate, a line below 0.
    """
    needed = np.flatnonzero(filters.any(axis=1))
    lines = np.where(needed % first <= first // 2, needed, -needed)
    return lines % first, lines


def _basis(angles: _Array) -> _Array | None:
    """Return the combinations of Q samples that lines can tell apart, ``(Q, C)``; None for all.

    Args:
        angles: of each sample and line, ``(Q, lines)``.
    """
    columns = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
    vectors, _, _ = np.linalg.svd(columns, full_matrices=False)
    for count in range(_LANES, len(columns), _LANES):
        basis = vectors[:, :count]
        missed = columns - basis @ (basis.T @ columns)
        if np.abs(missed).sum(axis=0).max() < _ROUNDING * len(columns):
            return basis
    return None


def _first_stage(first: int) -> _Array:
    """Return the sums over n1, real parts and imaginary ones of each k1 by turns, ``(2 R, P)``."""
    angles = -2 * np.pi * np.outer(np.arange(first // 2 + 1), np.arange(first)) / first
    return np.stack((np.cos(angles), np.sin(angles)), axis=1).reshape(-1, first)


def _second_stage(
    rows: NDArray[np.int64],
    lines: NDArray[np.int64],
    angles: _Array,
    basis: _Array | None,
    filters: _Array,
    *,
    rows_of: int,
) -> tuple[_Array, _Array]:
    """Return what is to be summed over n2, and the bands, ``(R S, M)``.

    The former are, for each k1, the real parts of lines and their imaginary ones,
    ``(2, R, 2 C, S)``.
    """
    turns = np.exp(1j * angles)
    if basis is not None:
        turns = basis.T @ turns
    numbers, most = len(turns), np.bincount(rows, minlength=rows_of).max()
    second = np.zeros((2, rows_of, 2 * numbers, most))
    bands = np.zeros((rows_of, most, filters.shape[1]))
    for row in range(rows_of):
        here = np.flatnonzero(rows == row)
        turn = turns[:, here]
        second[0, row, :, : len(here)] = np.concatenate((turn.real, -turn.imag))
        second[1, row, :, : len(here)] = np.concatenate((turn.imag, turn.real))
        bands[row, : len(here)] = filters[np.abs(lines[here])]
    return second, bands.reshape(rows_of * most, -1)
