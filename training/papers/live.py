"""The papers' systems live: the last seconds of sound, computed anew at every hop.

These systems keep no state, so all that a stream carries from hop to hop is its last window of
samples. Each hop computes of it what training computed of a segment (``View.compute``) and asks the
heads that the checkpoint holds:

``quadrants``
    the class probabilities.
``affect``
    valence and arousal; their sd is the card's, the same at every hop. A rating beyond -1 or 1 is
    cut off there, and as it is wrong by at least what was cut off, its sd grows by that (their
    squares add up), to no more than 1, the largest sd that anything in [-1, 1] can have. Without
    this head they follow from the quadrants: if ratings scatter about 0 with the prior sd s and
    only the probabilities of their sign are known, their mean is s · sqrt(2 / π) · (P₊ − P₋) and
    their mean square stays s², so the sd is sqrt(s² − mean²).
``gems``
    of the nine classes ("the item that most listeners ticked") the mean shares of the songs of each
    class, weighted by its probability: a share is not the probability of a class.

An output that has no head to follow from is the card's prior, with maximal uncertainty.

Dimensions: B streams, n samples, H hops, W windows.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.features.config import FeatureConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.model.card import BaseCard, Calibration, load_card
from realtime_mer.model.checkpoint import load_tensors
from realtime_mer.recognizer.contract import Samples
from realtime_mer.recognizer.windows import Numbers, WindowRecognizer

from .systems.registry import find_system
from .systems.system import (
    TASKS,
    Arrays,
    Fitted,
    Prepared,
    System,
    Task,
    Tensors,
    View,
    below,
    joined,
)

_Numbers = dict[str, NDArray[np.floating[Any]]]

_VALENCE_SIGNS = np.array([1, -1, -1, 1])
_AROUSAL_SIGNS = np.array([1, 1, -1, -1])


class HeadCard(BaseModel):
    """What a card says of a head.

    Attributes:
        corpus: what it learnt from.
        clips, segments: how much, over-sampled segments among them.
        parameters: how many numbers it learnt.
        repeated: how many of the clips were shorter than a window and were repeated to fill one.
        affect_sd: predictive sd of valence and arousal, of this head alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    corpus: str
    clips: int
    segments: int
    parameters: int
    repeated: int = 0
    affect_sd: tuple[float, float] | None = None


class PapersCard(BaseCard):
    """The card of a system of a paper.

    Attributes:
        system: which.
        view: what it hears, as ``view_of`` tells.
        heads: what it learnt.
    """

    architecture: Literal["papers"] = "papers"
    requires: str = "realtime-mer[train]"
    system: str
    view: dict[str, str | int | float]
    heads: dict[Task, HeadCard] = Field(min_length=1)


def view_of(view: View) -> dict[str, str | int | float]:
    """Return what a card tells of a view as it is live, by which it is known again."""
    told: dict[str, str | int | float] = {
        "name": view.name,
        "version": view.version,
        "sample_rate": view.sample_rate,
        "seconds": view.seconds,
    }
    return told | {"fill": view.live.fill} if view.fill else told


@dataclass(frozen=True, kw_only=True)
class Head:
    """What has learnt one task.

    Attributes:
        prepared: what is done to the arrays before.
        fitted: what has learnt.
        shares: (9, 9) mean GEMS shares of the songs of each class; of that head alone.
    """

    prepared: Prepared | None
    fitted: Fitted
    shares: NDArray[np.float64] | None = None

    def predict(self, arrays: Arrays) -> NDArray[np.floating[Any]]:
        """Return class probabilities (W, classes), or valence and arousal (W, 2)."""
        return self.fitted.predict(self.prepared(arrays) if self.prepared else arrays)

    def tensors(self) -> Tensors:
        """Return all that was learnt."""
        parts: dict[str, Tensors] = {"fitted": self.fitted.tensors()}
        if self.prepared is not None:
            parts["prepared"] = self.prepared.tensors()
        own: dict[str, NDArray[Any]] = {} if self.shares is None else {"shares": self.shares}
        return joined(parts) | own

    @classmethod
    def restore(cls, system: System, task: Task, tensors: Tensors) -> "Head":
        """Return what ``tensors`` were made of; errors as of ``System.restore``."""
        if system.restore is None:
            raise ValueError(f"{system.name} cannot be restored")
        shares = tensors["shares"] if task == "gems" else None
        if shares is not None and shares.shape != (len(GEMS), len(GEMS)):
            raise ValueError(f"shares have shape {shares.shape}")
        return cls(
            prepared=Prepared.restore(below(tensors, "prepared")) if system.prepare else None,
            fitted=system.restore(below(tensors, "fitted"), task),
            shares=shares,
        )


class PapersRecognizer(WindowRecognizer):
    """Recognise with a system of a paper.

    Args:
        card: of the checkpoint.
        heads: what it holds.
        compute: makes the arrays of a window.
    """

    compute = "torch"
    at_once = 64

    def __init__(
        self,
        card: PapersCard,
        heads: Mapping[Task, Head],
        compute: Callable[[NDArray[np.float32]], Mapping[str, NDArray[Any]]],
    ) -> None:
        self.card = card
        self.sample_rate = int(card.view["sample_rate"])
        self.hop_samples = round(card.hop_s * self.sample_rate)
        self.window_samples = round(card.window_s * self.sample_rate)
        self.heads = heads
        self._compute = compute
        # For displays alone, in the frames of the streaming model: 20 ms, which divide the hop.
        self._picture = LogMel(picture_config(self.sample_rate))
        # Compiles what librosa compiles at its first call, and finds tensors that do not fit.
        noise = np.random.default_rng(0).standard_normal(self.window_samples, np.float32)
        self.begin(np.float32(0.1) * noise)

    def said(self, windows: Samples) -> Numbers:
        """As ``WindowRecognizer`` asks."""
        made = [self._compute(window) for window in windows]
        arrays = {
            name: np.stack([each[name] for each in made], dtype=np.float32) for name in made[0]
        }
        predicted = {task: head.predict(arrays) for task, head in self.heads.items()}
        prior = self.card.calibration
        numbers = _neutral(prior, len(made))
        if "quadrants" in predicted:
            numbers |= {
                "quadrants": predicted["quadrants"],
                **_implied(predicted["quadrants"], prior),
            }
        if "affect" in predicted:
            unsure = prior.prior_valence_sd, prior.prior_arousal_sd
            numbers |= _rated(predicted["affect"], self.card.heads["affect"].affect_sd or unsure)
        if "gems" in predicted and (shares := self.heads["gems"].shares) is not None:
            numbers["gems"] = predicted["gems"] @ shares
        return numbers | {"mel": self._columns(windows)}

    def _columns(self, windows: Samples) -> NDArray[np.float32]:
        """Return the loudest of each window's newest hop's log-mel frames, ``(W, M)``."""
        config = self._picture.config
        before = config.n_fft - config.hop_length
        newest = windows[:, windows.shape[1] - self.hop_samples - before :]
        frames: Tensor = self._picture(torch.from_numpy(newest.copy()))
        return frames.amax(1).numpy()


def _implied(quadrants: NDArray[np.floating[Any]], prior: Calibration) -> _Numbers:
    """Return what probabilities (W, 4) say of valence and arousal: see the head of this module."""
    valence = prior.prior_valence_sd * math.sqrt(2 / math.pi) * (quadrants @ _VALENCE_SIGNS)
    arousal = prior.prior_arousal_sd * math.sqrt(2 / math.pi) * (quadrants @ _AROUSAL_SIGNS)
    return {
        "valence": valence,
        "arousal": arousal,
        "valence_sd": np.sqrt(prior.prior_valence_sd**2 - valence**2),
        "arousal_sd": np.sqrt(prior.prior_arousal_sd**2 - arousal**2),
    }


def _rated(ratings: NDArray[np.floating[Any]], sd: tuple[float, float]) -> _Numbers:
    """Return valence and arousal of ratings (W, 2), and their sd: see the head of this module."""
    within = np.clip(ratings, -1.0, 1.0)
    unsure = np.minimum(np.hypot(sd, ratings - within), 1.0)
    return {
        "valence": within[:, 0],
        "arousal": within[:, 1],
        "valence_sd": unsure[:, 0],
        "arousal_sd": unsure[:, 1],
    }


def _neutral(prior: Calibration, windows: int) -> _Numbers:
    """Return what is known before any sound, once for each window."""
    return {
        "valence": np.zeros(windows),
        "arousal": np.zeros(windows),
        "valence_sd": np.full(windows, prior.prior_valence_sd),
        "arousal_sd": np.full(windows, prior.prior_arousal_sd),
        "quadrants": np.full((windows, len(QUADRANTS)), 1 / len(QUADRANTS)),
        "gems": np.tile(prior.prior_gems, (windows, 1)),
    }


def picture_config(sample_rate: int) -> FeatureConfig:
    """Return the streaming model's features at another rate, as near as that allows."""
    streaming = FeatureConfig()
    return replace(
        streaming,
        sample_rate=sample_rate,
        n_fft=streaming.n_fft * sample_rate // streaming.sample_rate,
        hop_length=streaming.hop_length * sample_rate // streaming.sample_rate,
        f_max=min(streaming.f_max, sample_rate / 2),
    )


def tensors_of(heads: Mapping[Task, Head]) -> dict[str, Tensor]:
    """Return what a checkpoint's file holds."""
    named = joined({task: head.tensors() for task, head in heads.items()})
    return {name: torch.from_numpy(np.array(value)) for name, value in named.items()}


def load(stem: Path, compute: str) -> PapersRecognizer:
    """Load a checkpoint of a papers' system: an entry point of ``realtime_mer.recognizers``.

    Raises:
        CheckpointError: weights and card, or card and system, do not fit one another.
        InputError: it was asked to compute with something else than torch on the processor.
    """
    if compute not in {"auto", "cpu", "torch"}:
        raise InputError(
            f"The papers' systems run on PyTorch and on the processor alone, not on {compute!r}: "
            "use torch, cpu or auto."
        )
    card = load_card(stem, PapersCard)
    system = _system(card, stem)
    given = {name: value.numpy() for name, value in load_tensors(stem).items()}
    try:
        heads = {
            task: Head.restore(system, task, below(given, task))
            for task in TASKS
            if task in card.heads
        }
        expected = tensors_of(heads).keys()
        if expected != given.keys():
            name = sorted(expected ^ given.keys())[0]
            raise ValueError(f"its tensor {name!r} belongs to nothing the card names")
        return PapersRecognizer(card, heads, system.view.compute)
    except (KeyError, ValueError, RuntimeError) as error:
        what = f"there is no tensor {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"{stem}.safetensors does not fit its card: {what}. Use the card made with the weights."
        ) from error


def _system(card: PapersCard, stem: Path) -> System:
    """Return a card's system, whose view must be the one that was learnt."""
    try:
        system = find_system(card.system)
    except InputError as error:
        raise CheckpointError(f"{stem}.json: field system: {error}.") from error
    if system.not_live is not None:
        raise CheckpointError(f"{stem}.json: field system: {not_live(system)}")
    view = system.view
    wanted: dict[str, tuple[object, object]] = {
        "view": (card.view, view_of(view)),
        "window_s": (card.window_s, view.seconds),
    }
    for field, (value, expected) in wanted.items():
        if value != expected:
            raise CheckpointError(
                f"{stem}.json: field {field} is {value!r}, but {system.name} has {expected!r} "
                "here. Export the system again."
            )
    hops = card.window_s / card.hop_s
    picture = picture_config(view.sample_rate)
    frame_s = picture.hop_length / picture.sample_rate
    frames = card.hop_s / frame_s
    if hops < 1 or abs(hops - round(hops)) > 1e-9 or abs(frames - round(frames)) > 1e-9:
        raise CheckpointError(
            f"{stem}.json: field hop_s is {card.hop_s!r}; it must be a multiple of "
            f"{frame_s:g} that divides window_s, {card.window_s!r}."
        )
    unlearnt = [task for task in card.heads if task not in system.tasks]
    if unlearnt:
        raise CheckpointError(
            f"{stem}.json: field heads: {system.name} cannot learn {unlearnt[0]}."
        )
    return system


def not_live(system: System) -> str:
    """Return a sentence on why a system cannot run live."""
    return f"{system.name} cannot run live: {system.not_live}."
