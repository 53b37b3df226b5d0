"""Essentia's emotion heads on MSD-MusiCNN's embedding: a yardstick that one can plug in today.

One tells valence and arousal on the scale of emoMusic, the corpus it learnt from (D. Bogdanov et
al., "MusAV", ISMIR 2022), four tell moods, learnt from an unpublished collection (P. Alonso-Jiménez
et al., "TensorFlow audio models in Essentia", ICASSP 2020; C. Laurier et al., CBMI 2009). Their
licence is CC BY-NC-SA 4.0: a run is compared with them, nothing learns from them.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from realtime_mer.errors import InputError

from ...features.teacher import EMBEDDING

LEARNT_FROM = frozenset({"deam", "emomusic"})
"""Corpora the head of valence and arousal must not be judged by: emoMusic is a part of DEAM."""

# In the order of the quadrants, with where the positive class stands.
_MOODS = {"happy": 0, "aggressive": 0, "sad": 1, "relaxed": 1}
_AFFECT = "emomusic_va"
_HIDDEN = 100


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        f"{_AFFECT}.input_scale": (EMBEDDING,),
        f"{_AFFECT}.input_shift": (EMBEDDING,),
        f"{_AFFECT}.weight": (2, EMBEDDING),
        f"{_AFFECT}.bias": (2,),
    }
    for mood in _MOODS:
        shapes[f"mood_{mood}.hidden.weight"] = (_HIDDEN, EMBEDDING)
        shapes[f"mood_{mood}.hidden.bias"] = (_HIDDEN,)
        shapes[f"mood_{mood}.out.weight"] = (2, _HIDDEN)
        shapes[f"mood_{mood}.out.bias"] = (2,)
    return shapes


@dataclass(frozen=True)
class Heads:
    """The heads' arrays by name, as ``load_heads`` reads them.

    Their input is MusiCNN's embedding before the rectifier, (n, 200), a row for each window of 3 s.
    Of a longer sound the outputs are averaged, not the embeddings.
    """

    arrays: Mapping[str, NDArray[np.float64]]

    def affect(self, embedding: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return valence and arousal, (n, 2): 0 is neutral, emoMusic's 1 and 9 are -1 and 1.

        Nothing clips them.
        """
        a = self.arrays
        scaled = embedding * a[f"{_AFFECT}.input_scale"] + a[f"{_AFFECT}.input_shift"]
        rated = scaled @ a[f"{_AFFECT}.weight"].T + a[f"{_AFFECT}.bias"]
        said: NDArray[np.float64] = (rated - 5.0) / 4.0
        return said

    def moods(self, embedding: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the probabilities of happy, aggressive, sad and relaxed, (n, 4) in [0, 1].

        They stand in the order of the quadrants Q1 to Q4. Each head judges by itself, so that they
        do not sum to 1.
        """
        return np.stack(
            [self._mood(mood, embedding)[:, positive] for mood, positive in _MOODS.items()], axis=1
        )

    def _mood(self, mood: str, embedding: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the probabilities of both classes, (n, 2)."""
        a = self.arrays
        x = embedding @ a[f"mood_{mood}.hidden.weight"].T + a[f"mood_{mood}.hidden.bias"]
        logits = np.maximum(x, 0) @ a[f"mood_{mood}.out.weight"].T + a[f"mood_{mood}.out.bias"]
        said: NDArray[np.float64] = softmax(logits, axis=1)
        return said


def load_heads(path: Path) -> Heads:
    """Read the heads from an ``.npz`` file.

    Raises:
        InputError: the file is missing or damaged, or an array is missing, of another shape or
            holds what is no finite number.
    """
    if not path.is_file():
        raise InputError(f"no heads of Essentia at {path}, so they are compared with nowhere")
    try:
        with np.load(path) as stored:
            arrays = {name: np.asarray(stored[name], np.float64) for name in _shapes()}
    except KeyError as error:
        raise InputError(f"{path} is not of Essentia's heads on MSD-MusiCNN: {error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged or no .npz file ({error}); fetch it anew") from error
    for name, shape in _shapes().items():
        if arrays[name].shape != shape:
            raise InputError(
                f"{path} is not of Essentia's heads on MSD-MusiCNN: {name!r} has shape "
                f"{arrays[name].shape}, not {shape}"
            )
        if not np.isfinite(arrays[name]).all():
            raise InputError(f"{path} is damaged: {name!r} holds no finite numbers; fetch it anew")
    return Heads(arrays)
