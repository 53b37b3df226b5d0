from dataclasses import replace

import numpy as np
import pytest

from realtime_mer.hops import StreamPolicy
from tests.networks import random_recognizer
from training.judge import not_music
from training.judge.music_prior import Verdict

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


def heard(key: str, said: list[float], music: list[bool], *, kind: str = "music") -> Verdict:
    return Verdict(
        key=key,
        kind=kind,
        synthetic=False,
        truth=np.array(music, np.float64),
        stream=np.array(said, np.float32),
    )


def test_figures_count_clips_and_hops_on_either_side_of_every_threshold():
    found = not_music.figures(
        [
            heard("m/a", [0.9, 0.95, 0.45, 0.9], [True] * 4),
            heard("m/b", [0.84] * 4, [True] * 4),
            heard("s/a", [0.1, 0.2, 0.05, 0.65], [False] * 4, kind="speech"),
            heard("s/b", [0.82] * 2, [False] * 2, kind="speech"),
            heard("mix", [0.2, 0.9], [False, True], kind="mix"),
        ]
    )
    # Of four pairs of a clip of music and one of speech, one is in the wrong order.
    assert found["auc"] == 0.75
    half = next(row for row in found["thresholds"] if row["threshold"] == 0.5)
    assert half["not_music_told"] == pytest.approx(4 / 7, abs=1e-4)
    assert half["music_mistaken"] == pytest.approx(1 / 9, abs=1e-4)
    assert (half["songs_mistaken_by_a_tenth"], half["songs"]) == (1, 3)
    kinds = {row["kind"]: row for row in found["kinds"]}
    assert kinds["speech"]["right"] == pytest.approx((0.75 + 0) / 2)
    assert [each["clip"] for each in kinds["speech"]["worst"]] == ["s/b", "s/a"]
    assert kinds["mix"]["right"] == 1.0


def test_without_both_kinds_there_is_no_area_under_a_curve():
    found = not_music.figures([heard("m/a", [0.9], [True])])
    assert found["auc"] is None
    assert found["thresholds"][0]["not_music_told"] is None


def test_the_status_is_judged_as_a_session_tells_it_from_the_first_hop_on():
    policy = StreamPolicy(
        no_music_below=0.2, music_above=0.3, no_music_after_s=0.3, music_after_s=0.2
    )
    talk = heard("s", [0.1] * 3 + [0.25, 0.1, 0.9, 0.9, 0.1], [False] * 8, kind="speech")
    doubted = heard("m/a", [0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.9, 0.9], [True] * 8)
    mistaken = heard("m/b", [0.1] * 4 + [0.9] * 6, [True] * 10)
    found = not_music.told([talk, doubted, mistaken], policy, hop_s=0.1)
    # Closed from the third hop on until the second of two that speak for music.
    assert found["not_music_told"] == pytest.approx(4 / 8)
    # Two doubtful hops in a row are no three; the other song is closed at hops 3 to 5 of ten.
    assert found["music_mistaken"] == pytest.approx(3 / 18, abs=1e-4)
    assert (found["songs_mistaken_by_a_tenth"], found["songs"]) == (1, 2)
    assert found["worst"][0] == {"clip": "m/b", "mistaken": 0.3}
    # A hop whose truth is not known moves the gate, and is not counted.
    late = replace(talk, truth=np.array([np.nan] * 3 + [0.0] * 5))
    assert not_music.told([late], policy, hop_s=0.1)["not_music_told"] == 0.6


def test_a_clip_is_judged_as_if_nothing_else_was_heard_beside_it():
    clips = [
        heard("s", [0.1] * 40, [False] * 40, kind="speech"),
        heard("m", [0.9, 0.05] * 30, [True] * 60),
    ]
    both = not_music.told(clips, StreamPolicy(), hop_s=0.1)
    for clip, share in zip(clips, ("not_music_told", "music_mistaken"), strict=True):
        assert not_music.told([clip], StreamPolicy(), hop_s=0.1)[share] == both[share]
