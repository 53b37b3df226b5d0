"""Parisi et al.: a CNN on mel spectrograms, an LSTM on the words sung, and both fused.

From Du's review: excerpts in which the lines are sung; for the words pretrained vectors (fastText,
ELMo or BERT) and a deep network, of which fastText with an LSTM was the best; for the sound a CNN
on mel spectrograms, of the mix or of the voice alone, which Wave-U-Net takes out of it and which
was better; five emotions; the words did better than the sound.

Chosen here, because the text is silent: 22 050 Hz, 6 s, 64 mel bands in dB every 2048 samples (65
frames), standardised; three convolutions of 16, 32 and 64 kernels of 3 × 3 with batch normalisation
and ReLU, pooled by 2, 2 and then to the mean of each kernel; the first 50 known words of a text; 64
LSTM units, of which the last word's count; the fusion puts the 64 numbers of the sound beside the
64 of the words, then 64 units of ReLU; half of what enters an output layer is dropped in training.
Adam at 1e-3, batches of 32, 20 epochs. With four classes the branch of the sound has 23 780
parameters; with five and words of 300 numbers that of the words has 94 021, the fusion 125 797.

The system ``parisi`` is the branch of the sound, since the corpora here have no words.
``fit_words`` and ``fit_both`` are the others; ``read_lines`` and ``sung`` make what they learn from
out of a table of one's own and a file of word vectors. Where the sound files are separated voices,
all of it works on the voice alone; no separator is part of this project. The review prints no
figure.
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError

from .features import descriptors
from .fitting import FittedNetwork, fit_network, restore_network
from .system import (
    CLASSES,
    PaperSplit,
    Part,
    System,
    Training,
    View,
    standardise,
)

EMOTIONS = ("sadness", "joy", "fear", "anger", "disgust")
"""The paper's classes."""

MELS = 64
WORDS = 50
_UNITS = 64


def mel(samples: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Return ``mel`` (64, 65), dB, of 6 s."""
    made = descriptors(
        samples, ("log_mel",), sample_rate=VIEW.sample_rate, hop_length=2048, n_mels=MELS
    )
    return {"mel": made["log_mel"]}


VIEW = View(name="parisi", sample_rate=22_050, seconds=6.0, hop_s=6.0, compute=mel)


@dataclass(frozen=True, kw_only=True)
class WordVectors:
    """Vectors of words.

    Attributes:
        rows: a word's row in ``values``.
        values: float32 (words, width).
    """

    rows: Mapping[str, int]
    values: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path, *, only: Iterable[str] | None = None) -> "WordVectors":
        """Read fastText's text format (``.vec``): "count width", then a word a line.

        Args:
            path: the file, UTF-8.
            only: keep these words, which spares memory; None for all.

        Raises:
            InputError: it is not there or not such a file, or holds none of the words.
        """
        wanted = None if only is None else frozenset(only)
        rows: dict[str, int] = {}
        values: list[NDArray[np.float32]] = []
        try:
            with path.open(encoding="utf-8", newline="\n") as file:
                header = file.readline().split()
                if len(header) != 2 or not all(each.isdecimal() for each in header):
                    raise InputError(
                        f"{path} does not begin with the number of words and the width; word "
                        "vectors are read in fastText's text format, .vec"
                    )
                width = int(header[1])
                for number, line in enumerate(file, start=2):
                    word, *numbers = line.rstrip("\n ").rsplit(" ", width)
                    if word in rows or (wanted is not None and word not in wanted):
                        continue
                    if len(numbers) != width:
                        raise InputError(
                            f"line {number} of {path} has {len(numbers)} numbers, not {width}"
                        )
                    rows[word] = len(values)
                    values.append(np.array(numbers, np.float32))
        except OSError as error:
            raise InputError(
                f"the word vectors {path} cannot be read: {error.strerror or error}"
            ) from None
        except ValueError as error:
            raise InputError(f"{path} is not a text file of word vectors: {error}") from None
        if not values:
            raise InputError(f"{path} holds a vector of none of the words that are asked for")
        return cls(rows=rows, values=np.stack(values))

    def sequences(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of the first 50 known words of texts, (n, width, 50).

        Shorter texts begin with zeros, so that the last step is always the last word.
        """
        steps = np.zeros((len(texts), self.values.shape[1], WORDS), np.float32)
        for at, text in enumerate(texts):
            known = [self.rows[word] for word in words(text) if word in self.rows][:WORDS]
            if known:
                steps[at, :, -len(known) :] = self.values[known].T
        return steps


def words(text: str) -> list[str]:
    """Return the words of a text, in small letters, without punctuation but apostrophes."""
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


@dataclass(frozen=True, kw_only=True)
class Line:
    """Words that are sung in a piece of sound.

    Attributes:
        song: what must not stand on both sides of a split.
        path: the sound in which they are sung, the mix or the voice alone.
        lyrics: the words.
        emotion: index into ``EMOTIONS``.
    """

    song: str
    path: Path
    lyrics: str
    emotion: int


def read_lines(table: Path) -> list[Line]:
    """Read a table with the columns song, audio, lyrics and emotion.

    Sound is looked for from the table's folder on.

    Raises:
        InputError: it is not there, lacks a column, or a row names no known emotion.
    """
    columns = ("song", "audio", "lyrics", "emotion")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"the table of lyrics {table} cannot be read: {error.strerror or error}"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"the table of lyrics {table} is not UTF-8 text: {error}") from None
    missing = [name for name in columns if not rows or name not in rows[0]]
    if missing:
        raise InputError(f"{table} has no column {missing[0]!r}; it needs {', '.join(columns)}")
    lines = []
    for number, row in enumerate(rows, start=2):
        if row["emotion"] not in EMOTIONS:
            raise InputError(
                f"line {number} of {table} names the emotion {row['emotion']!r}; known are "
                f"{', '.join(EMOTIONS)}"
            )
        lines.append(
            Line(
                song=row["song"],
                path=table.parent / row["audio"],
                lyrics=row["lyrics"],
                emotion=EMOTIONS.index(row["emotion"]),
            )
        )
    return lines


def sung(lines: Sequence[Line], vectors: WordVectors) -> Part:
    """Return what the branches and their fusion read of lines.

    The sound is its first 6 s, filled up with zeros where it is shorter. Nothing is standardised.

    Returns:
        ``mel`` (n, 64, 65), ``words`` (n, width, 50), emotions and songs.

    Raises:
        AudioFileError: a sound file cannot be read.
    """
    heard = []
    for line in lines:
        samples = load_audio(line.path, sample_rate=VIEW.sample_rate)[: VIEW.samples]
        heard.append(mel(np.pad(samples, (0, VIEW.samples - len(samples))))["mel"])
    return Part(
        arrays={
            "mel": np.stack(heard),
            "words": vectors.sequences([line.lyrics for line in lines]),
        },
        labels=np.array([line.emotion for line in lines], np.int64),
        groups=np.array([line.song for line in lines]),
    )


class Sound(nn.Module):
    """The CNN: ``mel`` (B, 64, T) to 64 numbers."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in ((1, 16), (16, 32), (32, _UNITS)):
            layers += [
                nn.Conv2d(narrow, wide, 3, padding=1),
                nn.BatchNorm2d(wide),
                nn.ReLU(),
                nn.MaxPool2d(2) if wide < _UNITS else nn.AdaptiveAvgPool2d(1),
            ]
        self.layers = nn.Sequential(*layers, nn.Flatten())

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map a batch with ``mel`` to (B, 64)."""
        numbers: Tensor = self.layers(arrays["mel"][:, None])
        return numbers


class Words(nn.Module):
    """The LSTM: ``words`` (B, width, 50) to 64 numbers.

    Args:
        width: of a word's vector.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, _UNITS, batch_first=True)

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map a batch with ``words`` to (B, 64)."""
        last: Tensor = self.lstm(arrays["words"].transpose(1, 2))[0][:, -1]
        return last


class Fusion(nn.Module):
    """One branch or both, and an output layer.

    Args:
        branches: ``Sound``, ``Words`` or both.
        outputs: classes, or 2 for valence and arousal.
    """

    def __init__(self, branches: Sequence[nn.Module], outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        hidden = [nn.Linear(_UNITS * len(branches), _UNITS), nn.ReLU()] if len(branches) > 1 else []
        self.head = nn.Sequential(*hidden, nn.Dropout(0.5), nn.Linear(_UNITS, outputs))

    def forward(self, arrays: Mapping[str, Tensor]) -> Tensor:
        """Map a batch with what the branches read to logits or ratings (B, outputs)."""
        logits: Tensor = self.head(torch.cat([branch(arrays) for branch in self.branches], 1))
        return logits


def fit(training: Training, *, outputs: int | None = None) -> FittedNetwork:
    """Return the branch of the sound, which reads ``mel``.

    Args:
        training: what it may look at.
        outputs: classes, where they are not those of ``training.task``.
    """
    return _fit(lambda: Fusion([Sound()], outputs or training.outputs), training)


def fit_words(training: Training, *, outputs: int = len(EMOTIONS)) -> FittedNetwork:
    """Return the branch of the words, which reads ``words``.

    Args:
        training: labels are classes below ``outputs``, whatever its task is called.
        outputs: classes.
    """
    width = training.train.arrays["words"].shape[1]
    return _fit(lambda: Fusion([Words(width)], outputs), training)


def fit_both(training: Training, *, outputs: int = len(EMOTIONS)) -> FittedNetwork:
    """Return the fusion, which reads ``mel`` and ``words``; arguments as of ``fit_words``."""
    width = training.train.arrays["words"].shape[1]
    return _fit(lambda: Fusion([Sound(), Words(width)], outputs), training)


def _fit(build: Callable[[], nn.Module], training: Training) -> FittedNetwork:
    return fit_network(
        build,
        training,
        optimiser=lambda weights: torch.optim.Adam(weights, lr=1e-3),
        batch_size=32,
    )


SYSTEMS: tuple[System, ...] = (
    System(
        name="parisi",
        paper="Parisi et al. 2019",
        summary="CNN on mel spectrograms of 6 s (the branch of the sound)",
        tasks=(*CLASSES, "affect"),
        view=VIEW,
        fit=fit,
        split=PaperSplit(unit="segment", leaks="segments of one song stand on both sides"),
        figures=(),
        settings={
            "optimiser": "Adam",
            "learning_rate": 1e-3,
            "batch": 32,
            "kernels": [16, 32, _UNITS],
        },
        epochs=20,
        prepare=standardise,
        restore=partial(restore_network, lambda outputs: Fusion([Sound()], outputs)),
    ),
)
