"""Groups, quotas, diversity, weights and log-sum-exp of a search: what is refused before anything is sent, and what the daemon
answers."""

import numpy as np
import pytest

import vecd
from vecd.selection import selection


def plain(**given):
    values = dict.fromkeys(("group_by", "quotas", "diversity", "pool", "weights", "log_sum_exp")) | {"group_limit": 1}
    return selection(10, 2, **(values | given))


def test_nothing_asked_for_is_no_option():
    assert plain() == (None, None, None, None, None)


def test_shares_become_counts_and_no_most_is_k():
    assert plain(quotas=[(0.25, 0.5), (3, None)])[1].tolist() == [2, 5, 3, 10]


@pytest.mark.parametrize("given, message", [
    ({"group_limit": 2}, "group_limit is given without group_by"),
    ({"group_by": "brand", "group_limit": 0}, "group_limit"),
    ({"quotas": [(1, 2)]}, "quotas hold 1 entries, expected a pair (least, most) for each of the 2 interests"),
    ({"quotas": [(1, 2, 3), (1, 2)]}, "expected a pair"),
    ({"quotas": [(3, 2), (0, 1)]}, "the quota of interest 0 is 3 to 2"),
    ({"quotas": [(6, 8), (5, 8)]}, "the least quotas add up to 11, k is 10"),
    ({"quotas": [(1.5, 2), (0, 1)]}, "a quota is 1.5"),
    ({"pool": 50}, "pool is given without diversity"),
    ({"diversity": 1.5}, "diversity is 1.5"),
    ({"diversity": float("nan")}, "diversity is nan"),
    ({"diversity": 0.5, "pool": 9}, "pool"),
    ({"weights": [1]}, "weights are [1.0], expected a number above 0 for each of the 2 interests"),
    ({"weights": [1, 0]}, "weights are [1.0, 0.0]"),
    ({"weights": [1, float("inf")]}, "weights are"),
    ({"log_sum_exp": 0}, "log_sum_exp is 0"),
    ({"log_sum_exp": float("nan")}, "log_sum_exp is nan"),
    ({"log_sum_exp": float("inf")}, "log_sum_exp is inf"),
])
def test_what_cannot_be_is_refused_with_what_would_be_right(given, message):
    with pytest.raises(vecd.BadInput) as caught:
        plain(**given)
    assert message in str(caught.value)


@pytest.fixture(scope="module")
def feed(daemon):
    rows = np.random.default_rng(3).standard_normal((600, 8)).astype(np.float32)
    with daemon.connect() as db:
        db.create("test-selection", 8, "ip", attributes={"shelf": "int"})
        db.ingest("test-selection", np.arange(600), rows, attributes={"shelf": [i % 25 if i % 4 else None for i in range(600)]})
        db.build_index("test-selection")
        db.publish("test-selection", "g1")
        yield db, rows
        db.drop("test-selection")


def test_groups_are_the_best_of_which_none_has_too_many(feed):
    db, rows = feed
    query = np.random.default_rng(4).standard_normal(8).astype(np.float32)
    order, held, right = np.argsort(-(rows @ query), kind="stable"), {}, []
    for i in order.tolist():
        shelf = i % 25 if i % 4 else None
        held[shelf] = held.get(shelf, 0) + 1
        if shelf is None or held[shelf] <= 3:
            right.append(i)
    found = db.search("test-selection", query, k=90, group_by="shelf", group_limit=3, exact=True)
    assert found.ids[0].tolist() == right[:90]
    with pytest.raises(vecd.VecdError, match="no attribute"):
        db.search("test-selection", query, k=5, group_by="color")


def test_quotas_hold_for_each_user_and_weights_turn_the_scale(feed):
    db, rows = feed
    users = np.random.default_rng(5).standard_normal((7, 3, 8)).astype(np.float32)
    found = db.search("test-selection", users, k=50, quotas=[(20, 30), (0.1, None), (0, 5)], batch_queries=3)
    for user in range(7):
        won = np.bincount(found.interests[user], minlength=3)
        assert 20 <= won[0] <= 30 and won[1] >= 5 and won[2] <= 5 and won.sum() == 50
    scaled = db.search("test-selection", users * np.array([1, 2, 0.5], np.float32)[:, None], k=20, exact=True)
    weighted = db.search("test-selection", users, k=20, weights=[1, 2, 0.5], exact=True)
    assert (weighted.ids == scaled.ids).all() and (weighted.scores == scaled.scores).all()


@pytest.mark.parametrize("t", [0.1, 1, 20])
def test_log_sum_exp_ranks_by_all_interests_together(feed, t):
    db, rows = feed
    users = np.random.default_rng(8).standard_normal((5, 3, 8)).astype(np.float32)
    each = users.astype(np.float64) @ rows.T.astype(np.float64) / t
    joint = t * (each.max(axis=1) + np.log(np.exp(each - each.max(axis=1, keepdims=True)).sum(axis=1)))
    found = db.search("test-selection", users, k=40, log_sum_exp=t, exact=True, batch_queries=2)
    for user in range(5):
        right = np.sort(joint[user])[::-1][:40]
        np.testing.assert_allclose(found.scores[user], right, rtol=2e-6)
        np.testing.assert_allclose(found.scores[user], joint[user][found.ids[user]], rtol=2e-6)
        assert (found.interests[user] == each[user][:, found.ids[user]].argmax(axis=0)).all()


def test_diversity_of_one_is_the_order_of_scores(feed):
    db, rows = feed
    query = rows[:4]
    plain = db.search("test-selection", query, k=30, exact=True)
    assert (db.search("test-selection", query, k=30, diversity=1, exact=True).ids == plain.ids).all()
    assert (db.search("test-selection", query, k=30, diversity=0.3).ids != plain.ids).any()


@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_likeness_is_the_mean_of_some_less_half_that_of_others(daemon, name, metric):
    rows = np.random.default_rng(6).standard_normal((50, 8)).astype(np.float32)
    with daemon.connect() as db:
        db.create(name, 8, metric)
        db.upsert(name, np.arange(50), rows)
        own = rows / np.linalg.norm(rows, axis=1, keepdims=True) if metric == "cosine" else rows
        right = own[[3, 7]].mean(axis=0) - 0.5 * own[[11]].mean(axis=0)
        np.testing.assert_allclose(db.likeness(name, [3, 7], [11]), right, rtol=1e-5, atol=1e-6)
        with pytest.raises(vecd.BadInput, match="no item 99"):
            db.likeness(name, [3], [99])
        with pytest.raises(vecd.BadInput, match="like holds no ids"):
            db.likeness(name, [])
