"""Exact answers, and how much of them an answer holds.

Recall is counted by score, not by id: trained data is full of equal rows, and an answer that holds another row of the
same score is as right as the one we happen to list. An id counts once, however often it is returned.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TRUTH_K = 500
ROWS_AT_A_TIME = 65_536
QUERIES_AT_A_TIME = 500
SLACK = 64  # candidates beyond k that float32 keeps for float64 to put in order
TIE = 1e-6  # of a query's scale: float32 cannot tell scores closer than this apart


@dataclass(frozen=True)
class Truth:
    """ids: (n, k) int64, best first; scores: (n, k) float64, higher is better (l2: minus the squared distance)."""

    ids: np.ndarray
    scores: np.ndarray


def exact_scores(rows: np.ndarray, metric: str, query: np.ndarray) -> np.ndarray:
    """Float64 scores of rows (m, d) for one query; rows of cosine data are of unit length already."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return -((rows - query) ** 2).sum(axis=1)
    return rows @ query


def fingerprint(items: np.ndarray, queries: np.ndarray, metric: str) -> str:
    """Names the data by its bytes: all queries, and every row of items up to 4,096 spread over them."""
    spread = np.linspace(0, len(items) - 1, min(len(items), 4_096)).astype(np.int64)
    digest = hashlib.sha256(f"{metric} {items.shape} {items.dtype}".encode())
    digest.update(np.ascontiguousarray(items[spread]).tobytes())
    digest.update(np.ascontiguousarray(queries).tobytes())
    return digest.hexdigest()[:20]


def truth_of(items: np.ndarray, queries: np.ndarray, metric: str, cache: Path) -> Truth:
    """The exact top `TRUTH_K`, from the cache when these data were seen before."""
    path = cache / f"truth-{fingerprint(items, queries, metric)}.npz"
    if path.exists():
        with np.load(path) as kept:
            return Truth(kept["ids"], kept["scores"])
    parts = [
        _exact(items, queries[start : start + QUERIES_AT_A_TIME], metric)
        for start in range(0, len(queries), QUERIES_AT_A_TIME)
    ]
    found = Truth(np.concatenate([p.ids for p in parts]), np.concatenate([p.scores for p in parts]))
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, ids=found.ids, scores=found.scores)
    partial.replace(path)
    return found


def _exact(items: np.ndarray, queries: np.ndarray, metric: str) -> Truth:
    k = min(TRUTH_K, len(items))
    keep = min(k + SLACK, len(items))
    best = np.empty((len(queries), 0), np.float32)
    ids = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(items), ROWS_AT_A_TIME):
        block = np.asarray(items[start : start + ROWS_AT_A_TIME], dtype=np.float32)
        scores = queries @ block.T
        if metric == "l2":
            scores = 2 * scores - (block**2).sum(axis=1)[None, :]
        fresh = np.broadcast_to(np.arange(start, start + len(block)), scores.shape)
        best, ids = np.concatenate([best, scores], axis=1), np.concatenate([ids, fresh], axis=1)
        if best.shape[1] > keep:
            part = np.argpartition(-best, keep - 1, axis=1)[:, :keep]
            best, ids = np.take_along_axis(best, part, axis=1), np.take_along_axis(ids, part, axis=1)
    out_ids, out_scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    for i, query in enumerate(queries):
        scores = exact_scores(items[ids[i]], metric, query)
        order = np.lexsort((ids[i], -scores))[:k]
        out_ids[i], out_scores[i] = ids[i][order], scores[order]
    return Truth(out_ids, out_scores)


def recall_of(found: np.ndarray, truth: Truth, k: int, items: np.ndarray, queries: np.ndarray, metric: str) -> float:
    """Mean share of the exact top k that `found` (n, >= k; -1 is no answer) holds, ties at the border counted."""
    found = np.asarray(found[:, :k], dtype=np.int64)
    outside = (found < -1) | (found >= len(items))
    if outside.any():
        raise ValueError(f"an answer holds id {found[outside][0]}, expected -1 or a row below {len(items)}")
    found = np.sort(found, axis=1)
    found[:, 1:][found[:, 1:] == found[:, :-1]] = -1
    base = np.arange(len(found))[:, None] * np.int64(len(items))
    hit = np.isin(found + base, truth.ids[:, :k] + base) & (found >= 0)
    right = hit.sum(axis=1)
    for i in np.flatnonzero(right < k):
        other = found[i][~hit[i] & (found[i] >= 0)]
        border = truth.scores[i, k - 1]
        scale = max(abs(truth.scores[i, 0]), abs(border), 1e-30)
        tied = exact_scores(items[other], metric, queries[i]) >= border - TIE * scale
        right[i] = min(k, right[i] + int(tied.sum()))
    return float(right.mean() / k)
