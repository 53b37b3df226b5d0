"""What a committee promises: every window by itself, in whatever pieces and batches it comes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.model.network_file import sha256
from realtime_mer.recognizer.committee import CommitteeRecognizer
from realtime_mer.recognizer.contract import ESTIMATES, Estimates
from realtime_mer.recognizer.loading import computes_on_gpu, load_recognizer
from realtime_mer.recognizer.windows import WindowState
from tests.training.made_committee import CALIBRATION, network, seated, write_committee

HOP, WINDOW = 12_000, 72_000
TELLS = [name for name in ESTIMATES if name != "familiar"]
SEATED = seated()[0].name


@pytest.fixture(scope="module", params=[network, seated], ids=["committee", "network in it"])
def recognizer(request: pytest.FixtureRequest) -> CommitteeRecognizer:
    return CommitteeRecognizer(*request.param())


def sound(hops: float, *, batch: int = 1, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    n = round(hops * HOP)
    envelope = 0.02 + 0.2 * rng.random((batch, 1 + n // 3000))
    noise = rng.standard_normal((batch, n)) * envelope.repeat(3000, axis=1)[:, :n]
    return noise.astype(np.float32)


def assert_equal(one: Estimates[Any], other: Estimates[Any], *, tolerance: float = 1e-5) -> None:
    for name in TELLS:
        found, expected = getattr(one, name), getattr(other, name)
        assert found.shape == expected.shape, name
        np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0, err_msg=name)


def stepped(
    recognizer: CommitteeRecognizer, samples: NDArray[np.float32], cuts: list[int]
) -> tuple[Estimates[Any], WindowState]:
    state, parts = recognizer.initial_state(len(samples)), []
    for piece in np.split(samples, sorted(min(cut, samples.shape[1]) for cut in cuts), axis=1):
        said, state = recognizer.step(piece, state)
        parts.append(said)
    joined = {name: np.concatenate([getattr(p, name) for p in parts], 1) for name in ESTIMATES}
    return Estimates(**joined), state


# -- numbers ---------------------------------------------------------------------------------------


def test_the_window_is_three_seconds_and_the_hop_half_a_second(
    recognizer: CommitteeRecognizer,
) -> None:
    assert (recognizer.sample_rate, recognizer.hop_samples) == (24_000, HOP)
    assert (recognizer.window_samples, recognizer.compute) == (WINDOW, "light")


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 100_000), max_size=6))
def test_whatever_pieces_arrive_the_estimates_are_those_of_the_whole(
    recognizer: CommitteeRecognizer, cuts: list[int]
) -> None:
    samples = sound(8.3, batch=2)
    said, state = stepped(recognizer, samples, cuts)
    assert len(said) == 8
    assert state.samples.shape == (2, WINDOW - HOP + samples.shape[1] - 8 * HOP)
    assert_equal(said, recognizer.run(samples))


def test_an_estimate_is_that_of_its_window_after_zeros(recognizer: CommitteeRecognizer) -> None:
    samples = sound(9)
    whole = recognizer.run(samples)
    padded = np.pad(samples, ((0, 0), (WINDOW - HOP, 0)))
    for hop in range(9):
        alone, memory = recognizer.windowed(padded[:, hop * HOP : hop * HOP + WINDOW])
        assert memory is None
        for name in TELLS:
            np.testing.assert_allclose(
                getattr(alone, name)[:, 0], getattr(whole, name)[:, hop], atol=1e-5
            )


def test_every_sample_of_the_window_counts_and_none_before(recognizer: CommitteeRecognizer) -> None:
    def said(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        last = recognizer.run(samples)
        return np.concatenate((last.quadrants[0, -1], last.gems[0, -1], last.music[0, -1:]))

    samples = sound(8)
    before = said(samples)
    oldest = samples.shape[1] - WINDOW
    for at in (oldest, oldest + 1, samples.shape[1] - 1000, samples.shape[1] - 1):
        changed = samples.copy()
        changed[0, at] += 0.9
        assert not np.array_equal(said(changed), before), at
    changed = samples.copy()
    changed[0, :oldest] = 0.5
    assert np.array_equal(said(changed), before)


@settings(max_examples=5)
@given(at=st.integers(0, 6 * HOP - 1))
def test_nothing_looks_at_the_future(recognizer: CommitteeRecognizer, at: int) -> None:
    samples = sound(6)
    changed = samples.copy()
    changed[:, at:] = sound(6 - at / HOP, seed=9)[:, : samples.shape[1] - at]
    before, after = recognizer.run(samples), recognizer.run(changed)
    for name in TELLS:
        heard = slice(at // HOP)
        assert np.array_equal(getattr(before, name)[:, heard], getattr(after, name)[:, heard])


@pytest.mark.parametrize("batch", [2, 5])
def test_a_stream_in_a_batch_has_the_numbers_that_it_has_alone(
    recognizer: CommitteeRecognizer, batch: int
) -> None:
    samples = sound(4, batch=batch)
    together, alone = recognizer.run(samples), recognizer.run(samples[1:2])
    for name in TELLS:
        assert np.array_equal(getattr(together, name)[1:2], getattr(alone, name)), name


def test_what_is_said_moves_with_the_sound_and_stays_in_its_ranges(
    recognizer: CommitteeRecognizer,
) -> None:
    loud, quiet = (recognizer.run(gain * sound(8)) for gain in (30, 0.01))
    for said in (loud, quiet):
        assert np.abs([said.valence, said.arousal]).max() <= 1
        np.testing.assert_allclose(said.quadrants.sum(-1), 1, atol=1e-5)
        assert said.quadrants.min() > 0
        assert 0 <= said.gems.min() <= said.gems.max() <= 1
        assert 0 < said.music.min() <= said.music.max() < 1
        assert said.mel.min() >= 0
        if recognizer.card.name == SEATED:
            assert 0 <= said.familiar.min() <= said.familiar.max() <= 1
            assert min(said.valence_sd.min(), said.arousal_sd.min()) > 0
            continue
        assert np.isnan(said.familiar).all()
        np.testing.assert_allclose(said.valence_sd, CALIBRATION.hop_valence, rtol=1e-6)
        np.testing.assert_allclose(said.arousal_sd, CALIBRATION.hop_arousal, rtol=1e-6)
    for name in ("valence", "arousal", "quadrants", "gems", "music", "mel"):
        assert np.abs(getattr(loud, name) - getattr(quiet, name)).max() > 0.02, name
    assert not recognizer.run(np.zeros((1, HOP), np.float32)).mel.any()


def test_the_column_for_a_display_is_that_of_the_newest_hop(
    recognizer: CommitteeRecognizer,
) -> None:
    samples = sound(6)
    samples[:, -HOP:] = 0
    samples[:, -2 * HOP : -HOP] *= 20
    mel = recognizer.run(samples).mel[0]
    assert mel[-2].min() > 2 * mel[-3].max() / 3
    assert mel[-1].max() < mel[-2].max()
    assert mel[-1].max() > 0  # its first frame reaches into the hop before
    samples[:, -HOP - 480 :] = 0
    assert not recognizer.run(samples).mel[0, -1].any()


# -- states ----------------------------------------------------------------------------------------


def test_a_saved_state_goes_on_where_it_stopped(
    recognizer: CommitteeRecognizer, tmp_path: Path
) -> None:
    samples = sound(9, batch=2)
    first, state = recognizer.step(samples[:, :50_000], recognizer.initial_state(2))
    safetensors.numpy.save_file(state.to_dict(), tmp_path / "state")
    loaded = WindowState.from_dict(safetensors.numpy.load_file(tmp_path / "state"))
    rest, _ = recognizer.step(samples[:, 50_000:], loaded)
    whole = recognizer.run(samples)
    for name in TELLS:
        parts = (getattr(first, name), getattr(rest, name))
        np.testing.assert_allclose(np.concatenate(parts, 1), getattr(whole, name), atol=1e-5)
    with pytest.raises(InputError, match=r"lacks the array 'samples'\.$"):
        WindowState.from_dict({})


def test_a_step_leaves_the_state_it_was_given_alone(recognizer: CommitteeRecognizer) -> None:
    _, state = recognizer.step(sound(2.2), recognizer.initial_state())
    before = state.samples.copy()
    recognizer.step(sound(2.2), state)
    recognizer.reset(state, [0])
    assert np.array_equal(state.samples, before)


@pytest.mark.parametrize("keep_memory", [False, True])
def test_a_reset_starts_those_streams_anew_and_no_others(
    recognizer: CommitteeRecognizer, *, keep_memory: bool
) -> None:
    first, second = sound(3, batch=3), sound(4, batch=3, seed=1)
    _, state = recognizer.step(first, recognizer.initial_state(3))
    said, _ = recognizer.step(second, recognizer.reset(state, [1], keep_memory=keep_memory))
    fresh = recognizer.run(second).valence
    going_on = recognizer.run(np.concatenate((first, second), 1)).valence[:, 3:]
    np.testing.assert_array_equal(said.valence[1], fresh[1])
    np.testing.assert_array_equal(said.valence[[0, 2]], going_on[[0, 2]])
    assert np.abs(fresh - going_on).max() > 1e-3


def test_no_complete_hop_gives_no_estimate(recognizer: CommitteeRecognizer) -> None:
    said, _ = recognizer.step(sound(0.9, batch=3), recognizer.initial_state(3))
    assert {name: getattr(said, name).shape for name in ESTIMATES} == {
        **dict.fromkeys(ESTIMATES, (3, 0)),
        "quadrants": (3, 0, 4),
        "gems": (3, 0, 9),
        "mel": (3, 0, 64),
    }


@pytest.mark.parametrize(
    "samples",
    [np.zeros(HOP, np.float32), np.zeros((2, HOP), np.float32), np.zeros((1, HOP)), [[0.0]]],
    ids=["one axis", "another batch", "float64", "a list"],
)
def test_samples_that_do_not_fit_are_refused(recognizer: CommitteeRecognizer, samples: Any) -> None:
    with pytest.raises(InputError):
        recognizer.step(samples, recognizer.initial_state())


def test_a_window_of_another_length_and_a_stream_that_is_not_there_are_refused(
    recognizer: CommitteeRecognizer,
) -> None:
    with pytest.raises(InputError, match="A window has 72000 samples; 12000 were given"):
        recognizer.windowed(sound(1))
    with pytest.raises(InputError, match=r"Streams \[1\] are not in a batch of 1"):
        recognizer.reset(recognizer.initial_state(), [1])
    with pytest.raises(InputError, match="batch of 0"):
        recognizer.initial_state(0)


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    return write_committee(tmp_path)


def change(stem: Path, **fields: Any) -> None:
    card = stem.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | fields))


def test_it_is_loaded_as_any_checkpoint_and_needs_no_weights(stem: Path) -> None:
    for compute in ("auto", "cpu", "light"):
        loaded = load_recognizer(stem, compute)
        assert isinstance(loaded, CommitteeRecognizer)
        assert loaded.card == network()[0]
        assert not computes_on_gpu(stem, compute)


@pytest.mark.parametrize("compute", ["torch", "cuda", "cuda:1", "abacus"])
def test_it_computes_on_the_processor_alone(stem: Path, compute: str) -> None:
    with pytest.raises(InputError, match=f"processor alone, not on '{compute}': use auto, cpu"):
        load_recognizer(stem, compute)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"hop_s": 0.51}, "field hop_s is 0.51; it must be a multiple of 0.02"),
        ({"hop_s": 0.7}, "field window_s is 3; it must be a multiple of hop_s, 0.7"),
        ({"labels": {"quadrants": ["Q1", "Q2", "Q3", "Q4"], "gems": []}}, "field labels.gems"),
        ({"hop_s": 0.2}, "field hop_s is 0.2, the file was made with 0.5"),
        ({"calibration": {}}, "field calibration.hop_valence is 1.0"),
        ({"onnx_sha256": ""}, "field onnx_sha256"),
        ({"onnx_sha256": "0" * 64}, "field onnx_sha256"),
        ({"network": {}}, "field network"),
    ],
)
def test_a_card_that_does_not_fit_its_file_is_refused_by_the_field(
    stem: Path, fields: dict[str, Any], told: str
) -> None:
    change(stem, **fields)
    with pytest.raises(CheckpointError, match=told):
        load_recognizer(stem)


def test_a_file_that_is_no_network_or_another_one_is_refused(stem: Path, tmp_path: Path) -> None:
    file = stem.with_suffix(".onnx")
    file.write_bytes(b"nothing of the kind")
    change(stem, onnx_sha256=sha256(b"nothing of the kind"))
    with pytest.raises(CheckpointError, match="file of made cannot be run"):
        load_recognizer(stem)
    file.unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        load_recognizer(stem)
