"""Train the network that runs live, on segments of endless streams."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from realtime_mer.errors import InputError
from realtime_mer.model.network import EmotionNetwork, NetworkOutput

from ..corpora import Clip
from ..features.cache import Store
from ..files import replacing, write_json
from .augment import Spoiler
from .config import TrainingConfig
from .losses import Joins, Labels, label_losses, pseudo_loss, teacher_loss
from .processes import ALONE, World
from .pseudo import WIDTH, pseudo_labels
from .sequences import Segment, Streams, hop_s


class _Stateful(Protocol):
    """What can be taken up again where it was."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> object: ...


class Learner(nn.Module):
    """The network and what stands beside it in training only.

    Args:
        config: the run's settings.
        corpora: those with valence and arousal.
        teacher_width: numbers of the teacher's embedding.
    """

    def __init__(self, config: TrainingConfig, corpora: Sequence[str], teacher_width: int) -> None:
        super().__init__()
        self.network = EmotionNetwork(config.network)
        # Convolutions of few channels run faster so on processors. (Torch's types lack this call.)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.joins = Joins(corpora, config.losses.reference)
        self.teacher_head = nn.Linear(config.network.embedding, teacher_width)

    def forward(
        self, frames: Tensor, lstm_state: tuple[Tensor, Tensor] | None
    ) -> tuple[NetworkOutput, tuple[Tensor, Tensor], Tensor]:
        """Return the heads' output, the LSTM state after, and embeddings (B, H, D)."""
        embeddings: list[Tensor] = []
        handle = self.network.embed.register_forward_hook(
            lambda _module, _inputs, output: embeddings.append(output)
        )
        output, lstm_state = self.network(frames, lstm_state)
        handle.remove()
        hidden, cell = lstm_state
        return (
            NetworkOutput(*(values.float() for values in output)),
            (hidden.float(), cell.float()),
            functional.relu(embeddings[0]).float(),
        )


class Targets(nn.Module):
    """What a part of a run learns from: labels, and the teacher's embeddings, standardised.

    Args:
        clips: the training clips; nothing of other clips is looked at.
        teacher: the teacher's embeddings; None for no teacher.
        hop_s, lag_s: as for ``Labels``.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        teacher: Store | None,
        *,
        hop_s: float,
        lag_s: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.labels = Labels(clips, hop_s=hop_s, lag_s=lag_s)
        self.teacher_rows: dict[str, int] = {}
        self._start = nn.Buffer(torch.zeros(len(clips), dtype=torch.long))
        self._rows = nn.Buffer(torch.zeros(0, 1))
        self._pseudo = nn.Buffer(torch.zeros(0, WIDTH))
        if teacher is not None:
            rows = [torch.from_numpy(teacher[clip.key].astype(np.float32)) for clip in clips]
            self.teacher_rows = {clip.key: len(own) for clip, own in zip(clips, rows, strict=True)}
            lengths = torch.tensor([len(own) for own in rows])
            self._start = nn.Buffer(lengths.cumsum(0) - lengths)
            every = torch.cat(rows)
            self._rows = nn.Buffer((every - every.mean(0)) / every.std(0))

    @property
    def teacher_width(self) -> int:
        """Numbers in an embedding of the teacher."""
        return self._rows.shape[1]

    def add_pseudo(self, clips: Sequence[Clip], teacher: Store, reference: str) -> None:
        """Learn pseudo-labels from these clips alone."""
        rows = pseudo_labels(clips, teacher, reference=reference)
        empty = np.zeros((0, WIDTH), np.float32)
        said = np.concatenate([rows.get(clip.key, empty) for clip in clips])
        self._pseudo = nn.Buffer(torch.from_numpy(said))

    @property
    def has_pseudo(self) -> bool:
        """Whether there are pseudo-labels."""
        return len(self._pseudo) > 0

    def pseudo(self, clip: Tensor, row: Tensor) -> Tensor:
        """Return the pseudo-labels of clips' rows, (n, 15)."""
        return self._pseudo[self._start[clip] + row]

    def teacher(self, clip: Tensor, row: Tensor) -> Tensor:
        """Return the embeddings of clips' rows, (n, width)."""
        return self._rows[self._start[clip] + row]


def train_part(
    clips: Sequence[Clip],
    features: Store,
    teacher: Store | None,
    config: TrainingConfig,
    folder: Path,
    *,
    stream_key: int,
    labelled: bool = True,
    start: Path | None = None,
    changed: Sequence[Store] = (),
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
        start: folder of the part to begin from; None for none.
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
    targets = Targets(clips, teacher, hop_s=hop_s(config.features), lag_s=config.annotation_lag_s)
    if labelled and config.losses.pseudo > 0 and teacher is not None:
        targets.add_pseudo(clips, teacher, config.losses.reference)
    targets.to(world.device)
    torch.manual_seed(config.seed)
    learner = Learner(config, targets.labels.corpora, targets.teacher_width)
    if start is not None:
        begun = load_file(start / "learner.safetensors")
        own = {name: value for name, value in begun.items() if not name.startswith("joins.")}
        learner.load_state_dict(learner.state_dict() | own)
    learner.to(world.device)
    spoiler = Spoiler(config.sequences.spoil, config.features)
    average = AveragedModel(
        learner,
        multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay),  # type: ignore[no-untyped-call]
        use_buffers=True,
    )
    optimiser = torch.optim.AdamW(
        learner.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=config.learning_rate,
        total_steps=epochs * config.steps_per_epoch,
        pct_start=0.15,
    )
    whole: tuple[tuple[str, _Stateful], ...] = (
        ("learner", learner),
        ("average", average),
        ("optimiser", optimiser),
        ("schedule", schedule),
    )
    state_path = folder / "state.pt"
    first = 0
    if state_path.is_file():
        state = torch.load(state_path, weights_only=True, map_location="cpu")
        begun_by = state.get("processes", 1)
        if begun_by != world.size:
            raise InputError(
                f"{folder} was begun by {begun_by} processes and cannot go on with {world.size}; "
                f"start as many, or remove {state_path} to begin it anew"
            )
        for name, item in whole:
            item.load_state_dict(state[name])
        first = state["epoch"]
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeRemainingColumn(),
        disable=not world.first,
    ) as progress:
        bar = progress.add_task(
            folder.name,
            total=epochs * config.steps_per_epoch,
            losses="",
            completed=first * config.steps_per_epoch,
        )
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
                spoiler=spoiler,
                generator=np.random.default_rng(entropy),
                teacher_rows=targets.teacher_rows,
                changed=changed,
            )
            sums: dict[str, float] = defaultdict(float)
            lstm_state = None
            for _ in range(config.steps_per_epoch):
                losses, lstm_state = _losses(
                    learner,
                    streams.segment(),
                    lstm_state,
                    targets,
                    config,
                    labelled=epoch >= first_labelled,
                    device=world.device,
                )
                optimiser.zero_grad()
                if losses:  # A few streams may hold nothing that anybody rated.
                    loss = torch.stack(list(losses.values())).sum()
                    loss.backward()  # type: ignore[no-untyped-call]
                world.average(learner)
                nn.utils.clip_grad_norm_(learner.parameters(), config.gradient_norm)
                optimiser.step()
                schedule.step()
                average.update_parameters(learner)
                values = {name: value.item() for name, value in losses.items()}
                for name, value in values.items():
                    sums[name] += value / config.steps_per_epoch
                told = " ".join(f"{name} {value:.2f}" for name, value in values.items())
                progress.update(bar, advance=1, losses=told)
            if not world.first:
                continue
            state = {name: item.state_dict() for name, item in whole}
            with replacing(state_path) as path:
                torch.save(state | {"epoch": epoch + 1, "processes": world.size}, path)
            line = {"epoch": epoch, "seconds": round(time.monotonic() - began, 1)}
            line |= {name: round(value, 5) for name, value in sums.items()}
            with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line, allow_nan=False) + "\n")
    if world.first:
        _write(cast(Learner, average.module), folder)
    world.wait()  # Others may begin from what was written.


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
        output, (hidden, cell), embedding = learner(heard["frames"], lstm_state)
    clip = heard["clip"]
    losses: dict[str, Tensor] = {}
    if targets.teacher_rows and config.losses.teacher > 0:
        row = heard["teacher"]
        there = (row >= 0) & (clip >= 0)
        losses["teacher"] = config.losses.teacher * teacher_loss(
            learner.teacher_head(embedding[there]), targets.teacher(clip[there], row[there])
        )
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
        if targets.has_pseudo:
            row = heard["nearest"]
            there = (row >= 0) & (clip >= 0)
            said = targets.pseudo(clip[there], row[there])
            losses["pseudo"] = config.losses.pseudo * pseudo_loss(output, there, said)
    return losses, (hidden.detach(), cell.detach())
