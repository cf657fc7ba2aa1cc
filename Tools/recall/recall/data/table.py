"""Any table of user, item and time, as CSV (with or without .gz) or Parquet, with named columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..problem import Problem
from .clicks import Clicks, Feature


@dataclass(frozen=True)
class Columns:
    """Which column of a table is what. Item columns are looked for in the items table first."""

    user: str = "user"
    item: str = "item"
    time: str = "time"
    user_features: tuple[str, ...] = ()
    item_features: tuple[str, ...] = ()
    title: str | None = None
    created: str | None = None
    cover: str | None = None


def read_csv(path: Path, required: list[str], optional: list[str] | None = None) -> dict[str, np.ndarray]:
    """Columns of a CSV file with a header, by pyarrow (quoting, several cores); numbers stay numbers."""
    import pyarrow
    from pyarrow import csv

    try:
        table = csv.read_csv(path)
    except pyarrow.ArrowInvalid as error:
        if path.stat().st_size == 0 or "Empty CSV file" in str(error):
            return {name: np.empty(0) for name in required}
        raise Problem(f"{path} is not CSV: {str(error).splitlines()[0]}") from None
    return _columns(path, table, required, optional or [])


def read_parquet(path: Path, required: list[str], optional: list[str] | None = None) -> dict[str, np.ndarray]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise Problem(f"{path} is not Parquet: {str(error).splitlines()[0]}") from None
    return _columns(path, table, required, optional or [])


def read_columns(path: Path, required: list[str], optional: list[str] | None = None) -> dict[str, np.ndarray]:
    """By the ending of the name: .parquet, else CSV."""
    if not path.exists():
        raise Problem(f"there is no file {path}")
    return (read_parquet if path.suffix == ".parquet" else read_csv)(path, required, optional)


def _columns(path: Path, table, required: list[str], optional: list[str]) -> dict[str, np.ndarray]:
    missing = [name for name in required if name not in table.column_names]
    if missing:
        raise Problem(f"{path} has no column {missing[0]!r}; it has {', '.join(table.column_names)}")
    wanted = required + [name for name in optional if name in table.column_names]
    out = {}
    for name in wanted:
        column = table.column(name)
        if column.null_count and name in required:
            raise Problem(f"{path}: column {name!r} has {column.null_count} empty fields; remove or fill those rows")
        out[name] = column.to_numpy()
    return out


def read_table(path: Path, columns: Columns = Columns(), items: Path | None = None) -> Clicks:
    """A log, and if given a table of its items (which may hold items that were never clicked).

    Times are seconds, milliseconds or date-times; features, titles and covers of items come from the items table when it has
    them.
    """
    optional = [*columns.user_features, *columns.item_features, *(name for name in (columns.title, columns.cover) if name)]
    log = read_columns(path, [columns.user, columns.item, columns.time], optional)
    catalogue = None
    described: dict[str, np.ndarray] = {}
    if items is not None:
        extra = [*columns.item_features, *(name for name in (columns.title, columns.created, columns.cover) if name)]
        described = read_columns(items, [columns.item], extra)
        catalogue = described[columns.item]
    clicks = Clicks.build(_keys(log[columns.user]), _keys(log[columns.item]), seconds(log[columns.time]),
                          None if catalogue is None else _keys(catalogue))

    def per_item(name: str) -> np.ndarray | None:
        if name in described:
            return _first(clicks.item_ids, _keys(described[columns.item]), described[name])
        return _first(clicks.item_ids, _keys(log[columns.item]), log[name]) if name in log else None

    def per_user(name: str) -> np.ndarray:
        if name not in log:
            raise Problem(f"{path} has no column {name!r} for a user feature")
        # The earliest click of a user is never held out, so its features are known before what is predicted.
        order = np.argsort(seconds(log[columns.time]), kind="stable")
        return _first(clicks.user_ids, _keys(log[columns.user])[order], log[name][order])

    item_features = {}
    for name in columns.item_features:
        values = per_item(name)
        if values is None:
            raise Problem(f"no column {name!r} for an item feature in {items or path}")
        item_features[name] = Feature.of(values)

    def texts(name: str | None) -> np.ndarray | None:
        values = per_item(name) if name else None
        return None if values is None else np.array(["" if value is None else str(value) for value in values], dtype=object)

    created = per_item(columns.created) if columns.created else None
    return replace(
        clicks, item_features=item_features, user_features={name: Feature.of(per_user(name)) for name in columns.user_features},
        titles=texts(columns.title), covers=texts(columns.cover), created=None if created is None else seconds(created),
    )


def seconds(times: np.ndarray) -> np.ndarray:
    """Seconds since 1970 of date-times or of numbers; numbers of 12 digits and more are milliseconds."""
    if times.dtype.kind == "M":
        return times.astype("datetime64[ms]").astype(np.float64) / 1000.0
    if times.dtype.kind == "O":
        try:
            return times.astype("datetime64[ms]").astype(np.float64) / 1000.0
        except (ValueError, TypeError) as error:
            raise Problem(f"a time is neither a number nor a date-time: {error}") from None
    numbers = times.astype(np.float64)
    return numbers / 1000.0 if len(numbers) and np.nanmedian(np.abs(numbers)) >= 1e11 else numbers


def _keys(values: np.ndarray) -> np.ndarray:
    return values.astype(str) if values.dtype.kind == "O" else values


def _first(wanted: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """values of the first row of each wanted key; None where there is none."""
    found, rows = np.unique(keys, return_index=True)
    at = np.minimum(np.searchsorted(found, wanted), len(found) - 1)
    out = np.empty(len(wanted), dtype=object)
    hit = found[at] == wanted
    out[hit] = values[rows[at[hit]]]
    return out
