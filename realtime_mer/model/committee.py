"""The card of a committee, and whether the file of its network fits it.

A committee is several networks that others taught, and what was learnt from people's ratings of
what they hear; all of it is one ``.onnx`` file, and there are no weights beside it.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import CheckpointError
from realtime_mer.features.config import FeatureConfig
from realtime_mer.model.card import BaseCard, load_card
from realtime_mer.model.files import card_path
from realtime_mer.model.network_file import read_network

COMMITTEE = "committee"
"""The kind of recogniser, by ``BaseCard.architecture``."""


class CommitteeCard(BaseCard):
    """The card of a committee.

    Attributes:
        features: the sound that it takes, and the log-mel columns that displays show; its networks
            have features of their own.
        onnx_sha256: hash of the ``.onnx`` file beside the card, in hexadecimal.
    """

    architecture: Literal["committee"] = "committee"
    window_s: float = 3.0
    hop_s: float = 0.5
    features: FeatureConfig = FeatureConfig()
    onnx_sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")

    @property
    def hop_samples(self) -> int:
        """Samples from one estimate to the next."""
        return round(self.hop_s * self.features.sample_rate)

    @property
    def window_samples(self) -> int:
        """Samples that an estimate looks at."""
        return round(self.window_s * self.features.sample_rate)


def read_committee(stem: Path) -> tuple[CommitteeCard, bytes]:
    """Return the card of a committee and what its ``.onnx`` file holds.

    Raises:
        CheckpointError: a file is missing or damaged, or they do not fit one another; the message
            names the field.
    """
    card = load_card(stem, CommitteeCard)
    _check(card, card_path(stem))
    return card, read_network(stem, card.onnx_sha256)


def worked_in(card: CommitteeCard) -> dict[str, Any]:
    """Return those fields of a card that are worked into the file, by their names."""
    told = card.model_dump(mode="json")
    calibration = ("hop_valence", "hop_arousal", "quadrant_temperature")
    return {
        "window_s": told["window_s"],
        "hop_s": told["hop_s"],
        **{f"features.{name}": value for name, value in told["features"].items()},
        **{f"calibration.{name}": told["calibration"][name] for name in calibration},
    }


def _check(card: CommitteeCard, path: Path) -> None:
    """Refuse a card whose settings contradict one another."""
    rate, frame = card.features.sample_rate, card.features.hop_length
    if card.hop_samples != card.hop_s * rate or card.hop_samples % frame:
        raise CheckpointError(
            f"{path}: field hop_s is {card.hop_s:g}; it must be a multiple of {frame / rate:g}, "
            "the frames of a display."
        )
    if card.window_samples % card.hop_samples or card.window_samples < card.features.n_fft:
        raise CheckpointError(
            f"{path}: field window_s is {card.window_s:g}; it must be a multiple of hop_s, "
            f"{card.hop_s:g}."
        )
    for name, wanted in (("quadrants", QUADRANTS), ("gems", GEMS)):
        if tuple(card.labels.get(name, ())) != wanted:
            raise CheckpointError(
                f"{path}: field labels.{name} is {card.labels.get(name)!r}, but a committee has "
                f"{wanted!r}."
            )
