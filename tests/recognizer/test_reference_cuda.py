"""The recogniser's promises on each device, and between them."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from realtime_mer.features.log_mel import LogMel
from realtime_mer.recognizer import reference
from realtime_mer.recognizer.reference import Estimates, Recognizer, RecognizerState
from tests.networks import random_checkpoint
from tests.on_devices import each_device, with_cuda

HOP = 2400
WINDOW = 72_000
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def made() -> Callable[[str], Recognizer]:
    """Give the recogniser of one random network on a device, made once."""
    there: dict[str, Recognizer] = {}

    def on(device: str) -> Recognizer:
        if device not in there:
            there[device] = Recognizer(random_checkpoint(), device=device)
        return there[device]

    return on


def noise(n: int, *, batch: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    loudness = 0.02 + 0.2 * torch.rand(batch, 1 + n // 3000, generator=generator)
    return torch.randn(batch, n, generator=generator) * loudness.repeat_interleave(3000, 1)[:, :n]


def stepped(
    recognizer: Recognizer, samples: Tensor, sizes: list[int], state: RecognizerState | None = None
) -> tuple[Estimates, RecognizerState]:
    state = state or recognizer.initial_state(len(samples))
    parts = []
    for piece in samples.split([*sizes, samples.shape[1] - sum(sizes)], dim=1):
        estimates, state = recognizer.step(piece, state)
        parts.append(estimates)
    return joined(*parts), state


def windowed(recognizer: Recognizer, samples: Tensor) -> Estimates:
    padded = nn.functional.pad(samples, (WINDOW, 0))
    parts, memory = [], None
    for end in range(HOP, samples.shape[1] + 1, HOP):
        estimates, memory = recognizer.windowed(padded[:, end : end + WINDOW], memory)
        parts.append(estimates)
    return joined(*parts)


def joined(*parts: Estimates) -> Estimates:
    return Estimates(
        **{
            field.name: torch.cat([getattr(part, field.name).cpu() for part in parts], 1)
            for field in fields(Estimates)
        }
    )


def assert_equal(one: Estimates, other: Estimates, *, tolerance: float = TOLERANCE) -> None:
    for field in fields(Estimates):
        torch.testing.assert_close(
            getattr(joined(one), field.name),
            getattr(joined(other), field.name),
            atol=tolerance,
            rtol=0,
            equal_nan=True,
        )


# -- the three ways --------------------------------------------------------------------------------


@each_device
@pytest.mark.parametrize("sizes", [[], [HOP] * 12, [1, 7, 480, 2399, HOP, 9601], [5 * HOP] * 2])
def test_incremental_is_offline_whatever_the_chunks(made, device: str, sizes: list[int]) -> None:
    samples = noise(HOP * 20 + 100, batch=2)
    estimates, state = stepped(made(device), samples, sizes)
    assert len(estimates) == 20
    assert state.hops.tolist() == [20, 20]
    assert_equal(estimates, made(device).run(samples))


@each_device
def test_windowed_is_offline(made, device: str) -> None:
    samples = noise(HOP * 40, batch=2)
    assert_equal(windowed(made(device), samples), made(device).run(samples))


@each_device
def test_minutes_of_hops_stay_equal(made, device: str) -> None:
    samples = noise(HOP * 600)
    assert_equal(stepped(made(device), samples, [HOP] * 599)[0], made(device).run(samples))


@pytest.mark.parametrize("model", ["default", "random"])
@pytest.mark.parametrize("way", ["offline", "windowed", "incremental"])
@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("device", [pytest.param("cuda", marks=with_cuda)])
def test_cuda_says_what_the_processor_says(made, device: str, model: str, way: str) -> None:
    samples = noise(HOP * 60)
    one, other = (
        made(where) if model == "random" else Recognizer.load(model, where)
        for where in (device, "cpu")
    )
    ways: dict[str, Callable[[], Estimates]] = {
        "offline": lambda: one.run(samples),
        "windowed": lambda: windowed(one, samples),
        "incremental": lambda: stepped(one, samples, [HOP] * 59)[0],
    }
    assert_equal(ways[way](), other.run(samples))


# -- batches and states ----------------------------------------------------------------------------


@each_device
@pytest.mark.parametrize("batch", [2, 5, 64])
def test_a_stream_in_a_batch_has_the_numbers_that_it_has_alone(made, device, batch: int) -> None:
    # One batch after another, since a compiled hop makes ready for each size anew.
    samples = noise(HOP * 8, batch=batch)
    together, _ = stepped(made(device), samples, [HOP] * 7)
    alone, _ = stepped(made(device), samples[-1:], [HOP] * 7)
    torch.testing.assert_close(together.valence[-1:], alone.valence, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.gems[-1:], alone.gems, atol=1e-5, rtol=0)


@each_device
@pytest.mark.parametrize("streams", [[], [1], [0, 2]])
def test_a_reset_starts_those_streams_anew_and_no_others(made, device, streams: list[int]) -> None:
    recognizer = made(device)
    first, second = noise(HOP * 8, batch=3), noise(HOP * 12, batch=3, seed=1)
    _, state = recognizer.step(first, recognizer.initial_state(3))
    after, ended = recognizer.step(second, recognizer.reset(state, streams))
    fresh, going_on = recognizer.run(second), recognizer.run(torch.cat((first, second), 1))
    for stream in range(3):
        expected = fresh.arousal[stream] if stream in streams else going_on.arousal[stream, 8:]
        torch.testing.assert_close(after.arousal[stream], expected, atol=1e-5, rtol=0)
    assert ended.hops.tolist() == [12 if stream in streams else 20 for stream in range(3)]


@each_device
def test_a_reset_may_keep_the_memory(made, device: str) -> None:
    recognizer = made(device)
    _, state = recognizer.step(noise(HOP * 8, batch=2), recognizer.initial_state(2))
    kept = recognizer.reset(state, [0], keep_memory=True)
    assert torch.equal(kept.network.hidden, state.network.hidden)
    assert torch.equal(kept.network.columns[:1], recognizer.initial_state(1).network.columns)
    assert torch.equal(kept.network.columns[1:], state.network.columns[1:])


PATHS = [
    ("cpu", "cpu"),
    *(pytest.param(*path, marks=with_cuda) for path in (("cpu", "cuda"), ("cuda", "cpu"))),
]


@pytest.mark.parametrize(("device", "other"), PATHS)
@pytest.mark.parametrize("cut", [HOP * 7 + 333, HOP * 7])
@pytest.mark.parametrize("saved", [True, False])
def test_a_state_goes_on_on_another_device(made, device, other, cut: int, saved: bool) -> None:
    samples = noise(HOP * 20 + 1000, batch=2)
    first, state = made(device).step(samples[:, :cut], made(device).initial_state(2))
    if saved:
        state = RecognizerState.from_dict(load(save(state.to_dict())))
    state = made(other).reset(state, [])
    rest, _ = made(other).step(samples[:, cut:], state)
    assert_equal(joined(first, rest), made("cpu").run(samples))


@pytest.mark.parametrize(("device", "other"), PATHS)
def test_a_windows_memory_goes_on_on_another_device(made, device: str, other: str) -> None:
    first, second = noise(WINDOW), noise(WINDOW, seed=1)
    expected, memory = made(device).windowed(first, None)
    expected, _ = made(device).windowed(second, memory)
    assert_equal(made(other).windowed(second, memory)[0], expected)


@each_device
def test_a_checkpoint_serves_recognisers_on_several_devices(device: str) -> None:
    checkpoint = random_checkpoint()
    first = Recognizer(checkpoint)
    samples = noise(HOP * 5)
    before = first.run(samples)
    assert_equal(Recognizer(checkpoint, device=device).run(samples), before)
    assert_equal(first.run(samples), before, tolerance=0.0)
    assert all(value.device.type == "cpu" for value in checkpoint.network.state_dict().values())
    assert all(parameter.requires_grad for parameter in checkpoint.network.parameters())


@each_device
def test_everything_lies_on_the_recognisers_device(made, device: str) -> None:
    recognizer = made(device)
    state = recognizer.initial_state(2)
    for n in (0, HOP, 3 * HOP + 5):
        estimates, state = recognizer.step(noise(n, batch=2), state)
        placed = [getattr(estimates, field.name) for field in fields(Estimates)]
        placed += state.to_dict().values()
        assert {tensor.device.type for tensor in placed} == {device}


# -- how precise it is -----------------------------------------------------------------------------


def precision() -> list[str]:
    """Return how float32 is computed with now: ``tf32``, ``ieee`` or, the same, ``none``."""
    cudnn: Any = torch.backends.cudnn
    return [kind.fp32_precision for kind in (cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul)]


def everything_in_tf32() -> None:
    cudnn: Any = torch.backends.cudnn
    for kind in (cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul):
        kind.fp32_precision = "none"  # as the backends at large
    torch.backends.fp32_precision = "tf32"


TURNED_ON: dict[str, Callable[[], None]] = {
    "of old": lambda: setattr(torch.backends.cudnn, "allow_tf32", True),
    "by matmul precision": lambda: torch.set_float32_matmul_precision("high"),
    "for everything": everything_in_tf32,
}


@pytest.fixture
def tf32_as_before() -> Iterator[None]:
    cudnn: Any = torch.backends.cudnn
    places = (torch.backends, cudnn, cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul)
    before = [place.fp32_precision for place in places]
    matmul = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(matmul)
    for place, value in zip(places, before, strict=True):
        place.fp32_precision = value


@pytest.fixture
def tf32(tf32_as_before: None) -> None:
    """TF32 is on for everything, as a program may have it."""
    everything_in_tf32()


@pytest.mark.usefixtures("tf32_as_before")
@pytest.mark.parametrize("turned_on", TURNED_ON)
def test_a_recogniser_on_cuda_turns_tf32_off_when_it_is_made_and_never_again(
    fake_cuda: Callable[[], Recognizer], turned_on: str
) -> None:
    TURNED_ON[turned_on]()
    assert "tf32" in precision()
    made = fake_cuda()
    assert precision() == ["ieee"] * 3
    # Whoever asks in torch's older way is told the same, and not that the ways disagree.
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    # Another thread's setting is not changed under it at every hop.
    TURNED_ON[turned_on]()
    before = precision()
    made.step(torch.zeros(1, HOP), made.initial_state(1))
    made.run(torch.zeros(1, HOP))
    assert precision() == before


@pytest.mark.usefixtures("tf32")
def test_a_recogniser_on_the_processor_leaves_tf32_alone(made) -> None:
    before = precision()
    made("cpu").step(noise(HOP), made("cpu").initial_state(1))
    assert precision() == before


# -- where there is no CUDA ------------------------------------------------------------------------


def _moved(module: nn.Module, device: torch.device) -> nn.Module:
    """Do as ``module.to(device)``, which cannot move tensors without values."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                moved = torch.empty_like(parameter, device=device)
                part._parameters[name] = nn.Parameter(moved, requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = torch.empty_like(buffer, device=device)
    return module


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Recognizer]]:
    """Makes a recogniser on a CUDA device of shapes without values: what mixes with others raises.

    Its compiled hop is the module itself, for a graph of such tensors cannot be traced.
    """

    def compiled(module: nn.Module, *example: Any) -> nn.Module:
        module(*example)
        return module

    checkpoint = random_checkpoint()
    features = LogMel(checkpoint.card.features)
    monkeypatch.setattr(reference, "LogMel", lambda _config: features)
    monkeypatch.setattr(reference, "deepcopy", lambda network: network)
    monkeypatch.setattr(reference, "_compile", compiled)
    monkeypatch.setattr(nn.Module, "to", _moved)
    monkeypatch.setattr(torch.backends.cudnn, "enabled", False)  # it asks for a real device
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield lambda: Recognizer(checkpoint, device="cuda")


def test_no_operation_mixes_devices(fake_cuda: Callable[[], Recognizer]) -> None:
    made = fake_cuda()
    state = made.initial_state(3)
    memory = None
    found = [made.run(torch.zeros(3, HOP * 9)), made.run(torch.zeros(3, 7))]
    for n in (0, 7, HOP, HOP * 3 + 5):
        estimates, state = made.step(torch.zeros(3, n), state)
        found.append(estimates)
    state = made.reset(state, [1], keep_memory=True)
    state = made.reset(state, [0, 2])
    for _ in range(2):
        estimates, memory = made.windowed(torch.zeros(3, WINDOW), memory)
        found.append(estimates)
    placed = [*state.to_dict().values(), *memory]
    for some in found:
        placed += [getattr(some, field.name) for field in fields(Estimates)]
    assert {tensor.device.type for tensor in placed} == {"cuda"}


def test_a_state_from_the_processor_is_taken_to_the_device(
    fake_cuda: Callable[[], Recognizer],
) -> None:
    made = fake_cuda()
    here = {
        name: torch.zeros(value.shape) for name, value in made.initial_state(2).to_dict().items()
    }
    state = RecognizerState.from_dict(here)
    _, after = made.step(torch.zeros(2, HOP), made.reset(state, [1]))
    _, also = made.step(torch.zeros(2, HOP), state)
    _, memory = made.windowed(
        torch.zeros(2, WINDOW), (state.network.hidden[None], state.network.cell[None])
    )
    placed = [*after.to_dict().values(), *also.to_dict().values(), *memory]
    assert {tensor.device.type for tensor in placed} == {"cuda"}


def test_a_mixture_of_devices_would_be_seen(fake_cuda: Callable[[], Recognizer]) -> None:
    made = fake_cuda()
    state = made.initial_state(1)
    with pytest.raises(RuntimeError, match="two different devices"):
        torch.cat((state.samples, torch.zeros(1, HOP)), 1)
