"""What a hop is follows from its samples, from those before it and from what was lost."""

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.estimate import Status
from realtime_mer.hops import (
    SILENCE_FLOOR_DBFS,
    STATUSES,
    HopClassifier,
    Loudness,
    StreamPolicy,
    loudness,
)

RATE, HOP, WINDOW = 1000, 100, 3
POLICY = StreamPolicy(silence_after_s=0.3, no_signal_after_s=0.2, reset_after_silence_s=0.5)


@pytest.fixture
def hops() -> HopClassifier:
    return HopClassifier(POLICY, rate=RATE, hop_samples=HOP, window_hops=WINDOW)


def heard(samples: np.ndarray) -> Loudness:
    (found,) = loudness(samples[np.newaxis, np.newaxis].astype(np.float32))
    return found


def tone(dbfs: float) -> Loudness:
    """Return a hop of a square wave: its level is its peak."""
    return heard(10 ** (dbfs / 20) * np.resize([1.0, -1.0], HOP))


ZEROS = heard(np.zeros(HOP))


def statuses(hops: HopClassifier, *pieces: Loudness, lost: int = 0) -> list[Status]:
    return [STATUSES[hops.classify(piece, lost).status] for piece in pieces]


def test_level_and_peak_are_in_decibels_and_have_a_floor() -> None:
    loud = tone(-20)
    assert (loud.level_dbfs, loud.peak_dbfs) == (-20.0, -20.0)
    click = np.zeros(HOP)
    click[0] = -0.5
    hop = heard(click)
    assert (hop.level_dbfs, hop.peak_dbfs) == (-26.02, -6.02)
    silent = ZEROS
    assert (silent.level_dbfs, silent.peak_dbfs) == (SILENCE_FLOOR_DBFS, SILENCE_FLOOR_DBFS)


@pytest.mark.parametrize(("dbfs", "reads"), [(-119.5, -119.5), (-120.5, SILENCE_FLOOR_DBFS)])
def test_the_floor_lies_at_what_digital_silence_reads(dbfs: float, reads: float) -> None:
    hop = tone(dbfs)
    assert (hop.level_dbfs, hop.peak_dbfs) == (reads, reads)


def test_the_level_of_any_finite_sound_is_finite() -> None:
    # The square of such a sample is more than float32 holds.
    assert heard(np.full(HOP, 1e30)).level_dbfs == 600.0


def test_a_stream_warms_up_until_its_window_is_full_of_whole_hops(hops: HopClassifier) -> None:
    warming, music = Status.WARMING_UP, Status.MUSIC
    assert statuses(hops, *[tone(-20)] * 4) == [warming, warming, music, music]


def test_silence_begins_late_and_ends_above_another_threshold(hops: HopClassifier) -> None:
    statuses(hops, *[tone(-20)] * WINDOW)
    music, silence, too_quiet = Status.MUSIC, Status.SILENCE, Status.TOO_QUIET
    assert statuses(hops, *[tone(-70)] * 4) == [music, music, silence, silence]
    assert statuses(hops, tone(-63)) == [silence]
    assert statuses(hops, tone(-58), *[tone(-63)] * 5) == [too_quiet] * 6


def test_the_level_of_the_window_says_whether_sound_is_too_quiet_to_judge(
    hops: HopClassifier,
) -> None:
    music, too_quiet = Status.MUSIC, Status.TOO_QUIET
    statuses(hops, *[tone(-30)] * WINDOW)
    # A pause of less than the window is part of the music.
    assert statuses(hops, tone(-60), tone(-60), tone(-30)) == [music] * 3
    # The window holds -30, -37, -37; then -39 three times.
    assert statuses(hops, tone(-37), tone(-37), tone(-37)) == [music] * 3
    assert statuses(hops, *[tone(-39)] * 4)[-2:] == [too_quiet] * 2
    # Louder than the first threshold is not loud enough: it takes the second.
    assert statuses(hops, *[tone(-36)] * 4) == [too_quiet] * 4
    assert statuses(hops, *[tone(-34)] * 4)[-1] == music


def test_at_the_threshold_itself_sound_is_loud_enough(hops: HopClassifier) -> None:
    found = [hops.classify(tone(POLICY.too_quiet_below_dbfs), 0) for _ in range(WINDOW)]
    assert STATUSES[found[-1].status] is Status.MUSIC
    assert not any(hop.quiet or hop.held for hop in found)


def test_at_the_threshold_itself_silence_goes_on(hops: HopClassifier) -> None:
    statuses(hops, *[tone(-70)] * 5)
    assert not hops.ends_a_pause(tone(POLICY.sound_above_dbfs), 0)
    assert statuses(hops, tone(POLICY.sound_above_dbfs)) == [Status.SILENCE]


def test_what_is_too_quiet_counts_for_nothing_from_the_start(hops: HopClassifier) -> None:
    found = [hops.classify(tone(-50), 0) for _ in range(4)]
    assert [STATUSES[hop.status] for hop in found[2:]] == [Status.TOO_QUIET] * 2
    assert all(hop.quiet and hop.held for hop in found)
    hops.restart()
    assert not hops.classify(tone(-20), 0).held


def test_lost_hops_say_nothing_of_loudness(hops: HopClassifier) -> None:
    statuses(hops, *[tone(-30)] * WINDOW)
    statuses(hops, *[ZEROS] * WINDOW, lost=HOP)
    assert not hops.classify(tone(-43), 0).held


def test_a_quiet_hop_counts_for_nothing_only_once_the_stream_is_silent(
    hops: HopClassifier,
) -> None:
    hops.classify(tone(-20), 0)
    found = [hops.classify(tone(-70), 0) for _ in range(3)]
    assert [(hop.quiet, hop.held) for hop in found] == [(True, False), (True, False), (True, True)]


def made(**policy: float) -> HopClassifier:
    return HopClassifier(StreamPolicy(**policy), rate=RATE, hop_samples=HOP, window_hops=WINDOW)


def test_until_something_is_heard_a_stream_is_silent_however_late_silence_is_reported() -> None:
    warming, silence = Status.WARMING_UP, Status.SILENCE
    assert statuses(made(silence_after_s=1.0), *[tone(-63)] * 4) == [
        *[warming] * 2,
        *[silence] * 2,
    ]


def test_zeros_are_counted_from_the_first_hop_on() -> None:
    found = statuses(made(no_signal_after_s=0.5), *[ZEROS] * 5)
    assert found[2:] == [Status.SILENCE, Status.SILENCE, Status.NO_SIGNAL]


def test_a_gap_of_one_hop_is_part_of_the_first_window_too(hops: HopClassifier) -> None:
    statuses(hops, ZEROS, lost=HOP)
    assert statuses(hops, tone(-20), tone(-20)) == [Status.WARMING_UP, Status.MUSIC]


def test_zeros_are_told_from_a_quiet_room(hops: HopClassifier) -> None:
    statuses(hops, *[tone(-20)] * WINDOW)
    assert statuses(hops, ZEROS, ZEROS, tone(-80)) == [
        Status.MUSIC,
        Status.NO_SIGNAL,
        Status.SILENCE,
    ]


def test_only_a_gap_longer_than_a_hop_lets_the_window_fill_anew(hops: HopClassifier) -> None:
    statuses(hops, *[tone(-20)] * WINDOW)
    assert statuses(hops, ZEROS, lost=HOP) == [Status.GAP]
    assert statuses(hops, tone(-20)) == [Status.MUSIC]
    assert statuses(hops, ZEROS, ZEROS, lost=HOP) == [Status.GAP, Status.GAP]
    warming, music = Status.WARMING_UP, Status.MUSIC
    assert statuses(hops, *[tone(-20)] * 3) == [warming, warming, music]


def test_of_a_hop_with_lost_samples_nothing_counts_though_the_stream_sounds(
    hops: HopClassifier,
) -> None:
    hops.classify(tone(-20), 0)
    assert not hops.classify(tone(-20), 0).held
    hop = hops.classify(tone(-20), 1)
    assert (STATUSES[hop.status], hop.held) == (Status.GAP, True)
    assert not hops.classify(tone(-20), 0).held


def test_sound_that_returns_after_a_long_silence_ends_it(hops: HopClassifier) -> None:
    hops.classify(tone(-20), 0)
    statuses(hops, *[tone(-70)] * 4)
    assert not hops.ends_a_pause(tone(-20), 0)
    hops.classify(tone(-70), 0)
    assert hops.ends_a_pause(tone(-20), 0)
    assert not hops.ends_a_pause(tone(-63), 0)


def test_sound_that_returns_after_a_long_gap_ends_it() -> None:
    hops = made(reset_after_gap_s=0.3)
    hops.classify(tone(-20), 0)
    statuses(hops, ZEROS, ZEROS, lost=HOP)
    assert not hops.ends_a_pause(tone(-20), 0)
    statuses(hops, ZEROS, lost=HOP)
    assert not hops.ends_a_pause(ZEROS, HOP)
    assert hops.ends_a_pause(tone(-20), 0)


def test_a_policy_of_no_time_at_all_ends_a_pause_at_every_gap_longer_than_a_hop() -> None:
    hops = made(reset_after_gap_s=0.0)
    hops.classify(tone(-20), 0)
    statuses(hops, ZEROS, lost=HOP)
    assert not hops.ends_a_pause(tone(-20), 0)
    statuses(hops, ZEROS, lost=1)
    assert hops.ends_a_pause(tone(-20), 0)


def test_a_restart_begins_silent_and_with_an_empty_window(hops: HopClassifier) -> None:
    statuses(hops, *[tone(-20)] * WINDOW)
    hops.restart()
    assert hops.classify(tone(-63), 0).held
    assert statuses(hops, tone(-20), tone(-20)) == [Status.WARMING_UP, Status.MUSIC]


def test_a_window_that_fills_anew_goes_on_sounding(hops: HopClassifier) -> None:
    statuses(hops, *[tone(-20)] * WINDOW)
    hops.fill_window()
    hop = hops.classify(tone(-63), 0)
    assert (STATUSES[hop.status], hop.held) == (Status.WARMING_UP, False)
    assert statuses(hops, tone(-20), tone(-20)) == [Status.WARMING_UP, Status.MUSIC]


@pytest.mark.parametrize(
    ("thresholds", "told"),
    [
        (
            {"sound_above_dbfs": -70.0},
            "sound_above_dbfs -70.0 must not lie under silence_below_dbfs -66.0.",
        ),
        (
            {"loud_enough_above_dbfs": -50.0},
            "loud_enough_above_dbfs -50.0 must not lie under too_quiet_below_dbfs -38.0.",
        ),
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(
    thresholds: dict[str, float], told: str
) -> None:
    with pytest.raises(InputError) as caught:
        StreamPolicy(**thresholds)
    assert str(caught.value) == told


def test_sound_may_end_and_begin_at_one_and_the_same_level() -> None:
    policy = StreamPolicy(
        silence_below_dbfs=-60.0,
        sound_above_dbfs=-60.0,
        too_quiet_below_dbfs=-44.0,
        loud_enough_above_dbfs=-44.0,
    )
    assert policy.sound_above_dbfs == policy.silence_below_dbfs
