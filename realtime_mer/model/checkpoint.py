"""Checkpoints: weights as safetensors, everything else in a JSON card beside them.

The card holds all the runtime needs to run the weights; no other place repeats a setting of it.
Loading never unpickles.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.features import FeatureConfig
from realtime_mer.model.network import EmotionNetwork, NetworkConfig

CNN_LSTM = "cnn-lstm"
"""The kind of recogniser that this package brings."""

_Read = TypeVar("_Read", bound=BaseModel)

Share = Annotated[float, Field(ge=0, le=1)]


class ClipCalibration(BaseModel):
    """How the sd of a clip's rating follows from its hops: ``sqrt(floor^2 + (scale * rms)^2)``.

    Attributes:
        floor: part that no hop's own sd explains, >= 0.
        scale: factor on the root mean square of the hops' calibrated sd, >= 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    floor: float = Field(ge=0, allow_inf_nan=False)
    scale: float = Field(ge=0, allow_inf_nan=False)


class Calibration(BaseModel):
    """What turns the network's raw sd into one that covers as often as it says.

    Attributes:
        hop_valence, hop_arousal: factors on the network's sd, > 0.
        clip_valence, clip_arousal: for a clip's summary.
        quadrant_temperature: what the quadrants' logits are divided by, > 0; cards from before it
            was there mean 1.
        prior_valence_sd, prior_arousal_sd: spread of the ratings themselves, which is what is
            known before any sound: the maximal uncertainty.
        prior_gems: mean shares of the training songs, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    hop_valence: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    hop_arousal: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    clip_valence: ClipCalibration = ClipCalibration(floor=0.0, scale=1.0)
    clip_arousal: ClipCalibration = ClipCalibration(floor=0.0, scale=1.0)
    quadrant_temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    prior_valence_sd: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    prior_arousal_sd: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    prior_gems: tuple[Share, Share, Share, Share, Share, Share, Share, Share, Share] = (0.2,) * 9


class CardKind(BaseModel):
    """What a card says of its kind, all else left unread.

    Attributes:
        architecture, requires: as in ``BaseCard``.
    """

    model_config = ConfigDict(frozen=True)
    architecture: str = CNN_LSTM
    requires: str = ""


class BaseCard(BaseModel):
    """What the card of a checkpoint of any kind says.

    Attributes:
        format_version: of this file format.
        name, description: for people.
        architecture: the kind of recogniser; kinds other than ``cnn-lstm`` are looked for among
            the installed entry points, see ``recognizer.load_recognizer``.
        requires: what to install to run it, as pip names it; empty for this package alone.
        window_s, hop_s: seconds of sound an estimate looks at, and from one to the next.
        labels: names and order of the quadrant and GEMS outputs.
        scales: what valence, arousal and the GEMS shares mean.
        calibration: see ``Calibration``.
        weights_licence: terms of the weights, which may differ from the code's.
        corpora: what it learnt from, each with its licence.
        metrics: each with data, protocol, n and baseline.
        training: configuration, seeds, versions, data hashes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    format_version: Literal[1] = 1
    name: str
    description: str = ""
    architecture: str
    requires: str = ""
    window_s: float = Field(gt=0)
    hop_s: float = Field(gt=0)
    labels: dict[str, tuple[str, ...]] = {"quadrants": QUADRANTS, "gems": GEMS}
    scales: dict[str, str] = {
        "valence": "perceived rating in [-1, 1], neutral 0, on Grekow's experts' scale over 10",
        "arousal": "perceived rating in [-1, 1], neutral 0, on Grekow's experts' scale over 10",
        "gems": "expected share of listeners who tick the item, in [0, 1]",
    }
    calibration: Calibration = Calibration()
    weights_licence: str = ""
    corpora: list[dict[str, Any]] = []
    metrics: list[dict[str, Any]] = []
    training: dict[str, Any] = {}


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
    _weights(stem).write_bytes(save({name: value.contiguous() for name, value in tensors.items()}))
    text = json.dumps(card.model_dump(mode="json"), indent=2, allow_nan=False, ensure_ascii=False)
    _card(stem).write_text(text + "\n", encoding="utf-8")


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
            f"{_card(stem)}: field architecture is {kind!r}, and this needs a {CNN_LSTM!r}. "
            "Sessions, analyze, annotate and load_recognizer take every kind."
        )
    card = load_card(stem, Card)
    _check_card(card, _card(stem))
    weights = _weights(stem)
    try:
        network = EmotionNetwork(card.network)
    except (ValueError, RuntimeError, ZeroDivisionError) as error:
        raise CheckpointError(f"{_card(stem)}: field network: {error}.") from error
    tensors = load_tensors(stem)
    expected = network.state_dict()
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
    network.load_state_dict(tensors)
    return Checkpoint(network=network.eval(), card=card)


def find_checkpoint(name_or_path: str | Path) -> Path:
    """Return the stem of a checkpoint's two files.

    Args:
        name_or_path: a shipped checkpoint's name, or the path of either file.

    Raises:
        CheckpointError: a file is missing.
    """
    path = Path(name_or_path)
    stem = path.with_suffix("") if path.suffix in {".safetensors", ".json"} else path
    candidates = [stem]
    if stem.name == str(stem):
        candidates.append(_models_folder() / stem)
    for candidate in candidates:
        files = [_weights(candidate), _card(candidate)]
        missing = [file for file in files if not file.is_file()]
        if not missing:
            return candidate
        if len(missing) == 1:
            raise CheckpointError(
                f"Checkpoint {name_or_path!s}: {missing[0]} is missing. A checkpoint is a "
                ".safetensors file and the .json card beside it."
            )
    names = ", ".join(stem.name for stem in shipped_checkpoints()) or "none"
    raise CheckpointError(
        f"No checkpoint {str(name_or_path)!r}. Give the path of a .safetensors file, or one of "
        f"those that ship: {names}."
    )


def checkpoint_files(name_or_path: str | Path) -> tuple[Path, Path]:
    """Return the card and the weights of a checkpoint, as ``find_checkpoint`` finds them."""
    stem = find_checkpoint(name_or_path)
    return _card(stem), _weights(stem)


def load_tensors(stem: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint of any kind.

    Raises:
        CheckpointError: the file is damaged, or a tensor is not finite.
    """
    weights = _weights(stem)
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{weights} cannot be read as safetensors ({error}). Fetch the checkpoint again."
        ) from error
    for name, tensor in sorted(tensors.items()):
        if not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"{weights}: tensor {name!r} holds NaN or infinity. Fetch the checkpoint again."
            )
    return tensors


def load_card(stem: Path, kind: type[_Read]) -> _Read:
    """Return the card of a checkpoint.

    Raises:
        CheckpointError: it cannot be read, or a field does not fit.
    """
    path = _card(stem)
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise CheckpointError(f"{path}: field {field}: {first['msg']}.") from error
    except InputError as error:
        raise CheckpointError(f"{path}: field features: {error}") from error


def shipped_checkpoints() -> list[Path]:
    """Return the stems of the checkpoints that come with the package."""
    return sorted(
        stem
        for path in _models_folder().glob("*.safetensors")
        if _card(stem := path.with_suffix("")).exists()
    )


# Not with_suffix: a name may hold a dot, as "large-1.5" does.
def _weights(stem: Path) -> Path:
    return Path(f"{stem}.safetensors")


def _card(stem: Path) -> Path:
    return Path(f"{stem}.json")


def _models_folder() -> Path:
    # A wheel carries them inside the package; a source checkout has them beside it.
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _check_card(card: Card, path: Path) -> None:
    """Refuse a card whose settings contradict one another or the network's fixed structure."""
    seconds = card.features.sample_rate
    wanted: dict[str, tuple[object, object]] = {
        "network.n_mels": (card.network.n_mels, card.features.n_mels),
        "window_s": (card.window_s, card.window_samples / seconds),
        "hop_s": (card.hop_s, card.hop_samples / seconds),
        "labels.quadrants": (tuple(card.labels.get("quadrants", ())), QUADRANTS),
        "labels.gems": (tuple(card.labels.get("gems", ())), GEMS),
    }
    for field, (value, expected) in wanted.items():
        if value != expected:
            raise CheckpointError(
                f"{path}: field {field} is {value!r}, but the other settings give {expected!r}."
            )
