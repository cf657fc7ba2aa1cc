"""The Swift client, through vecctl and its files, gives what the Python client gives; numpy judges both."""

import subprocess

import numpy as np
import pytest

from conftest import binary
from test_end_to_end import fill
from truth import METRICS, check, random_set
from vecd import ErrorCode, VecdError


def run(daemon, *arguments):
    program = binary("VECCTL_BIN", "vecctl")
    done = subprocess.run(
        [str(program), "--socket", daemon.socket, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(20))
def test_vecctl_finds_exactly_what_numpy_finds(daemon, db, name, tmp_path, metric, seed):
    ids, items, queries, k = random_set(seed, metric)
    ids &= np.uint64(2**63 - 1)  # vecctl's files hold ids as int64
    np.save(tmp_path / "items.npy", items)
    np.save(tmp_path / "ids.npy", ids)
    np.save(tmp_path / "queries.npy", queries)
    run(daemon, "create", name, "--dim", items.shape[1], "--metric", metric)
    run(daemon, "ingest", name, tmp_path / "items.npy", "--ids", tmp_path / "ids.npy", "--generation", "g")
    run(daemon, "build-index", name, "--generation", "g", "--type", "flat", "--wait")
    run(daemon, "publish", name, "g")
    run(daemon, "search", name, "--queries", tmp_path / "queries.npy", "-k", k, "--out", tmp_path / "found")

    found = np.load(tmp_path / "found.ids.npy")
    given = np.load(tmp_path / "found.scores.npy")
    assert found.dtype == np.int64 and given.dtype == np.float32
    result = db.search(name, queries, k)
    check(result, queries, ids, items, metric, k)
    assert found.shape == given.shape == result.ids.shape
    assert ((found == -1) == ~result.mask).all()
    assert (found[result.mask] == result.ids[result.mask].astype(np.int64)).all()
    assert (given[result.mask] == result.scores[result.mask]).all()


def test_vecctl_searches_several_interests(daemon, db, name, tmp_path):
    rng = np.random.default_rng(5)
    items = rng.standard_normal((500, 12)).astype(np.float32)
    queries = rng.standard_normal((7, 4, 12)).astype(np.float32)
    ids = rng.permutation(500).astype(np.uint64)
    fill(db, name, ids, items, "ip")
    np.save(tmp_path / "users.npy", queries)
    run(daemon, "search", name, "--queries", tmp_path / "users.npy", "--interests", "-k", 30, "--out", tmp_path / "found")
    result = db.search(name, queries, 30)
    check(result, queries, ids, items, "ip", 30)
    assert (np.load(tmp_path / "found.ids.npy") == result.ids.astype(np.int64)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_excluded_items_and_bad_scores_are_left_out_from_both_clients(daemon, db, name, tmp_path, metric):
    rng = np.random.default_rng(11)
    items = rng.standard_normal((800, 12)).astype(np.float32)
    queries = rng.standard_normal((5, 12)).astype(np.float32)
    ids = rng.permutation(800).astype(np.uint64)
    fill(db, name, ids, items, metric)
    seen = [best[:count] for best, count in zip(db.search(name, queries, 100).ids, (0, 1, 20, 60, 100))]

    own = db.search(name, queries, 30, exclude=seen)
    for query, excluded in enumerate(seen):
        left = ~np.isin(ids, excluded)
        alone = db.search(name, queries[query], 30, exclude=excluded)
        check(alone, queries[query : query + 1], ids[left], items[left], metric, 30)
        assert (own.ids[query] == alone.ids[0]).all() and (own.scores[query] == alone.scores[0]).all()

    np.save(tmp_path / "queries.npy", queries)
    np.save(tmp_path / "seen.npy", seen[3].astype(np.int64))
    common = db.search(name, queries, 30, exclude=seen[3])
    assert not np.isin(common.ids, seen[3]).any()
    search = ("search", name, "--queries", tmp_path / "queries.npy", "-k", 30)
    for words in (["--exclude", ",".join(map(str, seen[3]))], ["--exclude-file", tmp_path / "seen.npy"]):
        run(daemon, *search, *words, "--out", tmp_path / "found")
        assert (np.load(tmp_path / "found.ids.npy") == common.ids.astype(np.int64)).all()

    limit = float(common.scores[2, 10])
    limited = db.search(name, queries, 30, exclude=seen[3], score_limit=limit)
    is_good = common.scores <= np.float32(limit) if metric == "l2" else common.scores >= np.float32(limit)
    assert (limited.counts == is_good.sum(axis=1)).all() and limited.counts[2] == 11
    run(daemon, *search, "--exclude-file", tmp_path / "seen.npy", "--score-limit", limit, "--out", tmp_path / "found")
    assert (np.load(tmp_path / "found.ids.npy")[limited.mask] == limited.ids[limited.mask].astype(np.int64)).all()


def test_an_exclusion_that_cannot_be_meant_is_refused(daemon, db, name):
    fill(db, name, np.arange(10, dtype=np.uint64), np.eye(10, dtype=np.float32), "ip")
    queries = np.eye(3, 10, dtype=np.float32)
    for wrong in ([[1], [2]], [-1], [1.5], [[1], [2], [-3]], np.zeros((3, 2), np.uint64)):
        with pytest.raises(VecdError) as caught:
            db.search(name, queries, 2, exclude=wrong)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT, wrong
    with pytest.raises(VecdError) as caught:
        db.search(name, queries, 2, exclude=np.arange(300_000))
    assert caught.value.code is ErrorCode.LIMIT_EXCEEDED
    with pytest.raises(VecdError):
        db.search(name, queries, 2, score_limit=float("nan"))
    assert db.search(name, queries, 2, exclude=[]).counts.tolist() == [2, 2, 2]
