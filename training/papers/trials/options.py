"""``TrialOptions``: epochs, steps, threads and folders of a run of rows."""

from dataclasses import dataclass
from pathlib import Path

from ..systems.system import Effort, System


@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """What the command line says of every row that is run.

    Attributes:
        epochs: instead of each system's own number; None for that.
        most_steps: optimiser steps of a fit at most; None for no limit.
        threads: processor threads of a network.
        jobs: processes that compute features.
        resamples: draws behind an interval. A row that is kept stays as it is, with those it had.
        seed: of weights, order and random divisions.
        records: folder where finished rows are kept.
        cache: folder where features are.
    """

    records: Path
    cache: Path
    epochs: int | None = None
    most_steps: int | None = None
    threads: int = 1
    jobs: int = 1
    resamples: int = 1000
    seed: int = 0

    def epochs_of(self, system: System) -> int:
        """Return how long a system learns; 0 for one that has no epochs."""
        return system.epochs if self.epochs is None or not system.epochs else self.epochs

    def steps_of(self, system: System) -> int | None:
        """Return how many steps limit a system's fits; None for one that is solved at once."""
        return self.most_steps if system.epochs else None

    def effort(self, system: System) -> Effort:
        """Return how long a system's fits may take."""
        return Effort(
            epochs=self.epochs_of(system),
            most_steps=self.most_steps,
            threads=self.threads,
            seed=self.seed,
        )
