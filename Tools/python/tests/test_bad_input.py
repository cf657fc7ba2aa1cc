"""What the real daemon does with what it should never get: a clear code, and everybody else undisturbed."""

import json
import socket
import struct
import time

import numpy as np
import pytest

import vecd
from test_end_to_end import code_of, fill
from vecd import ErrorCode, VecdError
from vecd import protocol as p
from vecd.wire import HEADER, Element, Header, Kind, Limits


def ones(count: int, dimension: int = 4) -> np.ndarray:
    return np.ones((count, dimension), np.float32)


@pytest.fixture
def filled(db, name):
    """A collection of 100 rows; whatever a test does, it must still answer the same afterwards."""
    fill(db, name, np.arange(100), ones(100), "ip", "live")
    before = db.search(name, ones(1), 10)
    yield name
    after = db.search(name, ones(1), 10)
    assert (after.ids == before.ids).all() and after.generation == "live"
    assert [g.label for g in db.generations(name) if g.rows] == ["live"]


def spoiled(row: int, component: int, value: float) -> np.ndarray:
    vectors = ones(3000)
    vectors[row, component] = value
    return vectors


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_by_row_and_component(db, filled, value):
    with pytest.raises(VecdError) as caught:
        db.ingest(filled, np.arange(3000), spoiled(2345, 3, value), "next", batch_rows=1000)
    assert caught.value.code is ErrorCode.VALUE_NOT_FINITE
    assert "2345" in caught.value.message and "3" in caught.value.message


def test_a_float16_that_is_not_finite_is_refused(db, filled):
    vectors = spoiled(7, 1, np.nan).astype(np.float16)
    assert code_of(db.ingest, filled, np.arange(3000), vectors, "next") is ErrorCode.VALUE_NOT_FINITE


def test_a_query_that_is_not_finite_is_refused(db, filled):
    for value in (np.nan, np.inf):
        queries = ones(3)
        queries[1, 2] = value
        assert code_of(db.search, filled, queries, 5) is ErrorCode.VALUE_NOT_FINITE


def test_a_norm_beyond_float32_scores_is_refused(db, filled):
    assert code_of(db.ingest, filled, [1], ones(1) * np.float32(1e18), "next") is ErrorCode.NORM_OUT_OF_RANGE
    assert code_of(db.search, filled, ones(1) * np.float32(1e18), 3) is ErrorCode.NORM_OUT_OF_RANGE


def test_a_zero_vector_has_no_direction_under_cosine(db, name):
    db.create(name, 4, "cosine")
    vectors = ones(10)
    vectors[6] = 0
    assert code_of(db.ingest, name, np.arange(10), vectors) is ErrorCode.NORM_OUT_OF_RANGE
    fill(db, name, np.arange(10), ones(10), "cosine")
    assert code_of(db.search, name, np.zeros((1, 4), np.float32), 3) is ErrorCode.NORM_OUT_OF_RANGE


def test_a_zero_vector_is_fine_under_other_metrics(db, name):
    fill(db, name, [1, 2], np.zeros((2, 4), np.float32), "ip")
    assert db.search(name, ones(1), 5).scores[0, :2].tolist() == [0, 0]


def test_another_dimension_is_refused(db, filled):
    assert code_of(db.ingest, filled, [1], ones(1, 5), "next") is ErrorCode.DIMENSION_MISMATCH
    assert code_of(db.search, filled, ones(1, 5), 3) is ErrorCode.DIMENSION_MISMATCH
    begun = db._call(p.IngestBeginRequest(filled, "next"))
    rows = p.IngestRowsRequest(begun.ingest, Element.F32, 5, 1, np.array([1], "<u8"), np.ones(5, "<f4"))
    assert code_of(db._call, rows) is ErrorCode.DIMENSION_MISMATCH
    assert code_of(db._call, p.IngestCommitRequest(begun.ingest)) is ErrorCode.INGEST_NOT_FOUND


@pytest.mark.parametrize("batch_rows", [10, 1000])
def test_an_id_twice_in_one_ingest_is_refused(db, filled, batch_rows):
    ids = np.arange(100)
    ids[99] = 3
    assert code_of(db.ingest, filled, ids, ones(100), "next", batch_rows=batch_rows) is ErrorCode.DUPLICATE_ID


def test_an_id_of_an_earlier_ingest_is_refused(db, name):
    db.create(name, 4, "ip")
    db.ingest(name, np.arange(10), ones(10), "g")
    assert code_of(db.ingest, name, [20, 5], ones(2), "g") is ErrorCode.ID_EXISTS
    assert [generation.rows for generation in db.generations(name)] == [10]
    db.ingest(name, [20, 21], ones(2), "g")
    assert [generation.rows for generation in db.generations(name)] == [12]


def test_names_that_do_not_exist_are_not_found(db, filled):
    for call in (
        lambda: db.search("nowhere", ones(1), 1), lambda: db.ingest("nowhere", [1], ones(1)),
        lambda: db.publish("nowhere", "g"), lambda: db.rollback("nowhere"), lambda: db.generations("nowhere"),
        lambda: db.get("nowhere", [1]), lambda: db.drop("nowhere"), lambda: db.verify("nowhere"),
        lambda: db.build_index("nowhere"),
    ):
        assert code_of(call) is ErrorCode.COLLECTION_NOT_FOUND
    for call in (
        lambda: db.search(filled, ones(1), 1, generation="no"), lambda: db.publish(filled, "no"),
        lambda: db.build_index(filled, "no"), lambda: db.drop(filled, "no"),
        lambda: db.get(filled, [1], generation="no"),
    ):
        assert code_of(call) is ErrorCode.GENERATION_NOT_FOUND


@pytest.mark.parametrize("bad", ["", "A", "-a", "a b", "a/b", "../x", "é", "a" * 65, "a\0b", "a\n"])
def test_names_outside_the_alphabet_are_refused(db, bad):
    assert code_of(db.create, bad, 4, "ip") is ErrorCode.INVALID_ARGUMENT
    assert bad not in [collection.name for collection in db.collections()]


@pytest.mark.parametrize("bad", ["-a", "a b", "a/b", "../x", "é", "a" * 65])
def test_labels_outside_the_alphabet_are_refused(db, filled, bad):
    assert code_of(db.ingest, filled, [1], ones(1), bad) is ErrorCode.INVALID_ARGUMENT


def search_message(name: str, **changes) -> p.SearchRequest:
    fields = dict(
        collection=name, generation="", k=3, effort=p.Effort.DEFAULT, effort_value=0, index=p.Index.AUTO, interests=1,
        query_count=1, dimension=4, vectors=np.ones(4, "<f4"))
    fields.update(changes)
    size = fields["query_count"] * fields["interests"] * fields["dimension"]
    fields["vectors"] = np.ones(size, "<f4")
    return p.SearchRequest(**fields)


def bits(value: float) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


@pytest.mark.parametrize("changes", [
    {"k": 0}, {"interests": 0}, {"query_count": 0}, {"dimension": 0},
    {"effort": p.Effort.RECALL, "effort_value": 0}, {"effort": p.Effort.RECALL, "effort_value": bits(-1)},
    {"effort": p.Effort.EF, "effort_value": 0}, {"effort": p.Effort.NPROBE, "effort_value": 0},
    {"collection": "A"}, {"generation": "-"},
], ids=str)
def test_search_parameters_below_their_range_are_invalid_arguments(db, filled, changes):
    assert code_of(db._call, search_message(filled, **changes)) is ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize("changes", [
    {"k": 16_385}, {"k": 2**32 - 1}, {"interests": 9}, {"query_count": 4097}, {"query_count": 4096, "k": 513},
    {"dimension": 4097},
], ids=str)
def test_search_parameters_above_their_range_exceed_the_limit(db, filled, changes):
    assert code_of(db._call, search_message(filled, **changes)) is ErrorCode.LIMIT_EXCEEDED


@pytest.mark.parametrize("recall", [1.5, float("nan"), float("inf")])
def test_a_recall_that_is_none_is_refused(db, filled, recall):
    code = code_of(db._call, search_message(filled, effort=p.Effort.RECALL, effort_value=bits(recall)))
    assert code in (ErrorCode.INVALID_ARGUMENT, ErrorCode.LIMIT_EXCEEDED)


def test_what_must_be_zero_or_empty_is_checked(db, filled):
    for effort in (p.Effort.DEFAULT, p.Effort.EXACT):
        assert code_of(db._call, search_message(filled, effort=effort, effort_value=1)) is ErrorCode.MALFORMED_FRAME
    assert code_of(db._call, p.PublishRequest(filled, "live", False, "live")) is ErrorCode.MALFORMED_FRAME
    db.ping()


def test_greatest_sizes_are_served(db, filled):
    assert db.search(filled, ones(1), Limits.K).counts.tolist() == [100]
    assert (db.search(filled, ones(4096), 512, batch_queries=4096).counts == 100).all()
    assert db._call(search_message(filled, interests=8)).query_count == 1


def test_a_sample_that_does_not_suit_the_collection_is_refused(db, filled):
    db.ingest(filled, np.arange(5), ones(5), "next")
    wrong = np.ones((3, ones(1).shape[1] + 1), np.float32)
    try:
        assert code_of(db.build_index, filled, "next", queries=wrong) is ErrorCode.DIMENSION_MISMATCH
        assert code_of(db.build_index, filled, "next", queries=ones(3) * np.nan) is ErrorCode.VALUE_NOT_FINITE
        assert db.build_index(filled, "next", queries=ones(3)).report["expected_recall"] == 1
    finally:
        db.drop(filled, "next")


def test_an_index_the_generation_does_not_have_is_named_so(db, filled, name):
    assert code_of(db.search, filled, ones(1), 3, index="ivf") is ErrorCode.NOT_AVAILABLE
    assert code_of(db.search, filled, ones(1), 3, ef=10) is ErrorCode.NOT_AVAILABLE
    assert code_of(db.search, filled, ones(1), 3, nprobe=10) is ErrorCode.NOT_AVAILABLE


# -- below the client: bytes on the socket


class Raw:
    """A bare connection, greeted or not."""

    def __init__(self, path: str, hello: bool = True) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(path)
        if hello:
            self.send(p.HelloRequest(1, 1, "raw"), 1)
            assert self.reply()[0].status == 0

    def send(self, message: p.Message, request_id: int) -> None:
        self.sock.sendall(b"".join(p.request_frame(message, request_id)))

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def reply(self) -> tuple[Header, bytes]:
        header = Header.decode(self.exactly(HEADER.size))
        return header, self.exactly(header.body_length)

    def closed(self) -> bool:
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *error: object) -> None:
        self.sock.close()


@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 24, b"\xff" * 1000, b"DCEV" + b"\0" * 20,
], ids=["http", "zeros", "ones", "reversed magic"])
@pytest.mark.parametrize("hello", [False, True])
def test_garbage_is_answered_and_cut_off_while_others_go_on(daemon, db, filled, garbage, hello):
    with Raw(daemon.socket, hello) as raw:
        raw.sock.sendall(garbage)
        db.search(filled, ones(1), 3)
        header, body = raw.reply()
        assert (header.request_id, header.status) == (0, ErrorCode.MALFORMED_FRAME)
        assert p.ErrorReply.decode(body).message
        assert raw.closed()
        db.search(filled, ones(1), 3)


def test_a_frame_beyond_the_limit_is_refused_from_its_header(daemon, db, filled):
    for length in (Limits.FRAME_BODY_BYTES + 1, 2**32 - 1):
        with Raw(daemon.socket) as raw:
            raw.sock.sendall(Header(length, 5, Kind.INGEST_ROWS).encode())
            header, _ = raw.reply()
            assert (header.request_id, header.status) in ((5, ErrorCode.FRAME_TOO_LONG), (0, ErrorCode.FRAME_TOO_LONG))
            assert raw.closed()


def test_an_announced_frame_that_never_comes_costs_nothing(daemon, db, filled):
    links = []
    for _ in range(20):
        raw = Raw(daemon.socket)
        raw.sock.sendall(Header(Limits.FRAME_BODY_BYTES, 5, Kind.INGEST_ROWS).encode() + b"\0" * 100)
        links.append(raw)
    for _ in range(20):
        db.search(filled, ones(1), 3)
    with open(f"/proc/{daemon.process.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident < 600_000, f"{resident} KiB resident for 20 announcements of 64 MiB"
    for raw in links:
        raw.sock.close()


def test_requests_before_hello_and_unknown_kinds_leave_the_connection_open(daemon):
    with Raw(daemon.socket, hello=False) as raw:
        raw.send(p.PingRequest(b"x"), 4)
        header, _ = raw.reply()
        assert (header.request_id, header.status) == (4, ErrorCode.MALFORMED_FRAME)
        raw.send(p.HelloRequest(1, 1, "late"), 5)
        assert raw.reply()[0].status == 0
        raw.sock.sendall(Header(0, 6, 99).encode())
        header, _ = raw.reply()
        assert (header.request_id, header.status, header.kind) == (6, ErrorCode.MALFORMED_FRAME, 99 | 0x8000)
        raw.send(p.HelloRequest(1, 1, "again"), 7)
        assert raw.reply()[0].status == ErrorCode.MALFORMED_FRAME
        raw.send(p.PingRequest(b"x"), 8)
        assert raw.reply()[0].status == 0


def test_versions_without_overlap_are_refused(daemon):
    with Raw(daemon.socket, hello=False) as raw:
        raw.send(p.HelloRequest(2, 9, "future"), 1)
        header, body = raw.reply()
        assert header.status == ErrorCode.UNSUPPORTED_VERSION and "1" in p.ErrorReply.decode(body).message
        assert raw.closed()
    with Raw(daemon.socket, hello=False) as raw:
        raw.send(p.HelloRequest(1, 9, "both"), 1)
        assert p.HelloReply.decode(raw.reply()[1]).version == 1


def test_truncated_and_padded_bodies_are_refused_and_the_connection_stays(daemon, filled):
    body = search_message(filled).encode()
    with Raw(daemon.socket) as raw:
        raw.sock.sendall(Header(len(body), 9, Kind.SEARCH, status=1001).encode() + body)
        assert raw.reply()[0].status == ErrorCode.MALFORMED_FRAME
        for number, wrong in enumerate([*(body[:i] for i in range(len(body))), body + b"\0"], start=10):
            raw.sock.sendall(Header(len(wrong), number, Kind.SEARCH).encode() + wrong)
            header, _ = raw.reply()
            assert (header.request_id, header.status) == (number, ErrorCode.MALFORMED_FRAME)
        raw.sock.sendall(Header(len(body), 9000, Kind.SEARCH).encode() + body)
        assert raw.reply()[0].status == 0


def test_every_message_with_random_damage_is_answered(daemon, db, filled):
    from samples import SAMPLES

    rng = np.random.default_rng(11)
    harmful = (p.PublishRequest, p.PublishTogetherRequest, p.RollbackRequest, p.DropRequest, p.HelloRequest)
    requests = [m for side, m in SAMPLES if side == "request" and not isinstance(m, harmful)]  # no other test minds these
    with Raw(daemon.socket) as raw:
        for number in range(2, 602):
            message = requests[number % len(requests)]
            body = bytearray(message.encode().replace(b"posts", filled.encode().ljust(5, b"_")))
            for _ in range(int(rng.integers(1, 4))):
                if body:
                    body[rng.integers(len(body))] = rng.integers(256)
            # A search may ask for a sequence that never comes: it waits as long as the frame says.
            raw.sock.sendall(Header(len(body), number, message.KIND, deadline=500).encode() + bytes(body))
            header, reply = raw.reply()
            assert header.request_id == number and header.kind == message.KIND | 0x8000
            if header.status:
                assert p.ErrorReply.decode(reply).message
    for collection in db.collections():
        if collection.name != filled and collection.live_generation == "" and collection.generation_count == 0:
            db.drop(collection.name)


def test_a_request_sent_byte_by_byte_is_answered(daemon, filled):
    frame = b"".join(p.request_frame(search_message(filled), 3))
    with Raw(daemon.socket) as raw:
        for byte in frame:
            raw.sock.sendall(bytes([byte]))
        assert raw.reply()[0].status == 0


def test_many_requests_in_one_write_are_all_answered(daemon, filled):
    frames = b"".join(b"".join(p.request_frame(search_message(filled), number)) for number in range(2, 202))
    with Raw(daemon.socket) as raw:
        raw.sock.sendall(frames)
        seen = set()
        for _ in range(200):
            header, _ = raw.reply()
            assert header.status in (0, ErrorCode.OVERLOADED)
            seen.add(header.request_id)
        assert seen == set(range(2, 202))


def test_an_id_in_flight_may_not_be_used_again(daemon, filled):
    frame = b"".join(p.request_frame(search_message(filled, query_count=4000, k=100), 7))
    with Raw(daemon.socket) as raw:
        raw.sock.sendall(frame + frame)
        headers = [raw.reply()[0], raw.reply()[0]]
        assert [header.request_id for header in headers] == [7, 7]
        # The second is refused, unless the first was already answered when it came.
        assert sorted(header.status for header in headers) in ([0, ErrorCode.MALFORMED_FRAME], [0, 0])


def test_a_client_that_stops_reading_does_not_hold_up_the_others(daemon, db, filled):
    """It asks for far more replies than the socket and its share of the daemon hold, and takes none."""
    with Raw(daemon.socket) as raw:
        frame = b"".join(p.request_frame(search_message(filled, query_count=400, k=100), 0))
        raw.sock.settimeout(0.5)
        sent = 0
        try:
            for number in range(2, 3000):
                request = frame[:8] + struct.pack("<Q", number) + frame[16:]
                raw.sock.sendall(request)
                sent += 1
        except TimeoutError:
            pass
        assert sent < 2998, "the daemon took every request of a client that reads no reply"
        times = []
        for _ in range(50):
            start = time.perf_counter()
            db.search(filled, ones(1), 10)
            times.append(time.perf_counter() - start)
        assert sorted(times)[25] < 0.25, f"median {sorted(times)[25]:.3f} s next to a client that does not read"
    with open(f"/proc/{daemon.process.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident < 1_500_000, f"{resident} KiB resident"


def test_a_connection_dropped_in_mid_ingest_leaves_nothing(daemon, db, name):
    db.create(name, 4, "ip")
    for how in ("after a frame", "inside a frame"):
        with Raw(daemon.socket) as raw:
            raw.send(p.IngestBeginRequest(name, "lost"), 2)
            begun = p.IngestBeginReply.decode(raw.reply()[1])
            rows = p.IngestRowsRequest(
                begun.ingest, Element.F32, 4, 1000, np.arange(1000, dtype="<u8"), np.ones(4000, "<f4"))
            raw.send(rows, 3)
            assert p.IngestRowsReply.decode(raw.reply()[1]).received == 1000
            if how == "inside a frame":
                raw.sock.sendall(b"".join(p.request_frame(rows, 4))[:5000])
    until = time.monotonic() + 5
    while db.generations(name) and time.monotonic() < until:
        time.sleep(0.02)
    assert db.generations(name) == []
    assert db.ingest(name, np.arange(10), ones(10), "lost").rows == 10
    assert not [path for path in daemon.store.rglob(".tmp-*")]


def test_two_ingests_into_one_generation_exclude_each_other(daemon, db, name):
    db.create(name, 4, "ip")
    with db.begin_ingest(name, "g") as first, daemon.connect() as other:
        first.add([1], ones(1))
        with pytest.raises(VecdError) as caught:
            other.ingest(name, [2], ones(1), "g")
        assert caught.value.code is ErrorCode.BUSY and caught.value.retryable
    assert [generation.rows for generation in db.generations(name)] == [1]


def test_an_ingest_number_of_another_connection_is_unknown(daemon, db, name):
    db.create(name, 4, "ip")
    with db.begin_ingest(name, "g") as first, daemon.connect() as other:
        first.add([1], ones(1))
        assert code_of(other._call, p.IngestCommitRequest(first._number)) is ErrorCode.INGEST_NOT_FOUND


def test_a_deadline_that_has_passed_is_told(daemon, db, name):
    items = np.random.default_rng(1).standard_normal((20_000, 128)).astype(np.float32)
    fill(db, name, np.arange(20_000), items, "ip")
    with daemon.connect(timeout=0.001) as hurried:
        code = code_of(hurried.search, name, items[:4096], 500, batch_queries=4096)
    assert code is ErrorCode.DEADLINE_EXCEEDED
    assert db.search(name, items[:1], 1).counts.tolist() == [1]


def test_stats_are_json_with_keys(db):
    assert json.loads(db._call(p.StatsRequest()).json)


def test_ping_carries_bytes_up_to_its_limit(daemon, db):
    db.ping(bytes(range(256)) * 256)
    with Raw(daemon.socket) as raw:
        raw.sock.sendall(Header(65_537, 2, Kind.PING).encode() + bytes(65_537))
        assert raw.reply()[0].status in (ErrorCode.LIMIT_EXCEEDED, ErrorCode.MALFORMED_FRAME)


def test_the_socket_is_for_its_owner_only(daemon):
    import os
    import stat

    assert stat.S_IMODE(os.stat(daemon.socket).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(daemon.store).st_mode) == 0o700
