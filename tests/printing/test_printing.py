"""Whatever a name holds, it is printed as it is, and does nothing to whoever reads it."""

import ast
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.panel import Panel
from rich.table import Table

import realtime_mer
from realtime_mer.printing import lines
from realtime_mer.printing.console import console
from realtime_mer.printing.progress import files_bar
from realtime_mer.wording import literal

PACKAGE = Path(realtime_mer.__file__).parent
PRINTERS = {PACKAGE / "printing" / "lines.py", PACKAGE / "printing" / "console.py"}
MODULES = sorted(set(PACKAGE.rglob("*.py")) - PRINTERS)
NAMES = ("take [out].wav", "a [/rear] b", "[bold]loud", "http://[::1]:8765", ":smile: \\[x]")


def printed(thing: object) -> str:
    file = io.StringIO()
    console(file=file, wrap=True).print(thing, width=200)
    return file.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_markup_in_a_line_a_table_or_its_title(name):
    table = Table(name, title=name, caption=name)
    table.add_row(name)
    assert printed(name) == f"{name}\n"
    assert printed(table).count(name) == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_markup_in_a_bar_of_progress(name):
    file = io.StringIO()
    shown = console(file=file)
    bar = files_bar(shown)
    bar.add_task(name, total=1)
    shown.print(bar.get_renderable())
    assert name in file.getvalue()


def test_what_would_act_on_a_terminal_is_spelt_out():
    name = "a\x1b]0;title\x07b\u202ecod.exe\x9b31m\r"
    shown = r"a\x1b]0;title\x07b\u202ecod.exe\x9b31m\r"
    assert literal(name) == shown
    assert printed(name).strip() == shown
    file = io.StringIO()
    lines.line(name, file=file)
    assert file.getvalue() == shown + "\n"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_ordinary_names_in_any_script_stay_as_they_are(name):
    acting = {*range(0x2028, 0x202F), *range(0x2066, 0x206A)}
    expected = "".join(
        one.encode("unicode_escape").decode() if ord(one) in acting else one for one in name
    )
    assert literal(name) == expected


def bypasses(module: Path) -> list[str]:
    """Return what in a module prints, or makes markup of a text, in a way of its own."""
    found = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        options = {one.arg: one.value for one in node.keywords}
        wrong = (
            called in {"Console", "rich.print", "rich.console.Console", "typer.secho"}
            or called in {"typer.echo", "sys.stdout.write", "sys.stderr.write"}
            or called.endswith((".from_markup", ".print_markup", ".render_str"))
            or (called == "TextColumn" and not is_false(options.get("markup")))
            or (called.endswith(".print") and "markup" in options)
            or (called == "Panel" and not is_constant(options.get("title")))
            or (called == "print" and not is_data(node, options.get("file")))
        )
        if wrong:
            found.append(f"{module.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(node)}")
    return found


def is_false(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def is_constant(value: ast.expr | None) -> bool:
    return value is None or isinstance(value, ast.Constant)


def is_data(node: ast.Call, file: ast.expr | None) -> bool:
    """Whether a ``print`` is of constants, or of JSON, which is ASCII, or goes into a file."""
    into_file = file is not None and not ast.unparse(file).startswith("sys.")
    return into_file or all(
        is_constant(one) or (isinstance(one, ast.Call) and ast.unparse(one.func) == "json.dumps")
        for one in node.args
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_print_of_ours_goes_another_way(module):
    assert bypasses(module) == []


def test_a_print_that_goes_another_way_would_be_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    module = tmp_path / "other.py"
    module.write_text(
        "print(name)\nprint(name, file=sys.stderr)\nConsole(markup=False)\n"
        "TextColumn('x')\nPanel(x, title=name)\nText.from_markup(name)\n"
        "print(json.dumps(name))\nprint(name, file=file)\n"
    )
    assert [one.split(":")[1] for one in bypasses(module)] == ["1", "2", "3", "4", "5", "6"]


def test_a_panel_reads_its_title_as_markup_which_is_why_ours_are_constant():
    assert "[out]" not in printed(Panel("x", title="take [out]"))
