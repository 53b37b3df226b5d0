"""Losses that fit what people were asked, each masked by hops' weights.

Every corpus' valence and arousal is joined to the reference scale through an offset and a scale of
its own, learnt beside the network; the reference corpus is joined as it is.

Where listeners disagree a rating says less. With their spread s and number n a mean rating has the
standard error e = s / sqrt(n), and 0 where either is not known. The likelihood of a rating r under
a predicted mean m and sd d is that of a normal distribution of variance d^2 + e^2, and a hop's
weight in the concordance is multiplied by d^2 / (d^2 + e^2), through which no gradient runs.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from realtime_mer.model.network import NetworkOutput
from realtime_mer.model.tied import SIGNS

from ..corpora import Clip, holding
from .committee import AFFECT, GEMS, QUADRANT
from .config import LossConfig

_TINY = 1e-6


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of values by weight, 0 where all weights are 0; any equal shapes."""
    return (values * weight).sum() / weight.sum().clamp_min(_TINY)


def concordance(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return Lin's concordance correlation coefficient in [-1, 1] (Lin, Biometrics 45, 1989).

    Args:
        prediction, target, weight: of one shape; weights >= 0.
    """
    mean_p, mean_t = weighted_mean(prediction, weight), weighted_mean(target, weight)
    p, t = prediction - mean_p, target - mean_t
    spread = weighted_mean(p * p, weight) + weighted_mean(t * t, weight)
    return 2 * weighted_mean(p * t, weight) / (spread + (mean_p - mean_t) ** 2 + _TINY)


def gaussian_deviance(mean: Tensor, sd: Tensor, target: Tensor) -> Tensor:
    """Return the negative log-likelihood of a target under a normal distribution, elementwise."""
    return 0.5 * ((target - mean) / sd) ** 2 + sd.log() + 0.5 * math.log(2 * math.pi)


class Joins(nn.Module):
    """Offset, scale and excess noise of every corpus with valence and arousal.

    Args:
        corpora: their names.
        reference: the one whose scale is the network's, joined as it is.
    """

    def __init__(self, corpora: Sequence[str], reference: str) -> None:
        super().__init__()
        self._names = tuple(corpora)
        self._reference = reference
        self.offset = nn.Parameter(torch.zeros(len(corpora), 2))
        self.log_scale = nn.Parameter(torch.zeros(len(corpora), 2))
        self.log_noise = nn.Parameter(torch.zeros(len(corpora), 2))

    def forward(self, corpus: str, mean: Tensor, sd: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and sd, (..., 2), on a corpus' own scale."""
        if corpus == self._reference:
            return mean, sd
        row = self._names.index(corpus)
        scale = self.log_scale[row].exp()
        return self.offset[row] + scale * mean, scale * self.log_noise[row].exp() * sd

    def summary(self) -> dict[str, dict[str, list[float]]]:
        """Return offset and scale of (valence, arousal) by corpus, for the card."""
        return {
            name: {
                "offset": [round(x, 4) for x in self.offset[row].tolist()],
                "scale": [round(x, 4) for x in self.log_scale[row].exp().tolist()],
            }
            for row, name in enumerate(self._names)
            if name != self._reference
        }


class Labels(nn.Module):
    """People's labels as tensors, looked up by clip index.

    Args:
        clips: the training clips, whose order is the index.
        hop_s: seconds from one hop to the next.
        lag_s: by corpus, how long after the sound its curves answer; absent means 0.
    """

    def __init__(
        self, clips: Sequence[Clip], *, hop_s: float, lag_s: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        lags = lag_s or {}
        tables = [_affect(clip, hop_s, lags.get(clip.corpus, 0.0)) for clip in clips]
        rated = [bool(np.isfinite(table).any()) for table in tables]
        self.corpora = tuple(
            sorted({clip.corpus for clip, own in zip(clips, rated, strict=True) if own})
        )
        codes = {name: code for code, name in enumerate(self.corpora)}
        length = torch.tensor([len(table) for table in tables])
        every = torch.from_numpy(np.concatenate(tables))
        self._first = nn.Buffer(length.cumsum(0) - length)
        self._last = nn.Buffer(length - 1)
        self._rating = nn.Buffer(every[:, 0].contiguous())
        self._error = nn.Buffer(every[:, 1].contiguous())
        self.affect_corpus = nn.Buffer(
            torch.tensor(
                [codes[clip.corpus] if own else -1 for clip, own in zip(clips, rated, strict=True)]
            )
        )
        self.quadrant = nn.Buffer(
            torch.tensor([-1 if clip.quadrant is None else clip.quadrant for clip in clips])
        )
        self.gems = nn.Buffer(torch.tensor([clip.gems or (math.nan,) * 9 for clip in clips]))
        self.answers = nn.Buffer(torch.tensor([float(clip.answers) for clip in clips]))

    def affect(self, clip: Tensor, hop: Tensor) -> tuple[Tensor, Tensor]:
        """Return ratings (n, 2) of valence and arousal, NaN where there is none, and their errors.

        Args:
            clip: (n,) index.
            hop: (n,) number of the hop in its clip; it has the rating that holds where it ends.
        """
        row = self._first[clip] + torch.minimum(hop, self._last[clip])
        return self._rating[row], self._error[row]


def _affect(clip: Clip, hop_s: float, lag_s: float) -> NDArray[np.float32]:
    """Return a clip's ratings and their standard errors, (n, 2, 2): last axis valence and arousal.

    A clip with a curve has a row for each hop, the last for all hops that follow; one with a mean
    has one row.
    """
    source = clip.curve or clip

    def error(sd: float | Sequence[float] | None) -> Any:
        if sd is None or clip.answers == 0:
            return 0.0
        return np.asarray(sd) / math.sqrt(clip.answers)

    if source.valence is None or source.arousal is None:
        return np.full((1, 2, 2), math.nan, np.float32)
    columns = (source.valence, source.arousal, error(source.valence_sd), error(source.arousal_sd))
    table = np.stack(np.broadcast_arrays(*columns), -1).reshape(-1, 2, 2).astype(np.float32)
    if clip.curve is None:
        return table
    times = clip.curve.times
    last = 2 * times[-1] - times[-2] if len(times) > 1 else times[-1]
    hops = max(int((last - lag_s) / hop_s) + 2, 1)
    place = holding(times, (np.arange(hops) + 1) * hop_s + lag_s)
    return np.where(place[:, None, None] >= 0, table[place], np.float32(math.nan))


def label_losses(
    output: NetworkOutput,
    clip: Tensor,
    hop: Tensor,
    weight: Tensor,
    labels: Labels,
    joins: Joins,
    config: LossConfig,
) -> Mapping[str, Tensor]:
    """Return the weighted losses of every head that these hops have labels for.

    Args:
        output: the network's, (B, H) and (B, H, n).
        clip: (B, H) index into ``labels``, -1 for none.
        hop: (B, H) number of the hop in its clip, see ``Segment``.
        weight: (B, H) >= 0.
    """
    heard = clip >= 0
    index = clip[heard]
    weight = weight[heard]
    mean = torch.stack((output.valence, output.arousal), -1)[heard]
    sd = torch.stack((output.valence_sd, output.arousal_sd), -1)[heard]
    losses: dict[str, Tensor] = {}

    rating, error = labels.affect(index, hop[heard])
    corpus_of = torch.where(rating.isnan().any(1), -1, labels.affect_corpus[index])
    concordances, likelihoods, shares = [], [], []
    for code, name in enumerate(labels.corpora):
        here = corpus_of == code
        if len(torch.unique(index[here])) < 3:  # no correlation to speak of
            continue
        own_mean, own_sd = joins(name, mean[here], sd[here])
        target, own = rating[here], weight[here]
        whole_sd = torch.hypot(own_sd, error[here])
        sure = (own_sd / whole_sd).detach().square()
        agreement = [
            concordance(own_mean[:, axis], target[:, axis], own * sure[:, axis]) for axis in (0, 1)
        ]
        concordances.append(1 - torch.stack(agreement).mean())
        deviance = gaussian_deviance(own_mean, whole_sd, target)
        likelihoods.append(weighted_mean(deviance.mean(1), own))
        shares.append(config.affect_shares.get(name, 1.0))
    if shares:
        share = torch.tensor(shares, device=weight.device)
        losses["concordance"] = config.concordance * weighted_mean(torch.stack(concordances), share)
        losses["likelihood"] = config.likelihood * weighted_mean(torch.stack(likelihoods), share)

    asked = labels.quadrant[index] >= 0
    if asked.any():
        entropy = functional.cross_entropy(
            output.quadrant_logits[heard][asked],
            labels.quadrant[index][asked],
            reduction="none",
            label_smoothing=config.label_smoothing,
        )
        losses["quadrants"] = config.quadrants * weighted_mean(entropy, weight[asked])

    answers = labels.answers[index]
    asked = (answers > 0) & ~labels.gems[index, 0].isnan()
    if asked.any():
        # The likelihood of the counts, divided by the mean number of answers: songs with more
        # listeners weigh more, and the loss is of the order of one.
        entropy = functional.binary_cross_entropy_with_logits(
            output.gems_logits[heard][asked], labels.gems[index][asked], reduction="none"
        )
        losses["gems"] = config.gems * weighted_mean(
            entropy.sum(1) / 3, weight[asked] * answers[asked]
        )
    return losses


def agreement_loss(output: NetworkOutput, heard: Tensor) -> Tensor:
    """Return how far the quadrants contradict valence and arousal, in [0, 1], 0 where nowhere.

    For each axis the product of what both say where their signs differ, the quadrants by the tanh
    of half of what the two on the one side have over the two on the other, in logits. So both give
    way, and where one is sure and the other hardly speaks, the other does.

    Args:
        output: the network's, (B, H) and (B, H, 4).
        heard: (B, H) bool, the hops that count.
    """
    signs = output.valence.new_tensor(SIGNS)
    word = torch.tanh(output.quadrant_logits[heard] @ signs.T / 4)
    point = torch.stack((output.valence, output.arousal), -1)[heard]
    apart = functional.relu(-word * point)
    return apart.mean() if len(apart) else output.valence.sum() * 0.0


def music_loss(logits: Tensor, music: Tensor, weight: Tensor) -> Tensor:
    """Return the cross-entropy of whether music sounds, 0 where it is not known of any hop.

    Args:
        logits: of its probability, any shape.
        music: 1 where it does, 0 where it does not, NaN where that is not known.
        weight: of each hop, >= 0.
    """
    known = ~music.isnan()
    entropy = functional.binary_cross_entropy_with_logits(
        logits[known], music[known], reduction="none"
    )
    return weighted_mean(entropy, weight[known])


def teacher_loss(embedding: Tensor, target: Tensor) -> Tensor:
    """Return squared error plus half of 1 - cosine, the mean over rows.

    Args:
        embedding, target: (n, width), targets standardised; n may be 0.
    """
    if not len(target):
        return embedding.sum() * 0.0
    cosine = functional.cosine_similarity(embedding, target, dim=1).mean()
    return functional.mse_loss(embedding, target) + 0.5 * (1 - cosine)


def relations_loss(embedding: Tensor, target: Tensor) -> Tensor:
    """Return how differently two embeddings find the same windows alike, in [0, 4], 0 at best.

    Compared are the cosines of every two windows, each embedding about its own mean over the
    windows: turning it, moving it or making it larger changes nothing, so that only what lies near
    what is asked for, and not where (after Park et al., Relational Knowledge Distillation, CVPR
    2019).

    Args:
        embedding, target: (n, any) of the same n windows; fewer than two bear no relation.
    """
    count = len(target)
    if count < 2:
        return embedding.sum() * 0.0
    apart = (_cosines(embedding) - _cosines(target)).square()
    # Every window is like itself in both.
    return apart.sum() / (count * (count - 1))


def _cosines(embedding: Tensor) -> Tensor:
    direction = functional.normalize(embedding - embedding.mean(0), dim=1)
    return direction @ direction.T


def pseudo_loss(output: NetworkOutput, there: Tensor, pseudo: Tensor) -> Tensor:
    """Return how far the heads are from pseudo-labels, of the order of one a head.

    Args:
        output: the network's, (B, H) and (B, H, n).
        there: (B, H) bool, the hops that have pseudo-labels.
        pseudo: (n, 15) as ``pseudo_labels`` gives them, for the n hops that are there.
    """
    if not len(pseudo):
        return output.valence.sum() * 0.0
    affect = pseudo[:, AFFECT]
    mean = torch.stack((output.valence, output.arousal), -1)[there]
    known = ~torch.isnan(affect[:, 0])
    # A tenth is about the square of what a panel's rating leaves unsaid.
    losses = (mean[known] - affect[known]).square().mean() / 0.1 if known.any() else mean.sum() * 0
    shares = pseudo[:, QUADRANT]
    known = ~torch.isnan(shares[:, 0])
    if known.any():
        losses = losses + functional.cross_entropy(
            output.quadrant_logits[there][known], shares[known]
        )
    shares = pseudo[:, GEMS].clamp(0.0, 1.0)
    known = ~torch.isnan(shares[:, 0])
    if known.any():
        losses = (
            losses
            + functional.binary_cross_entropy_with_logits(
                output.gems_logits[there][known], shares[known], reduction="none"
            )
            .sum(1)
            .mean()
            / 3
        )
    return losses
