"""The demo piece is sound, and its sections are as far apart as they were meant to be."""

import itertools
import threading
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_mer.audio import demo, synth
from realtime_mer.audio.demo import SECTIONS, DemoSource, compose, compose_parts
from realtime_mer.emotion import QUADRANTS
from tests.patience import PATIENCE_S

RATE = 24_000


@pytest.fixture(scope="module")
def piece() -> NDArray[np.float32]:
    return compose()


@pytest.fixture(scope="module")
def sections(piece) -> dict[str, NDArray[np.float32]]:
    """Each section in mono."""
    return {
        s.name: piece[round(s.start_s * RATE) : round(s.end_s * RATE)].mean(axis=1)
        for s in SECTIONS
    }


@pytest.fixture
def composed(piece, monkeypatch) -> None:
    """Sources play the piece that is there already."""
    monkeypatch.setattr(demo, "compose_parts", lambda *, sample_rate: iter([piece]))


def spectrogram(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(sound, 1024)[::240]
    return np.abs(np.fft.rfft(frames * np.hanning(1024)))


def level_dbfs(sound: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(np.square(sound))))


def onsets_per_second(sound: NDArray[np.float32]) -> float:
    """Peaks of the spectral flux of log magnitudes that stand out by a standard deviation."""
    rise = np.maximum(np.diff(np.log1p(100 * spectrogram(sound)), axis=0), 0).sum(axis=1)
    around = np.lib.stride_tricks.sliding_window_view(rise, 7)
    peaks = (around.argmax(axis=1) == 3) & (around[:, 3] > rise.mean() + rise.std())
    return float(peaks.sum() / (len(sound) / RATE))


def centroid_hz(sound: NDArray[np.float32]) -> float:
    magnitudes = spectrogram(sound).sum(axis=0)
    return float(magnitudes @ np.fft.rfftfreq(1024, 1 / RATE) / magnitudes.sum())


def chroma(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Energy of the twelve pitch classes from C, above the drums and below C6, summing to 1."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    freqs = np.fft.rfftfreq(len(sound), 1 / RATE)
    inside = (freqs > 230) & (freqs < 1047)
    classes = np.round(12 * np.log2(freqs[inside] / 440) + 57).astype(int) % 12
    energy = np.bincount(classes, spectrum[inside], minlength=12)
    return energy / energy.sum()


def test_the_piece_is_64_seconds_of_finite_stereo_with_headroom(piece):
    assert piece.dtype == np.float32
    assert piece.shape == (64 * RATE, 2)
    assert np.isfinite(piece).all()
    assert np.abs(piece).max() == pytest.approx(0.89, abs=1e-4)
    assert abs(piece.mean()) < 1e-3


def test_the_sections_follow_each_other_and_name_each_quadrant_once(piece):
    assert SECTIONS[0].start_s == 0.0
    for before, after in itertools.pairwise(SECTIONS):
        assert before.end_s == after.start_s
    assert SECTIONS[-1].end_s * RATE == len(piece)
    assert sorted(s.quadrant for s in SECTIONS) == list(QUADRANTS)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_samples_and_another_seed_others(piece):
    np.testing.assert_array_equal(compose(), piece)
    assert not np.array_equal(compose(seed=5), piece)


def test_another_rate_gives_the_same_music(piece):
    other = compose(sample_rate=16_000)
    assert other.shape == (64 * 16_000, 2)
    assert 0.7 < np.abs(other).max() < 1.0
    for s in SECTIONS:
        here = piece[round(s.start_s * RATE) : round(s.end_s * RATE)]
        there = other[round(s.start_s * 16_000) : round(s.end_s * 16_000)]
        assert level_dbfs(there) == pytest.approx(level_dbfs(here), abs=2.5)


def test_no_section_begins_or_ends_with_a_click(piece):
    # A click is a step: far more sudden than anything in the two seconds around the join.
    step = np.abs(np.diff(piece, axis=0)).max(axis=1)
    for s in SECTIONS[1:]:
        join = round(s.start_s * RATE)
        around = np.concatenate([step[join - RATE : join - 5], step[join + 5 : join + RATE]])
        assert step[join - 5 : join + 5].max() <= around.max()
    assert np.abs(piece[0]).max() < 1e-3
    assert np.abs(piece[-1]).max() < 1e-3


def test_no_section_is_silent_for_half_a_second(sections):
    for name, sound in sections.items():
        frames = sound[: len(sound) // 12_000 * 12_000].reshape(-1, 12_000)
        levels = 10 * np.log10(np.mean(np.square(frames), axis=1))
        assert levels.min() > -60, name


def test_calm_and_sad_are_softer_slower_and_darker_than_joyful_and_tense(sections):
    for low in ("calm", "sad"):
        for high in ("joyful", "tense"):
            assert level_dbfs(sections[low]) < level_dbfs(sections[high]) - 4
            assert onsets_per_second(sections[low]) < 0.6 * onsets_per_second(sections[high])
            assert centroid_hz(sections[low]) < 0.75 * centroid_hz(sections[high])


def test_each_tonal_section_is_in_its_key_and_the_tense_one_in_none(sections):
    in_key = {
        "calm": [5, 7, 9, 10, 0, 2, 4],  # F major
        "joyful": [2, 4, 6, 7, 9, 11, 1],  # D major
        "sad": [9, 11, 0, 2, 4, 5, 7, 6, 8],  # A minor with its raised sixth and seventh
    }
    for name, classes in in_key.items():
        assert chroma(sections[name])[classes].sum() > 0.9, name
    tense = chroma(sections["tense"])
    major = [0, 2, 4, 5, 7, 9, 11]
    assert max(np.roll(tense, k)[major].sum() for k in range(12)) < 0.8


def test_the_third_is_major_in_joy_and_minor_in_sorrow(sections):
    joyful, sad = chroma(sections["joyful"]), chroma(sections["sad"])
    assert joyful[6] > 5 * joyful[5]  # over D: F sharp, not F
    assert sad[0] > 5 * sad[1]  # over A: C, not C sharp


def test_the_tense_section_grows_louder_until_its_last_blow(sections):
    thirds = np.array_split(sections["tense"][: 15 * RATE], 3)
    levels = [level_dbfs(third) for third in thirds]
    assert levels == sorted(levels)


@pytest.mark.parametrize("name", ["E2", "A3", "D5", "C#6"])
def test_a_plucked_string_is_in_tune(name):
    freq = synth.pitch(name)
    sound = synth.pluck(freq, 1.0, velocity=0.7, rate=RATE, rng=np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16 * RATE))
    freqs = np.arange(len(spectrum)) / 16
    near = (freqs > freq * 0.95) & (freqs < freq * 1.05)
    found = freqs[near][spectrum[near].argmax()]
    assert abs(1200 * np.log2(found / freq)) < 6  # cents


@pytest.mark.parametrize("name", ["E2", "B3", "A4"])
def test_a_horn_is_in_tune(name):
    freq = synth.pitch(name)
    sound = synth.brass(freq, 2.0, velocity=0.7, rate=RATE, rng=np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16 * RATE))
    tenth = np.arange(len(spectrum)) / 16 / 10  # the tenth partial shows the pitch most finely
    near = (tenth > freq * 0.97) & (tenth < freq * 1.03)
    found = (tenth[near] @ spectrum[near] ** 2) / (spectrum[near] ** 2).sum()
    assert abs(1200 * np.log2(found / freq)) < 6  # cents


def test_a_horn_blown_louder_is_brighter_too():
    soft, loud = (
        synth.brass(220.0, 1.0, velocity=velocity, rate=RATE, rng=np.random.default_rng(0))
        for velocity in (0.3, 0.9)
    )
    assert level_dbfs(loud) > level_dbfs(soft) + 6
    assert centroid_hz(loud) > 1.5 * centroid_hz(soft)


def test_a_driven_amplifier_compresses_and_adds_overtones():
    t = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 440 * t)

    def share_of_overtones(sound):
        energy = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        return energy[600:].sum() / energy.sum()

    clean = synth.amplifier(0.01 * tone, drive=1.0, rate=RATE)
    driven = synth.amplifier(tone, drive=20.0, rate=RATE)
    assert share_of_overtones(clean) < 1e-3
    assert share_of_overtones(driven) > 0.1
    softer = synth.amplifier(0.25 * tone, drive=20.0, rate=RATE)
    assert level_dbfs(driven) - level_dbfs(softer) < 3  # 12 dB before it
    assert not synth.amplifier(np.zeros(RATE), drive=20.0, rate=RATE).any()


def test_an_amplifier_folds_almost_nothing_back():
    t = np.arange(RATE) / RATE
    driven = synth.amplifier(np.sin(2 * np.pi * 1870 * t), drive=20.0, rate=RATE)
    energy = np.abs(np.fft.rfft(driven * np.hanning(RATE))) ** 2
    hz = np.arange(len(energy))
    harmonic = np.abs((hz + 935) % 1870 - 935) <= 3
    assert energy[~harmonic].sum() < 1e-4 * energy.sum()


def test_pitch_names_are_read_as_written():
    assert synth.pitch("A4") == pytest.approx(440.0)
    assert synth.pitch("C4") == pytest.approx(261.626, abs=1e-3)
    assert synth.pitch("F#3") == pytest.approx(synth.pitch("Gb3"))
    assert synth.pitch("E2", transpose=12) == pytest.approx(2 * synth.pitch("E2"))


def test_the_room_is_a_convolution_with_its_response():
    rng = np.random.default_rng(1)
    sound = rng.standard_normal(5000).astype(np.float32)
    response = rng.standard_normal((300, 2)).astype(np.float32)
    wet = synth.convolve(sound, response)
    for channel in range(2):
        expected = np.convolve(sound, response[:, channel])[: len(sound)]
        np.testing.assert_allclose(wet[:, channel], expected, atol=2e-4)


def test_unpaced_source_delivers_the_whole_piece_in_blocks_of_20_ms(piece):
    source = DemoSource(paced=False)
    assert not source.real_time
    blocks = list(iter(source.read, None))
    assert {len(block.samples) for block in blocks} == {480}
    assert all(block.rate == RATE and block.arrived_at is None for block in blocks)
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), piece)
    assert source.read() is None


@pytest.mark.slow
def test_in_parts_the_piece_is_as_if_it_were_mixed_when_all_had_played(piece):
    stage = demo._Stage(seconds=SECTIONS[-1].end_s, rate=RATE, seed=4)
    for section in SECTIONS:
        getattr(demo, f"_{section.name}")(stage, section.start_s)
    at_once = stage.finished(SECTIONS[-1].end_s, fade_s=demo._END_S)
    np.testing.assert_allclose(piece, at_once, atol=1e-6)


def test_the_first_sound_comes_before_the_rest_is_composed(piece, monkeypatch):
    first, rest = piece[: 2 * RATE], piece[2 * RATE : 3 * RATE]
    go_on = threading.Event()

    def parts(*, sample_rate):
        yield first
        go_on.wait(PATIENCE_S)
        yield rest

    monkeypatch.setattr(demo, "compose_parts", parts)
    source = DemoSource(paced=False)
    heard = [source.read().samples for _ in range(100)]
    assert not go_on.is_set()
    go_on.set()
    heard += [block.samples for block in iter(source.read, None)]
    np.testing.assert_array_equal(np.concatenate(heard), piece[: 3 * RATE])


def test_the_first_part_is_played_without_the_others(monkeypatch):
    for later in ("_joyful", "_tense", "_sad"):
        monkeypatch.setattr(demo, later, None)
    assert len(next(compose_parts(sample_rate=16_000))) > 15 * 16_000


def test_looping_source_begins_again(piece, composed):
    source = DemoSource(paced=False, loop=True)
    for _ in range(len(piece) // 480):
        source.read()
    np.testing.assert_array_equal(source.read().samples, piece[:480])


def test_paced_source_never_delivers_before_the_sound_is_due(composed):
    source = DemoSource(paced=True)
    assert source.real_time
    start = time.monotonic()
    blocks = [source.read() for _ in range(10)]
    assert time.monotonic() >= start + 0.2
    arrivals = [block.arrived_at for block in blocks]
    np.testing.assert_allclose(np.diff(arrivals), 0.02, atol=1e-6)


def test_closing_ends_a_read_that_waits_and_all_later_ones(composed):
    source = DemoSource(paced=True)
    ended = threading.Event()

    def drain() -> None:
        while source.read() is not None:
            pass
        ended.set()

    reader = threading.Thread(target=drain)
    reader.start()
    source.close()
    source.close()
    assert ended.wait(PATIENCE_S)  # the piece itself would take 64 s
    reader.join()
    assert source.read() is None
