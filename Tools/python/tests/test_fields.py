"""Attributes, payloads, filters and fields of the client's calls, against a scripted daemon."""

import numpy as np
import pytest

import vecd
from test_client import answer, queries, refused
from test_writes import rows, sent
from vecd import Attribute, ErrorCode
from vecd import protocol as p
from vecd.attributes import decode_record, encode_record
from vecd.filter import Compare, parse
from vecd.records import AttributeType, Record, read_records
from vecd.wire import Fields, Kind, Limits, Reader

ATTRIBUTES = [Attribute("price", "float"), Attribute("tags", "keywords")]
DESCRIPTION = p.DescribeReply(2, p.Metric.IP, [p.AttributeDefinition(own.name, own.type) for own in ATTRIBUTES])


def item(number: int, wanted: Fields) -> Record:
    values = ((0, AttributeType.FLOAT, number / 2),) if Fields.ATTRIBUTES in wanted and number % 3 else ()
    return Record(values, str(number).encode() if Fields.PAYLOAD in wanted and number % 2 else b"")


def daemon(link, header, message):
    """Items whose price is half their id, unless a third of them have none, and whose payload is their id, if odd."""
    if header.kind == Kind.SEARCH:
        reply = answer(message, fewer=1)
        if message.fields:
            reply.records = [item(int(i), message.fields) for i in reply.ids]
    elif header.kind == Kind.GET:
        found = (message.ids < 100).astype("u1")
        reply = p.GetReply("g1", 1, len(message.ids), found, np.ones(int(found.sum()), "<f4"))
        if message.fields:
            reply.records = [item(int(i), message.fields) for i in message.ids[message.ids < 100]]
    else:
        reply = {
            Kind.CREATE: p.CreateReply(), Kind.DESCRIBE: DESCRIPTION,
            Kind.ADD_ATTRIBUTE: p.AddAttributeReply(2), Kind.UPSERT: p.UpsertReply("g1", 5, 0, False),
            Kind.INGEST_BEGIN: p.IngestBeginReply(1, "g1", 2, p.Metric.IP), Kind.INGEST_ROWS: p.IngestRowsReply(1),
            Kind.INGEST_COMMIT: p.IngestCommitReply(1, 1, p.Element.F32, 2), Kind.INGEST_ABORT: p.IngestAbortReply(),
        }[Kind(header.kind)]
    link.reply(header, reply)


@pytest.fixture
def db(scripted):
    scripted.script = daemon
    with vecd.connect(scripted.path) as client:
        yield client


def records_of(message) -> list[tuple[dict, bytes]]:
    found = read_records(Reader(message.records), message.count, "x")
    return [decode_record(record.encode(), ATTRIBUTES) for record in found]


def test_definitions_travel_in_their_order(scripted, db):
    db.create("x", 2, "ip", {"price": "float", "tags": AttributeType.KEYWORDS})
    db.create("x", 2, attributes=ATTRIBUTES)
    db.create("x", 2)
    db.create("x", 2, attributes={})
    right = [p.AttributeDefinition(own.name, own.type) for own in ATTRIBUTES]
    assert [message.attributes for message in sent(scripted, p.CreateRequest)] == [right, right, None, None]
    assert db.describe("x") == {
        "collection": "x", "dimension": 2, "metric": "ip", "ids": "number",
        "attributes": [{"name": own.name, "type": own.type.label} for own in ATTRIBUTES],
        "model_policy": "refuse", "captured_queries": 0, "gauge_share": 0.0}
    assert db.add_attribute("x", "stock", "int") == 2
    assert sent(scripted, p.AddAttributeRequest) == [p.AddAttributeRequest("x", "stock", AttributeType.INT)]


def test_a_write_carries_records_and_asks_for_definitions_once(scripted, db):
    db.upsert("x", [7, 8], rows(2), attributes=[{"tags": ["b", "a"]}, {"price": 2}], payloads=["é", None])
    assert len(sent(scripted, p.DescribeRequest)) == 1
    db.upsert("x", [7], rows(1), payloads=[{"a": 1}])
    db.upsert("x", [7], rows(1))
    assert len(sent(scripted, p.DescribeRequest)) == 1, "payloads need no definitions"
    first, second, third = sent(scripted, p.UpsertRequest)
    assert records_of(first) == [({"tags": ["a", "b"]}, "é".encode()), ({"price": 2.0}, b"")]
    assert records_of(second) == [({}, b'{"a":1}')] and third.records is None


def test_an_upsert_is_cut_by_the_bytes_of_its_records(scripted, db):
    payloads = [bytes([i % 251]) * 65_000 for i in range(300)]
    own = bytes(range(16))
    for _ in range(2):
        assert db.upsert("x", np.arange(300), rows(300), token=own, payloads=payloads).writes == 3
    parts = sent(scripted, p.UpsertRequest)
    assert all(len(part.records) <= Limits.UPSERT_BYTES for part in parts)
    assert [part.count for part in parts] == [129, 129, 42] * 2
    assert [payload for part in parts[:3] for _, payload in records_of(part)] == payloads
    assert [part.token for part in parts[:3]] == [part.token for part in parts[3:]]


def test_frames_of_an_ingest_are_cut_by_the_bytes_of_their_records(scripted, db):
    payloads = [bytes([i % 251]) * (65_000 if i < 200 else 10) for i in range(9000)]
    db.ingest("x", np.arange(9000), rows(9000), attributes={"price": np.arange(9000)}, payloads=payloads)
    assert len(sent(scripted, p.DescribeRequest)) == 1
    frames = sent(scripted, p.IngestRowsRequest)
    assert [i for frame in frames for i in frame.ids.tolist()] == list(range(9000))
    assert all(len(frame.encode()) <= (4 << 20) + 64 for frame in frames) and len(frames) < 10
    assert [own for frame in frames for own in records_of(frame)] == [
        ({"price": float(i)}, payload) for i, payload in enumerate(payloads)]


def test_large_batches_stay_within_a_frame(scripted, db):
    scripted.hello.frame_limit = 300_000
    with vecd.connect(scripted.path) as own:
        own.ingest("x", np.arange(20), rows(20), batch_rows=20, payloads=[bytes(65_536)] * 20)
    assert [frame.count for frame in sent(scripted, p.IngestRowsRequest)] == [4] * 5


def test_an_ingest_asks_for_definitions_once_and_ends_with_the_row_that_is_wrong(scripted, db):
    session = db.begin_ingest("x")
    session.add([1], rows(1), attributes=[{"price": 1}])
    session.add([2, 3], rows(2), attributes=[{"price": 1}, None], payloads=["a", "b"])
    error = refused(ErrorCode.INVALID_ARGUMENT, session.add, [4, 5], rows(2), attributes=[None, {"price": "2"}])
    assert error.message == "row 4: attribute \"price\" is float, its value is \"'2'\" (str)"
    session.add([6], rows(1))
    wrong = [{"price": i} for i in range(4)] + [{"price": "2"}]
    refused(ErrorCode.INVALID_ARGUMENT, session.add, range(10, 15), rows(5), 2, attributes=wrong)
    refused(ErrorCode.INGEST_NOT_FOUND, session.commit)
    assert len(sent(scripted, p.DescribeRequest)) == 1 and len(sent(scripted, p.IngestAbortRequest)) == 1


def test_what_is_wrong_is_refused_before_a_row_is_sent(scripted, db):
    before = len(scripted.seen)
    for call, text in (
        (lambda: db.create("x", 2, attributes={"null": "int"}), "filter language"),
        (lambda: db.create("x", 2, attributes={"a": "text"}), "expected one of int"),
        (lambda: db.add_attribute("x", "a", 9), "expected one of int"),
        (lambda: db.search("x", rows(1), 3, filter="price << 20"), "filter, column 8"),
        (lambda: db.search("x", rows(1), 3, filter=20), "filter is of type int"),
        (lambda: db.search("x", rows(1), 3, filter=Compare("price", "=", 1 << 70)), "cannot be written"),
        (lambda: db.search("x", rows(1), 3, fields=["score"]), "'score'; there are: attributes, payload"),
        (lambda: db.get("x", [1], fields="payloads"), "'payloads'; there are: attributes, payload"),
    ):
        error = refused(ErrorCode.INVALID_ARGUMENT, call)
        assert text in error.message and isinstance(error, ValueError)
    assert len(scripted.seen) == before
    error = refused(ErrorCode.INVALID_ARGUMENT, db.upsert, "x", [1], rows(1), attributes=[{"cost": 1}])
    assert error.message == 'row 0: there is no attribute "cost"; there are: price, tags'
    assert sent(scripted, p.UpsertRequest) == []


def test_a_search_carries_its_filter_and_returns_fields(scripted, db):
    found = db.search(
        "x", queries(5), 4, batch_queries=2, filter='price < 20 and tags has "live"', fields=("attributes", "payload"))
    asked = sent(scripted, p.SearchRequest)
    assert {message.filter for message in asked} == {parse('price < 20 and tags has "live"').encode()}
    assert {message.fields for message in asked} == {Fields.ATTRIBUTES | Fields.PAYLOAD}
    assert len(sent(scripted, p.DescribeRequest)) == 1 and found.counts.tolist() == [3] * 5
    for query, (ids, _) in enumerate(found):
        assert found.attributes[query] == [{"price": i / 2} if i % 3 else {} for i in ids.tolist()]
        assert found.payloads[query] == [str(i).encode() if i % 2 else b"" for i in ids.tolist()]
    only = db.search("x", queries(1), 4, filter=parse("exists(price)"), fields="payload")
    assert only.attributes is None and only.payloads == found.payloads[:1]
    assert len(sent(scripted, p.DescribeRequest)) == 1, "payloads need no definitions"
    none = db.search("x", queries(1), 4)
    assert none.attributes is none.payloads is None
    assert sent(scripted, p.SearchRequest)[-1].filter is sent(scripted, p.SearchRequest)[-1].fields is None


def test_requests_with_fields_hold_fewer_queries(scripted, db):
    assert len(db.search("x", queries(200), 1000, fields="payload").payloads) == 200
    assert {message.query_count for message in sent(scripted, p.SearchRequest)} == {16, 200 % 16}
    assert db.search("x", queries(2), Limits.K, fields="payload").counts.tolist() == [Limits.K - 1] * 2


def test_a_get_returns_fields_of_what_is_there(scripted, db):
    got = db.get("x", [7, 500, 6, 0], fields=["attributes", "payload"])
    assert got.found.tolist() == [True, False, True, True]
    assert got.attributes == [{"price": 3.5}, None, {}, {}] and got.payloads == [b"7", None, b"", b""]
    assert db.get("x", [7]).attributes is None and db.get("x", [7], fields=()).payloads is None
    many = db.get("x", np.arange(1200) % 100, fields="payload")
    assert [message.count for message in sent(scripted, p.GetRequest)][-3:] == [500, 500, 200]
    assert many.payloads == [str(i).encode() if i % 2 else b"" for i in np.arange(1200) % 100]


@pytest.mark.parametrize("what", ["none", "unasked", "fewer", "another type"])
def test_fields_that_were_not_asked_for_or_do_not_fit_are_refused(scripted, db, what):
    def script(link, header, message):
        if header.kind != Kind.SEARCH:
            return daemon(link, header, message)
        reply = answer(message)
        body = reply.encode() + {
            "none": b"", "unasked": bytes(10), "fewer": bytes(5),
            "another type": encode_record({"n": 1}, [Attribute("n", "int")]) * 2,
        }[what]
        link.raw(p.Header(len(body), header.request_id, header.kind | 0x8000).encode() + body)

    scripted.script = script
    fields = None if what == "unasked" else "attributes"
    refused(ErrorCode.MALFORMED_FRAME, db.search, "x", queries(1), 2, fields=fields)
