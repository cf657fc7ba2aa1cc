"""Attributes, payloads and filters against the real daemon, held against numpy and the meaning of filters."""

import json
import signal

import numpy as np
import pytest

from filters import ATTRIBUTES, is_true, random_filter, random_payload, random_row
from test_both_clients import run
from test_end_to_end import code_of
from truth import METRICS, check, scores
from vecd import Attribute, ErrorCode
from vecd import protocol as p
from vecd.attributes import encode_record
from vecd.filter import parse

DIMENSION = 8
DESCRIBED = [{"name": name, "type": kind} for name, kind in ATTRIBUTES.items()]


class Shop:
    """What a generation must hold: per id its vector, its attributes and its payload."""

    def __init__(self, db, name, metric, seed=1):
        self.db, self.name, self.metric = db, name, metric
        self.rng = np.random.default_rng(seed)
        self.rows: dict[int, tuple] = {}
        db.create(name, DIMENSION, metric, ATTRIBUTES)

    def make(self, ids):
        made = self.rng.standard_normal((len(ids), DIMENSION)).astype(np.float32)
        attributes = [random_row(self.rng) for _ in ids]
        payloads = [random_payload(self.rng) for _ in ids]
        self.rows.update(zip(map(int, ids), zip(made, attributes, payloads)))
        return made, attributes, payloads

    def ingest(self, ids, index="flat"):
        made, attributes, payloads = self.make(ids)
        self.db.ingest(self.name, ids, made, attributes=attributes, payloads=payloads, batch_rows=300)
        self.db.publish(self.name, self.db.build_index(self.name, index=index).generation)

    def upsert(self, ids):
        made, attributes, payloads = self.make(ids)
        return self.db.upsert(self.name, ids, made, attributes=attributes, payloads=payloads)

    def delete(self, ids):
        self.db.delete(self.name, ids)
        for i in ids:
            self.rows.pop(int(i), None)

    def matching(self, condition):
        ids = np.array([i for i in sorted(self.rows) if is_true(condition, self.rows[i][1])], np.uint64)
        return ids, np.array([self.rows[int(i)][0] for i in ids], np.float32).reshape(-1, DIMENSION)

    def check_filters(self, count, k=15, db=None):
        """Random filters find what numpy finds among the rows they are true for; each result has its own fields."""
        db, kinds = db or self.db, {"none": 0, "some": 0, "all": 0}
        for _ in range(count):
            condition = random_filter(self.rng)
            queries = self.rng.standard_normal((2, DIMENSION)).astype(np.float32)
            found = db.search(self.name, queries, k, exact=True, filter=condition, fields=("attributes", "payload"))
            ids, items = self.matching(condition)
            kinds["all" if len(ids) == len(self.rows) else "some" if len(ids) else "none"] += 1
            if len(ids):
                check(found, queries, ids, items, self.metric, k)
            else:
                assert not found.counts.any(), condition
            for query, (own, _) in enumerate(found):
                assert found.attributes[query] == [self.rows[int(i)][1] for i in own]
                assert found.payloads[query] == [self.rows[int(i)][2] for i in own]
        return kinds

    def check_get(self, db=None):
        ids = np.arange(max(self.rows) + 2)
        got = (db or self.db).get(self.name, ids, fields=("attributes", "payload"))
        assert got.found.tolist() == [i in self.rows for i in ids.tolist()]
        none = (None, None, None)
        assert got.attributes == [self.rows.get(i, none)[1] for i in ids.tolist()]
        assert got.payloads == [self.rows.get(i, none)[2] for i in ids.tolist()]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("index", ["flat", "ivf", "hnsw"])
def test_filtered_searches_are_exactly_what_numpy_finds(db, name, metric, index):
    shop = Shop(db, name, metric, METRICS.index(metric))
    shop.ingest(np.arange(1500), index)
    kinds = shop.check_filters(100)
    assert min(kinds.values()) >= 1 and kinds["some"] >= 50, kinds
    shop.upsert(shop.rng.permutation(2000)[:300])
    shop.delete(shop.rng.permutation(2000)[:200])
    shop.check_filters(50)
    shop.check_get()
    db.seal(name)
    shop.upsert(np.arange(1990, 2050))
    shop.check_filters(25)
    db.compact(name)
    shop.check_filters(25)
    shop.check_get()
    assert db.verify(name).findings == []


def test_a_collection_made_of_single_writes_alone(db, name):
    shop = Shop(db, name, "l2")
    for start in range(0, 600, 60):
        shop.upsert(np.arange(start, start + 60))
    shop.check_filters(60)
    shop.check_get()


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
def test_a_filtered_search_by_an_index_returns_only_what_passes_and_most_of_the_best(db, name, index):
    shop = Shop(db, name, "ip", 5)
    shop.ingest(np.arange(4000), index)
    queries = shop.rng.standard_normal((20, DIMENSION)).astype(np.float32)
    for text in ("n < 3", "live = true and exists(x)", 'tags has any ("eu", "us")', 'brand = "acme" and n >= 0'):
        condition = parse(text)
        ids, items = shop.matching(condition)
        truth = ids[np.argsort(-scores(queries, items, "ip"), axis=1)[:, :10]]
        found = db.search(name, queries, 10, recall=0.9, filter=text)
        assert np.isin(found.ids[found.mask], ids).all(), text
        shared = np.mean([len(set(a) & set(b)) for a, b in zip(found.ids.tolist(), truth.tolist())])
        assert shared >= 8, (text, shared)


def test_filters_go_together_with_exclusion_score_limits_and_interests(db, name):
    shop = Shop(db, name, "ip", 9)
    shop.ingest(np.arange(900))
    shop.upsert(np.arange(850, 1000))
    queries = shop.rng.standard_normal((3, 4, DIMENSION)).astype(np.float32)
    ids, items = shop.matching(parse("n <= 2 or missing(n)"))
    search = dict(exact=True, filter="n <= 2 or missing(n)")
    found = db.search(name, queries, 30, **search)
    check(found, queries, ids, items, "ip", 30)
    left = ~np.isin(ids, found.ids[1, :9])
    rest = db.search(name, queries, 30, exclude=found.ids[1, :9], **search)
    check(rest, queries, ids[left], items[left], "ip", 30)
    limited = db.search(name, queries, 30, score_limit=float(found.scores[2, 6]), **search)
    assert limited.counts[2] == 7 and (limited.ids[2, :7] == found.ids[2, :7]).all()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_all_of_it_is_there_after_a_restart(own_daemon, how):
    with own_daemon.connect() as db:
        shop = Shop(db, "shop", "cosine", 3)
        shop.ingest(np.arange(500))
        shop.upsert(np.arange(400, 700))
        assert db.add_attribute("shop", "stock", "int") == len(ATTRIBUTES)
        shop.delete(np.arange(0, 700, 7))
    own_daemon.stop(how)
    own_daemon.start()
    with own_daemon.connect() as db:
        shop.db = db
        assert db.describe("shop")["attributes"] == [*DESCRIBED, {"name": "stock", "type": "int"}]
        shop.check_filters(40)
        shop.check_get()
        db.compact("shop")
        shop.check_filters(20)
        shop.check_get()
        assert db.verify().findings == []


def test_an_attribute_that_is_added_has_no_value_until_it_is_written(db, name):
    db.create(name, 2, "ip")
    assert db.describe(name) == {
        "collection": name, "dimension": 2, "metric": "ip", "ids": "number", "attributes": [], "model_policy": "refuse",
        "captured_queries": 0, "gauge_share": 0.0}
    db.upsert(name, [1, 2, 3], np.ones((3, 2), np.float32), payloads=["one", {"two": 2}, None])
    assert db.add_attribute(name, "stock", "int") == 0 and db.add_attribute(name, "day", "keyword") == 1
    one = np.ones((1, 2), np.float32)
    assert db.search(name, one, 5, filter="missing(stock)").counts.tolist() == [3]
    assert db.search(name, one, 5, filter="stock != 5").counts.tolist() == [0]
    db.upsert(name, [2, 4], np.ones((2, 2), np.float32), attributes={"stock": np.array([5, 6]), "day": ["2026-03-01", None]})
    assert db.search(name, one, 5, filter="stock != 5").ids[0, :1].tolist() == [4]
    assert db.search(name, one, 5, filter="not stock = 5").ids[0, :3].tolist() == [1, 3, 4]
    got = db.get(name, [1, 2, 3, 4, 5], fields=("attributes", "payload"))
    assert got.attributes == [{}, {"stock": 5, "day": "2026-03-01"}, {}, {"stock": 6}, None]
    assert got.payloads == [b"one", b"", b"", b"", None], "a write takes the place of all that the id had"
    assert code_of(db.add_attribute, name, "stock", "float") is ErrorCode.INVALID_ARGUMENT
    for number in range(62):
        db.add_attribute(name, f"a{number}", "bool")
    assert code_of(db.add_attribute, name, "one_more", "bool") is ErrorCode.LIMIT_EXCEEDED
    assert len(db.describe(name)["attributes"]) == 64


def test_generations_have_their_own_values(db, name):
    db.create(name, 2, "ip", {"n": "int"})
    for label, value in (("g1", 1), ("g2", 2)):
        db.ingest(name, [7], np.ones((1, 2), np.float32), label, attributes={"n": [value]}, payloads=[label])
        db.build_index(name, label)
        db.publish(name, label)
    one = np.ones((1, 2), np.float32)
    assert db.search(name, one, 1, filter="n = 2").counts.tolist() == [1]
    assert db.search(name, one, 1, filter="n = 2", generation="g1").counts.tolist() == [0]
    assert db.get(name, [7], "g1", fields="payload").payloads == [b"g1"]
    db.rollback(name)
    assert db.search(name, one, 1, fields="attributes").attributes == [[{"n": 1}]]


def test_greatest_sizes(db, name):
    db.create(name, 2, "ip", [Attribute(f"{'a' * 60}{i:04}", "keywords") for i in range(64)])
    names = [entry["name"] for entry in db.describe(name)["attributes"]]
    full = {own: [f"{i:02}" + "é" * 127 for i in range(64)] for own in names[:20]}
    rows = np.ones((200, 2), np.float32)
    payloads = [bytes([i]) * 65_536 for i in range(200)]
    db.upsert(name, np.arange(200), rows, payloads=payloads)
    db.upsert(name, [500], rows[:1], attributes=[full], payloads=[bytes(65_536)])
    assert db.get(name, np.arange(200), fields="payload").payloads == payloads
    assert db.get(name, [500], fields="attributes").attributes == [full]
    db.seal(name)
    assert db.get(name, np.arange(200), fields="payload").payloads == payloads
    assert db.get(name, [500], fields="attributes").attributes == [full]
    keyword = full[names[3]][63]
    assert db.search(name, rows[:1], 3, filter=f'{names[3]} has "{keyword}"').ids[0, :1].tolist() == [500]


@pytest.mark.parametrize("text", [
    "cost < 5", 'n = "1"', "n = true", "n has \"a\"", "x in (1, \"a\")", "live < true", "live = 1", "brand = 1",
    "brand has \"a\"", "tags = \"a\"", "tags in (\"a\")", "exists(cost)", "n = 1 or missing(cost)",
])
def test_filters_that_the_attributes_do_not_allow_are_refused_and_never_false(db, name, text):
    db.create(name, 2, "ip", ATTRIBUTES)
    db.upsert(name, [1], np.ones((1, 2), np.float32))
    assert code_of(db.search, name, np.ones((1, 2), np.float32), 3, filter=text) is ErrorCode.INVALID_ARGUMENT


def test_bytes_that_break_the_pages_are_refused(db, name):
    db.create(name, 2, "ip", ATTRIBUTES)
    one, ids = np.ones(2, "<f4"), np.array([1], "<u8")

    def upsert(records):
        return p.UpsertRequest(name, "", p.NO_TOKEN, 2, 1, ids, one, records)

    wrong_type = encode_record({"n": 1.5}, [Attribute("n", "float")])
    beyond = encode_record({"n": 1}, [*(Attribute(f"a{i}", "int") for i in range(5)), Attribute("n", "int")])
    for records, code in (
        (wrong_type, ErrorCode.INVALID_ARGUMENT), (beyond, ErrorCode.INVALID_ARGUMENT),
        (b"", ErrorCode.MALFORMED_FRAME), (bytes(4), ErrorCode.MALFORMED_FRAME), (bytes(10), ErrorCode.MALFORMED_FRAME),
        (bytes.fromhex("01 02 02 02 00000000"), ErrorCode.MALFORMED_FRAME),
        (bytes.fromhex("00 01000100") + bytes(65_537), ErrorCode.MALFORMED_FRAME),
    ):
        assert code_of(db._call, upsert(records)) is code, records[:20]
    search = p.SearchRequest(name, "", 3, p.Effort.DEFAULT, 0, p.Index.AUTO, 1, 1, 2, one)
    db.upsert(name, [9], one.reshape(1, 2))
    deep = bytes([1]) + bytes([3]) * 32 + parse("exists(n)").encode()[1:]
    for data, code in (
        (b"", ErrorCode.MALFORMED_FRAME), (b"\2\4\1n", ErrorCode.NOT_AVAILABLE), (b"\1\x0f\1n", ErrorCode.MALFORMED_FRAME),
        (parse("n = 1").encode() + b"\0", ErrorCode.MALFORMED_FRAME), (deep, ErrorCode.LIMIT_EXCEEDED),
    ):
        search.filter = data
        assert code_of(db._call, search) is code, data
    search.filter = None
    for bits in (0, 8, 15):
        search.fields = bits
        assert code_of(db._call, search) is ErrorCode.MALFORMED_FRAME, bits
        assert code_of(db._call, p.GetRequest(name, "", 1, ids, bits)) is ErrorCode.MALFORMED_FRAME, bits
    for entries in ([("null", 0)], [("a", 0), ("a", 1)], [("A", 0)], [("", 0)], [("a" * 65, 0)]):
        made = [p.AttributeDefinition(own, p.AttributeType(kind)) for own, kind in entries]
        assert code_of(db._call, p.CreateRequest("none", 2, p.Metric.IP, made)) is ErrorCode.INVALID_ARGUMENT, entries
    assert code_of(db.describe, "nowhere") is ErrorCode.COLLECTION_NOT_FOUND
    assert code_of(db.add_attribute, "nowhere", "a", "int") is ErrorCode.COLLECTION_NOT_FOUND
    assert db.get(name, [1, 9]).found.tolist() == [False, True], "nothing that was refused is there"


def test_an_ingest_with_a_bad_record_leaves_nothing(db, name):
    db.create(name, 2, "ip", ATTRIBUTES)
    session = db.begin_ingest(name, "g")
    session.add([1], np.ones((1, 2), np.float32), attributes=[{"n": 1}])
    bad = encode_record({"n": 1.5}, [Attribute("n", "float")])
    rows = p.IngestRowsRequest(session._number, p.Element.F32, 2, 1, np.array([2], "<u8"), np.ones(2, "<f4"), bad)
    assert code_of(db._call, rows) is ErrorCode.INVALID_ARGUMENT
    assert code_of(session.commit) is ErrorCode.INGEST_NOT_FOUND
    assert db.generations(name) == []


def test_vecctl_and_python_write_and_find_the_same(daemon, db, name, tmp_path):
    rng = np.random.default_rng(4)
    items = rng.standard_normal((300, DIMENSION)).astype(np.float32)
    queries = rng.standard_normal((4, DIMENSION)).astype(np.float32)
    rows = [random_row(rng) for _ in range(300)]
    payloads = [["a text, é", {"json": [1, "é"]}, None, 5, True][i % 5] for i in range(300)]
    lines = [{**row, **({} if payload is None else {"payload": payload})} for row, payload in zip(rows, payloads)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    np.save(tmp_path / "items.npy", items)
    np.save(tmp_path / "queries.npy", queries)
    words = [word for own, kind in ATTRIBUTES.items() for word in ("--attribute", f"{own}:{kind}")]
    run(daemon, "create", name, "--dim", DIMENSION, "--metric", "ip", *words)
    assert db.describe(name)["attributes"] == DESCRIBED
    run(daemon, "ingest", name, tmp_path / "items.npy", "--attributes", tmp_path / "items.jsonl", "--generation", "g")
    run(daemon, "build-index", name, "--generation", "g", "--type", "flat", "--wait")
    run(daemon, "publish", name, "g")
    got = db.get(name, np.arange(300), fields=("attributes", "payload"))
    assert got.attributes == rows
    compact = [b"" if own is None else own.encode() if isinstance(own, str) else json.dumps(
        own, ensure_ascii=False, separators=(",", ":")).encode() for own in payloads]
    assert got.payloads == compact
    for text in ('n < 2 and tags has "eu"', "not live = true", 'brand in ("acme", "é") or x > 0.25'):
        search = ("search", name, "--queries", tmp_path / "queries.npy", "-k", 20, "--filter", text)
        run(daemon, *search, "--out", tmp_path / "found")
        found = db.search(name, queries, 20, filter=text)
        assert (np.load(tmp_path / "found.ids.npy") == found.ids.astype(np.int64)).all(), text
    run(daemon, "add-attribute", name, "stock:int")
    (tmp_path / "changed.jsonl").write_text(
        "".join(json.dumps({"id": i, "vector": [i] * DIMENSION, "attributes": {"stock": i}, "payload": str(i)}) + "\n"
                for i in range(5)))
    run(daemon, "upsert", name, tmp_path / "changed.jsonl")
    changed = db.get(name, range(6), fields=("attributes", "payload"))
    assert changed.attributes == [*({"stock": i} for i in range(5)), rows[5]]
    assert changed.payloads == [*(str(i).encode() for i in range(5)), compact[5]]
