"""The whole chain against the real daemon."""

import gzip
import signal
import time

import numpy as np
import pytest

import vecd
from conftest import ROOT
from truth import METRICS, check, random_set, scores
from vecd import ErrorCode, State, VecdError

SAMPLE = ROOT / "Tools" / "data" / "reddit-sample"


def fill(db, name, ids, items, metric, generation=None):
    """Creates the collection if need be, ingests, builds and publishes; returns the label."""
    if name not in [collection.name for collection in db.collections()]:
        db.create(name, items.shape[1], metric)
    db.ingest(name, ids, items, generation)
    label = db.build_index(name, generation).generation
    db.publish(name, label)
    return label


def code_of(call, *arguments, **options):
    with pytest.raises(VecdError) as caught:
        call(*arguments, **options)
    assert "\n" not in caught.value.message
    return caught.value.code


def test_the_whole_chain(db, name):
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((2, 300, 8)).astype(np.float32)
    ids = np.arange(1000, 1300, dtype=np.uint64)
    queries = rng.standard_normal((5, 8)).astype(np.float32)

    db.create(name, 8, "ip")
    assert code_of(db.create, name, 8, "ip") is ErrorCode.COLLECTION_EXISTS
    assert code_of(db.search, name, queries, 3) is ErrorCode.NO_LIVE_GENERATION

    done = db.ingest(name, ids[:200], first[:200], "monday")
    assert done.rows == 200 and done.bytes > 200 * 8 * 4
    assert db.ingest(name, ids[200:], first[200:], "monday").sequence > done.sequence
    assert code_of(db.publish, name, "monday") is ErrorCode.GENERATION_STATE
    built = db.build_index(name, "monday", target_recall=0.9, queries=queries)
    assert built.generation == "monday"
    assert built.report["index"] == "flat" and built.report["rows"] == len(ids) and built.report["expected_recall"] == 1
    assert db.publish(name, "monday", expect="").replaced == ""
    check(db.search(name, queries, 10), queries, ids, first, "ip", 10)

    db.ingest(name, ids, second, "tuesday")
    db.build_index(name, "tuesday")
    assert db.search(name, queries, 10).generation == "monday"
    check(db.search(name, queries, 10, generation="tuesday"), queries, ids, second, "ip", 10)
    assert code_of(db.publish, name, "tuesday", expect="sunday") is ErrorCode.LIVE_GENERATION_CHANGED
    assert db.publish(name, "tuesday", expect="monday").replaced == "monday"
    result = db.search(name, queries, 10)
    assert result.parameter == 0
    assert result.generation == "tuesday" and result.expected_recall == 1
    check(result, queries, ids, second, "ip", 10)

    labels = [(generation.label, generation.state, generation.rows) for generation in db.generations(name)]
    assert labels == [("monday", State.RETIRED, 300), ("tuesday", State.LIVE, 300)]
    now = time.time() * 1000
    for generation in db.generations(name):
        assert now - 600_000 < generation.created <= generation.built <= generation.published <= now + 1000

    back = db.rollback(name)
    assert (back.live, back.replaced) == ("monday", "tuesday")
    check(db.search(name, queries, 10), queries, ids, first, "ip", 10)

    listed = {collection.name: collection for collection in db.collections()}[name]
    assert (listed.dimension, listed.metric, listed.live_generation) == (8, vecd.Metric.IP, "monday")
    assert (listed.live_rows, listed.generation_count, listed.fence) == (300, 2, "")

    report = db.verify(name)
    assert report.files >= 2 and report.bytes > 0 and report.findings == []
    assert db.verify().files >= report.files
    assert isinstance(db.stats(), dict) and db.stats()

    assert code_of(db.drop, name, "monday") is ErrorCode.GENERATION_STATE
    db.drop(name, "tuesday")
    assert [generation.label for generation in db.generations(name)] == ["monday"]
    assert code_of(db.rollback, name) is ErrorCode.NO_PREVIOUS_GENERATION
    db.drop(name)
    assert code_of(db.search, name, queries, 3) is ErrorCode.COLLECTION_NOT_FOUND


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(20))
def test_search_is_exactly_what_numpy_finds(db, name, metric, seed):
    ids, items, queries, k = random_set(seed, metric)
    fill(db, name, ids, items, metric)
    check(db.search(name, queries, k), queries, ids, items, metric, k)
    check(db.search(name, queries, k, exact=True, index="flat", batch_queries=1), queries, ids, items, metric, k)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("interests", [2, 5, 8])
def test_several_interests_give_the_best_over_them(db, name, metric, interests):
    rng = np.random.default_rng(interests)
    items = rng.standard_normal((700, 24)).astype(np.float32)
    ids = rng.permutation(700).astype(np.uint64)
    queries = rng.standard_normal((6, interests, 24)).astype(np.float32)
    fill(db, name, ids, items, metric)
    result = db.search(name, queries, 50)
    check(result, queries, ids, items, metric, 50)
    each = np.stack([scores(queries[:, i], items, metric) for i in range(interests)])  # (interests, n, items)
    rows = np.argsort(ids)[result.ids.astype(np.int64)]
    for query in range(6):
        mine = each[result.interests[query], query, rows[query]]
        best = each[:, query, rows[query]]
        best = best.min(axis=0) if metric == "l2" else best.max(axis=0)
        np.testing.assert_allclose(mine, best, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<f8"])
def test_get_gives_back_what_was_ingested(db, name, dtype):
    rng = np.random.default_rng(3)
    items = rng.standard_normal((9000, 5)).astype(np.float16).astype(dtype)
    ids = rng.choice(2**60, 9000, replace=False).astype(np.uint64)
    fill(db, name, ids, items, "l2")
    order = rng.permutation(9000)
    got = db.get(name, ids[order])
    assert got.found.all() and (got.vectors == items[order].astype(np.float32)).all()
    mixed = db.get(name, [int(ids[4]), 2**62, int(ids[2])])
    assert mixed.found.tolist() == [True, False, True]
    assert np.isnan(mixed.vectors[1]).all() and (mixed.vectors[2] == items[2]).all()


def test_float16_rows_are_stored_in_half_the_bytes(db, name):
    items = np.random.default_rng(1).standard_normal((4000, 64)).astype(np.float16)
    db.create(name, 64, "ip")
    narrow = db.ingest(name, np.arange(4000), items, "narrow")
    assert narrow.element.name == "F16"
    wide = items.astype(np.float32) + np.float32(1e-6)
    full = db.ingest(name, np.arange(4000), wide, "full")
    assert full.element.name == "F32" and narrow.bytes < 0.6 * full.bytes


def test_a_large_ingest_is_pipelined_and_reports_progress(db, name):
    rng = np.random.default_rng(2)
    items = rng.standard_normal((60_000, 32)).astype(np.float32)
    ids = rng.permutation(60_000).astype(np.uint64)
    steps = []
    db.create(name, 32, "ip")
    done = db.ingest(name, ids, items, batch_rows=1000, progress=lambda rows, total: steps.append((rows, total)))
    assert done.rows == 60_000
    assert steps == [(1000 * (i + 1), 60_000) for i in range(60)]
    db.publish(name, db.build_index(name).generation)
    queries = rng.standard_normal((600, 32)).astype(np.float32)
    result = db.search(name, queries, 500)
    exact = np.sort(queries.astype(np.float64) @ items.T.astype(np.float64), axis=1)[:, ::-1][:, :500]
    np.testing.assert_allclose(result.scores, exact, rtol=1e-6, atol=1e-6)


def test_pieces_of_an_ingest_make_one_segment(db, name):
    items = np.random.default_rng(2).standard_normal((100, 4)).astype(np.float32)
    db.create(name, 4, "ip")
    with db.begin_ingest(name, "g") as ingest:
        for start in range(0, 100, 30):
            ingest.add(range(start, min(start + 30, 100)), items[start : start + 30])
    assert ingest.committed is not None and ingest.committed.rows == 100
    assert [(g.label, g.rows, g.segments) for g in db.generations(name)] == [("g", 100, 1)]


def test_an_ingest_without_rows_leaves_nothing(db, name):
    db.create(name, 4, "ip")
    assert db.ingest(name, [], np.zeros((0, 4), np.float32)).rows == 0
    assert all(generation.rows == 0 for generation in db.generations(name))


def test_an_aborted_ingest_leaves_nothing(db, name):
    db.create(name, 4, "ip")
    with pytest.raises(KeyError):
        with db.begin_ingest(name, "g") as ingest:
            ingest.add([1, 2], np.ones((2, 4), np.float32))
            raise KeyError
    assert db.generations(name) == []


def test_several_clients_search_while_generations_change(daemon, name):
    """Every answer comes wholly from one generation: all its scores name the same one."""
    import threading

    queries = np.ones((600, 4), np.float32)
    wrong, stop = [], threading.Event()
    with daemon.connect() as db:
        fill(db, name, np.arange(50), np.full((50, 4), 1, np.float32), "ip", "g1")

        def search():
            with daemon.connect() as own:
                while not stop.is_set():
                    result = own.search(name, queries, 20, batch_queries=100)
                    if not (result.scores == 4 * int(result.generation[1:])).all():
                        wrong.append((result.generation, np.unique(result.scores)))

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(2, 8):
                fill(db, name, np.arange(50), np.full((50, 4), number, np.float32), "ip", f"g{number}")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not wrong


def test_what_was_acknowledged_is_there_after_kill_9(own_daemon):
    rng = np.random.default_rng(5)
    items = rng.standard_normal((500, 16)).astype(np.float32)
    queries = rng.standard_normal((3, 16)).astype(np.float32)
    with own_daemon.connect() as db:
        fill(db, "kept", np.arange(500), items, "cosine", "g1")
        db.ingest("kept", np.arange(500), items + 1, "g2")
        open_ingest = db.begin_ingest("kept", "g3")
        open_ingest.add(np.arange(500), items)
        own_daemon.stop(signal.SIGKILL)
    own_daemon.start()
    with own_daemon.connect() as db:
        check(db.search("kept", queries, 20), queries, np.arange(500, dtype=np.uint64), items, "cosine", 20)
        assert [(g.label, g.rows) for g in db.generations("kept") if g.rows] == [("g1", 500), ("g2", 500)]
        assert db.verify().findings == []


def test_the_same_client_goes_on_after_a_restart(own_daemon):
    with own_daemon.connect() as db:
        fill(db, "kept", np.arange(10), np.ones((10, 2), np.float32), "ip")
        assert own_daemon.stop() == 0
        assert code_of(db.search, "kept", np.ones((1, 2), np.float32), 3) in (
            ErrorCode.CONNECTION_LOST, ErrorCode.SHUTTING_DOWN, ErrorCode.NOT_REACHABLE)
        own_daemon.start()
        for _ in range(2):
            try:
                result = db.search("kept", np.ones((1, 2), np.float32), 3)
                break
            except VecdError as error:
                assert error.retryable
        assert result.ids.tolist() == [[0, 1, 2]]


def test_a_second_daemon_on_the_same_store_is_refused(own_daemon):
    import subprocess

    second = subprocess.run(
        [str(own_daemon.program), "serve", "--store", str(own_daemon.store), "--socket", own_daemon.socket + "2"],
        capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert second.returncode == ErrorCode.STORE_IN_USE.exit_status, second.stderr
    with own_daemon.connect() as db:
        db.ping()


def test_the_sample_finds_as_many_true_posts_as_its_page_says(db, name):
    items, ids = np.load(SAMPLE / "items.f16.npy"), np.load(SAMPLE / "ids.npy")
    queries, targets = np.load(SAMPLE / "queries.npy"), np.load(SAMPLE / "target_ids.npy")
    with gzip.open(SAMPLE / "titles.tsv.gz", "rt", encoding="utf-8") as titles:
        assert [int(line.split("\t")[0]) for line in titles] == ids.tolist()
    fill(db, name, ids, items, "cosine")
    result = db.search(name, queries, 500)
    hit = result.ids == targets[:, None]
    shares = [round(100 * hit[:, :first].any(axis=1).mean(), 1) for first in (10, 100, 500)]
    assert shares == [32.2, 53.0, 73.2]
    exact = queries.astype(np.float64) @ items.astype(np.float64).T
    exact /= np.linalg.norm(items.astype(np.float64), axis=1)
    exact /= np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(result.scores, -np.sort(-exact, axis=1)[:, :500], rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("kind", ["ivf", "hnsw", "auto"])
def test_a_recall_that_is_asked_for_is_reached(db, name, kind):
    rng = np.random.default_rng(11)
    centres = rng.standard_normal((30, 24)).astype(np.float32)
    items = (centres[rng.integers(30, size=8000)] + 0.4 * rng.standard_normal((8000, 24))).astype(np.float32)
    users = (items[rng.integers(8000, size=300)] + 0.5 * items[rng.integers(8000, size=300)]).astype(np.float32)
    db.create(name, 24, "ip")
    db.ingest(name, np.arange(8000), items, "g")
    built = db.build_index(name, "g", kind, target_recall=0.9, queries=users[:200])
    assert built.report["target_recall"] == pytest.approx(0.9)
    made = {"ivf", "hnsw"} if kind == "auto" else {kind}
    assert {entry["index"] for entry in built.report["indexes"]} == made
    db.publish(name, "g")
    for k in (10, 100):
        truth = db.search(name, users[200:], k, exact=True)
        for index in made:
            found = db.search(name, users[200:], k, recall=0.9, index=index)
            assert found.index.name.lower() == index and found.parameter >= 1 and found.expected_recall >= 0.9
            shared = np.mean([len(set(a) & set(b)) for a, b in zip(found.ids, truth.ids)]) / k
            assert shared > 0.87, index
