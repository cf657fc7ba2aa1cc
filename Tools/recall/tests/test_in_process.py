"""The stand-in for vecd of the service benchmark answers what vecd would: a contest of unequal answers would say nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from recall.exact import top_k

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from in_process import InProcess  # noqa: E402


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("interests", [1, 4])
def test_interests_are_merged_and_seen_items_dropped_as_exact_search_does(metric: str, interests: int) -> None:
    rng = np.random.default_rng(5)
    items = rng.standard_normal((300, 8)).astype(np.float32)
    rows = items / np.linalg.norm(items, axis=1, keepdims=True) if metric == "cosine" else items
    ids = rng.permutation(10_000)[:300].astype(np.uint64)

    def ask(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        scores = vectors @ rows.T
        order = np.argsort(-scores, axis=1)[:, :count]
        return np.take_along_axis(scores, order, axis=1), order

    store = InProcess("numpy", "v", ids, metric == "cosine", ask)
    for _ in range(20):
        user = rng.standard_normal((1, interests, 8)).astype(np.float32)
        user[0, -1] = user[0, 0]  # MIND repeats an interest where a user has fewer
        seen = rng.choice(300, 40, replace=False)
        found = store.search(user, 30, "v", [ids[seen]])
        assert found.ids[0].tolist() == top_k(items, ids, user, 30, metric, [seen])[0].tolist()
        # The interest that is told is one with the score that is told.
        vectors = user[0] / np.linalg.norm(user[0], axis=1, keepdims=True) if metric == "cosine" else user[0]
        row = {int(one): place for place, one in enumerate(ids)}
        scores = [vectors[interest] @ rows[row[int(one)]] for one, interest in zip(found.ids[0], found.interests[0])]
        assert np.allclose(scores, found.scores[0], atol=1e-5)
