import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.audio.ring import LostSamples
from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.estimate import Status
from realtime_mer.following import MEL_STEPS
from realtime_mer.hops import StreamPolicy
from realtime_mer.recognizer.reference import Recognizer
from realtime_mer.stream import EmotionStream
from tests.networks import random_checkpoint, random_recognizer

HOP = 2400
SECOND = 24_000


@pytest.fixture(scope="module")
def recognizer():
    return random_recognizer()


@pytest.fixture
def stream(recognizer):
    return EmotionStream(recognizer)


def sound(seconds: float, *, dbfs: float = -20.0, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * SECOND))
    return (10 ** (dbfs / 20) * noise).astype(np.float32)


def zeros(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SECOND), dtype=np.float32)


def statuses(estimates) -> list[Status]:
    return [estimate.status for estimate in estimates]


@settings(max_examples=30)
@given(
    cuts=st.lists(st.integers(0, 12 * SECOND), max_size=12),
    parts=st.lists(
        st.tuples(st.sampled_from(["loud", "quiet", "zeros"]), st.floats(0.1, 4.0)), max_size=5
    ),
    gap=st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 4 * SECOND)),
)
def test_estimates_do_not_depend_on_how_the_samples_were_cut(recognizer, cuts, parts, gap):
    make = {"loud": sound, "quiet": lambda s: sound(s, dbfs=-75), "zeros": zeros}
    samples = np.concatenate([make[kind](seconds) for kind, seconds in parts] or [zeros(0)])
    policy = StreamPolicy(reset_after_silence_s=2.0, reset_after_gap_s=1.0)
    start, length = min(gap[0], len(samples)), min(gap[1], max(0, len(samples) - gap[0]))
    samples[start : start + length] = 0

    def inside(a: int, b: int) -> list[LostSamples]:
        low, high = max(a, start), min(b, start + length)
        return [LostSamples(start=low, length=high - low)] if low < high else []

    whole = EmotionStream(recognizer, policy=policy).push(samples, gaps=inside(0, len(samples)))
    stream, pieces = EmotionStream(recognizer, policy=policy), []
    edges = sorted({0, len(samples), *(cut for cut in cuts if cut < len(samples))})
    for a, b in itertools.pairwise(edges):
        pieces += stream.push(samples[a:b], gaps=inside(a, b))
    assert len(pieces) == len(whole) == len(samples) // HOP
    for one, other in zip(pieces, whole, strict=True):
        assert one.valence == pytest.approx(other.valence, abs=1e-4)
        assert one.valence_sd == pytest.approx(other.valence_sd, abs=1e-4)
        assert replace(one, affect=other.affect) == other


def test_music_gives_the_recognisers_own_numbers(recognizer, stream):
    import torch

    samples = sound(5)
    estimates = stream.push(samples)
    offline = recognizer.run(torch.from_numpy(samples).unsqueeze(0))
    for name in ("valence", "arousal", "valence_sd", "arousal_sd"):
        assert [getattr(e, name) for e in estimates] == pytest.approx(
            getattr(offline, name)[0].tolist(), abs=1e-4
        )
    for name, order in (("quadrants", QUADRANTS), ("gems", GEMS)):
        assert getattr(estimates[-1], name) == pytest.approx(
            dict(zip(order, getattr(offline, name)[0, -1].tolist(), strict=True)), abs=1e-4
        )


def test_a_stream_has_heard_nothing_before_its_first_hop(stream):
    stream.push(sound(0.05))
    assert list(stream.heard()) == []


def test_every_hop_of_a_push_has_its_column_in_whole_steps(recognizer, stream):
    import torch

    def columns():
        return [column for *_, column in stream.heard()]

    samples = sound(0.5)
    estimates = stream.push(samples)
    heard = recognizer.run(torch.from_numpy(samples).unsqueeze(0)).mel[0]
    assert len(columns()) == len(heard) == len(estimates)
    assert np.array(columns()) == pytest.approx((heard * MEL_STEPS).numpy(), abs=0.51)
    assert all(isinstance(step, int) for column in columns() for step in column)
    levels = [level for level, *_ in stream.heard()]
    assert levels == [estimate.level_dbfs for estimate in estimates]
    stream.push(zeros(0.2))  # the first of these frames still overlaps the sound
    assert columns()[-1] == (0,) * heard.shape[1]
    stream.push(sound(0.2, dbfs=120))
    assert max(columns()[-1]) == 255
    stream.push(sound(0.05))
    assert columns() == []


def test_time_is_counted_in_samples_to_the_end_of_each_window(stream):
    estimates = stream.push(sound(0.25)) + stream.push(sound(0.3))
    assert [e.seq for e in estimates] == [0, 1, 2, 3, 4]
    assert [e.t for e in estimates] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_the_first_three_seconds_are_marked(stream):
    estimates = stream.push(sound(5))
    assert statuses(estimates) == [Status.WARMING_UP] * 29 + [Status.MUSIC] * 21


def test_before_any_sound_nothing_is_known(stream):
    first = stream.push(zeros(0.5))[-1]
    prior = stream.recognizer.card.calibration
    assert (first.valence, first.arousal, first.mood) == (0.0, 0.0, "neutral")
    assert first.valence_sd == pytest.approx(prior.prior_valence_sd)
    assert first.arousal_sd == pytest.approx(prior.prior_arousal_sd)
    assert set(first.quadrants.values()) == {0.25}
    assert first.gems == dict(zip(GEMS, prior.prior_gems, strict=True))
    assert first.status is Status.WARMING_UP
    assert first.level_dbfs == -120.0


def test_what_is_held_fades_from_the_first_hop_on_by_the_stated_time(recognizer):
    stream = EmotionStream(recognizer, policy=StreamPolicy(confidence_decay_s=2.0))
    last = stream.push(sound(4))[-1]
    start = stream.position
    lost = stream.push(zeros(0.3), gaps=[LostSamples(start=start, length=SECOND)])
    prior = stream.recognizer.card.calibration.prior_valence_sd
    least, most = last.valence_sd**2, max(last.valence_sd, prior) ** 2
    for hops, estimate in enumerate(lost, start=1):
        faded = 1 - math.exp(-0.1 * hops / 2.0)
        assert estimate.valence == last.valence
        assert estimate.valence_sd**2 == pytest.approx(least + faded * (most - least))
        assert estimate.quadrants["Q1"] == pytest.approx(
            last.quadrants["Q1"] + faded * (0.25 - last.quadrants["Q1"])
        )


def test_certainty_fades_towards_the_spread_of_the_ratings_each_with_its_own():
    checkpoint = random_checkpoint()
    spread = {"prior_valence_sd": 5.0, "prior_arousal_sd": 7.0}
    calibration = checkpoint.card.calibration.model_copy(update=spread)
    card = checkpoint.card.model_copy(update={"calibration": calibration})
    stream = EmotionStream(Recognizer(replace(checkpoint, card=card)))
    last = stream.push(sound(1))[-1]
    (lost,) = stream.push(zeros(0.1), gaps=[LostSamples(start=SECOND, length=HOP)])
    faded = 1 - math.exp(-0.1 / 10)
    for name, prior in (("valence_sd", 5.0), ("arousal_sd", 7.0)):
        before = getattr(last, name) ** 2
        assert getattr(lost, name) ** 2 == pytest.approx(before + faded * (prior**2 - before))


def test_what_passes_unseen_lets_certainty_fade_too(stream):
    last = stream.push(sound(1))[-1]
    stream.push(zeros(0.1), gaps=[LostSamples(start=SECOND, length=HOP)])
    stream.skip(4, lost=True)
    stream.skip(3)
    position = stream.position
    (lost,) = stream.push(zeros(0.1), gaps=[LostSamples(start=position, length=HOP)])
    assert lost.quadrants["Q1"] - 0.25 == pytest.approx(
        (last.quadrants["Q1"] - 0.25) * math.exp(-0.9 / 10)
    )


def test_silence_holds_the_last_estimate_and_its_confidence_decays(stream):
    last = stream.push(sound(5))[-1]
    quiet = stream.push(sound(20, dbfs=-80))
    silent = [e for e in quiet if e.status is Status.SILENCE]
    assert len(silent) == len(quiet) - 14
    assert {(e.valence, e.mood) for e in silent} == {(last.valence, last.mood)}
    sds = [e.valence_sd for e in silent]
    prior = stream.recognizer.card.calibration.prior_valence_sd
    assert sds == sorted(sds)
    assert sds[-1] == pytest.approx(max(prior, last.valence_sd), abs=0.1)
    assert all(p == pytest.approx(0.25, abs=0.1) for p in silent[-1].quadrants.values())


def test_after_a_lost_device_zeros_are_not_taken_for_music(stream):
    last = stream.push(sound(5))[-1]
    stream.push(zeros(4), gaps=[LostSamples(start=stream.position, length=4 * SECOND)])
    after = stream.push(zeros(4))
    assert {(e.valence, e.arousal) for e in after} == {(last.valence, last.arousal)}


def test_a_quiet_passage_is_not_silence(stream):
    stream.push(sound(4))
    assert Status.SILENCE not in statuses(stream.push(sound(10, dbfs=-58)))


def test_the_gate_has_hysteresis(stream):
    stream.push(sound(4))
    stream.push(sound(3, dbfs=-80))
    between = stream.push(sound(1, dbfs=-63))
    assert set(statuses(between)) == {Status.SILENCE}
    assert stream.push(sound(1, dbfs=-50))[-1].status is Status.TOO_QUIET
    assert Status.SILENCE not in statuses(stream.push(sound(5, dbfs=-63)))


def test_music_that_is_turned_down_is_held_and_marked(stream):
    last = stream.push(sound(5))[-1]
    down = stream.push(sound(8, dbfs=-55))
    too_quiet = [e for e in down if e.status is Status.TOO_QUIET]
    assert len(too_quiet) > 45
    assert {(e.valence, e.arousal) for e in too_quiet} == {(last.valence, last.arousal)}
    # Its confidence decays, as in silence.
    assert too_quiet[-1].quadrants["Q1"] - 0.25 == pytest.approx(
        (last.quadrants["Q1"] - 0.25) * np.exp(-len(too_quiet) / 100), abs=1e-6
    )
    assert stream.push(sound(5))[-1].status is Status.MUSIC


def test_sound_after_a_long_silence_starts_with_a_fresh_memory(stream):
    stream.push(sound(5))
    stream.push(sound(12, dbfs=-80))
    first = stream.push(sound(1))[0]
    assert first.state_age_s == pytest.approx(0.1)
    assert first.status is Status.WARMING_UP


def test_sound_after_a_short_silence_goes_on(stream):
    stream.push(sound(5))
    stream.push(sound(4, dbfs=-80))
    first = stream.push(sound(1))[0]
    assert first.state_age_s == pytest.approx(9.1)
    assert first.status is Status.MUSIC


def test_exact_zeros_are_reported_as_no_signal(stream):
    stream.push(sound(5))
    assert statuses(stream.push(zeros(3)))[-1] is Status.NO_SIGNAL
    assert statuses(stream.push(sound(3, dbfs=-100)))[-1] is Status.SILENCE


def test_a_short_gap_marks_its_hops_and_nothing_else(stream):
    stream.push(sound(4))
    samples = sound(1)
    samples[3000:3500] = 0
    estimates = stream.push(samples, gaps=[LostSamples(start=4 * SECOND + 3000, length=500)])
    assert [e.seq for e in estimates if e.status is Status.GAP] == [41]
    assert statuses(estimates)[2:] == [Status.MUSIC] * 8


def test_after_a_gap_longer_than_a_hop_the_window_fills_anew(stream):
    stream.push(sound(4))
    position = stream.position
    gap = stream.push(zeros(1), gaps=[LostSamples(start=position, length=SECOND)])
    assert set(statuses(gap)) == {Status.GAP}
    after = stream.push(sound(4))
    assert statuses(after) == [Status.WARMING_UP] * 29 + [Status.MUSIC] * 11
    assert after[-1].state_age_s == pytest.approx(9.0)


@pytest.mark.parametrize(("reset_after_gap_s", "age"), [(0.5, 0.1), (math.inf, 5.1)])
def test_the_policy_decides_whether_a_gap_resets_the_memory(recognizer, reset_after_gap_s, age):
    policy = StreamPolicy(reset_after_gap_s=reset_after_gap_s)
    stream = EmotionStream(recognizer, policy=policy)
    stream.push(sound(4))
    stream.push(zeros(1), gaps=[LostSamples(start=4 * SECOND, length=SECOND)])
    assert stream.push(sound(1))[0].state_age_s == pytest.approx(age)


def test_skipped_hops_are_counted_and_time_stays_true(stream):
    stream.push(sound(4))
    stream.skip(7)
    after = stream.push(sound(0.1))[0]
    assert (after.seq, after.t, after.skipped) == (47, 4.8, 7)
    assert after.status is Status.WARMING_UP
    stream.skip(5, lost=True)
    assert stream.push(sound(0.1))[0].skipped == 7
    stream.skip(2)
    assert stream.push(sound(0.1))[0].skipped == 9


def test_the_memory_outlives_hops_that_pass_unseen(recognizer, stream):
    import torch

    heard, after = (torch.from_numpy(sound(n, seed=seed))[None] for n, seed in ((4, 0), (0.1, 1)))
    stream.push(heard[0].numpy())
    stream.skip(7)
    (next_,) = stream.push(after[0].numpy())
    assert next_.state_age_s == pytest.approx(4.8)
    _, state = recognizer.step(heard, recognizer.initial_state())
    expected, _ = recognizer.step(after, recognizer.reset(state, [0], keep_memory=True))
    fresh = recognizer.run(after)
    assert next_.valence == pytest.approx(expected.valence.item(), abs=2e-6)
    assert abs(expected.valence.item() - fresh.valence.item()) > 1e-4


def test_the_memory_is_let_go_where_as_much_passed_unseen_as_the_policy_says(recognizer):
    stream = EmotionStream(recognizer, policy=StreamPolicy(reset_after_gap_s=0.5))
    stream.push(sound(1))
    stream.skip(4)
    assert stream.push(sound(0.1))[0].state_age_s == pytest.approx(1.5)
    stream.skip(5)
    assert stream.push(sound(0.1))[0].state_age_s == pytest.approx(0.1)


def test_only_whole_hops_can_be_skipped(stream):
    stream.push(sound(0.05))
    with pytest.raises(InputError) as caught:
        stream.skip(1)
    assert str(caught.value) == ("Only whole hops can be skipped; push the rest of this one first.")


def test_reset_forgets_the_sound_and_keeps_the_time(stream):
    stream.push(sound(4))
    stream.reset()
    after = stream.push(sound(0.1))[0]
    assert (after.seq, after.status) == (40, Status.WARMING_UP)
    assert after.state_age_s == pytest.approx(0.1)


def test_estimates_are_ready_for_json(stream):
    import json

    for estimate in stream.push(np.concatenate((sound(4), zeros(2)))):
        record = json.loads(json.dumps(estimate.to_dict(), allow_nan=False))
        assert list(record["quadrants"]) == list(QUADRANTS)
        assert sum(record["quadrants"].values()) == pytest.approx(1, abs=1e-5)


def test_thresholds_that_contradict_are_refused():
    with pytest.raises(InputError):
        StreamPolicy(silence_below_dbfs=-40, sound_above_dbfs=-50)


@settings(max_examples=15)
@given(
    cuts=st.lists(st.integers(0, 6 * SECOND), max_size=8),
    resets=st.lists(st.integers(0, 6 * SECOND - 1), max_size=3),
)
def test_a_fresh_start_does_not_depend_on_how_the_samples_were_cut(recognizer, cuts, resets):
    heard = sound(6)
    whole = EmotionStream(recognizer).push(heard, resets=resets)
    stream, pieces = EmotionStream(recognizer), []
    edges = sorted({0, len(heard), *cuts})
    for begin, end in itertools.pairwise(edges):
        inside = [at for at in resets if begin <= at < end]
        pieces += stream.push(heard[begin:end], resets=inside)
    assert [e.state_age_s for e in pieces] == [e.state_age_s for e in whole]
    assert statuses(pieces) == statuses(whole)
    assert [e.valence for e in pieces] == pytest.approx([e.valence for e in whole], abs=1e-4)


def test_a_fresh_start_within_a_hop_takes_the_rest_of_that_hop_with_it(stream):
    estimates = stream.push(sound(5), resets=[SECOND + 100])
    ages = [estimate.state_age_s for estimate in estimates]
    assert ages[10] == pytest.approx(1.1)  # the hop that it falls into
    assert ages[11] == pytest.approx(0.1)


def test_after_a_fresh_start_the_estimate_before_it_is_not_held(stream):
    stream.push(sound(5))
    (first, *_) = stream.push(zeros(1), resets=[5 * SECOND])
    assert (first.valence, first.arousal, first.mood) == (0.0, 0.0, "neutral")
