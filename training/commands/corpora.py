"""``training corpora``: which corpora lie there."""

from .options import Data, Json, loading, print_json


def corpora(data: Data = None, as_json: Json = False) -> None:
    """List the corpora that are found, with counts, hours, labels, licences and what is missing."""
    with loading("counting"):
        from rich.console import Console

        from ..corpora import data_root
        from ..corpora.listing import survey, tables

        content = survey(data_root(data))
    if as_json:
        print_json(content)
        return
    for table in tables(content):
        Console().print(table)
