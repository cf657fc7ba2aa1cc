"""What filters mean, by Formats/filter.md, and random rows and filters to hold a daemon against it."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from vecd.filter import And, Compare, Exists, Filter, Has, In, Not, Or

ATTRIBUTES = {"n": "int", "x": "float", "live": "bool", "brand": "keyword", "tags": "keywords"}

BRANDS = ["", "a", "acme", "acme2", "b\"c\\", "é", "z\n", "日本", "\U0001f600"]
TAGS = ["", "eu", "hd", "live", "new", "sale", "us", "é"]
INTS = [*range(-4, 5), 2**53, 2**53 + 1, -(2**63), 2**63 - 1]
FLOATS = [-1.5, -0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.25, 1e-300, 2.0**53, -1e300]
ORDERS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def pick(rng: np.random.Generator, values: list) -> Any:
    return values[int(rng.integers(len(values)))]


def random_row(rng: np.random.Generator) -> dict[str, Any]:
    row = {
        "n": pick(rng, INTS), "x": pick(rng, FLOATS), "live": bool(rng.integers(2)), "brand": pick(rng, BRANDS),
        "tags": sorted(TAGS[i] for i in rng.choice(len(TAGS), rng.integers(0, 4), replace=False)),
    }
    return {name: value for name, value in row.items() if rng.random() < 0.75}


def random_payload(rng: np.random.Generator) -> bytes:
    return rng.bytes(int(pick(rng, [0, 1, 7, 100, 2000])))


def random_filter(rng: np.random.Generator, depth: int = 3) -> Filter:
    kind = rng.random()
    if depth and kind < 0.35:
        parts = tuple(random_filter(rng, depth - 1) for _ in range(rng.integers(2, 4)))
        return And(parts) if rng.random() < 0.5 else Or(parts)
    if depth and kind < 0.5:
        return Not(random_filter(rng, depth - 1))
    name = pick(rng, list(ATTRIBUTES))
    if rng.random() < 0.12:
        return Exists(name)
    if name == "tags":
        return Has(name, tuple(pick(rng, TAGS) for _ in range(rng.integers(1, 4))), bool(rng.integers(2)))
    if name == "live":
        values, orders = [True, False], ["=", "!="]
    else:
        values, orders = {"n": [*INTS, *FLOATS], "x": [*INTS, *FLOATS], "brand": [*BRANDS, "b", "zz"]}[name], list(ORDERS)
    if rng.random() < 0.3:
        return In(name, tuple(pick(rng, values) for _ in range(rng.integers(1, 6))), bool(rng.integers(2)))
    return Compare(name, pick(rng, orders), pick(rng, values))


def is_true(condition: Filter, row: dict[str, Any]) -> bool:
    """Python compares whole numbers and floats exactly, and texts in the order of their UTF-8, as the page demands."""
    if isinstance(condition, And):
        return all(is_true(part, row) for part in condition.parts)
    if isinstance(condition, Or):
        return any(is_true(part, row) for part in condition.parts)
    if isinstance(condition, Not):
        return not is_true(condition.part, row)
    if condition.name not in row:
        return False
    value = row[condition.name]
    if isinstance(condition, Exists):
        return True
    if isinstance(condition, Compare):
        return bool(ORDERS[condition.comparison](value, condition.value))
    if isinstance(condition, In):
        return (value in condition.values) != condition.negated
    assert isinstance(condition, Has)
    return (all if condition.every else any)(keyword in value for keyword in condition.keywords)
