"""What the card of a checkpoint says; nothing here loads the network."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.features.config import FeatureConfig, LevelConfig
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.files import MOST_CARD, card_path, read_plain

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
        unfamiliar_valence, unfamiliar_arousal: how much wider a hop's sd is where its sound is
            unfamiliar, >= 0: it is multiplied with ``1 + this * (1 - familiar)`` besides. Nothing
            where the network does not tell how familiar a sound is.
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
    unfamiliar_valence: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    unfamiliar_arousal: float = Field(default=0.0, ge=0, allow_inf_nan=False)
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
        onnx_sha256: as in ``Card``.
    """

    model_config = ConfigDict(frozen=True)
    architecture: str = CNN_LSTM
    requires: str = ""
    onnx_sha256: str = ""


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
        level: to which level sound is brought before a recogniser hears it; None leaves it as it
            is.
        weights_licence: terms of the weights, which may differ from the code's.
        corpora: what it learnt from, each with its licence.
        metrics: each with data, protocol, n and baseline.
        training: configuration, seeds, versions, data hashes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)
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
    level: LevelConfig | None = None
    weights_licence: str = ""
    corpora: list[dict[str, Any]] = []
    metrics: list[dict[str, Any]] = []
    training: dict[str, Any] = {}


class Card(BaseCard):
    """The card of a streaming CNN-LSTM.

    Attributes:
        features, network: the settings to rebuild both with.
        onnx_sha256: hash of the ``.onnx`` file beside the card, in hexadecimal; empty where there
            is none.
    """

    architecture: Literal["cnn-lstm"] = "cnn-lstm"
    window_s: float = 3.0
    hop_s: float = 0.1
    features: FeatureConfig = FeatureConfig()
    network: NetworkConfig = NetworkConfig()
    onnx_sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")

    @property
    def hop_samples(self) -> int:
        """Samples from one estimate to the next."""
        return NetworkConfig.hop_frames * self.features.hop_length

    @property
    def window_samples(self) -> int:
        """Samples an estimate depends on."""
        return (NetworkConfig.window_frames - 1) * self.features.hop_length + self.features.n_fft

    @property
    def past_samples(self) -> int:
        """Samples before a hop that its features need."""
        past = self.features.n_fft - self.features.hop_length
        pitch = self.features.pitch
        return past if pitch is None else max(past, pitch.n_fft - self.hop_samples)


def load_card(stem: Path, kind: type[_Read]) -> _Read:
    """Return the card of a checkpoint.

    Raises:
        CheckpointError: it cannot be read, or a field does not fit.
    """
    path = card_path(stem)
    try:
        return kind.model_validate_json(read_plain(path, most=MOST_CARD))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise CheckpointError(f"{path}: field {field}: {first['msg']}.") from error
    except InputError as error:
        raise CheckpointError(f"{path}: field features: {error}") from error


def check_card(card: Card, path: Path) -> None:
    """Refuse a card whose settings contradict one another or the network's fixed structure."""
    sample_rate = card.features.sample_rate
    try:
        check_fit(card.features, card.network)
    except InputError as error:
        raise CheckpointError(f"{path}: {error}") from error
    wanted: dict[str, tuple[object, object]] = {
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


def check_fit(features: FeatureConfig, network: NetworkConfig) -> None:
    """Refuse a network that cannot hear with some features.

    Raises:
        InputError: naming the field.
    """
    if network.n_mels != features.n_mels:
        raise InputError(
            f"field network.n_mels is {network.n_mels}, but features.n_mels is {features.n_mels}; "
            "give both the same number."
        )
    pitch = features.pitch
    if (network.harmonic is None) != (pitch is None):
        there, lacking = ("network.harmonic", "features.pitch")
        if network.harmonic is None:
            there, lacking = lacking, there
        raise InputError(
            f"field {lacking} is not there, but {there} is: a harmonic branch needs both, and a "
            "network without one has neither."
        )
    if pitch is not None:
        shortest = NetworkConfig.hop_frames * features.hop_length
        longest = (NetworkConfig.receptive_field - 1) * features.hop_length + features.n_fft
        if not shortest <= pitch.n_fft <= longest:
            raise InputError(
                f"field features.pitch.n_fft is {pitch.n_fft}, but must lie between {shortest} and "
                f"{longest}: what is no shorter than a hop and fits in a column."
            )
