"""Sound that is no music is marked, held and left out; a model that does not tell marks nothing."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.analysis import NO_MUSIC, SILENT, FileAnalysis
from realtime_mer.audio.ring import LostSamples
from realtime_mer.batch import StreamBatch
from realtime_mer.estimate import Estimate, Status
from realtime_mer.hops import StreamPolicy
from realtime_mer.stream import EmotionStream
from tests.tones import HOP, RATE, ToneRecognizer, tones

WARMING, MUSIC, NONE = Status.WARMING_UP, Status.MUSIC, Status.NO_MUSIC


def music(seconds: float, likely: float = 0.9) -> NDArray[np.float32]:
    return tones(seconds, music=likely)


def talk(seconds: float, likely: float = 0.1) -> NDArray[np.float32]:
    return tones(seconds, music=likely)


def zeros(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def statuses(estimates: list[Estimate]) -> list[Status]:
    return [estimate.status for estimate in estimates]


@pytest.fixture
def stream() -> EmotionStream:
    return EmotionStream(ToneRecognizer())


def test_every_estimate_says_how_likely_music_is_and_how_familiar_the_sound(
    stream: EmotionStream,
) -> None:
    found = stream.push(np.concatenate((music(4), talk(3), zeros(2), music(1, 0.25))))
    assert [one.music for one in found] == pytest.approx(
        [0.9] * 40 + [0.1] * 30 + [0] * 20 + [0.25] * 10, abs=1e-6
    )
    assert [one.familiar for one in found] == pytest.approx(
        [one.music / 2 for one in found if one.music is not None], abs=2e-6
    )


def test_talk_is_marked_after_the_stated_time_and_so_is_the_music_after_it(
    stream: EmotionStream,
) -> None:
    assert statuses(stream.push(music(4))) == [WARMING] * 29 + [MUSIC] * 11
    assert statuses(stream.push(talk(4))) == [MUSIC] * 14 + [NONE] * 26
    assert statuses(stream.push(music(2))) == [NONE] * 4 + [MUSIC] * 16


def test_talk_from_the_start_is_marked_once_the_window_is_full(stream: EmotionStream) -> None:
    found = stream.push(talk(5))
    assert statuses(found) == [WARMING] * 29 + [NONE] * 21
    assert {one.valence for one in found[14:]} == {0.0}  # no music came that could be held


@pytest.mark.parametrize("quiet_s", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("unsure_s", [0.5, 2.0, 2.9])
def test_what_was_said_of_a_beginning_that_turns_out_to_be_no_music_is_not_held(
    stream: EmotionStream, quiet_s: float, unsure_s: float
) -> None:
    unsure = round(10 * unsure_s)  # hops of which the network did not know
    closed = unsure + 14
    stream.push(zeros(quiet_s))
    found = stream.push(np.concatenate((talk(unsure_s, 0.4), talk(5))))
    assert found[unsure - 1].valence == pytest.approx(0.4)
    assert {one.valence for one in found[closed:]} == {0.0}
    assert set(statuses(found)[max(closed, 29) :]) == {NONE}


def breaks(stream: EmotionStream) -> dict[str, Callable[[], object]]:
    """What may come between two sounds."""
    gap = LostSamples(start=stream.position, length=RATE)
    return {
        "pause": lambda: stream.push(zeros(2)),
        "long silence": lambda: stream.push(zeros(12)),
        "gap": lambda: stream.push(zeros(1), gaps=[gap]),
        "left out": lambda: stream.skip(20),
        "talk": lambda: stream.push(talk(5)),
    }


@pytest.mark.parametrize("between", ["pause", "long silence", "gap", "left out", "talk"])
def test_what_was_held_goes_on_being_held_over_sound_that_turns_out_to_be_no_music(
    stream: EmotionStream, between: str
) -> None:
    last = stream.push(music(4, 0.8))[-1]
    breaks(stream)[between]()
    found = stream.push(np.concatenate((talk(2, 0.4), talk(5))))
    assert found[19].valence == pytest.approx(0.4)
    assert {one.valence for one in found[34:]} == {last.valence}
    # It has faded since the music ended, and what came after gives it no new strength.
    gone = (found[34].valence_sd ** 2 - 0.2**2) / (0.5**2 - 0.2**2)
    since_s = 0.1 * (found[34].seq - last.seq)
    assert since_s - 1.6 <= -10 * math.log(1 - gone) <= since_s


@pytest.mark.parametrize("how", ["reset", "asked with the first hop"])
def test_a_stream_that_begins_anew_holds_nothing_of_the_music_before(how: str) -> None:
    recognizer = ToneRecognizer()
    batch = StreamBatch(recognizer)
    stream = batch.join()
    batch.step([stream], music(4)[np.newaxis])
    if how == "reset":
        batch.reset([stream])
    sound = np.concatenate((talk(2, 0.4), talk(5)))[np.newaxis]
    hops = sound.shape[1] // HOP
    anew = np.zeros((1, hops), bool)
    anew[0, 0] = how != "reset"
    found = batch.step([stream], sound, anew=anew).estimates(0)
    assert {one.valence for one in found[34:]} == {0.0}


def test_two_unsure_sounds_make_no_music(stream: EmotionStream) -> None:
    stream.push(talk(2, 0.4))
    stream.skip(20)
    found = stream.push(np.concatenate((talk(2, 0.4), talk(5))))
    assert {one.valence for one in found[34:]} == {0.0}


def test_the_first_hop_of_music_that_was_judged_is_held(stream: EmotionStream) -> None:
    found = stream.push(np.concatenate((music(3, 0.8), talk(5))))
    assert statuses(found) == [WARMING] * 29 + [MUSIC] * 15 + [NONE] * 36
    assert {one.valence for one in found[44:]} == {found[29].valence}


def test_a_gate_that_never_closes_is_allowed() -> None:
    stream = EmotionStream(ToneRecognizer(), policy=StreamPolicy(no_music_after_s=math.inf))
    assert set(statuses(stream.push(talk(6)))) == {WARMING, MUSIC}


def test_what_is_held_is_from_before_music_was_unlikely_and_it_fades(
    stream: EmotionStream,
) -> None:
    last = stream.push(music(4, 0.8))[-1]
    found = stream.push(talk(4))
    assert found[13].valence == pytest.approx(0.1)  # not sure yet: the network is followed
    held = found[14:]
    assert {one.valence for one in held} == {last.valence}
    for hops, one in enumerate(held, start=1):
        faded = 1 - math.exp(-0.1 * hops / 10)
        assert one.quadrants["Q1"] == pytest.approx(0.7 + faded * (0.25 - 0.7))
        assert one.valence_sd**2 == pytest.approx(0.2**2 + faded * (0.5**2 - 0.2**2))
    back = stream.push(music(2))
    assert {one.valence for one in back[:4]} == {last.valence}
    assert back[4].valence == pytest.approx(0.9)
    assert back[4].valence_sd == pytest.approx(0.2)


def test_what_is_neither_clearly_music_nor_clearly_none_stays_what_it_was(
    stream: EmotionStream,
) -> None:
    stream.push(music(4))
    assert set(statuses(stream.push(talk(20, 0.25)))) == {MUSIC}
    stream.push(talk(3))
    assert set(statuses(stream.push(music(20, 0.28)))) == {NONE}


def test_the_memory_is_kept_however_long_the_talk_was(stream: EmotionStream) -> None:
    stream.push(music(4))
    stream.push(talk(30))
    back = stream.push(music(3))
    assert statuses(back) == [NONE] * 4 + [MUSIC] * 26
    assert [one.state_age_s for one in back] == pytest.approx([34.1 + i / 10 for i in range(30)])


def test_a_song_with_a_pause_is_not_taken_for_talk(stream: EmotionStream) -> None:
    stream.push(music(4))
    assert NONE not in statuses(stream.push(np.concatenate((zeros(8), music(4)))))


def test_silence_and_what_is_too_quiet_speak_neither_for_music_nor_against_it(
    stream: EmotionStream,
) -> None:
    stream.push(music(4))
    stream.push(talk(4))
    assert statuses(stream.push(zeros(5)))[-1] is Status.NO_SIGNAL
    assert statuses(stream.push(tones(0.2, music=0.9))) == [NONE] * 2
    assert set(statuses(stream.push(talk(1)))) == {NONE}
    assert statuses(stream.push(tones(5, music=0.1, dbfs=-50.0)))[-1] is Status.TOO_QUIET
    assert set(statuses(stream.push(tones(5, music=0.9, dbfs=-50.0)))) == {Status.TOO_QUIET}
    assert set(statuses(stream.push(talk(1)))) == {NONE}


def test_lost_sound_speaks_neither_for_music_nor_against_it(stream: EmotionStream) -> None:
    stream.push(music(4))
    gap = LostSamples(start=stream.position, length=2 * RATE)
    assert set(statuses(stream.push(zeros(2), gaps=[gap]))) == {Status.GAP}
    assert set(statuses(stream.push(music(4)))) == {WARMING, MUSIC}


def test_after_a_reset_and_after_a_long_silence_nothing_is_known_of_the_talk(
    stream: EmotionStream,
) -> None:
    between = tones(4, music=0.25)  # speaks neither for the one nor for the other
    stream.push(talk(4))
    stream.reset()
    assert statuses(stream.push(between)) == [WARMING] * 29 + [MUSIC] * 11
    stream.push(talk(4))
    stream.push(zeros(12))
    assert statuses(stream.push(between)) == [WARMING] * 29 + [MUSIC] * 11


def test_a_model_that_does_not_tell_marks_nothing() -> None:
    sound = np.concatenate((music(5), talk(10), zeros(3), talk(4)))
    silent = EmotionStream(ToneRecognizer(tells=False)).push(sound)
    assert {(one.music, one.familiar) for one in silent} == {(None, None)}
    assert NONE not in statuses(silent)
    # All else is as if there were no gate.
    open_gate = StreamPolicy(no_music_below=0.0)
    told = EmotionStream(ToneRecognizer(), policy=open_gate).push(sound)
    assert [replace(one, music=None, familiar=None) for one in told] == silent


PARTS = st.lists(
    st.tuples(
        st.sampled_from(["music", "talk", "between", "quiet", "zeros"]), st.floats(0.05, 1.5)
    ),
    min_size=1,
    max_size=8,
)
SOUNDS = {
    "music": music(1.5),
    "talk": talk(1.5),
    "between": tones(1.5, music=0.25),
    "quiet": tones(1.5, music=0.1, dbfs=-50.0),
    "zeros": zeros(1.5),
}
POLICY = StreamPolicy(
    no_music_after_s=0.4, music_after_s=0.2, reset_after_silence_s=1.0, silence_after_s=0.3
)


def sound_of(parts: list[tuple[str, float]]) -> NDArray[np.float32]:
    return np.concatenate([SOUNDS[kind][: round(seconds * RATE)] for kind, seconds in parts])


@settings(max_examples=30)
@given(
    parts=PARTS,
    cuts=st.lists(st.integers(0, 8 * RATE), max_size=12),
    gap=st.tuples(st.integers(0, 6 * RATE), st.integers(1, 2 * RATE)),
)
def test_estimates_do_not_depend_on_how_the_sound_was_cut(
    parts: list[tuple[str, float]], cuts: list[int], gap: tuple[int, int]
) -> None:
    sound = sound_of(parts)
    lost = LostSamples(start=gap[0], length=gap[1])

    def inside(a: int, b: int) -> list[LostSamples]:
        low, high = max(a, lost.start), min(b, lost.start + lost.length)
        return [LostSamples(start=low, length=high - low)] if low < high else []

    whole = EmotionStream(ToneRecognizer(), policy=POLICY)
    stream, pieces = EmotionStream(ToneRecognizer(), policy=POLICY), []
    edges = sorted({0, len(sound), *(cut for cut in cuts if cut < len(sound))})
    for a, b in itertools.pairwise(edges):
        pieces += stream.push(sound[a:b], gaps=inside(a, b))
    assert pieces == whole.push(sound, gaps=inside(0, len(sound)))
    assert len(pieces) == len(sound) // HOP


@settings(max_examples=20)
@given(rows=st.lists(PARTS, min_size=2, max_size=3))
def test_a_stream_among_many_is_marked_as_it_would_be_alone(
    rows: list[list[tuple[str, float]]],
) -> None:
    sounds = [sound_of(row) for row in rows]
    length = -(-max(map(len, sounds)) // HOP) * HOP
    samples = np.zeros((len(rows), max(length, HOP)), dtype=np.float32)
    for row, sound in zip(samples, sounds, strict=True):
        row[: len(sound)] = sound
    batch = StreamBatch(ToneRecognizer(), policy=POLICY)
    told = batch.step([batch.join() for _ in rows], samples)
    for number, row in enumerate(samples):
        alone = EmotionStream(ToneRecognizer(), policy=POLICY).push(row)
        assert told.estimates(number) == alone


def analysis_of(path, *parts: NDArray[np.float32], tells: bool = True) -> FileAnalysis:
    soundfile.write(path, np.concatenate(parts), RATE, subtype="FLOAT")
    return FileAnalysis(path, recognizer=ToneRecognizer(tells=tells))


def test_a_file_has_the_statuses_of_the_same_sound_live(tmp_path) -> None:
    parts = music(5), talk(5), music(3)
    found = list(analysis_of(tmp_path / "a.wav", *parts).estimates())
    live, position = EmotionStream(ToneRecognizer()), 0
    sound, told = np.concatenate(parts), []
    while position < len(sound):
        told += live.push(sound[position : position + 240])
        position += 240
    assert statuses(found) == statuses(told)


def test_a_summary_is_of_the_music_and_says_how_much_of_the_sound_that_is(tmp_path) -> None:
    analysis = analysis_of(tmp_path / "a.wav", music(4, 0.8), talk(4), zeros(3), music(3, 0.8))
    found = list(analysis.estimates())
    summary = analysis.summary()
    counts = {status: statuses(found).count(status) for status in Status}
    assert counts[NONE] >= 26
    assert summary.music_share == pytest.approx(
        counts[MUSIC] / (counts[MUSIC] + counts[NONE]), abs=1e-6
    )
    heard = [one.valence for one in found if one.status is MUSIC]
    assert summary.valence == pytest.approx(sum(heard) / len(heard), abs=1e-6)
    assert analysis.faults()[NO_MUSIC] == 0


def test_of_talk_alone_all_hops_count_and_somebody_is_told(tmp_path) -> None:
    analysis = analysis_of(tmp_path / "a.wav", talk(6))
    found = list(analysis.estimates())
    summary = analysis.summary()
    assert summary.music_share == 0.0
    assert summary.valence == pytest.approx(sum(one.valence for one in found) / 60, abs=1e-6)
    faults = analysis.faults()
    assert (faults[NO_MUSIC], faults[SILENT]) == (31, 0)


def test_talk_with_silence_in_it_is_told_as_talk(tmp_path) -> None:
    analysis = analysis_of(tmp_path / "a.wav", talk(6), zeros(4))
    assert Status.NO_SIGNAL in statuses(list(analysis.estimates()))
    faults = analysis.faults()
    assert (faults[NO_MUSIC] > 0, faults[SILENT]) == (True, 0)


def test_a_model_that_does_not_tell_has_no_share_of_music(tmp_path) -> None:
    analysis = analysis_of(tmp_path / "a.wav", talk(6), tells=False)
    list(analysis.estimates())
    assert analysis.summary().music_share is None
    assert analysis.faults()[NO_MUSIC] == 0
