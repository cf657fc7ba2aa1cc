"""Single writes: against a scripted daemon, then against the real one."""

import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import vecd
from conftest import Daemon, binary
from test_client import refused
from truth import METRICS, check
from vecd import ErrorCode, State, WriteResult
from vecd import protocol as p
from vecd.wire import Kind, Limits

# -- scripted


def rows(count: int, width: int = 2) -> np.ndarray:
    return np.arange(count * width, dtype=np.float32).reshape(count, width)


def receipts(link, header, message):
    kind = p.UpsertReply if header.kind == Kind.UPSERT else p.DeleteReply
    link.memory["n"] = link.memory.get("n", 0) + 1
    link.reply(header, kind("g1", 10 + link.memory["n"], len(message.ids) // 2, False))


def sent(scripted, kind) -> list:
    return [message for _, message in scripted.seen if isinstance(message, kind)]


def test_a_write_carries_ids_rows_generation_and_a_random_token(scripted):
    scripted.script = receipts
    with vecd.connect(scripted.path) as db:
        assert db.upsert("x", [7, 8], rows(2)) == WriteResult("g1", 11, 1, False, 1)
        assert db.upsert("x", [7, 8], rows(2).astype(np.float64), generation="g1").sequence == 12
        assert db.delete("x", np.array([7, 8, 9, 9])) == WriteResult("g1", 13, 2, False, 1)
    first, second = sent(scripted, p.UpsertRequest)
    assert (first.generation, second.generation) == ("", "g1")
    assert first.ids.tolist() == [7, 8] and (first.vectors == rows(2).reshape(-1)).all() and first.dimension == 2
    tokens = [first.token, second.token, sent(scripted, p.DeleteRequest)[0].token]
    assert len(set(tokens)) == 3 and all(len(token) == 16 and any(token) for token in tokens)


def test_large_arrays_become_several_writes_of_one_generation(scripted):
    scripted.script = receipts
    own = bytes(range(16))
    with vecd.connect(scripted.path) as db:
        for _ in range(2):
            done = db.upsert("x", np.arange(40_000), np.ones((40_000, 3), np.float32), token=own)
        assert done == WriteResult("g1", 16, 20_000, False, 3)
        wide = db.upsert("x", np.arange(1000), np.ones((1000, 4096), np.float16))
        assert wide.writes == 2
        assert db.delete("x", np.arange(70_000)).writes == 2
    parts = sent(scripted, p.UpsertRequest)
    assert [len(part.ids) for part in parts] == [16_384, 16_384, 7_232] * 2 + [511, 489]
    assert [part.generation for part in parts[:3]] == ["", "g1", "g1"]
    assert all(len(part.ids) * (8 + 4 * part.dimension) <= Limits.UPSERT_BYTES for part in parts)
    tokens = [part.token for part in parts]
    assert tokens[0] == own and len(set(tokens[:3])) == 3
    assert tokens[:3] == tokens[3:6], "the same call with the same token can be carried out once"


def test_a_write_whose_connection_is_lost_is_sent_again_with_its_token(scripted):
    def script(link, header, message):
        if scripted.connections == 1:
            link.close()
        else:
            link.reply(header, p.UpsertReply("g1", 9, 0, True))

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        assert db.upsert("x", [1], rows(1)) == WriteResult("g1", 9, 0, True, 1)
    first, second = sent(scripted, p.UpsertRequest)
    assert first.token == second.token and first.ids.tolist() == second.ids.tolist()


def test_it_is_sent_again_once_and_no_more(scripted):
    scripted.script = lambda link, header, message: link.close()
    with vecd.connect(scripted.path) as db:
        refused(ErrorCode.CONNECTION_LOST, db.delete, "x", [1])
        assert len(sent(scripted, p.DeleteRequest)) == 2
        refused(ErrorCode.CONNECTION_LOST, db.seal, "x")
        assert len(sent(scripted, p.SealRequest)) == 1


def test_a_daemon_that_stays_away_leaves_the_outcome_open(scripted):
    def script(link, header, message):
        scripted.close()
        link.close()

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        refused(ErrorCode.CONNECTION_LOST, db.upsert, "x", [1], rows(1))


def test_an_unknown_outcome_is_the_callers_to_decide(scripted):
    scripted.script = lambda link, header, message: link.error(header, 5007, "a sync failed")
    with vecd.connect(scripted.path) as db:
        error = refused(ErrorCode.OUTCOME_UNKNOWN, db.upsert, "x", [1], rows(1))
    assert error.retryable and error.exit_status == 75
    assert len(sent(scripted, p.UpsertRequest)) == 1


def test_what_is_wrong_is_refused_before_anything_is_sent(scripted):
    with vecd.connect(scripted.path) as db:
        before = len(scripted.seen)
        for call in (
            lambda: db.upsert("x", [1], rows(2)), lambda: db.upsert("x", [1], [1.0, 2.0]),
            lambda: db.upsert("x", [1], rows(1).astype(int)), lambda: db.upsert("x", [], rows(0)),
            lambda: db.upsert("x", [-1], rows(1)), lambda: db.upsert("x", [1], rows(1), token=b"short"),
            lambda: db.upsert("x", [1], rows(1), token=bytes(16)), lambda: db.delete("x", []),
            lambda: db.delete("x", [1.5]), lambda: db.search("x", rows(1), 1, at_least=-1),
        ):
            assert isinstance(refused(ErrorCode.INVALID_ARGUMENT, call), ValueError)
        lost = np.array([[1.0, 1e300]])
        refused(ErrorCode.VALUE_NOT_FINITE, db.upsert, "x", [1], lost)
        assert len(scripted.seen) == before


def test_upkeep_replies_are_objects_and_at_least_travels(scripted):
    def script(link, header, message):
        if header.kind == Kind.SEARCH:
            assert message.least_sequence == 77
            link.error(header, ErrorCode.DEADLINE_EXCEEDED, "sequence 5, asks for 77")
        else:
            link.reply(header, {
                Kind.SEAL: p.SealReply('{"rows":1}'), Kind.COMPACT: p.CompactReply('{"rows":2}'),
                Kind.SNAPSHOT: p.SnapshotReply("no JSON"), Kind.CANCEL_BUILD: p.CancelBuildReply(True),
            }[Kind(header.kind)])

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        assert db.seal("x") == {"rows": 1} and db.compact("x", "g") == {"rows": 2}
        assert db.cancel_build("x") is True
        refused(ErrorCode.MALFORMED_FRAME, db.snapshot, "s")
        refused(ErrorCode.DEADLINE_EXCEEDED, db.search, "x", rows(1), 1, at_least=77)
    deadlines = {Kind(header.kind): header.deadline for header, _ in scripted.seen}
    assert deadlines[Kind.SEAL] == deadlines[Kind.COMPACT] == deadlines[Kind.SNAPSHOT] == 0
    assert deadlines[Kind.CANCEL_BUILD] > 0


# -- the real daemon


class Model:
    """What a generation must hold."""

    def __init__(self) -> None:
        self.rows: dict[int, np.ndarray] = {}

    def upsert(self, ids, vectors) -> int:
        existing = len({int(i) for i in ids} & self.rows.keys())
        self.rows.update((int(i), vector) for i, vector in zip(ids, vectors))
        return existing

    def delete(self, ids) -> int:
        gone = {int(i) for i in ids} & self.rows.keys()
        for i in gone:
            del self.rows[i]
        return len(gone)

    def arrays(self):
        ids = np.array(sorted(self.rows), np.uint64)
        return ids, np.stack([self.rows[int(i)] for i in ids])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("base", ["none", "flat"])
def test_searches_see_what_was_written_and_nothing_else(db, name, metric, base):
    rng = np.random.default_rng(METRICS.index(metric))
    model = Model()
    db.create(name, 12, metric)
    if base != "none":
        ids, items = np.arange(2000, dtype=np.uint64), rng.standard_normal((2000, 12)).astype(np.float32)
        db.ingest(name, ids, items)
        db.publish(name, db.build_index(name, index=base).generation)
        model.upsert(ids, items)
    last = 0
    for step in range(25):
        ids = rng.integers(0, 3000, rng.integers(1, 200)).astype(np.uint64)
        if step % 3 == 2:
            done = db.delete(name, ids)
            assert done.existing == model.delete(ids)
        else:
            items = rng.standard_normal((len(ids), 12)).astype(np.float32)
            done = db.upsert(name, ids, items)
            assert done.existing == model.upsert(ids, items)
        assert done.sequence > last and not done.repeated
        last = done.sequence
        if step == 12:
            db.seal(name)
        if step == 18:
            assert db.compact(name)["rows"] == len(model.rows)
        queries = rng.standard_normal((3, 12)).astype(np.float32)
        held, items = model.arrays()
        found = db.search(name, queries, 20, at_least=done.sequence, exact=True)
        assert found.sequence >= done.sequence
        check(found, queries, held, items, metric, 20)
    got = db.get(name, np.arange(3000))
    assert got.found.tolist() == [i in model.rows for i in range(3000)]
    assert (got.vectors[got.found] == model.arrays()[1]).all()
    assert [(generation.state, generation.rows) for generation in db.generations(name)] == [(State.LIVE, len(model.rows))]
    assert db.verify(name).findings == []


def test_a_token_that_was_seen_changes_nothing(db, name):
    db.create(name, 2, "ip")
    token = bytes(range(1, 17))
    first = db.upsert(name, [1], [[1.0, 2.0]], token=token)
    assert not first.repeated
    db.upsert(name, [1], [[5.0, 5.0]])
    again = db.upsert(name, [1], [[1.0, 2.0]], token=token)
    assert again.repeated and again.sequence == first.sequence and again.existing == 0
    assert db.get(name, [1]).vectors.tolist() == [[5.0, 5.0]]


def test_a_search_waits_for_the_write_that_it_names(daemon, name):
    with daemon.connect() as db, daemon.connect() as other:
        db.create(name, 2, "ip")
        first = db.upsert(name, [1], [[1.0, 0.0]])
        refusal = refused(
            ErrorCode.DEADLINE_EXCEEDED, db.search, name, rows(1), 1, at_least=first.sequence + 1, timeout=0.1)
        assert str(first.sequence) in refusal.message and str(first.sequence + 1) in refusal.message
        found = []
        waiting = threading.Thread(
            target=lambda: found.append(db.search(name, np.array([1.0, 1.0], np.float32), 5, at_least=first.sequence + 1)))
        waiting.start()
        waiting.join(0.2)
        assert not found
        other.upsert(name, [2], [[3.0, 0.0]])
        waiting.join(20)
        assert found[0].ids[0, :2].tolist() == [2, 1]


def test_many_writers_at_once_are_grouped_and_all_of_them_count(daemon, name):
    with daemon.connect() as db:
        db.create(name, 4, "l2")
        before = db.stats()["writes"]

        def work(number: int) -> None:
            with daemon.connect() as mine:
                for i in range(40):
                    mine.upsert(name, [1000 * number + i], np.full((1, 4), number, np.float32))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = db.stats()["writes"]
        assert after["writes"] - before["writes"] == 240 and after["rows"] - before["rows"] == 240
        assert 1 <= after["groups"] - before["groups"] <= 240
        ids = [1000 * number + i for number in range(6) for i in range(40)]
        got = db.get(name, ids)
        assert got.found.all() and (got.vectors[:, 0] == np.repeat(np.arange(6), 40)).all()


def test_acknowledged_writes_survive_kill_9(own_daemon):
    with own_daemon.connect() as db:
        db.create("x", 3, "l2")
        for i in range(30):
            done = db.upsert("x", [i], np.full((1, 3), i, np.float32))
        db.delete("x", range(0, 30, 3))
    own_daemon.stop(signal.SIGKILL)
    own_daemon.start()
    with own_daemon.connect() as db:
        got = db.get("x", range(30))
        assert got.found.tolist() == [i % 3 != 0 for i in range(30)]
        assert db.search("x", np.zeros(3, np.float32), 30, at_least=done.sequence).counts.tolist() == [20]
        assert db.verify().findings == []


def test_a_snapshot_is_a_store_and_a_taken_name_is_refused(own_daemon):
    with own_daemon.connect() as db:
        db.create("x", 3, "l2")
        db.upsert("x", [1, 2], np.ones((2, 3), np.float32))
        made = db.snapshot("first")
        assert made["files"] >= 1 and made["bytes"] > 0
        refused(ErrorCode.CANNOT_CREATE, db.snapshot, "first")
        assert db.cancel_build("x") is False


SYNC = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int fails(void) { return access(getenv("SYNC_FAILS_WHEN"), F_OK) == 0 && (errno = EIO); }
int fsync(int fd) { return fails() ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails() ? -1 : (int)syscall(SYS_fdatasync, fd); }
"""


@pytest.fixture
def failing_disk(monkeypatch):
    """A daemon whose syncs fail as long as a file is there."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler to make a failing sync with")
    directory = Path(tempfile.mkdtemp(prefix="vecd-test-"))
    (directory / "sync.c").write_text(SYNC)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", directory / "sync.so", directory / "sync.c"], check=True)
    monkeypatch.setenv("SYNC_FAILS_WHEN", str(directory / "fails"))
    daemon = Daemon(binary("VECD_BIN", "vecd"), directory)
    try:
        with monkeypatch.context() as preloaded:
            preloaded.setenv("LD_PRELOAD", str(directory / "sync.so"))
            daemon.start()
        yield daemon, directory / "fails"
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def test_a_failed_sync_ends_the_daemon_with_74_and_the_next_start_knows(failing_disk):
    daemon, fails = failing_disk
    token = bytes(range(1, 17))
    with daemon.connect() as db:
        db.create("x", 2, "ip")
        kept = db.upsert("x", [1], [[1.0, 0.0]])
        fails.touch()
        start = time.monotonic()
        refused(ErrorCode.OUTCOME_UNKNOWN, db.upsert, "x", [2], [[2.0, 0.0]], token=token)
        assert daemon.process.wait(10) == 74
        assert time.monotonic() - start < 3
        log = daemon.log.read_text()
        assert log.count("critical writes stopped") == 1 and "vecd: io-error: " in log
        fails.unlink()
        daemon.start()
        again = db.upsert("x", [2], [[2.0, 0.0]], token=token)
        assert again.sequence == kept.sequence + 1, "carried out once, before or after"
        assert db.get("x", [1, 2]).vectors.tolist() == [[1.0, 0.0], [2.0, 0.0]]
        assert db.verify().findings == []
