"""Metrics, exact search and the health of vectors against definitions written out."""

from __future__ import annotations

import numpy as np
import pytest

from recall.evaluate import by_depth, by_exact_search, by_ranking, drop_seen, quality, recall_of
from recall.exact import top_k, unit_rows
from recall.health import inspect


def test_metrics_by_hand() -> None:
    found = np.array([[7, 8, 9, 1], [1, 2, 3, 4], [5, 6, -1, -1]])
    got = quality(found, np.array([8, 9, 5]), catalogue=10, depths=(1, 2, 4))
    assert got.hit_rate == {1: pytest.approx(1 / 3), 2: pytest.approx(2 / 3), 4: pytest.approx(2 / 3)}
    assert got.ndcg[1] == pytest.approx(1 / 3) and got.ndcg[2] == pytest.approx((1 + 1 / np.log2(3)) / 3)
    assert got.coverage == {1: 0.3, 2: 0.6, 4: 0.9}  # 7 1 5; 8 2 6; 9 3 4: never -1
    assert got.questions == 3


def test_each_depth_is_measured_by_a_search_of_its_own() -> None:
    answers = {1: [[7], [2]], 3: [[8, 9, 1], [1, 2, 3]]}
    got = by_depth(lambda k: np.array(answers[k]), np.array([7, 2]), catalogue=10, depths=(1, 3))
    assert got.hit_rate == {1: 1.0, 3: 0.5} and got.coverage == {1: 0.2, 3: 0.5} and got.questions == 2


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("interests", [1, 3])
def test_exact_search_is_a_sort(metric: str, interests: int) -> None:
    rng = np.random.default_rng(1)
    items = rng.standard_normal((200, 8)).astype(np.float32).round(1)
    items[50:60] = items[0]  # ties go by ascending id
    ids = rng.permutation(1000)[:200].astype(np.uint64)
    users = rng.standard_normal((20, interests, 8)).astype(np.float32).round(1)
    seen = [rng.choice(200, size, replace=False) for size in range(20)]
    got = top_k(items, ids, users, 15, metric, seen)
    rows, queries = (unit_rows(items), unit_rows(users)) if metric == "cosine" else (items, users)
    for row in range(20):
        # Scores from the same products, so that ties are ties.
        score = np.max([queries[row : row + 1, k] @ rows.T for k in range(interests)], axis=0)[0].round(5)
        order = sorted((item for item in range(200) if item not in seen[row]), key=lambda item: (-score[item], ids[item]))
        by_score = [score[order[place]] for place in range(15)]
        got_score = [score[int(np.flatnonzero(ids == one)[0])] for one in got[row]]
        assert np.allclose(by_score, got_score, atol=2e-5) and len(set(got[row])) == 15
        assert not set(got[row]) & {int(ids[item]) for item in seen[row]}


def test_equal_rows_come_in_order_of_id() -> None:
    items, ids = np.ones((5, 2), np.float32), np.array([9, 3, 7, 1, 5], np.uint64)
    assert top_k(items, ids, np.ones((1, 1, 2), np.float32), 4, "ip").tolist() == [[1, 3, 5, 7]]
    assert top_k(items, ids, np.ones((1, 1, 2), np.float32), 7, "ip", [np.array([1])]).tolist() == [[1, 5, 7, 9, -1, -1, -1]]


def test_seen_and_unpublished_items_do_not_come_back() -> None:
    items = np.diag([5.0, 4.0, 3.0, 2.0, 1.0]).astype(np.float32)
    keep = np.array([True, False, True, True, True])
    ids = np.array([10, 20, 30, 40, 50], np.uint64)
    got = by_exact_search(items, keep, ids, np.ones((2, 1, 5), np.float32), [np.array([1, 2]), np.array([], np.int64)], 3, "ip")
    assert got.tolist() == [[10, 40, 50], [10, 30, 40]]
    assert drop_seen(np.array([[4, 5, 6, -1]]), [np.array([5])], 3).tolist() == [[4, 6, -1]]
    assert by_ranking(np.array([2, 0, 1]), ids, [np.array([0]), np.array([2, 1])], 2).tolist() == [[30, 20], [10, -1]]
    assert recall_of(np.array([[1, 2, 3]]), np.array([[1, 9, -1]])) == 0.5


def test_bad_vectors_are_left_out_and_counted_once() -> None:
    vectors = np.ones((8, 4), np.float32) * np.arange(1, 9)[:, None].astype(np.float32)
    vectors[0, 1], vectors[1, 2] = np.nan, np.inf
    vectors[2] = 0.0
    vectors[3] = 1e-24          # its square underflows float32: the norms that weight decay leaves behind
    vectors[5] = vectors[6]
    trained = np.array([True, True, False, True, False, True, True, True])
    keep, health = inspect(vectors, trained)
    assert keep.tolist() == [False, False, False, False, False, True, True, True]
    assert (health.not_finite, health.zero, health.untrained, health.duplicates, health.kept) == (2, 2, 1, 1, 3)
    assert "2 zero" in health.line()
    negative_zero = np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)
    assert inspect(negative_zero)[1].duplicates == 1
