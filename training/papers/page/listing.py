"""``python -m training papers --list``: what the systems are, for a terminal of 80 columns."""

from collections.abc import Mapping

from rich.console import Group
from rich.table import Table

from ...corpora import CORPORA
from ..systems.registry import SYSTEMS
from ..systems.system import TASKS, Task

_LABELS: Mapping[str, tuple[Task, ...]] = {"emotify": ("gems",), "emopia": ("quadrants",)}
"""What corpora have labels of, where it is not quadrants, and valence and arousal."""


def corpora_with(task: Task) -> list[str]:
    """Return the corpora whose labels tell of a task; one's own may tell of any."""
    return [
        corpus.name
        for corpus in CORPORA
        if task in _LABELS.get(corpus.name, ("quadrants", "affect")) or corpus.name == "own"
    ]


def listing() -> Group:
    """Return a line for each system, then which corpora fit, then why some cannot run live."""
    table = Table("system", "what it is", "window", "epochs", "learns", "live", box=None)
    for number in (0, 2, 3, 4, 5):
        table.columns[number].no_wrap = True
    why = []
    for system in SYSTEMS:
        if system.not_live is not None:
            why.append(f"{system.name} cannot run live: {system.not_live}.")
        table.add_row(
            system.name,
            f"{system.paper}: {system.summary}",
            f"{system.view.seconds:g} s",
            f"{system.epochs}" if system.epochs else "-",
            "\n".join(system.tasks),
            "yes" if system.not_live is None else "no",
        )
    fit = [f"{task}: {', '.join(corpora_with(task))}" for task in TASKS]
    return Group(
        table,
        "",
        "A system learns the first of its tasks that the labels of a corpus allow:",
        *fit,
        "",
        *why,
    )
