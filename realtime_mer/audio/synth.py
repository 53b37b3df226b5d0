"""Instruments and a room made of numpy: each function returns the sound of one note or one stroke.

All sounds are float64 ``(n,)`` around full scale 1 at ``velocity`` 1, begin and end at zero, and
hold no partial above ``0.45 * rate``. ``freq`` is in Hz, ``seconds`` the time until the note has
ended, ``velocity`` in (0, 1] makes a note both louder and brighter. Where chance is part of a
timbre it is drawn from the caller's ``rng``.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Sound = NDArray[np.float64]

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def pitch(name: str, *, transpose: int = 0) -> float:
    """Return the equal-tempered frequency in Hz of a note such as ``"F#4"`` or ``"Bb2"``.

    Args:
        transpose: semitones to add.
    """
    letter, accidental, octave = name[0], name[1:-1], int(name[-1])
    semitone = _SEMITONES[letter] + accidental.count("#") - accidental.count("b")
    return float(440.0 * 2.0 ** ((semitone + 12 * octave - 57 + transpose) / 12))


def piano(freq: float, seconds: float, *, velocity: float, rate: int, rng: Generator) -> Sound:
    """A struck string: stretched partials, two decays for each, a soft knock of the hammer.

    Partials at ``k f sqrt(1 + B k^2)`` after H. Fletcher, J. Acoust. Soc. Am. 36 (1964).
    """
    n = _frames(seconds, rate)
    k = np.arange(1, 19)
    inharmonicity = 3e-4 * (freq / 261.6) ** 1.3
    partials = k * freq * np.sqrt(1 + inharmonicity * k**2)
    loudness = k**-0.7 * np.exp(-k * (0.62 - 0.48 * velocity)) * (1 - 0.7 * np.cos(k * np.pi / 4))
    decay = 0.55 * (freq / 261.6) ** 0.6 * (1 + 0.16 * k)
    # The two or three strings of a key are never quite in tune: a prompt sound, then a slower one.
    sound = _modes(
        np.concatenate([partials, partials * 1.0006]),
        np.concatenate([0.75 * loudness, 0.25 * loudness]) / loudness.sum(),
        np.concatenate([1.6 * decay, 0.45 * decay]),
        n,
        rate=rate,
    )
    knock = min(n, _frames(0.03, rate))
    sound[:knock] += 0.05 * velocity * rng.standard_normal(knock) * np.linspace(1, 0, knock) ** 3
    return velocity * _shape(sound, attack=0.003, release=0.09, rate=rate)


def pluck(freq: float, seconds: float, *, velocity: float, rate: int, rng: Generator) -> Sound:
    """A plucked string after K. Karplus and A. Strong, Comput. Music J. 7(2) (1983).

    The loop's loss filter is symmetric and its fractional delay is by linear interpolation, so that
    the pitch is true at any rate; a delay-long run of samples is computed at a time.
    """
    n = _frames(seconds, rate)
    period = rate / freq
    whole = int(period) - 1
    fraction = period - int(period)
    loss = 0.06 + 0.10 * (1 - velocity)
    taps = np.convolve([loss, 1 - 2 * loss, loss], [1 - fraction, fraction])
    taps *= 10 ** (-3 * period / (rate * 3.0))  # 60 dB in 3 s at most
    burst = rng.uniform(-1, 1, whole + len(taps))
    softness = 1 + int((1 - velocity) * 6)
    burst = np.convolve(burst, np.ones(softness) / softness**0.5, mode="same")
    line = np.zeros(len(burst) + n)
    line[: len(burst)] = burst - burst.mean()
    # y[i] needs y[i - whole] ... y[i - whole - 3]: the next `whole` samples are already determined.
    for start in range(len(burst), len(line), whole):
        stop = min(start + whole, len(line))
        past = line[start - whole - len(taps) + 1 : stop - whole]
        line[start:stop] = np.convolve(past, taps, mode="valid")
    return 0.6 * velocity * _shape(line[len(burst) :], attack=0.002, release=0.06, rate=rate)


def bell(
    freq: float, seconds: float, *, velocity: float, ratio: float, rate: int, rng: Generator
) -> Sound:
    """A bell by frequency modulation after J. Chowning, J. Audio Eng. Soc. 21(7) (1973).

    Args:
        ratio: modulator to carrier; a whole number rings in tune, 1.41 like struck metal.
    """
    t = np.arange(_frames(seconds, rate)) / rate
    index = (0.5 + 1.6 * velocity) * np.exp(-4.5 * t)
    modulator = np.sin(2 * np.pi * ratio * freq * t + rng.uniform(0, 2 * np.pi))
    sound = np.sin(2 * np.pi * freq * t + index * modulator) * np.exp(-3.5 * t)
    return 0.8 * velocity * _shape(sound, attack=0.002, release=0.1, rate=rate)


def pad(
    freq: float, seconds: float, *, velocity: float, attack: float, rate: int, rng: Generator
) -> Sound:
    """A soft pad: three slightly detuned voices of few partials that swell and fade.

    Args:
        attack: seconds until the full level is reached; the fade takes as long.
    """
    k = np.arange(1.0, 8.0)
    loudness = k ** (-2.6 + 0.9 * velocity)
    detune = np.array([0.997, 1.0, 1.0035])
    partials = np.outer(detune, k * freq).ravel()
    loudness = np.tile(loudness / (loudness.sum() * len(detune)), len(detune))
    phase = rng.uniform(0, 2 * np.pi, len(partials))
    n = _frames(seconds, rate)
    sound = _modes(partials, loudness, np.zeros(len(partials)), n, rate=rate, phase=phase)
    return velocity * _shape(sound, attack=attack, release=attack, rate=rate)


def bowed(
    freq: float,
    seconds: float,
    *,
    velocity: float,
    attack: float = 0.12,
    tremolo: float = 0.0,
    vibrato: float = 0.004,
    rate: int,
    rng: Generator,
) -> Sound:
    """A pair of bowed strings: sawtooth-like, with vibrato that sets in late.

    Args:
        attack: seconds until the full level is reached.
        tremolo: bow strokes per second, 0 for one long bow.
        vibrato: depth relative to the frequency.
    """
    n = _frames(seconds, rate)
    t = np.arange(n) / rate
    k = np.arange(1, max(2, min(24, int(0.42 * rate / freq))))
    # Resonances of a body keep the spectrum from being a bare sawtooth.
    body = (
        1
        + 0.8 * np.exp(-(((k * freq - 500) / 220) ** 2))
        + 0.6 * np.exp(-(((k * freq - 1700) / 700) ** 2))
    )
    loudness = body * k ** (-2.0 + velocity)
    table = _cycle(k, loudness)
    sound = np.zeros(n)
    for detune in (0.9985, 1.0012):
        onset = np.clip((t - 0.25) / 0.4, 0, 1)
        sway = vibrato * onset * np.sin(2 * np.pi * (5.2 + rng.uniform(-0.3, 0.3)) * t)
        phase = rng.uniform() + np.cumsum(freq * detune * (1 + sway)) / rate
        sound += table[_place(phase)]
    if tremolo:
        sound *= 0.55 - 0.45 * np.cos(2 * np.pi * tremolo * t + rng.uniform(0, 2 * np.pi))
    return velocity * _shape(sound, attack=attack, release=min(0.15, seconds / 3), rate=rate)


def brass(freq: float, seconds: float, *, velocity: float, rate: int, rng: Generator) -> Sound:
    """Two horns in unison, slurred up to the note: the louder the breath, the more they blare.

    That the high partials grow faster than the low ones as the tone swells is what makes brass:
    J.-C. Risset and M. Mathews, Physics Today 22(2) (1969).
    """
    n = _frames(seconds, rate)
    t = np.arange(n) / rate
    k = np.arange(1, max(2, min(80, int(0.42 * rate / freq))))
    bell = 1 / (1 + (250 / (k * freq)) ** 2)  # radiates little below its cut-off
    soft = _cycle(k, bell * np.exp(-k * freq / 600))
    blaring = _cycle(k, bell * k**-0.35 * np.exp(-k * freq / (1200 + 3000 * velocity)))
    attack = 0.09 - 0.06 * velocity
    breath = np.minimum(t / attack, 1) * (0.8 + 0.2 * np.exp(-t / 0.12))
    blare = velocity * breath**2
    sound = np.zeros(n)
    for detune in (0.997, 1.0025):
        scoop = 1 - 0.02 * np.exp(-t / 0.03) + 0.002 * np.sin(2 * np.pi * 4.8 * t + detune)
        place = _place(rng.uniform() + np.cumsum(freq * detune * scoop) / rate)
        sound += (1 - blare) * soft[place] + blare * blaring[place]
    release = min(0.12, seconds / 3)
    return velocity * _shape(sound * breath, attack=0.005, release=release, rate=rate)


def amplifier(strings: Sound, *, drive: float, rate: int) -> Sound:
    """A guitar amplifier driven until its valves clip, and the loudspeaker before it.

    Clipped at four times the rate, so that few of the new partials fold back into the audible.

    Args:
        drive: amplification before the clipping; 1 is nearly clean, 30 is metal.
    """
    n, oversampling = len(strings), 4
    spectrum = np.fft.rfft(strings)
    freqs = np.fft.rfftfreq(n, 1 / rate)
    spectrum *= 1 / (1 + (110 / np.maximum(freqs, 1.0)) ** 4)  # a tight low end clips cleanly
    loud = drive * oversampling * np.fft.irfft(spectrum, n * oversampling)
    clipped = np.tanh(loud + 0.2) - np.tanh(0.2)  # one side sooner: even partials too
    spectrum = np.fft.rfft(clipped)[: len(freqs)] / oversampling
    speaker = (1 + 0.9 * np.exp(-(((freqs - 2600) / 1100) ** 2))) / (1 + (freqs / 5200) ** 8)
    spectrum *= speaker / (1 + (75 / np.maximum(freqs, 1.0)) ** 4) * (freqs < 0.45 * rate)
    return _shape(0.5 * np.fft.irfft(spectrum, n), attack=0.002, release=0.01, rate=rate)


def clap(*, rate: int, rng: Generator) -> Sound:
    """A few hands that clap a little apart."""
    t = np.arange(_frames(0.25, rate)) / rate
    hands = [np.where(t >= at, np.exp(-170 * (t - at)), 0) for at in (0.0, 0.011, 0.021)]
    echo = np.where(t >= 0.03, np.exp(-24 * (t - 0.03)), 0)
    hiss = noise(0.25, low=800, high=3500, rate=rate, rng=rng)
    return _shape(hiss * (sum(hands) + 0.8 * echo), attack=0.001, release=0.02, rate=rate)


def kick(*, low: float, seconds: float, rate: int) -> Sound:
    """A drum whose pitch falls: a bass drum, or with a ``low`` end in Hz near 30 a deep boom."""
    t = np.arange(_frames(seconds, rate)) / rate
    phase = 2 * np.pi * (low * t + 3.0 * low * 0.035 * (1 - np.exp(-t / 0.035)))
    return _shape(np.sin(phase) * np.exp(-5 * t / seconds), attack=0.002, release=0.03, rate=rate)


def snare(*, rate: int, rng: Generator) -> Sound:
    """A snare drum: a short tone of the skin under a burst of bright noise."""
    t = np.arange(_frames(0.22, rate)) / rate
    skin = np.sin(2 * np.pi * 185 * t) * np.exp(-28 * t)
    wires = noise(0.22, low=1200, high=9000, rate=rate, rng=rng) * np.exp(-19 * t)
    return _shape(0.5 * skin + 0.6 * wires, attack=0.001, release=0.02, rate=rate)


def cymbal(*, seconds: float, rate: int, rng: Generator) -> Sound:
    """High noise that dies away within ``seconds``: a closed hi-hat at 0.05, a crash at 1.5."""
    t = np.arange(_frames(seconds, rate)) / rate
    hiss = noise(seconds, low=5500, high=0.45 * rate, rate=rate, rng=rng)
    return _shape(0.5 * hiss * np.exp(-5 * t / seconds), attack=0.001, release=0.01, rate=rate)


def noise(seconds: float, *, low: float, high: float, rate: int, rng: Generator) -> Sound:
    """Gaussian noise between two frequencies in Hz, of root mean square 0.4."""
    n = _frames(seconds, rate)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    freqs = np.fft.rfftfreq(n, 1 / rate)
    spectrum *= 1 / (1 + (low / np.maximum(freqs, 1.0)) ** 4) / (1 + (freqs / high) ** 4)
    sound = np.fft.irfft(spectrum, n)
    return 0.4 * sound / float(np.sqrt(np.mean(sound**2)))


def room(seconds: float, *, rate: int, rng: Generator) -> NDArray[np.float32]:
    """Return the impulse response ``(n, 2)`` of a hall, each channel of energy 1.

    Two independent noises give width; the high end dies away three times sooner than the low.

    Args:
        seconds: time in which the low end falls by 60 dB.
    """
    n = _frames(seconds, rate)
    t = np.arange(n) / rate
    channels = []
    for _ in range(2):
        lows = noise(seconds, low=150, high=1500, rate=rate, rng=rng)
        highs = noise(seconds, low=1500, high=6000, rate=rate, rng=rng)
        tail = lows * np.exp(-6.9 * t / seconds) + 0.5 * highs * np.exp(-20.7 * t / seconds)
        tail = _shape(tail, attack=0.012, release=0.05, rate=rate)
        channels.append(tail / np.sqrt(np.sum(tail**2)))
    return np.stack(channels, axis=1).astype(np.float32)


def convolve(sound: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolve ``(n,)`` with each channel of ``(m, c)`` by overlap-add; return ``(n, c)``.

    What would ring on after the last sample is cut off.
    """
    size = 1 << (2 * len(response)).bit_length()
    hop = size - len(response) + 1
    pieces = -(-len(sound) // hop)
    padded = np.zeros(pieces * hop, np.float32)
    padded[: len(sound)] = sound
    spectra = np.fft.rfft(padded.reshape(pieces, hop), size)
    out = np.zeros((pieces * hop + size, response.shape[1]), np.float32)
    for channel in range(response.shape[1]):
        wet = np.fft.irfft(spectra * np.fft.rfft(response[:, channel], size), size)
        for piece in range(pieces):
            out[piece * hop : piece * hop + size, channel] += wet[piece]
    return out[: len(sound)]


_TABLE = 16_384


def _cycle(k: NDArray[np.intp], loudness: Sound) -> Sound:
    """Return one cycle ``(_TABLE,)`` of the sines of harmonics ``k``, amplitudes summing to 1."""
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex128)
    spectrum[k] = -0.5j * _TABLE * loudness / loudness.sum()
    return np.fft.irfft(spectrum)


def _place(phase: Sound) -> NDArray[np.intp]:
    """Where in a table of one cycle each phase, in cycles, is found."""
    return (phase % 1.0 * _TABLE).astype(np.intp) % _TABLE


def _frames(seconds: float, rate: int) -> int:
    return max(8, round(seconds * rate))


def _modes(
    freqs: Sound, loudness: Sound, decay: Sound, n: int, *, rate: int, phase: Sound | None = None
) -> Sound:
    """Return ``(n,)``: the sum of decaying sinusoids (Hz, amplitude, 1/s).

    ``exp(s n)`` with ``n = a B + b`` factors into ``exp(s a B) exp(s b)``: the whole sum is one
    small matrix product in place of a sine for every sample of every partial.
    """
    audible = freqs < 0.45 * rate
    s = (-decay[audible] + 2j * np.pi * freqs[audible]) / rate
    weight = loudness[audible] * np.exp(
        1j * (0 if phase is None else phase[audible]) - 0.5j * np.pi
    )
    fine = max(1, int(np.sqrt(n)))
    coarse = -(-n // fine)
    left = weight * np.exp(np.outer(np.arange(coarse) * fine, s))
    right = np.exp(np.outer(s, np.arange(fine)))
    left, right = np.hstack([left.real, -left.imag]), np.vstack([right.real, right.imag])
    # Eight rows at a time stay below the size at which BLAS wakes its threads. Those make the sum
    # depend on their number and, beside other busy programs, take many times as long.
    out = np.empty((coarse, fine))
    for row in range(0, coarse, 8):
        np.matmul(left[row : row + 8], right, out=out[row : row + 8])
    return out.ravel()[:n]


def _shape(sound: Sound, *, attack: float, release: float, rate: int) -> Sound:
    """Fade both ends in and out by half a cosine, seconds each, so that nothing clicks."""
    for seconds, end in ((attack, sound), (release, sound[::-1])):
        n = min(len(sound) // 2, _frames(seconds, rate))
        end[:n] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)
    return sound
