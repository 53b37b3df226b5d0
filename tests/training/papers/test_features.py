"""Segments of sound, computed once."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from training.corpora import read_clips
from training.papers.systems import features, yakovyna
from training.papers.systems.features import DESCRIPTORS, cut, descriptors, segment_store
from training.papers.systems.system import View

RATE = 8_000


def summary(samples: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """The level of a segment, and its first samples."""
    return {"level": np.sqrt((samples**2).mean(keepdims=True)), "start": samples[:4]}


VIEW = View(name="test", sample_rate=RATE, seconds=2.0, hop_s=1.0, compute=summary)


def sound(seconds: float) -> NDArray[np.float32]:
    return np.arange(round(seconds * RATE), dtype=np.float32)


@pytest.mark.parametrize(
    ("seconds", "fill", "starts"),
    [
        (5.0, False, [0, 1, 2, 3]),
        (4.95, False, [0, 1, 2, 3]),  # 50 ms short of the last one
        (4.5, False, [0, 1, 2]),
        (1.5, False, []),
        (1.5, True, [0]),
        (1.95, False, [0]),
    ],
)
def test_a_clip_is_cut_into_whole_segments(seconds: float, fill: bool, starts: list[int]) -> None:
    pieces = cut(sound(seconds), replace(VIEW, fill=fill))
    assert [piece[0] / RATE for piece in pieces] == starts
    assert all(len(piece) == VIEW.samples for piece in pieces)


def test_what_is_filled_is_silent() -> None:
    (piece,) = cut(sound(1.5), replace(VIEW, fill=True))
    assert piece[-RATE // 2 :].max() == 0


def test_no_more_is_heard_than_the_view_asks_for() -> None:
    pieces = cut(sound(9.0), replace(VIEW, longest_s=3.0))
    assert [piece[0] / RATE for piece in pieces] == [0, 1]


def test_every_descriptor_has_a_column_for_each_centred_frame() -> None:
    noise = np.random.default_rng(0).standard_normal(5 * 22_050).astype(np.float32)
    made = descriptors(noise, DESCRIPTORS, sample_rate=22_050)
    rows = {name: values.shape[0] for name, values in made.items()}
    assert rows == dict.fromkeys(DESCRIPTORS, 1) | {
        **{"contrast": 7, "chroma": 12, "tonnetz": 6, "log_mel": 128},
        **{"mfcc": 20, "mfcc_delta": 20, "mfcc_delta2": 20},
    }
    assert {values.shape[1] for name, values in made.items() if name != "tempo"} == {216}
    assert all(np.isfinite(values).all() for values in made.values())


def test_descriptors_of_one_transform_are_librosas_own() -> None:
    noise = np.random.default_rng(1).standard_normal(22_050).astype(np.float32)
    made = descriptors(noise, ("mfcc", "rms", "centroid", "rolloff"), sample_rate=22_050)
    own = {
        "mfcc": librosa.feature.mfcc(y=noise, sr=22_050, n_mfcc=20),
        "centroid": librosa.feature.spectral_centroid(y=noise, sr=22_050),
        "rolloff": librosa.feature.spectral_rolloff(y=noise, sr=22_050),
    }
    for name, values in own.items():
        np.testing.assert_allclose(made[name], values, rtol=1e-3, atol=1e-2)


def test_sustained_tones_are_harmonic_and_clicks_are_not() -> None:
    time = np.arange(3 * 22_050) / 22_050
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    clicks = np.zeros_like(tone)
    clicks[::5_000] = 1.0

    def share(samples: NDArray[np.float32]) -> float:
        made = descriptors(samples, ("harmonic", "rms"), sample_rate=22_050)
        return float(made["harmonic"].mean() / made["rms"].mean())

    assert share(tone) > 5 * share(clicks)


def test_silence_gives_finite_descriptors() -> None:
    made = descriptors(np.zeros(22_050, np.float32), DESCRIPTORS, sample_rate=22_050)
    assert all(np.isfinite(values).all() for values in made.values())


def test_an_unknown_descriptor_is_refused() -> None:
    with pytest.raises(InputError, match="no descriptor 'mood'"):
        descriptors(np.zeros(22_050, np.float32), ("mood",), sample_rate=22_050)


def test_a_store_is_computed_once_and_again_when_the_view_changes(
    corpora_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = read_clips(corpora_root, ["grekow"])
    first = segment_store(clips, VIEW, tmp_path)
    assert first.arrays["level"].shape == (len(clips) * 5, 1)

    def never(*_arguments: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(features, "_compute", never)
    again = segment_store(clips, VIEW, tmp_path)
    for name in ("level", "start"):
        np.testing.assert_array_equal(first.arrays[name], again.arrays[name])
    with pytest.raises(AssertionError, match="computed again"):
        segment_store(clips, replace(VIEW, version=2), tmp_path)


@pytest.mark.slow
def test_processes_side_by_side_make_the_same_store(corpora_root: Path, tmp_path: Path) -> None:
    clips = read_clips(corpora_root, ["grekow"])[:4]
    # A spawned process must find the function under the name of an installed module.
    view = View(
        name="rows",
        sample_rate=yakovyna.SAMPLE_RATE,
        seconds=3.0,
        hop_s=3.0,
        compute=yakovyna.features,
    )
    alone = segment_store(clips, view, tmp_path / "alone")
    shared = segment_store(clips, view, tmp_path / "shared", jobs=2)
    # Another process may round a sum otherwise in its last place.
    np.testing.assert_allclose(alone.arrays["features"], shared.arrays["features"], rtol=1e-6)


def test_sound_that_is_too_short_is_refused(corpora_root: Path, tmp_path: Path) -> None:
    clips = read_clips(corpora_root, ["grekow"])
    with pytest.raises(InputError, match="no clip of grekow holds 60 s"):
        segment_store(clips, replace(VIEW, seconds=60.0), tmp_path)
    assert not list(tmp_path.rglob("table.json"))
