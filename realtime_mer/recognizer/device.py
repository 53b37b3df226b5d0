"""Where a recogniser computes: what was asked for, and what there is."""

import torch

from realtime_mer.errors import InputError


def pick_device(device: str) -> torch.device:
    """Return the device that was asked for.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto``: CUDA where there is one.

    Raises:
        InputError: it is not there, or is of another kind.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"Unknown device {device!r}; use cpu, cuda or auto.") from error
    if picked.type not in {"cpu", "cuda"}:
        raise InputError(f"Device {device!r} is not supported; use cpu, cuda or auto.")
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"Device {device!r} was asked for, but PyTorch sees {torch.cuda.device_count()} CUDA "
            "devices. Use cpu or auto."
        )
    return picked
