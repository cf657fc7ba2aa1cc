"""Attributes and payloads of items: the record of Formats/attributes.md.

    definitions = [Attribute("price", AttributeType.FLOAT), Attribute("tags", AttributeType.KEYWORDS)]
    record = encode_record({"price": 9.5, "tags": ["live", "hd"]}, definitions, payload=b"{}")
    decode_record(record, definitions)      # ({"price": 9.5, "tags": ["hd", "live"]}, b"{}")
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import choose
from .errors import BadInput, ErrorCode
from .filter import WORDS, quoted
from .protocol import DescribeReply
from .records import (
    ATTRIBUTES, KEYWORD_BYTES, KEYWORDS, PAYLOAD_BYTES, AttributeType, Record, read_records,
)
from .wire import Reader, malformed

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}\Z")


@dataclass(frozen=True)
class Attribute:
    """An attribute of a collection; its type may be given by name. Its place among the others is what records name it by."""

    name: str
    type: AttributeType

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise _bad(f"attribute name {quoted(repr(self.name))} is no text")
        object.__setattr__(self, "type", choose(AttributeType, self.type, f"the type of {self.name!r}"))
        if self.name in WORDS:
            raise _bad(f"attribute name {quoted(self.name)} is a word of the filter language")
        if not _NAME.match(self.name):
            raise _bad(f"attribute name {quoted(self.name)}: use 1 to 64 of a-z 0-9 _, not starting with a digit")


def as_attributes(given: Any) -> list[Attribute]:
    """Definitions from a sequence of `Attribute`, or from a mapping of names to types or names of types, in its order."""
    if isinstance(given, Mapping):
        found = [Attribute(name, kind) for name, kind in given.items()]
    else:
        found = list(given)
    for place, attribute in enumerate(found):
        if not isinstance(attribute, Attribute):
            given = quoted(repr(attribute))
            raise _bad(f"attribute {place} is {given}, expected a vecd.Attribute, or all of them as a mapping of names to types")
        if attribute.name in (other.name for other in found[:place]):
            raise _bad(f"attribute {quoted(attribute.name)} comes twice")
    if len(found) > ATTRIBUTES:
        raise _bad(f"there are {len(found)} attributes, at most {ATTRIBUTES} may be", ErrorCode.LIMIT_EXCEEDED)
    return found


def described(reply: DescribeReply) -> list[Attribute]:
    """The attributes that a daemon's reply to describe names, in the order of their positions."""
    try:
        return [Attribute(own.name, own.type) for own in reply.attributes]
    except BadInput as error:
        raise malformed(f"the daemon's reply to describe has an attribute that cannot be: {error}") from None


def encode_record(values: Mapping[str, Any], attributes: Sequence[Attribute], payload: bytes = b"") -> bytes:
    """The record of one item.

    `values` holds a value for some of the attributes, by name; None is as good as none. An int attribute takes whole
    numbers of 64 bits, a float attribute any finite number, keywords a list or set of texts in any order.

    Raises `BadInput` naming the attribute, its type and what was given.
    """
    return RecordEncoder(attributes).encode(values, payload)


def encode_records(
    rows: Iterable[Mapping[str, Any]], attributes: Sequence[Attribute], payloads: Sequence[bytes] | None = None
) -> bytes:
    """The records of several items, one after the other."""
    encoder = RecordEncoder(attributes)
    return b"".join(
        encoder.encode(row, payloads[number] if payloads is not None else b"") for number, row in enumerate(rows)
    )


def decode_record(data: bytes | memoryview, attributes: Sequence[Attribute]) -> tuple[dict[str, Any], bytes]:
    """The values by name, and the payload, of one record; keywords are lists, ascending. `malformed-frame` for other bytes."""
    reader = Reader(data)
    record = read_records(reader, 1, "record")[0]
    reader.end("record")
    return by_name(record, attributes), record.payload


def by_name(record: Record, attributes: Sequence[Attribute]) -> dict[str, Any]:
    """The values of a record by the names of its collection's attributes."""
    found: dict[str, Any] = {}
    for position, kind, value in record.values:
        if position >= len(attributes) or attributes[position].type is not kind:
            there = attributes[position].type.label if position < len(attributes) else "none"
            raise malformed(f"a record has a value of type {kind.label} at position {position}, the attribute there is {there}")
        found[attributes[position].name] = value
    return found


class RecordEncoder:
    """Makes records of a collection's items; `encode_record` for many of them."""

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self._attributes = attributes
        self._places = {attribute.name: place for place, attribute in enumerate(attributes)}

    def encode(self, values: Mapping[str, Any], payload: bytes = b"", string_id: str | None = None) -> bytes:
        found: list[tuple[int, Any]] = []
        for name, value in values.items():
            place = self._places.get(name)
            if place is None:
                known = ", ".join(self._places) or "none"
                raise _bad(f"there is no attribute {quoted(str(name))}; there are: {known}")
            if value is not None:
                found.append((place, value))
        if len(payload) > PAYLOAD_BYTES:
            raise _bad(
                f"the bytes of a payload is {len(payload)}, must be 0 to {PAYLOAD_BYTES}", ErrorCode.LIMIT_EXCEEDED
            )
        found.sort(key=lambda pair: pair[0])
        own = self._attributes
        checked = tuple((place, own[place].type, _checked(value, own[place])) for place, value in found)
        return Record(checked, payload, string_id).encode()


def _checked(value: Any, attribute: Attribute) -> Any:
    """The value as a record holds it."""
    kind = attribute.type
    is_bool = isinstance(value, (bool, np.bool_))
    if kind is AttributeType.BOOL and is_bool:
        return bool(value)
    if kind is AttributeType.INT and isinstance(value, (int, np.integer)) and not is_bool:
        if not -(1 << 63) <= value < 1 << 63:
            raise _bad(f"attribute {quoted(attribute.name)}: its value is {value}, must fit in 64 bits")
        return int(value)
    if kind is AttributeType.FLOAT and isinstance(value, (int, float, np.integer, np.floating)) and not is_bool:
        number = _exact(value, attribute)
        if not math.isfinite(number):
            raise _bad(f"attribute {quoted(attribute.name)}: its value is {number}, must be finite")
        return number
    if kind is AttributeType.KEYWORD and isinstance(value, str):
        return _keyword(value, attribute)
    if kind is AttributeType.KEYWORDS and isinstance(value, (list, tuple, set, frozenset)):
        texts = list(value)
        if all(isinstance(text, str) for text in texts):
            # By bytes: the order of code points is the order of their UTF-8.
            unique = sorted(set(texts))
            if len(unique) > KEYWORDS:
                raise _bad(
                    f"attribute {quoted(attribute.name)}: its value has {len(unique)} keywords, at most {KEYWORDS} may be"
                )
            return [_keyword(text, attribute) for text in unique]
    given = quoted(repr(value))
    raise _bad(f"attribute {quoted(attribute.name)} is {kind.label}, its value is {given} ({type(value).__name__})")


def _exact(value: Any, attribute: Attribute) -> float:
    """A float attribute takes whole numbers only as they are: one that a binary64 would round is refused."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if isinstance(value, (int, np.integer)) and (math.isinf(number) or int(number) != int(value)):
        raise _bad(f"attribute {quoted(attribute.name)}: its value is {value}, no binary64 holds it exactly")
    return number


def _keyword(text: str, attribute: Attribute) -> str:
    if len(text) <= KEYWORD_BYTES and text.isascii():
        return text
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise _bad(f"attribute {quoted(attribute.name)}: its value {text!a} has a lone surrogate") from None
    if size > KEYWORD_BYTES:
        raise _bad(
            f"attribute {quoted(attribute.name)}: its value has a keyword of {size} bytes, at most {KEYWORD_BYTES} may be"
        )
    return text


def _bad(what: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> BadInput:
    return BadInput(code, what)
