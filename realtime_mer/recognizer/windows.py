"""Recognisers without a memory: what they say of a hop follows from the sound of its window alone.

Dimensions: B streams, n samples, H hops, W windows, N samples of one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.recognizer.contract import (
    Estimates,
    Samples,
    check_arrays,
    check_batch,
    check_samples,
    check_streams,
)

Numbers = Mapping[str, NDArray[np.floating[Any]]]
"""What is estimated of W windows, by the names of ``Estimates``, (W, ...) each."""


@dataclass(frozen=True, slots=True)
class WindowState:
    """Everything B streams carry from one ``step`` to the next.

    Attributes:
        samples: ``(B, window - hop + pending)``: the window but for its newest hop, and samples of
            a hop that is not complete.
    """

    samples: Samples

    def to_dict(self) -> dict[str, Samples]:
        """Return named arrays, each in one piece, as safetensors' ``save_file`` wants them."""
        return {"samples": np.ascontiguousarray(self.samples)}

    @classmethod
    def from_dict(cls, arrays: Mapping[str, Samples]) -> Self:
        """Rebuild a state from ``to_dict``'s arrays.

        Raises:
            InputError: an array is missing.
        """
        if "samples" not in arrays:
            raise InputError("The saved state lacks the array 'samples'.")
        return cls(arrays["samples"])


class WindowRecognizer(ABC):
    """Recognise what a window holds, as ``StreamingRecognizer`` promises, hop by hop afresh.

    Whoever makes one calls ``begin`` once it can answer ``said``.
    """

    at_once = 1
    """Windows in one call of ``said`` at most."""

    sample_rate: int
    hop_samples: int
    window_samples: int
    _nothing: Numbers

    def begin(self, trial: Samples) -> None:
        """Let it answer for the first time, which also tells the shapes of what it says.

        Args:
            trial: float32 ``(N,)``.
        """
        self._nothing = {name: said[:0] for name, said in self.said(trial[np.newaxis]).items()}

    @abstractmethod
    def said(self, windows: Samples) -> Numbers:
        """Return what it says of windows.

        Args:
            windows: float32 ``(W, N)``, 1 <= W <= ``at_once``.
        """

    def initial_state(self, batch: int = 1) -> WindowState:
        """As ``StreamingRecognizer`` promises."""
        check_batch(batch)
        return WindowState(np.zeros((batch, self.window_samples - self.hop_samples), np.float32))

    def step(
        self, samples: Samples, state: WindowState
    ) -> tuple[Estimates[NDArray[np.float32]], WindowState]:
        """As ``StreamingRecognizer`` promises."""
        check_arrays(samples, batch=len(state.samples))
        heard = np.concatenate((state.samples, samples), axis=1)
        batch, past, hop = len(heard), self.window_samples - self.hop_samples, self.hop_samples
        used = (heard.shape[1] - past) // hop * hop
        windows = [
            row[at : at + self.window_samples] for row in heard for at in range(0, used, hop)
        ]
        after = WindowState(heard[:, used:].copy())
        return self._estimates(windows, shape=(batch, used // hop)), after

    def run(self, samples: Samples) -> Estimates[NDArray[np.float32]]:
        """As ``StreamingRecognizer`` promises."""
        check_samples(samples)
        return self.step(samples, self.initial_state(len(samples)))[0]

    def windowed(
        self, window: Samples, memory: None = None
    ) -> tuple[Estimates[NDArray[np.float32]], None]:
        """Compute one hop from its whole window: the definition of an estimate.

        Args:
            window: float32 ``(B, N)``, the newest sample last.
            memory: there is none.

        Raises:
            InputError: the window has another length.
        """
        check_arrays(window)
        if window.shape[1] != self.window_samples:
            raise InputError(
                f"A window has {self.window_samples} samples; {window.shape[1]} were given."
            )
        return self._estimates(list(window), shape=(len(window), 1)), None

    def reset(
        self, state: WindowState, streams: Sequence[int], *, keep_memory: bool = False
    ) -> WindowState:
        """Return a state in which the given streams start anew, the others going on unchanged.

        Args:
            state: the state to start from; it is not changed.
            streams: indices into the batch.
            keep_memory: of no effect: there is none but the window.

        Raises:
            InputError: there is no such stream.
        """
        check_streams(streams, batch=len(state.samples))
        samples = state.samples.copy()
        samples[list(streams)] = 0.0
        return WindowState(samples)

    def _estimates(
        self, windows: Sequence[Samples], *, shape: tuple[int, int]
    ) -> Estimates[NDArray[np.float32]]:
        """Return what is said of windows, ``shape`` of them: streams, and hops of each."""
        parts = [
            self.said(np.stack(windows[at : at + self.at_once]))
            for at in range(0, len(windows), self.at_once)
        ] or [self._nothing]
        joined = {
            name: np.concatenate([part[name] for part in parts], dtype=np.float32)
            for name in parts[0]
        }
        return Estimates(
            **{name: said.reshape(*shape, *said.shape[1:]) for name, said in joined.items()}
        )
