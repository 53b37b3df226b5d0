import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.emotion import QUADRANTS, quadrant_of
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.tied import SIGNS, TiedQuadrants

_SLOPES = st.floats(0.05, 20.0)
_FAR = st.floats(NetworkConfig.tied_beyond + 1e-3, 0.99) | st.floats(
    -0.99, -NetworkConfig.tied_beyond - 1e-3
)


def _tied(*slopes: float) -> TiedQuadrants:
    tied = TiedQuadrants()
    with torch.no_grad():
        tied.log_slope.copy_(torch.tensor(slopes).log())
    return tied


def _said(tied: TiedQuadrants, valence: float, arousal: float, head: list[float]) -> str:
    point = torch.tensor([[[math.atanh(valence), math.atanh(arousal)]]])
    with torch.no_grad():
        return QUADRANTS[int(tied(point, torch.tensor([[head]])).argmax())]


@settings(max_examples=50)
@given(_SLOPES, _SLOPES, _FAR, _FAR, st.permutations([-1e6, 1e6, -3.0, 3.0]))
def test_the_likeliest_quadrant_is_the_points_whatever_the_head_says(
    valence_slope: float, arousal_slope: float, valence: float, arousal: float, head: list[float]
) -> None:
    tied = _tied(valence_slope, arousal_slope)
    assert _said(tied, valence, arousal, head) == quadrant_of(valence, arousal)


def test_near_an_axis_the_head_may_put_the_border_elsewhere() -> None:
    tied = _tied(2.0, 2.0)
    assert _said(tied, 0.04, 0.5, [-9.0, 9.0, 0.0, 0.0]) == "Q2"
    assert _said(tied, 0.04, 0.5, [0.0, 0.0, 0.0, 0.0]) == "Q1"


def test_stretching_the_point_leaves_the_quadrants_as_they_were() -> None:
    tied = _tied(2.0, 0.7)
    generator = torch.Generator().manual_seed(0)
    point, said = (torch.randn(2, 9, n, generator=generator) for n in (2, 4))
    before = tied(point, said)
    stretch = torch.tensor([1.0, 1.4])
    tied.stretch.mul_(stretch)
    torch.testing.assert_close(tied(point * stretch, said), before)


def test_the_signs_are_those_of_the_quadrants() -> None:
    for name, valence, arousal in zip(QUADRANTS, *SIGNS, strict=True):
        assert quadrant_of(valence, arousal) == name
    assert np.abs(SIGNS).max() == 1


def test_both_the_slopes_and_the_point_learn_from_people_who_name_quadrants() -> None:
    tied = _tied(1.0, 1.0)
    point = torch.tensor([[[0.2, -0.3]]], requires_grad=True)
    loss = torch.nn.functional.cross_entropy(
        tied(point, torch.zeros(1, 1, 4))[0], torch.tensor([3])
    )
    loss.backward()
    assert point.grad is not None
    # Q4 was right: more valence and less arousal would have been better.
    assert point.grad[0, 0, 0] < 0 < point.grad[0, 0, 1]
    assert tied.log_slope.grad is not None
    assert loss.item() == pytest.approx(1.0, abs=0.1)
    assert (tied.log_slope.grad < 0).all()
