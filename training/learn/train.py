"""Train the network that runs live, on segments of endless streams."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from realtime_mer.errors import InputError

from ..corpora import Clip
from ..features.cache import FeatureStore
from ..features.teachers import columns
from ..files import replacing, write_json
from .augment import Augmenter
from .config import TrainingConfig
from .learner import Learner
from .losses import (
    agreement_loss,
    label_losses,
    music_loss,
    pseudo_loss,
    relations_loss,
    teacher_loss,
)
from .processes import ALONE, World
from .run import BEGUN
from .sequences import Segment, Streams, hop_s
from .targets import Targets


def train_part(
    clips: Sequence[Clip],
    features: FeatureStore,
    teacher: FeatureStore | None,
    config: TrainingConfig,
    folder: Path,
    *,
    stream_key: int,
    labelled: bool = True,
    start: Path | None = None,
    changed: Sequence[FeatureStore] = (),
    world: World = ALONE,
) -> None:
    """Train one network, going on where a killed run of it stopped.

    Writes ``weights.safetensors`` when done; does nothing where that is there. Of several
    processes each hears as many streams as the settings say, and the first writes.

    Args:
        clips: what it learns from.
        features: log-mel frames of these clips.
        teacher: the teacher's embeddings of these clips; None for no teacher.
        config: settings.
        folder: of this part.
        stream_key: number that tells this part's random streams from other parts'.
        labelled: False for the part that the others begin from, which hears the teacher alone.
        start: folder of the part to begin from, unless ``BEGUN`` lies in its own; None for none.
        changed: as for ``Streams``.
        world: the processes that train it together, all of which call this.

    Raises:
        InputError: it was begun by another number of processes.
    """
    done = (folder / "weights.safetensors").is_file()
    world.wait()  # What one writes must not change what another is about to see.
    if done:
        return
    if world.first:
        folder.mkdir(parents=True, exist_ok=True)
    epochs = config.epochs if labelled else config.shared_epochs
    first_labelled = config.teacher_epochs if labelled else epochs
    targets = _targets(clips, teacher, config, pseudo=labelled).to(world.device)
    begun = folder / BEGUN
    if begun.is_file():
        learner = _learner(config, targets, begun, joined=True)
    else:
        taken = start / "learner.safetensors" if start is not None else None
        learner = _learner(config, targets, taken, joined=False)
    training = _Training(learner.to(world.device), config, epochs=epochs)
    augmenter = Augmenter(config.sequences.augment, config.features)
    state = folder / "state.pt"
    first = training.resume(state, world) if state.is_file() else 0
    with _bar(folder.name, first, epochs, config, world) as advance:
        for epoch in range(first, epochs):
            began = time.monotonic()
            # Seeded by epoch, every stream cold: an epoch is the same after a kill.
            entropy = (config.seed, stream_key, epoch, *([] if world.first else [world.rank]))
            torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
            streams = Streams(
                clips,
                features,
                config.sequences,
                log_mel=config.features,
                augmenter=augmenter,
                generator=np.random.default_rng(entropy),
                teacher_rows=targets.teacher_rows,
                changed=changed,
            )
            means = _train_epoch(
                training,
                streams,
                targets,
                config,
                labelled=epoch >= first_labelled,
                world=world,
                advance=advance,
            )
            if world.first:
                training.save(state, epoch=epoch + 1, processes=world.size)
                _log(folder / "log.jsonl", epoch, time.monotonic() - began, means)
    if world.first:
        _write(cast(Learner, training.average.module), folder)
    world.wait()  # Others may begin from what was written.


_Advance = Callable[[Mapping[str, float]], None]
"""Told the losses of a step, by name."""


class _Stateful(Protocol):
    """What can be taken up again where it was."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> object: ...


class _Training:
    """A learner, the moving average of its weights that is kept, and what moves them.

    Args:
        learner: on its device.
        config: settings.
        epochs: length of the schedule.
    """

    def __init__(self, learner: Learner, config: TrainingConfig, *, epochs: int) -> None:
        self.learner = learner
        self.average = AveragedModel(
            learner,
            multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay),  # type: ignore[no-untyped-call]
            use_buffers=True,
        )
        self._optimiser = torch.optim.AdamW(
            learner.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser,
            max_lr=config.learning_rate,
            total_steps=epochs * config.steps_per_epoch,
            pct_start=0.15,
        )
        self._gradient_norm = config.gradient_norm
        self._parts: Mapping[str, _Stateful] = {
            "learner": learner,
            "average": self.average,
            "optimiser": self._optimiser,
            "schedule": self._schedule,
        }

    def step(self, losses: Mapping[str, Tensor], world: World) -> None:
        """Move the weights by what all processes found, and the average after them."""
        self._optimiser.zero_grad()
        if losses:  # A few streams may hold nothing that anybody rated.
            loss = torch.stack(list(losses.values())).sum()
            loss.backward()  # type: ignore[no-untyped-call]
        world.average(self.learner)
        nn.utils.clip_grad_norm_(self.learner.parameters(), self._gradient_norm)
        self._optimiser.step()
        self._schedule.step()
        self.average.update_parameters(self.learner)

    def save(self, path: Path, *, epoch: int, processes: int) -> None:
        """Write all that ``resume`` goes on with, before an epoch."""
        state = {name: part.state_dict() for name, part in self._parts.items()}
        with replacing(path) as partial:
            torch.save(state | {"epoch": epoch, "processes": processes}, partial)

    def resume(self, path: Path, world: World) -> int:
        """Take up what ``save`` wrote and return the epoch to go on with.

        Raises:
            InputError: another number of processes wrote it.
        """
        state = torch.load(path, weights_only=True, map_location="cpu")
        begun_by = state.get("processes", 1)
        if begun_by != world.size:
            raise InputError(
                f"{path.parent} was begun by {begun_by} processes and cannot go on with "
                f"{world.size}; start as many, or remove {path} to begin it anew"
            )
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        epoch: int = state["epoch"]
        return epoch


def _targets(
    clips: Sequence[Clip], teacher: FeatureStore | None, config: TrainingConfig, *, pseudo: bool
) -> Targets:
    targets = Targets(
        clips,
        teacher,
        teachers=config.teachers,
        hop_s=hop_s(config.features),
        lag_s=config.annotation_lag_s,
    )
    if pseudo and config.losses.pseudo > 0 and teacher is not None:
        targets.add_pseudo(clips, teacher, config.losses.reference)
    return targets


def _learner(
    config: TrainingConfig, targets: Targets, start: Path | None, *, joined: bool
) -> Learner:
    """Return a learner with the weights that the seed draws, or those of the part it starts from.

    What joins the corpora is taken over only from a part that rates the same clips.
    """
    torch.manual_seed(config.seed)
    learner = Learner(config, targets.labels.corpora, targets.teacher_width)
    if start is not None:
        begun = load_file(start)
        taken = {
            name: value for name, value in begun.items() if joined or not name.startswith("joins.")
        }
        learner.load_state_dict(learner.state_dict() | taken)
    return learner


@contextmanager
def _bar(
    name: str, first: int, epochs: int, config: TrainingConfig, world: World
) -> Iterator[_Advance]:
    """Show how far a part has come, and lend what tells it of a step's losses."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeRemainingColumn(),
        disable=not world.first,
    ) as progress:
        bar = progress.add_task(
            name,
            total=epochs * config.steps_per_epoch,
            losses="",
            completed=first * config.steps_per_epoch,
        )

        def advance(losses: Mapping[str, float]) -> None:
            text = " ".join(f"{name} {value:.2f}" for name, value in losses.items())
            progress.update(bar, advance=1, losses=text)

        yield advance


def _train_epoch(
    training: _Training,
    streams: Streams,
    targets: Targets,
    config: TrainingConfig,
    *,
    labelled: bool,
    world: World,
    advance: _Advance,
) -> Mapping[str, float]:
    """Train on an epoch's segments, the LSTM's state going on from one to the next.

    Returns:
        By loss: its mean over the epoch's steps, 0 where a step had none.
    """
    means: dict[str, float] = defaultdict(float)
    lstm_state = None
    for _ in range(config.steps_per_epoch):
        losses, lstm_state = _losses(
            training.learner,
            streams.segment(),
            lstm_state,
            targets,
            config,
            labelled=labelled,
            device=world.device,
        )
        training.step(losses, world)
        values = {name: value.item() for name, value in losses.items()}
        for name, value in values.items():
            means[name] += value / config.steps_per_epoch
        advance(values)
    return means


def _log(path: Path, epoch: int, seconds: float, means: Mapping[str, float]) -> None:
    line: dict[str, float] = {"epoch": epoch, "seconds": round(seconds, 1)}
    line |= {name: round(value, 5) for name, value in means.items()}
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line, allow_nan=False) + "\n")


def _write(kept: Learner, folder: Path) -> None:
    """Write what a finished part leaves."""
    write_json(folder / "joins.json", kept.joins.summary())
    tensors = {f"network.{k}": v.contiguous() for k, v in kept.network.state_dict().items()}
    beside = {name: value.contiguous() for name, value in kept.state_dict().items()}
    with replacing(folder / "learner.safetensors") as path:
        save_file(beside, path)
    # Written last: where the weights are, the part is done.
    with replacing(folder / "weights.safetensors") as path:
        save_file(tensors, path)


def _losses(
    learner: Learner,
    segment: Segment,
    lstm_state: tuple[Tensor, Tensor] | None,
    targets: Targets,
    config: TrainingConfig,
    *,
    labelled: bool,
    device: torch.device,
) -> tuple[Mapping[str, Tensor], tuple[Tensor, Tensor]]:
    """Return the losses of one segment, and the LSTM state after it, detached."""
    learner.train()
    heard = {name: torch.from_numpy(rows).to(device) for name, rows in vars(segment).items()}
    if lstm_state is not None:
        kept = (~heard["fresh"]).float()[None, :, None]
        lstm_state = (lstm_state[0] * kept, lstm_state[1] * kept)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.half_precision):
        output, (hidden, cell), embedding = learner(heard["frames"], heard["pitches"], lstm_state)
    clip = heard["clip"]
    losses: dict[str, Tensor] = {}
    if targets.teacher_rows and config.losses.teacher > 0:
        row = heard["teacher"]
        there = (row >= 0) & (clip >= 0)
        said = learner.teacher_head(embedding[there])
        wanted = targets.teacher(clip[there], row[there])
        # One with more numbers is not listened to more than the others.
        each = [teacher_loss(said[:, own], wanted[:, own]) for own in columns(config.teachers)]
        losses["teacher"] = config.losses.teacher * torch.stack(each).mean()
        if config.losses.relations > 0:
            each = [
                relations_loss(said[:, own], wanted[:, own]) for own in columns(config.teachers)
            ]
            losses["relations"] = config.losses.relations * torch.stack(each).mean()
    if labelled:
        losses |= label_losses(
            output,
            clip,
            heard["hop"],
            heard["weight"],
            targets.labels,
            learner.joins,
            config.losses,
        )
        if config.losses.music > 0:
            said_music = music_loss(output.music_logits, heard["music"], heard["weight"])
            losses["music"] = config.losses.music * said_music
        if config.losses.agreement > 0:
            apart = agreement_loss(output, clip >= 0)
            losses["agreement"] = config.losses.agreement * apart
        if targets.has_pseudo:
            row = heard["nearest"]
            there = (row >= 0) & (clip >= 0)
            pseudo = targets.pseudo(clip[there], row[there])
            losses["pseudo"] = config.losses.pseudo * pseudo_loss(output, there, pseudo)
    return losses, (hidden.detach(), cell.detach())
