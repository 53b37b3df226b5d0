import librosa
import numpy as np
import pytest
import torch

from realtime_mer.errors import InputError
from realtime_mer.features.config import FeatureConfig
from realtime_mer.features.log_mel import LogMel


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
