"""What every recogniser promises: samples and state in, estimates and state out.

No thread, no clock, no input or output. Dimensions: B streams, n samples, H hops, M mel bands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from realtime_mer.errors import InputError
from realtime_mer.model.card import BaseCard
from realtime_mer.model.network import NetworkState


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimates:
    """Estimates of H successive hops of B streams; detached tensors, time second.

    Attributes:
        valence, arousal: ``(B, H)``, perceived rating in [-1, 1], neutral 0.
        valence_sd, arousal_sd: ``(B, H)``, calibrated predictive standard deviation, > 0.
        quadrants: ``(B, H, 4)``, probabilities in the order of ``emotion.QUADRANTS``.
        gems: ``(B, H, 9)``, shares in [0, 1] in the order of ``emotion.GEMS``.
        mel: ``(B, H, M)``, what the network heard: the loudest of the hop's log-mel frames in each
            of M bands, >= 0, 0 for digital silence (see ``features.LogMel``).
    """

    valence: Tensor
    arousal: Tensor
    valence_sd: Tensor
    arousal_sd: Tensor
    quadrants: Tensor
    gems: Tensor
    mel: Tensor

    def __len__(self) -> int:
        """Return the number of hops."""
        return self.valence.shape[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecognizerState:
    """Everything B streams carry from one ``step`` to the next; a value that can be saved.

    Attributes:
        samples: ``(B, n_fft - hop_length + pending)``: the tail of sound that the next frames
            need, and samples of a hop that is not complete.
        network: the network's caches and LSTM state.
        hops: int64 ``(B,)``, hops of each stream since its start or reset.
    """

    samples: Tensor
    network: NetworkState
    hops: Tensor

    def to_dict(self) -> dict[str, Tensor]:
        """Return named tensors, ready for ``safetensors.torch.save_file``."""
        named = {f"network.{name}": value for name, value in self.network._asdict().items()}
        named |= {"samples": self.samples, "hops": self.hops}
        return {name: value.contiguous() for name, value in named.items()}

    @classmethod
    def from_dict(cls, tensors: dict[str, Tensor]) -> Self:
        """Rebuild a state from ``to_dict``'s tensors.

        Raises:
            InputError: a tensor is missing.
        """
        try:
            network = NetworkState(**{f: tensors[f"network.{f}"] for f in NetworkState._fields})
            return cls(samples=tensors["samples"], network=network, hops=tensors["hops"])
        except KeyError as error:
            raise InputError(f"The saved state lacks the tensor {error}.") from error

    def to(self, device: torch.device | str) -> Self:
        """Return the state on a device; its tensors are the same where they are there already."""
        return replace(
            self,
            samples=self.samples.to(device),
            network=NetworkState(*(tensor.to(device) for tensor in self.network)),
            hops=self.hops.to(device),
        )


class StreamingRecognizer(Protocol):
    """What streams, files and sessions ask of a recogniser of whatever kind.

    Each method keeps the promises of ``Recognizer``'s of the same name; the state is a value of the
    recogniser's own.
    """

    @property
    def card(self) -> BaseCard:
        """What it is and learnt from."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def sample_rate(self) -> int:
        """Hz of the samples it takes."""

    @property
    def hop_samples(self) -> int:
        """Samples from one estimate to the next."""

    @property
    def window_samples(self) -> int:
        """Samples an estimate looks at: a whole number of hops."""

    def initial_state(self, batch: int = 1) -> Any:
        """Return the state of streams before their first sample."""

    def step(self, samples: Tensor, state: Any) -> tuple[Estimates, Any]:
        """Take the next samples and return the hops they complete."""

    def run(self, samples: Tensor) -> Estimates:
        """Recognise whole recordings in one call."""

    def reset(self, state: Any, streams: Sequence[int], *, keep_memory: bool = False) -> Any:
        """Return a state in which the given streams start anew."""


def check_samples(samples: Tensor, *, batch: int | None = None) -> None:
    """Refuse what is not float32 ``(B, n)``, B = ``batch`` unless that is None.

    Raises:
        InputError: shape, type or batch do not fit.
    """
    if not isinstance(samples, Tensor):
        raise InputError(
            f"Samples are a {type(samples).__name__}; give a tensor (B, n): "
            "torch.from_numpy(samples).unsqueeze(0) for one stream."
        )
    rows = samples.shape[0] if samples.dim() == 2 else 0
    if rows == 0 or batch not in (None, rows):
        raise InputError(
            f"Samples have shape {tuple(samples.shape)}; give ({batch or 'B'}, n): one row a "
            "stream."
        )
    if samples.dtype != torch.float32:
        raise InputError(f"Samples are {samples.dtype}; convert them to float32 first.")
