"""``training corpora``: which corpora lie there."""

from rich.console import Console

from ..corpora import data_root
from ..corpora.listing import survey, tables
from .options import Data, Json, print_json


def corpora(data: Data = None, as_json: Json = False) -> None:
    """List the corpora that are found, with counts, hours, labels, licences and what is missing."""
    with Console(stderr=True).status("counting"):
        content = survey(data_root(data))
    if as_json:
        print_json(content)
        return
    for table in tables(content):
        Console().print(table)
