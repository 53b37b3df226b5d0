"""A committee as a graph of ONNX: three seconds of sound in, its answer out.

``training.learn.committee`` is what is written here.

Dimensions: B streams, R numbers of a row, N sounds a regression learnt from, K of its outputs.
"""

from collections.abc import Sequence

from realtime_mer.errors import InputError

from ..features.tagger import Tagger
from ..features.teacher import MusiCNN
from ..learn.committee import AFFECT, GEMS, LEAST_SHARE, QUADRANT, Committee
from ..learn.ridge import LINEAR, Ridge
from .nodes import Graph
from .teachers import musicnn_embedding, tagger_hidden


def heard_row(
    graph: Graph, samples: str, networks: Sequence[MusiCNN | Tagger], *, rate: int
) -> str:
    """Return what models of ratings hear of windows, ``(B, R)``: ``teachers.heard_rows``.

    Args:
        graph: where the nodes go.
        samples: ``(B, n)`` of 3 s.
        networks: the committee's teachers, in its order.
        rate: of the samples, Hz.
    """
    parts = [
        tagger_hidden(graph, samples, network, rate=rate)
        if isinstance(network, Tagger)
        else graph.op("Relu", musicnn_embedding(graph, samples, network, rate=rate))
        for network in networks
    ]
    return graph.concat(*parts, axis=1)


def answer(graph: Graph, row: str, committee: Committee) -> str:
    """Return what a committee says of rows, ``(B, 15)``: ``Committee.of_sounds``.

    Args:
        graph: where the nodes go.
        row: ``(B, R)`` as ``heard_row`` gives it, or a mean of such.
        committee: which has learnt every kind of label.

    Raises:
        InputError: it has not.
    """
    said: dict[int, list[str]] = {}  # of every voter, by where an answer holds it
    width: dict[int, int] = {}
    for opinion in committee.opinions:
        own = graph.op("Gather", row, graph.whole(*opinion.columns.tolist()), axis=1)
        for task, model in opinion.models:
            word = _regressed(graph, own, model)
            if task.classes:
                word = _probabilities(graph, word)
            said.setdefault(task.columns.start, []).append(word)
            width[task.columns.start] = task.columns.stop - task.columns.start
    if sorted(width) != [AFFECT.start, AFFECT.start + 1, QUADRANT.start, GEMS.start]:
        raise InputError(
            "a committee that ships must have learnt valence, arousal, quadrants and GEMS, each "
            f"from clips of enough groups; this one gives {sum(width.values())} numbers of 15"
        )
    # Each voter learns every label that there are clips enough for.
    means = [_mean(graph, said[start]) for start in sorted(said)]
    return graph.concat(*means, axis=1)


def _regressed(graph: Graph, row: str, model: Ridge) -> str:
    """Return what a regression says of rows ``(B, R)``, ``(B, K)``."""
    size = len(model.centre)
    if model.kernel == LINEAR:
        weight = (model.known / model.scale).T @ model.weights / size
        return graph.linear(row, weight, model.base - model.centre @ weight)
    standard = graph.scaled(row, 1 / model.scale, -model.centre / model.scale)
    # The square of a distance, as a sum of products: one of matrices is fast.
    own = graph.op("ReduceSum", graph.op("Mul", standard, standard), graph.whole(1), keepdims=1)
    across = graph.linear(standard, -2 * model.known.T, (model.known**2).sum(1))
    distance = graph.op("Relu", graph.op("Add", across, own))
    alike = graph.op("Exp", graph.op("Mul", distance, graph.constant(-1 / size)))
    return graph.linear(alike, model.weights, model.base)


def _probabilities(graph: Graph, word: str) -> str:
    """Return what regressions on "is it this one?" say as probabilities, ``(B, 4)``."""
    shares = graph.op("Clip", word, graph.constant(LEAST_SHARE), graph.constant(1.0))
    return graph.op("Div", shares, graph.op("ReduceSum", shares, graph.whole(1), keepdims=1))


def _mean(graph: Graph, words: Sequence[str]) -> str:
    total = graph.op("Sum", *words)
    return graph.op("Mul", total, graph.constant(1 / len(words)))
