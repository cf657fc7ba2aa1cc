"""The bytes of a record of Formats/attributes.md: positions and types, no names. `attributes` puts names to them."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .wire import Limits, Reader, malformed

ATTRIBUTES = 64
KEYWORD_BYTES = 256
KEYWORDS = 64
PAYLOAD_BYTES = 65_536

_STRING_ID = 0x80  # of the count: a string id follows
_CONTROLS = frozenset((*range(0x20), 0x7F))

_U16, _U32, _I64, _F64 = (struct.Struct("<" + code) for code in "HIqd")

# What comes before the bytes of a string id in a record without values, by their number; and what comes after them.
_HEADS = [bytes([_STRING_ID]) + _U16.pack(length) for length in range(Limits.STRING_ID_BYTES + 1)]
_NO_PAYLOAD = _U32.pack(0)


class AttributeType(IntEnum):
    INT = 0
    FLOAT = 1
    BOOL = 2
    KEYWORD = 3
    KEYWORDS = 4

    @property
    def label(self) -> str:
        """The name of the command line, e.g. `keyword`."""
        return self.name.lower()


_TYPES = tuple(AttributeType)


@dataclass(slots=True)  # frozen ones take twice as long to make, and a search may bring very many
class Record:
    """One item's record as read: (position, type, value) for each value it has, positions ascending. Keywords are lists."""

    values: tuple[tuple[int, AttributeType, Any], ...]
    payload: bytes = b""
    string_id: str | None = None

    def encode(self) -> bytes:
        if self.string_id is None:
            out = bytearray([len(self.values)])
        else:
            raw = self.string_id.encode("utf-8")
            out = bytearray([len(self.values) | _STRING_ID]) + _U16.pack(len(raw)) + raw
        for position, kind, value in self.values:
            out += struct.pack("<BB", position, kind)
            out += _pack(value, kind)
        return bytes(out) + struct.pack("<I", len(self.payload)) + self.payload


def string_id_records(texts: Iterable[str]) -> list[bytes]:
    """The record of each of some items that have a string id and nothing else."""
    return [_HEADS[len(raw)] + raw + _NO_PAYLOAD for raw in map(str.encode, texts)]


def _pack(value: Any, kind: AttributeType) -> bytes:
    if kind is AttributeType.INT:
        return _I64.pack(value)
    if kind is AttributeType.FLOAT:
        return _F64.pack(value)
    if kind is AttributeType.BOOL:
        return b"\1" if value else b"\0"
    if kind is AttributeType.KEYWORD:
        raw = value.encode("utf-8")
        return _U16.pack(len(raw)) + raw
    return bytes([len(value)]) + b"".join(_pack(keyword, AttributeType.KEYWORD) for keyword in value)


def read_records(reader: Reader, count: int, name: str) -> list[Record]:
    """The next records of bytes that nobody vouches for; of each everything is checked that needs no definitions."""
    data, at = reader.data, reader.offset
    records: list[Record] = []
    try:
        for _ in range(count):
            record, at = _read(data, at)
            records.append(record)
    except (struct.error, IndexError):
        raise malformed(f"{name}: record {len(records)} of {count} goes beyond the end") from None
    except UnicodeDecodeError as error:
        raise malformed(f"{name}: record {len(records)} has a keyword that is not UTF-8: {error.reason}") from None
    except ValueError as error:
        raise malformed(f"{name}: record {len(records)} has {error}") from None
    reader.offset = at
    return records


def _read(data: memoryview, at: int) -> tuple[Record, int]:
    """A record and where it ends. IndexError and struct.error: there are too few bytes. ValueError: what is wrong."""
    first, at = data[at], at + 1
    count, string_id = first & ~_STRING_ID, None
    if count > ATTRIBUTES:
        raise ValueError(f"{count} values, at most {ATTRIBUTES} may be")
    if first & _STRING_ID:
        string_id, at = _read_string_id(data, at)
        if not count and data[at : at + 4] == _NO_PAYLOAD:  # very many, where a search asked for string ids alone
            return Record((), b"", string_id), at + 4
    values: list[tuple[int, AttributeType, Any]] = []
    last = -1
    for _ in range(count):
        position, code = data[at], data[at + 1]
        if not last < position < ATTRIBUTES:
            raise ValueError(f"position {position} after {last}: they must ascend and be less than {ATTRIBUTES}")
        if code >= len(_TYPES):
            raise ValueError(f"a value of type {code}, expected 0 to {len(_TYPES) - 1}")
        last = position
        value, at = _read_value(data, at + 2, _TYPES[code])
        values.append((position, _TYPES[code], value))
    length = _U32.unpack_from(data, at)[0]
    if length > PAYLOAD_BYTES:
        raise ValueError(f"a payload of {length} bytes, at most {PAYLOAD_BYTES} may be")
    payload, at = _slice(data, at + 4, length)
    return Record(tuple(values), bytes(payload), string_id), at


def _read_string_id(data: memoryview, at: int) -> tuple[str, int]:
    length = _U16.unpack_from(data, at)[0]
    if not 1 <= length <= Limits.STRING_ID_BYTES:
        raise ValueError(f"a string id of {length} bytes, must have 1 to {Limits.STRING_ID_BYTES}")
    raw, at = _slice(data, at + 2, length)
    try:
        text = str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"a string id that is not UTF-8: {error.reason}") from None
    if not text.isprintable() and not _CONTROLS.isdisjoint(raw):
        raise ValueError("a string id with a control character")
    return text, at


def _read_value(data: memoryview, at: int, kind: AttributeType) -> tuple[Any, int]:
    if kind is AttributeType.INT:
        return _I64.unpack_from(data, at)[0], at + 8
    if kind is AttributeType.FLOAT:
        number = _F64.unpack_from(data, at)[0]
        if not math.isfinite(number):
            raise ValueError(f"a number that is {number}, must be finite")
        return number, at + 8
    if kind is AttributeType.BOOL:
        if data[at] > 1:
            raise ValueError(f"a bool that is {data[at]}, must be 0 or 1")
        return data[at] == 1, at + 1
    if kind is AttributeType.KEYWORD:
        return _read_keyword(data, at)
    count, at = data[at], at + 1
    if count > KEYWORDS:
        raise ValueError(f"{count} keywords, at most {KEYWORDS} may be")
    keywords: list[str] = []
    for _ in range(count):
        keyword, at = _read_keyword(data, at)
        # The order of code points is the order of their UTF-8.
        if keywords and keyword <= keywords[-1]:
            raise ValueError("keywords that do not ascend")
        keywords.append(keyword)
    return keywords, at


def _read_keyword(data: memoryview, at: int) -> tuple[str, int]:
    length = _U16.unpack_from(data, at)[0]
    if length > KEYWORD_BYTES:
        raise ValueError(f"a keyword of {length} bytes, at most {KEYWORD_BYTES} may be")
    raw, at = _slice(data, at + 2, length)
    return str(raw, "utf-8"), at


def _slice(data: memoryview, at: int, length: int) -> tuple[memoryview, int]:
    if at + length > len(data):
        raise IndexError
    return data[at : at + length], at + length
