"""The network of a checkpoint as a graph of ONNX: samples and state in, estimates and state out.

What only training needs is folded away: each normalisation is part of the weights before it. Hops
and streams are free; docs/model-file.md tells what goes in and out.

Dimensions: B streams, H hops, T = 5 H frames, M mel bands, P log-pitch bins, C numbers of a column,
K = 25 columns pooled, D numbers of an embedding.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.model.card import Card
from realtime_mer.model.checkpoint import Checkpoint
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.familiarity import Familiarity
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.model.network_file import SETTINGS, settings_of
from realtime_mer.model.tied import TiedQuadrants

from .folding import LN_10, Array, affine, array, convolved, folded
from .harmonic import chord_nodes, pattern_nodes
from .nodes import Graph, Shape
from .spectrum import log_pitch_power, log_power

SAID: Mapping[str, tuple[Shape, str]] = {
    "affect": ((2,), "valence and arousal, in [-1, 1]"),
    "affect_sd": ((2,), "standard deviations of valence and arousal, > 0"),
    "quadrants": ((len(QUADRANTS),), "probabilities"),
    "gems": ((len(GEMS),), "shares of listeners, each in [0, 1]"),
    "music": ((), "probability that music sounds"),
    "familiar": ((), "1 near what was learnt from, 0 far"),
}
"""What a file gives out: the shape of each hop's, and what it is."""


def network_file(checkpoint: Checkpoint) -> bytes:
    """Return what the ``.onnx`` file of a checkpoint holds."""
    card, graph = checkpoint.card, Graph()
    shapes = _state_shapes(card)
    samples = graph.input("samples", ("B", "n"), f"sound, n = H * {card.hop_samples}")
    state = {
        name: graph.input(name, shape, f"state: next_{name} of the call before")
        for name, shape in shapes.items()
    }
    said, after = said_by(graph, checkpoint, samples, state)
    sizes = {**SAID, "mel": ((card.features.n_mels,), "the loudest frame of each hop")}
    for name, value in said.items():
        shape, told = sizes[name]
        graph.output(name, value, ("B", "H", *shape), told)
    for name, shape in shapes.items():
        graph.output(f"next_{name}", after[name], shape, f"state: {name} of the next call")
    metadata = {
        SETTINGS: json.dumps(settings_of(card), sort_keys=True),
        "sample_rate": str(card.features.sample_rate),
        "hop_samples": str(card.hop_samples),
        "quadrants": " ".join(QUADRANTS),
        "gems": " ".join(GEMS),
    }
    told = f"realtime-mer, checkpoint {card.name}; docs/model-file.md says how to run it"
    model = graph.model(told=told, metadata=metadata)
    return bytes(model.SerializeToString(deterministic=True))


def said_by(
    graph: Graph, checkpoint: Checkpoint, samples: str, state: Mapping[str, str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Write what a network says of sound.

    Args:
        graph: where the nodes go.
        checkpoint: of the network.
        samples: ``(B, H * hop_samples)``.
        state: each part of the state before them.

    Returns:
        What is said of each hop, in the order of docs/model-file.md, and the parts of the state
        after them.
    """
    writer = _Writer(graph, checkpoint.network, checkpoint.card, state)
    return writer.write(samples), writer.after


def _state_shapes(card: Card) -> Mapping[str, Shape]:
    """Return the parts of the state, in the order of the file's inputs."""
    sizes = card.network
    return {
        "tail": ("B", card.past_samples),
        "frames": ("B", 1, 4, sizes.n_mels),
        "coarse": ("B", sizes.channels[1], 2, sizes.n_mels // 4),
        "fine": ("B", 2, sizes.channels[2] * sizes.n_mels // 8),
        "columns": ("B", sizes.column_numbers, sizes.columns - 1),
        "hidden": ("B", sizes.embedding),
        "cell": ("B", sizes.embedding),
    }


class _Writer:
    """Writes one network, from the samples on."""

    def __init__(
        self, graph: Graph, network: EmotionNetwork, card: Card, state: Mapping[str, str]
    ) -> None:
        self._graph, self._network, self._card, self._state = graph, network, card, state
        self.after: dict[str, str] = {}

    def write(self, samples: str) -> Mapping[str, str]:
        """Write all of it; what is said comes in the order of docs/model-file.md."""
        graph, features = self._graph, self._card.features
        heard = self._going_on("tail", samples, axis=1, keep=self._card.past_samples)
        past = features.n_fft - features.hop_length
        logs = log_power(graph, heard, features, surplus=self._card.past_samples - past)
        columns = self._columns(self._normalised(logs))
        if (branch := self._network.harmonic) is not None:
            chords = chord_nodes(graph, self._log_pitches(heard), branch)
            columns = graph.concat(columns, chords, axis=1)
        columns = self._going_on("columns", columns, axis=2, keep=NetworkConfig.columns - 1)
        embedding = self._embedding(columns)
        both = graph.concat(embedding, self._recurrent(embedding), axis=2)
        familiar = None
        if self._network.familiarity is not None:
            familiar = self._familiar(embedding, self._network.familiarity)
        said, music = self._heads(graph.op("Transpose", both, perm=[1, 0, 2]), familiar)
        hops = graph.reshape(logs, 0, -1, NetworkConfig.hop_frames, features.n_mels)
        loudest = graph.op("ReduceMax", hops, graph.whole(2), keepdims=0)
        said["mel"] = graph.op("Mul", loudest, graph.constant(1 / LN_10))
        if music is not None:
            said["music"] = music
        if familiar is not None:
            said["familiar"] = familiar
        return said

    def _log_pitches(self, heard: str) -> str:
        """Return the logarithms of each hop's log-pitch bins, ``(B, H, P)``."""
        features = self._card.features
        if features.pitch is None:
            raise ValueError("a harmonic branch hears nothing where features have no pitch")
        hop = self._card.hop_samples
        return log_pitch_power(
            self._graph,
            heard,
            features.pitch,
            sample_rate=features.sample_rate,
            hop=hop,
            surplus=self._card.past_samples - features.pitch.n_fft + hop,
        )

    def _going_on(self, name: str, value: str, *, axis: int, keep: int) -> str:
        """Return a value behind what the state holds of it, whose end the next state keeps."""
        whole = self._graph.concat(self._state[name], value, axis=axis)
        self.after[name] = self._graph.slice(whole, axis, -keep)
        return whole

    def _normalised(self, logs: str) -> str:
        """Scale each band of ``(B, T, M)`` by training's statistics; return ``(B, 1, T, M)``."""
        scale, shift = affine(self._network.input_norm)
        frames = self._graph.scaled(logs, scale / LN_10, shift)
        return self._graph.op("Unsqueeze", frames, self._graph.whole(1))

    def _columns(self, frames: str) -> str:
        """Run the convolutions over mel bands; return what they make of each column."""
        graph, network = self._graph, self._network
        frames = self._going_on("frames", frames, axis=2, keep=4)
        coarse = convolved(graph, frames, network.conv1, network.norm1)
        coarse = convolved(graph, coarse, network.conv2, network.norm2)
        coarse = self._going_on("coarse", coarse, axis=2, keep=2)
        fine = convolved(graph, coarse, network.conv3, network.norm3)
        fine = graph.op("Transpose", fine, perm=[0, 2, 1, 3])
        weight, bias = folded(network.conv4, network.norm4)
        fine = graph.reshape(fine, 0, -1, weight.shape[1])
        fine = self._going_on("fine", fine, axis=1, keep=2)
        # As one product of three frames side by side: onnxruntime is faster at that than at its
        # convolution over one of them.
        frames_of = [graph.slice(fine, 1, at, at - 2 or None) for at in range(3)]
        columns = graph.linear(
            graph.concat(*frames_of, axis=2),
            weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]),
            bias,
        )
        return graph.op("Transpose", graph.op("Relu", columns), perm=[0, 2, 1])

    def _embedding(self, columns: str) -> str:
        """Pool each run of K columns into an embedding; return them time first, ``(H, B, D)``."""
        graph, embed = self._graph, self._network.embed
        pools = [
            graph.op(f"{kind}Pool", columns, kernel_shape=[NetworkConfig.columns])
            for kind in ("Average", "Max")
        ]
        if (branch := self._network.harmonic) is not None:
            own = self._card.network.column_channels
            chords = [graph.slice(pool, 1, own) for pool in pools]
            pools = [graph.slice(pool, 1, 0, own) for pool in pools]
            pools.append(pattern_nodes(graph, graph.concat(*chords, axis=1), branch))
        pooled = graph.op("Transpose", graph.concat(*pools, axis=1), perm=[2, 0, 1])
        return graph.op("Relu", graph.linear(pooled, array(embed.weight).T, array(embed.bias)))

    def _recurrent(self, embedding: str) -> str:
        """Run the LSTM over ``(H, B, D)`` and return its outputs likewise."""
        graph, lstm, one = self._graph, self._network.lstm, self._graph.whole(0)
        bias = _gates(lstm.bias_ih_l0) + _gates(lstm.bias_hh_l0)
        outputs, hidden, cell = graph.several(
            "LSTM",
            3,
            embedding,
            graph.constant(_gates(lstm.weight_ih_l0)[None]),
            graph.constant(_gates(lstm.weight_hh_l0)[None]),
            graph.constant(np.concatenate((bias, np.zeros_like(bias)))[None]),
            "",  # all sequences have the same length
            graph.op("Unsqueeze", self._state["hidden"], one),
            graph.op("Unsqueeze", self._state["cell"], one),
            hidden_size=lstm.hidden_size,
        )
        self.after["hidden"] = graph.op("Squeeze", hidden, one)
        self.after["cell"] = graph.op("Squeeze", cell, one)
        return graph.op("Squeeze", outputs, graph.whole(1))

    def _heads(self, both: str, familiar: str | None) -> tuple[dict[str, str], str | None]:
        """Return what the heads say of embedding and recurrent state, ``(B, H, 2 D)``.

        Args:
            both: embedding and recurrent state.
            familiar: how familiar the hops are, ``(B, H)``; None where the network does not tell.

        Returns:
            It, by name, and the probability of music, ``(B, H)``; None where the network has no
            head for it.
        """
        graph, network, calibration = self._graph, self._network, self._card.calibration
        heads = [network.affect_head, network.quadrant_head, network.gems_head]
        weights = [array(head.weight) for head in heads]
        sizes = [2, 2, len(QUADRANTS), len(GEMS)]
        if network.music_head is not None:
            # It hears the embedding alone: nothing of the recurrent state, which lies behind.
            heads.append(network.music_head)
            music_weight = array(network.music_head.weight)
            weights.append(np.concatenate((music_weight, np.zeros_like(music_weight)), axis=1))
            sizes.append(1)
        weight = np.concatenate(weights)
        bias = np.concatenate([array(head.bias) for head in heads])
        if network.tied is None:
            for part in (weight, bias):
                part[4:8] /= calibration.quadrant_temperature
        said = graph.linear(both, weight.T, bias)
        mean, spread, quadrants, gems, *music = graph.several(
            "Split", len(sizes), said, graph.whole(*sizes), axis=2
        )
        if network.tied is not None:
            quadrants = self._tied(mean, quadrants, network.tied)
        factors = np.array([calibration.hop_valence, calibration.hop_arousal])
        sd = graph.scaled(graph.op("Softplus", spread), factors, factors * NetworkConfig.minimal_sd)
        unfamiliar = np.array([calibration.unfamiliar_valence, calibration.unfamiliar_arousal])
        if familiar is not None and unfamiliar.any():
            each = graph.op("Unsqueeze", familiar, graph.whole(2))
            sd = graph.op("Mul", sd, graph.scaled(each, -unfamiliar, 1 + unfamiliar))
        own = {
            "affect": graph.op("Tanh", mean),
            "affect_sd": sd,
            "quadrants": graph.op("Softmax", quadrants, axis=2),
            "gems": graph.op("Sigmoid", gems),
        }
        if not music:
            return own, None
        return own, graph.op("Sigmoid", graph.op("Squeeze", music[0], graph.whole(2)))

    def _tied(self, point: str, said: str, tied: TiedQuadrants) -> str:
        """Return the logits of quadrants that follow from the point, over the temperature."""
        graph, temperature = self._graph, self._card.calibration.quadrant_temperature
        follows = graph.linear(point, array(tied.weight) / temperature)
        bound = graph.constant(tied.bound.item() / temperature)
        return graph.op("Add", follows, graph.op("Mul", graph.op("Tanh", said), bound))

    def _familiar(self, embedding: str, familiarity: Familiarity) -> str:
        """Return how familiar embeddings ``(H, B, D)`` are, ``(B, H)``."""
        graph, knots = self._graph, array(familiarity.knots)
        directions, steps = array(familiarity.directions), np.diff(knots)
        centre = array(familiarity.centre)
        projected = graph.linear(embedding, directions, -centre @ directions)
        squared = graph.op("Mul", projected, projected)
        distance = graph.op("Sqrt", graph.op("ReduceSum", squared, graph.whole(2)))
        passed = graph.scaled(distance, 1 / steps, -knots[:-1] / steps)
        passed = graph.op("Clip", passed, graph.constant(0.0), graph.constant(1.0))
        lost = graph.op("ReduceMean", passed, graph.whole(2), keepdims=0)
        familiar = graph.op("Sub", graph.constant(1.0), lost)
        return graph.op("Transpose", familiar, perm=[1, 0])


def _gates(parameter: Any) -> Array:
    """Return a parameter of torch's LSTM with its gates in ONNX's order: in, out, forget, cell."""
    into, forget, cell, out = np.split(array(parameter), 4)
    return np.concatenate((into, out, forget, cell))
