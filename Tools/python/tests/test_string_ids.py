"""String ids: their hashes and records, and collections that have them, against a real daemon."""

import os
import re
import signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vecd
from conftest import FORMATS
from test_end_to_end import fill
from test_writes import sent
from truth import METRICS, check
from vecd import ErrorCode, VecdError
from vecd import protocol as p
from vecd import string_ids
from vecd.arrays import as_id_sets, as_ids
from vecd.records import AttributeType, Record, read_records, string_id_records
from vecd.string_ids import string_id_hash
from vecd.wire import Fields, Kind, Reader

DIMENSION = 6
#: Two texts of one hash, made for this.
TWINS = (
    "97rdktsg-the-rest-of-a-key-of-24g5wt4yln-the-rest-of-a-key-of-24",
    "s6zr23ta-the-rest-of-a-key-of-24NiCdFwfn-the-rest-of-a-key-of-24",
)
VALID = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(0x20)), "\x7f"]), min_size=1, max_size=64)


def texts_of(count, start=0):
    return [f"sku-{n}{'é' * (n % 4)}" for n in range(start, start + count)]


def rows_of(count, seed):
    return np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)


def refused(code, call, *words):
    with pytest.raises(VecdError) as caught:
        call()
    assert caught.value.code is code, caught.value
    for word in words:
        assert word in str(caught.value), caught.value


@pytest.fixture
def shop(db, name):
    """A collection of string ids with 60 items, live; its name, texts and rows."""
    db.create(name, DIMENSION, "ip", attributes={"price": "int"}, ids="string")
    texts, rows = texts_of(60), rows_of(60, 1)
    db.ingest(name, texts, rows, "g", attributes={"price": list(range(60))}, payloads=[text.upper() for text in texts])
    db.build_index(name, "g")
    db.publish(name, "g")
    return name, texts, rows


# -- hashes and records


def test_hashes_are_those_of_the_format_and_of_the_golden_file():
    page = (FORMATS / "string-ids.md").read_text("utf-8")
    table = dict(re.findall(r"^\| `([^`]+)`[^|]*\| (\d+) \|$", page, re.M))
    assert set(table) == {"a", "sku-17", "é"}
    golden = (FORMATS / "golden" / "string-ids" / "v1" / "texts.tsv").read_text("utf-8").splitlines()[1:]
    for text, number in [*table.items(), *(line.split("\t") for line in golden)]:
        assert string_id_hash(text) == int(number)
    assert string_ids.hashes(list(table)).tolist() == list(map(int, table.values()))
    assert string_id_hash(TWINS[0]) == string_id_hash(TWINS[1])


@given(VALID, st.binary(max_size=8))
def test_records_with_a_string_id_come_back(text, payload):
    record = Record((), payload, text)
    data = record.encode()
    reader = Reader(data)
    assert read_records(reader, 1, "record") == [record] and not reader.left
    for length in range(len(data)):
        with pytest.raises(VecdError):
            read_records(Reader(data[:length]), 1, "record")


@pytest.mark.parametrize("raw", [b"", b"x" * 257, b"a\0", b"\x7f", b"\xc3", b"a\nb"])
def test_a_record_whose_string_id_is_none_is_malformed(raw):
    data = bytes([0x80]) + len(raw).to_bytes(2, "little") + raw + bytes(4)
    refused(ErrorCode.MALFORMED_FRAME, lambda: read_records(Reader(data), 1, "record"))


@pytest.mark.parametrize(
    "ids, what",
    [
        (["a", ""], "at 1"), (["x" * 257], "257 bytes"), (["é" * 129], "258 bytes"), (["a\nb"], "control character 10"),
        (["\x7f"], "control character 127"), (["\ud800"], "surrogate"), (["a", 7], "texts alone or numbers alone"),
        ([7, "a"], "texts alone or numbers alone"), ("abc", "pass a sequence"), (b"abc", "pass a sequence"),
    ])
def test_what_cannot_be_string_ids_is_refused_before_anything_is_sent(db, ids, what):
    for call in (
        lambda: db.get("nowhere", ids), lambda: db.delete("nowhere", ids), lambda: db.exclude("nowhere", "s", ids),
        lambda: db.ingest("nowhere", ids, rows_of(len(ids), 1)), lambda: db.upsert("nowhere", ids, rows_of(len(ids), 1)),
        lambda: db.search("nowhere", rows_of(1, 1), 1, exclude=ids), lambda: db.likeness("nowhere", ids),
    ):
        refused(ErrorCode.INVALID_ARGUMENT, call, what)


def test_without_its_package_numbers_work_and_texts_say_what_to_install(db, monkeypatch):
    monkeypatch.setattr(string_ids, "_xxh64", None)
    monkeypatch.setitem(__import__("sys").modules, "xxhash", None)
    refused(ErrorCode.NOT_AVAILABLE, lambda: db.get("nowhere", ["a"]), "pip install xxhash")
    refused(ErrorCode.COLLECTION_NOT_FOUND, lambda: db.get("nowhere", [1]))


@pytest.mark.parametrize("dtype", ["U5", object])
def test_arrays_of_texts_may_be_empty(dtype):
    assert as_ids(np.array([], dtype)).tolist() == [] and as_ids(np.array([], dtype)).dtype == np.dtype("<u8")
    first, second = as_id_sets([np.array(["a"], dtype), np.array([], dtype)], 2)
    assert first.tolist() == [string_id_hash("a")] and not len(second)


def test_a_record_with_a_string_id_alone_is_that_of_the_page():
    texts = ["a", "é", "x" * 256]
    data = [bytes([0x80]) + len(text.encode()).to_bytes(2, "little") + text.encode() + bytes(4) for text in texts]
    assert [Record((), b"", text).encode() for text in texts] == string_id_records(texts) == data
    full = Record(((0, AttributeType.BOOL, True),), b"p", "é").encode()
    assert full == bytes.fromhex("81 0200 c3a9 00 02 01 01000000 70")


# -- scripted


def answers(link, header, message):
    """Every id is that of an item, which goes by the text "a"."""
    if header.kind == Kind.GET:
        count = len(message.ids)
        records = [Record((), b"", "a")] * count if message.fields else None
        reply = p.GetReply("g", 1, count, np.ones(count, "u1"), np.ones(count, "<f4"), records)
    else:
        reply = {
            Kind.UPSERT: p.UpsertReply("g", 5, 0, False), Kind.INGEST_BEGIN: p.IngestBeginReply(1, "g", 2, p.Metric.IP),
            Kind.INGEST_ROWS: p.IngestRowsReply(1), Kind.INGEST_COMMIT: p.IngestCommitReply(1, 1, p.Element.F32, 2),
        }[Kind(header.kind)]
    link.reply(header, reply)


def test_rows_carry_their_texts_without_a_question_before(scripted):
    scripted.script = answers
    texts, rows = ["a", "é", "a b"], np.ones((3, 2), np.float32)
    with vecd.connect(scripted.path) as db:
        db.upsert("x", texts, rows)
        db.ingest("x", np.array(texts), rows)
        db.ingest("x", iter(texts), rows, payloads=["p", None, b"q"])
    assert not sent(scripted, p.DescribeRequest)
    messages = [*sent(scripted, p.UpsertRequest), *sent(scripted, p.IngestRowsRequest)]
    for message in messages:
        records = read_records(Reader(message.records), 3, "x")
        assert [record.string_id for record in records] == texts
        assert message.ids.tolist() == [string_id_hash(text) for text in texts]
    assert [record.payload for record in records] == [b"p", b"", b"q"]


def test_a_get_of_texts_always_asks_for_them_and_many_go_at_once(scripted):
    scripted.script = answers
    with vecd.connect(scripted.path) as db:
        got = db.get("x", ["a", "b"])
        assert got.found.tolist() == [True, False] and got.string_ids is None and np.isnan(got.vectors[1]).all()
        assert db.get("x", ["b", "a"], fields="payload").payloads == [None, b""]
        assert db.get("x", [7]).found.tolist() == [True]
        assert db.get("x", ["a"] * 8_001).found.all()
        assert db.string_ids("x", np.arange(2)) == ["a", "a"]
    asked = sent(scripted, p.GetRequest)
    assert [message.fields for message in asked[:3]] == [Fields.STRING_ID, Fields.STRING_ID | Fields.PAYLOAD, None]
    assert [message.count for message in asked[3:6]] == [4_000, 4_000, 1]


def test_messages_name_the_text_and_not_its_hash(scripted):
    with vecd.connect(scripted.path) as db:
        refused(ErrorCode.INVALID_ARGUMENT, lambda: db.bias("x", "u", ["a", "b"], [0, np.nan]), 'the bias of id "b" is nan')
    assert len(scripted.seen) == 1


# -- against a daemon


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("index", ["flat", "ivf", "hnsw"])
def test_searches_of_every_index_give_the_texts_that_numpy_finds(db, name, metric, index):
    texts, rows, queries = texts_of(1_500), rows_of(1_500, 7), rows_of(4, 8)
    db.create(name, DIMENSION, metric, ids="string")
    db.ingest(name, texts[:1_400], rows[:1_400], "g", batch_rows=300)
    db.build_index(name, "g", index)
    db.publish(name, "g")
    db.upsert(name, texts[1_400:], rows[1_400:])
    ids = string_ids.hashes(texts)
    named = dict(zip(ids.tolist(), texts))
    for act in (lambda: None, lambda: db.seal(name), lambda: db.compact(name)):
        act()
        found = db.search(name, queries, 20, exact=True, fields="string_id")
        check(found, queries, ids, rows, metric, 20)
        for how in ({}, {"recall": 0.9}, {"exact": True, "batch_queries": 1}):
            found = db.search(name, queries, 20, fields="string_id", **how)
            assert found.string_ids == [[named[own] for own in row] for row in found.ids.tolist()], how
    assert db.verify(name).findings == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_all_of_it_is_there_after_a_restart(own_daemon, how):
    texts, rows = texts_of(300), rows_of(300, 9)
    with own_daemon.connect() as db:
        db.create("shop", DIMENSION, "cosine", ids="string")
        db.ingest("shop", texts[:200], rows[:200], "g")
        db.build_index("shop", "g")
        db.publish("shop", "g")
        db.upsert("shop", texts[100:], rows[100:], payloads=[text.upper() for text in texts[100:]])
        db.delete("shop", texts[::7])
        db.exclude("shop", "u", texts[1:3])
    own_daemon.stop(how)
    own_daemon.start()
    with own_daemon.connect() as db:
        assert db.describe("shop")["ids"] == "string"
        kept = [place % 7 != 0 for place in range(300)]
        for act in (lambda: None, lambda: db.seal("shop"), lambda: db.compact("shop")):
            act()
            got = db.get("shop", texts, fields=["string_id", "payload"])
            assert got.found.tolist() == kept
            assert got.string_ids == [text if own else None for text, own in zip(texts, kept)]
            assert got.payloads[150] == texts[150].upper().encode() and got.payloads[50] == b""
            found = db.search("shop", rows[5], 300, exact=True, exclude_set="u", fields="string_id")
            assert set(found.string_ids[0]) == {text for text, own in zip(texts, kept) if own} - set(texts[1:3])
        assert db.string_ids("shop", db.exclusions("shop", "u").ids) == sorted(texts[1:3], key=string_id_hash)
        refused(ErrorCode.INVALID_ARGUMENT, lambda: db.upsert("shop", [5], rows[:1]), "without its string id")
        assert db.verify().findings == []


def test_items_known_by_numbers_have_no_texts(db, name):
    fill(db, name, np.arange(3), np.eye(3, DIMENSION, dtype=np.float32), "ip")
    assert db.describe(name)["ids"] == "number"
    assert db.search(name, rows_of(1, 1), 3, fields="string_id").string_ids == [[None] * 3]
    assert db.get(name, [0, 9], fields=["string_id", "payload"]).string_ids == db.string_ids(name, [0, 9]) == [None, None]
    # An item that has the hash of a text as its number is not what the text asks for.
    db.upsert(name, [string_id_hash("a")], rows_of(1, 1))
    assert db.get(name, ["a"]).found.tolist() == [False]


def test_an_ingest_with_a_text_of_another_hash_leaves_nothing(db, name):
    db.create(name, 2, "ip", ids="string")
    session = db.begin_ingest(name, "g")
    session.add(["a"], np.ones((1, 2), np.float32))
    wrong = p.IngestRowsRequest(
        session._number, p.Element.F32, 2, 1, np.array([string_id_hash("b") + 1], "<u8"), np.ones(2, "<f4"),
        Record((), b"", "b").encode())
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db._call(wrong), '"b"', "whose hash is", str(string_id_hash("b")))
    refused(ErrorCode.INGEST_NOT_FOUND, session.commit)
    assert db.generations(name) == []


def test_items_are_found_read_and_left_out_by_their_texts(db, shop):
    name, texts, rows = shop
    assert db.describe(name)["ids"] == "string"
    query = rows_of(3, 2)
    order = np.argsort(-(query.astype(np.float64) @ rows.T.astype(np.float64)), axis=1)
    found = db.search(name, query, 5, exact=True, fields=["string_id", "attributes", "payload"])
    assert found.string_ids == [[texts[n] for n in best[:5]] for best in order]
    assert [[own["price"] for own in row] for row in found.attributes] == order[:, :5].tolist()
    assert found.payloads == [[text.upper().encode() for text in row] for row in found.string_ids]
    assert found.ids.tolist() == [[string_id_hash(text) for text in row] for row in found.string_ids]
    assert db.search(name, query, 5).string_ids is None

    seen = [texts[n] for n in order[0, :7]]
    again = db.search(name, query[0], 5, exact=True, exclude=seen, fields="string_id")
    assert again.string_ids == [[texts[n] for n in order[0, 7:12]]]
    own = db.search(name, query, 3, exact=True, exclude=[[texts[best[0]]] for best in order], fields="string_id")
    assert own.string_ids == [[texts[n] for n in best[1:4]] for best in order]

    got = db.get(name, np.array([texts[7], "nobody", texts[3]]), fields=["string_id", "payload"])
    assert got.found.tolist() == [True, False, True] and got.string_ids == [texts[7], None, texts[3]]
    assert np.array_equal(got.vectors[[0, 2]], rows[[7, 3]]) and got.payloads[1] is None
    assert db.get(name, [texts[0]]).string_ids is None


def test_sets_and_likeness_take_texts_and_tell_them(db, shop):
    name, texts, rows = shop
    query = rows_of(1, 3)[0]
    best = np.argsort(-(rows.astype(np.float64) @ query.astype(np.float64)))
    assert db.exclude(name, "u", [texts[best[0]], "nobody"]) == 2
    assert db.search(name, query, 1, exclude_set="u", fields="string_id").string_ids == [[texts[best[1]]]]
    held = db.exclusions(name, "u").ids
    assert set(db.string_ids(name, held)) == {texts[best[0]], None} and db.string_ids(name, []) == []

    assert db.bias(name, "b", [texts[best[-1]]], [1e6]) == 1
    assert db.search(name, query, 1, bias="b", fields="string_id").string_ids == [[texts[best[-1]]]]

    like = db.likeness(name, [texts[4], texts[5]], [texts[6]])
    assert np.allclose(like, rows[[4, 5]].mean(axis=0) - 0.5 * rows[6], atol=1e-5)
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db.likeness(name, [texts[4], "nobody"]), "nobody")


def test_writes_replace_and_remove_by_text_and_stay_through_seals_and_compactions(db, shop):
    name, texts, rows = shop
    new = rows_of(80, 4)
    assert db.upsert(name, texts_of(80), new, attributes=[{"price": 7}] * 80).existing == 60
    assert db.delete(name, texts[:10]).existing == 10
    assert db.delete(name, np.array(["nobody"])).existing == 0
    for act in (lambda: None, lambda: db.seal(name), lambda: db.compact(name)):
        act()
        got = db.get(name, texts_of(90), fields=["string_id", "attributes", "payload"])
        assert got.found.tolist() == [False] * 10 + [True] * 70 + [False] * 10
        assert got.string_ids[10:80] == texts_of(80)[10:] and np.array_equal(got.vectors[10:80], new[10:])
        assert got.attributes[10] == {"price": 7} and got.payloads[10] == b""
        found = db.search(name, rows_of(1, 5), 90, exact=True, fields="string_id")
        assert sorted(found.string_ids[0]) == sorted(texts_of(80)[10:])


def test_a_large_ingest_in_pieces_keeps_every_text(db, name):
    db.create(name, 2, "l2", ids="string")
    texts = texts_of(5_000)
    rows = np.arange(10_000, dtype=np.float32).reshape(5_000, 2)
    with db.begin_ingest(name, "g") as session:
        for start in range(0, 5_000, 700):
            session.add(texts[start : start + 700], rows[start : start + 700], batch_rows=300)
    db.build_index(name, "g")
    db.publish(name, "g")
    got = db.get(name, texts, fields="string_id")
    assert got.found.all() and got.string_ids == texts and np.array_equal(got.vectors, rows)


def test_rows_and_collections_that_do_not_suit_each_other_are_refused(db, shop):
    name, texts, rows = shop
    row = rows[:1]
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db.upsert(name, [5], row), "without its string id")
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db.ingest(name, [5], row), "without its string id")
    other = name + "-n"
    db.create(other, DIMENSION, "ip")
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db.upsert(other, ["a"], row), '"a"', "known by numbers")
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db.ingest(other, ["a"], row), '"a"', "known by numbers")
    wrong = p.UpsertRequest(
        name, "", p.NO_TOKEN, DIMENSION, 1, np.array([17], "<u8"), row, Record((), b"", "a").encode(), None)
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db._call(wrong), "whose hash is", str(string_id_hash("a")))
    db.drop(other)


def test_a_text_that_comes_twice_and_two_of_one_hash_are_named(db, shop):
    name, texts, rows = shop
    two = rows[:2]
    refused(ErrorCode.DUPLICATE_ID, lambda: db.ingest(name, ["x", "x"], two, "h"), '"x"', "row 0", "row 1")
    db.ingest(name, ["x", "y"], two, "h")
    refused(ErrorCode.ID_EXISTS, lambda: db.ingest(name, ["z", "y"], two, "h"), '"y"')
    refused(ErrorCode.DUPLICATE_ID, lambda: db.ingest(name, list(TWINS), two, "i"), *TWINS)
    db.upsert(name, TWINS[:1], rows[:1])
    refused(ErrorCode.DUPLICATE_ID, lambda: db.upsert(name, TWINS[1:], rows[:1]), *TWINS)
    # Who asks for the one does not get the other.
    got = db.get(name, TWINS, fields=["string_id", "payload"])
    assert got.found.tolist() == [True, False] and got.string_ids == [TWINS[0], None]
    assert np.isnan(got.vectors[1]).all() and got.payloads == [b"", None]
    refused(ErrorCode.INVALID_ARGUMENT, lambda: db.likeness(name, TWINS[1:]), TWINS[1])


def test_texts_that_the_disk_does_not_deliver_are_never_answered(own_daemon):
    """Cut short under the daemon, the file has no such pages any more: the mapping faults."""
    with own_daemon.connect() as db:
        db.create("c", 2, "ip", ids="string")
        texts = [f"{n:0200}" for n in range(3_000)]
        db.ingest("c", texts, np.ones((3_000, 2), np.float32), "g")
        db.build_index("c", "g")
        db.publish("c", "g")
        query = np.ones(2, np.float32)
        found = db.search("c", query, 3_000, exact=True, fields="string_id")
        assert sorted(found.string_ids[0]) == texts
        segment, = (own_daemon.store / "segments").glob("*.vseg")
        segment.chmod(0o600)
        os.truncate(segment, segment.stat().st_size - 400_000)
        refused(
            ErrorCode.SEGMENT_DAMAGED, lambda: db.search("c", query, 3_000, exact=True, fields="string_id"), "did not deliver")
        refused(ErrorCode.COLLECTION_FENCED, lambda: db.search("c", query, 1))
