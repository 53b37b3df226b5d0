"""The light recogniser: the network as onnxruntime runs it, without torch.

It computes from the file ``NAME.onnx`` beside a checkpoint's card, which holds the features too;
``docs/model-file.md`` tells what goes in and out. Its numbers are the reference's (to 1e-4).

Dimensions: B streams, n samples, H hops.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.model.card import Card
from realtime_mer.model.network_file import check_settings, read_network_file, settings_of
from realtime_mer.model.state import NetworkState
from realtime_mer.recognizer.contract import (
    Estimates,
    RecognizerState,
    Samples,
    check_arrays,
    check_batch,
    check_streams,
)
from realtime_mer.recognizer.network_session import REFUSALS, check_names, opened, unusable

_ANSWERS = ("affect", "affect_sd", "quadrants", "gems", "mel")
_FURTHER = ("music", "familiar")  # answers of networks that have heads for them

_Floats = NDArray[np.float32]
_State = RecognizerState[NDArray[Any]]

_MOST_STATE = 1 << 24  # numbers of a part of a stream's state; some thousands in what ships

_AT_ONCE = 300  # hops of all streams in one call: 30 s; more take memory and save no time


class LightRecognizer:
    """Recognise the emotion of music in streams of sound, on one thread of the processor.

    A recogniser never changes after it is made: threads may share one, each with its own state.

    Args:
        card: of the checkpoint.
        network: what its ``.onnx`` file holds.
    """

    compute = "light"

    def __init__(self, card: Card, network: bytes) -> None:
        self.card = card
        self._overlap = card.past_samples
        self._answers = _answers(card)
        self._session = _session(card, network)
        self._outputs = [one.name for one in self._session.get_outputs()]
        # Zeros for the length of a window leave the caches as the stream's true beginning has
        # them; what the recurrent state became of them does not count.
        hops = card.window_samples // card.hop_samples
        silence = np.zeros((1, hops * card.hop_samples), np.float32)
        zeros = self._zeros(1)
        try:
            numbers, tail, caches = self._run(
                silence, np.zeros((1, self._overlap), np.float32), zeros
            )
        except REFUSALS as error:
            raise unusable(card.name, str(error)) from error
        self._check_numbers([*numbers, tail, *caches], zeros, hops=hops)
        self._silent = caches._replace(hidden=zeros.hidden, cell=zeros.cell)

    @classmethod
    def load(cls, stem: Path) -> Self:
        """Load a checkpoint by the stem of its files.

        Raises:
            CheckpointError: a file is missing or damaged, or they do not fit one another.
        """
        return cls(*read_network_file(stem))

    @property
    def sample_rate(self) -> int:
        """Hz of the samples it takes."""
        return self.card.features.sample_rate

    @property
    def hop_samples(self) -> int:
        """Samples from one estimate to the next."""
        return self.card.hop_samples

    @property
    def window_samples(self) -> int:
        """Samples an estimate looks at, apart from what the LSTM remembers."""
        return self.card.window_samples

    def initial_state(self, batch: int = 1) -> _State:
        """As ``StreamingRecognizer`` promises."""
        check_batch(batch)
        return RecognizerState(
            samples=np.zeros((batch, self._overlap), np.float32),
            network=NetworkState(*(np.repeat(part, batch, axis=0) for part in self._silent)),
            hops=np.zeros(batch, np.int64),
        )

    def step(
        self, samples: Samples, state: RecognizerState[Any]
    ) -> tuple[Estimates[_Floats], _State]:
        """As ``StreamingRecognizer`` promises; the state may be another runtime's."""
        state = _here(state)
        batch, overlap, hop = len(state.samples), self._overlap, self.hop_samples
        check_arrays(samples, batch=batch)
        tail, pending = state.samples[:, :overlap], state.samples[:, overlap:]
        network, parts, used = state.network, [], 0
        if pending.shape[1]:
            samples = np.concatenate((pending, samples), axis=1)
        hops = samples.shape[1] // hop
        at_once = max(_AT_ONCE // batch, 1) * hop
        while used < hops * hop:
            end = min(used + at_once, hops * hop)
            numbers, tail, network = self._run(samples[:, used:end], tail, network)
            parts.append(numbers)
            used = end
        if not hops or used < samples.shape[1]:
            tail = np.concatenate((tail, samples[:, used:]), axis=1)
        return self._joined(parts) if parts else self._nothing(batch), RecognizerState(
            samples=tail, network=network, hops=state.hops + hops
        )

    def run(self, samples: Samples) -> Estimates[_Floats]:
        """As ``StreamingRecognizer`` promises."""
        check_arrays(samples)
        return self.step(samples, self.initial_state(len(samples)))[0]

    def windowed(
        self, window: Samples, memory: tuple[_Floats, _Floats] | None
    ) -> tuple[Estimates[_Floats], tuple[_Floats, _Floats]]:
        """Compute one hop from its whole window afresh: the definition of an estimate.

        Args:
            window: float32 ``(B, window_samples)``, the newest sample last.
            memory: hidden and cell ``(B, D)`` after the hop before; None at the start.

        Raises:
            InputError: the window has another length.
        """
        check_arrays(window)
        if window.shape[1] != self.window_samples:
            raise InputError(
                f"A window has {self.window_samples} samples; {window.shape[1]} were given."
            )
        zeros = self._zeros(len(window))
        before, newest = window[:, : -self.hop_samples], window[:, -self.hop_samples :]
        _, tail, caches = self._run(
            before, np.zeros((len(window), self._overlap), np.float32), zeros
        )
        hidden, cell = memory or (zeros.hidden, zeros.cell)
        numbers, _, after = self._run(newest, tail, caches._replace(hidden=hidden, cell=cell))
        return self._joined([numbers]), (after.hidden, after.cell)

    def reset(
        self, state: RecognizerState[Any], streams: Sequence[int], *, keep_memory: bool = False
    ) -> _State:
        """As ``StreamingRecognizer`` promises."""
        state = _here(state)
        check_streams(streams, batch=len(state.samples))
        rows = list(streams)
        samples, hops = state.samples.copy(), state.hops.copy()
        network = NetworkState(*(part.copy() for part in state.network))
        samples[rows] = 0.0
        for name, silent in self._silent._asdict().items():
            if not (keep_memory and name in {"hidden", "cell"}):
                getattr(network, name)[rows] = silent
        if not keep_memory:
            hops[rows] = 0
        return RecognizerState(samples=samples, network=network, hops=hops)

    def _run(
        self, samples: _Floats, tail: _Floats, network: NetworkState[_Floats]
    ) -> tuple[list[_Floats], _Floats, NetworkState[_Floats]]:
        """Run whole hops; return the numbers of the file, the tail and the network's state."""
        given = {"samples": samples, "tail": tail, **network._asdict()}
        numbers = self._session.run(self._outputs, given)
        after = len(NetworkState._fields)
        return numbers[: -after - 1], numbers[-after - 1], NetworkState(*numbers[-after:])

    def _check_numbers(
        self, numbers: list[_Floats], zeros: NetworkState[_Floats], *, hops: int
    ) -> None:
        """Refuse a file whose numbers for silence are not those that its card promises."""
        shapes = [(1, hops, *shape) for shape in self._shapes]
        shapes += [(1, self._overlap), *(part.shape for part in zeros)]
        names = (*self._answers, "next_tail", *(f"next_{name}" for name in NetworkState._fields))
        for name, found, shape in zip(names, numbers, shapes, strict=True):
            if found.shape != shape or found.dtype != np.float32:
                told = f"{name} is {found.dtype} {found.shape} where float32 {shape} is wanted"
                raise unusable(self.card.name, told)
            if not np.isfinite(found).all():
                raise unusable(self.card.name, f"{name} of silence is NaN or infinite")

    @property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        """What a hop has of each answer."""
        further: list[tuple[int, ...]] = [()] * (len(self._answers) - len(_ANSWERS))
        return ((2,), (2,), (4,), (9,), (self.card.features.n_mels,), *further)

    def _zeros(self, batch: int) -> NetworkState[_Floats]:
        shapes = {given.name: given.shape[1:] for given in self._session.get_inputs()}
        return NetworkState(
            *(np.zeros((batch, *shapes[name]), np.float32) for name in NetworkState._fields)
        )

    def _nothing(self, batch: int) -> Estimates[_Floats]:
        return self._joined([[np.zeros((batch, 0, *shape), np.float32) for shape in self._shapes]])

    def _joined(self, parts: Sequence[Sequence[_Floats]]) -> Estimates[_Floats]:
        """Return what the file says of successive hops, in the order of its outputs."""
        said = {
            name: same[0] if len(parts) == 1 else np.concatenate(same, axis=1)
            for name, *same in zip(self._answers, *parts, strict=True)
        }
        affect, sd = said["affect"], said["affect_sd"]
        return Estimates(
            valence=affect[..., 0],
            arousal=affect[..., 1],
            valence_sd=sd[..., 0],
            arousal_sd=sd[..., 1],
            **{name: said[name] for name in self._answers[2:]},
        )


def _session(card: Card, network: bytes) -> onnxruntime.InferenceSession:
    """Return what runs a file that fits its card.

    Raises:
        CheckpointError: it does not, or is no network.
    """
    session, metadata = opened(card.name, network)
    check_settings(card.name, settings_of(card), metadata)
    parts = NetworkState._fields
    check_names(
        card.name,
        session,
        inputs=["samples", "tail", *parts],
        outputs=[*_answers(card), "next_tail", *(f"next_{name}" for name in parts)],
    )
    sizes = {one.name: one.shape for one in session.get_inputs()}
    for name in parts:
        one = [size if isinstance(size, int) else 0 for size in sizes[name][1:]]
        if not 0 < math.prod(one) <= _MOST_STATE:
            raise unusable(card.name, f"its input {name} has the shape {sizes[name]}")
    return session


def _answers(card: Card) -> tuple[str, ...]:
    """Return the answers of a card's network, in the order of the file's outputs."""
    return (*_ANSWERS, *(name for name in _FURTHER if getattr(card.network, name)))


def _here(state: RecognizerState[Any]) -> _State:
    """Return a state, of whichever runtime, as arrays."""
    if isinstance(state.samples, np.ndarray):
        return state
    return RecognizerState(
        samples=state.samples.numpy(force=True),
        network=NetworkState(*(part.numpy(force=True) for part in state.network)),
        hops=state.hops.numpy(force=True),
    )
