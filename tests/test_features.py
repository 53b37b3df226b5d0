import math

import librosa
import numpy as np
import pytest
import torch

from realtime_mer.errors import InputError
from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch, pitch_hz


def music(seconds: float = 2.0) -> np.ndarray:
    t = np.arange(int(24_000 * seconds)) / 24_000
    tone = 0.3 * np.sin(2 * np.pi * 220 * t) + 0.1 * np.sin(2 * np.pi * 3000 * t)
    return (tone + 0.01 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)


def test_agree_with_librosa_to_a_ten_thousandth():
    samples = music()
    config = FeatureConfig()
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
        window=config.window,
        center=False,
    )
    frames = LogMel(config)(torch.from_numpy(samples).unsqueeze(0))[0]
    np.testing.assert_allclose(frames.numpy().T, np.log10(1 + config.log_gain * power), atol=1e-4)


def test_digital_zeros_are_exactly_zero():
    assert not LogMel(FeatureConfig())(torch.zeros(1, 4800)).any()


def test_a_frame_is_the_same_alone_and_in_a_recording():
    samples = torch.from_numpy(music()).unsqueeze(0)
    log_mel = LogMel(FeatureConfig())
    whole = log_mel(samples)
    alone = log_mel(samples[:, 480 * 7 : 480 * 7 + 960])
    torch.testing.assert_close(alone[:, 0], whole[:, 7], atol=1e-6, rtol=0)


@pytest.mark.parametrize("wrong", [{"f_max": 13_000.0}, {"hop_length": 961}, {"f_min": -1.0}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(InputError):
        FeatureConfig(**wrong)


# -- log-pitch rows --------------------------------------------------------------------------------

LOG_PITCH = LogPitch(PitchConfig(), sample_rate=24_000, hop=2400)


def sounding(*hz: float, seconds: float = 1.0, amplitude: float = 0.1) -> torch.Tensor:
    t = torch.arange(round(24_000 * seconds), dtype=torch.float64) / 24_000
    return sum(amplitude * torch.sin(2 * torch.pi * f * t) for f in hz).float().unsqueeze(0)


def pitch_bin(hz: float) -> int:
    return int(np.abs(np.log(pitch_hz(LOG_PITCH.config) / hz)).argmin())


def test_there_are_three_bins_a_semitone_from_c2_to_c7():
    hz = pitch_hz(PitchConfig())
    assert (len(hz), round(hz[0], 1), round(hz[-1], 1)) == (180, 65.4, 2053.1)
    np.testing.assert_allclose(hz[3:] / hz[:-3], 2 ** (1 / 12))


@pytest.mark.parametrize("hz", [82.4, 220.0, 466.2, 1318.5, 1975.5])
@pytest.mark.parametrize("cents", [-30, 0, 20])
def test_a_tone_stands_out_at_its_pitch_wherever_it_lies(hz, cents):
    tone = hz * 2 ** (cents / 1200)
    row = LOG_PITCH(sounding(tone, amplitude=1.0))[0, -1]
    assert abs(int(row.argmax()) - pitch_bin(tone)) <= 1
    assert row.max() == pytest.approx(7.0, abs=0.2)  # log10(1 + 1e7 * 1)


@pytest.mark.parametrize("root", [130.8, 220.0, 440.0])
def test_major_and_minor_thirds_are_told_apart(root):
    third = {name: root * 2 ** (steps / 12) for name, steps in (("minor", 3), ("major", 4))}
    fifth = root * 2 ** (7 / 12)
    for name, other in (("minor", "major"), ("major", "minor")):
        row = LOG_PITCH(sounding(root, third[name], fifth))[0, -1]
        assert row[pitch_bin(third[name])] > row[pitch_bin(third[other])] + 0.5


def test_digital_zeros_are_exactly_zero_in_log_pitch_too():
    assert not LOG_PITCH(torch.zeros(1, 8192 + 2400)).any()


def test_a_row_is_the_same_alone_and_in_a_recording():
    samples = torch.from_numpy(music()).unsqueeze(0)
    alone = LOG_PITCH(samples[:, 2400 * 7 : 2400 * 7 + 8192])
    torch.testing.assert_close(alone[:, 0], LOG_PITCH(samples)[:, 7], atol=1e-5, rtol=0)


@pytest.mark.parametrize("wrong", [{"n_fft": 0}, {"f_min": 0.0}, {"log_gain": math.inf}])
def test_settings_of_pitch_that_cannot_work_are_refused(wrong):
    with pytest.raises(InputError, match=f"pitch.{next(iter(wrong))}"):
        PitchConfig(**wrong)


def test_pitches_above_what_a_sample_rate_carries_are_refused():
    with pytest.raises(InputError, match=r"highest bins at 12800 Hz"):
        FeatureConfig(pitch=PitchConfig(f_min=400.0))
