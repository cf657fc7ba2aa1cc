"""Records of attributes are those of Formats/golden/attributes; the section there is read by Formats/attributes.md alone."""

import json
import struct

import numpy as np
import pytest

from conftest import FORMATS
from vecd import BadInput
from vecd.attributes import Attribute, AttributeType, encode_record, encode_records

FOLDER = FORMATS / "golden" / "attributes" / "v1"
ATTRIBUTES = [
    Attribute("n", AttributeType.INT), Attribute("x", AttributeType.FLOAT), Attribute("live", AttributeType.BOOL),
    Attribute("brand", AttributeType.KEYWORD), Attribute("tags", AttributeType.KEYWORDS), Attribute("late", AttributeType.INT),
]


def rows():
    lines = (FOLDER / "records.tsv").read_text("utf-8").split("\n")
    assert lines[0] == "values\tpayload\trecord" and lines[-1] == ""
    for line in lines[1:-1]:
        values, payload, record = line.split("\t")
        yield json.loads(values), bytes.fromhex(payload), bytes.fromhex(record)


@pytest.mark.parametrize("values, payload, record", list(rows()))
def test_golden_records(values, payload, record):
    assert encode_record(values, ATTRIBUTES, payload) == record


def test_records_stand_one_after_the_other():
    given = list(rows())
    joined = encode_records([row[0] for row in given], ATTRIBUTES, [row[1] for row in given])
    assert joined == b"".join(row[2] for row in given)


def test_numpy_values_sets_and_none():
    values = {"n": np.int32(7), "x": np.float32(0.5), "live": np.True_, "tags": {"b", "a"}, "late": None}
    assert encode_record(values, ATTRIBUTES) == encode_record({"n": 7, "x": 0.5, "live": True, "tags": ["a", "b"]}, ATTRIBUTES)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"m": 1}, 'there is no attribute "m"; there are: n, x, live, brand, tags, late'),
        ({"n": 1.0}, 'attribute "n" is int, its value is "1.0" (float)'),
        ({"n": True}, 'attribute "n" is int, its value is "True" (bool)'),
        ({"n": 1 << 63}, 'attribute "n": its value is 9223372036854775808, must fit in 64 bits'),
        ({"x": "1"}, "attribute \"x\" is float, its value is \"'1'\" (str)"),
        ({"x": float("nan")}, 'attribute "x": its value is nan, must be finite'),
        ({"x": (1 << 53) + 1}, 'attribute "x": its value is 9007199254740993, no binary64 holds it exactly'),
        ({"live": 1}, 'attribute "live" is bool, its value is "1" (int)'),
        ({"brand": "x" * 257}, 'attribute "brand": its value has a keyword of 257 bytes, at most 256 may be'),
        ({"tags": "a"}, "attribute \"tags\" is keywords, its value is \"'a'\" (str)"),
        ({"tags": [str(i) for i in range(65)]}, 'attribute "tags": its value has 65 keywords, at most 64 may be'),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(BadInput) as caught:
        encode_record(values, ATTRIBUTES)
    assert caught.value.message == message


@pytest.mark.parametrize("name", ["", "1a", "A", "a-b", "é", "and", "null", "x" * 65])
def test_bad_names(name):
    with pytest.raises(BadInput):
        Attribute(name, AttributeType.INT)


class Section:
    """A reader of the attributes section, written from its page, for right bytes only."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, layout: str) -> tuple:
        found = struct.unpack_from("<" + layout, self.raw, self.at)
        self.at += struct.calcsize("<" + layout)
        return found

    def numbers(self, width: int, count: int) -> list[int]:
        return [0] * count if width == 0 else list(self.take(f"{count}{ {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}[width] }"))

    def bitmap(self, rows: int) -> list[bool]:
        words = self.take(f"{(rows + 63) // 64}Q")
        return [bool(words[row // 64] >> row % 64 & 1) for row in range(rows)]

    def dictionary(self) -> list[str]:
        (count,) = self.take("I")
        return [self.take(f"{length}s")[0].decode() for length in self.take(f"{count}H")]

    def column(self, kind: int, width: int, rows: int) -> list:
        if kind == AttributeType.INT:
            (base,) = self.take("q")
            return [base + number for number in self.numbers(width, rows)]
        if kind == AttributeType.FLOAT:
            return list(self.take(f"{rows}{ {4: 'f', 8: 'd'}[width] }"))
        if kind == AttributeType.BOOL:
            return self.bitmap(rows)
        words = self.dictionary()
        if kind == AttributeType.KEYWORD:
            return [words[code] for code in self.numbers(width, rows)]
        counts = self.take(f"{rows}B")
        codes = iter(self.numbers(width, sum(counts)))
        return [[words[next(codes)] for _ in range(count)] for count in counts]

    def rows(self) -> list[dict]:
        magic, version, columns, rows, reserved = self.take("4sHHII")
        assert (magic, version, reserved) == (b"ATTR", 1, 0)
        found: list[dict] = [{} for _ in range(rows)]
        for position, kind, has_presence, width, zero, length in [self.take("BBBBIQ") for _ in range(columns)]:
            end = self.at + length
            present = self.bitmap(rows) if has_presence else [True] * rows
            values = self.column(kind, width, rows)
            assert zero == 0 and self.at == end
            for row in range(rows):
                if present[row]:
                    found[row][ATTRIBUTES[position].name] = values[row]
        assert self.at == len(self.raw)
        return found


def test_golden_section():
    found = Section((FOLDER / "columns.bin").read_bytes()).rows()
    given = [values for values, _, _ in rows()]
    assert len(found) == len(given)
    for mine, right in zip(found, given):
        assert encode_record(mine, ATTRIBUTES) == encode_record(right, ATTRIBUTES)
