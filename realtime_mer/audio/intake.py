"""Native blocks in, mono samples at one rate out, with every lost sample accounted for.

Resampling is stateful and so independent of block sizes. soxr's variable-rate mode is used at a
constant ratio: it filters in the time domain, so its delay is short and constant (5.0 ms at
48 kHz), where the usual mode's block transforms make it 4 to 38 ms. docs/audio.md has the numbers.
"""

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import soxr
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.downmix import Downmix

MAX_LEVEL = 8.0
"""Largest magnitude let through, in units of full scale (+18 dBFS); music in float files may well
exceed 1.0, but what exceeds this is a defect and would ring in the resampler."""

CANCELLING = "tenths of a second in which the channels cancelled out, so that one alone was heard"


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Sound at the target rate.

    Attributes:
        samples: float32 ``(n,)``, finite, at most ``MAX_LEVEL`` plus the resampler's overshoot.
        missing: samples, at the target rate, that were lost just before ``samples``.
        fresh: what came before has nothing to do with this piece and those after it.
    """

    samples: NDArray[np.float32]
    missing: int = 0
    fresh: bool = False


class Intake:
    """Turns the blocks of one source into mono samples at one rate.

    The stream's timeline is kept in exact arithmetic: after ``flush``, the samples and missing
    samples handed out since the start are ``round(seconds * target_rate)`` in all, where
    ``seconds`` is the sum of (frames + missing) / rate over all blocks, however long it runs and
    however often the rate changes or sound is lost. Not safe for use from two threads at a time.

    Args:
        target_rate: sample rate of what comes out in Hz.

    Attributes:
        replaced: values that were NaN or infinite and became 0.
        clipped: values beyond ``MAX_LEVEL`` that were clipped to it.
    """

    def __init__(self, *, target_rate: int) -> None:
        self._target = target_rate
        self._rate = target_rate
        self._downmix: Downmix | None = None
        self._kind = (0, 0)  # rate and channels that it mixes
        self._cancelled = 0  # in those before it
        self._resampler: soxr.ResampleStream | None = None
        self._start = Fraction(0)  # seconds at which the current unbroken run of frames started
        self._frames = 0  # of this run, at its own rate
        self._given = 0  # samples handed out since the beginning, the missing ones included
        self.replaced = 0
        self.clipped = 0
        self._of_the_source: Counter[str] = Counter()

    @property
    def delay_s(self) -> float:
        """Seconds of sound taken in and not handed out yet: the resampler's present delay."""
        return float(self.taken_s - Fraction(self._given, self._target))

    @property
    def taken_s(self) -> Fraction:
        """Seconds of sound, lost or not, taken in so far."""
        return self._start + Fraction(self._frames, self._rate)

    def faults(self) -> dict[str, int]:
        """Return in words what was wrong with the sound so far, and how often."""
        return {
            "values that were not finite and became 0": self.replaced,
            "values far over full scale that were clipped": self.clipped,
            CANCELLING: self._cancelled + (self._downmix.cancelled if self._downmix else 0),
            **self._of_the_source,
        }

    def push(self, block: Block) -> list[Piece]:
        """Take a block and return what is ready; the list may be empty.

        Args:
            block: samples ``(frames, channels)`` at any rate; rate, channel count and gaps may
                change from block to block.
        """
        pieces = []
        self._of_the_source.update(block.faults)
        frames, channels = block.samples.shape
        breaks = block.missing > 0 or block.reconnecting or block.fresh
        if breaks or (frames and (block.rate, channels) != self._kind):
            pieces += self.flush()
        if block.fresh:
            self._forget_channels()
            pieces.append(Piece(samples=_nothing(), fresh=True))
        if block.missing:
            self._start += Fraction(block.missing, block.rate)
            pieces.append(Piece(samples=_nothing(), missing=self._due()))
            self._given += pieces[-1].missing
        if frames:
            if self._frames == 0:
                self._begin(block.rate)
            mono = self._mixed(block)
            self._frames += frames
            if self._resampler is not None:
                mono = self._resampler.resample_chunk(mono)
            pieces += self._give(mono)
        return _merge(pieces)

    def flush(self) -> list[Piece]:
        """End the present run of frames and return what the resampler still held.

        At the end of a file this is the rest of the sound; the intake can be used further.
        """
        rest = _nothing()
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(rest, last=True)
        self._start, self._frames, self._resampler = self.taken_s, 0, None
        # soxr rounds the length of each run its own way, at most two samples off.
        due = self._due()
        return self._give(np.pad(rest, (0, max(0, due - len(rest)))))

    def _begin(self, rate: int) -> None:
        self._rate = rate
        if rate != self._target:
            self._resampler = soxr.ResampleStream(
                rate, self._target, 1, dtype="float32", quality="HQ", vr=True
            )

    def _mixed(self, block: Block) -> NDArray[np.float32]:
        """Return a block as one channel; what was learnt of its channels outlasts lost sound."""
        kind = block.rate, block.samples.shape[1]
        if self._downmix is None or kind != self._kind:
            self._forget_channels()
            self._kind = kind
            self._downmix = Downmix(rate=kind[0], channels=kind[1])
        return self._downmix.mix(self._clean(block.samples))

    def _forget_channels(self) -> None:
        if self._downmix is not None:
            self._cancelled += self._downmix.cancelled
        self._downmix = None

    def _clean(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bound the values before the resampler, whose state a single NaN would poison."""
        if samples.max() <= MAX_LEVEL and samples.min() >= -MAX_LEVEL:  # False for NaN too
            return samples
        finite = np.isfinite(samples)
        self.replaced += int(samples.size - np.count_nonzero(finite))
        samples = np.where(finite, samples, np.float32(0))
        self.clipped += int(np.count_nonzero(np.abs(samples) > MAX_LEVEL))
        return np.clip(samples, -MAX_LEVEL, MAX_LEVEL)

    def _due(self) -> int:
        """Samples that make the timeline complete up to now."""
        return max(0, round(self.taken_s * self._target) - self._given)

    def _give(self, samples: NDArray[np.float32]) -> list[Piece]:
        samples = samples[: self._due()]
        self._given += len(samples)
        return [Piece(samples=samples)] if len(samples) else []


def _nothing() -> NDArray[np.float32]:
    return np.zeros(0, dtype=np.float32)


def _merge(pieces: list[Piece]) -> list[Piece]:
    """Join a fresh start and a gap with the samples that follow them."""
    merged: list[Piece] = []
    for piece in pieces:
        if merged and not len(merged[-1].samples) and not piece.fresh:
            before = merged.pop()
            piece = replace(piece, missing=before.missing + piece.missing, fresh=before.fresh)
        if piece.missing or len(piece.samples) or piece.fresh:
            merged.append(piece)
    return merged
