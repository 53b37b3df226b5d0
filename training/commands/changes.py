"""``training changes``: how well turns to another song are told, at splices."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Cache, Data, Json, Resamples, loading, print_json


def changes(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows there (JSON).")
    ] = None,
    data: Data = None,
    corpus: Annotated[list[str] | None, typer.Option(help="Only of this corpus.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds; the first one is not judged.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 1,
    most: Annotated[int | None, typer.Option(min=1, help="Splices of a fold at most.")] = None,
    resamples: Resamples = 1000,
    cache_folder: Cache = None,
    as_json: Json = False,
) -> None:
    """Judge when an estimate says that the music turns, on songs spliced to one another.

    It needs no run: what tells it is no network.
    """
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        from realtime_mer.features.config import FeatureConfig

        from ..corpora.splits import draw_split
        from ..features import cache
        from ..files import write_json
        from ..judge.changes import changes as judge
    clips = read_clips(root, corpus or [])
    config = FeatureConfig()
    features = cache.feature_store(clips, config, cache_folder or cache.cache_folder())
    split = draw_split(clips, folds=folds, seed=seed)
    rows = judge(clips, features, config, split, most=most, resamples=resamples)
    if out is not None:
        write_json(out, {"rows": rows})
    print_json({"rows": rows}) if as_json else _show(rows)


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("splices", "by", "figure", "value", "95 %")
    for one in rows:
        bounds = f"{one['low']:.2f} … {one['high']:.2f}" if "low" in one else "computed"
        value = "-" if one["value"] is None else f"{one['value']:.2f}"
        table.add_row(one["splices"], one["by"], one["metric"], value, bounds)
    Console().print(table)
