"""The client against a scripted daemon: order, lateness, loss and nonsense."""

import threading
import time

import numpy as np
import pytest

import vecd
from vecd import ErrorCode, VecdError
from vecd import protocol as p
from vecd.wire import HEADER, Header, Kind, REPLY_BIT


def refused(code, call, *arguments, **options):
    with pytest.raises(VecdError) as caught:
        call(*arguments, **options)
    assert caught.value.code is code, caught.value
    return caught.value


def answer(message: p.SearchRequest, generation: str = "g1", number: int = 1, fewer: int = 0) -> p.SearchReply:
    """Ids are the first component of each query, counted up."""
    per = message.k - fewer
    first = message.vectors.reshape(message.query_count, -1)[:, 0].astype("<u8")
    ids = (first[:, None] + np.arange(per, dtype="<u8")).reshape(-1)
    counts = np.full(message.query_count, per, "<u4")
    return p.SearchReply(
        generation, number, 5, p.Index.FLAT, 0, 1.0, message.query_count, counts, ids,
        ids.astype("<f4"), np.zeros(len(ids), "u1"))


def queries(count: int) -> np.ndarray:
    return np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.float32)


def test_the_socket_is_the_argument_then_the_environment_then_the_default(scripted, monkeypatch, tmp_path):
    monkeypatch.setenv("VECD_SOCKET", scripted.path)
    with vecd.connect() as db:
        assert db.daemon_version == "scripted 0" and db.path == scripted.path
    assert refused(ErrorCode.NOT_REACHABLE, vecd.connect, tmp_path / "none").exit_status == 69
    monkeypatch.setenv("VECD_STORE", str(tmp_path / "store"))
    with vecd.connect() as db:
        assert db.path == scripted.path
    monkeypatch.delenv("VECD_SOCKET")
    assert str(tmp_path / "store" / "vecd.sock") in refused(ErrorCode.NOT_REACHABLE, vecd.connect).message
    monkeypatch.setenv("VECD_STORE", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / ".vecd" / "vecd.sock") in refused(ErrorCode.NOT_REACHABLE, vecd.connect).message


def test_a_socket_path_that_is_too_long_is_named(scripted):
    assert "107" in refused(ErrorCode.INVALID_ARGUMENT, vecd.connect, "/tmp/" + "x" * 120).message


def test_replies_in_any_order_find_their_requests(scripted):
    held = []

    def script(link, header, message):
        held.append((header, message))
        if len(held) == 3:
            for request, body in reversed(held):
                link.reply(request, answer(body))

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        result = db.search("x", queries(3), 2, batch_queries=1)
    assert result.ids.tolist() == [[0, 1], [1, 2], [2, 3]]


def test_a_large_batch_is_cut_to_the_limits_and_joined_again(scripted):
    scripted.script = lambda link, header, message: link.reply(header, answer(message))
    with vecd.connect(scripted.path) as db:
        result = db.search("x", queries(9000), 300, batch_queries=4096)
    sent = [message for _, message in scripted.seen if isinstance(message, p.SearchRequest)]
    assert all(message.query_count <= 4096 and message.query_count * message.k <= 2_097_152 for message in sent)
    assert result.ids.shape == (9000, 300)
    assert (result.ids[:, 0] == np.arange(9000)).all() and (result.ids[:, 299] == np.arange(9000) + 299).all()


def test_fewer_results_than_k_are_marked(scripted):
    scripted.script = lambda link, header, message: link.reply(header, answer(message, fewer=2))
    with vecd.connect(scripted.path) as db:
        result = db.search("x", queries(2), 3)
    assert result.ids.astype(np.int64).tolist() == [[0, -1, -1], [1, -1, -1]]
    assert result.mask.tolist() == [[True, False, False]] * 2
    assert np.isnan(result.scores[:, 1:]).all()
    assert [(ids.tolist(), scores.tolist()) for ids, scores in result] == [([0], [0]), ([1], [1])]


def test_a_publish_in_mid_search_does_not_mix_generations(scripted):
    asked = []

    def script(link, header, message):
        asked.append(message.generation)
        generation = message.generation or ("g1" if len(asked) <= 2 else "g2")
        link.reply(header, answer(message, generation, int(generation[1:])))

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        result = db.search("x", queries(4), 2, batch_queries=1)
    assert asked == ["", "", "", "", "g2", "g2"]
    assert result.generation == "g2" and result.ids[:, 0].tolist() == [0, 1, 2, 3]


def test_the_deadline_travels_with_the_request(scripted):
    scripted.script = lambda link, header, message: link.reply(header, answer(message))
    with vecd.connect(scripted.path, timeout=2.5) as db:
        db.search("x", queries(1), 1)
        db.search("x", queries(1), 1, timeout=None)
        db.search("x", queries(1), 1, timeout=0.75)
    assert [header.deadline for header, message in scripted.seen if message.KIND == Kind.SEARCH] == [2500, 0, 750]


def test_a_late_reply_is_a_timeout_and_does_not_disturb_the_next_call(scripted):
    first = []

    def script(link, header, message):
        if not first:
            first.append(header)
            threading.Timer(1.5, link.reply, (header, p.PingReply(b"late"))).start()
        elif len(first) == 1:
            first.append(header)
            threading.Timer(0.8, link.reply, (header, p.PingReply(message.bytes))).start()

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        start = time.monotonic()
        assert refused(ErrorCode.DEADLINE_EXCEEDED, db.ping, b"late", timeout=0.1).retryable
        assert time.monotonic() - start < 1.4
        db.ping(b"second")
    assert scripted.connections == 1


def test_a_lost_connection_is_told_and_the_next_call_connects_again(scripted):
    calls = []

    def script(link, header, message):
        calls.append(header)
        if len(calls) == 1:
            link.close()
        else:
            link.reply(header, p.PingReply(message.bytes))

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        assert refused(ErrorCode.CONNECTION_LOST, db.ping, b"x").retryable
        assert db.ping(b"y") > 0
    assert scripted.connections == 2


def test_a_connection_lost_in_the_middle_of_a_large_reply_is_told(scripted):
    def script(link, header, message):
        frame = b"".join(p.reply_frame(answer(message), header.request_id))
        link.raw(frame[: len(frame) // 2])
        link.close()

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        refused(ErrorCode.CONNECTION_LOST, db.search, "x", queries(500), 1000, batch_queries=500)


@pytest.mark.parametrize("what", ["magic", "kind", "request id", "body", "length", "count"])
def test_a_reply_that_makes_no_sense_is_refused_and_ends_the_connection(scripted, what):
    def script(link, header, message):
        good = p.PingReply(message.bytes) if header.kind == Kind.PING else answer(message)
        frame = b"".join(p.reply_frame(good, header.request_id))
        body = frame[HEADER.size :]
        link.raw({
            "magic": lambda: b"XXXX" + frame[4:],
            "kind": lambda: Header(len(body), header.request_id, Kind.GET | REPLY_BIT).encode() + body,
            "request id": lambda: Header(len(body), 999, header.kind | REPLY_BIT).encode() + body,
            "body": lambda: Header(len(body) - 1, header.request_id, header.kind | REPLY_BIT).encode() + body[:-1],
            "length": lambda: Header(0xFFFF_FFFF, header.request_id, header.kind | REPLY_BIT).encode(),
            "count": lambda: b"".join(p.reply_frame(
                answer(p.SearchRequest("x", "", 9, p.Effort.DEFAULT, 0, p.Index.FLAT, 1, 1, 2, queries(1))),
                header.request_id)),
        }[what]())

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        code = ErrorCode.FRAME_TOO_LONG if what == "length" else ErrorCode.MALFORMED_FRAME
        refused(code, db.search, "x", queries(1), 3)
        if what != "count":
            assert db._link.closed


def test_the_reason_a_daemon_gives_before_it_closes_is_what_the_caller_sees(scripted):
    def script(link, header, message):
        link.raw(b"".join(p.error_frame(0, 0, ErrorCode.MALFORMED_FRAME, "no frame begins so")))
        link.close()

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        assert "no frame begins so" in refused(ErrorCode.MALFORMED_FRAME, db.ping).message


def test_ingest_keeps_a_bounded_number_of_frames_under_way(scripted):
    open_frames = []
    most = []

    def script(link, header, message):
        if header.kind == Kind.INGEST_BEGIN:
            link.reply(header, p.IngestBeginReply(1, "g1", 2, p.Metric.IP))
        elif header.kind == Kind.INGEST_ROWS:
            open_frames.append(header)
            most.append(len(open_frames))
            if len(open_frames) == 4:  # nothing is answered before the window is full
                for count, frame in enumerate(open_frames):
                    link.reply(frame, p.IngestRowsReply(10 * count))
                open_frames.clear()
        elif header.kind == Kind.INGEST_COMMIT:
            link.reply(header, p.IngestCommitReply(80, 1, p.Element.F32, 2))

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        done = db.ingest("x", np.arange(80), np.ones((80, 2), np.float32), batch_rows=10)
    assert done.rows == 80 and max(most) == 4


def test_the_first_error_of_a_pipelined_ingest_is_the_one_raised(scripted):
    def script(link, header, message):
        if header.kind == Kind.INGEST_BEGIN:
            link.reply(header, p.IngestBeginReply(1, "g1", 2, p.Metric.IP))
        elif header.kind == Kind.INGEST_ROWS and message.ids[0] == 10:
            link.error(header, ErrorCode.VALUE_NOT_FINITE, "row 12")
        elif header.kind == Kind.INGEST_ROWS and message.ids[0] < 10:
            link.reply(header, p.IngestRowsReply(10))
        elif header.kind == Kind.PING:
            link.reply(header, p.PingReply(message.bytes))
        else:
            link.error(header, ErrorCode.INGEST_NOT_FOUND, "it has ended")

    scripted.script = script
    with vecd.connect(scripted.path) as db:
        error = refused(
            ErrorCode.VALUE_NOT_FINITE, db.ingest, "x", np.arange(50), np.ones((50, 2), np.float32), batch_rows=10)
        assert error.message == "row 12"
        db.ping(b"the connection is still in step")


def test_an_exception_in_the_progress_callback_aborts_the_ingest(scripted):
    def script(link, header, message):
        if header.kind == Kind.INGEST_BEGIN:
            link.reply(header, p.IngestBeginReply(1, "g1", 2, p.Metric.IP))
        elif header.kind == Kind.INGEST_ROWS:
            link.reply(header, p.IngestRowsReply(10))
        else:
            link.reply(header, p.IngestAbortReply())

    scripted.script = script
    with vecd.connect(scripted.path) as db, pytest.raises(KeyError):
        db.ingest("x", np.arange(80), np.ones((80, 2), np.float32), batch_rows=10, progress=lambda done, total: {}[1])
    assert scripted.seen[-1][1].KIND == Kind.INGEST_ABORT


def test_a_daemon_that_reads_nothing_while_its_replies_wait_does_not_block_the_client(scripted):
    """Requests and replies both larger than the socket's buffers: the client must read while it writes."""
    def script(link, header, message):
        link.reply(header, answer(message))  # blocks until the client reads

    scripted.script = script
    wide = np.zeros((2048, 512), np.float32)
    with vecd.connect(scripted.path, timeout=20) as db:
        assert db.search("x", wide, 500, batch_queries=256).ids.shape == (2048, 500)


def test_bad_arguments_are_refused_before_anything_is_sent(scripted):
    with vecd.connect(scripted.path) as db:
        sent = len(scripted.seen)
        vectors, ids = np.ones((3, 2), np.float32), np.arange(3)
        for call in (
            lambda: db.create("x", 0), lambda: db.create("x", 2.0),
            lambda: db.create("x", 2, "euclid"), lambda: db.ingest("x", ids[:2], vectors),
            lambda: db.ingest("x", ids, vectors.astype(int)), lambda: db.search("x", vectors, 0),
            lambda: db.search("x", vectors[:0], 5), lambda: db.search("x", vectors, 5, recall=1.5),
            lambda: db.search("x", vectors, 5, recall=0.9, exact=True), lambda: db.search("x", vectors, 5, ef=0),
            lambda: db.get("x", []), lambda: db.drop("x", ""),
            lambda: db.build_index("x", index="tree"), lambda: db.build_index("x", target_recall=1.5),
            lambda: db.build_index("x", queries=np.empty((0, 4), np.float32)),
        ):
            error = refused(ErrorCode.INVALID_ARGUMENT, call)
            assert isinstance(error, ValueError)
        for call in (
            lambda: db.create("x", 4097), lambda: db.search("x", vectors, 16_385), lambda: db.ping(bytes(65_537)),
            lambda: db.search("x", np.ones((1, 9, 2), np.float32), 5),
            lambda: db.search("x", np.ones((1, 4097), np.float32), 5),
            lambda: db.search("x", vectors, 5, batch_queries=4097),
        ):
            assert isinstance(refused(ErrorCode.LIMIT_EXCEEDED, call), ValueError)
        assert len(scripted.seen) == sent


def test_a_closed_client_says_so(scripted):
    db = vecd.connect(scripted.path)
    db.close()
    assert "closed" in refused(ErrorCode.CONNECTION_LOST, db.ping).message


def test_threads_may_share_a_client(scripted):
    scripted.script = lambda link, header, message: link.reply(header, answer(message))
    wrong = []

    def work(start):
        for i in range(50):
            found = db.search("x", queries(8)[start:], 2).ids[:, 0].tolist()
            if found != list(range(start, 8)):
                wrong.append(found)

    with vecd.connect(scripted.path) as db:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
