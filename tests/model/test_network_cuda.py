"""The network in training on each device."""

import torch

from realtime_mer.features.log_mel import LogMel
from tests.networks import random_checkpoint
from tests.on_devices import each_device


@each_device
def test_small_gradients_survive_half_precision(device: str) -> None:
    # Those under 6e-8 are 0 in float16, which CUDA's LSTM takes under autocast to bfloat16 too.
    checkpoint = random_checkpoint()
    network = checkpoint.network.to(device).train()
    sound = 0.1 * torch.randn(4, 96_000, generator=torch.Generator().manual_seed(0))
    frames = LogMel(checkpoint.card.features)(sound).to(device)
    state = torch.zeros(1, 4, checkpoint.card.network.embedding, device=device)
    for memory in (None, (state, state)):
        network.zero_grad()
        with torch.autocast(device, torch.bfloat16):
            output, (hidden, _) = network(frames, memory)
        (1e-9 * output.valence.float().sum()).backward()
        assert torch.isfinite(hidden).all()
        for name, weight in network.lstm.named_parameters():
            assert (weight.grad != 0).float().mean() > 0.5, name
