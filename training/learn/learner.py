"""``Learner``: the network, with the heads and scales that only training uses."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from realtime_mer.model.network import EmotionNetwork, NetworkOutput

from .config import TrainingConfig
from .losses import Joins


class Learner(nn.Module):
    """The network and what stands beside it in training only.

    Args:
        config: the run's settings.
        corpora: those with valence and arousal.
        teacher_width: numbers of the teacher's embedding.
    """

    def __init__(self, config: TrainingConfig, corpora: Sequence[str], teacher_width: int) -> None:
        super().__init__()
        self.network = EmotionNetwork(config.network)
        # Convolutions of few channels run faster so on processors. (Torch's types lack this call.)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.joins = Joins(corpora, config.losses.reference)
        self.teacher_head = nn.Linear(config.network.embedding, teacher_width)

    def forward(
        self, frames: Tensor, pitches: Tensor, lstm_state: tuple[Tensor, Tensor] | None
    ) -> tuple[NetworkOutput, tuple[Tensor, Tensor], Tensor]:
        """Return the heads' output, the LSTM state after, and embeddings (B, H, D)."""
        embeddings: list[Tensor] = []
        handle = self.network.embed.register_forward_hook(
            lambda _module, _inputs, output: embeddings.append(output)
        )
        output, lstm_state = self.network(frames, lstm_state, pitches=pitches)
        handle.remove()
        hidden, cell = lstm_state
        return (
            NetworkOutput(*(values.float() for values in output)),
            (hidden.float(), cell.float()),
            functional.relu(embeddings[0]).float(),
        )
