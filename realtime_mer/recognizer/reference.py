"""The reference recogniser: the stateful CNN-LSTM in torch.

Three ways to run the same network give the same numbers (to 1e-4 in float32): ``run`` takes a whole
recording at once, ``windowed`` computes one window afresh, ``step`` computes only what is new.

Dimensions: B streams, n samples, H hops.
"""

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from realtime_mer.errors import InputError
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch
from realtime_mer.model.card import Card
from realtime_mer.model.checkpoint import Checkpoint, load_checkpoint
from realtime_mer.model.network import EmotionNetwork, NetworkOutput
from realtime_mer.model.state import NetworkState
from realtime_mer.recognizer.contract import (
    ESTIMATES,
    Estimates,
    RecognizerState,
    Samples,
    check_batch,
    check_samples,
    check_streams,
)
from realtime_mer.recognizer.device import pick_device

_State = RecognizerState[Tensor]


class Recognizer:
    """Recognise the emotion of music in streams of sound.

    A recogniser never changes after it is made: threads may share one, each with its own state.
    Who gives tensors gets tensors on the recogniser's device, who gives arrays of NumPy gets such.
    One on CUDA turns TF32 off in its process when it is made.

    Attributes:
        device: where it computes.
        path: features, network and calibration, for whoever computes hops in another way.
        silent: the network's state of one stream before its first sample.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: torch.device | str = "cpu") -> None:
        self.card: Card = checkpoint.card
        self.device = torch.device(device)
        # A copy, because modules move to a device as they are: the checkpoint may have other users.
        network = deepcopy(checkpoint.network)
        self.path = HopPath(network, self.card).to(self.device).eval()
        self.path.requires_grad_(False)
        self._overlap = self.card.past_samples
        if self.device.type == "cuda":
            _turn_tf32_off()
        # A hop is dozens of operations; as one compiled call it does not let go of the
        # interpreter lock in between (docs/decisions/0003-one-compiled-call-a-hop.md).
        with torch.no_grad():
            self.silent = self.path.network.initial_state(1)
            new_samples = torch.zeros(1, self._overlap + self.hop_samples, device=self.device)
            self._hop = _compile(self.path, new_samples, self.silent)
            window = torch.zeros(1, self.window_samples, device=self.device)
            memory = self.silent.hidden.unsqueeze(0)
            self._window = _compile(_Window(self.path), window, (memory, memory))

    @classmethod
    def load(cls, name_or_path: str | Path = "default", device: str = "auto") -> Self:
        """Load a checkpoint by name or path.

        Args:
            name_or_path: a shipped checkpoint's name, or the path of its file.
            device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto``: CUDA where there is one.

        Raises:
            CheckpointError: there is no such checkpoint, or it does not fit its card.
            InputError: the device is not there.
        """
        return cls(load_checkpoint(name_or_path), device=pick_device(device))

    @property
    def compute(self) -> str:
        """What it computes with: ``torch``, ``cuda`` or ``cuda:N``."""
        return "torch" if self.device.type == "cpu" else str(self.device)

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
            samples=torch.zeros(batch, self._overlap, device=self.device),
            network=NetworkState(*(t.repeat_interleave(batch, dim=0) for t in self.silent)),
            hops=torch.zeros(batch, dtype=torch.int64, device=self.device),
        )

    @overload
    def step(
        self, samples: Samples, state: RecognizerState[Any]
    ) -> tuple[Estimates[NDArray[np.float32]], _State]: ...

    @overload
    def step(
        self, samples: Tensor, state: RecognizerState[Any]
    ) -> tuple[Estimates[Tensor], _State]: ...

    def step(
        self, samples: Samples | Tensor, state: RecognizerState[Any]
    ) -> tuple[Estimates[Any], _State]:
        """As ``StreamingRecognizer`` promises; the state may be another runtime's."""
        check_samples(samples, batch=state.samples.shape[0])
        estimates, after = self._step(self._placed(samples), self._here(state))
        return _as_given(estimates, samples), after

    def _step(self, samples: Tensor, state: _State) -> tuple[Estimates[Tensor], _State]:
        heard = torch.cat((state.samples, samples), dim=1)
        hops = (heard.shape[1] - self._overlap) // self.hop_samples
        if hops == 0:
            return self._nothing(samples.shape[0]), replace(state, samples=heard)
        used = hops * self.hop_samples
        run = self._hop if hops == 1 else self.path
        with torch.no_grad():
            *numbers, network = run(heard[:, : self._overlap + used], state.network)
        return _named(numbers), RecognizerState(
            samples=heard[:, used:].clone(),
            network=NetworkState(*network),
            hops=state.hops + hops,
        )

    @overload
    def run(self, samples: Samples) -> Estimates[NDArray[np.float32]]: ...

    @overload
    def run(self, samples: Tensor) -> Estimates[Tensor]: ...

    def run(self, samples: Samples | Tensor) -> Estimates[Any]:
        """Recognise whole recordings in one call, each preceded by digital zeros.

        Takes about 2 MB of memory per second of sound; ``step`` in blocks has no such need.

        Args:
            samples: float32 ``(B, n)`` as for ``step``.
        """
        check_samples(samples)
        return _as_given(self._run(self._placed(samples)), samples)

    def _run(self, samples: Tensor) -> Estimates[Tensor]:
        hops = samples.shape[1] // self.hop_samples
        if hops == 0:
            return self._nothing(samples.shape[0])
        before = self.window_samples - self.hop_samples
        padded = nn.functional.pad(samples[:, : hops * self.hop_samples], (before, 0))
        with torch.no_grad():
            frames, pitches = self.path.heard_in_windows(padded, hops)
            output, _ = self.path.network(frames, pitches=pitches)
            return _named(self.path.numbers(output, frames, hops))

    def windowed(
        self, window: Samples | Tensor, lstm_state: tuple[Tensor, Tensor] | None
    ) -> tuple[Estimates[Any], tuple[Tensor, Tensor]]:
        """Compute one hop from its whole window afresh: the definition of an estimate.

        Args:
            window: float32 ``(B, window_samples)``, the newest sample last.
            lstm_state: hidden and cell ``(1, B, D)`` after the hop before; None at the start.

        Raises:
            InputError: the window has another length.
        """
        check_samples(window)
        if window.shape[1] != self.window_samples:
            raise InputError(
                f"A window has {self.window_samples} samples; {window.shape[1]} were given."
            )
        if lstm_state is None:
            zeros = torch.zeros(1, window.shape[0], self.silent.hidden.shape[1], device=self.device)
            lstm_state = (zeros, zeros)
        hidden, cell = lstm_state
        with torch.no_grad():
            *numbers, lstm_state = self._window(
                self._placed(window), (self._placed(hidden), self._placed(cell))
            )
        return _as_given(_named(numbers), window), lstm_state

    def reset(
        self, state: RecognizerState[Any], streams: Sequence[int], *, keep_memory: bool = False
    ) -> _State:
        """As ``StreamingRecognizer`` promises."""
        check_streams(streams, batch=state.samples.shape[0])
        state = self._here(state)
        rows, fresh = list(streams), self.initial_state(1)
        kept = {"hidden", "cell"} if keep_memory else set()

        def anew(old: Tensor, new: Tensor | float) -> Tensor:
            part = old.clone()
            part[rows] = new
            return part

        network = {
            name: old if name in kept else anew(old, getattr(fresh.network, name))
            for name, old in state.network._asdict().items()
        }
        return RecognizerState(
            samples=anew(state.samples, 0.0),
            network=NetworkState(**network),
            hops=state.hops if keep_memory else anew(state.hops, 0),
        )

    def _placed(self, array: Any) -> Tensor:
        """Return a tensor, or an array as one, on the recogniser's device."""
        return torch.as_tensor(array, device=self.device)

    def _here(self, state: RecognizerState[Any]) -> _State:
        """Return a state, of whichever runtime, on the recogniser's device."""
        return RecognizerState(
            samples=self._placed(state.samples),
            network=NetworkState(*map(self._placed, state.network)),
            hops=self._placed(state.hops),
        )

    def _nothing(self, batch: int) -> Estimates[Tensor]:
        shapes = {"quadrants": (4,), "gems": (9,), "mel": (self.card.features.n_mels,)}
        return Estimates(
            **{
                name: torch.zeros(batch, 0, *shapes.get(name, ()), device=self.device)
                for name in ESTIMATES
            }
        )


_WARM_UP_CALLS = 3  # the graph executor specialises itself during its first calls


def _named(numbers: Sequence[Tensor]) -> Estimates[Tensor]:
    return Estimates(**dict(zip(ESTIMATES, numbers, strict=True)))


def _as_given(estimates: Estimates[Tensor], samples: Samples | Tensor) -> Estimates[Any]:
    """Return estimates as tensors or as arrays, whichever the samples were."""
    if isinstance(samples, Tensor):
        return estimates
    return Estimates(**{name: getattr(estimates, name).numpy(force=True) for name in ESTIMATES})


class HopPath(nn.Module):
    """Features, network and calibration as one module: what a hop runs."""

    network: EmotionNetwork
    log_mel: LogMel
    log_pitch: LogPitch | None

    def __init__(self, network: EmotionNetwork, card: Card) -> None:
        super().__init__()
        features = card.features
        self.network = network
        self.log_mel = LogMel(features)
        self.log_pitch = None
        if features.pitch is not None:
            self.log_pitch = LogPitch(
                features.pitch, sample_rate=features.sample_rate, hop=card.hop_samples
            )
        self.valence_scale = card.calibration.hop_valence
        self.arousal_scale = card.calibration.hop_arousal
        self.unfamiliar = (
            (card.calibration.unfamiliar_valence, card.calibration.unfamiliar_arousal)
            if network.familiarity is not None
            else (0.0, 0.0)
        )
        self.quadrant_temperature = card.calibration.quadrant_temperature
        self.hop_frames = card.hop_samples // features.hop_length
        self.hop, self.past = card.hop_samples, card.past_samples

    def forward(self, samples: Tensor, state: NetworkState[Tensor]) -> tuple[Any, ...]:
        hops = (samples.shape[1] - self.past) // self.hop
        frames, pitches = self.heard(samples, frames=hops * self.hop_frames, rows=hops)
        output, after = self.network.advance(frames, NetworkState(*state), pitches=pitches)
        return (*self.numbers(output, frames, hops), after)

    def heard_in_windows(self, samples: Tensor, hops: int) -> tuple[Tensor, Tensor | None]:
        """Return the frames, and the rows if any, of the whole windows of the newest ``hops``."""
        sizes = self.network.config
        frames = sizes.history_frames + hops * self.hop_frames
        return self.heard(samples, frames=frames, rows=sizes.columns - 1 + hops)

    def heard(self, samples: Tensor, *, frames: int, rows: int) -> tuple[Tensor, Tensor | None]:
        """Return the newest frames ``(B, frames, M)`` and rows ``(B, rows, P)`` of samples."""
        mel, pitch = self.log_mel.config, self.log_pitch
        heard = self.log_mel(samples[:, -(mel.n_fft + (frames - 1) * mel.hop_length) :])
        if pitch is None:
            return heard, None
        return heard, pitch(samples[:, -(pitch.config.n_fft + (rows - 1) * pitch.hop) :])

    def numbers(self, output: NetworkOutput, frames: Tensor, hops: int) -> tuple[Tensor, ...]:
        """Return the newest ``hops`` of what the heads say and of frames, as ``Estimates`` has it.

        Of a hop's frames it is the loudest, band by band.
        """
        newest = frames[:, frames.shape[1] - hops * self.hop_frames :]
        valence_sd = output.valence_sd * self.valence_scale
        arousal_sd = output.arousal_sd * self.arousal_scale
        if any(self.unfamiliar):
            valence, arousal = self.unfamiliar
            valence_sd = valence_sd * (1 + valence * (1 - output.familiar))
            arousal_sd = arousal_sd * (1 + arousal * (1 - output.familiar))
        return (
            output.valence,
            output.arousal,
            valence_sd,
            arousal_sd,
            torch.softmax(output.quadrant_logits / self.quadrant_temperature, dim=-1),
            torch.sigmoid(output.gems_logits),
            newest.reshape(-1, hops, self.hop_frames, frames.shape[2]).amax(dim=2),
            torch.sigmoid(output.music_logits),
            output.familiar,
        )


class _Window(nn.Module):
    """A hop computed from its whole window: what ``windowed`` runs."""

    def __init__(self, path: HopPath) -> None:
        super().__init__()
        self.path = path

    def forward(self, window: Tensor, lstm_state: tuple[Tensor, Tensor]) -> tuple[Any, ...]:
        frames, pitches = self.path.heard_in_windows(window, 1)
        output, after = self.path.network(frames, lstm_state, pitches=pitches)
        return (*self.path.numbers(output, frames, 1), after)


def _compile(module: nn.Module, *example: Any) -> Callable[..., tuple[Any, ...]]:
    """Return a module's forward for inputs of one length as a traced and frozen graph."""
    with warnings.catch_warnings():
        # TorchScript is deprecated and the pinned release has it; that the trace holds only for
        # one number of hops is the very use of it.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", TracerWarning)
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            module.eval(), example, check_trace=False
        )
        graph: Callable[..., tuple[Any, ...]] = torch.jit.freeze(traced)
    for _ in range(_WARM_UP_CALLS):
        graph(*example)
    return graph


def _turn_tf32_off() -> None:
    """Compute float32 with all of its 24 bits on CUDA from now on, whichever way that was changed.

    TF32's 10 bits would break the equality of the ways and runtimes. It is a setting of the whole
    process, made once: a thread that changed it at its own hop would spoil those of others. Both
    of torch's ways to set it are left saying the same.
    """
    cudnn: Any = torch.backends.cudnn  # torch's types lack its kinds of operation
    cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    for kind in (cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul):
        kind.fp32_precision = "ieee"
