"""Checked publishes, of one collection and of several together, against the real daemon."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from test_end_to_end import code_of
from test_models_end_to_end import DIMENSION, build, live, models, sequence, vectors
from vecd import ErrorCode, PublishChecks, State
from vecd import protocol as p


@pytest.fixture
def two(db, name):
    """Two collections, each with g1 live and g2 built."""
    names = (f"{name}-items", f"{name}-authors")
    for place, own in enumerate(names):
        build(db, own, "g1", vectors(200, place))
        db.publish(own, "g1")
        build(db, own, "g2", vectors(300, place), "m2")
    yield names
    for own in names:
        db.drop(own)


# -- checked publishes


def test_each_check_passes_and_fails(db, name):
    items, queries = vectors(300, 1), vectors(5, 2)
    build(db, name, "g1", items, "m1")
    db.publish(name, "g1")
    build(db, name, "same", items[:240], "m1")
    build(db, name, "far", -10 * items, "m2")
    asked = {"k": 10, "queries": queries}
    ways = {"k": 10, "queries": queries, "live_queries": queries}
    for label, good, bad, check in (
        ("same", {"min_rows": 240}, {"min_rows": 241}, "least_rows"),
        ("same", {"min_share": 0.75}, {"min_share": 0.875}, "least_share"),
        ("same", {"min_recall": 1.0} | asked, None, "least_recall"),
        ("same", {"min_overlap": 0.5} | asked, None, "least_overlap"),
        ("far", {"min_overlap": 0.0} | ways, {"min_overlap": 0.5} | ways, "least_overlap"),
        ("same", {"max_drift": 2.0} | asked, None, "greatest_drift"),
        ("far", {"max_drift": 1e6} | ways, {"max_drift": 2.0} | ways, "greatest_drift"),
        ("same", {"max_unseen": 0.99} | asked, {"max_unseen": 0.5} | asked, "greatest_unseen"),
        ("far", {"model": "m2"}, {"model": "m1"}, "model"),
    ):
        before = sequence(db, name)
        if bad is not None:
            assert code_of(db.publish, name, label, checks=PublishChecks(**bad)) is ErrorCode.PUBLISH_REFUSED, bad
            assert live(db, name) == "g1" and sequence(db, name) == before
            report = db.publish(name, label, checks=PublishChecks(**bad, dry_run=True)).report
            limited = [own for own in report["checks"] if own["limit"] is not None]
            assert report["passed"] is False and [own["check"] for own in limited] == [check]
            assert set(limited[0]) >= {"check", "limit", "measured", "passed"} and not limited[0]["passed"]
        report = db.publish(name, label, checks=PublishChecks(**good, dry_run=True)).report
        limited = [own for own in report["checks"] if own["limit"] is not None]
        assert report["passed"] is True and [own["check"] for own in limited] == [check] and limited[0]["passed"] is True
        assert live(db, name) == "g1" and sequence(db, name) == before, "a dry run changes nothing"
        done = db.publish(name, label, "g1", PublishChecks(**good))
        assert done.replaced == "g1" and done.report["passed"] is True and live(db, name) == label
        assert done.sequence == sequence(db, name)
        assert db.rollback(name).live == "g1" and live(db, name) == "g1"


def test_what_is_measured_is_true(db, name):
    items, queries = vectors(300, 1), vectors(5, 2)
    build(db, name, "g1", items)
    db.publish(name, "g1")
    build(db, name, "g2", items[:240])
    report = db.publish(name, "g2", checks=PublishChecks(
        min_rows=240, min_share=0.5, min_recall=0.9, min_overlap=0.1, max_drift=3, max_unseen=1, k=10, queries=queries,
    )).report
    assert report["passed"] is True and live(db, name) == "g2"
    measured = {own["check"]: own["measured"] for own in report["checks"]}
    old, new = queries @ items.T, queries @ items[:240].T
    first, second = np.argsort(-old)[:, :10], np.argsort(-new)[:, :10]
    shared = np.mean([len(set(a) & set(b)) for a, b in zip(first, second)]) / 10
    best, other = np.sort(old)[:, -10:], np.sort(new)[:, -10:]
    right = {
        "least_rows": 240, "least_share": 0.8, "least_recall": 1, "least_overlap": shared,
        "greatest_drift": abs(other.mean() - best.mean()) / best.std(), "greatest_unseen": 1 - len(np.unique(second)) / 240}
    assert measured == pytest.approx(right, rel=0.05)
    assert [own["limit"] for own in report["checks"]] == pytest.approx([240, 0.5, 0.9, 0.1, 3, 1])


def test_a_recall_that_is_not_reached_is_refused(db, name):
    items, queries = vectors(8_000, 1), vectors(64, 2)
    build(db, name, "g1", items, index="ivf", target_recall=0.5, queries=vectors(64, 3))
    refused = PublishChecks(min_recall=0.999, queries=queries)
    assert code_of(db.publish, name, "g1", checks=refused) is ErrorCode.PUBLISH_REFUSED
    assert live(db, name) == ""
    assert db.publish(name, "g1", checks=PublishChecks(min_recall=0.1, queries=queries)).replaced == ""


def test_without_queries_the_captured_ones_are_asked_and_then_those_of_the_build(db, name):
    items, checks = vectors(300, 1), PublishChecks(min_recall=0.5, k=10)
    build(db, name, "g1", items, "m1")
    assert code_of(db.publish, name, "g1", checks=checks) is ErrorCode.PUBLISH_REFUSED, "there is nothing to ask"
    db.publish(name, "g1")
    db.configure(name, captured_queries=100)
    db.search(name, vectors(7, 2), 5)
    build(db, name, "g2", items, "m1")
    build(db, name, "g3", items, "m3")
    build(db, name, "g4", items, "m4", index="hnsw", target_recall=0.9, queries=vectors(20, 3))
    assert code_of(db.publish, name, "g3", checks=checks) is ErrorCode.PUBLISH_REFUSED, "those of m1 say nothing of m3"
    assert db.publish(name, "g2", checks=checks).report["passed"] is True
    assert db.publish(name, "g4", checks=checks).report["passed"] is True


def test_vectors_of_one_model_are_not_asked_of_another(db, name):
    items, queries = vectors(100, 1), vectors(5, 2)
    for label, model in (("g1", "m1"), ("g2", "m2"), ("plain", None)):
        build(db, name, label, items, model)
    db.publish(name, "g1")
    one = {"min_overlap": 0.5, "k": 5, "queries": queries}
    assert code_of(db.publish, name, "g2", checks=PublishChecks(**one)) is ErrorCode.INVALID_ARGUMENT
    assert live(db, name) == "g1"
    assert db.publish(name, "g2", checks=PublishChecks(**one, live_queries=queries, dry_run=True)).report["passed"]
    assert db.publish(name, "plain", checks=PublishChecks(**one)).report["passed"], "one of them carries no model"


def test_an_expectation_holds_besides_the_checks(db, name):
    build(db, name, "g1", vectors(50))
    good, poor = PublishChecks(min_rows=50), PublishChecks(min_rows=51)
    wrong = PublishChecks(min_recall=0.5, queries=np.ones((1, DIMENSION + 1), np.float32))
    assert code_of(db.publish, name, "g1", checks=wrong) is ErrorCode.DIMENSION_MISMATCH
    assert code_of(db.publish, name, "g1", "g0", good) is ErrorCode.LIVE_GENERATION_CHANGED
    assert code_of(db.publish, name, "g1", "", poor) is ErrorCode.PUBLISH_REFUSED
    assert live(db, name) == "" and db.publish(name, "g1", "", good).replaced == ""
    assert code_of(db.publish, name, "g2", checks=good) is ErrorCode.GENERATION_NOT_FOUND


# -- several at once


def test_publishes_together_are_all_or_nothing(db, two):
    items, authors = two
    both, before = {items: "g2", authors: "g2"}, [sequence(db, own) for own in two]

    def nothing(code, *arguments, **options):
        assert code_of(db.publish_together, *arguments, **options) is code
        assert [live(db, own) for own in two] == ["g1", "g1"] and [sequence(db, own) for own in two] == before

    poor = PublishChecks(min_rows=301)
    nothing(ErrorCode.PUBLISH_REFUSED, both, checks={authors: poor})
    nothing(ErrorCode.PUBLISH_REFUSED, both, checks={items: poor, authors: PublishChecks(min_rows=1)})
    nothing(ErrorCode.PUBLISH_REFUSED, both, checks=PublishChecks(model="m1"))
    nothing(ErrorCode.LIVE_GENERATION_CHANGED, both, expect={items: "g1", authors: "g0"})
    nothing(ErrorCode.GENERATION_NOT_FOUND, both | {authors: "g9"})
    nothing(ErrorCode.COLLECTION_NOT_FOUND, both | {"nowhere": "g1"})
    tried = db.publish_together(both, checks={
        items: PublishChecks(min_rows=300, dry_run=True), authors: PublishChecks(min_rows=301, dry_run=True)})
    assert [tried[own].report["passed"] for own in two] == [True, False]
    assert [live(db, own) for own in two] == ["g1", "g1"] and [sequence(db, own) for own in two] == before

    done = db.publish_together(both, {items: "g1"}, PublishChecks(min_rows=300, model="m2"))
    assert list(done) == [items, authors] and [live(db, own) for own in two] == ["g2", "g2"]
    for own in two:
        assert done[own].replaced == "g1" and done[own].sequence == sequence(db, own)
        assert done[own].report["passed"] is True
        assert [check["check"] for check in done[own].report["checks"]] == ["least_rows", "model"]
    back = db.rollback(authors)
    assert (back.live, back.replaced) == ("g1", "g2") and [live(db, own) for own in two] == ["g2", "g1"]
    assert db.rollback(items).live == "g1"
    again = db.publish_together(both)
    assert all(again[own].report["passed"] is True for own in two), "a report without checks too"
    states = {own.label: own.state for own in db.generations(items)}
    assert states == {"g1": State.RETIRED, "g2": State.LIVE}


def test_searches_while_generations_are_published_are_each_answered_by_one_of_them(daemon, db, name):
    """Two threads search, plainly and filtered, while the two generations take turns; their ids have nothing in common."""
    rows, queries = vectors(2_000, 1), vectors(50, 2)
    db.create(name, DIMENSION, "ip", attributes={"half": "int"})
    for place, label in enumerate(("g1", "g2")):
        ids = range(place * 10_000, place * 10_000 + len(rows))
        db.ingest(name, ids, rows, generation=label, attributes={"half": [own % 2 for own in ids]})
        db.build_index(name, label, index="ivf")
    db.publish(name, "g1")
    answered: list[str] = []
    over = threading.Event()

    def search(filter):
        with daemon.connect() as own:
            while not over.is_set():
                found = own.search(name, queries, k=20, filter=filter)
                first = 10_000 * (found.generation == "g2")
                assert ((found.ids >= first) & (found.ids < first + len(rows))).all(), found.generation
                assert filter is None or (found.ids % 2 == 0).all()
                answered.append(found.generation)

    with ThreadPoolExecutor(2) as pool:
        searches = [pool.submit(search, filter) for filter in (None, "half = 0")]
        try:
            for turn in range(200):
                db.publish(name, ("g2", "g1")[turn % 2], checks=PublishChecks(min_rows=len(rows)))
                if turn % 10 == 9:
                    db.rollback(name)
        finally:
            over.set()
        for one in searches:
            one.result()
    assert {"g1", "g2"} == set(answered) and len(answered) > 50


def test_publishes_together_are_there_after_kill_9(own_daemon):
    with own_daemon.connect() as db:
        for own in ("a", "b"):
            build(db, own, "g1", vectors(50), "m1")
        db.publish_together({"a": "g1", "b": "g1"}, {"a": "", "b": ""})
    own_daemon.stop(signal.SIGKILL)
    own_daemon.start()
    with own_daemon.connect() as db:
        assert live(db, "a") == live(db, "b") == "g1" and db.verify().findings == []


def test_bytes_that_break_the_page_are_refused(db, two):
    items, authors = two

    def code(message):
        return code_of(db._call, message)

    def publish(name, **options):
        return p.PublishRequest(name, "g2", False, "", **options)

    one = p.Queries(1, DIMENSION, np.ones(DIMENSION, "<f4"))
    pair = p.Queries(2, DIMENSION, np.ones(2 * DIMENSION, "<f4"))
    for message, right in (
        (p.ConfigureRequest(items), ErrorCode.INVALID_ARGUMENT),
        (p.ConfigureRequest(items, captured_queries=65_537), ErrorCode.LIMIT_EXCEEDED),
        (p.ConfigureRequest(items, gauge_share=float("nan")), ErrorCode.INVALID_ARGUMENT),
        (p.ConfigureRequest(items, gauge_share=-0.5), ErrorCode.INVALID_ARGUMENT),
        (p.IngestBeginRequest(items, "g9", "a b"), ErrorCode.INVALID_ARGUMENT),
        (p.IngestBeginRequest(items, "g9", ""), ErrorCode.INVALID_ARGUMENT),
        (publish(items, least_recall=float("nan")), ErrorCode.INVALID_ARGUMENT),
        (publish(items, greatest_drift=-1.0), ErrorCode.INVALID_ARGUMENT),
        (publish(items, model="-"), ErrorCode.INVALID_ARGUMENT),
        (publish(items, k=0), ErrorCode.INVALID_ARGUMENT), (publish(items, k=16_385), ErrorCode.LIMIT_EXCEEDED),
        (publish(items, queries=p.Queries(0, DIMENSION, np.empty(0, "<f4"))), ErrorCode.INVALID_ARGUMENT),
        (publish(items, live_queries=one), ErrorCode.INVALID_ARGUMENT),
        (publish(items, least_overlap=0.5, queries=one, live_queries=pair), ErrorCode.INVALID_ARGUMENT),
        (p.PublishTogetherRequest([]), ErrorCode.INVALID_ARGUMENT),
        (p.PublishTogetherRequest([publish(items)] * 2), ErrorCode.INVALID_ARGUMENT),
        (p.PublishTogetherRequest([publish(items)] * 17), ErrorCode.LIMIT_EXCEEDED),
        (p.PublishTogetherRequest([publish(items, dry_run=True), publish(authors)]), ErrorCode.INVALID_ARGUMENT),
    ):
        assert code(message) is right, message
    assert [live(db, own) for own in two] == ["g1", "g1"] and "g9" not in models(db, items)
    assert db.describe(items)["captured_queries"] == 0
