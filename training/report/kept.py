"""What a run said of whole clips, small enough to be committed beside its report.

A later run of the same folds is compared with it clip by clip, without the old weights or the old
run folder.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from realtime_mer.errors import InputError

from ..files import replacing
from ..judge.evaluate import (
    AS_LIVE,
    HOP_COLUMNS,
    Predictions,
    clip_mean,
    fingerprint,
    judge,
    load_predictions,
)
from ..learn.run import Run

KEPT = "clip-predictions.npz"
"""Its name in the folder of a report."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a run said of the clips it held out.

    Attributes:
        name: of the run's settings.
        run: its fingerprint.
        predictions: a row for each clip, the mean over its hops.
    """

    name: str
    run: str
    predictions: Predictions

    @property
    def title(self) -> str:
        """What tells it from another run of the same settings."""
        return f"{self.name}, {self.run[:8]}"


def of_run(run: Run) -> Kept:
    """Return what is to be kept of an evaluated run.

    Raises:
        InputError: it is not evaluated.
    """
    said = load_predictions(run)
    means = {key: clip_mean(hops)[None] for key, hops in said.hops.items()}
    return Kept(
        name=run.config.name, run=fingerprint(run), predictions=Predictions(means, said.fold)
    )


def write(kept: Kept, path: Path) -> None:
    """Write it as ``.npz`` in half precision: some sixty bytes a clip."""
    keys = sorted(kept.predictions.hops)
    with replacing(path) as partial:
        np.savez_compressed(
            partial,
            allow_pickle=False,
            name=kept.name,
            run=kept.run,
            columns=HOP_COLUMNS,
            keys=keys,
            folds=np.array([kept.predictions.fold[key] for key in keys], np.int16),
            said=np.concatenate([kept.predictions.hops[key] for key in keys]).astype(np.float16),
        )


def read(path: Path) -> Kept:
    """Read what ``write`` wrote; a number that was not told then is none.

    Raises:
        InputError: there is no such file, or it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            name, run = str(arrays["name"]), str(arrays["run"])
            columns, keys = arrays["columns"].tolist(), arrays["keys"].tolist()
            folds, told = arrays["folds"].tolist(), arrays["said"].astype(np.float32)
        said = np.full((len(keys), 1, len(HOP_COLUMNS)), np.nan, np.float32)
        for place, column in enumerate(HOP_COLUMNS):
            if column in columns:
                said[:, 0, place] = told[:, columns.index(column)]
        fold = dict(zip(keys, folds, strict=True))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, ValueError, KeyError, IndexError) as error:
        raise InputError(
            f"{path} is damaged or no kept predictions ({error}); name the {KEPT} of a report's "
            "folder, or a run folder"
        ) from error
    return Kept(
        name=name, run=run, predictions=Predictions(dict(zip(keys, said, strict=True)), fold)
    )


def leads_over(run: Run, kept: Kept, *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Return every figure of what was kept, and how far a run of the same folds lies above it.

    Args:
        run: evaluated.
        kept: of another run.
        resamples: draws behind an interval.

    Returns:
        Rows as ``judge``'s of ``kept`` alone.

    Raises:
        InputError: it is the same run, or their folds or clips differ.
    """
    if kept.run == fingerprint(run):
        raise InputError(
            f"what was kept of {kept.title} is of this very run; name one to compare it with"
        )
    said = of_run(run).predictions
    if kept.predictions.fold != said.fold:
        strangers = len(set(kept.predictions.fold) ^ set(said.fold))
        raise InputError(
            f"{kept.title} has other folds than {run.folder.name} ({strangers} clips are of one "
            "alone); only runs of the same split (same seed, folds and clips) can be compared clip "
            "by clip"
        )
    rows = judge(
        run,
        {"": (said, AS_LIVE), kept.title: (kept.predictions, AS_LIVE)},
        resamples=resamples,
    )
    return [each for each in rows if each["model"] == kept.title]
