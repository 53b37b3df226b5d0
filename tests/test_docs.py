"""What the pages name is there: linked files, headings pointed at, modules told of."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from realtime_mer.cli import app
from training.__main__ import app as training

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md"))
    if "results" not in page.parts[:-1] or page.name == "README.md"
)
ROOTS = (ROOT, ROOT / "realtime_mer", ROOT / "training", ROOT / "docs", ROOT / "scripts")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Return the names by which the headings of a page can be pointed at."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{target} is not there"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{target} has no such heading"


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_every_module_that_is_named_exists(page: Path) -> None:
    """By its path from the repository, from a package, or among the examples and tests."""
    names = re.findall(r"`([\w/]+\.(?:py|js|css|typ))`", page.read_text(encoding="utf-8"))
    folders = (*ROOTS, *(path for path in ROOT.glob("tests/**/") if path.is_dir()), page.parent)
    for name in names:
        found = any((folder / name).is_file() for folder in folders)
        beside = any(ROOT.glob(f"realtime_mer/*/{name}")) if "/" not in name else False
        assert found or beside, f"{name} is not there"


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_every_command_that_is_shown_takes_the_options_shown(page: Path) -> None:
    """In lines to type, and in a row of a table or a sentence."""
    text = page.read_text(encoding="utf-8")
    shown = r"(?:^|`|\| )(realtime-mer|python -m training) ([^`\n#|]+)"
    for program, line in re.findall(shown, text, re.MULTILINE):
        command = get_command(app if program == "realtime-mer" else training)
        words = re.split(r"[\s=]+", line.strip())
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        known.add("--help")
        options = {word for word in words if re.fullmatch(r"--[a-z][a-z-]*", word)}
        assert options <= known, f"{program} {line}: {sorted(options - known)}"


def test_every_dependency_is_named_with_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]+) \| [^|]{10,} \|", page, re.MULTILINE)
    named = {normal(name) for cell in cells for name in re.split(r", | (?=\d)", cell)}
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = (
        told["project"]["dependencies"],
        *told["project"]["optional-dependencies"].values(),
        *told["dependency-groups"].values(),
    )
    wanted = {normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for part in parts for line in part}
    assert wanted - {"realtime-mer"} <= named


def normal(name: str) -> str:
    """Return a package's name as indexes compare them."""
    return re.sub(r"[-_.]+", "-", name).lower()
