import numpy as np
import pytest

from tests.networks import random_recognizer
from training.judge import not_music

RATE = 24_000


def test_every_sound_is_as_loud_as_said_and_long_enough():
    names = []
    for name, samples in not_music.sounds(RATE):
        names.append(name)
        level = 10 * np.log10(np.mean(samples.astype(np.float64) ** 2))
        assert level == pytest.approx(not_music.LEVEL_DBFS, abs=0.01)
        assert len(samples) > 10 * RATE
    assert len(set(names)) == len(names) >= 5


def test_a_judgement_averages_what_comes_after_the_warm_up():
    name, samples = next(iter(not_music.sounds(RATE)))
    said = not_music.judge(random_recognizer(), name, samples[: 10 * RATE])
    assert 0 <= said.false_emotions <= 1
    assert said.quadrant[0] in {"Q1", "Q2", "Q3", "Q4"}
    assert 0.25 <= said.quadrant[1] <= 1
