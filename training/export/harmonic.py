"""The harmonic branch in a graph of ONNX; ``realtime_mer.model.harmonic`` is what it writes.

Dimensions: B streams, H hops, P log-pitch bins, C and W channels of a root's chord and of a
window's pattern.
"""

from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.harmonic import HarmonicBranch

from .folding import LN_10, affine, convolved
from .nodes import Graph

_CLASSES = NetworkConfig.pitch_classes


def chord_nodes(graph: Graph, logs: str, branch: HarmonicBranch) -> str:
    """Map natural logarithms ``(B, H, P)`` to the chords on each pitch class, ``(B, 12 C, H)``."""
    scale, shift = affine(branch.input_norm)
    rows = graph.op("Unsqueeze", graph.scaled(logs, scale / LN_10, shift), graph.whole(1))
    x = convolved(graph, rows, branch.semitones, branch.semitone_norm)
    x = convolved(graph, x, branch.chords, branch.chord_norm)
    x = graph.reshape(x, 0, 0, 0, branch.root_octaves, _CLASSES)
    x = graph.op("ReduceMax", x, graph.whole(3), keepdims=0)
    x = graph.op("Transpose", x, perm=[0, 1, 3, 2])
    return graph.reshape(x, 0, branch.chords.out_channels * _CLASSES, -1)


def pattern_nodes(graph: Graph, pooled: str, branch: HarmonicBranch) -> str:
    """Map columns' means and, behind them, maxima, ``(B, 24 C, H)``, to ``(B, 2 W, H)``."""
    x = graph.reshape(pooled, 0, branch.patterns.in_channels, _CLASSES, -1)
    x = graph.op("Transpose", x, perm=[0, 1, 3, 2])  # sums along the last axis are fastest
    x = graph.concat(x, graph.slice(x, 3, 0, _CLASSES - 1), axis=3)
    x = convolved(graph, x, branch.patterns, branch.pattern_norm, turned=True)
    both = [graph.op(kind, x, graph.whole(3), keepdims=0) for kind in ("ReduceMean", "ReduceMax")]
    return graph.concat(*both, axis=1)
