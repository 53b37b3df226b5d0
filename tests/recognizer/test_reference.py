import warnings
from dataclasses import fields

import numpy as np
import pytest
import torch

from realtime_mer.errors import InputError
from realtime_mer.features.config import PitchConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.model.checkpoint import load_checkpoint
from realtime_mer.recognizer.contract import ESTIMATES, Estimates
from realtime_mer.recognizer.device import pick_device
from realtime_mer.recognizer.reference import HopPath, Recognizer, _compile
from tests.networks import HARMONIC, SMALL, random_checkpoint, random_recognizer

HOP = 2400
WINDOW = 72_000
TOLERANCE = 1e-4  # DESIGN's bound; what is seen is 1e-7


@pytest.fixture(scope="module")
def recognizer():
    return random_recognizer()


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
            getattr(a, field.name), getattr(b, field.name), atol=tolerance, rtol=0, equal_nan=True
        )


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


def test_a_single_hop_runs_none_of_the_networks_own_code():
    # See docs/decisions/0003-one-compiled-call-a-hop.md.
    made, calls = random_recognizer(), []
    made.path.network.conv1.register_forward_hook(lambda *_: calls.append(1))
    _, state = made.step(noise(HOP), made.initial_state())
    made.windowed(noise(WINDOW), None)
    assert not calls
    made.step(noise(HOP * 3), state)
    assert calls


@pytest.mark.parametrize("age", [1, 2, 479, 480, 481, 959, 960, 2400, 36_000, 71_999, 72_000])
@pytest.mark.parametrize("config", [SMALL, HARMONIC], ids=["plain", "harmonic"])
def test_with_the_memory_fixed_the_estimate_sees_exactly_three_seconds(config, age):
    # In float64, because an untrained network all but drowns the edge of the window in rounding.
    checkpoint = random_checkpoint(config=config)
    path = HopPath(checkpoint.network, checkpoint.card).double()

    def valence(samples: torch.Tensor) -> float:
        with torch.no_grad():
            frames, pitches = path.heard_in_windows(samples.double(), 1)
            return path.network(frames, pitches=pitches)[0].valence[0, -1].item()

    samples = noise(WINDOW)
    changed = samples.clone()
    changed[0, -age] += 1.0
    assert valence(changed) != valence(samples)


@pytest.mark.parametrize("age", [1, 2, 2400, 36_000, 65_791])
def test_the_harmonic_branch_hears_each_sample_of_a_third_of_a_second_before_every_column(age):
    checkpoint = random_checkpoint(config=HARMONIC)
    path = HopPath(checkpoint.network, checkpoint.card).double()
    samples = noise(WINDOW).double()
    changed = samples.clone()
    changed[0, -age] += 1.0
    _, before = path.heard_in_windows(samples, 1)
    _, after = path.heard_in_windows(changed, 1)
    assert before.shape == (1, 25, PitchConfig.bins)
    assert not torch.equal(path.network.harmonic(before), path.network.harmonic(after))


def test_a_window_is_all_a_hop_takes():
    # No sample older than the window can matter: the network takes no more frames than fit in it.
    checkpoint = random_checkpoint()
    frames = LogMel(checkpoint.card.features)(noise(WINDOW))
    assert frames.shape[1] == checkpoint.network.config.window_frames
    assert checkpoint.network(frames)[0].valence.shape == (1, 1)


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


def test_estimates_need_no_gradient(recognizer):
    estimates, state = recognizer.step(noise(HOP), recognizer.initial_state(1))
    assert not estimates.valence.requires_grad
    assert not estimates.valence.is_inference()
    assert not state.network.hidden.requires_grad


def test_whoever_gives_tensors_gets_tensors_and_whoever_gives_arrays_gets_arrays(recognizer):
    samples = noise(HOP * 2)
    state = recognizer.initial_state(1)
    for kind in (torch.Tensor, np.ndarray):
        given, window = samples, noise(WINDOW)
        if kind is np.ndarray:
            given, window = given.numpy(), window.numpy()
        ways = (
            recognizer.run(given),
            recognizer.step(given, state)[0],
            recognizer.step(given[:, :7], state)[0],
            recognizer.windowed(window, None)[0],
        )
        for estimates in ways:
            assert {type(getattr(estimates, name)) for name in ESTIMATES} == {kind}
