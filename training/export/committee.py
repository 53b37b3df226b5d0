"""A committee as a graph of ONNX: three seconds of sound in, estimates out.

``training.learn.committee`` is what is written here.

Dimensions: B windows, R numbers of a row, N sounds a regression learnt from, K of its outputs,
M mel bands.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from realtime_mer.emotion import GEMS as GEMS_ITEMS
from realtime_mer.emotion import QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.model.checkpoint import Checkpoint
from realtime_mer.model.committee import CommitteeCard, worked_in
from realtime_mer.model.network_file import SETTINGS
from realtime_mer.model.tied import SIGNS
from realtime_mer.recognizer.committee import FURTHER, OUTPUTS
from realtime_mer.recognizer.light import LightRecognizer

from ..features.tagger import MUSIC, Tagger
from ..features.teacher import MusiCNN
from ..features.teachers import heard_columns
from ..judge.committee import Turn
from ..judge.lean import OF_MEAN, TINY
from ..judge.metrics import AFFECT as AXES
from ..judge.music_prior import SUREST
from ..judge.rescale import FARTHEST, LEAN, Rescaling
from ..learn.committee import AFFECT, GEMS, LEAST_SHARE, QUADRANT, Committee
from ..learn.ridge import LINEAR, Ridge
from .folding import LN_10
from .network import SAID, network_file, said_by
from .nodes import Graph
from .spectrum import log_power
from .teachers import class_logit, musicnn_embedding, tagger_hidden


@dataclass(frozen=True, kw_only=True)
class Student:
    """A network that sits in a committee.

    Attributes:
        checkpoint: it, uncalibrated.
        rescaling: what is made of the mean of what both say: ``judge.calibration.fit_rescaling``.
    """

    checkpoint: Checkpoint
    rescaling: Rescaling


def committee_file(
    committee: Committee,
    networks: Mapping[str, MusiCNN | Tagger],
    card: CommitteeCard,
    *,
    turn: Turn,
    student: Student | None = None,
) -> bytes:
    """Return what the ``.onnx`` file of a committee holds.

    Args:
        committee: which has learnt every kind of label.
        networks: its teachers, by name.
        card: of the checkpoint, without the file's hash.
        turn: how the words on music of the tagger, and of the student, are joined.
        student: that sits in it; None for a committee without one.

    Raises:
        InputError: it has not, there is no tagger among its teachers, or a network is to tell music
            and none sits in it.
    """
    if turn.network and student is None:
        raise InputError("no network sits in the committee that could tell whether music sounds")
    graph, calibration, rate = Graph(), card.calibration, card.features.sample_rate
    samples = graph.input("samples", ("B", card.window_samples), "sound, the newest sample last")
    heard = [networks[name] for name in committee.teachers]
    row = heard_row(graph, samples, heard, rate=rate)
    said = answer(graph, row, committee)
    own = {
        "affect": _clipped(graph, graph.slice(said, 1, AFFECT.start, AFFECT.stop), -1.0),
        "quadrants": graph.slice(said, 1, QUADRANT.start, QUADRANT.stop),
        "gems": _clipped(graph, graph.slice(said, 1, GEMS.start, GEMS.stop), 0.0),
    }
    factors = np.array([calibration.hop_valence, calibration.hop_arousal])
    music = _tagger_on_music(graph, row, committee.teachers, networks, turn)
    if student is None:
        sd = graph.scaled(own["affect"], np.zeros(2), factors)
    else:
        other = _heard_afresh(graph, samples, student.checkpoint)
        own = {name: _mean(graph, [value, other[name]]) for name, value in own.items()}
        own |= _leaning(graph, own, student.rescaling)
        own |= {name: other[name] for name in FURTHER if name in other}
        sd = graph.op("Mul", other["affect_sd"], graph.constant(factors))
        if turn.network:
            music = _with_student(graph, music, other["music"], turn.network)
    logits = graph.op("Log", own["quadrants"])
    cooled = graph.op("Mul", logits, graph.constant(1 / calibration.quadrant_temperature))
    values = own | {
        "affect_sd": sd,
        "quadrants": graph.op("Softmax", cooled, axis=1),
        "mel": _loudest(graph, samples, card),
        "music": graph.op("Sigmoid", music),
    }
    sizes = {**SAID, "mel": ((card.features.n_mels,), "the loudest frame of the newest hop")}
    for name in (*OUTPUTS, *(name for name in FURTHER if name in values)):
        shape, told = sizes[name]
        graph.output(name, values[name], ("B", *shape), told)
    model = graph.model(
        told=f"realtime-mer, checkpoint {card.name}; docs/model-file.md says how to run it",
        metadata={
            SETTINGS: json.dumps(worked_in(card), sort_keys=True),
            "sample_rate": str(rate),
            "hop_samples": str(card.hop_samples),
            "quadrants": " ".join(QUADRANTS),
            "gems": " ".join(GEMS_ITEMS),
        },
    )
    return bytes(model.SerializeToString(deterministic=True))


def _heard_afresh(graph: Graph, samples: str, checkpoint: Checkpoint) -> Mapping[str, str]:
    """Return what a network says of a window's newest hop, ``(B, ...)`` each, from silence on."""
    state = LightRecognizer(checkpoint.card, network_file(checkpoint)).initial_state()
    parts = {"tail": state.samples, **state.network._asdict()}
    batch = graph.op("Shape", samples, end=1)
    given = {
        name: graph.op(
            "Expand",
            graph.constant(part),
            graph.concat(batch, graph.whole(*part.shape[1:]), axis=0),
        )
        for name, part in parts.items()
    }
    said, _ = said_by(graph, checkpoint, samples, given)
    return {
        name: graph.op("Gather", value, graph.number(-1), axis=1) for name, value in said.items()
    }


def _leaning(graph: Graph, said: Mapping[str, str], rescaling: Rescaling) -> Mapping[str, str]:
    """Return point and quadrants once both lean on each other and the point is rescaled.

    ``judge.lean`` and ``judge.rescale`` are what is written here.
    """
    lean, signs = rescaling.get(LEAN, 0.0), np.array(SIGNS)
    bounds = graph.constant(-FARTHEST), graph.constant(FARTHEST)
    shares = graph.op("Max", said["quadrants"], graph.constant(TINY))
    logits = graph.op("Log", shares)
    inside = graph.op("Atanh", graph.op("Clip", said["affect"], *bounds))
    inside = graph.op("Add", inside, graph.linear(logits, lean * OF_MEAN.point * signs.T))
    inside = graph.op("Mul", inside, graph.constant([rescaling[axis] for axis in AXES]))
    leaning = graph.op("Add", logits, graph.linear(inside, lean * OF_MEAN.quadrants * signs))
    return {
        "affect": graph.op("Tanh", inside),
        "quadrants": graph.op("Softmax", leaning, axis=1),
    }


def _clipped(graph: Graph, value: str, least: float) -> str:
    return graph.op("Clip", value, graph.constant(least), graph.constant(1.0))


def _loudest(graph: Graph, samples: str, card: CommitteeCard) -> str:
    """Return the loudest of the newest hop's log-mel frames, ``(B, M)``."""
    config = card.features
    newest = graph.slice(samples, 1, -(card.hop_samples + config.n_fft - config.hop_length))
    frames = graph.op("ReduceMax", log_power(graph, newest, config), graph.whole(1), keepdims=0)
    return graph.op("Mul", frames, graph.constant(1 / LN_10))


def _tagger_on_music(
    graph: Graph,
    row: str,
    teachers: Sequence[str],
    networks: Mapping[str, MusiCNN | Tagger],
    turn: Turn,
) -> str:
    """Return the tagger's logit that music sounds, turned, ``(B,)``."""
    for name, own in zip(teachers, heard_columns(teachers), strict=True):
        if isinstance(network := networks[name], Tagger):
            hidden = graph.slice(row, 1, own.start, own.stop)
            logit = class_logit(
                graph, hidden, network, number=MUSIC, scale=turn.tagger, shift=turn.shift
            )
            return graph.op("Squeeze", logit, graph.whole(1))
    raise InputError(f"{', '.join(teachers)} cannot tell whether music sounds: add the tagger")


def _with_student(graph: Graph, logit: str, music: str, scale: float) -> str:
    """Return a logit ``(B,)`` to which the one of a probability ``(B,)`` is added, scaled."""
    likely = graph.op("Clip", music, graph.constant(SUREST), graph.constant(1 - SUREST))
    unlikely = graph.op("Sub", graph.constant(1.0), likely)
    own = graph.op("Log", graph.op("Div", likely, unlikely))
    return graph.op("Add", logit, graph.op("Mul", own, graph.constant(scale)))


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
