"""The state of a stream as bytes, which run nothing when they are read (pure)."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from realtime_mer.batch import StreamState
from realtime_mer.errors import CheckpointError
from realtime_mer.following import Following
from realtime_mer.hops import StreamPolicy
from realtime_mer.model.card import BaseCard
from realtime_mer.recognizer.contract import StreamingRecognizer

_POLICIES, _RECOGNIZER = "policies.", "recognizer."


class Carded(Protocol):
    """What has the card of a checkpoint."""

    @property
    def card(self) -> BaseCard:
        """What the checkpoint is and learnt from."""


def model_of(recognizer: Carded) -> str:
    """Return what tells one checkpoint from another: states of one mean nothing to the other."""
    return hashlib.sha256(recognizer.card.model_dump_json().encode()).hexdigest()


def packed(state: StreamState) -> bytes:
    """Return a state as bytes."""
    arrays = {f"{_POLICIES}{name}": array for name, array in state.policies.items()}
    for place, array in enumerate(_arrays(state.recognizer)):
        arrays[f"{_RECOGNIZER}{place}"] = array
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def unpacked(data: bytes, recognizer: StreamingRecognizer) -> StreamState:
    """Return the state that was packed.

    Args:
        data: from ``packed``.
        recognizer: which is to go on from it.

    Raises:
        CheckpointError: it is none of this recogniser, or of another version of this program.
    """
    try:
        arrays = load(data)
    except SafetensorError as error:
        raise CheckpointError(f"a stored state cannot be read: {error}") from error
    places = iter(range(len(arrays)))

    def stored(like: NDArray[Any]) -> NDArray[Any]:
        array = arrays.get(f"{_RECOGNIZER}{next(places, -1)}")
        if array is None or array.shape != tuple(like.shape):
            raise CheckpointError("a stored state has another shape than this model's")
        return array

    policies = {
        name.removeprefix(_POLICIES): array
        for name, array in arrays.items()
        if name.startswith(_POLICIES)
    }
    # Those of what has not come yet are left out, so that a state may have more than a new one.
    for name, array in Following(recognizer, StreamPolicy()).saved(0).items():
        if name not in policies or policies[name].shape != array.shape:
            raise CheckpointError("a stored state is of another version of this program")
    return StreamState(policies=policies, recognizer=_rebuilt(recognizer.initial_state(1), stored))


def _arrays(state: Any) -> Iterator[NDArray[Any]]:
    """Yield the arrays of a state, in an order that hangs on its types alone."""
    if hasattr(state, "shape"):
        yield np.asarray(state.cpu() if hasattr(state, "cpu") else state)
    elif isinstance(state, tuple):
        for part in state:
            yield from _arrays(part)
    elif is_dataclass(state):
        for field in fields(state):
            yield from _arrays(getattr(state, field.name))


def _rebuilt(like: Any, stored: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    """Return a state made like another one, with arrays of their own."""
    if hasattr(like, "shape"):
        return stored(like)
    if isinstance(like, tuple):
        parts = [_rebuilt(part, stored) for part in like]
        return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
    if is_dataclass(like) and not isinstance(like, type):
        names = [field.name for field in fields(like)]
        return replace(like, **{name: _rebuilt(getattr(like, name), stored) for name in names})
    return like
