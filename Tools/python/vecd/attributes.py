"""Attributes and payloads of items: the record of Formats/attributes.md.

    definitions = [Attribute("price", AttributeType.FLOAT), Attribute("tags", AttributeType.KEYWORDS)]
    encode_record({"price": 9.5, "tags": ["live", "hd"]}, definitions, payload=b"{}")
    encode_records([{"price": 1}, {}], definitions)           # one record after the other, as frames hold them
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from .errors import BadInput, ErrorCode
from .filter import WORDS, quoted

ATTRIBUTES = 64
KEYWORD_BYTES = 256
KEYWORDS = 64
PAYLOAD_BYTES = 65_536

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}\Z")


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


@dataclass(frozen=True)
class Attribute:
    """An attribute of a collection. Its place among the collection's attributes is what records name it by."""

    name: str
    type: AttributeType

    def __post_init__(self) -> None:
        if self.name in WORDS:
            raise _bad(f"attribute name {quoted(self.name)} is a word of the filter language")
        if not _NAME.match(self.name):
            raise _bad(f"attribute name {quoted(self.name)}: use 1 to 64 of a-z 0-9 _, not starting with a digit")


def encode_record(values: Mapping[str, Any], attributes: Sequence[Attribute], payload: bytes = b"") -> bytes:
    """The record of one item.

    `values` holds a value for some of the attributes, by name; None is as good as none. An int attribute takes whole
    numbers of 64 bits, a float attribute any finite number, keywords a list or set of texts in any order.

    Raises `BadInput` naming the attribute, its type and what was given.
    """
    places = {attribute.name: place for place, attribute in enumerate(attributes)}
    found: list[tuple[int, Any]] = []
    for name, value in values.items():
        if name not in places:
            known = ", ".join(places) or "none"
            raise _bad(f"there is no attribute {quoted(name)}; there are: {known}")
        if value is not None:
            found.append((places[name], value))
    if len(payload) > PAYLOAD_BYTES:
        raise _bad(
            f"the bytes of a payload is {len(payload)}, must be 0 to {PAYLOAD_BYTES}", ErrorCode.LIMIT_EXCEEDED
        )
    out = bytearray([len(found)])
    for place, value in sorted(found, key=lambda pair: pair[0]):
        out += struct.pack("<BB", place, attributes[place].type)
        out += _encode(value, attributes[place])
    return bytes(out) + struct.pack("<I", len(payload)) + payload


def encode_records(
    rows: Iterable[Mapping[str, Any]], attributes: Sequence[Attribute], payloads: Sequence[bytes] | None = None
) -> bytes:
    """The records of several items, one after the other."""
    return b"".join(
        encode_record(row, attributes, payloads[place] if payloads is not None else b"") for place, row in enumerate(rows)
    )


def _encode(value: Any, attribute: Attribute) -> bytes:
    kind = attribute.type
    is_bool = isinstance(value, (bool, np.bool_))
    if kind is AttributeType.BOOL and is_bool:
        return struct.pack("<B", bool(value))
    if kind is AttributeType.INT and isinstance(value, (int, np.integer)) and not is_bool:
        if not -(1 << 63) <= value < 1 << 63:
            raise _bad(f"attribute {quoted(attribute.name)}: its value is {value}, must fit in 64 bits")
        return struct.pack("<q", int(value))
    if kind is AttributeType.FLOAT and isinstance(value, (int, float, np.integer, np.floating)) and not is_bool:
        number = _exact(value, attribute)
        if not math.isfinite(number):
            raise _bad(f"attribute {quoted(attribute.name)}: its value is {number}, must be finite")
        return struct.pack("<d", number)
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
            return struct.pack("<B", len(unique)) + b"".join(_keyword(text, attribute) for text in unique)
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


def _keyword(text: str, attribute: Attribute) -> bytes:
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        raise _bad(f"attribute {quoted(attribute.name)}: its value {text!a} has a lone surrogate") from None
    if len(raw) > KEYWORD_BYTES:
        raise _bad(
            f"attribute {quoted(attribute.name)}: its value has a keyword of {len(raw)} bytes, at most {KEYWORD_BYTES} may be"
        )
    return struct.pack("<H", len(raw)) + raw


def _bad(what: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> BadInput:
    return BadInput(code, what)
