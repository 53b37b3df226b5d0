from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.model.network import NetworkOutput
from training.config import LossConfig
from training.corpora import Clip
from training.losses import (
    Joins,
    Labels,
    concordance,
    gaussian_deviance,
    label_losses,
    teacher_loss,
    weighted_mean,
)

CLIPS = [
    Clip(
        corpus="grekow",
        id="a",
        path=Path(),
        seconds=6,
        group="a",
        valence=0.5,
        arousal=0.2,
        quadrant=0,
    ),
    Clip(
        corpus="grekow",
        id="b",
        path=Path(),
        seconds=6,
        group="b",
        valence=-0.5,
        arousal=0.7,
        quadrant=1,
    ),
    Clip(
        corpus="grekow",
        id="c",
        path=Path(),
        seconds=6,
        group="c",
        valence=0.1,
        arousal=-0.4,
        quadrant=3,
    ),
    Clip(corpus="emotify", id="d", path=Path(), seconds=6, group="d", gems=(0.2,) * 9, answers=10),
    Clip(corpus="emotify", id="e", path=Path(), seconds=6, group="e", gems=(0.7,) * 9, answers=30),
]


def _output(hops: int, seed: int = 0) -> NetworkOutput:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(1, hops, *shape, generator=generator)

    return NetworkOutput(
        valence=draw().tanh(),
        arousal=draw().tanh(),
        valence_sd=draw().exp(),
        arousal_sd=draw().exp(),
        quadrant_logits=draw(4),
        gems_logits=draw(9),
    )


def _losses(output: NetworkOutput, clip: list[int], weight: list[float]):
    labels = Labels(CLIPS)
    return label_losses(
        output,
        torch.tensor([clip]),
        torch.tensor([weight]),
        labels,
        Joins(labels.corpora, "grekow"),
        LossConfig(),
    )


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=20), st.integers(0, 99))
def test_concordance_is_lins_coefficient(truth: list[float], seed: int) -> None:
    target = np.array(truth)
    said = np.random.default_rng(seed).uniform(-1, 1, len(target))
    covariance = np.cov(said, target, bias=True)
    expected = (
        2
        * covariance[0, 1]
        / (covariance[0, 0] + covariance[1, 1] + (said.mean() - target.mean()) ** 2)
    )
    found = concordance(
        torch.tensor(said), torch.tensor(target), torch.ones(len(target), dtype=torch.double)
    )
    assert found.item() == pytest.approx(expected, abs=1e-3)


def test_the_gaussian_deviance_is_torchs_log_likelihood() -> None:
    mean, sd, target = torch.tensor([0.1, -0.3]), torch.tensor([0.2, 0.5]), torch.tensor([0.4, 0.0])
    expected = -torch.distributions.Normal(mean, sd).log_prob(target)
    torch.testing.assert_close(gaussian_deviance(mean, sd, target), expected)


def test_hops_that_are_masked_or_weigh_nothing_change_no_loss() -> None:
    clip, weight = [0, 1, 2, 3, 4, -1, 1], [1.0, 1.0, 0.25, 1.0, 1.0, 1.0, 0.0]
    one, other = _output(7, seed=1), _output(7, seed=2)
    mixed = NetworkOutput(
        *(torch.cat((a[:, :5], b[:, 5:]), 1) for a, b in zip(one, other, strict=True))
    )
    first, second = _losses(one, clip, weight), _losses(mixed, clip, weight)
    assert first.keys() == {"concordance", "likelihood", "quadrants", "gems"}
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def test_a_head_without_labels_in_a_batch_has_no_loss() -> None:
    assert _losses(_output(2), [3, 4], [1.0, 1.0]).keys() == {"gems"}
    assert _losses(_output(2), [-1, -1], [1.0, 1.0]) == {}


def test_the_shares_loss_is_the_likelihood_of_the_counts() -> None:
    output = _output(2)
    share = output.gems_logits.sigmoid()[0]
    counts = torch.tensor([[10.0], [30.0]])
    truth = torch.tensor([[0.2], [0.7]])
    likelihood = counts * (truth * share.log() + (1 - truth) * (1 - share).log())
    expected = -likelihood.sum() / 40 / 3
    torch.testing.assert_close(_losses(output, [3, 4], [1.0, 1.0])["gems"], expected)


def test_the_reference_corpus_is_joined_as_it_is_and_others_by_offset_and_scale() -> None:
    joins = Joins(("grekow", "tags"), "grekow")
    with torch.no_grad():
        joins.offset[:] = torch.tensor([0.1, -0.2])
        joins.log_scale[:] = torch.tensor([0.5, 2.0]).log()
    mean, sd = torch.tensor([[0.4, 0.4]]), torch.tensor([[0.3, 0.3]])
    assert joins("grekow", mean, sd) == (mean, sd)
    joined_mean, joined_sd = joins("tags", mean, sd)
    torch.testing.assert_close(joined_mean, torch.tensor([[0.3, 0.6]]))
    torch.testing.assert_close(joined_sd, torch.tensor([[0.15, 0.6]]))
    assert joins.summary().keys() == {"tags"}


def test_the_mean_of_nothing_is_zero_and_can_be_differentiated() -> None:
    values = torch.ones(3, requires_grad=True)
    mean = weighted_mean(values, torch.zeros(3))
    mean.backward()
    assert mean.item() == 0.0
    assert torch.isfinite(values.grad).all()


def test_the_teachers_loss_is_zero_for_its_own_embedding_and_for_no_window() -> None:
    target = torch.randn(5, 200, generator=torch.Generator().manual_seed(0))
    assert teacher_loss(target, target).item() == pytest.approx(0.0, abs=1e-6)
    assert teacher_loss(-target, target).item() > 1.0
    assert teacher_loss(target[:0], target[:0]).item() == 0.0
