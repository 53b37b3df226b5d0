"""Endless streams of spliced songs, cut into segments: what the network hears in training.

As live, a stream is preceded by digital zeros, songs follow one another without warning and the
recurrent state lives on; so the network learns to let go of the last song. All arrays are in
frames and hops, never seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.features.config import FeatureConfig
from realtime_mer.model.config import NetworkConfig

from ..corpora import Clip
from ..corpora.clip import ALL_THROUGH, NEVER
from ..features.cache import TEACHER_HOP_S, TEACHER_WINDOW_S, FeatureStore, Heard
from .augment import Augmenter, power_of
from .config import SequenceConfig
from .made_sounds import MadeSounds

HOP = NetworkConfig.hop_frames
WINDOW = NetworkConfig.window_frames
HISTORY = NetworkConfig.history_frames
PAST = NetworkConfig.columns - 1

_AUDIBLE = 1e-4  # of a piece's greatest power in a band: 40 dB below it


def frames_per_s(features: FeatureConfig) -> float:
    """Return how many frames a second of sound has: 50 with the shipped checkpoint's settings."""
    return features.sample_rate / features.hop_length


def hop_s(features: FeatureConfig) -> float:
    """Return the seconds from one hop to the next: 0.1 with the shipped checkpoint's settings."""
    return HOP / frames_per_s(features)


def music_by_hop(
    clip: Clip, loudest: NDArray[np.floating[Any]], frames_per_s: float, *, start: int = 0
) -> NDArray[np.float32]:
    """Return whether music sounds in the window of each hop of a piece, as in a ``Segment``.

    Of the window counts what lies in the piece. Where music is silent for half of it, as in a rest
    or at a faded end, nobody can say.

    Args:
        clip: what the piece is of.
        loudest: (T,), the power of each of its frames in the loudest band.
        frames_per_s: how many a second has.
        start: the piece's first frame in the clip.
    """
    end = np.arange(HOP, len(loudest) + 1, HOP)
    begin = np.maximum(end - WINDOW, 0)
    music = np.full(len(end), np.nan, np.float32)
    if clip.music is None:
        return music
    first, last = (second * frames_per_s - start for second in clip.music)
    heard = np.cumsum([0, *(loudest > _AUDIBLE * loudest.max())])
    sounding = heard[end] - heard[begin] > (end - begin) / 2
    music[(begin >= first) & (end <= last) & sounding] = 1
    music[(end <= first) | (begin >= last)] = 0
    return music


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
        music: (B, H) float32, 1 where music sounds in the window, 0 where it does not, NaN where
            that is not known or part of it. ``clip`` is -1 where something louder hides the music.
    """

    frames: NDArray[np.float32]
    pitches: NDArray[np.float32]
    fresh: NDArray[np.bool_]
    clip: NDArray[np.int64]
    hop: NDArray[np.int64]
    weight: NDArray[np.float32]
    teacher: NDArray[np.int64]
    nearest: NDArray[np.int64]
    music: NDArray[np.float32]


@dataclass
class _Stream:
    """Where one stream stands: its piece of a clip, and what it heard last."""

    history: Heard  # HISTORY frames and PAST rows
    piece: Heard  # as it is heard
    music: NDArray[np.float32]  # of each of its hops, as in a segment
    clear: NDArray[np.bool_]  # of each of its hops: nothing louder hides the music
    clip: int = -1  # -1 for a sound that was made
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
        self._sounds = [index for index, clip in enumerate(clips) if clip.music == NEVER]
        self._make = MadeSounds(log_mel)
        self._log_gain = log_mel.log_gain
        self._silence = Heard(
            np.zeros((HISTORY, features.width), np.float32),
            np.zeros((PAST, features.pitch_width), np.float32),
        )
        self._streams = [self._unbegun() for _ in range(config.streams)]

    def _unbegun(self) -> _Stream:
        nothing = np.empty(0, np.float32)
        return _Stream(self._silence, self._silence, nothing, nothing > 0)

    def segment(self) -> Segment:
        """Draw the next segment of every stream."""
        parts = [self._advance(number) for number in range(len(self._streams))]
        frames, pitches, fresh, clip, hop, weight, teacher, nearest, music = (
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
            music=music,
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
        NDArray[np.float32],
    ]:
        """Return one stream's rows of a ``Segment``."""
        config = self._config
        stream = self._streams[number]
        fresh = stream.stop == 0 or self._random.random() < config.cold_start
        if fresh:
            stream = self._streams[number] = self._unbegun()
        hops = round(config.segment_s * self._frames_per_s / HOP)
        frames = np.empty((hops * HOP, self._features.width), np.float32)
        pitches = np.empty((hops, self._features.pitch_width), np.float32)
        clip = np.full(hops, -1, np.int64)
        hop = np.zeros(hops, np.int64)
        teacher = np.full(hops, -1, np.int64)
        nearest = np.full(hops, -1, np.int64)
        weight = np.zeros(hops, np.float32)
        music = np.full(hops, np.nan, np.float32)
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
            alone = stream.run + steps >= WINDOW
            now = slice(first // HOP, first // HOP + take)
            clear = stream.clear[now]
            clip[own] = np.where(alone & clear, stream.clip, -1)
            music[own] = np.where(alone, stream.music[now], np.nan)
            hop[own] = (stream.at + steps) // HOP - 1
            weight[own] = np.where(whole, 1.0, config.warm_up_weight)
            teacher[own], nearest[own] = self._teacher_rows_of(stream, steps, whole & clear)
            stream.at += take * HOP
            stream.run += take * HOP
            stream.heard += take * HOP
            done += take
        self._mask_bands(frames)
        frames = np.concatenate((stream.history.frames, frames))
        pitches = np.concatenate((stream.history.pitches, pitches))
        stream.history = Heard(frames[-HISTORY:], pitches[-PAST:])
        return frames, pitches, np.bool_(fresh), clip, hop, weight, teacher, nearest, music

    def _teacher_rows_of(
        self, stream: _Stream, steps: NDArray[np.int64], whole: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the teacher's row whose window is each hop's, and the nearest one, or -1."""
        rows = self._teacher_rows[stream.clip] if stream.clip >= 0 else 0
        start = stream.at + steps - self._teacher_window
        row, rest = np.divmod(start, self._teacher_hop)
        there = whole & (rest == 0) & (row >= 0) & (row < rows)
        nearest = np.clip(np.rint(start / self._teacher_hop), 0, rows - 1)
        return np.where(there, row, -1), np.where(whole & (rows > 0), nearest, -1).astype(np.int64)

    def _next_piece(self, stream: _Stream, *, cold: bool) -> None:
        stream.heard = 0
        stream.run = HISTORY if cold else 0
        augment = self._config.augment
        if augment.made > 0 and self._random.random() < augment.made:
            self._made_piece(stream)
        else:
            self._piece_of_clip(stream)

    def _made_piece(self, stream: _Stream) -> None:
        """Go on with a sound that is no music and none of a clip."""
        hops = self._drawn_hops()
        sound = self._make(hops, self._random)
        stream.clip, stream.start, stream.at, stream.stop = -1, 0, 0, hops * HOP
        stream.piece = self._augmenter(sound, sound, self._random)
        stream.music = np.zeros(hops, np.float32)
        stream.clear = np.ones(hops, np.bool_)

    def _piece_of_clip(self, stream: _Stream) -> None:
        config = self._config
        corpus = self._random.choice(len(self._members), p=self._shares)
        if not self._packs[corpus]:
            self._packs[corpus] = list(self._random.permutation(self._members[corpus]))
        stream.clip = int(self._packs[corpus].pop())
        clip = self._clips[stream.clip]
        length = len(self._features[clip.key]) // HOP
        hops = min(length, self._drawn_hops())
        start = self._random.integers(0, length - hops + 1)
        stream.start = stream.at = int(start) * HOP
        stream.stop = int(start + hops) * HOP
        heard = self._features
        if self._changed and self._random.random() < config.augment.changed:
            heard = self._changed[int(self._random.integers(len(self._changed)))]
        own = heard.heard(clip.key).hops(int(start), int(start) + hops)
        # Music behind what is none would make it music.
        pool = range(len(self._clips)) if clip.music == ALL_THROUGH else self._sounds
        other = self._one_of(pool).hops(0, hops) if pool else own
        over = None
        if (
            self._sounds
            and clip.music == ALL_THROUGH
            and config.augment.over > 0
            and self._random.random() < config.augment.over
        ):
            sound = self._one_of(self._sounds)
            first = int(self._random.integers(max(len(sound.frames) // HOP - hops, 0) + 1))
            over = self._augmenter.over(own, sound.hops(first, first + hops), self._random)
        loudest = power_of(own.frames, self._log_gain).max(1)
        stream.music = music_by_hop(clip, loudest, self._frames_per_s, start=stream.start)
        stream.clear = np.ones(hops, np.bool_)
        if over is not None and not over.clear:
            end = (np.arange(hops) + 1) * HOP
            stream.clear = (end <= over.start) | (end - WINDOW >= over.stop)
        stream.piece = self._augmenter(own, other, self._random, over=over)

    def _drawn_hops(self) -> int:
        shortest, longest = self._config.piece_s
        return round(self._random.uniform(shortest, longest) * self._frames_per_s / HOP)

    def _one_of(self, pool: Sequence[int]) -> Heard:
        """Return what is heard of one of these clips."""
        return self._features.heard(self._clips[pool[int(self._random.integers(len(pool)))]].key)

    def _mask_bands(self, frames: NDArray[np.float32]) -> None:
        width = self._random.integers(0, self._config.mask_bands + 1)
        start = self._random.integers(0, self._features.width - width + 1)
        frames[:, start : start + width] = 0.0
