"""Quadrants that follow from the point, so that the two never say different things.

Dimensions: B streams, H hops.
"""

import math

import torch
from torch import Tensor, nn

from realtime_mer.model.config import NetworkConfig

SIGNS = ((1.0, -1.0, -1.0, 1.0), (1.0, 1.0, -1.0, -1.0))
"""Of valence and of arousal in each of ``emotion.QUADRANTS``."""


class TiedQuadrants(nn.Module):
    """Make the logits of the quadrants from what goes into the tanh of valence and arousal.

    A quadrant's logit is the sum of both, each with the quadrant's sign and times a slope that is
    learnt, and of what the quadrants' own head says, kept within a bound. The bound is what the
    flatter slope makes of ``tied_beyond``: where both coordinates lie further from neutral, no two
    heads' words can make up for one sign, and the likeliest quadrant is the point's. Nearer to an
    axis the head may say that listeners' border between the quadrants lies elsewhere.

    Attributes:
        log_slope: ``(2,)``, of valence and arousal.
        stretch: ``(2,)``, by what ``training.judge.rescale`` multiplied the affect head; slopes are
            of the unstretched numbers, so that stretching leaves the quadrants as they were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_slope = nn.Parameter(torch.full((2,), math.log(2.0)))
        self.stretch = nn.Buffer(torch.ones(2))
        self.signs = nn.Buffer(torch.tensor(SIGNS), persistent=False)

    @property
    def weight(self) -> Tensor:
        """What a point's numbers before their tanh are multiplied with, ``(2, 4)``."""
        return (self.log_slope.exp() / self.stretch).unsqueeze(1) * self.signs

    @property
    def bound(self) -> Tensor:
        """How far the head's word moves a logit at most, > 0."""
        return self.log_slope.exp().min() * math.atanh(NetworkConfig.tied_beyond)

    def forward(self, point: Tensor, said: Tensor) -> Tensor:
        """Return logits ``(B, H, 4)``.

        Args:
            point: ``(B, H, 2)``, valence and arousal before their tanh.
            said: ``(B, H, 4)``, what the quadrants' own head says.
        """
        return point @ self.weight + self.bound * torch.tanh(said)
