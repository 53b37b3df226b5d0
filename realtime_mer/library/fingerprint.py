"""Fingerprints of sounds: what is left of them in whatever format they are written.

As in J. Haitsma and T. Kalker, A highly robust audio fingerprinting system, ISMIR 2002, a bit says
whether the level of a band against that of the next one rises; but from one step to the next of
0.3 s, over 0.6 s, and by more than a little, so that silence is all zeros.
"""

import numpy as np
from numpy.typing import NDArray

BANDS = 16
BAND_EDGES_HZ = np.geomspace(200.0, 4000.0, BANDS + 2)
"""Of one band more than there are bits of a step."""

_MOST_APART, _MOST_APART_THERE = 0.08, 0.12  # over all, and over the worst ten seconds

_STEP, _WINDOW = 3, 6  # tenths of a second
_RISE_DB = 0.3
_STRETCH = 33  # steps: ten seconds
_FEWEST_BITS = 100
_SILENT = 1e-9  # mean square of a band, -90 dBFS


def fingerprint(bands: NDArray[np.float32]) -> bytes:
    """Return the fingerprint of a sound, two bytes a step.

    Args:
        bands: mean squares of the bands between ``BAND_EDGES_HZ``, ``(tenths of a second, 17)``.
    """
    if len(bands) < _WINDOW + _STEP:
        return b""
    sums = np.cumsum(np.vstack((np.zeros((1, bands.shape[1])), bands)), axis=0)
    level = 10 * np.log10((sums[_WINDOW:] - sums[:-_WINDOW])[::_STEP] / _WINDOW + _SILENT)
    against = level[:, :-1] - level[:, 1:]
    return np.packbits(np.diff(against, axis=0) > _RISE_DB, axis=1).tobytes()


def alike(one: bytes, other: bytes) -> bool:
    """Return whether two fingerprints are of one sound in two formats.

    The rule is strict, for a track that is heard twice costs seconds, and one that is taken for
    another has wrong numbers. docs/library.md says what was measured.
    """
    everywhere, there = difference(one, other)
    return everywhere <= _MOST_APART and there <= _MOST_APART_THERE


def difference(one: bytes, other: bytes) -> tuple[float, float]:
    """Return the part of the set bits of two fingerprints that only one of them has.

    Returns:
        Over all that both cover, and over those ten seconds of it in which it is largest; each in
        [0, 1]: 0 for the same, about 2/3 for sounds that have nothing to do with each other, and 1
        where there are too few bits to tell.
    """
    a, b = _bits(one), _bits(other)
    size = min(len(a), len(b))
    apart = np.sum(a[:size] ^ b[:size], axis=1, dtype=np.int64)
    either = np.sum(a[:size] | b[:size], axis=1, dtype=np.int64)
    if either.sum() < _FEWEST_BITS:
        return 1.0, 1.0
    stretch = min(_STRETCH, size)
    ones = np.ones(stretch, dtype=np.int64)
    apart_there, either_there = (
        np.convolve(apart, ones, "valid"),
        np.convolve(either, ones, "valid"),
    )
    worst = apart_there / np.maximum(either_there, _FEWEST_BITS)
    return float(apart.sum() / either.sum()), float(worst.max())


def _bits(fingerprint: bytes) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(fingerprint, dtype=np.uint8)).reshape(-1, BANDS)
