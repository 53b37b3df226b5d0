"""Checkpoints: weights as safetensors, everything else in a JSON card beside them.

The card holds all the runtime needs to run the weights; no other place repeats a setting of it.
Loading never unpickles.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import CheckpointError
from realtime_mer.features import FeatureConfig
from realtime_mer.model.card import CNN_LSTM, BaseCard, CardKind, load_card
from realtime_mer.model.files import card_path, find_checkpoint, unreadable, weights_path
from realtime_mer.model.network import EmotionNetwork, NetworkConfig
from realtime_mer.replacing import replacing


class Card(BaseCard):
    """The card of a streaming CNN-LSTM.

    Attributes:
        features, network: the settings to rebuild both with.
    """

    architecture: Literal["cnn-lstm"] = "cnn-lstm"
    window_s: float = 3.0
    hop_s: float = 0.1
    features: FeatureConfig = FeatureConfig()
    network: NetworkConfig = NetworkConfig()

    @property
    def hop_samples(self) -> int:
        """Samples from one estimate to the next."""
        return EmotionNetwork.hop_frames * self.features.hop_length

    @property
    def window_samples(self) -> int:
        """Samples an estimate depends on."""
        return (EmotionNetwork.window_frames - 1) * self.features.hop_length + self.features.n_fft


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
    _check_card(card, stem)
    save_files(stem, network.state_dict(), card)


def save_files(stem: Path, tensors: Mapping[str, Tensor], card: BaseCard) -> None:
    """Write ``stem.safetensors`` and ``stem.json`` of a checkpoint of any kind."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    # Not save_file, which leaves files that nobody but their owner can read.
    with replacing(weights_path(stem)) as file:
        file.write(save({name: value.contiguous() for name, value in tensors.items()}))
    text = json.dumps(card.model_dump(mode="json"), indent=2, allow_nan=False, ensure_ascii=False)
    with replacing(card_path(stem), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def load_checkpoint(name_or_path: str | Path = "default") -> Checkpoint:
    """Load a checkpoint by the name of a shipped one, or by the path of either of its files.

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
    _check_card(card, card_path(stem))
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


def _check_card(card: Card, path: Path) -> None:
    """Refuse a card whose settings contradict one another or the network's fixed structure."""
    sample_rate = card.features.sample_rate
    wanted: dict[str, tuple[object, object]] = {
        "network.n_mels": (card.network.n_mels, card.features.n_mels),
        "window_s": (card.window_s, card.window_samples / sample_rate),
        "hop_s": (card.hop_s, card.hop_samples / sample_rate),
        "labels.quadrants": (tuple(card.labels.get("quadrants", ())), QUADRANTS),
        "labels.gems": (tuple(card.labels.get("gems", ())), GEMS),
    }
    for field, (value, expected) in wanted.items():
        if value != expected:
            raise CheckpointError(
                f"{path}: field {field} is {value!r}, but the other settings give {expected!r}."
            )
