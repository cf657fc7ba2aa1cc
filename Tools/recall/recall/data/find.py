"""Which reader a path needs, told from what lies there."""

from __future__ import annotations

from pathlib import Path

from ..problem import Problem
from .clicks import Clicks
from .globo import hour_files, read_globo
from .movielens import is_movielens, read_movielens
from .table import Columns, read_columns, read_table


def open_clicks(path: str | Path, columns: Columns | None = None) -> Clicks:
    """A folder as its owner publishes it, a folder with clicks.parquet or clicks.csv (and items.*), or one table."""
    place = Path(path)
    if not place.exists():
        raise Problem(f"there is no {place}; give a folder of MovieLens, Globo.com or generated clicks, or a table")
    if place.is_file():
        return read_table(place, columns or Columns())
    if is_movielens(place):
        return read_movielens(place)
    if hour_files(place):
        return read_globo(place)
    for name in ("clicks.parquet", "clicks.csv", "clicks.csv.gz"):
        if (place / name).exists():
            items = next((place / other for other in ("items.parquet", "items.csv") if (place / other).exists()), None)
            return read_table(place / name, columns or _described(items), items)
    raise Problem(
        f"{place} holds none of ratings.dat, ratings.csv (MovieLens), clicks_hour_*.csv (Globo.com), clicks.parquet, clicks.csv"
    )


def _described(items: Path | None) -> Columns:
    """The names that the generator writes, as far as they are there."""
    if items is None:
        return Columns()
    present = read_columns(items, ["item"], ["category", "title", "created", "cover"])
    return Columns(
        item_features=("category",) if "category" in present else (),
        title="title" if "title" in present else None, created="created" if "created" in present else None,
        cover="cover" if "cover" in present else None,
    )
