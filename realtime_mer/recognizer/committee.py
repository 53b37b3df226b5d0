"""A committee as onnxruntime runs it: networks that others taught, and heads on what they hear.

It has no memory: every hop is computed from its whole window. A memory of some seconds was tried
and gained nothing (docs/training.md).

Dimensions: W windows of N samples.
"""

from pathlib import Path
from typing import Self

import numpy as np

from realtime_mer.errors import InputError
from realtime_mer.model.committee import CommitteeCard, read_committee, worked_in
from realtime_mer.model.network_file import check_settings
from realtime_mer.recognizer.contract import Samples
from realtime_mer.recognizer.network_session import REFUSALS, check_names, opened, unusable
from realtime_mer.recognizer.windows import Numbers, WindowRecognizer

INPUTS = ("samples",)
OUTPUTS = ("affect", "affect_sd", "quadrants", "gems", "mel", "music")
"""What the file takes and gives, in this order; docs/model-file.md tells of each."""
FURTHER = ("familiar",)
"""What it gives besides where somebody in the committee tells it."""

_COMPUTE = ("auto", "cpu", "light")


class CommitteeRecognizer(WindowRecognizer):
    """Recognise the emotion of music with a committee, on one thread of the processor.

    Args:
        card: of the checkpoint.
        network: what its ``.onnx`` file holds.

    Raises:
        CheckpointError: they do not fit one another, or the file cannot be run.
    """

    compute = "light"

    def __init__(self, card: CommitteeCard, network: bytes) -> None:
        self.card = card
        self.sample_rate = card.features.sample_rate
        self.hop_samples = card.hop_samples
        self.window_samples = card.window_samples
        self._session, metadata = opened(card.name, network)
        check_settings(card.name, worked_in(card), metadata)
        given = {one.name for one in self._session.get_outputs()}
        self._answers = (*OUTPUTS, *(name for name in FURTHER if name in given))
        check_names(card.name, self._session, inputs=INPUTS, outputs=self._answers)
        silence = np.zeros(self.window_samples, np.float32)
        try:
            self._check(self._run(silence[np.newaxis]))
        except REFUSALS as error:
            raise unusable(card.name, str(error)) from error
        self.begin(silence)

    @classmethod
    def load(cls, stem: Path, compute: str = "auto") -> Self:
        """Load a checkpoint by the stem of its files.

        Raises:
            CheckpointError: a file is missing or damaged, or they do not fit one another.
            InputError: it was asked to compute with something else than onnxruntime.
        """
        if compute not in _COMPUTE:
            raise InputError(
                f"The model {stem.name} runs on ONNX Runtime and on the processor alone, not on "
                f"{compute!r}: use {', '.join(_COMPUTE)}."
            )
        return cls(*read_committee(stem))

    def said(self, windows: Samples) -> Numbers:
        """As ``WindowRecognizer`` asks."""
        numbers = self._run(windows)
        affect, sd = numbers.pop("affect"), numbers.pop("affect_sd")
        return {
            "valence": affect[:, 0],
            "arousal": affect[:, 1],
            "valence_sd": sd[:, 0],
            "arousal_sd": sd[:, 1],
            **numbers,
        }

    def _run(self, windows: Samples) -> dict[str, Samples]:
        numbers = self._session.run(self._answers, {"samples": windows})
        return dict(zip(self._answers, numbers, strict=True))

    def _check(self, said: dict[str, Samples]) -> None:
        """Refuse a file whose numbers for one window are not those that its card promises."""
        sizes = {"affect": 2, "affect_sd": 2, "quadrants": 4, "gems": 9}
        shapes: dict[str, tuple[int, ...]] = {name: (1, size) for name, size in sizes.items()}
        shapes |= {"mel": (1, self.card.features.n_mels), "music": (1,), "familiar": (1,)}
        for name, numbers in said.items():
            if numbers.shape != shapes[name] or numbers.dtype != np.float32:
                told = f"{name} is {numbers.dtype} {numbers.shape}"
                raise unusable(self.card.name, f"{told} where float32 {shapes[name]} is wanted")
            if not np.isfinite(numbers).all():
                raise unusable(self.card.name, f"{name} of silence is NaN or infinite")
