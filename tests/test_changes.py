"""When the music turns: from columns alone, causal, once a change, and whatever the volume."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.batch import StreamBatch
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.features.changes import ChangeDetector, ChangePolicy
from realtime_mer.stream import EmotionStream
from tests.tones import RATE, ToneRecognizer, tones

HOP_S = 0.1
BANDS = 16
LOW_HEAVY = np.linspace(4.0, 1.0, BANDS)
HIGH_HEAVY = LOW_HEAVY[::-1]


def piece(
    shape: NDArray[np.float64], seconds: float, *, spread: float = 0.3, seed: int = 0
) -> NDArray[np.float32]:
    """Return columns of a piece whose bands waver about a shape."""
    wavers = np.random.default_rng(seed).normal(0.0, spread, (round(seconds / HOP_S), len(shape)))
    return (shape + wavers).astype(np.float32)


def detector(**policy: float) -> ChangeDetector:
    return ChangeDetector(hop_s=HOP_S, policy=ChangePolicy(**policy))


def take(made: ChangeDetector, column: NDArray[np.float32]) -> bool:
    """Let its only stream take a hop, and return whether it turns."""
    (turned,) = made.take(np.array([0]), column[np.newaxis])
    return bool(turned)


def turns_at(made: ChangeDetector, columns: NDArray[np.float32]) -> list[float]:
    """Return the seconds after which it turned."""
    return [round((i + 1) * HOP_S, 1) for i, one in enumerate(columns) if take(made, one)]


def course(made: ChangeDetector, columns: NDArray[np.float32]) -> list[float]:
    found = []
    for one in columns:
        take(made, one)
        found.append(float(made.changed[0]))
    return found


def test_a_piece_that_goes_on_does_not_turn() -> None:
    made = detector()
    assert turns_at(made, piece(LOW_HEAVY, 180)) == []
    assert made.changed[0] < 0.1


def test_another_piece_is_one_turn_within_the_seconds_that_are_compared() -> None:
    made = detector()
    (at,) = turns_at(made, np.vstack((piece(LOW_HEAVY, 40), piece(HIGH_HEAVY, 60, seed=1))))
    assert 40 < at <= 45
    assert made.turns.tolist() == [1]


def test_every_piece_after_the_first_is_a_turn() -> None:
    made = detector()
    shapes = [LOW_HEAVY, HIGH_HEAVY, np.full(BANDS, 2.5), LOW_HEAVY]
    found = turns_at(made, np.vstack([piece(one, 30, seed=i) for i, one in enumerate(shapes)]))
    assert [int(at // 30) for at in found] == [1, 2, 3]
    assert made.turns.tolist() == [3]


def test_it_says_how_much_has_changed_until_it_turns_and_then_begins_anew() -> None:
    columns = np.vstack((piece(LOW_HEAVY, 40), piece(HIGH_HEAVY, 30, seed=1)))
    found = course(detector(), columns)
    assert set(found[:129]) == {0.0}  # 5 s and the fewest 8 s before them
    assert 0 < found[130] < 0.1
    turn = next(i for i, one in enumerate(found) if one >= 0.5)
    before = found[399 : turn + 1 : 5]
    assert before == sorted(before)
    assert set(found[turn + 5 : turn + 130]) == {0.0}
    assert 0 < found[turn + 130] < 0.1


def test_the_volume_is_no_music() -> None:
    columns = piece(LOW_HEAVY, 90)
    turned = columns.copy()
    turned[300:] -= 0.8  # 8 dB
    turned[600:] += 1.5
    assert course(detector(), turned) == pytest.approx(course(detector(), columns), abs=1e-4)


def test_what_a_restless_piece_does_all_the_time_is_less_of_a_change() -> None:
    swinging = np.vstack([piece(LOW_HEAVY * (0.6 + 0.4 * (i % 2)), 6, seed=i) for i in range(6)])
    calm = piece(LOW_HEAVY * 0.8, 36)
    other = piece(LOW_HEAVY * 1.25, 5, seed=9)
    restless, still = (
        course(detector(turns_at=1e6), np.vstack((past, other)))[-1] for past in (swinging, calm)
    )
    assert restless < still / 2


def test_what_is_longer_ago_than_a_minute_counts_no_more() -> None:
    made, other = (detector(turns_at=1e6) for _ in range(2))
    course(made, piece(HIGH_HEAVY, 70, seed=1))
    found = [course(one, piece(LOW_HEAVY, 66)) for one in (made, other)]
    assert found[0][640] != pytest.approx(found[1][640])
    assert found[0][650:] == found[1][650:]


def test_after_a_turn_and_a_restart_it_is_as_new_but_for_the_count() -> None:
    made, fresh = detector(), detector()
    columns = np.vstack((piece(LOW_HEAVY, 40), piece(HIGH_HEAVY, 60, seed=1)))
    turn = round(turns_at(detector(), columns)[0] / HOP_S)
    course(made, columns[:turn])
    assert course(made, columns[turn:])[4:] == course(fresh, columns[turn:])[4:]
    made.restart(np.array([0]))
    assert course(made, columns[:300]) == course(detector(), columns[:300])
    assert (*made.turns, *fresh.turns) == (1, 0)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(st.floats(-1, 1), min_size=2, max_size=4),
    turning=st.floats(0.5, 20),
)
def test_it_turns_where_half_of_the_scale_is_reached_and_only_there(
    seed: int, steps: list[float], turning: float
) -> None:
    made = detector(turns_at=turning)
    parts = [piece(step * LOW_HEAVY, 16, seed=seed + i) for i, step in enumerate(steps)]
    for column in np.vstack(parts):
        (before,) = made.turns.tolist()
        turned = take(made, column)
        assert made.turns.tolist() == [before + turned]
        assert 0 <= made.changed[0] < 1
        if turned:
            assert made.changed[0] >= 0.5


@settings(max_examples=20)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_many_are_told_to_the_last_bit_what_each_would_be_told_alone(
    data: st.DataObject, seed: int
) -> None:
    """Whoever else takes a hop, begins anew or goes on elsewhere beside it."""
    policy = ChangePolicy(recent_s=1.0, least_past_s=2.0, past_s=6.0, turns_at=2.0)
    many = ChangeDetector(hop_s=HOP_S, policy=policy, streams=2)
    many.resize(4)
    alone = [ChangeDetector(hop_s=HOP_S, policy=policy) for _ in range(4)]
    shapes = np.stack((LOW_HEAVY, HIGH_HEAVY, 0.5 * LOW_HEAVY, np.full(BANDS, 9.0)))
    rng = np.random.default_rng(seed)
    steps = st.tuples(st.sets(st.integers(0, 3)), st.integers(1, 40), st.sampled_from("  am"))
    for who, hops, happens in data.draw(st.lists(steps, min_size=5, max_size=20)):
        rows = np.array(sorted(who), np.int64)
        if happens == "a":
            many.restart(rows)
            for row in rows:
                alone[row].restart(np.array([0]))
        elif happens == "m":
            moved = ChangeDetector(hop_s=HOP_S, policy=policy, streams=4)
            for row in range(4):
                moved.restore(3 - row, many.saved(row))
            alone, many = alone[::-1], moved
            continue
        which = rng.permuted(shapes)[: len(rows)]
        for _ in range(hops):
            columns = (which + rng.normal(0.0, 0.3, which.shape)).astype(np.float32)
            turned = many.take(rows, columns)
            assert turned.tolist() == [
                take(alone[row], column) for row, column in zip(rows, columns, strict=True)
            ]
        assert many.changed.tolist() == [float(one.changed[0]) for one in alone]
        assert many.turns.tolist() == [int(one.turns[0]) for one in alone]


def test_it_is_what_a_plain_count_of_the_minute_says() -> None:
    """Blocks of half a second, their stretches and variances, written down as they are meant."""
    columns = np.vstack((piece(LOW_HEAVY, 50), piece(0.8 * LOW_HEAVY, 60, seed=1)))
    shapes = columns - columns.mean(axis=1, keepdims=True)
    blocks = shapes.reshape(-1, 5, BANDS).mean(axis=1)
    found = course(detector(turns_at=1e6), columns)[4::5]
    for last in range(26, len(blocks) + 1):
        past, recent = blocks[max(0, last - 130) : last - 10], blocks[last - 10 : last]
        stretches = np.stack([past[at : at + 10].mean(axis=0) for at in range(len(past) - 9)])
        variance = (len(past) * stretches.var(axis=0) + 20 * 0.05) / (len(past) + 20)
        distance = np.mean((recent.mean(axis=0) - past.mean(axis=0)) ** 2 / variance) / 1e6
        assert found[last - 1] == pytest.approx(distance / (1 + distance), rel=1e-3, abs=1e-10)


def test_columns_of_another_recogniser_are_refused() -> None:
    made = detector()
    take(made, piece(LOW_HEAVY, 1)[0])
    with pytest.raises(InputError, match="has 8 bands where those before had 16"):
        take(made, piece(LOW_HEAVY[:8], 1)[0])


@pytest.mark.parametrize(
    "wrong", [{"recent_s": 0.0}, {"least_past_s": 4.0}, {"past_s": 7.0}, {"turns_at": 0.0}]
)
def test_times_and_thresholds_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        ChangePolicy(**wrong)


# In a stream.


def music(seconds: float, likely: float) -> NDArray[np.float32]:
    return tones(seconds, music=likely)


def zeros(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def turned_at(estimates: list[Estimate]) -> list[float]:
    return [after.t for before, after in pairwise(estimates) if after.turns > before.turns]


@pytest.fixture
def stream() -> EmotionStream:
    return EmotionStream(ToneRecognizer())


def test_an_estimate_tells_of_a_turn(stream: EmotionStream) -> None:
    found = stream.push(np.concatenate((music(20, 1.0), music(20, 0.5))))
    (at,) = turned_at(found)
    assert 20 < at <= 25
    (turn,) = (one for one in found if one.t == at)
    assert turn.changed is not None
    assert turn.changed >= 0.5
    assert [one.turns for one in found] == [0] * (turn.seq) + [1] * (len(found) - turn.seq)


def test_another_song_after_a_silence_is_a_turn_and_the_same_one_is_not(
    stream: EmotionStream,
) -> None:
    stream.push(np.concatenate((music(20, 1.0), zeros(15), music(20, 1.0))))
    found = stream.push(np.concatenate((zeros(15), music(6, 0.5))))
    assert found[-1].turns == 1
    assert {one.turns for one in found[:150]} == {0}
    assert len({one.changed for one in found[20:150]}) == 1  # it stays as long as it is silent


def test_talk_between_two_songs_is_not_music_that_turns(stream: EmotionStream) -> None:
    found = stream.push(np.concatenate((music(20, 1.0), music(30, 0.1), music(20, 1.0))))
    assert found[-1].turns == 0


def test_a_fresh_start_has_nothing_to_compare_with_and_counts_on(stream: EmotionStream) -> None:
    stream.push(np.concatenate((music(20, 1.0), music(20, 0.5))))
    stream.reset()
    found = stream.push(music(20, 1.0))
    assert {one.turns for one in found} == {1}
    assert {one.changed for one in found[:120]} == {0.0}


def test_streams_of_a_batch_turn_as_they_would_alone_also_where_one_goes_on_elsewhere() -> None:
    sounds = [
        np.concatenate((music(18, 1.0), music(12, 0.5))),
        np.concatenate((music(24, 0.6), music(6, 1.0))),
        music(30, 0.8),
    ]
    alone = [EmotionStream(ToneRecognizer()).push(sound) for sound in sounds]
    batch = StreamBatch(ToneRecognizer())
    streams = [batch.join() for _ in sounds]
    found: list[list[Estimate]] = [[] for _ in sounds]
    for start in range(0, 30 * RATE, 6 * RATE + RATE // 10 * 3):
        samples = np.stack([sound[start : start + 6 * RATE + RATE // 10 * 3] for sound in sounds])
        told = batch.step(streams, samples)
        for row, one in enumerate(found):
            one += told.estimates(row)
        moved = StreamBatch(ToneRecognizer())
        streams = [moved.join(batch.state(stream)) for stream in reversed(streams)][::-1]
        batch = moved
    assert [row[-1].turns for row in found] == [1, 1, 0]
    for row, expected in zip(found, alone, strict=True):
        assert [(one.turns, one.changed) for one in row] == [
            (one.turns, pytest.approx(one.changed, abs=1e-5)) for one in expected
        ]
