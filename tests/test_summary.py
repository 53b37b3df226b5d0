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
