"""What every recogniser takes and gives: samples, estimates and states, whoever computes them."""

from typing import Any

import numpy as np
import pytest
import torch

from realtime_mer.errors import InputError
from realtime_mer.model.state import NetworkState
from realtime_mer.recognizer.contract import Estimates, RecognizerState, check_samples


@pytest.fixture
def state() -> RecognizerState:
    """A state of two streams, each tensor of it another."""
    numbers = [torch.full((2, 1), float(at)) for at in range(len(NetworkState._fields))]
    return RecognizerState(
        samples=torch.zeros(2, 5),
        network=NetworkState(*numbers),
        hops=torch.tensor([3, 4]),
    )


def test_estimates_are_as_many_as_their_hops() -> None:
    def some(*shape: int) -> torch.Tensor:
        return torch.zeros(2, 7, *shape)

    estimates = Estimates(
        valence=some(),
        arousal=some(),
        valence_sd=some(),
        arousal_sd=some(),
        quadrants=some(4),
        gems=some(9),
        mel=some(64),
    )
    assert len(estimates) == 7


@pytest.mark.parametrize("arrays", [torch.zeros, lambda shape: np.zeros(shape, np.float32)])
def test_what_a_recogniser_does_not_tell_is_not_a_number_in_every_hop(arrays: Any) -> None:
    hop, numbers = arrays((2, 7)), {"valence", "arousal", "valence_sd", "arousal_sd"}
    estimates = Estimates(
        **dict.fromkeys(numbers, hop),
        quadrants=arrays((2, 7, 4)),
        gems=arrays((2, 7, 9)),
        mel=arrays((2, 7, 64)),
        familiar=hop,
    )
    assert (type(estimates.music), estimates.music.dtype) == (type(hop), hop.dtype)
    assert np.isnan(np.asarray(estimates.music)).all()
    assert estimates.music.shape == (2, 7)
    assert estimates.familiar is hop


def test_a_state_is_saved_under_the_names_of_its_parts(state: RecognizerState) -> None:
    saved = state.to_dict()
    assert set(saved) == {"samples", "hops", *(f"network.{f}" for f in NetworkState._fields)}
    assert saved["samples"] is state.samples
    assert saved["hops"] is state.hops
    for name in NetworkState._fields:
        assert saved[f"network.{name}"] is getattr(state.network, name)


def test_a_saved_state_is_the_state_again(state: RecognizerState) -> None:
    again = RecognizerState.from_dict(state.to_dict())
    assert again.samples is state.samples
    assert again.hops is state.hops
    assert isinstance(again.network, NetworkState)
    assert again.to_dict() == state.to_dict()


def test_what_is_saved_lies_in_one_piece(state: RecognizerState) -> None:
    turned = RecognizerState(
        samples=torch.zeros(5, 2).T, network=state.network, hops=torch.arange(4)[::2]
    )
    assert all(tensor.is_contiguous() for tensor in turned.to_dict().values())
    arrays = RecognizerState(
        samples=np.zeros((5, 2)).T,
        network=NetworkState(*map(np.asarray, state.network)),
        hops=np.arange(4)[::2],
    )
    assert all(array.flags.c_contiguous for array in arrays.to_dict().values())


@pytest.mark.parametrize("name", ["samples", "hops", f"network.{NetworkState._fields[0]}"])
def test_a_saved_state_that_is_not_whole_is_refused_by_what_is_missing(
    state: RecognizerState, name: str
) -> None:
    saved = state.to_dict()
    del saved[name]
    with pytest.raises(InputError, match=rf"^The saved state lacks the array '{name}'\.$"):
        RecognizerState.from_dict(saved)


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("n", [0, 1, 2400])
def test_rows_of_float32_are_samples(batch: int | None, n: int) -> None:
    check_samples(torch.zeros(2, n), batch=batch)
    check_samples(np.zeros((2, n), np.float32), batch=batch)


@pytest.mark.parametrize(
    ("samples", "batch", "told"),
    [
        (
            [[0.0, 1.0]],
            None,
            "Samples are a list; give an array (B, n): np.array([samples], dtype=np.float32) for "
            "one stream.",
        ),
        (
            np.zeros((2, 5)),
            2,
            "Samples are float64; convert them to float32 first.",
        ),
        (
            torch.zeros(5),
            None,
            "Samples have shape (5,); give (B, n): one row a stream.",
        ),
        (
            torch.zeros(1, 1, 5),
            1,
            "Samples have shape (1, 1, 5); give (1, n): one row a stream.",
        ),
        (
            torch.zeros(0, 5),
            None,
            "Samples have shape (0, 5); give (B, n): one row a stream.",
        ),
        (
            torch.zeros(2, 5),
            3,
            "Samples have shape (2, 5); give (3, n): one row a stream.",
        ),
        (
            torch.zeros(2, 5, dtype=torch.float64),
            2,
            "Samples are torch.float64; convert them to float32 first.",
        ),
    ],
)
def test_what_is_no_rows_of_float32_is_refused_with_what_to_give(
    samples: object, batch: int | None, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_samples(samples, batch=batch)
    assert str(caught.value) == told
