"""What every recogniser promises: samples and state in, estimates and state out.

No thread, no clock, no input or output. Dimensions: B streams, n samples, H hops, M mel bands.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.model.card import BaseCard
from realtime_mer.model.state import Array, NetworkState

Samples = NDArray[np.float32]
"""Sound: ``(B, n)``, one row a stream, full scale 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimates(Generic[Array]):
    """Estimates of H successive hops of B streams, time second.

    They are arrays of NumPy, or detached tensors where tensors were given.

    Attributes:
        valence, arousal: ``(B, H)``, perceived rating in [-1, 1], neutral 0.
        valence_sd, arousal_sd: ``(B, H)``, calibrated predictive standard deviation, > 0.
        quadrants: ``(B, H, 4)``, probabilities in the order of ``emotion.QUADRANTS``.
        gems: ``(B, H, 9)``, shares in [0, 1] in the order of ``emotion.GEMS``.
        mel: ``(B, H, M)``, what the network heard: the loudest of the hop's log-mel frames in each
            of M bands, >= 0, 0 for digital silence (see ``features.log_mel``).
        music: ``(B, H)``, probability that music sounds in the window, in [0, 1]; NaN in every hop
            where the recogniser does not tell, which is also what leaving it out means.
        familiar: ``(B, H)``, how near the sound is to what the network learnt from, in [0, 1]: 0
            is farther than anything that it was tried on; NaN likewise.
    """

    valence: Array
    arousal: Array
    valence_sd: Array
    arousal_sd: Array
    quadrants: Array
    gems: Array
    mel: Array
    music: Array = None  # type: ignore[assignment]  # never None once made
    familiar: Array = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Put NaN for what the recogniser, which may be another package's, does not tell."""
        unsaid = [name for name in ("music", "familiar") if getattr(self, name) is None]
        if unsaid:
            unknown = self.valence * math.nan  # type: ignore[operator]
            for name in unsaid:
                object.__setattr__(self, name, unknown)

    def __len__(self) -> int:
        """Return the number of hops."""
        shape: tuple[int, ...] = self.valence.shape  # type: ignore[attr-defined]
        return shape[1]


ESTIMATES = tuple(field.name for field in fields(Estimates))
"""Names of the numbers of an estimate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecognizerState(Generic[Array]):
    """Everything B streams carry from one ``step`` to the next; a value that can be saved.

    Every runtime of a checkpoint goes on from a state of any other.

    Attributes:
        samples: ``(B, past_samples + pending)``: the tail of sound that the next hop's features
            need, and samples of a hop that is not complete.
        network: the network's caches and LSTM state.
        hops: int64 ``(B,)``, hops of each stream since its start or reset.
    """

    samples: Array
    network: NetworkState[Array]
    hops: Array

    def to_dict(self) -> dict[str, Array]:
        """Return named arrays, each in one piece, as both of safetensors' ``save_file`` want it."""
        named = {f"network.{name}": value for name, value in self.network._asdict().items()}
        named |= {"samples": self.samples, "hops": self.hops}
        return {name: _in_one_piece(value) for name, value in named.items()}

    @classmethod
    def from_dict(cls, arrays: dict[str, Array]) -> Self:
        """Rebuild a state from ``to_dict``'s arrays.

        Raises:
            InputError: an array is missing.
        """
        try:
            network = NetworkState(*(arrays[f"network.{f}"] for f in NetworkState._fields))
            return cls(samples=arrays["samples"], network=network, hops=arrays["hops"])
        except KeyError as error:
            raise InputError(f"The saved state lacks the array {error}.") from error


class Model(Protocol):
    """What is known of a recogniser, whoever runs it."""

    @property
    def card(self) -> BaseCard:
        """What it is and learnt from."""

    @property
    def compute(self) -> str:
        """What it computes with: ``light``, ``torch``, ``cuda`` or ``cuda:N``."""

    @property
    def sample_rate(self) -> int:
        """Hz of the samples it takes."""

    @property
    def hop_samples(self) -> int:
        """Samples from one estimate to the next."""

    @property
    def window_samples(self) -> int:
        """Samples an estimate looks at: a whole number of hops."""


class StreamingRecognizer(Model, Protocol):
    """What streams, files and sessions ask of a recogniser of whatever kind.

    Whoever gives samples as arrays of NumPy gets estimates as such; the state is a value of the
    recogniser's own.
    """

    def initial_state(self, batch: int = 1) -> Any:
        """Return the state of B streams before their first sample, preceded by digital zeros.

        Raises:
            InputError: batch is less than 1.
        """

    def step(self, samples: Samples, state: Any) -> tuple[Estimates[NDArray[np.float32]], Any]:
        """Take the next samples of B streams and return the hops they complete.

        After N samples in all, exactly ``N // hop_samples`` estimates have come, and they do not
        depend on how the samples were cut.

        Args:
            samples: float32 ``(B, n)``, n >= 0, mono at ``sample_rate``, full scale 1, finite.
            state: from ``initial_state`` or the last step; it is not changed.

        Returns:
            Estimates with H hops, ``(B, 0)`` where none was completed, and the new state.

        Raises:
            InputError: shape, type or batch do not fit.
        """

    def run(self, samples: Samples) -> Estimates[NDArray[np.float32]]:
        """Recognise whole recordings, each preceded by digital zeros; samples as for ``step``."""

    def reset(self, state: Any, streams: Sequence[int], *, keep_memory: bool = False) -> Any:
        """Return a state in which the given streams start anew, the others going on unchanged.

        All streams of a batch share one hop grid: a stream that is reset inside a hop has zeros
        where that hop began.

        Args:
            state: the state to start from; it is not changed.
            streams: indices into the batch.
            keep_memory: carry on the LSTM's state, forgetting only the sound of the window.

        Raises:
            InputError: there is no such stream.
        """


def check_samples(samples: Any, *, batch: int | None = None) -> None:
    """Refuse what is not float32 ``(B, n)``, B = ``batch`` unless that is None.

    Raises:
        InputError: shape, type or batch do not fit.
    """
    shape = getattr(samples, "shape", None)
    if shape is None or not hasattr(samples, "dtype"):
        raise InputError(
            f"Samples are a {type(samples).__name__}; give an array (B, n): "
            "np.array([samples], dtype=np.float32) for one stream."
        )
    rows = shape[0] if len(shape) == 2 else 0
    if rows == 0 or batch not in (None, rows):
        raise InputError(
            f"Samples have shape {tuple(shape)}; give ({batch or 'B'}, n): one row a stream."
        )
    # The name of a type tells it for arrays and tensors, but takes longer than all else here.
    if samples.dtype != np.float32 and not str(samples.dtype).endswith("float32"):
        raise InputError(f"Samples are {samples.dtype}; convert them to float32 first.")


def check_arrays(samples: Any, *, batch: int | None = None) -> None:
    """Refuse what is not an array of NumPy that ``check_samples`` takes.

    Raises:
        InputError: shape, type or batch do not fit, or it is a tensor.
    """
    check_samples(samples, batch=batch)
    if not isinstance(samples, np.ndarray):
        raise InputError(
            f"Samples are a {type(samples).__name__}, and this recogniser takes arrays of NumPy: "
            "give samples.numpy(), or load the Recognizer of PyTorch."
        )


def check_streams(streams: Sequence[int], *, batch: int) -> None:
    """Refuse indices that are not those of a batch's streams.

    Raises:
        InputError: there is no such stream.
    """
    if bad := [index for index in streams if not 0 <= index < batch]:
        raise InputError(f"Streams {bad} are not in a batch of {batch}.")


def check_batch(batch: int) -> None:
    """Refuse a batch without streams.

    Raises:
        InputError: it is less than 1.
    """
    if batch < 1:
        raise InputError(f"A batch of {batch} streams cannot be made; give 1 or more.")


def _in_one_piece(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return np.ascontiguousarray(array)
    return array.contiguous()
