"""A table in a page of documentation, between two comments, that a script fills from its result."""

import re
from pathlib import Path


def write_between(page: Path, name: str, text: str) -> None:
    """Put a text into a page, in the place of the one before.

    Args:
        page: which.
        name: of the comments around it: ``<!-- name -->`` and ``<!-- /name -->``.
        text: Markdown, with a line break at its end.
    """
    begins, ends = f"<!-- {name} -->", f"<!-- /{name} -->"
    before = page.read_text(encoding="utf-8")
    inside = re.compile(f"{begins}\n.*?{ends}", re.DOTALL)
    page.write_text(
        inside.sub(lambda _: f"{begins}\n{text}{ends}", before, count=1), encoding="utf-8"
    )
