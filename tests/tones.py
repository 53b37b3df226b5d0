"""A recogniser for tests that hears music in low tones and talk in high ones, and sounds for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.model.card import BaseCard, Card
from realtime_mer.recognizer.contract import Estimates

RATE = 24_000
HOP = RATE // 10
_LOW, _HIGH = 220.0, 3300.0  # whole periods a hop, so that each hop is like the others
_BORDER = 1000.0


def tones(seconds: float, *, music: float, dbfs: float = -20.0) -> NDArray[np.float32]:
    """Return sound of which ``ToneRecognizer`` says that it is music with this probability."""
    t = np.arange(round(seconds * RATE)) / RATE
    low, high = np.sin(2 * np.pi * _LOW * t), np.sin(2 * np.pi * _HIGH * t)
    sound = np.sqrt(2 * music) * low + np.sqrt(2 * (1 - music)) * high
    return (10 ** (dbfs / 20) * sound).astype(np.float32)


class ToneRecognizer:
    """Says of each hop by itself how likely it is music: the part of its power below 1 kHz.

    Valence is that probability, familiar a half of it; its column has the power of 64 even bands.
    Its state is what of a hop has come.

    Args:
        tells: whether it says that; else it is as a model without such words.
    """

    compute = "light"
    sample_rate = RATE
    hop_samples = HOP
    window_samples = 30 * HOP

    def __init__(self, *, tells: bool = True) -> None:
        self.card: BaseCard = Card(name="tones")
        self._tells = tells

    def initial_state(self, batch: int = 1) -> NDArray[np.float32]:
        return np.zeros((batch, 0), dtype=np.float32)

    def step(
        self, samples: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[Estimates[NDArray[np.float32]], NDArray[np.float32]]:
        heard = np.concatenate((state, samples), axis=1)
        count = heard.shape[1] // HOP
        return self.run(heard[:, : count * HOP]), heard[:, count * HOP :]

    def run(self, samples: NDArray[np.float32]) -> Estimates[NDArray[np.float32]]:
        batch, count = len(samples), samples.shape[1] // HOP
        hops = samples[:, : count * HOP].reshape(batch, count, HOP)
        power = np.abs(np.fft.rfft(hops)) ** 2
        low = np.fft.rfftfreq(HOP, 1 / RATE) < _BORDER
        music = power[..., low].sum(axis=-1) / np.maximum(power.sum(axis=-1), 1e-12)
        music = music.astype(np.float32)
        words = {"music": music, "familiar": music / 2} if self._tells else {}
        bands = power[..., :1152].reshape(batch, count, 64, 18).mean(axis=-1)
        sd = np.full_like(music, 0.2)
        quadrants = np.tile(np.array([0.7, 0.1, 0.1, 0.1], dtype=np.float32), (batch, count, 1))
        return Estimates(
            valence=music,
            arousal=np.zeros_like(music),
            valence_sd=sd,
            arousal_sd=sd,
            quadrants=quadrants[..., : len(QUADRANTS)],
            gems=np.full((batch, count, len(GEMS)), 0.3, dtype=np.float32),
            mel=np.log10(1 + bands).astype(np.float32),
            **words,
        )

    def reset(self, state: Any, streams: Sequence[int], *, keep_memory: bool = False) -> Any:
        state = state.copy()
        state[list(streams)] = 0.0
        return state
