import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.emotion import nearest_mood
from realtime_mer.errors import InputError
from realtime_mer.shaping import Shaper
from tests.samples import sample_estimate


def run(shaper, values):
    out = []
    for i, valence in enumerate(values):
        t = round(0.1 * (i + 1), 6)
        out += shaper.shape(sample_estimate(seq=i, t=t, valence=valence))
    return out


def test_without_settings_estimates_pass_as_they_are():
    estimate = sample_estimate()
    assert Shaper().shape(estimate) == [estimate]


def test_smoothing_reaches_63_percent_after_its_time_constant():
    values = run(Shaper(smoothing_s=1.0), [0.0] + [0.5] * 10)
    assert values[-1].valence == pytest.approx(0.5 * (1 - math.exp(-1)))
    assert {e.smoothing_s for e in values} == {1.0}


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(0.01, 60))
def test_smoothed_values_stay_within_what_came(values, seconds):
    for estimate in run(Shaper(smoothing_s=seconds), values):
        assert min(values) - 1e-9 <= estimate.valence <= max(values) + 1e-9


@given(st.lists(st.floats(-1, 1), max_size=50), st.floats(0, 8))
def test_delay_holds_back_and_loses_nothing(values, seconds):
    shaper = Shaper(delay_s=seconds)
    early = run(shaper, values)
    assert all(e.t <= 0.1 * len(values) - seconds + 1e-5 for e in early)
    assert [e.seq for e in early + shaper.flush()] == list(range(len(values)))


def test_the_mood_word_follows_the_smoothed_point():
    last = run(Shaper(smoothing_s=60.0), [-0.6, 0.6])[-1]
    assert last.mood == nearest_mood(last.valence, last.arousal) != nearest_mood(0.6, last.arousal)


@pytest.mark.parametrize("settings", [{"smoothing_s": -1}, {"delay_s": 61}])
def test_times_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match="between 0 and 60"):
        Shaper(**settings)
