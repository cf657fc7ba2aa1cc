"""Exact search in numpy by the rules of vecd: the best of a user's interests, ties by ascending id, cosine by unit rows."""

from __future__ import annotations

import numpy as np

BLOCK = 256


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, in float64 on the way: squares of tiny norms underflow float32. Zero rows stay zero."""
    rows = vectors.astype(np.float64)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0).astype(np.float32)


def scores(items: np.ndarray, users: np.ndarray) -> np.ndarray:
    """(n, items): the inner product, the best over the K interests of (n, K, d) users."""
    best = users[:, 0] @ items.T
    for interest in range(1, users.shape[1]):
        np.maximum(best, users[:, interest] @ items.T, out=best)
    return best


def top_k(
    items: np.ndarray, ids: np.ndarray, users: np.ndarray, k: int, metric: str, seen: list[np.ndarray] | None = None
) -> np.ndarray:
    """(n, k) ids, best first. seen: per user the row numbers of items to leave out; then a user may get fewer (id -1)."""
    order = np.argsort(ids, kind="stable")
    rows = unit_rows(items[order]) if metric == "cosine" else items[order].astype(np.float32)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    keys = ids[order].astype(np.int64)
    count = min(k, len(rows))
    out = np.full((len(users), k), -1, np.int64)
    for start in range(0, len(users), BLOCK):
        part = users[start : start + BLOCK].astype(np.float32)
        block = scores(rows, unit_rows(part) if metric == "cosine" else part)
        for row in range(len(part)):
            line = block[row]
            if seen is not None:
                line[place[seen[start + row]]] = -np.inf
            # Everything that may belong to the first k, ties at the end included; rows are in order of id already.
            least = np.partition(line, len(line) - count)[len(line) - count]
            candidates = np.flatnonzero(line >= least)
            best = candidates[np.argsort(-line[candidates], kind="stable")][:count]
            best = best[line[best] > -np.inf]
            out[start + row, : len(best)] = keys[best]
    return out
