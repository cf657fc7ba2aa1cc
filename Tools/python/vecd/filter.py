"""Filters: which items may be results. Text and wire form are those of Formats/filter.md, which also says what they mean.

    from vecd.filter import parse
    parse('category = "sports" and price < 20').encode()      # the bytes a search request carries
    parse('tags has any ("live", "hd") or missing(rating)')
    parse('price << 20')                                      # FilterError: filter, column 8: expected a number, ...

A condition on an attribute that the item has no value for is false, and `not` turns true and false around: `a != 1` asks
for items that have another value, `not a = 1` for all that do not have this one.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, Union

from .errors import BadInput, ErrorCode

VERSION = 1
TEXT_BYTES = 524_288
BYTES = 65_536
DEPTH = 32
NODES = 1_024
VALUES = 4_096
STRING_BYTES = 256
NAME_BYTES = 64

WORDS = frozenset(
    "all and any between exists false has in is like missing none not null or true".split()
)
COMPARISONS = {"=": 5, "!=": 6, "<": 7, "<=": 8, ">": 9, ">=": 10}

Value = Union[int, float, bool, str]
T = TypeVar("T")


class FilterError(BadInput):
    """A text that is no filter. `column` counts characters from 1; `caret` shows the place in two lines."""

    def __init__(self, text: str, column: int, what: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> None:
        super().__init__(code, f"filter, column {column}: {what}")
        self.text, self.column, self.what = text, column, what

    @property
    def caret(self) -> str:
        shown = "".join(" " if ord(c) < 0x20 or ord(c) == 0x7F else c for c in self.text)
        at = min(self.column - 1, len(shown))
        first = max(0, at - 60)
        line = ("…" if first else "") + shown[first : at + 20] + ("…" if at + 20 < len(shown) else "")
        return line + "\n" + " " * (at - first + (1 if first else 0)) + "^"

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.text, self.column, self.what, self.code))


class Filter:
    """A condition on the attributes of items. `parse` makes it from text; `encode` gives its wire form."""

    def encode(self) -> bytes:
        """Version and nodes, at most 65,536 bytes when it came from `parse`."""
        out = bytearray([VERSION])
        self.write(out)
        return bytes(out)

    def write(self, out: bytearray) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class And(Filter):
    parts: tuple[Filter, ...]

    def write(self, out: bytearray) -> None:
        _write_parts(1, self.parts, out)


@dataclass(frozen=True)
class Or(Filter):
    parts: tuple[Filter, ...]

    def write(self, out: bytearray) -> None:
        _write_parts(2, self.parts, out)


@dataclass(frozen=True)
class Not(Filter):
    part: Filter

    def write(self, out: bytearray) -> None:
        out.append(3)
        self.part.write(out)


@dataclass(frozen=True)
class Exists(Filter):
    name: str

    def write(self, out: bytearray) -> None:
        _write_name(4, self.name, out)


@dataclass(frozen=True)
class Compare(Filter):
    """`comparison` is one of = != < <= > >=."""

    name: str
    comparison: str
    value: Value

    def write(self, out: bytearray) -> None:
        _write_name(COMPARISONS[self.comparison], self.name, out)
        _write_value(self.value, out)


@dataclass(frozen=True)
class In(Filter):
    """The value equals one of these; negated: there is a value, and it equals none of these."""

    name: str
    values: tuple[Value, ...]
    negated: bool = False

    def write(self, out: bytearray) -> None:
        _write_name(12 if self.negated else 11, self.name, out)
        out += struct.pack("<H", len(self.values))
        for value in self.values:
            _write_value(value, out)


@dataclass(frozen=True)
class Has(Filter):
    """One of these is in the item's set of keywords; `every`: each of them is."""

    name: str
    keywords: tuple[str, ...]
    every: bool = False

    def write(self, out: bytearray) -> None:
        _write_name(14 if self.every else 13, self.name, out)
        out += struct.pack("<H", len(self.keywords))
        for keyword in self.keywords:
            _write_string(keyword, out)


def _write_parts(op: int, parts: tuple[Filter, ...], out: bytearray) -> None:
    out += struct.pack("<BH", op, len(parts))
    for part in parts:
        part.write(out)


def _write_name(op: int, name: str, out: bytearray) -> None:
    raw = name.encode("ascii")
    out += struct.pack("<BB", op, len(raw)) + raw


def _write_string(text: str, out: bytearray) -> None:
    raw = text.encode("utf-8")
    out += struct.pack("<H", len(raw)) + raw


def _write_value(value: Value, out: bytearray) -> None:
    if isinstance(value, bool):
        out += struct.pack("<BB", 2, value)
    elif isinstance(value, int):
        out += struct.pack("<Bq", 0, value)
    elif isinstance(value, float):
        out += struct.pack("<Bd", 1, value)
    else:
        out.append(3)
        _write_string(value, out)


def parse(text: str) -> Filter:
    """Reads a filter as people write it.

    Raises `FilterError`, whose message names the column and what was expected there.
    """
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise FilterError(text, error.start + 1, "a lone surrogate is no character") from None
    if size > TEXT_BYTES:
        raise FilterError(
            text, 1, f"the filter has {size} bytes, at most {TEXT_BYTES} may be", ErrorCode.LIMIT_EXCEEDED
        )
    found = _Parser(text).filter()
    size = len(found.encode())
    if size > BYTES:
        raise FilterError(
            text, 1, f"the filter has {size} bytes in its wire form, at most {BYTES} may be", ErrorCode.LIMIT_EXCEEDED
        )
    return found


def quoted(text: str) -> str:
    """A caller's text made safe for one line of a message."""
    shown = "".join(f"\\u{{{ord(c):x}}}" if ord(c) < 0x20 or ord(c) == 0x7F else c for c in text[:80])
    return f'"{shown}' + ('…"' if len(text) > 80 else '"')


@dataclass(frozen=True)
class _Token:
    """`kind` is word, name, value, symbol or end; `found` is how messages call it."""

    kind: str
    value: Value
    column: int
    found: str

    def is_(self, kind: str, value: Value) -> bool:
        return self.kind == kind and self.value == value


_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER_TAIL = re.compile(r"[A-Za-z0-9_.]*")
_UNICODE = re.compile(r"u\{([0-9A-Fa-f]{1,6})\}")
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
_OTHER_LANGUAGES = {"==": "=", "<>": "!=", "&&": "and", "||": "or"}


class _Lexer:
    """Cuts a text into tokens, one at a time, so the first error of the text is the one that is told."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def next(self) -> _Token:
        self.at = start = _match(_SPACE, self.text, self.at).end()
        if start == len(self.text):
            return _Token("end", "", start + 1, "the end")
        first = self.text[start]
        if first in "\"'":
            return _Token("value", self._string(first), start + 1, "a string")
        value: Value
        if _WORD.match(self.text, start):
            kind, value = self._word()
        elif _NUMBER.match(self.text, start):
            kind, value = "value", self._number()
        else:
            kind, value = "symbol", self._symbol(first)
        return _Token(kind, value, start + 1, quoted(self.text[start : self.at]))

    def error(self, at: int, what: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> FilterError:
        return FilterError(self.text, at + 1, what, code)

    def _word(self) -> tuple[str, str]:
        start = self.at
        word = _match(_WORD, self.text, start).group()
        self.at += len(word)
        if word.lower() in WORDS:
            return "word", word.lower()
        if not _NAME.match(word) or len(word) > NAME_BYTES:
            raise self.error(start, f"{quoted(word)} is no attribute name: use 1 to {NAME_BYTES} of a-z 0-9 _")
        return "name", word

    def _number(self) -> int | float:
        start = self.at
        match = _match(_NUMBER, self.text, start)
        digits = match.group()
        tail = _match(_NUMBER_TAIL, self.text, match.end()).group()
        self.at = match.end() + len(tail)
        if tail:
            raise self.error(start, f"{quoted(digits + tail)} is no number")
        if match.group(1) is None and match.group(2) is None:
            # int() refuses thousands of digits, so the length is judged first.
            short = digits.lstrip("-").lstrip("0")
            value = int(short or "0") * (-1 if digits[0] == "-" else 1) if len(short) < 20 else 1 << 64
            if not -(1 << 63) <= value < 1 << 63:
                raise self.error(start, f"{quoted(digits)} does not fit in 64 bits; with a point it is a number")
            return value
        number = float(digits)
        if math.isinf(number):
            raise self.error(start, f"{quoted(digits)} is too large for a number")
        return number

    def _string(self, quote: str) -> str:
        start = self.at
        out: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == quote:
                self.at += 1
                text = "".join(out)
                size = len(text.encode("utf-8"))
                if size > STRING_BYTES:
                    raise self.error(
                        start, f"a string has {size} bytes, at most {STRING_BYTES} may be", ErrorCode.LIMIT_EXCEEDED
                    )
                return text
            if char == "\\":
                out.append(self._escape())
            else:
                out.append(char)
                self.at += 1
        raise self.error(start, "the string that begins here has no end")

    def _escape(self) -> str:
        start = self.at
        following = self.text[start + 1 : start + 2]
        if following in _PLAIN_ESCAPES:
            self.at += 2
            return _PLAIN_ESCAPES[following]
        match = _UNICODE.match(self.text, start + 1)
        if match:
            scalar = int(match.group(1), 16)
            if scalar < 0xD800 or 0xE000 <= scalar < 0x110000:
                self.at = match.end()
                return chr(scalar)
        raise self.error(start, r"""an escape must be \" \' \\ \n \r \t or \u{...} with a Unicode scalar""")

    def _symbol(self, first: str) -> str:
        start = self.at
        pair = self.text[start : start + 2]
        if pair in ("<=", ">=", "!="):
            self.at += 2
            return pair
        if pair in _OTHER_LANGUAGES:
            raise self.error(start, f"write {_OTHER_LANGUAGES[pair]} instead of {pair}")
        if first not in "()=<>,":
            hint = ": write not instead" if first == "!" else ""
            raise self.error(start, f"nothing can begin with {quoted(first)}{hint}")
        self.at += 1
        return first


def _match(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    match = pattern.match(text, at)
    assert match is not None  # the caller looked, or the pattern matches nothing too
    return match


class _Parser:
    """Recursive descent over the grammar of Formats/filter.md, a method per rule. Parts come with their depth."""

    def __init__(self, text: str) -> None:
        self.text, self.lexer = text, _Lexer(text)
        self.token = self.lexer.next()
        self.nodes = self.nesting = 0

    def filter(self) -> Filter:
        found, _ = self._or()
        if self.token.kind != "end":
            raise self._expected("and, or or the end")
        return found

    def _or(self) -> tuple[Filter, int]:
        return self._chain("or", Or, lambda: self._chain("and", And, self._unary))

    def _chain(
        self, word: str, join: Callable[[tuple[Filter, ...]], Filter], one: Callable[[], tuple[Filter, int]]
    ) -> tuple[Filter, int]:
        column = self.token.column
        first, depth = one()
        if not self.token.is_("word", word):
            return first, depth
        parts = [first]
        self._count_node(column)
        while self.token.is_("word", word):
            self._advance()
            part, more = one()
            parts.append(part)
            depth = max(depth, more)
        return join(tuple(parts)), self._deeper(depth, column)

    def _unary(self) -> tuple[Filter, int]:
        column = self.token.column
        is_not = self.token.is_("word", "not")
        if not is_not and not self.token.is_("symbol", "("):
            return self._condition(), 1
        self.nesting += 1
        if self.nesting > DEPTH:
            raise self._too_deep(column)
        self._advance()
        if is_not:
            self._count_node(column)
            part, depth = self._unary()
            found: tuple[Filter, int] = Not(part), self._deeper(depth, column)
        else:
            found = self._or()
            if not self.token.is_("symbol", ")"):
                raise self._expected("and, or or )")
            self._advance()
        self.nesting -= 1
        return found

    def _condition(self) -> Filter:
        column = self.token.column
        self._count_node(column)
        if self.token.kind == "word" and self.token.value in ("exists", "missing"):
            is_missing = self.token.value == "missing"
            if is_missing:
                self._count_node(column)
            self._advance()
            self._expect("(")
            name = self._name("an attribute name")
            self._expect(")")
            return Not(Exists(name)) if is_missing else Exists(name)
        name = self._name("an attribute name, not, exists, missing or (")
        token = self.token
        if token.kind == "symbol" and token.value in COMPARISONS:
            self._advance()
            return Compare(name, str(token.value), self._value())
        if token.is_("word", "in"):
            self._advance()
            return In(name, self._list(self._value))
        if token.is_("word", "not"):
            self._advance()
            if not self.token.is_("word", "in"):
                raise self._expected("in")
            self._advance()
            return In(name, self._list(self._value), negated=True)
        if token.is_("word", "has"):
            self._advance()
            return self._has(name)
        raise self._expected("=, !=, <, <=, >, >=, in, not in or has")

    def _has(self, name: str) -> Filter:
        every = self.token.is_("word", "all")
        if not every and not self.token.is_("word", "any"):
            return Has(name, (self._string("a string, any or all"),))
        self._advance()
        return Has(name, self._list(lambda: self._string("a string")), every)

    def _list(self, one: Callable[[], T]) -> tuple[T, ...]:
        self._expect("(")
        values = [one()]
        while self.token.is_("symbol", ","):
            if len(values) == VALUES:
                raise self._limit(self.token.column, "the list has more values", VALUES)
            self._advance()
            values.append(one())
        if not self.token.is_("symbol", ")"):
            raise self._expected(", or )")
        self._advance()
        return tuple(values)

    def _value(self) -> Value:
        token = self.token
        value = token.value
        if token.kind == "word" and value in ("true", "false"):
            value = value == "true"
        elif token.kind != "value":
            raise self._expected("a number, a string, true or false")
        self._advance()
        return value

    def _string(self, what: str) -> str:
        value = self.token.value
        if self.token.kind != "value" or not isinstance(value, str):
            raise self._expected(what)
        self._advance()
        return value

    def _name(self, what: str) -> str:
        value = self.token.value
        if self.token.kind != "name":
            raise self._expected(what)
        self._advance()
        return str(value)

    def _expect(self, symbol: str) -> None:
        if not self.token.is_("symbol", symbol):
            raise self._expected(symbol)
        self._advance()

    def _advance(self) -> None:
        self.token = self.lexer.next()

    def _expected(self, what: str) -> FilterError:
        return self.lexer.error(self.token.column - 1, f"expected {what}, found {self.token.found}")

    def _limit(self, column: int, what: str, most: int) -> FilterError:
        return self.lexer.error(column - 1, f"{what}, at most {most} may be", ErrorCode.LIMIT_EXCEEDED)

    def _count_node(self, column: int) -> None:
        self.nodes += 1
        if self.nodes > NODES:
            raise self._limit(column, "the filter has more nodes", NODES)

    def _deeper(self, depth: int, column: int) -> int:
        if depth >= DEPTH:
            raise self._too_deep(column)
        return depth + 1

    def _too_deep(self, column: int) -> FilterError:
        return self.lexer.error(
            column - 1, f"the filter is nested deeper than {DEPTH} levels", ErrorCode.LIMIT_EXCEEDED
        )
