import pytest

from realtime_mer.estimate import Status
from realtime_mer.model.card import Calibration, ClipCalibration
from realtime_mer.summary import Summarizer
from tests.samples import sample_estimate


def summarize(estimates, calibration=None):
    summarizer = Summarizer(calibration or Calibration())
    summarizer.add(estimates)
    return summarizer.summary(path="a.flac", seconds=1.0)


def test_only_music_counts_where_there_is_any():
    estimates = [
        sample_estimate(valence=-0.8, status=Status.WARMING_UP),
        sample_estimate(valence=0.2, status=Status.MUSIC),
        sample_estimate(valence=0.4, status=Status.MUSIC),
        sample_estimate(valence=0.9, status=Status.SILENCE),
    ]
    assert summarize(estimates).valence == pytest.approx(0.3)


def test_without_music_all_hops_count():
    estimates = [sample_estimate(valence=v, status=Status.WARMING_UP) for v in (0.1, 0.3)]
    assert summarize(estimates).valence == pytest.approx(0.2)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.MUSIC])
def test_whatever_is_not_music_is_left_out_where_there_is_music(status):
    estimates = [
        sample_estimate(valence=0.2, status=Status.MUSIC),
        sample_estimate(valence=0.9, status=status),
    ]
    assert summarize(estimates).valence == pytest.approx(0.2)


def test_the_share_of_music_is_of_the_sound_that_was_judged():
    said = dict.fromkeys(Status, 1) | {Status.MUSIC: 3, Status.NO_MUSIC: 2}
    estimates = [
        sample_estimate(status=status, music=0.5) for status, n in said.items() for _ in range(n)
    ]
    assert summarize(estimates).music_share == 0.6


def test_without_a_hop_that_was_judged_there_is_no_share_of_music():
    assert summarize([]).music_share is None
    assert summarize([sample_estimate(status=Status.SILENCE, music=0.1)]).music_share is None


def test_a_model_that_does_not_tell_has_no_share_of_music():
    assert summarize([sample_estimate(status=Status.MUSIC)] * 3).music_share is None


def test_a_clip_too_short_for_a_hop_has_no_emotion():
    summary = summarize([])
    assert summary.valence is None
    assert summary.mood is None
    assert set(summary.quadrants.values()) == {None}
    assert len(summary.gems) == 9


def test_a_clips_sd_follows_its_calibration():
    calibration = Calibration(clip_valence=ClipCalibration(floor=0.3, scale=2.0))
    estimates = [sample_estimate(valence_sd=0.2, status=Status.MUSIC)] * 100
    assert summarize(estimates, calibration).valence_sd == pytest.approx(0.5)
