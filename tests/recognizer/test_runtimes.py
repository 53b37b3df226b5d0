"""What every runtime promises, each alone and all together: one network, one answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.emotion import QUADRANTS, quadrant_of
from realtime_mer.errors import InputError
from realtime_mer.model.card import Calibration
from realtime_mer.model.files import find_checkpoint
from realtime_mer.model.state import NetworkState
from realtime_mer.recognizer.contract import ESTIMATES, Estimates, RecognizerState
from realtime_mer.recognizer.light import LightRecognizer
from realtime_mer.recognizer.reference import Recognizer
from tests.networks import HARMONIC, HEARING, light_recognizer, random_checkpoint

HOP = 2400
WINDOW = 72_000
TOLERANCE = 1e-4  # DESIGN's bound; what is seen is 1e-6

MAKERS: dict[str, Callable[[Any], Any]] = {"light": light_recognizer, "torch": Recognizer}
PAIRS = [(one, other) for one in MAKERS for other in MAKERS]

Runtime = LightRecognizer | Recognizer


@pytest.fixture(scope="module")
def runtimes() -> dict[str, Runtime]:
    """Every runtime of one random network, which has every head there is."""
    checkpoint = random_checkpoint(config=HEARING)
    return {name: make(checkpoint) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def harmonic() -> dict[str, Runtime]:
    """Every runtime of one random network with a harmonic branch."""
    checkpoint = random_checkpoint(config=HARMONIC)
    return {name: make(checkpoint) for name, make in MAKERS.items()}


@pytest.fixture(params=MAKERS, scope="module")
def recognizer(request: pytest.FixtureRequest, runtimes: dict[str, Runtime]) -> Runtime:
    return runtimes[request.param]


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def noise(n: int, *, batch: int = 1, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    envelope = 0.02 + 0.2 * rng.random((batch, 1 + n // 3000))
    sound = rng.standard_normal((batch, n)) * envelope.repeat(3000, axis=1)[:, :n]
    return sound.astype(np.float32)


def stepped(
    recognizer: Runtime, samples: NDArray[np.float32], sizes: Sequence[int], state: Any = None
) -> tuple[Estimates[Any], Any]:
    state = state or recognizer.initial_state(len(samples))
    parts = []
    for piece in np.split(samples, np.cumsum(sizes, dtype=int), axis=1):
        estimates, state = recognizer.step(piece, state)
        parts.append(estimates)
    return joined(*parts), state


def windowed(recognizer: Runtime, samples: NDArray[np.float32]) -> Estimates[Any]:
    padded = np.pad(samples, ((0, 0), (WINDOW, 0)))
    parts, memory = [], None
    for end in range(HOP, samples.shape[1] + 1, HOP):
        estimates, memory = recognizer.windowed(padded[:, end : end + WINDOW], memory)
        parts.append(estimates)
    return joined(*parts)


def joined(*parts: Estimates[Any]) -> Estimates[Any]:
    return Estimates(
        **{name: np.concatenate([getattr(p, name) for p in parts], 1) for name in ESTIMATES}
    )


def some(
    estimates: Estimates[Any], *, hops: slice = slice(None), streams: Any = slice(None)
) -> Any:
    return Estimates(**{name: getattr(estimates, name)[streams, hops] for name in ESTIMATES})


def assert_equal(
    one: Estimates[Any], other: Estimates[Any], *, tolerance: float = TOLERANCE
) -> None:
    for name in ESTIMATES:
        found, expected = getattr(one, name), getattr(other, name)
        assert found.shape == expected.shape, name
        np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0, err_msg=name)


def arrays(state: RecognizerState[Any]) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(value).copy() for name, value in state.to_dict().items()}


# -- one network, one answer -----------------------------------------------------------------------


def test_the_window_is_three_seconds_and_the_hop_a_tenth(recognizer: Runtime) -> None:
    assert (recognizer.sample_rate, recognizer.hop_samples) == (24_000, HOP)
    assert recognizer.window_samples == WINDOW


def test_each_says_what_it_computes_with(runtimes: dict[str, Runtime]) -> None:
    assert {name: made.compute for name, made in runtimes.items()} == {
        "light": "light",
        "torch": "torch",
    }


@pytest.mark.parametrize("sizes", [[], [HOP] * 39, [1, 7, 480, 2399, HOP, 9601]])
def test_every_runtime_and_every_way_says_the_same(
    runtimes: dict[str, Runtime], sizes: list[int]
) -> None:
    assert_same_every_way(runtimes, sizes)


@pytest.mark.parametrize("sizes", [[HOP] * 39, [1, 7, 480, 2399, HOP, 9601]])
def test_so_it_is_with_a_harmonic_branch(harmonic: dict[str, Runtime], sizes: list[int]) -> None:
    assert_same_every_way(harmonic, sizes)


@pytest.mark.parametrize(("one", "other"), [("light", "torch"), ("torch", "light")])
def test_a_state_with_a_harmonic_branch_goes_on_in_the_other_runtime(
    harmonic: dict[str, Runtime], one: str, other: str
) -> None:
    samples = noise(HOP * 20, batch=2)
    cut = HOP * 7 + 333
    first, state = harmonic[one].step(samples[:, :cut], harmonic[one].initial_state(2))
    assert state.samples.shape == (2, 8192 - HOP + 333)
    rest, _ = harmonic[other].step(samples[:, cut:], state)
    assert_equal(joined(first, rest), harmonic[one].run(samples))


def assert_same_every_way(runtimes: dict[str, Runtime], sizes: list[int]) -> None:
    samples = noise(HOP * 40, batch=2)
    expected = runtimes["torch"].run(samples)
    for made in runtimes.values():
        assert_equal(made.run(samples), expected)
        assert_equal(stepped(made, samples, sizes)[0], expected)
        assert_equal(windowed(made, samples), expected)


@pytest.mark.parametrize("model", ["default"])
def test_what_ships_says_the_same_in_every_runtime(model: str) -> None:
    samples = noise(HOP * 60, batch=2)
    light = LightRecognizer.load(find_checkpoint(model))
    assert_equal(light.run(samples), Recognizer.load(model, "cpu").run(samples))


def test_a_network_says_of_every_hop_how_likely_music_is_and_how_familiar(
    recognizer: Runtime,
) -> None:
    estimates = recognizer.run(noise(HOP * 200, seed=3))
    for said in (estimates.music, estimates.familiar):
        assert said.dtype == np.float32
        assert 0 <= said.min() < said.max() <= 1
    assert 0 < estimates.familiar.mean() < 1


@pytest.mark.parametrize("music", [True, False])
@pytest.mark.parametrize("familiar", [True, False])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_what_a_network_has_no_head_for_is_not_a_number_in_every_hop(
    make: Callable[[Any], Any], *, music: bool, familiar: bool
) -> None:
    made = make(random_checkpoint(config=replace(HEARING, music=music, familiar=familiar)))
    estimates, _ = stepped(made, noise(HOP * 3, batch=2), [HOP])
    for name, told in (("music", music), ("familiar", familiar)):
        said = getattr(estimates, name)
        assert (said.shape, said.dtype) == ((2, 3), np.float32)
        assert np.isfinite(said).all() if told else np.isnan(said).all()


def test_quadrants_tied_to_the_point_are_the_same_in_every_runtime() -> None:
    checkpoint = random_checkpoint(config=replace(HEARING, tied=True))
    with torch.no_grad():
        # So much is said that points lie far out, and the head against them.
        checkpoint.network.affect_head.weight[:2] *= 40
        checkpoint.network.quadrant_head.weight.mul_(40)
    calibration = Calibration(quadrant_temperature=1.7)
    checkpoint = replace(
        checkpoint, card=checkpoint.card.model_copy(update={"calibration": calibration})
    )
    samples = noise(HOP * 60, seed=6)
    said = [make(checkpoint).run(samples) for make in MAKERS.values()]
    assert_equal(*said)
    far = (np.abs(said[0].valence) > 0.1) & (np.abs(said[0].arousal) > 0.1)
    assert far.mean() > 0.1
    for valence, arousal, quadrants in zip(
        said[0].valence[far], said[0].arousal[far], said[0].quadrants[far], strict=True
    ):
        assert QUADRANTS[int(quadrants.argmax())] == quadrant_of(valence, arousal)


def test_what_is_unfamiliar_has_a_wider_sd_in_every_runtime() -> None:
    plain = random_checkpoint(config=HEARING)
    calibration = Calibration(hop_arousal=1.3, unfamiliar_valence=0.5, unfamiliar_arousal=2.0)
    wide = replace(plain, card=plain.card.model_copy(update={"calibration": calibration}))
    samples = noise(HOP * 60, seed=3)
    before = Recognizer(plain).run(samples)
    said = [make(wide).run(samples) for make in MAKERS.values()]
    assert_equal(*said)
    strange = 1 - before.familiar
    assert strange.max() > 0.1
    for runtime in said:
        np.testing.assert_allclose(
            runtime.valence_sd, before.valence_sd * (1 + 0.5 * strange), rtol=1e-4
        )
        np.testing.assert_allclose(
            runtime.arousal_sd, before.arousal_sd * 1.3 * (1 + 2.0 * strange), rtol=1e-4
        )


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_network_that_does_not_tell_what_is_familiar_widens_nothing(
    make: Callable[[Any], Any],
) -> None:
    plain = random_checkpoint()
    wide = replace(
        plain,
        card=plain.card.model_copy(update={"calibration": Calibration(unfamiliar_valence=2.0)}),
    )
    samples = noise(HOP * 40)
    assert_equal(make(wide).run(samples), make(plain).run(samples))


def test_whether_this_is_music_does_not_hang_on_what_went_before_the_window(
    recognizer: Runtime,
) -> None:
    before, window = 20 * noise(HOP * 60, seed=4), noise(WINDOW, seed=5)
    after_much = recognizer.run(np.concatenate((before, window), axis=1))
    at_once = recognizer.run(window)
    assert after_much.music[0, -1] == pytest.approx(at_once.music[0, -1], abs=TOLERANCE)
    assert after_much.familiar[0, -1] == pytest.approx(at_once.familiar[0, -1], abs=TOLERANCE)
    assert abs(after_much.valence[0, -1] - at_once.valence[0, -1]) > TOLERANCE


@settings(max_examples=25)
@given(
    seconds=st.floats(0.05, 6.0),
    sizes=st.lists(st.sampled_from([0, 1, 7, 480, 2399, 2400, 2401, 9600, 120_000]), max_size=40),
)
def test_incremental_equals_offline_whatever_the_chunks(
    recognizer: Runtime, seconds: float, sizes: list[int]
) -> None:
    samples = noise(int(seconds * 24_000), batch=2)
    estimates, _ = stepped(recognizer, samples, sizes)
    assert len(estimates) == samples.shape[1] // HOP
    assert_equal(estimates, recognizer.run(samples))


def test_one_sample_at_a_time_equals_offline(recognizer: Runtime) -> None:
    samples = noise(HOP + 10)
    estimates, _ = stepped(recognizer, samples, [1] * samples.shape[1])
    assert_equal(estimates, recognizer.run(samples))


def test_more_hops_than_are_computed_at_once_say_the_same(recognizer: Runtime) -> None:
    samples = noise(HOP * 700)
    assert_equal(stepped(recognizer, samples, [HOP * 33] * 20)[0], recognizer.run(samples))


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_five_minutes_stay_equal(recognizer: Runtime) -> None:
    samples = noise(24_000 * 300)
    estimates, _ = stepped(recognizer, samples, [HOP * 7] * 428)
    assert_equal(estimates, recognizer.run(samples))


@pytest.mark.slow
def test_an_hour_hop_by_hop_says_at_its_end_what_the_other_runtime_says_offline(
    runtimes: dict[str, Runtime],
) -> None:
    """Nothing is carried on that could drift: each hour is heard in the other way."""
    light, reference = runtimes["light"], runtimes["torch"]
    minute = HOP * 600
    ours, theirs = light.initial_state(1), reference.initial_state(1)
    for number in range(60):
        samples = noise(minute, seed=number)
        expected, theirs = reference.step(samples, theirs)
        found, ours = stepped(light, samples, [HOP] * 599, ours)
        assert_equal(found, expected)
    assert ours.hops.tolist() == theirs.hops.tolist() == [36_000]


def test_a_loud_and_a_silent_stream_stay_in_their_ranges(recognizer: Runtime) -> None:
    for samples in (noise(HOP * 50, batch=4) * 30, np.zeros((1, HOP * 3), np.float32)):
        estimates = recognizer.run(samples)
        assert np.abs([estimates.valence, estimates.arousal]).max() <= 1
        assert min(estimates.valence_sd.min(), estimates.arousal_sd.min()) > 0
        np.testing.assert_allclose(estimates.quadrants.sum(-1), 1, atol=1e-6)
        assert 0 <= estimates.gems.min() <= estimates.gems.max() <= 1
        assert estimates.mel.min() >= 0
    assert not recognizer.run(np.zeros((1, HOP), np.float32)).mel.any()


def test_the_card_says_how_certain_the_numbers_are() -> None:
    plain = random_checkpoint()
    factors = {"hop_valence": 2.0, "hop_arousal": 3.0, "quadrant_temperature": 4.0}
    calibration = plain.card.calibration.model_copy(update=factors)
    calibrated = replace(plain, card=plain.card.model_copy(update={"calibration": calibration}))
    samples = noise(HOP * 3)
    for make in MAKERS.values():
        before, after = make(plain).run(samples), make(calibrated).run(samples)
        np.testing.assert_allclose(after.valence_sd, before.valence_sd * 2, rtol=1e-5)
        np.testing.assert_allclose(after.arousal_sd, before.arousal_sd * 3, rtol=1e-5)
        tempered = before.quadrants**0.25
        np.testing.assert_allclose(
            after.quadrants, tempered / tempered.sum(-1, keepdims=True), rtol=1e-5
        )


@settings(max_examples=20)
@given(at=st.integers(0, HOP * 30 - 1))
def test_nothing_looks_at_the_future(recognizer: Runtime, at: int) -> None:
    samples = noise(HOP * 30)
    changed = samples.copy()
    changed[:, at:] = noise(HOP * 30 - at, seed=9)
    hops = slice(0, at // HOP)
    before, after = recognizer.run(samples), recognizer.run(changed)
    assert_equal(some(before, hops=hops), some(after, hops=hops), tolerance=0.0)


def test_a_stream_is_preceded_by_zeros(recognizer: Runtime) -> None:
    state = recognizer.initial_state(1)
    _, after = recognizer.step(np.zeros((1, HOP * 60), np.float32), state)
    before, heard = arrays(state), arrays(after)
    for name in ("network.frames", "network.coarse", "network.fine", "network.columns"):
        np.testing.assert_allclose(heard[name], before[name], atol=1e-5, rtol=0)
    assert np.abs(heard["network.hidden"]).max() > 0
    assert not before["network.hidden"].any()
    assert not before["network.cell"].any()


# -- states ----------------------------------------------------------------------------------------


def test_a_stream_begins_the_same_in_every_runtime(runtimes: dict[str, Runtime]) -> None:
    light, reference = (arrays(runtimes[name].initial_state(3)) for name in ("light", "torch"))
    assert light.keys() == reference.keys()
    for name, value in light.items():
        assert value.dtype == reference[name].dtype
        np.testing.assert_allclose(value, reference[name], atol=1e-5, rtol=0, err_msg=name)


@pytest.mark.parametrize("cut", [HOP * 7 + 333, HOP * 7])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_state_goes_on_in_every_runtime(
    runtimes: dict[str, Runtime], one: str, other: str, cut: int
) -> None:
    samples = noise(HOP * 20 + 1000, batch=2)
    first, state = runtimes[one].step(samples[:, :cut], runtimes[one].initial_state(2))
    reset = runtimes[other].reset(state, [])
    for given_on in (state, reset):
        rest, ended = runtimes[other].step(samples[:, cut:], given_on)
        assert_equal(joined(first, rest), runtimes[one].run(samples))
        assert ended.hops.tolist() == [20, 20]


@pytest.mark.parametrize("save", ["light", "torch"])
@pytest.mark.parametrize("load", ["light", "torch"])
def test_a_saved_state_goes_on_where_it_stopped_whoever_saved_it(
    runtimes: dict[str, Runtime], tmp_path: Path, save: str, load: str
) -> None:
    libraries: dict[str, Any] = {"light": safetensors.numpy, "torch": safetensors.torch}
    samples = noise(HOP * 20 + 1000, batch=2)
    cut = HOP * 7 + 333
    first, state = runtimes[save].step(samples[:, :cut], runtimes[save].initial_state(2))
    libraries[save].save_file(state.to_dict(), tmp_path / "state")
    loaded = RecognizerState.from_dict(libraries[load].load_file(tmp_path / "state"))
    rest, _ = runtimes[load].step(samples[:, cut:], loaded)
    assert_equal(joined(first, rest), runtimes[load].run(samples))


def test_a_step_leaves_the_state_it_was_given_alone(recognizer: Runtime) -> None:
    _, state = recognizer.step(noise(HOP * 3 + 5), recognizer.initial_state(1))
    before = arrays(state)
    recognizer.step(noise(HOP * 3 + 5), state)
    recognizer.reset(state, [0])
    after = arrays(state)
    assert all(np.array_equal(value, after[name]) for name, value in before.items())


def test_what_was_given_may_be_written_over(recognizer: Runtime) -> None:
    samples = noise(HOP + 100)
    kept = samples.copy()
    _, state = recognizer.step(samples, recognizer.initial_state(1))
    samples[:] = 9.0
    expected, _ = stepped(recognizer, np.concatenate((kept, noise(HOP)), 1), [HOP + 100])
    found, _ = recognizer.step(noise(HOP), state)
    assert_equal(found, some(expected, hops=slice(1, None)), tolerance=1e-6)


def test_forgetting_to_reset_is_not_the_same(recognizer: Runtime) -> None:
    samples = noise(HOP * 20)
    _, state = recognizer.step(samples, recognizer.initial_state(1))
    carried, _ = recognizer.step(samples, state)
    assert np.abs(carried.valence - recognizer.run(samples).valence).max() > 1e-3


def test_keeping_the_memory_forgets_only_the_window(recognizer: Runtime) -> None:
    _, state = recognizer.step(noise(HOP * 20 + 7), recognizer.initial_state(1))
    kept = arrays(recognizer.reset(state, [0], keep_memory=True))
    before, fresh = arrays(state), arrays(recognizer.initial_state(1))
    assert not kept.pop("samples").any()
    assert kept.pop("hops").tolist() == [20]
    for name, value in kept.items():
        memory = name in {"network.hidden", "network.cell"}
        assert np.array_equal(value, (before if memory else fresh)[name]), name


# -- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [2, 5, 64])
def test_a_stream_in_a_batch_has_the_numbers_that_it_has_alone(
    recognizer: Runtime, batch: int
) -> None:
    samples = noise(HOP * 12, batch=batch)
    together, _ = stepped(recognizer, samples, [HOP * 5])
    alone, _ = stepped(recognizer, samples[1:2], [HOP * 5])
    assert_equal(some(together, streams=slice(1, 2)), alone, tolerance=1e-5)


@pytest.mark.parametrize("streams", [[], [1], [0, 2]])
def test_a_reset_starts_those_streams_anew_and_no_others(
    recognizer: Runtime, streams: list[int]
) -> None:
    first, second = noise(HOP * 8, batch=3), noise(HOP * 12, batch=3, seed=1)
    _, state = recognizer.step(first, recognizer.initial_state(3))
    after, ended = recognizer.step(second, recognizer.reset(state, streams))
    fresh = recognizer.run(second)
    going_on = some(recognizer.run(np.concatenate((first, second), 1)), hops=slice(8, None))
    for stream in range(3):
        one = slice(stream, stream + 1)
        expected = some(fresh if stream in streams else going_on, streams=one)
        assert_equal(some(after, streams=one), expected, tolerance=1e-5)
    assert ended.hops.tolist() == [12 if stream in streams else 20 for stream in range(3)]


def test_a_stream_begins_with_no_hops_and_no_batch_without_streams(recognizer: Runtime) -> None:
    hops = np.asarray(recognizer.initial_state(2).hops)
    assert (hops.dtype, hops.tolist()) == (np.int64, [0, 0])
    with pytest.raises(InputError) as caught:
        recognizer.initial_state(0)
    assert str(caught.value) == "A batch of 0 streams cannot be made; give 1 or more."


def test_no_complete_hop_gives_no_estimate(recognizer: Runtime) -> None:
    estimates, state = recognizer.step(np.zeros((3, 0), np.float32), recognizer.initial_state(3))
    shapes = {name: getattr(estimates, name).shape for name in ESTIMATES}
    assert shapes == {
        **dict.fromkeys(("valence", "arousal", "valence_sd", "arousal_sd"), (3, 0)),
        **dict.fromkeys(("music", "familiar"), (3, 0)),
        "quadrants": (3, 0, 4),
        "gems": (3, 0, 9),
        "mel": (3, 0, 64),
    }
    assert state.hops.tolist() == [0, 0, 0]
    assert len(recognizer.run(np.zeros((2, HOP - 1), np.float32))) == 0


# -- what is refused -------------------------------------------------------------------------------


def test_streams_that_are_not_there_cannot_be_reset(recognizer: Runtime) -> None:
    with pytest.raises(InputError) as caught:
        recognizer.reset(recognizer.initial_state(2), [2, 0, -1])
    assert str(caught.value) == "Streams [2, -1] are not in a batch of 2."


def test_a_window_of_another_length_is_refused(recognizer: Runtime) -> None:
    with pytest.raises(InputError) as caught:
        recognizer.windowed(np.zeros((1, WINDOW - 1), np.float32), None)
    assert str(caught.value) == "A window has 72000 samples; 71999 were given."


@pytest.mark.parametrize(
    "samples",
    [np.zeros(HOP, np.float32), np.zeros((2, HOP), np.float32), np.zeros((1, HOP))],
    ids=["one axis", "another batch", "float64"],
)
def test_samples_that_do_not_fit_are_refused(recognizer: Runtime, samples: Any) -> None:
    with pytest.raises(InputError):
        recognizer.step(samples, recognizer.initial_state(1))


def test_the_light_recogniser_refuses_tensors(runtimes: dict[str, Runtime]) -> None:
    light: Any = runtimes["light"]
    with pytest.raises(InputError, match=r"are a Tensor, .* give samples\.numpy\(\)"):
        light.run(torch.zeros(1, HOP))


def test_the_state_of_a_network_has_the_parts_that_its_file_takes(
    runtimes: dict[str, Runtime],
) -> None:
    light = runtimes["light"]
    assert isinstance(light, LightRecognizer)
    names = [given.name for given in light._session.get_inputs()]
    assert names == ["samples", "tail", *NetworkState._fields]
