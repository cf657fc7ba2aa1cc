"""Filters: text and wire form are those of Formats/golden/filter, which the Swift parser is held to as well."""

import json
import pickle

import pytest

from conftest import FORMATS
from vecd import BadInput
from vecd.errors import ErrorCode
from vecd.filter import And, Compare, Exists, FilterError, Has, In, Not, Or, parse

GOLDEN = FORMATS / "golden" / "filter" / "v1" / "filters.tsv"


def cases():
    """The text is a JSON string, or a list of pieces and how often each stands there."""
    lines = GOLDEN.read_text("utf-8").split("\n")
    assert lines[0] == "text\tresult\tbytes or message" and lines[-1] == ""
    for number, line in enumerate(lines[1:-1], 2):
        text, result, rest = line.split("\t")
        given = json.loads(text)
        yield pytest.param(given if isinstance(given, str) else "".join(a * n for a, n in given), result, rest, id=f"line-{number}")


@pytest.mark.parametrize("text, result, rest", list(cases()))
def test_golden(text, result, rest):
    if result == "filter":
        assert parse(text).encode().hex() == rest
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
