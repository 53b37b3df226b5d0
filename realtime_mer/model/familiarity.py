"""How near a sound is to what a network learnt from: a distance in its embedding.

Dimensions: B streams, H hops, D numbers of an embedding, K directions, N steps.
"""

import torch
from torch import Tensor, nn

from realtime_mer.model.config import NetworkConfig


class Familiarity(nn.Module):
    """Tell how near embeddings lie to those of training, from 1, near, to 0, far.

    The distance is Mahalanobis': the embedding's from the mean, in units of training's own spread
    along each direction (Lee et al., A simple unified framework for detecting out-of-distribution
    samples, NeurIPS 2018). It becomes a familiarity through distances that sounds which were held
    out of training lay at, see ``knots``. Nothing of it is learnt by gradients:
    it is fitted to a network that has learnt.

    Attributes:
        centre: ``(D,)``, mean embedding of training.
        directions: ``(D, K)``; the distance is the length of ``(embedding - centre) @ directions``.
        knots: ``(N + 1,)`` distances, ascending. Up to the first the familiarity is 1, it falls by
            1 / N from each to the next, and from the last on it is 0.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        size, steps = config.embedding, config.familiarity_steps
        directions = torch.eye(size)[:, : min(size, config.familiarity_directions)]
        self.centre = nn.Buffer(torch.zeros(size))
        self.directions = nn.Buffer(directions)
        self.knots = nn.Buffer(torch.arange(1.0, steps + 2))

    def distance(self, embedding: Tensor) -> Tensor:
        """Return how far embeddings ``(..., D)`` lie from those of training, ``(...)``, >= 0."""
        projected = (embedding - self.centre) @ self.directions
        return projected.square().sum(-1).sqrt()

    def forward(self, embedding: Tensor) -> Tensor:
        """Return the familiarity of embeddings ``(B, H, D)``, ``(B, H)`` in [0, 1]."""
        distance = self.distance(embedding).unsqueeze(-1)
        steps = (distance - self.knots[:-1]) / self.knots.diff()
        return 1 - steps.clamp(0, 1).mean(-1)
