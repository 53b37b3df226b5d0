"""Chirps, and how long they took: a matched filter, and a criterion from the noise of the room.

Pure. A chirp whose place in time is known is correlated with what the microphone heard (matched
filter; Turin 1960). Nothing is compared with a level that was set beforehand: what counts as heard
follows from what the same filter made of the room just before, and from how unlikely it is that
chance puts several chirps at the same place.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import AudioError

SEARCH_S = 2.5
"""Longest way that is looked for: loudspeakers by radio or network take up to two seconds."""

BEFORE_S = 0.25
"""How long before it was played a chirp is looked for, which is how wrong clocks show."""

CHANCE = 1e-6
"""How likely noise alone may pass for the chirps."""

CHIRPS = 5
_LENGTH_S = 0.12
_GAPS_S = (0.53, 0.73, 0.63, 0.89)  # uneven, so that no two chirps fit where two others are
_BAND_HZ = (700.0, 7000.0)  # what small loudspeakers and telephones' microphones have too
_RISE_S = 0.02
_LOUDNESS = 0.5
_ROOM_S = 0.05  # by which straight sound precedes the strongest reflection: 17 m at most
_JUST_BEFORE_S = (0.01, 0.08)  # what an arrival must stand out of, the more of both
_GUARD_S = 0.001  # before an arrival, in which it is heard already
_MOST = 3  # of the chirps must be heard at one lag; the others a cough may cover


@dataclass(frozen=True, kw_only=True)
class Way:
    """How long sound is on its way from what plays it until it is captured.

    Attributes:
        seconds: of the first arrival, >= 0.
        clear_db: by how much the filter's answer exceeds what noise would hardly ever make.
    """

    seconds: float
    clear_db: float


def chirp(rate: int) -> NDArray[np.complex128]:
    """Return one chirp, analytic: its real part is played, its magnitude is its envelope."""
    t = np.arange(round(_LENGTH_S * rate)) / rate
    low, high = _BAND_HZ
    phase = 2 * np.pi * (low * t + (high - low) * t**2 / (2 * _LENGTH_S))
    edge = np.minimum(1.0, np.minimum(t, t[::-1]) / _RISE_S)
    wave: NDArray[np.complex128] = np.sin(np.pi / 2 * edge) ** 2 * np.exp(1j * phase)
    return wave


def starts(rate: int) -> list[int]:
    """Return at which sample each chirp begins, the first at 0."""
    return [round(seconds * rate) for seconds in np.cumsum((0.0, *_GAPS_S))]


def chirps(rate: int) -> NDArray[np.float32]:
    """Return all that is played, mono, float32 ``(n,)``, full scale 1."""
    one = _LOUDNESS * chirp(rate).real
    played = np.zeros(starts(rate)[-1] + len(one), dtype=np.float32)
    for start in starts(rate):
        played[start : start + len(one)] = one
    return played


def find_way(
    heard: NDArray[np.float32], *, rate: int, played_at: int, uncertain_s: float = 0.0
) -> Way:
    """Find the chirps in what was heard.

    Args:
        heard: float32 ``(n, channels)``, from at least a second before they were played to at least
            ``SEARCH_S`` after they ended.
        rate: samples a second.
        played_at: sample at which the first one left the loudspeaker.
        uncertain_s: by how much that may be wrong; a way that is shorter below 0 is 0.

    Raises:
        AudioError: they were not heard, or before they were played.
    """
    found = [_answers(channel, rate=rate, played_at=played_at) for channel in heard.T]
    loudest = max(found, key=lambda one: one.likeness.max() / one.noise_likeness)
    limit = _unlikely(len(loudest.likeness))
    clearness = float(loudest.likeness.max()) / (loudest.noise_likeness * limit)
    if not clearness > 1:
        raise AudioError(
            f"The chirps were not heard: at no moment did {_MOST} of {CHIRPS} of them stand out of "
            "the room's own noise. Turn up the loudspeaker, take the microphone nearer, see that "
            "it is the one that is listened to, and try again."
        )
    lag = loudest.first_arrival(limit, rate=rate)
    if lag < -round(uncertain_s * rate):
        raise AudioError(
            f"The chirps were heard {-1000 * lag / rate:.1f} ms before they were played, which is "
            "impossible: the sound system tells its times wrong. Choose another microphone or "
            "loudspeaker, or go without --align."
        )
    return Way(seconds=max(0, lag) / rate, clear_db=round(10 * math.log10(clearness), 1))


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """What the filter answers at every lag.

    Both rows are what ``_MOST`` of the chirps reach or exceed at a lag. What is heard once, as a
    slamming door, is at one lag for one chirp and at another for the next.

    Attributes:
        likeness: (L,) the answer's power as a share of the most that so much sound could make: how
            like a chirp the sound is, in [0, 1], whatever its level. Tones and slams are not.
        power: (L,) the answer's power.
        first: lag in samples of the first of these.
        noise_likeness, noise_power: their means over the room alone.
        shape: (m,) magnitude of its answer to a chirp itself, from the middle on; 1 there.
    """

    likeness: NDArray[np.float64]
    power: NDArray[np.float64]
    first: int
    noise_likeness: float
    noise_power: float
    shape: NDArray[np.float64]

    def first_arrival(self, limit: float, *, rate: int) -> int:
        """Return the lag of the first arrival.

        Sound that came straight may be weaker than a reflection soon after it. It has to stand out
        of noise and of what was heard just before it, up to a limit, and of what later arrivals
        make before themselves, at the worst of all.
        """
        strongest = int(self.likeness.argmax())
        begin = max(0, strongest - round(_ROOM_S * rate))
        lags = np.arange(begin, strongest + 1)
        sums = np.cumsum(np.concatenate(([0.0], self.power)))
        ends = np.maximum(lags - round(_GUARD_S * rate), 1)
        rest = np.full(len(lags), self.noise_power)
        for span in _JUST_BEFORE_S:
            since = np.maximum(ends - round(span * rate), 0)
            rest = np.maximum(rest, (sums[ends] - sums[since]) / (ends - since))
        amplitude = np.sqrt(self.power[lags])
        least = np.sqrt(limit * rest)
        peaks = (amplitude >= np.r_[0, amplitude[:-1]]) & (amplitude >= np.r_[amplitude[1:], 0])
        first = len(lags) - 1
        while True:  # each arrival lies before the one found last
            least[: first + 1] += amplitude[first] * self.shape[: first + 1][::-1]
            earlier = np.flatnonzero(peaks[:first] & (amplitude[:first] > least[:first]))
            if not len(earlier):
                return self.first + int(lags[first])
            first = int(earlier[amplitude[earlier].argmax()])


def _answers(heard: NDArray[np.float32], *, rate: int, played_at: int) -> _Answers:
    one = chirp(rate)
    sound = heard.astype(np.float64)
    power = np.abs(_correlated(sound, one)) ** 2
    sums = np.cumsum(np.concatenate(([0.0], sound**2)))
    energy = sums[len(one) :] - sums[: -len(one)]
    # The most that so much sound could make; of digital silence rounding is left, which is none.
    most = energy[: len(power)] * float((one.real**2).sum()) * 2
    likeness = power / np.maximum(most, max(1e-9 * float(most.max()), 1e-30))
    first = -round(BEFORE_S * rate)
    quiet = slice(0, max(1, played_at + first - len(one)))
    itself = np.abs(_correlated(np.concatenate((one.real, np.zeros(len(one)))), one))
    shape = itself[: len(one)] / itself[0]
    return _Answers(
        likeness=_typical(likeness, rate=rate, begin=played_at + first),
        power=_typical(power, rate=rate, begin=played_at + first),
        first=first,
        noise_likeness=max(float(likeness[quiet].mean()), 1 / len(one)),
        noise_power=float(power[quiet].mean()),
        # What is farther away than a point may be as strong as the strongest beyond it.
        shape=np.maximum.accumulate(shape[::-1])[::-1],
    )


def _typical(answer: NDArray[np.float64], *, rate: int, begin: int) -> NDArray[np.float64]:
    """Return what most chirps reach at each lag, the first of which begins at a sample."""
    count = round((BEFORE_S + SEARCH_S) * rate)
    rows = np.zeros((CHIRPS, count))
    for row, start in zip(rows, starts(rate), strict=True):
        part = answer[max(0, begin + start) :][:count]
        row[: len(part)] = part
    typical: NDArray[np.float64] = np.sort(rows, axis=0)[-_MOST]
    return typical


def _correlated(heard: NDArray[np.float64], one: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the correlation with the chirp beginning at each sample, ``(n - m + 1,)``."""
    size = 1 << (len(heard) + len(one)).bit_length()
    product = np.fft.fft(heard, size) * np.conj(np.fft.fft(one, size))
    found: NDArray[np.complex128] = np.fft.ifft(product)[: max(1, len(heard) - len(one) + 1)]
    return found


def _unlikely(lags: int) -> float:
    """Return how many times its mean noise exceeds with ``CHANCE`` at most, at one of some lags.

    The power of each answer to noise is exponential: P(power > x mean) = exp(-x), and that so many
    of the chirps exceed that at one lag is at most as likely as for each choice of them together.
    """
    return math.log(math.comb(CHIRPS, _MOST) * lags / CHANCE) / _MOST
