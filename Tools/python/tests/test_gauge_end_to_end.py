"""The recall gauge: what `stats` tells of searches is what the clients were really given."""

import time

import numpy as np
import pytest

DIMENSION = 16


@pytest.fixture
def items(daemon, name):
    rows = np.random.default_rng(3).standard_normal((20_000, DIMENSION)).astype(np.float32)
    with daemon.connect() as db:
        db.create(name, DIMENSION, "ip", attributes={"shelf": "int"})
        db.ingest(name, range(len(rows)), rows, attributes={"shelf": [row % 10 for row in range(len(rows))]})
        db.build_index(name, index="ivf")
        db.publish(name, "g1")
        yield db, rows


def lines(db, name):
    return next(one for one in db.stats()["collections"] if one["name"] == name)["recall_gauge"]


def ask_until(db, name, is_enough, **search):
    """Asks the same search until the gauge has measured enough: it rests between."""
    for _ in range(2_000):
        found = db.search(name, **search)
        if is_enough(lines(db, name)):
            return found
        time.sleep(0.005)
    raise AssertionError(f"the gauge told {lines(db, name)}, {db.stats()['gauge']}")


def test_it_measures_what_a_client_was_given(items, name):
    db, rows = items
    query = np.random.default_rng(4).standard_normal(DIMENSION).astype(np.float32)
    true = np.argsort(-(rows.astype(np.float64) @ query))
    db.search(name, query, k=50, nprobe=2)
    assert lines(db, name) == [], "nobody asked for it"
    db.configure(name, gauge_share=1)
    found = ask_until(db, name, lambda told: told and told[0]["queries"] >= 3, queries=query, k=50, nprobe=2)
    right = len(set(true[:50].tolist()) & set(found.ids[0].tolist())) / 50
    assert right < 1, "two lists of an index find all: the test shows nothing"
    (told,) = lines(db, name)
    assert (told["generation"], told["k"], told["narrowed"]) == ("g1", "11-100", False)
    assert told["recall"] == pytest.approx(right, abs=1e-9) and told["expected"] == pytest.approx(found.expected_recall, abs=1e-6)


def test_it_tells_ranges_of_k_and_narrowed_searches_apart(items, name):
    db, rows = items
    db.configure(name, gauge_share=1)
    query = rows[5]
    ask_until(db, name, lambda told: len(told) == 1, queries=query, k=10, exact=True)
    ask_until(db, name, lambda told: len(told) == 2, queries=query, k=11, exact=True, filter="shelf < 5")
    ask_until(db, name, lambda told: len(told) == 3, queries=query, k=500, exact=True, exclude=[5])
    told = lines(db, name)
    assert [(one["k"], one["narrowed"]) for one in told] == [("1-10", False), ("11-100", True), ("101-1000", True)]
    assert all(one["recall"] == 1 for one in told)


def test_it_rests_and_leaves_out_what_has_changed_since(items, name):
    db, rows = items
    db.configure(name, gauge_share=1)
    before = db.stats()["gauge"]
    for number in range(300):
        db.search(name, rows[number], k=10)
    after = db.stats()["gauge"]
    drawn = sum(after.values()) - sum(before.values())
    assert 290 <= drawn <= 300, "every request is drawn, and told of once it is measured or left out"
    assert after["left_out"] > before["left_out"]
    db.configure(name, gauge_share=0)
    time.sleep(0.3)
    before = db.stats()["gauge"]
    db.search(name, rows[0], k=10)
    time.sleep(0.1)
    assert db.stats()["gauge"] == before
