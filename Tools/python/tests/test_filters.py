"""The model of filters that the daemon is held against is the one of Formats/filter.md."""

import numpy as np
import pytest

from filters import ATTRIBUTES, is_true, random_filter, random_row
from vecd.filter import And, Exists, Has, Not, Or, parse


@pytest.mark.parametrize("text, one, two, missing", [
    ("n = 1", True, False, False), ("n != 1", False, True, False), ("not n = 1", False, True, True),
    ("n in (1)", True, False, False), ("n not in (1)", False, True, False), ("not n in (1)", False, True, True),
    ("n < 2", True, False, False), ("n >= 2", False, True, False), ("exists(n)", True, True, False),
    ("missing(n)", False, False, True),
])
def test_the_table_of_the_page(text, one, two, missing):
    assert [is_true(parse(text), row) for row in ({"n": 1}, {"n": 2}, {})] == [one, two, missing]


def test_sets_numbers_and_keywords():
    for text, row, right in (
        ("exists(tags)", {"tags": []}, True), ('tags has "a"', {"tags": []}, False), ('tags has all ("a")', {"tags": []}, False),
        ('tags has any ("a", "b")', {"tags": ["b"]}, True), ('tags has all ("a", "b")', {"tags": ["b"]}, False),
        ("n < 9007199254740993", {"n": 2**53}, True), ("x < 9007199254740993", {"x": 2.0**53}, True),
        ("x = 0", {"x": -0.0}, True), ("n < 2.5", {"n": 2}, True),
        ('brand > "z"', {"brand": "é"}, True), ('brand < "\u00e9"', {"brand": "z"}, True),
    ):
        assert is_true(parse(text), row) is right, text


def test_random_filters_are_of_every_kind_and_can_be_sent():
    rng = np.random.default_rng(1)
    made = [random_filter(rng) for _ in range(400)]
    assert {type(condition) for condition in made} >= {And, Or, Not, Exists, Has}
    assert len({condition.encode() for condition in made}) > 250
    rows = [random_row(rng) for _ in range(200)]
    assert {name for row in rows for name in row} == set(ATTRIBUTES)
    shares = [np.mean([is_true(condition, row) for row in rows]) for condition in made]
    assert sum(0 < share < 1 for share in shares) > 200
