"""Named sets of excluded ids: against a scripted daemon, then against the real one and through vecctl."""

import json
import signal
import subprocess
import time

import numpy as np
import pytest

import vecd
from conftest import binary
from test_client import refused
from test_end_to_end import fill
from truth import METRICS
from vecd import ErrorCode
from vecd import protocol as p
from vecd.wire import Kind, Limits

# -- scripted


def rows(count: int, width: int = 2) -> np.ndarray:
    return np.arange(count * width, dtype=np.float32).reshape(count, width)


def test_what_is_wrong_is_refused_before_anything_is_sent(scripted):
    with vecd.connect(scripted.path) as db:
        before = len(scripted.seen)
        for call in (
            lambda: db.exclude("x", "u", []), lambda: db.exclude("x", "u", [-1]), lambda: db.exclude("x", "a b", [1]),
            lambda: db.exclude("x", "", [1]), lambda: db.exclude("x", "é", [1]), lambda: db.exclude("x", "a" * 65, [1]),
            lambda: db.exclude("x", "u\n", [1]), lambda: db.exclude("x", "u", [1], ttl=0),
            lambda: db.exclude("x", "u", [1], ttl=1.5), lambda: db.forget_exclusions("x", "-"),
            lambda: db.exclusions("x", None), lambda: db.search("x", rows(1), 1, exclude_set="a b"),
            lambda: db.search("x", rows(2), 1, exclude_set=["a"]), lambda: db.search("x", rows(2), 1, exclude_set=["a", 7]),
        ):
            assert isinstance(refused(ErrorCode.INVALID_ARGUMENT, call), ValueError)
        refused(ErrorCode.LIMIT_EXCEEDED, db.exclude, "x", "u", [1], ttl=2**32)
        assert len(scripted.seen) == before


def lose_the_second(scripted, reply):
    """Answers requests of a connection by their number, but for the second of the first one, which it closes."""

    def script(link, header, message):
        link.memory["n"] = link.memory.get("n", 0) + 1
        if scripted.connections == 1 and link.memory["n"] == 2:
            link.close()
        else:
            link.reply(header, reply(link.memory["n"]))

    scripted.script = script


def test_many_ids_go_in_several_requests_and_one_that_is_lost_goes_again(scripted):
    lose_the_second(scripted, p.ExcludeReply)
    with vecd.connect(scripted.path) as db:
        assert db.exclude("x", "u", np.arange(70_000), ttl=60) == 1
    sent = [message for _, message in scripted.seen if isinstance(message, p.ExcludeRequest)]
    assert [len(part.ids) for part in sent] == [65_536, 4_464, 4_464] and {part.seconds for part in sent} == {60}


def test_names_travel_with_the_queries_they_are_of(scripted):
    def script(link, header, message):
        count = message.query_count
        link.reply(header, p.SearchReply(
            "g", 1, 1, vecd.Index.FLAT, 0, 1.0, count, np.zeros(count, "<u4"), np.empty(0, "<u8"), np.empty(0, "<f4"),
            np.empty(0, "u1")))

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        db.search("x", rows(5), 1, exclude_set=["a", None, "", "b", "c"], batch_queries=2)
        db.search("x", rows(3), 1, exclude_set="a", batch_queries=2)
        db.search("x", rows(2), 1, exclude_set=["", None])
    sent = [message.exclude_sets for header, message in scripted.seen if header.kind == Kind.SEARCH]
    assert sent == [("a", ""), ("", "b"), ("c",), ("a",), ("a",), None]


# -- the real daemon


@pytest.mark.parametrize("metric", METRICS)
def test_a_set_excludes_what_its_ids_exclude_when_they_are_sent(db, name, metric):
    rng = np.random.default_rng(METRICS.index(metric))
    ids, items = rng.permutation(4_000).astype(np.uint64), rng.standard_normal((4_000, 12)).astype(np.float32)
    fill(db, name, ids, items, metric)
    queries = rng.standard_normal((6, 12)).astype(np.float32)
    seen = [found[: rng.integers(20, 100)] for found in db.search(name, queries, 100, exact=True).ids]
    for user, part in enumerate(seen):
        for start in range(0, len(part), 7):
            held = db.exclude(name, f"user-{user}", part[start : start + 7])
        assert held == len(part)
        assert (db.exclusions(name, f"user-{user}").ids == np.unique(part)).all()
    users = [f"user-{user}" for user in range(6)]

    def same(left, right):
        assert (left.ids == right.ids).all() and (left.counts == 30).all()
        assert (left.scores == right.scores).all()

    def find(**how):
        return db.search(name, queries, 30, exact=True, **how)

    same(find(exclude_set=users), find(exclude=seen))
    same(find(exclude_set=users, batch_queries=4), find(exclude=seen))
    same(find(exclude_set="user-3"), find(exclude=seen[3]))
    same(find(exclude_set=["user-0", None, "nobody", "", "", "user-5"]), find(exclude=[seen[0], [], [], [], [], seen[5]]))
    same(find(exclude_set=users, exclude=seen[1]), find(exclude=[np.concatenate([part, seen[1]]) for part in seen]))
    same(find(exclude_set="nobody"), find())
    assert db.forget_exclusions(name, "user-3") and not db.forget_exclusions(name, "user-3")
    same(find(exclude_set="user-3"), find())


def test_an_id_comes_back_when_its_life_ends(db, name):
    fill(db, name, np.arange(3, dtype=np.uint64), np.array([[1, 0], [2, 0], [3, 0]], np.float32), "ip")
    query = np.array([1, 0], np.float32)
    db.exclude(name, "u", [0])
    start = time.time()
    assert db.exclude(name, "u", [2], ttl=1) == 2
    found = db.exclusions(name, "u")
    assert found.ids.tolist() == [0, 2] and found.ends[0] == -1 and len(found) == 2
    assert 900 <= found.ends[1] - start * 1000 <= 5_000
    if time.time() - start < 0.9:
        assert db.search(name, query, 3, exclude_set="u").ids[0, :1].tolist() == [1]
    time.sleep(max(0.0, (found.ends[1] - time.time() * 1000) / 1000) + 0.05)
    assert db.search(name, query, 2, exclude_set="u").ids[0].tolist() == [2, 1]
    assert db.exclusions(name, "u").ids.tolist() == [0]


def test_sets_survive_kill_9_and_a_restart_and_go_with_their_collection(own_daemon):
    with own_daemon.connect() as db:
        db.create("x", 2, "ip")
        db.upsert("x", [1, 2, 3], [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
        for i in range(100):
            db.exclude("x", f"u{i % 7}", [i, 3], ttl=None if i % 2 else 3_600)
        db.forget_exclusions("x", "u6")
        before = [db.exclusions("x", f"u{i}") for i in range(8)]
        assert db.stats()["exclude_sets"]["sets"] == 6
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        own_daemon.stop(how)
        own_daemon.start()
        with own_daemon.connect() as db:
            for i, old in enumerate(before):
                now = db.exclusions("x", f"u{i}")
                assert now.ids.tolist() == old.ids.tolist() and now.ends.tolist() == old.ends.tolist()
            assert db.search("x", np.array([1, 0], np.float32), 1, exclude_set="u0").ids.tolist() == [[2]]
            assert db.verify().findings == []
    with own_daemon.connect() as db:
        db.drop("x")
        assert db.stats()["exclude_sets"] == {"sets": 0, "ids": 0, "bytes": 0, "damaged": 0}
        refused(ErrorCode.COLLECTION_NOT_FOUND, db.exclude, "x", "u", [1])


def test_a_set_outlives_its_generation(db, name):
    items = np.array([[1, 0], [2, 0], [3, 0]], np.float32)
    fill(db, name, np.arange(3, dtype=np.uint64), items, "ip")
    db.exclude(name, "u", [2])
    receipt = db.ingest(name, np.arange(3, dtype=np.uint64), -items, generation="next")
    assert receipt.rows == 3
    db.build_index(name, "next")
    db.publish(name, "next")
    assert db.search(name, np.array([-1, 0], np.float32), 1, exclude_set="u").ids.tolist() == [[1]]


def test_the_limit_of_a_set_makes_the_oldest_leave(db, name):
    db.create(name, 2, "ip")
    assert db.exclude(name, "u", np.arange(70_000)) == Limits.EXCLUDE_IDS
    held = db.exclusions(name, "u")
    assert held.ids[0] == 4_464 and held.ids[-1] == 69_999


# -- vecctl


def vecctl(daemon, *arguments):
    return subprocess.run(
        [str(binary("VECCTL_BIN", "vecctl")), "--socket", daemon.socket, *map(str, arguments)],
        capture_output=True, text=True, timeout=60)


def test_vecctl_keeps_shows_and_forgets_sets(daemon, db, name, tmp_path):
    fill(db, name, np.arange(10, dtype=np.uint64), np.eye(10, dtype=np.float32), "ip")
    np.save(tmp_path / "seen.npy", np.array([7, 3], np.int64))
    done = vecctl(daemon, "exclude", name, "user-17", "--ids", "9,7")
    assert done.returncode == 0 and "2 ids appended to user-17, which has 2 now" in done.stdout
    done = vecctl(daemon, "--json", "exclude", name, "user-17", "--ids-file", tmp_path / "seen.npy", "--ttl", 3600)
    assert json.loads(done.stdout) == {"collection": name, "set": "user-17", "appended": 2, "ids": 3}
    shown = json.loads(vecctl(daemon, "--json", "exclude", name, "user-17", "--list").stdout)
    assert [item["id"] for item in shown["ids"]] == [3, 7, 9]
    assert shown["ids"][1]["until"] is None and shown["ids"][0]["until"] > time.time() * 1000
    assert "for ever" in vecctl(daemon, "exclude", name, "user-17", "--list").stdout
    vector = ",".join(str(float(i)) for i in range(10))
    found = json.loads(vecctl(
        daemon, "--json", "search", name, "--vector", vector, "-k", 3, "--exclude-set", "user-17", "--exclude", 8).stdout)
    assert [item["id"] for item in found["results"][0]] == [6, 5, 4]
    assert "user-17 is forgotten" in vecctl(daemon, "exclude", name, "user-17", "--forget").stdout
    assert "there was no exclude set user-17" in vecctl(daemon, "exclude", name, "user-17", "--forget").stdout
    assert "excludes nothing" in vecctl(daemon, "exclude", name, "user-17", "--list").stdout


@pytest.mark.parametrize("arguments,said", [
    (["u"], "needs one of --ids, --ids-file, --list and --forget"),
    (["u", "--ids", "1", "--list"], "needs one of"),
    (["u", "--list", "--ttl", "5"], "--ttl belongs to"),
    (["u", "--ids", "1", "--ttl", "0"], "must be 1 to 4294967295"),
    (["a b", "--ids", "1"], "exclude set \"a b\""),
    (["u", "--ids", "1,x"], "\"x\" is not an integer"),
])
def test_vecctl_says_what_would_be_right(daemon, db, name, arguments, said):
    db.create(name, 2)
    done = vecctl(daemon, "exclude", name, *arguments)
    assert done.returncode == 64 and said in done.stderr and done.stderr.count("\n") == 1
