"""The network as a file that anything can run, ``NAME.onnx``, and whether it fits its card.

What goes in and comes out is told in docs/model-file.md; ``training.export`` writes it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtime_mer.errors import CheckpointError
from realtime_mer.model.card import Card, check_card, load_card
from realtime_mer.model.files import MOST_NETWORK, card_path, network_path, read_plain
from realtime_mer.wording import installing

SETTINGS = "settings"
"""The entry of the file's metadata that says what its network was made with."""


def read_network_file(stem: Path) -> tuple[Card, bytes]:
    """Return the card of a streaming CNN-LSTM and what its ``.onnx`` file holds.

    Raises:
        CheckpointError: a file is missing or damaged, or they do not fit one another; the message
            names the field.
    """
    card = load_card(stem, Card)
    check_card(card, card_path(stem))
    if not card.onnx_sha256:
        raise CheckpointError(
            f"{card_path(stem)}: field onnx_sha256: this checkpoint has no .onnx file, so it runs "
            f"on PyTorch alone: {installing('gpu')}. Or make the file where PyTorch is: "
            f"`python -m training onnx {stem}`."
        )
    return card, read_network(stem, card.onnx_sha256)


def read_network(stem: Path, wanted: str) -> bytes:
    """Return what the ``.onnx`` file of a checkpoint of any kind holds.

    Args:
        stem: of the checkpoint's files.
        wanted: the hash that its card tells.

    Raises:
        CheckpointError: the file is missing, or another.
    """
    path = network_path(stem)
    try:
        network = read_plain(path, most=MOST_NETWORK)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}), and field onnx_sha256 of its card asks for "
            "it. Fetch the checkpoint again."
        ) from error
    if (found := sha256(network)) != wanted:
        raise CheckpointError(
            f"{path} does not fit its card: field onnx_sha256 is {wanted}, the file's is "
            f"{found}. Fetch the checkpoint again, or use the card made with it."
        )
    return network


def sha256(network: bytes) -> str:
    """Return the hash of a file as a card tells it, 64 hexadecimal digits."""
    return hashlib.sha256(network).hexdigest()


def settings_of(card: Card) -> dict[str, Any]:
    """Return those fields of a card that are worked into the file, by their names.

    A head that the network lacks is not there, and files from before there was such a head say
    nothing of it.
    """
    told = card.model_dump(mode="json")
    calibration = ["hop_valence", "hop_arousal", "quadrant_temperature"]
    calibration += [
        name
        for name in ("unfamiliar_valence", "unfamiliar_arousal")
        if card.network.familiar and told["calibration"][name] > 0
    ]
    return {
        **{f"features.{name}": value for name, value in told["features"].items()},
        **{
            f"network.{name}": value
            for name, value in told["network"].items()
            if value is not False
        },
        **{f"calibration.{name}": told["calibration"][name] for name in calibration},
    }


def check_settings(name: str, told: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Refuse a file whose metadata tell other settings than a card.

    Args:
        name: of the checkpoint.
        told: what the card says of what is worked into the file.
        metadata: of the file.

    Raises:
        CheckpointError: they differ; the message names the field.
    """
    try:
        made_with = dict(json.loads(metadata[SETTINGS]))
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"The .onnx file of {name} does not say in its metadata what it was made with. "
            f"Export it again: field {SETTINGS!r} is missing or no JSON."
        ) from error
    for field in [*told, *sorted(made_with.keys() - told.keys())]:
        if made_with.get(field) != told.get(field):
            raise CheckpointError(
                f"The card of {name} does not fit its .onnx file: field {field} is "
                f"{told.get(field)!r}, the file was made with {made_with.get(field)!r}. Use the "
                "card made with it, or export it again."
            )
