import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.emotion import GEMS, MOOD_WORDS
from realtime_mer.errors import InputError
from realtime_mer.shaping import Shaper
from tests.samples import sample_estimate


def run(shaper, values):
    out = []
    for i, valence in enumerate(values):
        t = round(0.1 * (i + 1), 6)
        out += shaper.shape(sample_estimate(seq=i, t=t, valence=valence))
    return out


def run_one(shaper, seq):
    return shaper.shape(sample_estimate(seq=seq, t=round(0.1 * (seq + 1), 6)))


def test_without_settings_estimates_pass_as_they_are():
    estimate = sample_estimate()
    assert Shaper().shape(estimate) == [estimate]


def test_smoothing_reaches_63_percent_after_its_time_constant():
    values = run(Shaper(smoothing_s=1.0), [0.0] + [0.5] * 10)
    assert values[-1].valence == pytest.approx(0.5 * (1 - math.exp(-1)))
    assert {e.smoothing_s for e in values} == {1.0}


def test_whatever_is_a_number_of_the_music_is_smoothed_alike():
    first = sample_estimate(seq=0)
    changed = {
        "valence": -0.75,
        "arousal": 0.5,
        "valence_sd": 0.4,
        "arousal_sd": 0.1,
        "quadrants": {"Q1": 0.4, "Q2": 0.1, "Q3": 0.2, "Q4": 0.3},
        "gems": dict.fromkeys(GEMS, 0.5),
    }
    second = sample_estimate(seq=5, **changed)
    shaper = Shaper(smoothing_s=0.5)
    shaper.shape(first)
    (smooth,) = shaper.shape(second)

    def between(old, new):
        return pytest.approx(new + math.exp(-1) * (old - new))

    for name, new in changed.items():
        old, found = getattr(first, name), getattr(smooth, name)
        if isinstance(new, dict):
            assert found.keys() == new.keys()
            for key in new:
                assert found[key] == between(old[key], new[key]), (name, key)
        else:
            assert found == between(old, new), name
    kept = {"seq", "t", "status", "level_dbfs", "latency_ms", "state_age_s", "wall_time"}
    assert all(getattr(smooth, name) == getattr(second, name) for name in kept)


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


def test_a_delayed_estimate_comes_when_the_stream_is_just_so_much_further_and_says_so():
    shaper = Shaper(delay_s=0.3)
    # 0.1 s a hop: the fourth is 0.3 s after the first, though not to the last bit.
    assert [len(run_one(shaper, seq)) for seq in range(3)] == [0, 0, 0]
    (due,) = run_one(shaper, 3)
    assert (due.seq, due.delay_s) == (0, 0.3)
    assert {e.delay_s for e in shaper.flush()} == {0.3}
    assert shaper.flush() == []


def test_the_mood_word_follows_the_smoothed_point():
    last = run(Shaper(smoothing_s=60.0), [-0.6, 0.6])[-1]
    assert last.valence < 0
    assert {"Q2", "Q3"} & {mood.quadrant for mood in MOOD_WORDS if mood.word in last.words}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"smoothing_s": -1}, "--smoothing -1 must lie between 0 and 60 seconds"),
        ({"delay_s": -0.2}, "--delay -0.2 is impossible: no estimate can come before the sound"),
        ({"delay_s": 61}, "--delay 61 must lie between 0 and 60 seconds"),
    ],
)
def test_times_out_of_range_are_refused(settings, told):
    with pytest.raises(InputError, match=f"^{told}"):
        Shaper(**settings)


def test_the_longest_times_are_taken():
    Shaper(smoothing_s=60, delay_s=60)


def test_a_longer_delay_holds_back_more_from_the_next_estimate_on():
    shaper = Shaper()
    assert [e.seq for e in run_one(shaper, 0)] == [0]
    shaper.change(delay_s=0.3)
    assert shaper.delay_s == 0.3
    out = [[e.seq for e in run_one(shaper, seq)] for seq in range(1, 6)]
    assert out == [[], [], [], [1], [2]]


def test_after_a_shorter_delay_what_was_held_back_comes_in_order_and_never_as_a_flood():
    shaper = Shaper(delay_s=20.0)
    for seq in range(200):
        assert run_one(shaper, seq) == []
    shaper.change(delay_s=0.0)
    out = [[e.seq for e in run_one(shaper, seq)] for seq in range(200, 230)]
    assert max(map(len, out)) <= 16
    assert [seq for each in out for seq in each] == list(range(230))
    assert out[-1] == [229]
    (last,) = run_one(shaper, 230)
    assert last.delay_s == 0.0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), max_size=6))
def test_however_the_delay_changes_every_estimate_comes_once_and_in_order(changes):
    shaper, seq, out = Shaper(), 0, []
    for delay, count in changes:
        shaper.change(delay_s=delay)
        for _ in range(count):
            out += run_one(shaper, seq)
            seq += 1
    out += shaper.flush()
    assert [e.seq for e in out] == list(range(seq))


def test_smoothing_begins_and_ends_while_it_runs():
    shaper = Shaper()
    shaper.change(smoothing_s=1.0)
    values = run(shaper, [0.0] + [0.5] * 10)
    assert values[-1].valence == pytest.approx(0.5 * (1 - math.exp(-1)))
    shaper.change(smoothing_s=0.0)
    assert run_one(shaper, 11)[0].smoothing_s == 0.0


def test_a_change_beyond_the_bounds_changes_nothing():
    shaper = Shaper(delay_s=1.0)
    with pytest.raises(InputError, match="--smoothing"):
        shaper.change(smoothing_s=61.0, delay_s=2.0)
    assert (shaper.smoothing_s, shaper.delay_s) == (0.0, 1.0)
