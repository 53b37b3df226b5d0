"""A report as PDF, set by typst, which brings its fonts along and takes others from the system."""

import json
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import typst

from realtime_mer.sessions.document import Block, Document, Heading, Picture, Shares, Table
from realtime_mer.wording import literal

_FONT = "Libertinus Serif"  # comes with typst


def to_pdf(document: Document) -> bytes:
    """Return the PDF; no file but those of fonts is read or written."""
    blocks = [_block(block, first=not i) for i, block in enumerate(document.blocks)]
    report = json.dumps(_literal({"title": document.title, "blocks": blocks}), allow_nan=False)
    template = files("realtime_mer.sessions").joinpath("report.typ").read_bytes()
    return typst.compile(template, sys_inputs={"report": report})


def _literal(value: Any) -> Any:
    """Spell out what acts on the reader in every text, since names come from outside."""
    match value:
        case str():
            return literal(value)
        case dict():
            return {key: _literal(one) for key, one in value.items()}
        case list() | tuple():
            return [_literal(one) for one in value]
    return value


def _block(block: Block, *, first: bool) -> dict[str, Any]:
    values = {"kind": type(block).__name__.lower(), **asdict(block)}
    match block:
        case Heading():
            values["first"] = first
        case Table():
            values["wide"] = len(block.head) - block.numbers - 1
        case Shares():
            for row in values["rows"]:
                row["percent"] = f"{row['part']:.0%}"
        case Picture():
            start = f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{_FONT}"'
            values["svg"] = block.svg.replace("<svg", start, 1)
    return values
