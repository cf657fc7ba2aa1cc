"""The judge itself: a wrong answer must not pass."""

import dataclasses

import numpy as np
import pytest

import vecd
from truth import METRICS, check, scores


def honest(metric):
    rng = np.random.default_rng(4)
    items = rng.standard_normal((60, 5)).astype(np.float32)
    ids, queries = rng.permutation(60).astype(np.uint64), rng.standard_normal((3, 5)).astype(np.float32)
    exact = scores(queries, items, metric)
    order = np.argsort(exact if metric == "l2" else -exact, axis=1)[:, :8]
    result = vecd.SearchResult(
        ids[order], np.take_along_axis(exact, order, axis=1).astype(np.float32), np.zeros((3, 8), np.uint8),
        np.full(3, 8), "g", 1, 1, vecd.Index.FLAT, 0, 1.0)
    return result, queries, ids, items


@pytest.mark.parametrize("metric", METRICS)
def test_the_true_answer_passes(metric):
    result, *data = honest(metric)
    check(result, *data, metric, 8)


def swapped(table):
    table = table.copy()
    table[1, [2, 3]] = table[1, [3, 2]]
    return table


def nudged(table):
    table = table.copy()
    table[2, 7] = np.nextafter(np.nextafter(table[2, 7], np.float32(np.inf)), np.float32(np.inf))
    return table


def shifted(table, ids):
    """One of the best is left out and all behind it move up."""
    table = table.copy()
    table[0, 4:-1] = table[0, 5:]
    table[0, -1] = next(id_ for id_ in ids if id_ not in table[0])
    return table


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("spoil", ["two ids swapped", "a score two steps off", "one of the best missing", "one too few"])
def test_a_wrong_answer_does_not(metric, spoil):
    result, queries, ids, items = honest(metric)
    wrong = {
        "two ids swapped": lambda: dataclasses.replace(result, ids=swapped(result.ids)),
        "a score two steps off": lambda: dataclasses.replace(result, scores=nudged(result.scores)),
        "one of the best missing": lambda: dataclasses.replace(result, ids=shifted(result.ids, ids)),
        "one too few": lambda: dataclasses.replace(result, counts=np.array([8, 7, 8])),
    }[spoil]()
    with pytest.raises(AssertionError):
        check(wrong, queries, ids, items, metric, 8)
