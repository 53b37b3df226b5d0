import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.features.config import FeatureConfig
from realtime_mer.model.network import NetworkOutput
from training.corpora import Clip, Curve
from training.judge.curves import at_times
from training.judge.evaluate import FIRST_WHOLE_HOP
from training.learn.config import LossConfig
from training.learn.losses import (
    Joins,
    Labels,
    agreement_loss,
    concordance,
    gaussian_deviance,
    label_losses,
    music_loss,
    relations_loss,
    teacher_loss,
    weighted_mean,
)
from training.learn.sequences import hop_s

HOP_S = hop_s(FeatureConfig())
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
        music_logits=draw(),
        familiar=draw().sigmoid(),
    )


def _losses(
    output: NetworkOutput,
    clip: list[int],
    weight: list[float],
    *,
    clips: list[Clip] = CLIPS,
    hop: list[int] | None = None,
):
    labels = Labels(clips, hop_s=HOP_S)
    return label_losses(
        output,
        torch.tensor([clip]),
        torch.tensor([hop or [0] * len(clip)]),
        torch.tensor([weight]),
        labels,
        Joins(labels.corpora, "grekow"),
        LossConfig(),
    )


def test_the_loss_of_music_is_the_mean_cross_entropy_of_the_hops_that_are_known() -> None:
    logits = torch.tensor([[2.0, -1.0, 5.0, 0.3]], requires_grad=True)
    music = torch.tensor([[1.0, 0.0, math.nan, 1.0]])
    weight = torch.tensor([[1.0, 1.0, 1.0, 0.25]])
    loss = music_loss(logits, music, weight)
    entropy = -torch.tensor([2.0, 1.0, 0.3]).sigmoid().log()
    expected = (entropy * torch.tensor([1.0, 1.0, 0.25])).sum() / 2.25
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert torch.isfinite(logits.grad).all()


def test_where_nothing_is_known_of_music_there_is_nothing_to_lose() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    loss = music_loss(logits, torch.full((1, 3), math.nan), torch.ones(1, 3))
    loss.backward()
    assert loss.item() == 0


def _said(point: tuple[float, float], logits: list[float]) -> NetworkOutput:
    output = _output(1)
    return output._replace(
        valence=torch.tensor([[point[0]]], requires_grad=True),
        arousal=torch.tensor([[point[1]]], requires_grad=True),
        quadrant_logits=torch.tensor([[logits]], requires_grad=True),
    )


HEARD = torch.ones(1, 1, dtype=torch.bool)


@pytest.mark.parametrize(
    ("point", "quadrant"), [((0.4, 0.6), 0), ((-0.4, 0.6), 1), ((-0.4, -0.6), 2), ((0.4, -0.6), 3)]
)
def test_quadrants_that_say_what_the_point_says_cost_nothing(
    point: tuple[float, float], quadrant: int
) -> None:
    logits = [0.0] * 4
    logits[quadrant] = 3.0
    assert agreement_loss(_said(point, logits), HEARD).item() == 0


def test_quadrants_and_a_point_that_contradict_one_another_both_give_way() -> None:
    said = _said((-0.3, 0.6), [3.0, 0.0, 0.0, 0.0])
    loss = agreement_loss(said, HEARD)
    # Of valence alone, since arousal agrees.
    assert loss.item() == pytest.approx(0.3 * math.tanh(0.75) / 2)
    loss.backward()
    assert said.valence.grad is not None
    assert said.quadrant_logits.grad is not None
    assert said.valence.grad.item() < 0, "one step against the gradient moves valence up"
    assert said.quadrant_logits.grad[0, 0, 0] > 0
    assert said.quadrant_logits.grad[0, 0, 1] < 0


def test_what_is_no_clip_need_not_agree() -> None:
    said = _said((-0.3, 0.6), [3.0, 0.0, 0.0, 0.0])
    loss = agreement_loss(said, ~HEARD)
    loss.backward()
    assert loss.item() == 0


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


def test_listeners_who_were_not_asked_for_shares_have_no_part_in_their_loss() -> None:
    others = [replace(clip, answers=30) for clip in CLIPS[:3]]
    found = _losses(_output(4), [0, 1, 2, 3], [1.0] * 4, clips=[*others, CLIPS[3]])
    alone = _losses(_output(4), [-1, -1, -1, 3], [1.0] * 4)
    torch.testing.assert_close(found["gems"], alone["gems"])


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


def _embeddings(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seed=st.integers(0, 1000), count=st.integers(3, 20))
def test_relations_are_the_same_wherever_the_embedding_lies_is_turned_to_or_how_large_it_is(
    seed: int, count: int
) -> None:
    target = _embeddings(seed, count, 6)
    turned, _ = torch.linalg.qr(_embeddings(seed + 1, 6, 6))
    moved = 3.0 * target @ turned + _embeddings(seed + 2, 6)
    assert relations_loss(target, target).item() == pytest.approx(0.0, abs=1e-12)
    assert relations_loss(moved, target).item() == pytest.approx(0.0, abs=1e-9)
    other = _embeddings(seed + 3, count, 6)
    loss = relations_loss(other, target).item()
    assert 0 < loss <= 4
    # Nothing hangs on which comes first, nor on the order of the windows.
    assert relations_loss(target, other).item() == pytest.approx(loss)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    assert relations_loss(other[order], target[order]).item() == pytest.approx(loss)


def test_relations_may_be_borne_by_fewer_numbers_and_by_none_where_there_is_one_window() -> None:
    target = torch.cat((_embeddings(0, 8, 3), torch.zeros(8, 5, dtype=torch.float64)), 1)
    assert relations_loss(target[:, :3], target).item() == pytest.approx(0.0, abs=1e-12)
    for count in (0, 1):
        said = target[:count].clone().requires_grad_()
        loss = relations_loss(said, target[:count])
        loss.backward()
        assert loss.item() == 0.0
        assert torch.isfinite(said.grad).all()


def test_following_the_relations_down_brings_neighbours_together() -> None:
    target = _embeddings(0, 6, 4)
    said = _embeddings(1, 6, 4).requires_grad_()
    begun = relations_loss(said, target).item()
    optimiser = torch.optim.Adam([said], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        relations_loss(said, target).backward()
        optimiser.step()
    assert relations_loss(said, target).item() < 0.05 * begun


def _moving(times: list[float], arousal: list[float], **known: object) -> Clip:
    curve = Curve(times=tuple(times), valence=(0.25,) * len(times), arousal=tuple(arousal))
    clip = Clip(
        corpus="made", id="moving", path=Path(), seconds=20, group="m", valence=0.0, arousal=0.0
    )
    return replace(clip, curve=replace(curve, **known), answers=25)


def _told(clip: Clip, hops: int, lag_s: float = 0.0) -> np.ndarray:
    labels = Labels([clip], hop_s=HOP_S, lag_s={clip.corpus: lag_s})
    rating, _ = labels.affect(torch.zeros(hops, dtype=torch.long), torch.arange(hops))
    return rating.numpy()


def test_a_hop_is_told_the_rating_that_holds_where_it_ends_and_none_outside_the_rated_times() -> (
    None
):
    told = _told(_moving([1.0, 1.5, 2.5], [0.1, 0.2, 0.3]), 50)
    # Hops end each 0.1 s: number 9 at 1.0 s, where the first rating begins to hold.
    expected = np.full((50, 2), math.nan)
    expected[9:34, 0] = 0.25
    expected[9:14, 1], expected[14:24, 1], expected[24:34, 1] = 0.1, 0.2, 0.3
    np.testing.assert_allclose(told, expected, atol=1e-6)


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=8),
    st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8),
)
def test_ratings_are_taught_as_they_are_judged(steps: list[int], values: list[float]) -> None:
    times = [round(0.1 * step, 1) for step in np.cumsum(steps)]
    arousal = values[: len(times)]
    told = _told(_moving(times, arousal), 300)
    means = at_times(told, times, hop_s=HOP_S)[:, 1]
    judged = np.isfinite(means)
    np.testing.assert_allclose(means[judged], np.array(arousal)[judged], atol=1e-6)
    assert judged.any() == (times[-1] + HOP_S * steps[-1] > (FIRST_WHOLE_HOP + 1) * HOP_S + 1e-6)


@given(st.integers(0, 60))
def test_with_a_lag_a_hop_is_told_what_is_answered_that_much_later(lag: int) -> None:
    clip = _moving([1.0, 1.5, 2.5], [0.1, 0.2, 0.3])
    now, lagged = _told(clip, 100), _told(clip, 100, lag_s=0.1 * lag)
    np.testing.assert_array_equal(lagged[: 100 - lag], now[lag:])
    assert np.isnan(lagged[100 - lag :]).all()


def test_a_mean_holds_for_the_whole_clip_and_knows_no_lag() -> None:
    np.testing.assert_allclose(_told(CLIPS[0], 40, lag_s=2.0), [[0.5, 0.2]] * 40, atol=1e-6)


def test_a_curve_that_is_rated_once_holds_from_there_on() -> None:
    told = _told(_moving([2.0], [0.4]), 100)
    assert np.isnan(told[:19]).all()
    np.testing.assert_allclose(told[19:, 1], 0.4, atol=1e-6)


def test_a_hop_outside_the_rated_times_has_no_part_in_any_loss() -> None:
    moving = [
        replace(_moving([1.0, 2.0], [0.1 * n, -0.2 * n]), id=str(n), group=str(n)) for n in range(3)
    ]
    one, other = _output(8, seed=1), _output(8, seed=2)
    mixed = NetworkOutput(
        *(torch.cat((a[:, :6], b[:, 6:]), 1) for a, b in zip(one, other, strict=True))
    )
    place = {"clips": moving, "hop": [10, 20, 10, 20, 10, 20, 3, 31]}
    first, second = (
        _losses(each, [0, 0, 1, 1, 2, 2, 0, 2], [1.0] * 8, **place) for each in (one, mixed)
    )
    assert first.keys() == {"concordance", "likelihood"}
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def _rated(sd: float | None, answers: int) -> list[Clip]:
    """The clips of grekow, the second rated with a spread by some listeners."""
    second = replace(CLIPS[1], valence_sd=sd, arousal_sd=sd, answers=answers)
    return [CLIPS[0], second, CLIPS[2]]


def _affect_losses(sd: float | None, answers: int) -> tuple[torch.Tensor, torch.Tensor]:
    found = _losses(_output(3), [0, 1, 2], [1.0] * 3, clips=_rated(sd, answers))
    return found["concordance"], found["likelihood"]


def test_a_ratings_standard_error_adds_to_the_predicted_variance() -> None:
    output = _output(3)
    error = torch.tensor([0.0, 0.8 / math.sqrt(4), 0.0])
    for_axis = []
    for mean, sd, name in (
        (output.valence[0], output.valence_sd[0], "valence"),
        (output.arousal[0], output.arousal_sd[0], "arousal"),
    ):
        target = torch.tensor([getattr(clip, name) for clip in CLIPS[:3]])
        whole = (sd.square() + error.square()).sqrt()
        for_axis.append(-torch.distributions.Normal(mean, whole).log_prob(target).mean())
    expected = LossConfig().likelihood * torch.stack(for_axis).mean()
    torch.testing.assert_close(_affect_losses(0.8, 4)[1], expected)


def test_a_rating_on_which_listeners_disagree_weighs_less_in_the_concordance() -> None:
    output = _output(3)
    sd = torch.stack((output.valence_sd, output.arousal_sd), -1)[0]
    mean = torch.stack((output.valence, output.arousal), -1)[0]
    target = torch.tensor([[clip.valence, clip.arousal] for clip in CLIPS[:3]])
    weight = torch.ones(3, 2)
    weight[1] = sd[1].square() / (sd[1].square() + 0.4**2)
    agreement = [concordance(mean[:, n], target[:, n], weight[:, n]) for n in (0, 1)]
    torch.testing.assert_close(_affect_losses(0.8, 4)[0], 1 - torch.stack(agreement).mean())
    # Nobody who agrees with nobody says anything: what is left are the others.
    alone = [concordance(mean[[0, 2], n], target[[0, 2], n], torch.ones(2)) for n in (0, 1)]
    torch.testing.assert_close(
        _affect_losses(1e6, 1)[0], 1 - torch.stack(alone).mean(), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize(("sd", "answers"), [(None, 0), (None, 30), (0.5, 0), (0.0, 30)])
def test_where_agreement_is_not_known_ratings_count_in_full(sd: float | None, answers: int) -> None:
    assert _affect_losses(sd, answers) == _affect_losses(None, 0)
