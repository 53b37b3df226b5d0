"""Endless streams of spliced songs, cut into segments: what the network hears in training.

As live, a stream is preceded by digital zeros, songs follow one another without warning and the
recurrent state lives on; so the network learns to let go of the last song. All arrays are in
frames and hops, never seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.features.config import FeatureConfig
from realtime_mer.model.config import NetworkConfig

from ..corpora import Clip
from ..features.cache import TEACHER_HOP_S, TEACHER_WINDOW_S, FeatureStore, Heard
from .augment import Augmenter
from .config import SequenceConfig

HOP = NetworkConfig.hop_frames
WINDOW = NetworkConfig.window_frames
HISTORY = NetworkConfig.history_frames
PAST = NetworkConfig.columns - 1


def frames_per_s(features: FeatureConfig) -> float:
    """Return how many frames a second of sound has: 50 with the shipped checkpoint's settings."""
    return features.sample_rate / features.hop_length


def hop_s(features: FeatureConfig) -> float:
    """Return the seconds from one hop to the next: 0.1 with the shipped checkpoint's settings."""
    return HOP / frames_per_s(features)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One step of B streams: T frames and H = T / HOP hops, after the past that windows reach to.

    Attributes:
        frames: (B, HISTORY + T, M) float32.
        pitches: (B, PAST + H, P) float32, P = 0 where the features have no log-pitch rows.
        fresh: (B,) bool, streams that start here with zero state.
        clip: (B, H) index of the hop's clip among the training clips, -1 where the window
            straddles a splice.
        hop: (B, H) its number among the clip's own hops, of which number i ends i + 1 hops into
            the clip.
        weight: (B, H) float32 in [0, 1].
        teacher: (B, H) row of the clip's teacher embeddings for that window, -1 for none.
        nearest: (B, H) row whose window lies nearest, -1 where no whole window lies in the clip.
    """

    frames: NDArray[np.float32]
    pitches: NDArray[np.float32]
    fresh: NDArray[np.bool_]
    clip: NDArray[np.int64]
    hop: NDArray[np.int64]
    weight: NDArray[np.float32]
    teacher: NDArray[np.int64]
    nearest: NDArray[np.int64]


@dataclass
class _Stream:
    """Where one stream stands: its piece of a clip, and what it heard last."""

    history: Heard  # HISTORY frames and PAST rows
    piece: Heard  # as it is heard
    clip: int = -1
    start: int = 0  # first frame of the piece in the clip
    at: int = 0  # next frame of the clip
    stop: int = 0  # end of the piece
    run: int = 0  # frames since the piece began, zeros before a cold start counted in
    heard: int = 0  # frames since the piece began


class Streams:
    """Draw segments of endless spliced streams.

    Args:
        clips: what to draw from.
        features: their log-mel frames.
        config: settings.
        log_mel: what the frames were made with.
        augmenter: what is done to a piece before it is heard.
        generator: source of all randomness.
        teacher_rows: number of the teacher's rows of each clip, empty without a teacher.
        changed: frames of the same clips under each of ``config.augment.changes``.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        features: FeatureStore,
        config: SequenceConfig,
        *,
        log_mel: FeatureConfig,
        augmenter: Augmenter,
        generator: np.random.Generator,
        teacher_rows: Mapping[str, int],
        changed: Sequence[FeatureStore] = (),
    ) -> None:
        self._clips = clips
        self._features = features
        self._changed = changed
        self._config = config
        self._frames_per_s = frames_per_s(log_mel)
        self._teacher_window = round(TEACHER_WINDOW_S * self._frames_per_s)
        self._teacher_hop = round(TEACHER_HOP_S * self._frames_per_s)
        self._augmenter = augmenter
        self._random = generator
        self._teacher_rows = [teacher_rows.get(clip.key, 0) for clip in clips]
        corpora = sorted({clip.corpus for clip in clips} & set(config.shares))
        shares = np.array([config.shares[name] for name in corpora])
        self._shares = shares / shares.sum()
        self._members = [
            [index for index, clip in enumerate(clips) if clip.corpus == name] for name in corpora
        ]
        # Each corpus is dealt like a pack of cards, so that every clip comes equally often.
        self._packs: list[list[int]] = [[] for _ in corpora]
        silence = Heard(
            np.zeros((HISTORY, features.width), np.float32),
            np.zeros((PAST, features.pitch_width), np.float32),
        )
        self._streams = [_Stream(silence, silence) for _ in range(config.streams)]
        self._silence = silence

    def segment(self) -> Segment:
        """Draw the next segment of every stream."""
        parts = [self._advance(number) for number in range(len(self._streams))]
        frames, pitches, fresh, clip, hop, weight, teacher, nearest = (
            np.stack(column) for column in zip(*parts, strict=True)
        )
        return Segment(
            frames=frames,
            pitches=pitches,
            fresh=fresh,
            clip=clip,
            hop=hop,
            weight=weight,
            teacher=teacher,
            nearest=nearest,
        )

    def _advance(
        self, number: int
    ) -> tuple[
        NDArray[np.float32],
        NDArray[np.float32],
        np.bool_,
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.float32],
        NDArray[np.int64],
        NDArray[np.int64],
    ]:
        """Return one stream's rows of a ``Segment``."""
        config = self._config
        stream = self._streams[number]
        fresh = stream.clip < 0 or self._random.random() < config.cold_start
        if fresh:
            stream = self._streams[number] = _Stream(self._silence, self._silence)
        hops = round(config.segment_s * self._frames_per_s / HOP)
        frames = np.empty((hops * HOP, self._features.width), np.float32)
        pitches = np.empty((hops, self._features.pitch_width), np.float32)
        clip = np.full(hops, -1, np.int64)
        hop = np.zeros(hops, np.int64)
        teacher = np.full(hops, -1, np.int64)
        nearest = np.full(hops, -1, np.int64)
        weight = np.zeros(hops, np.float32)
        done = 0
        while done < hops:
            if stream.at + HOP > stream.stop:
                self._next_piece(stream, cold=fresh and done == 0)
            take = min(hops - done, (stream.stop - stream.at) // HOP)
            first = stream.at - stream.start
            piece = stream.piece.hops(first // HOP, first // HOP + take)
            frames[done * HOP : (done + take) * HOP] = piece.frames
            pitches[done : done + take] = piece.pitches
            steps = np.arange(1, take + 1) * HOP
            whole = stream.heard + steps >= WINDOW
            own = slice(done, done + take)
            clip[own] = np.where(stream.run + steps >= WINDOW, stream.clip, -1)
            hop[own] = (stream.at + steps) // HOP - 1
            weight[own] = np.where(whole, 1.0, config.warm_up_weight)
            teacher[own], nearest[own] = self._teacher_rows_of(stream, steps, whole)
            stream.at += take * HOP
            stream.run += take * HOP
            stream.heard += take * HOP
            done += take
        self._mask_bands(frames)
        frames = np.concatenate((stream.history.frames, frames))
        pitches = np.concatenate((stream.history.pitches, pitches))
        stream.history = Heard(frames[-HISTORY:], pitches[-PAST:])
        return frames, pitches, np.bool_(fresh), clip, hop, weight, teacher, nearest

    def _teacher_rows_of(
        self, stream: _Stream, steps: NDArray[np.int64], whole: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the teacher's row whose window is each hop's, and the nearest one, or -1."""
        rows = self._teacher_rows[stream.clip]
        start = stream.at + steps - self._teacher_window
        row, rest = np.divmod(start, self._teacher_hop)
        there = whole & (rest == 0) & (row >= 0) & (row < rows)
        nearest = np.clip(np.rint(start / self._teacher_hop), 0, rows - 1)
        return np.where(there, row, -1), np.where(whole & (rows > 0), nearest, -1).astype(np.int64)

    def _next_piece(self, stream: _Stream, *, cold: bool) -> None:
        config = self._config
        corpus = self._random.choice(len(self._members), p=self._shares)
        if not self._packs[corpus]:
            self._packs[corpus] = list(self._random.permutation(self._members[corpus]))
        stream.clip = int(self._packs[corpus].pop())
        length = len(self._features[self._clips[stream.clip].key]) // HOP
        shortest, longest = config.piece_s
        hops = min(
            length, round(self._random.uniform(shortest, longest) * self._frames_per_s / HOP)
        )
        start = self._random.integers(0, length - hops + 1)
        stream.at, stream.stop = int(start) * HOP, int(start + hops) * HOP
        stream.heard = 0
        stream.run = HISTORY if cold else 0
        heard = self._features
        if self._changed and self._random.random() < config.augment.changed:
            heard = self._changed[int(self._random.integers(len(self._changed)))]
        own = heard.heard(self._clips[stream.clip].key)
        behind = self._features.heard(self._clips[int(self._random.integers(len(self._clips)))].key)
        stream.start = stream.at
        stream.piece = self._augmenter(
            own.hops(stream.at // HOP, stream.stop // HOP),
            behind.hops(0, (stream.stop - stream.at) // HOP),
            self._random,
        )

    def _mask_bands(self, frames: NDArray[np.float32]) -> None:
        width = self._random.integers(0, self._config.mask_bands + 1)
        start = self._random.integers(0, self._features.width - width + 1)
        frames[:, start : start + width] = 0.0
