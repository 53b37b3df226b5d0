"""Arrows between the rooms run one way (docs/architecture.md), read off the imports themselves."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import realtime_mer

PACKAGE = Path(realtime_mer.__file__).parent
TRAINING = PACKAGE.parent / "training"

TIERS = (
    "__main__ cli",
    "commands",
    "bench live rooms",
    "library analysis engine display sessions service client outlets",
    "stream batch pending following presence hops shaping summary web printing",
    "wire audio recognizer",
    "model features",
    "emotion mood estimate wording errors lanes leaving writing",
)
"""The rooms of the product from top to bottom: each may know its own tier and those below it."""

TRAINING_TIERS = (
    "__main__",
    "commands",
    "papers report",
    "export",
    "judge",
    "learn",
    "features",
    "corpora",
    "files markdown",
)
"""The same for what makes the checkpoints; all of it may know the product, and never back."""

PURE = (
    "emotion mood errors estimate features wording model.network model.checkpoint "
    "outlets.wires outlets.finding outlets.mapping.values outlets.mapping.conditions "
    "outlets.mapping.tables outlets.mapping.routes outlets.mapping.rules "
    "outlets.mapping.evaluation outlets.rows outlets.home_assistant "
    "recognizer.contract recognizer.device recognizer.loading recognizer.reference "
    "recognizer.windows recognizer.committee "
    "recognizer.bank recognizer.graphs rooms.scheduler rooms.computing "
    "rooms.names rooms.limits rooms.timeline rooms.clock rooms.states rooms.formats "
    "rooms.fetching.address rooms.machines.address rooms.machines.names rooms.machines.chunks "
    "rooms.machines.reports rooms.machines.entries rooms.machines.presence "
    "rooms.machines.sharing rooms.machines.track "
    "lanes stream batch pending following presence hops shaping summary "
    "wire.protocol wire.mailbox wire.past wire.settings wire.control wire.access "
    "wire.bounds wire.sound"
).split()
SHELLS = (
    "threading queue multiprocessing subprocess concurrent socket asyncio selectors ssl "
    "websockets nats PySide6 pyqtgraph sounddevice soundcard soundfile typer rich"
).split()


def files_of(package: Path) -> dict[str, Path]:
    """Return the modules of a package by their dotted names within it; ``""`` is itself."""
    files = {}
    for file in package.rglob("*.py"):
        parts = file.relative_to(package).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


PRODUCT = files_of(PACKAGE)


@cache
def imported(file: Path) -> frozenset[str]:
    """Return the dotted names that a file imports, wherever in it."""
    return frozenset(_imported(file))


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(PACKAGE.parent).parts[: -node.level] if node.level else ()
            module = ".".join((*package, *filter(None, (node.module,))))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(file: Path, package: str, modules: Iterable[str]) -> set[str]:
    """Return those modules of a package that a file imports."""
    names = {name.partition(".")[2] for name in imported(file) if name.startswith(f"{package}.")}
    return names & set(modules)


def reached(module: str) -> tuple[set[str], set[str]]:
    """Return the product's modules that one leads to, itself included, and all else it imports."""
    own: set[str] = set()
    others: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in own:
            continue
        own.add(name)
        waiting += within(PRODUCT[name], "realtime_mer", PRODUCT)
        others |= {found.partition(".")[0] for found in imported(PRODUCT[name])}
    return own, others


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """Return the names along a circle of arrows; none where there is no circle."""
    done: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(arrows[name]):
            if found := follow(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := follow(name, []))), [])


@pytest.mark.parametrize(
    ("package", "tiers"),
    [(PACKAGE, TIERS), (TRAINING, TRAINING_TIERS)],
    ids=["realtime_mer", "training"],
)
def test_arrows_between_rooms_run_downwards_and_never_in_a_circle(
    package: Path, tiers: tuple[str, ...]
) -> None:
    files = files_of(package)
    tier = {room: level for level, rooms in enumerate(tiers) for room in rooms.split()}
    arrows: dict[str, set[str]] = {room: set() for room in tier}
    for name, file in files.items():
        room = name.partition(".")[0]
        if not room or file == PACKAGE / "training.py":
            continue  # what the package gives to others by name, and where a checkout has training
        assert room in tier, f"{file} stands in no room of the architecture"
        for other in within(file, package.name, files):
            target = other.partition(".")[0]
            assert tier[room] <= tier[target], f"{name} must not know {other}"
            if target != room:
                arrows[room].add(target)
    assert circle(arrows) == []


@pytest.mark.parametrize("package", [PACKAGE, TRAINING], ids=["realtime_mer", "training"])
def test_no_module_leads_back_to_itself(package: Path) -> None:
    files = files_of(package)
    names = files.keys() - {""}
    assert len(names) > 50
    assert circle({name: within(files[name], package.name, names) for name in names}) == []


def test_a_circle_would_be_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


@pytest.mark.parametrize("package", [PACKAGE, TRAINING], ids=["realtime_mer", "training"])
def test_no_room_is_crowded_and_each_says_what_it_is(package: Path) -> None:
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        if modules or (folder / "__init__.py").is_file():
            assert len(modules) <= 20, folder
            assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


@pytest.mark.parametrize("module", PURE)
def test_a_pure_room_leads_to_no_thread_socket_window_or_sound_card(module: str) -> None:
    own, others = reached(module)
    assert not others & set(SHELLS)
    rooms = {name.partition(".")[0] for name in own} - {module.partition(".")[0]}
    assert not rooms & set(" ".join(TIERS[:4]).split())


@pytest.mark.parametrize("module", ["emotion", "errors", "estimate", "wire.protocol", "shaping"])
def test_plain_data_knows_no_network(module: str) -> None:
    own, others = reached(module)
    assert not others & {"torch", "torchaudio", "numpy"}
    assert not {name for name in own if name.startswith("recognizer.")}


def test_an_engine_knows_no_shell_that_listens_to_it() -> None:
    own, others = reached("engine")
    rooms = {name.partition(".")[0] for name in own}
    assert not rooms & {"service", "client", "display", "live", "cli", "commands"}
    assert not others & {"websockets", "PySide6", "pyqtgraph", "typer", "rich"}


@pytest.mark.parametrize(
    "module", ["snapshot", "latest", "plots.history", "window.memory", "window.marking"]
)
def test_what_a_window_knows_is_known_without_one(module: str) -> None:
    _, others = reached(f"display.{module}")
    assert not others & {"PySide6", "pyqtgraph", "torch"}


def test_the_capture_process_loads_neither_network_nor_window() -> None:
    _, others = reached("audio.capture")
    assert not others & {"torch", "torchaudio", "PySide6", "pyqtgraph", "websockets"}


def test_the_product_never_knows_its_training() -> None:
    for file in PRODUCT.values():
        for name in imported(file):
            assert not f"{name}.".startswith(("training.", "realtime_mer.training.")), file


def test_training_names_itself_by_relative_imports_alone() -> None:
    """In a wheel it is called ``realtime_mer.training``."""
    for file in files_of(TRAINING).values():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not f"{node.module}.".startswith("training."), file
