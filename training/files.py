"""Files that are written whole or not at all, and JSON that is read."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a path to write to, which takes the place of ``path`` when all went well."""
    partial = path.with_name(f"{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: the file is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; its folder is not whole") from None
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}; delete it and make it anew") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object; delete it and make it anew")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
