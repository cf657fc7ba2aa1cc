"""Records of attributes are those of Formats/golden/attributes; the section there is read by Formats/attributes.md alone."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import FORMATS
from vecd import BadInput, ErrorCode, VecdError
from vecd import protocol as p
from vecd.attributes import Attribute, AttributeType, as_attributes, decode_record, described, encode_record, encode_records
from vecd.records import Record, read_records
from vecd.wire import Reader

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


@pytest.mark.parametrize("values, payload, record", list(rows()))
def test_golden_records_are_read(values, payload, record):
    found, own = decode_record(record, ATTRIBUTES)
    right = {name: sorted(set(value)) if isinstance(value, list) else value for name, value in values.items()}
    assert (found, own) == (right, payload) and [type(found[name]) for name in right] == [
        float if name == "x" else type(value) for name, value in right.items()]


def test_records_stand_one_after_the_other():
    golden = list(rows())
    joined = encode_records([row[0] for row in golden], ATTRIBUTES, [row[1] for row in golden])
    assert joined == b"".join(row[2] for row in golden)
    reader = Reader(joined)
    assert [record.encode() for record in read_records(reader, len(golden), "x")] == [row[2] for row in golden]
    reader.end("x")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
VALUES = st.fixed_dictionaries({}, optional={
    "n": st.integers(-(2**63), 2**63 - 1), "x": st.floats(allow_nan=False, allow_infinity=False), "live": st.booleans(),
    "brand": TEXTS, "tags": st.sets(TEXTS, max_size=8), "late": st.integers(-9, 9),
})


@given(VALUES, st.binary(max_size=40))
def test_what_is_encoded_is_decoded(values, payload):
    record = encode_record(values, ATTRIBUTES, payload)
    found, own = decode_record(record, ATTRIBUTES)
    assert own == payload and found == {
        name: sorted(value, key=str.encode) if isinstance(value, set) else value for name, value in values.items()}
    assert encode_record(found, ATTRIBUTES, own) == record
    for length in range(len(record)):
        assert refusal(record[:length])
    assert refusal(record + b"\0")


@given(st.binary(max_size=80))
def test_random_bytes_are_one_record_or_refused(data):
    try:
        found = read_records(reader := Reader(data), 1, "x")
    except VecdError as error:
        assert error.code is ErrorCode.MALFORMED_FRAME
    else:
        assert found[0].encode() == data[: reader.offset]


def refusal(data: bytes) -> str:
    with pytest.raises(VecdError) as caught:
        decode_record(data, ATTRIBUTES)
    assert caught.value.code is ErrorCode.MALFORMED_FRAME and not isinstance(caught.value, BadInput)
    return caught.value.message


@pytest.mark.parametrize("bad, message", [
    ("41", "record: record 0 has 65 values, at most 64 may be"),
    ("01 40 02 01 00000000", "record: record 0 has position 64 after -1: they must ascend and be less than 64"),
    ("02 02 02 01 02 02 01 00000000", "record: record 0 has position 2 after 2: they must ascend and be less than 64"),
    ("01 00 05 01 00000000", "record: record 0 has a value of type 5, expected 0 to 4"),
    ("01 02 02 02 00000000", "record: record 0 has a bool that is 2, must be 0 or 1"),
    ("01 01 01 000000000000f07f 00000000", "record: record 0 has a number that is inf, must be finite"),
    ("01 01 01 000000000000f87f 00000000", "record: record 0 has a number that is nan, must be finite"),
    ("01 03 03 0101", "record: record 0 has a keyword of 257 bytes, at most 256 may be"),
    ("01 03 03 0100 ff 00000000", "record: record 0 has a keyword that is not UTF-8: invalid start byte"),
    ("01 04 04 41", "record: record 0 has 65 keywords, at most 64 may be"),
    ("01 04 04 02 0100 62 0100 61 00000000", "record: record 0 has keywords that do not ascend"),
    ("01 04 04 02 0100 61 0100 61 00000000", "record: record 0 has keywords that do not ascend"),
    ("00 01000100", "record: record 0 has a payload of 65537 bytes, at most 65536 may be"),
    ("00 01000000", "record: record 0 of 1 goes beyond the end"),
    ("01 00 02 01 00000000", "a record has a value of type bool at position 0, the attribute there is int"),
    ("01 07 02 01 00000000", "a record has a value of type bool at position 7, the attribute there is none"),
])
def test_bytes_that_break_the_page_are_refused(bad, message):
    assert refusal(bytes.fromhex(bad)) == message


def test_definitions_come_from_mappings_sequences_and_descriptions():
    right = [Attribute("price", AttributeType.FLOAT), Attribute("tags", AttributeType.KEYWORDS)]
    assert as_attributes({"price": "float", "tags": AttributeType.KEYWORDS}) == right
    assert as_attributes(iter(right)) == right and Attribute("price", "float") == right[0]
    named = [p.AttributeDefinition(own.name, own.type) for own in right]
    reply = p.DescribeReply(2, p.Metric.IP, named)
    assert described(reply) == right
    # What a newer daemon tells besides is skipped.
    assert p.DescribeReply.decode(reply.encode() + bytes.fromhex("0900 01000000 2a")) == reply
    with pytest.raises(VecdError) as caught:
        described(p.DescribeReply(2, p.Metric.IP, [p.AttributeDefinition("A", AttributeType.INT)]))
    assert caught.value.code is ErrorCode.MALFORMED_FRAME
    for wrong, message in (
        ({"price": "double"}, "the type of 'price' is 'double', expected one of int, float, bool, keyword, keywords"),
        ([*right, right[0]], 'attribute "price" comes twice'),
        (["price"], "attribute 0 is \"'price'\", expected a vecd.Attribute, or all of them as a mapping of names to types"),
        ({"A": "int"}, 'attribute name "A": use 1 to 64 of a-z 0-9 _, not starting with a digit'),
        ({7: "int"}, 'attribute name "7" is no text'),
        ({f"a{i}": "int" for i in range(65)}, "there are 65 attributes, at most 64 may be"),
    ):
        with pytest.raises(BadInput) as caught:
            as_attributes(wrong)
        assert caught.value.message == message


def test_a_record_without_values_is_five_bytes():
    assert Record(()).encode() == encode_record({"n": None}, ATTRIBUTES) == bytes(5)


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
    golden = [values for values, _, _ in rows()]
    assert len(found) == len(golden)
    for mine, right in zip(found, golden):
        assert encode_record(mine, ATTRIBUTES) == encode_record(right, ATTRIBUTES)


def expected_order(values: list[dict]) -> list[tuple[int, list[int], list[int]]]:
    """Position, starts and entries of each order, by the page alone."""
    found = []
    for position, attribute in enumerate(ATTRIBUTES):
        have = [(row, value[attribute.name]) for row, value in enumerate(values) if attribute.name in value]
        starts: list[int] = []
        if attribute.type in (AttributeType.INT, AttributeType.FLOAT):
            # -0 below +0, which are equal for Python.
            entries = [row for row, value in sorted(have, key=lambda one: (one[1], math.copysign(1, one[1]), one[0]))]
            if attribute.type == AttributeType.INT and len({value for _, value in have}) < 2:
                continue
        elif attribute.type == AttributeType.BOOL:
            continue
        else:
            lists: dict[bytes, list[int]] = {}
            for row, value in have:
                for word in [value] if isinstance(value, str) else value:
                    lists.setdefault(word.encode(), []).append(row)
            kept = [rows if 16 * len(rows) <= len(values) else [] for _, rows in sorted(lists.items())]
            starts = [sum(map(len, kept[:code])) for code in range(len(kept) + 1)]
            entries = [row for rows in kept for row in rows]
        if entries:
            found.append((position, starts, entries))
    return found


def test_golden_value_order():
    raw = (FOLDER / "value-order.bin").read_bytes()
    numbers = struct.unpack(f"<{len(raw) // 4}I", raw)
    values = Section((FOLDER / "columns.bin").read_bytes()).rows()
    expected = expected_order(values)
    assert raw[:4] == b"ORDR" and struct.unpack("<HH", raw[4:8]) == (1, len(expected)) and numbers[2:4] == (len(values), 0)
    at = 4 + 4 * len(expected)
    for place, (position, starts, entries) in enumerate(expected):
        entry = numbers[4 + 4 * place:8 + 4 * place]
        assert entry == (position, len(starts), len(entries), 0)
        assert list(numbers[at:at + len(starts) + len(entries)]) == starts + entries, ATTRIBUTES[position].name
        at += len(starts) + len(entries)
    assert at == len(numbers)
