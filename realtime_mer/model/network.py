"""The stateful CNN-LSTM, whose receptive field is the window.

Dimensions used below: B streams, T frames of 20 ms, M mel bands, P log-pitch bins, H hops of 0.1 s
(5 frames), C numbers of a column, K = 25 columns pooled, D numbers of an embedding.

The convolutions are unpadded along time and their strides multiply to one hop, so each column sees
``receptive_field`` frames and a hop's embedding, pooled over K columns, sees exactly
``window_frames`` frames: with 960-sample frames every 480 samples that is 72 000 samples, 3.0 s.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from realtime_mer.errors import InputError
from realtime_mer.features.config import PitchConfig
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.familiarity import Familiarity
from realtime_mer.model.harmonic import HarmonicBranch
from realtime_mer.model.state import NetworkState
from realtime_mer.model.tied import TiedQuadrants


class NetworkOutput(NamedTuple):
    """What the heads say for each hop; all ``(B, H)`` unless noted.

    Attributes:
        valence, arousal: expected rating in (-1, 1).
        valence_sd, arousal_sd: predictive standard deviation, > 0, before calibration.
        quadrant_logits: ``(B, H, 4)``.
        gems_logits: ``(B, H, 9)``; their sigmoid is the expected share of listeners.
        music_logits: their sigmoid is the probability that music sounds in the window; NaN where
            the network has no such head.
        familiar: how near the window is to what the network learnt from, in [0, 1]; NaN likewise.
    """

    valence: Tensor
    arousal: Tensor
    valence_sd: Tensor
    arousal_sd: Tensor
    quadrant_logits: Tensor
    gems_logits: Tensor
    music_logits: Tensor
    familiar: Tensor


class EmotionNetwork(nn.Module):
    """Map log-mel frames to emotion, whole recordings at once or hop by hop with carried state.

    One with a harmonic branch hears log-pitch rows besides, one a hop.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third = config.channels
        self.input_norm = nn.BatchNorm1d(config.n_mels)
        self.conv1 = nn.Conv2d(1, first, (5, 5), stride=(1, 2), padding=(0, 2), bias=False)
        self.norm1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, (5, 3), stride=(5, 2), padding=(0, 1), bias=False)
        self.norm2 = nn.BatchNorm2d(second)
        self.conv3 = nn.Conv2d(second, third, (3, 3), stride=(1, 2), padding=(0, 1), bias=False)
        self.norm3 = nn.BatchNorm2d(third)
        self.conv4 = nn.Conv1d(third * (config.n_mels // 8), config.column_channels, 3, bias=False)
        self.norm4 = nn.BatchNorm1d(config.column_channels)
        self.harmonic = None if config.harmonic is None else HarmonicBranch(*config.harmonic)
        patterns = 0 if config.harmonic is None else 2 * config.harmonic[2]
        self.embed = nn.Linear(2 * config.column_channels + patterns, config.embedding)
        self.lstm = nn.LSTM(config.embedding, config.embedding, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        # The heads see the recurrent state and, beside it, the present embedding, so that a change
        # of music can show at once.
        self.affect_head = nn.Linear(2 * config.embedding, 4)
        self.quadrant_head = nn.Linear(2 * config.embedding, 4)
        self.tied = TiedQuadrants() if config.tied else None
        self.gems_head = nn.Linear(2 * config.embedding, 9)
        # Whether this is music at all is a matter of the window alone: with a memory, what is said
        # of the first words after a song would hang on the song.
        self.music_head = nn.Linear(config.embedding, 1) if config.music else None
        self.familiarity = Familiarity(config) if config.familiar else None

    def forward(
        self,
        frames: Tensor,
        lstm_state: tuple[Tensor, Tensor] | None = None,
        *,
        pitches: Tensor | None = None,
    ) -> tuple[NetworkOutput, tuple[Tensor, Tensor]]:
        """Run whole windows at once: a hop for every ``window_frames`` frames that lie whole in it.

        Args:
            frames: ``(B, T, M)``, T >= window_frames, float32. A stream that starts cold has
                ``history_frames`` zero frames in front, and its next frame starts
                n_fft - hop_length samples before the first sample.
            lstm_state: hidden and cell, each ``(1, B, D)``; zeros if None.
            pitches: ``(B, H + K - 1, P)``, the log-pitch rows of the hops and of those before that
                share a window with them, float32; None for a network without a harmonic branch.

        Returns:
            The heads' output for H = (T - window_frames) // 5 + 1 hops, and the LSTM state after.
        """
        columns = self._columns(self._normalise(frames), pitches, cache=None)[0]
        embedding = self._embedding(columns)
        recurrent, lstm_state = self._recur(embedding, lstm_state)
        return self._heads(embedding, recurrent), lstm_state

    def advance(
        self, frames: Tensor, state: NetworkState[Tensor], *, pitches: Tensor | None = None
    ) -> tuple[NetworkOutput, NetworkState[Tensor]]:
        """Run the next hops of streams, computing nothing that the state holds already.

        Args:
            frames: ``(B, 5 * H, M)``, float32, H >= 1: the frames after those of the last call.
            state: what the last call returned, or ``initial_state``.
            pitches: ``(B, H, P)``, the rows of these hops; None as for ``forward``.
        """
        columns, frame_cache, coarse, fine = self.columns_after(frames, state, pitches=pitches)
        window = torch.cat((state.columns, columns), dim=2)
        output, hidden, cell = self.judge(window, state.hidden, state.cell)
        after = NetworkState(
            frames=frame_cache,
            coarse=coarse,
            fine=fine,
            columns=window[:, :, -(self.config.columns - 1) :],
            hidden=hidden,
            cell=cell,
        )
        return output, after

    def columns_after(
        self, frames: Tensor, state: NetworkState[Tensor], *, pitches: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the columns of the next hops, ``(B, C, H)``, and the three caches after them.

        Args:
            frames, pitches: as for ``advance``.
            state: whose caches of the convolutions are used; the rest of it is not looked at.
        """
        return self._columns(self._normalise(frames), pitches, cache=state)

    def judge(
        self, columns: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[NetworkOutput, Tensor, Tensor]:
        """Return what the heads say of windows, and the LSTM's state after.

        Args:
            columns: ``(B, C, H + K - 1)``; those of one window may come in any order.
            hidden, cell: of the LSTM before, ``(B, D)``.
        """
        embedding = self._embedding(columns)
        recurrent, (after, memory) = self._recur(
            embedding, (hidden.unsqueeze(0), cell.unsqueeze(0))
        )
        return self._heads(embedding, recurrent), after.squeeze(0), memory.squeeze(0)

    def embeddings(self, frames: Tensor, *, pitches: Tensor | None = None) -> Tensor:
        """Return the embedding of every window that lies whole in frames, ``(B, H, D)``.

        Args:
            frames, pitches: as for ``forward``.
        """
        return self._embedding(self._columns(self._normalise(frames), pitches, cache=None)[0])

    def initial_state(self, batch: int) -> NetworkState[Tensor]:
        """Return the state of ``batch`` streams before their first sample.

        A stream is preceded by digital zeros, so the caches hold the network's true response to
        them, which is not zero.
        """
        weight = self.conv1.weight
        silence = weight.new_zeros(batch, self.config.history_frames, self.config.n_mels)
        rows = weight.new_zeros(batch, self.config.columns - 1, PitchConfig.bins)
        columns, frames, coarse, fine = self._columns(self._normalise(silence), rows, cache=None)
        zeros = weight.new_zeros(batch, self.config.embedding)
        return NetworkState(frames, coarse, fine, columns, zeros, zeros.clone())

    def _normalise(self, frames: Tensor) -> Tensor:
        """Scale each band by training's statistics; return ``(B, 1, T, M)``."""
        norm = self.input_norm
        if self.training or norm.running_mean is None or norm.running_var is None:
            normal: Tensor = norm(frames.transpose(1, 2)).transpose(1, 2)
            return normal.unsqueeze(1)
        # The same in one operation without transposing, for a graph whose constants are folded.
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return torch.addcmul(norm.bias - norm.running_mean * scale, frames, scale).unsqueeze(1)

    def _columns(
        self, frames: Tensor, pitches: Tensor | None, *, cache: NetworkState[Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run the convolutions; return the columns ``(B, C, columns)`` and the three caches."""
        if cache is not None:
            frames = torch.cat((cache.frames, frames), dim=2)
        x = functional.relu(self.norm1(self.conv1(frames)))
        coarse = functional.relu(self.norm2(self.conv2(x)))
        if cache is not None:
            coarse = torch.cat((cache.coarse, coarse), dim=2)
        x = functional.relu(self.norm3(self.conv3(coarse)))
        fine = x.transpose(1, 2).flatten(2)
        if cache is not None:
            fine = torch.cat((cache.fine, fine), dim=1)
        columns = functional.relu(self.norm4(self.conv4(fine.transpose(1, 2))))
        if self.harmonic is not None:
            if pitches is None:
                raise InputError("The network has a harmonic branch; give it log-pitch rows.")
            columns = torch.cat((columns, self.harmonic(pitches)), dim=1)
        return columns, frames[:, :, -4:], coarse[:, :, -2:], fine[:, -2:]

    def _embedding(self, columns: Tensor) -> Tensor:
        """Pool each run of K columns ``(B, C, H + K - 1)`` into an embedding ``(B, H, D)``."""
        # Both pools walk every window afresh: a running sum would drift over hours.
        mean = functional.avg_pool1d(columns, self.config.columns, stride=1)
        peak = functional.max_pool1d(columns, self.config.columns, stride=1)
        if self.harmonic is None:
            pooled = torch.cat((mean, peak), dim=1)
        else:
            own = self.config.column_channels
            patterns = self.harmonic.pooled(mean[:, own:], peak[:, own:])
            pooled = torch.cat((mean[:, :own], peak[:, :own], patterns), dim=1)
        pooled = pooled.transpose(1, 2)
        embedding: Tensor = self.dropout(functional.relu(self.embed(pooled)))
        return embedding

    def _recur(
        self, embedding: Tensor, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the LSTM over embeddings ``(B, H, D)``; return its outputs and state after."""
        if embedding.shape[1] > 1 or state is None or self.training:
            if embedding.is_cuda and torch.is_autocast_enabled("cuda"):
                # Autocast to bfloat16 too runs CUDA's LSTM in float16, where small gradients are 0.
                with torch.autocast("cuda", enabled=False):
                    recurrent, after = self.lstm(embedding.float(), state)
            else:
                recurrent, after = self.lstm(embedding, state)
            return recurrent, after
        # One step, as in every live hop: the library's sequence kernel takes three times as long.
        hidden, cell = torch.lstm_cell(
            embedding[:, 0], (state[0][0], state[1][0]), *self.lstm.all_weights[0]
        )
        return hidden.unsqueeze(1), (hidden.unsqueeze(0), cell.unsqueeze(0))

    def _heads(self, embedding: Tensor, recurrent: Tensor) -> NetworkOutput:
        x = torch.cat((embedding, self.dropout(recurrent)), dim=2)
        affect = self.affect_head(x)
        mean = torch.tanh(affect[..., :2])
        sd = functional.softplus(affect[..., 2:]) + self.config.minimal_sd
        quadrants = self.quadrant_head(x)
        unknown = torch.full_like(mean[..., 0], math.nan)
        return NetworkOutput(
            valence=mean[..., 0],
            arousal=mean[..., 1],
            valence_sd=sd[..., 0],
            arousal_sd=sd[..., 1],
            quadrant_logits=self.tied(affect[..., :2], quadrants) if self.tied else quadrants,
            gems_logits=self.gems_head(x),
            music_logits=self.music_head(embedding)[..., 0] if self.music_head else unknown,
            familiar=self.familiarity(embedding.detach()) if self.familiarity else unknown,
        )
