import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from realtime_mer.errors import InputError
from realtime_mer.features import LogMel
from realtime_mer.model.checkpoint import load_checkpoint
from realtime_mer.recognizer.contract import Estimates, RecognizerState
from realtime_mer.recognizer.device import pick_device
from realtime_mer.recognizer.reference import Recognizer, _compile
from tests.networks import SMALL, random_checkpoint, random_recognizer

HOP = 2400
WINDOW = 72_000
TOLERANCE = 1e-4  # DESIGN's bound; what is seen is 1e-7


@pytest.fixture(scope="module")
def recognizer():
    return random_recognizer()


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def noise(n: int, *, batch: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    envelope = 0.02 + 0.2 * torch.rand(batch, 1 + n // 3000, generator=generator)
    return torch.randn(batch, n, generator=generator) * envelope.repeat_interleave(3000, 1)[:, :n]


def stepped(recognizer, samples, sizes, state=None):
    state = state or recognizer.initial_state(samples.shape[0])
    parts, start = [], 0
    for size in sizes:
        estimates, state = recognizer.step(samples[:, start : start + size], state)
        parts.append(estimates)
        start += size
    rest, state = recognizer.step(samples[:, start:], state)
    return joined([*parts, rest]), state


def joined(parts):
    return Estimates(
        **{f.name: torch.cat([getattr(p, f.name) for p in parts], 1) for f in fields(Estimates)}
    )


def assert_equal(a: Estimates, b: Estimates, *, tolerance: float = TOLERANCE):
    for field in fields(Estimates):
        torch.testing.assert_close(
            getattr(a, field.name), getattr(b, field.name), atol=tolerance, rtol=0
        )


def test_the_window_is_three_seconds_and_the_hop_a_tenth(recognizer):
    assert (recognizer.sample_rate, recognizer.hop_samples) == (24_000, HOP)
    assert recognizer.window_samples == WINDOW


@settings(max_examples=25)
@given(
    seconds=st.floats(0.05, 6.0),
    sizes=st.lists(st.sampled_from([0, 1, 7, 480, 2399, 2400, 2401, 9600, 120_000]), max_size=40),
)
def test_incremental_equals_offline_whatever_the_chunks(recognizer, seconds, sizes):
    samples = noise(int(seconds * 24_000), batch=2)
    estimates, _ = stepped(recognizer, samples, sizes)
    assert len(estimates) == samples.shape[1] // HOP
    assert_equal(estimates, recognizer.run(samples))


def test_one_sample_at_a_time_equals_offline(recognizer):
    samples = noise(HOP + 10)
    estimates, _ = stepped(recognizer, samples, [1] * samples.shape[1])
    assert_equal(estimates, recognizer.run(samples))


def test_windowed_equals_offline(recognizer):
    samples = noise(HOP * 40)
    padded = torch.nn.functional.pad(samples, (WINDOW, 0))
    parts, lstm_state = [], None
    for end in range(HOP, samples.shape[1] + 1, HOP):
        estimates, lstm_state = recognizer.windowed(padded[:, end : end + WINDOW], lstm_state)
        parts.append(estimates)
    assert_equal(joined(parts), recognizer.run(samples))


def test_a_recogniser_has_all_three_ways_from_the_first_call_on():
    made = random_recognizer()
    samples = noise(HOP * 32, batch=2)
    offline = made.run(samples)
    padded = torch.nn.functional.pad(samples, (WINDOW, 0))
    first, memory = made.windowed(padded[:, HOP : HOP + WINDOW], None)
    assert [part.shape for part in memory] == [(1, 2, SMALL.embedding)] * 2
    second, _ = made.windowed(padded[:, HOP * 2 : HOP * 2 + WINDOW], memory)
    estimates, _ = stepped(made, samples, [HOP, HOP * 2])
    assert_equal(estimates, offline)
    assert_equal(joined([first, second, estimates_from(estimates, 2)]), offline)


def estimates_from(estimates: Estimates, hop: int) -> Estimates:
    return Estimates(**{f.name: getattr(estimates, f.name)[:, hop:] for f in fields(Estimates)})


def test_the_card_says_how_certain_the_numbers_are():
    checkpoint = random_checkpoint()
    factors = {"hop_valence": 2.0, "hop_arousal": 3.0, "quadrant_temperature": 4.0}
    calibration = checkpoint.card.calibration.model_copy(update=factors)
    card = checkpoint.card.model_copy(update={"calibration": calibration})
    samples = noise(HOP * 3)
    plain = Recognizer(checkpoint).run(samples)
    calibrated = Recognizer(replace(checkpoint, card=card)).run(samples)
    torch.testing.assert_close(calibrated.valence_sd, plain.valence_sd * 2)
    torch.testing.assert_close(calibrated.arousal_sd, plain.arousal_sd * 3)
    torch.testing.assert_close(
        calibrated.quadrants, torch.softmax(plain.quadrants.log() / 4, dim=-1)
    )


def test_a_stream_begins_with_no_hops_and_no_batch_without_streams(recognizer):
    hops = recognizer.initial_state(2).hops
    assert (hops.dtype, hops.tolist()) == (torch.int64, [0, 0])
    with pytest.raises(InputError) as caught:
        recognizer.initial_state(0)
    assert str(caught.value) == "A batch of 0 streams cannot be made; give 1 or more."


def test_a_window_of_another_length_is_refused(recognizer):
    with pytest.raises(InputError) as caught:
        recognizer.windowed(torch.zeros(1, WINDOW - 1), None)
    assert str(caught.value) == "A window has 72000 samples; 71999 were given."


def test_a_single_hop_runs_none_of_the_networks_own_code():
    # See docs/decisions/0003-one-compiled-call-a-hop.md.
    made, calls = random_recognizer(), []
    made._path.network.conv1.register_forward_hook(lambda *_: calls.append(1))
    _, state = made.step(noise(HOP), made.initial_state())
    made.windowed(noise(WINDOW), None)
    assert not calls
    made.step(noise(HOP * 3), state)
    assert calls


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_five_minutes_stay_equal(recognizer):
    samples = noise(24_000 * 300)
    estimates, _ = stepped(recognizer, samples, [HOP * 7] * 428)
    assert_equal(estimates, recognizer.run(samples))


@pytest.mark.parametrize("age", [1, 2, 479, 480, 481, 959, 960, 2400, 36_000, 71_999, 72_000])
def test_with_the_memory_fixed_the_estimate_sees_exactly_three_seconds(age):
    # In float64, because an untrained network all but drowns the edge of the window in rounding.
    checkpoint = random_checkpoint()
    network, log_mel = checkpoint.network.double(), LogMel(checkpoint.card.features).double()

    def valence(samples: torch.Tensor) -> float:
        with torch.no_grad():
            return network(log_mel(samples.double()))[0].valence[0, -1].item()

    samples = noise(WINDOW)
    changed = samples.clone()
    changed[0, -age] += 1.0
    assert valence(changed) != valence(samples)


def test_a_window_is_all_a_hop_takes():
    # No sample older than the window can matter: the network takes no more frames than fit in it.
    checkpoint = random_checkpoint()
    frames = LogMel(checkpoint.card.features)(noise(WINDOW))
    assert frames.shape[1] == checkpoint.network.window_frames
    assert checkpoint.network(frames)[0].valence.shape == (1, 1)


@settings(max_examples=20)
@given(at=st.integers(0, HOP * 30 - 1))
def test_nothing_looks_at_the_future(recognizer, at):
    samples = noise(HOP * 30)
    changed = samples.clone()
    changed[:, at:] = noise(HOP * 30 - at, seed=9)
    hops = at // HOP
    before, after = recognizer.run(samples), recognizer.run(changed)
    assert torch.equal(before.valence[:, :hops], after.valence[:, :hops])
    assert torch.equal(before.gems[:, :hops], after.gems[:, :hops])


def test_a_stream_is_preceded_by_zeros(recognizer):
    sound = noise(HOP * 10)
    silence = torch.zeros(1, HOP * 60)
    late = recognizer.run(torch.cat((silence, sound), 1))
    state = recognizer.initial_state(1)
    _, after_silence = recognizer.step(silence, state)
    for name in ("frames", "coarse", "fine", "columns"):
        torch.testing.assert_close(
            getattr(after_silence.network, name), getattr(state.network, name), atol=1e-5, rtol=0
        )
    assert len(late) == 70


def test_a_saved_state_goes_on_where_it_stopped(recognizer):
    samples = noise(HOP * 20 + 1000, batch=2)
    whole, _ = stepped(recognizer, samples, [])
    first, state = recognizer.step(samples[:, : HOP * 7 + 333], recognizer.initial_state(2))
    restored = RecognizerState.from_dict(load(save(state.to_dict())))
    rest, _ = recognizer.step(samples[:, HOP * 7 + 333 :], restored)
    assert_equal(joined([first, rest]), whole)


def test_a_step_leaves_the_state_it_was_given_alone(recognizer):
    state = recognizer.initial_state(1)
    before = {name: value.clone() for name, value in state.to_dict().items()}
    recognizer.step(noise(HOP * 3 + 5), state)
    assert all(torch.equal(value, before[name]) for name, value in state.to_dict().items())


def test_streams_of_a_batch_do_not_hear_one_another(recognizer):
    samples = noise(HOP * 12, batch=3)
    together, _ = stepped(recognizer, samples, [HOP * 5])
    alone, _ = stepped(recognizer, samples[1:2], [HOP * 5])
    torch.testing.assert_close(together.valence[1:2], alone.valence, atol=1e-5, rtol=0)


def test_resetting_one_stream_starts_it_anew_and_no_other(recognizer):
    samples = noise(HOP * 20, batch=2)
    first, second = samples[:, : HOP * 8], samples[:, HOP * 8 :]
    _, state = recognizer.step(first, recognizer.initial_state(2))
    after, _ = recognizer.step(second, recognizer.reset(state, [1]))
    fresh = recognizer.run(second)
    going_on = recognizer.run(samples)
    torch.testing.assert_close(after.valence[1], fresh.valence[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(after.valence[0], going_on.valence[0, 8:], atol=1e-5, rtol=0)
    assert recognizer.reset(state, [1]).hops.tolist() == [8, 0]


def test_forgetting_to_reset_is_not_the_same(recognizer):
    samples = noise(HOP * 20)
    _, state = recognizer.step(samples, recognizer.initial_state(1))
    carried, _ = recognizer.step(samples, state)
    assert not torch.allclose(carried.valence, recognizer.run(samples).valence, atol=1e-3)


def test_keeping_the_memory_forgets_only_the_window(recognizer):
    _, state = recognizer.step(noise(HOP * 20), recognizer.initial_state(1))
    kept = recognizer.reset(state, [0], keep_memory=True)
    fresh = recognizer.initial_state(1)
    assert torch.equal(kept.network.hidden, state.network.hidden)
    assert torch.equal(kept.network.cell, state.network.cell)
    assert torch.equal(kept.network.columns, fresh.network.columns)
    assert kept.hops.tolist() == [20]


def test_streams_that_are_not_there_cannot_be_reset(recognizer):
    state = recognizer.initial_state(2)
    with pytest.raises(InputError) as caught:
        recognizer.reset(state, [2, 0, -1])
    assert str(caught.value) == "Streams [2, -1] are not in a batch of 2."


def test_a_recogniser_is_loaded_by_name_to_a_device():
    checkpoint = load_checkpoint("default")
    here, there = Recognizer.load(), Recognizer.load("default", "cpu")
    assert here.card == there.card == checkpoint.card
    assert (here.device, there.device) == (pick_device("auto"), torch.device("cpu"))
    with pytest.raises(InputError, match="abacus"):
        Recognizer.load("default", "abacus")


def test_only_what_is_expected_of_a_trace_goes_unsaid():
    class Warns(torch.nn.Module):
        def forward(self, samples):
            warnings.warn("something else", UserWarning, stacklevel=1)
            return (samples + 1,)

    with pytest.warns(UserWarning, match="something else"):
        _compile(Warns(), torch.zeros(1))


def test_numbers_lie_in_their_ranges(recognizer):
    loud = recognizer.run(noise(HOP * 50, batch=4) * 30)
    for estimates in (loud, recognizer.run(torch.zeros(1, HOP * 3))):
        assert estimates.valence.abs().max() <= 1
        assert estimates.arousal.abs().max() <= 1
        assert min(estimates.valence_sd.min(), estimates.arousal_sd.min()) > 0
        torch.testing.assert_close(estimates.quadrants.sum(-1), torch.ones_like(estimates.valence))
        assert 0 <= estimates.gems.min() <= estimates.gems.max() <= 1
        assert estimates.quadrants.shape[2] == 4
        assert estimates.gems.shape[2] == 9


def test_no_complete_hop_gives_no_estimate(recognizer):
    estimates, state = recognizer.step(torch.zeros(3, 0), recognizer.initial_state(3))
    assert estimates.valence.shape == (3, 0)
    assert estimates.gems.shape == (3, 0, 9)
    assert state.hops.tolist() == [0, 0, 0]
    assert recognizer.run(torch.zeros(2, HOP - 1)).quadrants.shape == (2, 0, 4)


def test_estimates_need_no_gradient(recognizer):
    estimates, state = recognizer.step(noise(HOP), recognizer.initial_state(1))
    assert not estimates.valence.requires_grad
    assert not estimates.valence.is_inference()
    assert not state.network.hidden.requires_grad


@pytest.mark.parametrize(
    "samples",
    [torch.zeros(HOP), torch.zeros(2, HOP), torch.zeros(1, HOP, dtype=torch.float64)],
    ids=["one axis", "another batch", "float64"],
)
def test_samples_that_do_not_fit_are_refused(recognizer, samples):
    with pytest.raises(InputError):
        recognizer.step(samples, recognizer.initial_state(1))


def test_numpy_users_get_plain_numbers(recognizer):
    estimates = recognizer.run(noise(HOP * 2))
    assert np.isfinite(estimates.valence.numpy()).all()
