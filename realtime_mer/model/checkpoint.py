"""Checkpoints: weights as safetensors, everything else in a JSON card beside them.

The card holds all the runtime needs to run the weights; no other place repeats a setting of it.
Loading never unpickles.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from realtime_mer.errors import CheckpointError
from realtime_mer.model.card import CNN_LSTM, BaseCard, Card, CardKind, check_card, load_card
from realtime_mer.model.files import card_path, find_checkpoint, unreadable, weights_path
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.writing.replacing import replacing


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A network in evaluation mode, and its card."""

    network: EmotionNetwork
    card: Card


def save_checkpoint(stem: Path, network: EmotionNetwork, card: Card) -> None:
    """Write ``stem.safetensors`` and ``stem.json``.

    Raises:
        CheckpointError: the network was not built with the card's settings.
    """
    if network.config != card.network:
        raise CheckpointError(
            f"network: the weights were built with {asdict(network.config)}, the card says "
            f"{asdict(card.network)}. Write the network's own settings into the card."
        )
    check_card(card, stem)
    save_files(stem, network.state_dict(), card)


def save_files(stem: Path, tensors: Mapping[str, Tensor], card: BaseCard) -> None:
    """Write ``stem.safetensors`` and ``stem.json`` of a checkpoint of any kind."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    # Not save_file, which leaves files that nobody but their owner can read.
    with replacing(weights_path(stem)) as file:
        file.write(save({name: value.contiguous() for name, value in tensors.items()}))
    save_card(stem, card)


def save_card(stem: Path, card: BaseCard) -> None:
    """Write ``stem.json``, the card of a checkpoint of any kind."""
    text = json.dumps(card.model_dump(mode="json"), indent=2, allow_nan=False, ensure_ascii=False)
    with replacing(card_path(stem), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def load_checkpoint(name_or_path: str | Path = "default") -> Checkpoint:
    """Load a checkpoint by the name of a shipped one, or by the path of one of its files.

    Raises:
        CheckpointError: a file is missing or damaged, or weights and card do not fit; the message
            names the field.
    """
    stem = find_checkpoint(name_or_path)
    kind = load_card(stem, CardKind).architecture
    if kind != CNN_LSTM:
        raise CheckpointError(
            f"{card_path(stem)}: field architecture is {kind!r}, and this needs a {CNN_LSTM!r}. "
            "Sessions, analyze, annotate and load_recognizer take every kind."
        )
    card = load_card(stem, Card)
    check_card(card, card_path(stem))
    weights = weights_path(stem)
    try:
        # Without storage: what the card asks for is allocated only once the weights bear it out.
        with torch.device("meta"):
            expected = EmotionNetwork(card.network).state_dict()
    except (ValueError, RuntimeError, ZeroDivisionError, OverflowError, TypeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CheckpointError(f"{card_path(stem)}: field network: {reason}.") from error
    tensors = load_tensors(stem)
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors:
            raise CheckpointError(
                f"{weights} lacks the tensor {name!r} that its card asks for. "
                "Use the card made with the weights."
            )
        if name not in expected:
            raise CheckpointError(
                f"{weights} has a tensor {name!r} that its card does not know. "
                "Use the card made with the weights."
            )
        if expected[name].shape != tensors[name].shape:
            raise CheckpointError(
                f"{weights}: tensor {name!r} has shape {tuple(tensors[name].shape)}, its card's "
                f"settings give {tuple(expected[name].shape)}. Use the card made with the weights."
            )
    network = EmotionNetwork(card.network)
    network.load_state_dict(tensors)
    return Checkpoint(network=network.eval(), card=card)


def load_tensors(stem: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint of any kind.

    Raises:
        CheckpointError: the file is damaged, or a tensor is not finite.
    """
    weights = weights_path(stem)
    if not weights.is_file():
        raise CheckpointError(
            f"{weights} is missing, which PyTorch computes with. Compute with light, or fetch the "
            "checkpoint again."
        )
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise unreadable(weights, error) from error
    for name, tensor in sorted(tensors.items()):
        if not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"{weights}: tensor {name!r} holds NaN or infinity. Fetch the checkpoint again."
            )
    return tensors
