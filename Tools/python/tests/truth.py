"""The exact answer, by numpy in float64, and how a daemon's answer is held against it."""

from __future__ import annotations

import numpy as np

import vecd

METRICS = ("ip", "cosine", "l2")


def scores(queries: np.ndarray, items: np.ndarray, metric: str) -> np.ndarray:
    """(queries, items) in float64. queries (n, d) or (n, interests, d): then the best over the interests."""
    q, x = queries.astype(np.float64), items.astype(np.float64)
    if q.ndim == 3:
        each = np.stack([scores(q[:, i], x, metric) for i in range(q.shape[1])])
        return each.min(axis=0) if metric == "l2" else each.max(axis=0)
    if metric == "l2":
        return ((q[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)
    if metric == "cosine":
        q = q / np.linalg.norm(q, axis=1, keepdims=True)
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return q @ x.T


def check(result: vecd.SearchResult, queries: np.ndarray, ids: np.ndarray, items: np.ndarray, metric: str, k: int):
    """Scores are the exact ones rounded to float32; ids are the exact ones wherever scores tell them apart.

    Float64 sums are not exact either: "apart" and "equal" mean up to a few units of float32 of the largest term.
    """
    exact = scores(queries, items, metric)
    keys = exact if metric == "l2" else -exact
    expected = min(k, len(items))
    assert result.ids.shape == (len(queries), k)
    assert (result.counts == expected).all()
    rows = {int(id_): row for row, id_ in enumerate(ids)}
    # One step of float32 at the size of the terms that were added up, not of the sum.
    size = np.abs(queries).max() * np.abs(items).max() * items.shape[1] if metric != "cosine" else 1.0
    if metric == "l2":
        size = (np.abs(queries).max() + np.abs(items).max()) ** 2 * items.shape[1]
    for number, (found, given) in enumerate(result):
        assert len(set(found.tolist())) == expected
        order = np.lexsort((ids, keys[number]))[:expected]
        truth = exact[number, order]
        tolerance = np.spacing(np.float32(np.abs(truth))).astype(np.float64) + 1e-13 * size
        assert (np.abs(given.astype(np.float64) - truth) <= tolerance).all(), (number, given, truth)
        own = exact[number, [rows[int(id_)] for id_ in found]]
        assert (np.abs(given.astype(np.float64) - own) <= tolerance).all(), "a score belongs to another id"
        as_sent = np.float32(given)
        for place in range(expected - 1):
            if as_sent[place] == as_sent[place + 1]:
                assert found[place] < found[place + 1], "equal scores are ordered by ascending id"
        gap = np.full(expected + 1, np.inf)
        gap[1:expected] = np.abs(np.diff(truth))
        if expected < len(items):
            gap[expected] = abs(np.sort(keys[number])[expected] - keys[number, order[-1]])
        clear = (gap[:-1] > 2 * tolerance) & (gap[1:] > 2 * tolerance)
        assert (found[clear] == ids[order][clear]).all()


def random_set(seed: int, metric: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """ids, items, queries and k; shape, scale, element type and ties vary with the seed."""
    rng = np.random.default_rng(seed)
    count = int(rng.choice([1, 2, 31, 257, 1000, 3000]))
    dimension = int(rng.choice([1, 2, 3, 7, 16, 33, 64, 100, 257]))
    items = rng.standard_normal((count, dimension)).astype(np.float32)
    items *= np.exp(rng.standard_normal((count, 1)) * rng.choice([0, 0.5, 2])).astype(np.float32)
    if seed % 3 == 0:  # ties: many rows occur twice
        items = items[rng.integers(0, max(1, count // 2), count)]
    if seed % 4 == 1:
        items = items.astype(np.float16)
    elif seed % 4 == 2:  # representable as bfloat16: the low half of every float is 0
        items = (items.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    if metric == "cosine":
        items[(items == 0).all(axis=1)] = 1
    ids = np.arange(count, dtype=np.uint64)
    if seed % 2:  # distinct, in no order, from all of 2^64
        ids = rng.permutation(np.unique(rng.integers(0, 2**64, 2 * count, dtype=np.uint64)))[:count]
    queries = rng.standard_normal((int(rng.choice([1, 2, 9, 40])), dimension)).astype(np.float32)
    return ids, items, queries, int(rng.choice([1, 2, 10, 100, 500]))
