"""Filters: text and wire form are those of Formats/golden/filter, which the Swift parser is held to as well."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import FORMATS
from filters import random_filter
from vecd import BadInput, VecdError
from vecd.errors import ErrorCode
from vecd.filter import And, Compare, Exists, FilterError, Has, In, Not, Or, parse
from vecd.filter_bytes import decode

GOLDEN = FORMATS / "golden" / "filter" / "v1" / "filters.tsv"


def cases():
    """The text is a JSON string, or a list of pieces and how often each stands there."""
    lines = GOLDEN.read_text("utf-8").split("\n")
    assert lines[0] == "text\tresult\tbytes or message" and lines[-1] == ""
    for number, line in enumerate(lines[1:-1], 2):
        text, result, rest = line.split("\t")
        pieces = json.loads(text)
        whole = pieces if isinstance(pieces, str) else "".join(piece * times for piece, times in pieces)
        yield pytest.param(whole, result, rest, id=f"line-{number}")


@pytest.mark.parametrize("text, result, rest", list(cases()))
def test_golden(text, result, rest):
    if result == "filter":
        found = parse(text)
        assert found.encode().hex() == rest
        assert decode(bytes.fromhex(rest)) == found
        return
    label, column = result.split("@")
    with pytest.raises(FilterError) as caught:
        parse(text)
    error = caught.value
    assert (error.code.label, error.column, error.what) == (label, int(column), rest)
    assert error.message == f"filter, column {column}: {rest}" and "\n" not in error.message


def test_both_results_are_many():
    results = [case.values[1] for case in cases()]
    assert results.count("filter") >= 60 and len(results) - results.count("filter") >= 80


def test_the_tree():
    price = Compare("price", "<", 20)
    assert parse('category = "sports" and price < 20 and not (region in ("eu", "us"))') == And(
        (Compare("category", "=", "sports"), price, Not(In("region", ("eu", "us"))))
    )
    assert parse("price < 20 or missing(price) and tags has all ('a')") == Or(
        (price, And((Not(Exists("price")), Has("tags", ("a",), every=True))))
    )
    assert parse("a not in (1)") == In("a", (1,), negated=True)


def test_errors_are_bad_input_and_show_the_place():
    with pytest.raises(BadInput) as caught:
        parse("price << 20")
    error = caught.value
    assert error.code is ErrorCode.INVALID_ARGUMENT and error.exit_status == 64
    assert error.caret == "price << 20\n       ^"
    again = pickle.loads(pickle.dumps(error))
    assert (again.text, again.column, str(again)) == (error.text, error.column, str(error))


def test_the_caret_of_a_long_text_stays_within_a_line():
    text = "a = 1 and\n" * 50 + "b ! 2" + " " * 50
    with pytest.raises(FilterError) as caught:
        parse(text)
    line, caret = caught.value.caret.split("\n")
    assert line[caret.index("^")] == "!" and len(line) <= 82 and line[0] == line[-1] == "…"


def test_a_lone_surrogate_is_refused_where_it_stands():
    with pytest.raises(FilterError, match="column 7: a lone surrogate"):
        parse('a = "x\ud800"')


def code_of(data: bytes) -> ErrorCode:
    with pytest.raises(VecdError) as caught:
        decode(data)
    assert caught.value.message.startswith("filter") and "\n" not in caught.value.message
    return caught.value.code


def test_random_filters_are_read_back_and_refused_at_every_length():
    rng = np.random.default_rng(2)
    for _ in range(200):
        condition = random_filter(rng)
        data = condition.encode()
        assert decode(data) == condition and decode(data).encode() == data
        for length in range(len(data)):
            assert code_of(data[:length]) is ErrorCode.MALFORMED_FRAME
        assert code_of(data + b"\0") is ErrorCode.MALFORMED_FRAME


@given(st.binary(max_size=60))
def test_random_bytes_are_one_filter_or_refused(tail):
    try:
        found = decode(b"\1" + tail)
    except VecdError as error:
        assert error.code in (ErrorCode.MALFORMED_FRAME, ErrorCode.LIMIT_EXCEEDED)
    else:
        assert found.encode() == b"\1" + tail


N = b"\4\1n"  # exists(n)


@pytest.mark.parametrize("data, code", [
    (b"\0" + N, "not-available"), (b"\2" + N, "not-available"), (b"\1\0", "malformed-frame"), (b"\1\17\1n", "malformed-frame"),
    (b"\1\1\0\0", "malformed-frame"), (b"\1\1\1\0" + N, "malformed-frame"), (b"\1\4\0", "malformed-frame"),
    (b"\1\4\1N", "malformed-frame"), (b"\1\4\4null", "malformed-frame"), (b"\1\4\101" + b"n" * 65, "malformed-frame"),
    (b"\1\13\1n\0\0", "malformed-frame"), (b"\1\5\1n\2\2", "malformed-frame"), (b"\1\5\1n\4\0", "malformed-frame"),
    (b"\1\5\1n\1" + np.float64("inf").tobytes(), "malformed-frame"), (b"\1\5\1n\3\1\0\xff", "malformed-frame"),
    (b"\1\5\1n\3\1\1" + b"a" * 257, "limit-exceeded"), (b"\1\13\1n\1\20" + b"\2\0" * 4097, "limit-exceeded"),
    (b"\1" + b"\3" * 31 + N, None), (b"\1" + b"\3" * 32 + N, "limit-exceeded"),
    (b"\1\1\377\3" + N * 1023, None), (b"\1\1\0\4" + N * 1024, "limit-exceeded"), (b"\1" + N + bytes(65_536), "limit-exceeded"),
])
def test_bytes_at_and_beyond_the_limits(data, code):
    if code is None:
        assert decode(data).encode() == data
    else:
        assert code_of(data).label == code
