"""Model versions, settings and captured queries against the real daemon."""

import signal

import numpy as np
import pytest

import vecd
from test_end_to_end import code_of
from vecd import ErrorCode, ModelPolicy

DIMENSION = 8
STATS = ("matched", "routed", "counted", "refused", "unstated")


def vectors(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)


def build(db, name, label, items, model=None, **how):
    """A built generation; the collection is made if it is not there."""
    if name not in [collection.name for collection in db.collections()]:
        db.create(name, DIMENSION, "ip")
    db.ingest(name, np.arange(len(items)), items, label, model=model)
    db.build_index(name, label, **how)


def live(db, name) -> str:
    return next(collection.live_generation for collection in db.collections() if collection.name == name)


def sequence(db, name) -> int:
    return next(collection.sequence for collection in db.collections() if collection.name == name)


def models(db, name) -> dict:
    return {own.label: own.model for own in db.generations(name)}


def counted(db, name) -> dict:
    """What `stats` counts of searches, without zeros."""
    found = next(collection for collection in db.stats()["collections"] if collection["name"] == name)["models"]
    assert set(STATS) <= set(found)
    return {key: found[key] for key in STATS if found[key]}


def find(db, name, model, generation=None) -> str:
    """The generation that answers."""
    return db.search(name, vectors(1, 99), 3, model=model, generation=generation).generation


# -- model versions


def test_a_generation_carries_the_model_of_the_ingest_that_made_it(db, name):
    db.create(name, DIMENSION, "ip")
    items = vectors(30)
    db.ingest(name, range(10), items[:10], "g1", model="dssm@7")
    assert models(db, name) == {"g1": "dssm@7"}
    db.ingest(name, range(10, 20), items[10:20], "g1", model="dssm@7")
    db.ingest(name, range(20, 25), items[20:25], "g1")
    assert code_of(db.ingest, name, range(25, 30), items[25:], "g1", model="dssm@8") is ErrorCode.MODEL_MISMATCH
    assert db.build_index(name, "g1").generation == "g1" and models(db, name) == {"g1": "dssm@7"}
    assert db.generations(name)[0].rows == 25, "nothing of the other model is there"
    db.publish(name, "g1")
    db.ingest(name, range(10), items[:10], "plain")
    assert code_of(db.ingest, name, range(10, 20), items[10:20], "plain", model="dssm@7") is ErrorCode.MODEL_MISMATCH
    assert models(db, name) == {"g1": "dssm@7", "plain": None}
    db.begin_ingest(name, "never", model="dssm@9").abort()
    db.ingest(name, range(10), items[:10], "never", model="dssm@8")
    assert models(db, name)["never"] == "dssm@8", "an ingest that was aborted says nothing"


def test_an_upsert_is_of_the_model_that_its_generation_carries(db, name):
    db.create(name, DIMENSION, "ip")
    items = vectors(4)
    made = db.upsert(name, [0, 1], items[:2], model="m1")
    assert models(db, name) == {made.generation: "m1"}
    assert db.upsert(name, [1, 2], items[1:3], model="m1").existing == 1
    assert db.upsert(name, [2], items[2:3]).existing == 1
    before = sequence(db, name)
    assert code_of(db.upsert, name, [3], items[3:], model="m2") is ErrorCode.MODEL_MISMATCH
    assert sequence(db, name) == before and db.get(name, [2, 3]).found.tolist() == [True, False]
    build(db, name, "plain", items)
    db.publish(name, "plain")
    assert code_of(db.upsert, name, [3], items[3:], model="m1") is ErrorCode.MODEL_MISMATCH
    assert db.upsert(name, [3], items[3:], made.generation, model="m1").generation == made.generation


def test_refuse_answers_no_search_of_another_model(db, name):
    build(db, name, "g1", vectors(50), "m1")
    db.publish(name, "g1")
    build(db, name, "plain", vectors(50))
    assert find(db, name, "m1") == "g1" and find(db, name, None) == "g1"
    assert counted(db, name) == {"matched": 1, "unstated": 1}
    assert code_of(find, db, name, "m2") is ErrorCode.MODEL_MISMATCH
    with pytest.raises(vecd.VecdError) as caught:
        find(db, name, "m2")
    assert "m1" in caught.value.message and "m2" in caught.value.message, "the message names both"
    assert code_of(find, db, name, "m1", "plain") is ErrorCode.MODEL_MISMATCH, "a generation that carries none"
    assert counted(db, name) == {"matched": 1, "unstated": 1, "refused": 3}
    db.publish(name, "plain")
    assert code_of(find, db, name, "m1") is ErrorCode.MODEL_MISMATCH, "m1 was live, and nobody said to look for it"
    assert find(db, name, "m1", "g1") == "g1"
    assert db.likeness(name, [3], generation="g1", model="m1").shape == (DIMENSION,)
    assert code_of(db.likeness, name, [3], model="m1") is ErrorCode.MODEL_MISMATCH


def test_route_looks_for_the_generation_of_the_model_that_was_published_last(db, name):
    build(db, name, "g1", vectors(50, 1), "m1")
    db.publish(name, "g1")
    build(db, name, "g2", vectors(50, 2), "m2")
    db.publish(name, "g2")
    db.configure(name, "route")
    assert find(db, name, "m2") == "g2" and find(db, name, "m1") == "g1" and find(db, name, None) == "g2"
    assert counted(db, name) == {"matched": 1, "routed": 1, "unstated": 1}
    query = vectors(4, 9)
    routed = db.search(name, query, 10, model="m1", exact=True, batch_queries=1)
    named = db.search(name, query, 10, generation="g1", exact=True)
    assert (routed.ids == named.ids).all() and (routed.scores == named.scores).all()
    assert code_of(find, db, name, "m3") is ErrorCode.MODEL_MISMATCH
    assert code_of(find, db, name, "m1", "g2") is ErrorCode.MODEL_MISMATCH, "a generation that is named is meant"
    build(db, name, "g3", vectors(50, 3), "m1")
    assert find(db, name, "m1") == "g1", "g3 was never live"
    db.publish(name, "g3")
    assert find(db, name, "m1") == "g3" and find(db, name, "m2") == "g2"
    build(db, name, "g4", vectors(50, 4), "m2")
    db.publish(name, "g4")
    assert find(db, name, "m1") == "g3" and find(db, name, "m2") == "g4"
    build(db, name, "plain", vectors(50, 5))
    db.publish(name, "plain")
    assert find(db, name, "m1") == "g3" and find(db, name, "m2") == "g4" and find(db, name, None) == "plain"
    db.drop(name, "g3")
    assert find(db, name, "m1") == "g1"


def test_count_answers_all_the_same(db, name):
    build(db, name, "g1", vectors(50, 1), "m1")
    db.publish(name, "g1")
    build(db, name, "g2", vectors(50, 2), "m2")
    db.publish(name, "g2")
    db.configure(name, "count")
    assert [find(db, name, model) for model in ("m1", "m2", "m3", None)] == ["g2"] * 4
    assert find(db, name, "m3", "g1") == "g1"
    assert counted(db, name) == {"matched": 1, "counted": 3, "unstated": 1}
    db.configure(name, ModelPolicy.REFUSE)
    assert code_of(find, db, name, "m1") is ErrorCode.MODEL_MISMATCH
    assert counted(db, name) == {"matched": 1, "counted": 3, "unstated": 1, "refused": 1}


# -- settings and captured queries


def test_settings_are_told_as_they_were_set(db, name):
    db.create(name, DIMENSION, "l2", {"n": "int"})
    plain = {
        "collection": name, "dimension": DIMENSION, "metric": "l2", "ids": "number", "attributes": [{"name": "n", "type": "int"}]}
    before = sequence(db, name)
    assert db.describe(name) == plain | {"model_policy": "refuse", "captured_queries": 0, "gauge_share": 0.0}
    db.configure(name, "route", 1000, 0.25)
    assert db.describe(name) == plain | {"model_policy": "route", "captured_queries": 1000, "gauge_share": 0.25}
    db.configure(name, gauge_share=1)
    assert db.describe(name) == plain | {"model_policy": "route", "captured_queries": 1000, "gauge_share": 1.0}
    db.configure(name, "refuse", 0, 0)
    assert db.describe(name) == plain | {"model_policy": "refuse", "captured_queries": 0, "gauge_share": 0.0}
    assert sequence(db, name) == before
    assert code_of(db.configure, "nowhere", "route") is ErrorCode.COLLECTION_NOT_FOUND


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_models_and_settings_are_there_after_a_restart(own_daemon, how):
    with own_daemon.connect() as db:
        for label, model in (("g1", "m1"), ("g2", None), ("g3", "m3")):
            build(db, "x", label, vectors(50), model)
            db.publish("x", label)
        db.configure("x", "route", 500, 0.125)
        db.create("y", 2, "ip")
        made = db.upsert("y", [1], np.ones((1, 2), np.float32), model="m1").generation
        before = db.describe("x")
    for _ in range(2):
        own_daemon.stop(how)
        own_daemon.start()
        with own_daemon.connect() as db:
            assert models(db, "x") == {"g1": "m1", "g2": None, "g3": "m3"} and models(db, "y") == {made: "m1"}
            assert db.describe("x") == before and db.describe("y")["model_policy"] == "refuse"
            assert find(db, "x", "m1") == "g1" and find(db, "x", "m3") == "g3"
            assert code_of(db.upsert, "y", [2], np.ones((1, 2), np.float32), model="m2") is ErrorCode.MODEL_MISMATCH
            assert db.verify().findings == []


def test_queries_are_captured_in_their_order_each_interest_by_itself(db, name):
    build(db, name, "g1", vectors(50), "m1")
    db.publish(name, "g1")
    db.search(name, vectors(3, 7), 5)
    assert db.captured_queries(name).shape == (0, DIMENSION), "nothing is kept unasked"
    db.configure(name, captured_queries=64)
    users = vectors(12, 8).reshape(3, 4, DIMENSION)
    asked = [vectors(1, 10), vectors(5, 11), users.reshape(-1, DIMENSION), vectors(2, 12)]
    db.search(name, asked[0][0], 5)
    db.search(name, asked[1], 5, model="m1", exact=True)
    db.search(name, users, 5, exclude=[1, 2])
    db.search(name, asked[3], 5, score_limit=1e9)
    assert (db.captured_queries(name) == np.concatenate(asked)).all()
    assert code_of(db.search, name, vectors(1, 13), 5, model="m2") is ErrorCode.MODEL_MISMATCH
    assert len(db.captured_queries(name)) == 20, "what is refused is not kept"
    db.configure(name, captured_queries=0)
    assert len(db.captured_queries(name)) == 0
    db.configure(name, captured_queries=64)
    assert len(db.captured_queries(name)) == 0
    db.search(name, asked[0], 5)
    assert (db.captured_queries(name, "g1") == asked[0]).all()


def test_no_more_queries_are_kept_than_were_asked_for(db, name):
    build(db, name, "g1", vectors(50))
    db.publish(name, "g1")
    db.configure(name, captured_queries=16)
    asked = vectors(400, 1)
    db.search(name, asked[:16], 5)
    assert (db.captured_queries(name) == asked[:16]).all()
    db.search(name, asked[16:], 5, batch_queries=10)
    kept = {row.tobytes() for row in db.captured_queries(name)}
    assert len(kept) == 16 and kept <= {row.tobytes() for row in asked}
    assert kept != {row.tobytes() for row in asked[:16]}, "later ones take the place of some"


def test_queries_are_kept_by_the_model_of_the_generation_that_was_asked(db, name):
    for label, model in (("g1", "m1"), ("g2", "m2"), ("plain", None), ("g3", "m2")):
        build(db, name, label, vectors(50), model)
        db.publish(name, label)
    db.configure(name, captured_queries=100)
    asked = {label: vectors(place + 2, place) for place, label in enumerate(("g1", "g2", "plain", "g3"))}
    for label, queries in asked.items():
        db.search(name, queries, 5, generation=label)
    both = np.concatenate([asked["g2"], asked["g3"]])
    assert (db.captured_queries(name) == both).all(), "g3 is live, and g2 is of the same model"
    for label, right in (("g1", asked["g1"]), ("g2", both), ("g3", both), ("plain", asked["plain"])):
        assert (db.captured_queries(name, label) == right).all(), label
    assert code_of(db.captured_queries, name, "none") is ErrorCode.GENERATION_NOT_FOUND
    assert code_of(db.captured_queries, "nowhere") is ErrorCode.COLLECTION_NOT_FOUND


def test_captured_queries_are_there_after_a_restart(own_daemon):
    with own_daemon.connect() as db:
        db.create("x", DIMENSION, "ip")
        assert code_of(db.captured_queries, "x") is ErrorCode.NO_LIVE_GENERATION
        build(db, "x", "g1", vectors(50), "m1")
        db.publish("x", "g1")
        db.configure("x", captured_queries=100)
        db.search("x", vectors(20, 1), 5)
    for count in (1, 2):
        assert own_daemon.stop() == 0
        own_daemon.start()
        with own_daemon.connect() as db:
            assert (db.captured_queries("x") == np.tile(vectors(20, 1), (count, 1))).all()
            db.search("x", vectors(20, 1), 5)
            assert db.verify().findings == []
