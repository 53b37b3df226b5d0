"""Networks for tests: random weights, but statistics that make every output move."""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from realtime_mer.features.config import FeatureConfig, LevelConfig, PitchConfig
from realtime_mer.model.card import Card
from realtime_mer.model.checkpoint import Checkpoint
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.recognizer.reference import Recognizer

if TYPE_CHECKING:  # a bare machine with a GPU runs the reference's tests without onnxruntime
    from realtime_mer.recognizer.light import LightRecognizer

SMALL = NetworkConfig(channels=(4, 6, 8), column_channels=16, embedding=12)
HARMONIC = replace(SMALL, harmonic=(4, 3, 5))

HEARING = replace(SMALL, music=True, familiar=True)
"""A network that tells what is music, and what it knows."""


def random_checkpoint(
    *, seed: int = 0, config: NetworkConfig = SMALL, level: LevelConfig | None = None
) -> Checkpoint:
    """Return an untrained network whose normalisations are not the identity."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = EmotionNetwork(config).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.3, generator=generator)
            module.running_var.uniform_(0.3, 1.5, generator=generator)
    if network.familiarity is not None:
        network.familiarity.centre.uniform_(0.0, 0.3, generator=generator)
        network.familiarity.directions.normal_(0.0, 1.0, generator=generator)
        network.familiarity.knots.copy_(torch.tensor([0.4, 0.7, 1.2, 1.5, 2.5]))
    features = FeatureConfig(pitch=PitchConfig() if config.harmonic else None)
    card = Card(name="random", features=features, network=config, level=level)
    return Checkpoint(network=network, card=card)


def random_recognizer(*, seed: int = 0) -> Recognizer:
    return Recognizer(random_checkpoint(seed=seed))


def light_recognizer(checkpoint: Checkpoint) -> "LightRecognizer":
    from realtime_mer.recognizer.light import LightRecognizer
    from training.export.network import network_file

    return LightRecognizer(checkpoint.card, network_file(checkpoint))


def knowing_loudness(config: NetworkConfig, *, weight: float) -> EmotionNetwork:
    """Return a network whose arousal rises with the mean of its frames, and that says 0 else."""
    network = EmotionNetwork(config).eval()
    with torch.no_grad():
        for part in network.parameters():
            part.zero_()
        for norm in (network.input_norm, network.norm1, network.norm2, network.norm3):
            norm.weight.fill_(1.0)
        network.norm4.weight.fill_(1.0)
        for layer in (network.conv1, network.conv2, network.conv3, network.conv4):
            layer.weight.fill_(1.0 / layer.weight[0].numel())
        network.embed.weight.fill_(1.0 / network.embed.weight.shape[1])
        network.affect_head.weight[1, : config.embedding] = weight / config.embedding
    return network
