"""Reads the wire form of filters of Formats/filter.md; `Filter.encode` writes it."""

from __future__ import annotations

import math
import re

from .errors import ErrorCode, VecdError
from .filter import (
    BYTES, COMPARISONS, DEPTH, NODES, STRING_BYTES, VALUES, VERSION, WORDS,
    And, Compare, Exists, Filter, Has, In, Not, Or, Value,
)
from .wire import BOOL, F64, I64, U8, U16, Codec, Reader, Values, malformed

_NAME = re.compile(rb"[a-z_][a-z0-9_]{0,63}\Z")
_SYMBOLS = {op: symbol for symbol, op in COMPARISONS.items()}


def decode(data: bytes | memoryview) -> Filter:
    """The filter of bytes that nobody vouches for. Written again it gives the same bytes."""
    if len(data) > BYTES:
        raise _limit(f"has {len(data)} bytes", BYTES)
    reader = Reader(data)
    version = _number(U8, reader)
    if version != VERSION:
        raise VecdError(ErrorCode.NOT_AVAILABLE, f"filter: version {version} is unknown, expected {VERSION}")
    found = _Nodes(reader).node(1)
    reader.end("filter")
    return found


class FilterBytes(Codec):
    """A filter in a message: its bytes, which are checked when they are read."""

    def encode(self, value: bytes, out: list) -> None:
        out.append(value)

    def decode(self, reader: Reader, name: str, seen: Values) -> bytes:
        data = bytes(reader.take(reader.left, name))
        decode(data)
        return data


class _Nodes:
    def __init__(self, reader: Reader) -> None:
        self.reader, self.count = reader, 0

    def node(self, level: int) -> Filter:
        self.count += 1
        if level > DEPTH:
            raise _limit("is nested deeper", DEPTH)
        if self.count > NODES:
            raise _limit("has more nodes", NODES)
        op = _number(U8, self.reader)
        if op in (1, 2):
            parts = tuple(self.node(level + 1) for _ in range(self._size(2, 0xFFFF)))
            return And(parts) if op == 1 else Or(parts)
        if op == 3:
            return Not(self.node(level + 1))
        if not 4 <= op <= 14:
            raise malformed(f"filter: there is no node {op}, expected 1 to 14")
        name = self._name()
        if op == 4:
            return Exists(name)
        if op in _SYMBOLS:
            return Compare(name, _SYMBOLS[op], self._value())
        size = self._size(1, VALUES)
        if op in (11, 12):
            return In(name, tuple(self._value() for _ in range(size)), op == 12)
        return Has(name, tuple(self._string() for _ in range(size)), op == 14)

    def _size(self, least: int, most: int) -> int:
        size = _number(U16, self.reader)
        if size < least:
            raise malformed(f"filter: a node has {size} parts, at least {least} must be")
        if size > most:
            raise _limit("has a list of more values", most)
        return size

    def _name(self) -> str:
        raw = bytes(self.reader.take(_number(U8, self.reader), "filter: a name"))
        if not _NAME.match(raw) or raw.decode() in WORDS:
            raise malformed(f"filter: {raw[:80]!r} is no attribute name")
        return raw.decode()

    def _value(self) -> Value:
        kind = _number(U8, self.reader)
        if kind == 0:
            return int(_number(I64, self.reader))
        if kind == 1:
            number = _number(F64, self.reader)
            if not math.isfinite(number):
                raise malformed(f"filter: a number is {number}, must be finite")
            return float(number)
        if kind == 2:
            return BOOL.decode(self.reader, "filter: a bool", {})
        if kind == 3:
            return self._string()
        raise malformed(f"filter: there is no value of kind {kind}, expected 0 to 3")

    def _string(self) -> str:
        size = _number(U16, self.reader)
        if size > STRING_BYTES:
            raise _limit(f"has a string of {size} bytes", STRING_BYTES)
        try:
            return str(self.reader.take(size, "filter: a string"), "utf-8")
        except UnicodeDecodeError as error:
            raise malformed(f"filter: a string is not UTF-8: {error.reason} at byte {error.start}") from None


def _number(codec: Codec, reader: Reader) -> int | float:
    return codec.decode(reader, "filter", {})


def _limit(what: str, most: int) -> VecdError:
    return VecdError(ErrorCode.LIMIT_EXCEEDED, f"filter: it {what}, at most {most} may be")
