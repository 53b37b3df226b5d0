"""What is computed once is whole or not there, and a kill costs one clip."""

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import AudioFileError
from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.recognizer.reference import HopPath
from tests.networks import HARMONIC, random_checkpoint
from tests.training.made_corpora import sound
from training.corpora import Clip
from training.features.cache import feature_store, merged
from training.features.conditions import Samples

CONFIG = FeatureConfig()
NAME = "half as loud"


class _Softer:
    """A condition that counts the clips it hears, and ends the process at one of them."""

    def __init__(self, last: int | None = None) -> None:
        self.heard = 0
        self._last = last

    def __call__(self, samples: Samples, _rate: int, _random: np.random.Generator) -> Samples:
        self.heard += 1
        if self.heard == self._last:
            # As a kill does: nothing is caught, closed or tidied.
            os._exit(9)
        return 0.5 * samples


def _clips(folder: Path) -> list[Clip]:
    return [
        Clip(corpus="own", id=str(n), path=folder / f"{n}.wav", seconds=n / 2, group=str(n))
        for n in range(1, 6)
    ]


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Five tones of half a second to two and a half."""
    for clip in _clips(tmp_path / "sound"):
        sound(clip.path, seconds=clip.seconds)
    return _clips(tmp_path / "sound")


def _killed_at_the_fourth(folder: Path, cache: Path) -> None:
    feature_store(_clips(folder), CONFIG, cache, condition=(NAME, _Softer(last=4)))


@pytest.mark.slow
def test_a_killed_computation_leaves_no_store_and_goes_on_where_it_was(
    clips: list[Clip], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    process = multiprocessing.get_context("spawn").Process(
        target=_killed_at_the_fourth, args=(tmp_path / "sound", cache)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    assert not [path for path in cache.iterdir() if path.is_file()]

    rest = _Softer()
    store = feature_store(clips, CONFIG, cache, condition=(NAME, rest))
    assert rest.heard == 2
    at_once = feature_store(clips, CONFIG, tmp_path / "other", condition=(NAME, _Softer()))
    for clip in clips:
        assert len(store[clip.key]) == round(clip.seconds * 50)
        np.testing.assert_array_equal(store[clip.key], at_once[clip.key])
    assert not list((cache / "parts").iterdir())


def test_a_broken_file_is_named_and_costs_nothing_of_what_the_others_took(
    clips: list[Clip], tmp_path: Path
) -> None:
    whole = clips[3].path.read_bytes()
    clips[3].path.write_bytes(b"RIFF, and then nothing")
    first = _Softer()
    with pytest.raises(AudioFileError, match=r"4\.wav"):
        feature_store(clips, CONFIG, tmp_path / "cache", condition=(NAME, first))
    assert first.heard == 3
    clips[3].path.write_bytes(whole)
    rest = _Softer()
    feature_store(clips, CONFIG, tmp_path / "cache", condition=(NAME, rest))
    assert rest.heard == 2


def test_parts_of_other_settings_are_not_taken(clips: list[Clip], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    soundfile.write(clips[4].path, np.zeros(0), 16_000)
    with pytest.raises(AudioFileError, match="no sound"):
        feature_store(clips, CONFIG, cache, condition=(NAME, _Softer()))
    sound(clips[4].path, seconds=2.5)
    other = _Softer()
    feature_store(clips, CONFIG, cache, condition=("half as loud, otherwise", other))
    assert other.heard == 5


def test_rows_of_pitch_stand_beside_the_frames_that_a_network_without_them_has(
    clips: list[Clip], tmp_path: Path
) -> None:
    plain = feature_store(clips, CONFIG, tmp_path / "cache")
    config = replace(CONFIG, pitch=PitchConfig())
    store = feature_store(clips, config, tmp_path / "cache")
    # Two files a store: the frames were there.
    names = sorted(path.name.split("-own-")[0] for path in (tmp_path / "cache").glob("*.npy"))
    assert names == ["log-mel", "log-pitch"]
    checkpoint = random_checkpoint(config=HARMONIC)
    assert checkpoint.card.features == config
    path = HopPath(checkpoint.network, checkpoint.card)
    for clip in clips:
        frames, pitches = store.heard(clip.key)
        np.testing.assert_array_equal(frames, plain[clip.key])
        hops = len(frames) // 5
        heard = load_audio(clip.path, sample_rate=24_000)[: hops * 2400]
        window = np.pad(heard, (69_600, 0))[None]
        _, expected = path.heard_in_windows(torch.from_numpy(window), hops)
        assert pitches.shape == (hops, 180)
        # Half precision keeps three digits.
        np.testing.assert_allclose(pitches, expected[0, 24:].numpy(), atol=5e-3)
        assert plain.heard(clip.key).pitches.shape == (hops, 0)
    first = clips[0].key
    both = merged([store, store]).heard(first)
    np.testing.assert_array_equal(both.pitches, store.heard(first).pitches)
