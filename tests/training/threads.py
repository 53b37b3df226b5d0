"""What a process of its own says of itself; it imports nothing else, so that it is there soon."""

import torch


def threads_there(_: object) -> int:
    """With how many threads torch computes here."""
    return torch.get_num_threads()
