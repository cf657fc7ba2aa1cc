"""Model versions, settings, captured queries and checked publishes: the bytes, and the client against a scripted daemon."""

from dataclasses import replace

import numpy as np
import pytest

import vecd
from test_client import answer, refused
from vecd import ErrorCode, ModelPolicy, PublishChecks, PublishResult, VecdError
from vecd import protocol as p
from vecd.wire import Index, Kind, State

GENERATIONS = [
    p.Generation("g1", 1, State.RETIRED, Index.FLAT, 10, 100, 1, 5, 6, 7, -1, ""),
    p.Generation("g2", 2, State.LIVE, Index.FLAT, 10, 100, 1, 5, 6, 7, -1, "")]
REPORT = '{"passed":true,"checks":[{"check":"least_rows","limit":1,"measured":10,"passed":true}]}'


def rows(count: int, width: int = 2) -> np.ndarray:
    return np.arange(count * width, dtype=np.float32).reshape(count, width)


def hex_of(message: p.Message) -> str:
    assert type(message).decode(message.encode()).encode() == message.encode()
    return message.encode().hex()


def is_malformed(kind: type[p.Message], body: bytes) -> bool:
    with pytest.raises(VecdError) as caught:
        kind.decode(body)
    return caught.value.code is ErrorCode.MALFORMED_FRAME


def script(link, header, message):
    """Answers every kind; generations carry "" and "m2"."""
    reports = isinstance(message, p.PublishRequest) and message != replace(message, least_rows=None, dry_run=None)
    replies = {
        Kind.DESCRIBE: lambda: p.DescribeReply(2, p.Metric.IP, []),
        Kind.CONFIGURE: lambda: p.ConfigureReply(),
        Kind.CAPTURED_QUERIES: lambda: p.CapturedQueriesReply(2, 3, rows(3).reshape(-1)),
        Kind.GENERATIONS: lambda: p.GenerationsReply(GENERATIONS, ("", "m2")),
        Kind.PUBLISH: lambda: p.PublishReply(9, "g1", REPORT if reports else None),
        Kind.PUBLISH_TOGETHER: lambda: p.PublishTogetherReply(
            [p.PublishReply(10 + place, "g1", REPORT) for place in range(len(message.publishes))]),
        Kind.INGEST_BEGIN: lambda: p.IngestBeginReply(1, "g3", 2, p.Metric.IP),
        Kind.INGEST_ROWS: lambda: p.IngestRowsReply(message.count),
        Kind.INGEST_ABORT: lambda: p.IngestAbortReply(),
        Kind.INGEST_COMMIT: lambda: p.IngestCommitReply(3, 24, p.Element.F32, 9),
        Kind.UPSERT: lambda: p.UpsertReply("g2", 9, 0, False),
        Kind.SEARCH: lambda: answer(message),
        Kind.GET: lambda: p.GetReply("g2", 2, message.count, np.ones(message.count, "u1"), rows(message.count).reshape(-1)),
    }
    link.reply(header, replies[header.kind]())


def sent(scripted, kind) -> list:
    return [message for _, message in scripted.seen if isinstance(message, kind)]


@pytest.fixture
def db(scripted):
    scripted.script = script
    with vecd.connect(scripted.path, timeout=5) as client:
        yield client


# -- the bytes


def test_a_model_is_an_option_of_ingests_searches_and_upserts():
    begin = p.IngestBeginRequest("ab", "c", "m")
    assert hex_of(begin) == "0200" "6162" "0100" "63" "0100" "03000000" "0100" "6d"
    assert hex_of(replace(begin, model=None)) == "0200" "6162" "0100" "63"
    search = p.SearchRequest("ab", "", 3, p.Effort.EXACT, 0, Index.AUTO, 1, 1, 1, np.array([1], "<f4"))
    asked = replace(search, exclude_sets=("s",), model="m", group=p.Group("n", 2))
    assert asked.encode() == search.encode() + bytes.fromhex(
        "0600" "07000000" "01000000" "0100" "73" "0700" "03000000" "0100" "6d" "0800" "07000000" "0100" "6e" "02000000")
    write = p.UpsertRequest("ab", "", p.NO_TOKEN, 1, 1, np.array([5], "<u8"), np.array([1], "<f4"), bytes(5), "m")
    assert write.encode() == replace(write, records=None, model=None).encode() + bytes.fromhex(
        "0100" "05000000" "0000000000" "0200" "03000000" "0100" "6d")


def test_models_follow_the_generations_when_they_were_asked_for():
    asked = p.GenerationsRequest("ab", True)
    assert hex_of(asked) == "0200" "6162" "0100" "00000000"
    assert hex_of(replace(asked, models=None)) == "0200" "6162"
    assert is_malformed(p.GenerationsRequest, bytes.fromhex("0200" "6162" "0100" "01000000" "01"))
    plain = p.GenerationsReply(GENERATIONS)
    told = replace(plain, models=("", "m2"))
    assert told.encode() == plain.encode() + bytes.fromhex("0000" "0200" "6d32")
    assert p.GenerationsReply.decode(plain.encode()).models is None
    for wrong in (plain.encode() + b"\0\0", told.encode() + b"\0\0"):
        assert is_malformed(p.GenerationsReply, wrong)


def test_settings_are_laid_out_alike_where_they_are_set_and_told():
    options = "0100" "01000000" "02" "0200" "04000000" "e8030000" "0300" "04000000" "0000803e"
    assert hex_of(p.ConfigureRequest("ab", ModelPolicy.COUNT, 1000, 0.25)) == "0200" "6162" + options
    assert hex_of(p.ConfigureRequest("ab", captured_queries=0)) == "0200" "6162" "0200" "04000000" "00000000"
    assert hex_of(p.ConfigureReply()) == ""
    plain = p.DescribeReply(2, p.Metric.L2, [])
    told = p.DescribeReply(2, p.Metric.L2, [], ModelPolicy.COUNT, 1000, 0.25)
    assert hex_of(plain) == "02000000" "02" "00" and hex_of(told) == hex_of(plain) + options
    # What a newer daemon tells besides is skipped, wherever it stands.
    newer = bytes.fromhex("0000" "00000000") + bytes.fromhex(options) + bytes.fromhex("0400" "02000000" "2a2a")
    assert p.DescribeReply.decode(plain.encode() + newer) == told
    for wrong in ("0100" "01000000" "03", "0100" "02000000" "0000", "0200" "03000000" "000000"):
        assert is_malformed(p.DescribeReply, plain.encode() + bytes.fromhex(wrong))
        assert is_malformed(p.ConfigureRequest, b"\2\0ab" + bytes.fromhex(wrong))
    with pytest.raises(VecdError) as caught:
        p.ConfigureRequest.decode(b"\2\0ab" + bytes.fromhex("0400" "00000000"))
    assert caught.value.code is ErrorCode.NOT_AVAILABLE


def test_captured_queries_are_laid_out_as_documented():
    assert hex_of(p.CapturedQueriesRequest("ab", "c")) == "0200" "6162" "0100" "63"
    reply = p.CapturedQueriesReply(1, 2, np.array([1, -2], "<f4"))
    assert hex_of(reply) == "01000000" "02000000" "0000803f" "000000c0"
    assert hex_of(p.CapturedQueriesReply(1, 0, np.empty(0, "<f4"))) == "01000000" "00000000"


def test_checks_are_options_of_a_publish():
    plain = p.PublishRequest("ab", "c", True, "d")
    assert hex_of(plain) == "0200" "6162" "0100" "63" "01" "0100" "64"
    one, two = p.Queries(1, 1, np.array([1], "<f4")), p.Queries(1, 2, np.array([1, -2], "<f4"))
    checked = p.PublishRequest("ab", "c", True, "d", 258, 0.5, 1.0, 0.25, 2.0, 0.125, "m", 10, one, two, True)
    assert checked.encode() == plain.encode() + bytes.fromhex(
        "0100" "08000000" "0201000000000000" "0200" "04000000" "0000003f" "0300" "04000000" "0000803f"
        "0400" "04000000" "0000803e" "0500" "04000000" "00000040" "0600" "04000000" "0000003e"
        "0700" "03000000" "0100" "6d" "0800" "04000000" "0a000000"
        "0900" "0c000000" "01000000" "01000000" "0000803f" "0a00" "10000000" "01000000" "02000000" "0000803f" "000000c0"
        "0b00" "00000000")
    assert is_malformed(p.PublishRequest, plain.encode() + bytes.fromhex("0900" "0c000000" "01000000" "02000000" "0000803f"))
    assert is_malformed(p.PublishRequest, plain.encode() + bytes.fromhex("0b00" "01000000" "01"))
    reply = p.PublishReply(5, "d")
    assert hex_of(reply) == "0500000000000000" "0100" "64"
    assert hex_of(replace(reply, report="{}")) == hex_of(reply) + "02000000" "7b7d"


def test_publishes_together_are_their_bodies_after_their_lengths():
    both = [p.PublishRequest("a", "b", False, "", dry_run=True), p.PublishRequest("c", "d", True, "e", dry_run=True)]
    first, second = (item.encode().hex() for item in both)
    assert hex_of(p.PublishTogetherRequest(both)) == "02" "0f000000" + first + "10000000" + second
    replies = [p.PublishReply(5, "d", "{}"), p.PublishReply(6, "", "{}")]
    first, second = (item.encode().hex() for item in replies)
    body = "02" "11000000" + first + "10000000" + second
    assert hex_of(p.PublishTogetherReply(replies)) == body
    for wrong in (
        body + "00", body[:-2], "03" + body[2:], "01" + body[2:], "02" "10000000" + body[10:], "02" "12000000" + body[10:],
        "02" "ffffffff" + body[10:],
    ):
        assert is_malformed(p.PublishTogetherReply, bytes.fromhex(wrong)), wrong


# -- the client


def test_a_model_travels_where_it_is_given_and_nothing_travels_where_not(scripted, db):
    for model in ("dssm@7", None):
        db.ingest("x", range(3), rows(3), model=model)
        db.begin_ingest("x", model=model).abort()
        db.upsert("x", range(3), rows(3), model=model)
        db.upsert("x", range(20_000), np.ones((20_000, 2), np.float32), model=model)
        db.search("x", rows(3), 2, batch_queries=2, model=model)
    for kind, times in ((p.IngestBeginRequest, 2), (p.UpsertRequest, 3), (p.SearchRequest, 2)):
        assert [message.model for message in sent(scripted, kind)] == ["dssm@7"] * times + [None] * times
    assert db.likeness("x", [1], model="m2").tolist() == [0, 1]
    error = refused(ErrorCode.MODEL_MISMATCH, db.likeness, "x", [1], model="m1")
    assert error.message == "generation g2 carries m2, not m1" and not error.retryable


@pytest.mark.parametrize("model", ["", "-a", ".a", "a b", "é", "a\n", "a" * 129, 7, b"a"])
def test_what_is_no_model_version_is_refused_before_anything_is_sent(scripted, db, model):
    before = len(scripted.seen)
    for call in (
        lambda: db.ingest("x", range(3), rows(3), model=model), lambda: db.begin_ingest("x", model=model),
        lambda: db.upsert("x", range(3), rows(3), model=model), lambda: db.search("x", rows(1), 1, model=model),
        lambda: db.likeness("x", [1], model=model), lambda: PublishChecks(model=model),
    ):
        error = refused(ErrorCode.INVALID_ARGUMENT, call)
        assert isinstance(error, ValueError) and "model" in error.message and "\n" not in error.message
    assert len(scripted.seen) == before


def test_the_longest_and_oddest_model_versions_are_sent(scripted, db):
    for model in ("a" * 128, "0", "A.b_c:d/e@f+g-h"):
        db.search("x", rows(1), 1, model=model)
    assert [len(message.model) for message in sent(scripted, p.SearchRequest)] == [128, 1, 15]


def test_generations_tell_their_models(scripted, db):
    found = db.generations("x")
    assert [(own.label, own.model, own.state) for own in found] == [("g1", None, State.RETIRED), ("g2", "m2", State.LIVE)]
    assert isinstance(found[0], vecd.Generation) and sent(scripted, p.GenerationsRequest)[0].models is True
    scripted.script = lambda link, header, message: link.reply(header, p.GenerationsReply([]))
    assert db.generations("x") == []
    scripted.script = lambda link, header, message: link.reply(header, p.GenerationsReply(GENERATIONS))
    assert "model versions" in refused(ErrorCode.MALFORMED_FRAME, db.generations, "x").message


def test_describe_tells_settings_and_their_defaults(scripted, db):
    plain = {"collection": "x", "dimension": 2, "metric": "ip", "ids": "number", "attributes": []}
    assert db.describe("x") == plain | {"model_policy": "refuse", "captured_queries": 0, "gauge_share": 0.0}
    reply = p.DescribeReply(2, p.Metric.IP, [], ModelPolicy.ROUTE, 1000, 0.25)
    scripted.script = lambda link, header, message: link.reply(header, reply)
    assert db.describe("x") == plain | {"model_policy": "route", "captured_queries": 1000, "gauge_share": 0.25}


def test_configure_sends_what_is_given_and_again_when_its_connection_is_lost(scripted, db):
    db.configure("x", "route")
    db.configure("x", ModelPolicy.REFUSE, 0, 0)
    db.configure("x", captured_queries=65_536)
    db.configure("x", gauge_share=np.float32(1))
    assert sent(scripted, p.ConfigureRequest) == [
        p.ConfigureRequest("x", ModelPolicy.ROUTE), p.ConfigureRequest("x", ModelPolicy.REFUSE, 0, 0.0),
        p.ConfigureRequest("x", None, 65_536), p.ConfigureRequest("x", gauge_share=1.0)]
    scripted.script = lambda link, header, message: link.close() if scripted.connections == 1 else script(link, header, message)
    db.configure("x", "count")
    assert len(sent(scripted, p.ConfigureRequest)) == 6 and scripted.connections == 2


def test_settings_that_cannot_be_are_refused_before_anything_is_sent(scripted, db):
    before = len(scripted.seen)
    for call, said in (
        (lambda: db.configure("x"), "nothing to set"),
        (lambda: db.configure("x", "never"), "model_policy is 'never', expected one of refuse, route, count"),
        (lambda: db.configure("x", 3), "model_policy"), (lambda: db.configure("x", captured_queries=-1), "captured_queries"),
        (lambda: db.configure("x", captured_queries=1.5), "captured_queries"),
        (lambda: db.configure("x", gauge_share=1.5), "gauge_share is 1.5, expected a number from 0 to 1"),
        (lambda: db.configure("x", gauge_share=float("nan")), "gauge_share"),
        (lambda: db.configure("x", gauge_share=-0.1), "gauge_share"), (lambda: db.configure("x", gauge_share="1"), "gauge_share"),
        (lambda: db.configure("x", gauge_share=True), "gauge_share"),
    ):
        assert said in refused(ErrorCode.INVALID_ARGUMENT, call).message
    refused(ErrorCode.LIMIT_EXCEEDED, db.configure, "x", captured_queries=65_537)
    assert len(scripted.seen) == before


def test_captured_queries_are_an_array_of_ones_own(scripted, db):
    found = db.captured_queries("x")
    assert found.dtype == np.float32 and (found == rows(3)).all() and found.flags.writeable
    db.captured_queries("x", "g1")
    assert [message.generation for message in sent(scripted, p.CapturedQueriesRequest)] == ["", "g1"]
    none = p.CapturedQueriesReply(7, 0, np.empty(0, "<f4"))
    scripted.script = lambda link, header, message: link.reply(header, none)
    assert db.captured_queries("x").shape == (0, 7)


def test_a_publish_has_a_report_when_something_is_checked(scripted, db):
    assert db.publish("x", "g2", expect="g1") == PublishResult(9, "g1", None)
    assert db.publish("x", "g2", checks=PublishChecks()) == PublishResult(9, "g1", None)
    done = db.publish("x", "g2", "", PublishChecks(min_rows=1))
    assert (done.sequence, done.replaced, done.report["passed"]) == (9, "g1", True)
    assert done.report["checks"] == [{"check": "least_rows", "limit": 1, "measured": 10, "passed": True}]
    assert db.publish("x", "g2", checks=PublishChecks(dry_run=True)).report["passed"]
    assert sent(scripted, p.PublishRequest) == [
        p.PublishRequest("x", "g2", True, "g1"), p.PublishRequest("x", "g2", False, ""),
        p.PublishRequest("x", "g2", True, "", least_rows=1), p.PublishRequest("x", "g2", False, "", dry_run=True)]
    assert {header.deadline for header, message in scripted.seen if message.KIND == Kind.PUBLISH} == {0}


@pytest.mark.parametrize("report, checks", [
    (None, PublishChecks(min_rows=1)), ("[]", PublishChecks(min_rows=1)), ("{", PublishChecks(min_rows=1)), ("{}", None)])
def test_a_report_that_makes_no_sense_is_refused(scripted, db, report, checks):
    scripted.script = lambda link, header, message: link.reply(header, p.PublishReply(9, "g1", report))
    refused(ErrorCode.MALFORMED_FRAME, db.publish, "x", "g2", checks=checks)


def test_every_check_travels(scripted, db):
    users = rows(2).astype(np.float64)
    checks = PublishChecks(
        min_rows=2**64 - 1, min_share=1.5, min_recall=0, min_overlap=1, max_drift=np.float32(0.5), max_unseen=0.25, model="m",
        k=16_384, queries=users, live_queries=-rows(2), dry_run=False)
    request = p.PublishRequest("x", "g2", False, "")
    scripted.script = lambda link, header, message: link.reply(header, p.PublishReply(9, "", "{}"))
    assert db.publish("x", "g2", checks=checks).report == {}
    got, = sent(scripted, p.PublishRequest)
    for name, value in (
        ("least_rows", 2**64 - 1), ("least_share", 1.5), ("least_recall", 0), ("least_overlap", 1), ("greatest_drift", 0.5),
        ("greatest_unseen", 0.25), ("model", "m"), ("k", 16_384), ("dry_run", None), ("has_expected", request.has_expected),
    ):
        assert getattr(got, name) == value, name
    for queries, right in ((got.queries, rows(2)), (got.live_queries, -rows(2))):
        assert (queries.count, queries.dimension) == (2, 2) and (queries.vectors == right.reshape(-1)).all()


@pytest.mark.parametrize("given, code, said", [
    ({"min_rows": -1}, "invalid-argument", "min_rows is -1"),
    ({"min_rows": 2.0}, "invalid-argument", "min_rows is 2.0, expected a whole number"),
    ({"min_rows": 2**64}, "limit-exceeded", "min_rows"),
    ({"min_share": -0.1}, "invalid-argument", "min_share"), ({"min_share": 1e39}, "invalid-argument", "min_share"),
    ({"min_share": float("inf")}, "invalid-argument", "min_share"), ({"min_share": True}, "invalid-argument", "min_share"),
    ({"min_recall": 1.01}, "invalid-argument", "min_recall is 1.01, expected a number from 0 to 1"),
    ({"min_recall": -1}, "invalid-argument", "min_recall"), ({"min_recall": "1"}, "invalid-argument", "min_recall"),
    ({"min_overlap": 1.01}, "invalid-argument", "min_overlap"), ({"min_overlap": -1}, "invalid-argument", "min_overlap"),
    ({"max_drift": -0.5}, "invalid-argument", "max_drift"), ({"max_drift": float("nan")}, "invalid-argument", "max_drift"),
    ({"max_unseen": 1.01}, "invalid-argument", "max_unseen"), ({"max_unseen": -1}, "invalid-argument", "max_unseen"),
    ({"model": "a b"}, "invalid-argument", "model 'a b'"),
    ({"k": 0}, "invalid-argument", "k is 0"), ({"k": 16_385}, "limit-exceeded", "k is 16385"),
    ({"queries": rows(1)[0]}, "invalid-argument", "queries has shape (2,), expected (n, d)"),
    ({"queries": np.ones((1, 2), int)}, "invalid-argument", "queries has element type int64"),
    ({"queries": rows(1)[:0]}, "invalid-argument", "number of queries is 0, expected 1 to 4096"),
    ({"queries": rows(4_097)}, "limit-exceeded", "number of queries is 4097"),
    ({"queries": np.full((1, 2), 1e39)}, "value-not-finite", "queries row 0"),
    ({"queries": rows(1), "live_queries": rows(2)}, "invalid-argument", "2 live_queries for 1 queries"),
    ({"live_queries": rows(2)}, "invalid-argument", "live_queries are given without queries"),
    ({"dry_run": None}, "invalid-argument", "dry_run is None"), ({"dry_run": 1}, "invalid-argument", "dry_run is 1"),
])
def test_checks_that_cannot_be_are_refused_with_what_would_be_right(given, code, said):
    with pytest.raises(vecd.BadInput) as caught:
        PublishChecks(**given)
    assert caught.value.label == code and said in caught.value.message and "\n" not in caught.value.message


def test_checks_have_names_and_stay_as_they_are():
    with pytest.raises(TypeError):
        PublishChecks(5)
    with pytest.raises(AttributeError):
        PublishChecks(k=5).k = 0


def test_publishes_together_go_in_one_request_and_come_back_by_collection(scripted, db):
    done = db.publish_together({"items": "g7", "authors": "g3"})
    assert list(done) == ["items", "authors"] and [one.sequence for one in done.values()] == [10, 11]
    assert all(one.replaced == "g1" and one.report["passed"] for one in done.values())
    db.publish_together({"items": "g7", "authors": "g3"}, {"authors": ""}, PublishChecks(dry_run=True))
    db.publish_together({"items": "g7", "authors": "g3"}, checks={"authors": PublishChecks(k=5)}, expect={"items": None})
    plain = [p.PublishRequest("items", "g7", False, ""), p.PublishRequest("authors", "g3", False, "")]
    assert [message.publishes for message in sent(scripted, p.PublishTogetherRequest)] == [
        plain, [replace(plain[0], dry_run=True), replace(plain[1], has_expected=True, dry_run=True)],
        [plain[0], replace(plain[1], k=5)]]
    assert {header.deadline for header, message in scripted.seen if message.KIND == Kind.PUBLISH_TOGETHER} == {0}
    one, without = p.PublishReply(9, "g1", "{}"), p.PublishReply(9, "g1")
    for replies in ([one], [one] * 3, [one, without]):
        scripted.script = lambda link, header, message: link.reply(header, p.PublishTogetherReply(replies))
        refused(ErrorCode.MALFORMED_FRAME, db.publish_together, {"items": "g7", "authors": "g3"})


def test_publishes_together_that_cannot_be_are_refused_before_anything_is_sent(scripted, db):
    before, two, dry = len(scripted.seen), {"items": "g7", "authors": "g3"}, PublishChecks(dry_run=True)
    for call, said in (
        (lambda: db.publish_together({}), "number of collections is 0"),
        (lambda: db.publish_together([("items", "g7")]), "expected a mapping"),
        (lambda: db.publish_together({"items": None}), "expected text"),
        (lambda: db.publish_together(two, {"item": "g1"}), "expect names 'item', which is not among the collections"),
        (lambda: db.publish_together(two, "g1"), "expect is of type str"),
        (lambda: db.publish_together(two, checks={"author": dry}), "checks names 'author'"),
        (lambda: db.publish_together(two, checks={"authors": {"min_rows": 1}}), "expected vecd.PublishChecks"),
        (lambda: db.publish_together(two, checks=7), "checks is of type int"),
        (lambda: db.publish_together(two, checks={"authors": dry}), "dry_run is set for some"),
        (lambda: db.publish_together(two, checks={"authors": dry, "items": PublishChecks(k=5)}), "dry_run is set for some"),
        (lambda: db.publish("items", "g7", checks={"min_rows": 1}), "checks are of type dict"),
    ):
        assert said in refused(ErrorCode.INVALID_ARGUMENT, call).message
    refused(ErrorCode.LIMIT_EXCEEDED, db.publish_together, {f"c{i}": "g" for i in range(17)})
    assert len(scripted.seen) == before


def test_a_refusal_says_what_was_measured(scripted, db):
    scripted.script = lambda link, header, message: link.error(header, 2013, "least_rows is 3, must be 5 at least")
    error = refused(ErrorCode.PUBLISH_REFUSED, db.publish, "x", "g2", checks=PublishChecks(min_rows=5))
    assert (error.label, error.exit_status, error.retryable) == ("publish-refused", 65, False) and "is 3" in error.message
