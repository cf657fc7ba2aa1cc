"""Attributes and payloads as callers hand them in, and softmax."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vecd import Attribute, BadInput, ErrorCode, Index, SearchResult
from vecd.attributes import decode_record
from vecd.rows import RowData, as_payload, cuts

ATTRIBUTES = [Attribute("n", "int"), Attribute("x", "float"), Attribute("tags", "keywords"), Attribute("brand", "keyword")]


def read(attributes, payloads, count, first_row=0):
    data = RowData(attributes, payloads, count, ATTRIBUTES, first_row)
    middle = count // 2
    return [decode_record(record, ATTRIBUTES) for record in data.records(0, middle) + data.records(middle, count)]


def test_rows_and_columns_say_the_same():
    right = [({"n": 1, "tags": ["a", "b"]}, b""), ({}, b""), ({"n": 3, "x": 0.5}, b"")]
    assert read([{"n": 1, "tags": ["b", "a"]}, None, {"n": 3, "x": 0.5, "brand": None}], None, 3) == right
    columns = {"n": [1, None, 3], "x": (None, None, 0.5), "tags": [{"a", "b"}, None, None], "brand": None}
    assert read(columns, None, 3) == right
    assert read(iter([{"n": 1}]), None, 1) == [({"n": 1}, b"")]
    assert read({}, None, 2) == read([{}, {}], None, 2) == [({}, b"")] * 2
    assert read([], [], 0) == []


def test_columns_may_be_numpy_arrays():
    columns = {
        "n": np.ma.masked_array([1, 2], [False, True]), "x": np.array([0.5, -0.25], np.float16),
        "brand": np.array(["a", "bc"]), "tags": np.array([["a", "b"], ["b", "c"]])}
    assert read(columns, np.array([b"x", b"yz"], object), 2) == [
        ({"n": 1, "x": 0.5, "tags": ["a", "b"], "brand": "a"}, b"x"), ({"x": -0.25, "tags": ["b", "c"], "brand": "bc"}, b"yz")]


def test_payloads_are_bytes_texts_and_json():
    given_ = [b"\xff", bytearray(b"a"), "é", {"a": [1, None, "é"]}, 5, None, ""]
    assert [payload for _, payload in read(None, given_, 7)] == [
        b"\xff", b"a", b"\xc3\xa9", '{"a":[1,null,"é"]}'.encode(), b"5", b"", b""]
    for wrong in (float("nan"), object(), {"a": b""}, "\ud800", {"a": "\ud800"}):
        with pytest.raises(BadInput):
            as_payload(wrong)


@pytest.mark.parametrize("attributes, payloads, message", [
    ([{"n": 1}], None, "attributes holds 1 values for 2 vectors; pass one per row, None for none"),
    ({"n": [1]}, None, 'the column "n" of attributes holds 1 values for 2 vectors; pass one per row, None for none'),
    (None, [b""] * 3, "payloads holds 3 values for 2 vectors; pass one per row, None for none"),
    (None, "ab", "payloads is one str; pass one value per row"),
    ({"brand": "ab"}, None, 'the column "brand" of attributes is one str; pass one value per row'),
    (5, None, "attributes is of type int; pass one value per row"),
    ({"x": np.float32(1)}, None, 'the column "x" of attributes is of type float32; pass one value per row'),
    ({"x": np.array(1.0)}, None, 'the column "x" of attributes has no dimension; pass one value per row'),
    ([{}, 5], None, "row 11: its attributes are of type int, expected a mapping from names to values"),
    ([{}, {"n": 1.5}], None, 'row 11: attribute "n" is int, its value is "1.5" (float)'),
    ({"m": [1, 1]}, None, 'row 10: there is no attribute "m"; there are: n, x, tags, brand'),
    (None, [b"", {"a": float("inf")}], "row 11: its payload cannot be written as JSON"),
])
def test_what_cannot_be_meant_is_named(attributes, payloads, message):
    with pytest.raises(BadInput) as caught:
        read(attributes, payloads, 2, first_row=10)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT and caught.value.message.startswith(message)


def test_a_payload_that_is_too_long_exceeds_the_limit():
    with pytest.raises(BadInput) as caught:
        read(None, [bytes(65_536), bytes(65_537)], 2)
    assert caught.value.code is ErrorCode.LIMIT_EXCEEDED and caught.value.message.startswith("row 1: ")


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 9), st.integers(1, 120))
def test_cuts_cover_all_and_stay_within_both_limits(sizes, rows, limit):
    pieces = list(cuts(sizes, rows, limit))
    assert [place for start, stop in pieces for place in range(start, stop)] == list(range(len(sizes)))
    for (start, stop), following in zip(pieces, [*pieces[1:], None]):
        assert 1 <= stop - start <= rows and (stop - start == 1 or sum(sizes[start:stop]) <= limit)
        if following is not None:
            assert stop - start == rows or sum(sizes[start : stop + 1]) > limit, "a piece could have been longer"


def result(scores: list[list[float]], counts: list[int]) -> SearchResult:
    table = np.array(scores, np.float32)
    return SearchResult(
        np.zeros(table.shape, np.uint64), table, np.zeros(table.shape, np.uint8), np.array(counts), "g", 1, 1, Index.FLAT, 0, 1.0)


@pytest.mark.parametrize("is_distance", [False, True])
@pytest.mark.parametrize("temperature", [0.05, 1, 7.5])
def test_softmax_is_over_the_results_of_each_query(is_distance, temperature):
    rng = np.random.default_rng(3)
    best_first = np.sort(rng.standard_normal((5, 20)) * 3, axis=1)[:, :: 1 if is_distance else -1].astype(np.float32)
    found = result(best_first.tolist(), [20, 7, 1, 0, 20])
    found.scores[~found.mask] = np.nan
    before = found.scores.copy()
    shares = found.softmax(temperature)
    np.testing.assert_array_equal(found.scores, before)
    assert shares.dtype == np.float32 and shares.shape == (5, 20) and (shares[~found.mask] == 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), [1, 1, 1, 0, 1], atol=1e-6)
    for row, count in enumerate(found.counts):
        logits = (-1 if is_distance else 1) * best_first[row, :count].astype(np.float64) / temperature
        right = np.exp(logits - logits.max(initial=-np.inf))
        np.testing.assert_allclose(shares[row, :count], right / max(right.sum(), 1e-300), rtol=1e-5, atol=1e-12)


def test_softmax_at_the_ends():
    wide = result([[3e38, 3e38, -3e38]], [3])
    np.testing.assert_array_equal(wide.softmax(1e-300), np.array([[0.5, 0.5, 0]], np.float32))
    assert result([[0.0] * 3] * 2, [0, 0]).softmax().tolist() == [[0, 0, 0]] * 2
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="temperature"):
            wide.softmax(wrong)
