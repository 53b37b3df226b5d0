"""The file of a checkpoint that runs without torch, and its hash in the card."""

from pathlib import Path

from realtime_mer.model.checkpoint import Checkpoint, load_checkpoint, save_card, save_checkpoint
from realtime_mer.model.files import find_checkpoint, network_path
from realtime_mer.model.network_file import sha256
from realtime_mer.writing.replacing import replacing

from .network import network_file


def save_all(stem: Path, checkpoint: Checkpoint) -> None:
    """Write ``stem.safetensors``, ``stem.onnx`` and ``stem.json``, the card of both.

    Raises:
        CheckpointError: the network was not built with the card's settings.
    """
    network = network_file(checkpoint)
    stem.parent.mkdir(parents=True, exist_ok=True)
    with replacing(network_path(stem)) as file:
        file.write(network)
    card = checkpoint.card.model_copy(update={"onnx_sha256": sha256(network)})
    save_checkpoint(stem, checkpoint.network, card)


def add_network_file(name_or_path: str | Path) -> Path:
    """Write the ``.onnx`` file of a checkpoint that lacks it, and its hash into the card.

    Returns:
        Where it was written.

    Raises:
        CheckpointError: there is no such checkpoint, or it is of a kind that runs on PyTorch alone.
    """
    checkpoint = load_checkpoint(name_or_path)
    stem = find_checkpoint(name_or_path)
    network = network_file(checkpoint)
    with replacing(network_path(stem)) as file:
        file.write(network)
    save_card(stem, checkpoint.card.model_copy(update={"onnx_sha256": sha256(network)}))
    return network_path(stem)
