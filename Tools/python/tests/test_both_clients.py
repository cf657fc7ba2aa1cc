"""The Swift client, through vecctl and its files, gives what the Python client gives; numpy judges both."""

import subprocess

import numpy as np
import pytest

from conftest import binary
from test_end_to_end import fill
from truth import METRICS, check, random_set


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
