"""Attributes and payloads as callers hand them in, row by row or column by column, made into records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import bad
from .attributes import Attribute, RecordEncoder
from .errors import BadInput
from .filter import quoted
from .records import string_id_records


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class RowData:
    """What the rows of one call have besides vectors. Encoded piece by piece, so that a large call needs no second copy."""

    def __init__(
        self, attributes: Any, payloads: Any, count: int, definitions: Sequence[Attribute], first_row: int = 0,
        texts: Sequence[str] | None = None,
    ) -> None:
        """attributes: a sequence of mappings, or a mapping of columns; payloads: a sequence; None for none of them.
        first_row: how messages number row 0. texts: the rows' string ids, checked."""
        self._columns = _columns(attributes, count) if isinstance(attributes, Mapping) else None
        self._rows = None if attributes is None or self._columns is not None else _sequence(attributes, "attributes", count)
        self._payloads = None if payloads is None else _sequence(payloads, "payloads", count)
        self._encoder = RecordEncoder(definitions)
        self._first_row = first_row
        self._texts = texts
        self._is_bare = attributes is None and payloads is None

    def records(self, start: int, stop: int) -> list[bytes]:
        """The records of these rows. `BadInput` names the row and the attribute."""
        if self._texts is not None and self._is_bare:
            return string_id_records(self._texts[start:stop])
        texts: Sequence[str | None] = [None] * (stop - start) if self._texts is None else self._texts[start:stop]
        rows = self._mappings(start, stop)
        payloads = [None] * (stop - start) if self._payloads is None else _items(self._payloads[start:stop])
        found: list[bytes] = []
        for number, (row, payload, text) in enumerate(zip(rows, payloads, texts), self._first_row + start):
            try:
                found.append(self._encoder.encode(_mapping(row), as_payload(payload), text))
            except BadInput as error:
                raise bad(f"row {number}: {error.message}", error.code) from None
        return found

    def _mappings(self, start: int, stop: int) -> Sequence[Any]:
        if self._rows is not None:
            return self._rows[start:stop]
        if not self._columns:
            return [{}] * (stop - start)
        columns = [_items(column[start:stop]) for column in self._columns.values()]
        return [dict(zip(self._columns, values)) for values in zip(*columns)]


def as_payload(value: Any) -> bytes:
    """Bytes as they are, a text as UTF-8, None as none, and anything else as compact JSON in UTF-8."""
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    try:
        if not isinstance(value, str):
            value = _JSON.encode(value)
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise bad(f"its payload {quoted(ascii(value))} has a lone surrogate") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise bad(f"its payload cannot be written as JSON ({error}); pass bytes, a text or what JSON has") from None


def cuts(sizes: Sequence[int], rows: int, limit: int) -> Iterator[tuple[int, int]]:
    """Cuts a row of sizes into pieces of at most so many rows and so many bytes; a single row is a piece whatever its size."""
    start = total = 0
    for place, size in enumerate(sizes):
        if place > start and (place - start == rows or total + size > limit):
            yield start, place
            start, total = place, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


def _columns(columns: Mapping[str, Any], count: int) -> dict[str, Sequence[Any]]:
    """Columns by name; one that is None is as good as not given."""
    return {
        name: _sequence(column, f"the column {quoted(str(name))} of attributes", count)
        for name, column in columns.items() if column is not None
    }


def _sequence(values: Any, what: str, count: int) -> Sequence[Any]:
    if isinstance(values, (str, bytes, bytearray, memoryview)):
        raise bad(f"{what} is one {type(values).__name__}; pass one value per row")
    if not isinstance(values, (np.ndarray, list, tuple)):
        try:
            values = list(values)
        except TypeError:
            raise bad(f"{what} is of type {type(values).__name__}; pass one value per row") from None
    if isinstance(values, np.ndarray) and values.ndim == 0:
        raise bad(f"{what} has no dimension; pass one value per row")
    if len(values) != count:
        raise bad(f"{what} holds {len(values)} values for {count} vectors; pass one per row, None for none")
    return values


def _items(values: Sequence[Any]) -> Sequence[Any]:
    """An array as Python's own values; masked ones become None."""
    return values.tolist() if isinstance(values, np.ndarray) else values


def _mapping(row: Any) -> Mapping[str, Any]:
    if row is None:
        return {}
    if not isinstance(row, Mapping):
        raise bad(f"its attributes are of type {type(row).__name__}, expected a mapping from names to values")
    return row
