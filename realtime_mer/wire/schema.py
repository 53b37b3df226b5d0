"""JSON Schemas of the messages, generated from their types.

``python -m realtime_mer.wire.schema docs/schemas`` writes ``server.schema.json``, what a service
sends, and ``client.schema.json``, what a client sends: for programs in other languages. Like the
protocol they allow fields they do not know.
"""

import json
import sys
from pathlib import Path
from typing import Any

from realtime_mer.estimate import DECIMALS
from realtime_mer.wire.protocol import CLIENT_TYPES, PROTOCOL, SERVER_TYPES, Side, adapters

_NOTE = (
    "Unknown types and unknown fields are to be ignored. Numbers are finite; those of an estimate "
    f"have at most {DECIMALS} decimals."
)

SIDES: tuple[Side, ...] = ("server", "client")


def schema(side: Side) -> dict[str, Any]:
    """Return the JSON Schema, draft 2020-12, of every message that one side sends."""
    types = SERVER_TYPES if side == "server" else CLIENT_TYPES
    checks = adapters(side)
    definitions: dict[str, Any] = {}
    for name, message in types.items():
        found = checks[name].json_schema()["$defs"]
        body = found[message.__name__]
        # A service writes every field; a client may leave out those that have a default.
        required = body["properties"] if side == "server" else body.get("required", [])
        body["required"] = ["type", *required]
        body["properties"] = {"type": {"const": name}, **body["properties"]}
        definitions = {**found, **definitions, message.__name__: body}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What a {side} sends in {PROTOCOL}",
        "description": _NOTE,
        "oneOf": [{"$ref": f"#/$defs/{message.__name__}"} for message in types.values()],
        "$defs": definitions,
    }


def text(side: Side) -> str:
    """Return that schema as its file holds it."""
    return json.dumps(schema(side), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> None:
    """Write the files of both sides."""
    folder.mkdir(parents=True, exist_ok=True)
    for side in SIDES:
        (folder / f"{side}.schema.json").write_text(text(side), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(*sys.argv[1:2]))
