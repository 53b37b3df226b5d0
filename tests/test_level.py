"""Sound is brought to one level before it is heard, as far as its own says nothing of the music."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.estimate import Status
from realtime_mer.features.config import LevelConfig
from realtime_mer.features.level import LevelFollower
from realtime_mer.hops import StreamPolicy
from realtime_mer.stream import EmotionStream
from tests.tones import HOP, ToneRecognizer, tones

HOP_S = 0.1
EVEN = LevelConfig(usual_dbfs=-20.0, free_db=0.0, time_s=2.0, most_db=80.0)
LEVELS = st.lists(st.floats(-60.0, 0.0), min_size=1, max_size=60)


def gains_of(levels: list[float], config: LevelConfig | None = EVEN) -> list[float]:
    """Return the gain of each hop, and that of the one that would come next."""
    follower = LevelFollower(config, hop_s=HOP_S)
    gains = [follower.gain_db]
    for level in levels:
        follower.take(level, True)
        gains.append(follower.gain_db)
    return gains


@given(levels=LEVELS, shift=st.floats(-20.0, 20.0))
def test_what_is_played_louder_gets_so_much_less_gain_once_a_hop_was_heard(
    levels: list[float], shift: float
) -> None:
    before, after = gains_of(levels), gains_of([level + shift for level in levels])
    assert before[0] == after[0] == 0.0
    assert np.array(after[1:]) == pytest.approx(np.array(before[1:]) - shift, abs=1e-4)


@given(levels=LEVELS)
def test_within_what_is_usual_nothing_is_changed(levels: list[float]) -> None:
    usual = LevelConfig(usual_dbfs=-30.0, free_db=30.0)
    assert gains_of(levels, usual) == pytest.approx([0.0] * (len(levels) + 1), abs=1e-5)


def test_beyond_what_is_usual_sound_is_brought_to_the_nearer_end_of_it() -> None:
    usual = LevelConfig(usual_dbfs=-20.0, free_db=12.0)
    assert gains_of([-50.0], usual)[1] == pytest.approx(18.0)
    assert gains_of([-2.0], usual)[1] == pytest.approx(-6.0)


def test_a_gain_has_a_bound() -> None:
    assert gains_of([-80.0], LevelConfig(usual_dbfs=-20.0, most_db=25.0))[1] == 25.0


@given(levels=LEVELS)
def test_the_level_is_the_mean_power_of_the_hops_so_far(levels: list[float]) -> None:
    known = LevelConfig(usual_dbfs=-20.0, free_db=0.0, time_s=1000.0)
    mean_db = 10 * np.log10(np.mean(10 ** (np.array(levels) / 10)))
    assert gains_of(levels, known)[-1] == pytest.approx(-20.0 - mean_db, abs=1e-4)


def test_old_sound_fades_over_the_time_that_the_card_names() -> None:
    gains = gains_of([-20.0] * 100 + [-40.0] * 40)
    # Two of its time constants later an e-th of an e-th of the old power is left.
    left = 10 ** (-(gains[-1] + 20.0) / 10) - 1e-4
    assert left * 100 == pytest.approx(np.exp(-2), abs=0.02)


def test_silence_and_lost_sound_tell_nothing_about_the_level() -> None:
    follower = LevelFollower(EVEN, hop_s=HOP_S)
    follower.take(-30.0, True)
    for level, heard in ((-120.0, True), (-95.0, True), (-5.0, False)):
        follower.take(level, heard)
        assert follower.gain_db == pytest.approx(10.0)


def test_a_card_that_names_no_level_leaves_sound_as_it_is() -> None:
    assert gains_of([-60.0, 0.0], None) == [0.0, 0.0, 0.0]


@given(levels=st.lists(st.lists(st.floats(-120.0, 0.0), min_size=3, max_size=3), max_size=30))
def test_many_streams_have_the_gains_that_each_has_alone(levels: list[list[float]]) -> None:
    many = LevelFollower(EVEN, hop_s=HOP_S)
    many.running, many.level_hops = np.zeros(3, np.int64), np.zeros(3, np.int64)
    alone = [LevelFollower(EVEN, hop_s=HOP_S) for _ in range(3)]
    for hop in levels:
        many.take(np.array(hop), np.ones(3, bool))
        for follower, level in zip(alone, hop, strict=True):
            follower.take(level, True)
    assert many.gain_db == pytest.approx([follower.gain_db for follower in alone], abs=1e-5)


@pytest.mark.parametrize(
    "wrong", [{"time_s": 0.0}, {"free_db": -1.0}, {"most_db": -1.0}, {"usual_dbfs": float("nan")}]
)
def test_a_card_that_cannot_be_meant_is_refused(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(InputError, match=f"level.{name}"):
        LevelConfig(**{"usual_dbfs": -20.0} | wrong)


# -- of a stream


def levelling(config: LevelConfig) -> ToneRecognizer:
    recognizer = ToneRecognizer()
    recognizer.card = recognizer.card.model_copy(update={"level": config})
    return recognizer


def columns(stream: EmotionStream, sound: NDArray[np.float32]) -> list[tuple[int, ...]]:
    stream.push(sound)
    return [column for _, _, column in stream.heard()]


def test_the_network_hears_quiet_sound_as_loud_as_any_and_the_level_told_is_its_own() -> None:
    stream = EmotionStream(levelling(EVEN))
    estimates = stream.push(tones(4.0, music=1.0, dbfs=-50.0))
    loud = EmotionStream(levelling(EVEN))
    loud.push(tones(4.0, music=1.0, dbfs=-20.0))
    quiet, usual = ([column for _, _, column in one.heard()] for one in (stream, loud))
    assert quiet[0] != usual[0]  # of the first hop no level is known yet
    assert quiet[1:] == usual[1:]
    assert estimates[-1].level_dbfs == pytest.approx(-50.0, abs=0.1)
    assert estimates[-1].status is Status.MUSIC


def test_a_quiet_passage_of_loud_music_stays_quiet_and_may_be_too_quiet() -> None:
    config = LevelConfig(usual_dbfs=-20.0, free_db=12.0, time_s=30.0)
    stream = EmotionStream(levelling(config))
    stream.push(tones(20.0, music=1.0, dbfs=-15.0))
    found = stream.push(tones(5.0, music=1.0, dbfs=-45.0))
    assert found[-1].status is Status.TOO_QUIET


def test_the_level_is_let_go_with_the_memory() -> None:
    policy = StreamPolicy(reset_after_silence_s=1.0, silence_after_s=0.5)
    stream = EmotionStream(levelling(EVEN), policy=policy)
    stream.push(tones(3.0, music=1.0, dbfs=-50.0))
    stream.push(np.zeros(3 * 10 * HOP, np.float32))
    again = columns(stream, tones(2.0, music=1.0, dbfs=-20.0))
    fresh = columns(EmotionStream(levelling(EVEN), policy=policy), tones(2.0, music=1.0))
    assert again == fresh


@pytest.mark.parametrize("hops", [1, 7, 40])
def test_the_level_does_not_depend_on_how_sound_is_cut(hops: int) -> None:
    sound = np.concatenate([tones(2.0, music=1.0, dbfs=level) for level in (-45.0, -10.0)])
    whole = columns(EmotionStream(levelling(EVEN)), sound)
    stream = EmotionStream(levelling(EVEN))
    cut = [
        column
        for first in range(0, len(sound), hops * HOP)
        for column in columns(stream, sound[first : first + hops * HOP])
    ]
    assert cut == whole
