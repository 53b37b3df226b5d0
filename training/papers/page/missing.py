"""Which rows of the papers' table are missing or cut short, what they cost, how to run them."""

from collections.abc import Iterator, Sequence

from ..systems.registry import SYSTEMS
from ..systems.system import TASKS, System, target
from ..trials.costs import Clips, Records, core_minutes, find
from ..trials.protocols import LEAKY
from . import prose
from .cells import CUT_SHORT, epochs_told, is_cut_short, pairs

PROTOCOLS = (("paper", LEAKY), ("grouped", "grouped"))
"""As the command line calls them, and as records do."""


def missing(corpus: str, clips: Clips, records: Records) -> Iterator[str]:
    """Yield a line for each system that lacks a row on a corpus that is here."""
    tasks = {
        task for task in TASKS if any(target(clip, task) is not None for clip in clips[corpus])
    }
    for system in SYSTEMS:
        if tasks.isdisjoint(system.tasks):
            yield (
                f"- {system.name}: it learns {' or '.join(system.tasks)}; the labels here are of "
                f"{', '.join(sorted(tasks)) or 'none of these'}."
            )
            continue
        lacking = [
            names for names in PROTOCOLS if find(records, system.name, corpus, names[1]) is None
        ]
        if lacking:
            yield _not_run(system, corpus, lacking, clips, records)


def _not_run(
    system: System,
    corpus: str,
    protocols: Sequence[tuple[str, str]],
    clips: Clips,
    records: Records,
) -> str:
    """Return that rows were not run, and what each costs by the system's row on another corpus."""
    costs = []
    for _, asked in protocols:
        minutes = core_minutes(system, corpus, asked, clips, records)
        if minutes is not None:
            costs.append(f"{asked} about {minutes:.0f}" if minutes >= 1 else f"{asked} less than 1")
    length = f" at {system.epochs} epochs" if system.epochs else ""
    cost = f", core minutes{length}: {', '.join(costs)}" if costs else ", its cost not measured"
    command = f"python -m training papers --system {system.name} --corpus {corpus}"
    option = f" --protocol {protocols[0][0]}" if len(protocols) == 1 else ""
    which = f" ({protocols[0][1]})" if len(protocols) == 1 else ""
    return f"- {system.name}{which}: not run{cost}; run it with `{command}{option}`."


def cut_short(corpus: str, clips: Clips, every: Records) -> Iterator[str]:
    """Yield which rows of a corpus learnt for fewer epochs than by themselves, and the command.

    Args:
        corpus: which.
        clips: of every corpus that is here.
        every: records, of all corpora: rows of others tell what missing ones would cost.
    """
    records = [record for record in every if record.asked.corpus == corpus]
    told, options, minutes = [], [], 0.0
    for system, *both in pairs(records):
        if not any(row is not None and is_cut_short(system, row) for row in both):
            continue
        told.append(f"{system.name} ({epochs_told(system, *both).removesuffix(CUT_SHORT).strip()})")
        options.append(f"--system {system.name}")
        for row, (_, name) in zip(both, PROTOCOLS, strict=True):
            if corpus in clips and (row is None or is_cut_short(system, row)):
                minutes += core_minutes(system, corpus, name, clips, every) or 0.0
    if told:
        yield prose.CUT_SHORT.format(
            mark=CUT_SHORT,
            rows=", ".join(told),
            cost=f", about {minutes:.0f} core minutes" if minutes >= 1 else "",
            command=f"python -m training papers --corpus {corpus} {' '.join(options)}",
        )
