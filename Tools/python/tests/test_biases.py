"""Named sets of biases: against a scripted daemon, then against the real one and numpy, and through vecctl."""

import json
import signal
import threading

import numpy as np
import pytest

import vecd
from test_client import answer, refused
from test_end_to_end import code_of, fill
from test_exclusions import lose_the_second, vecctl
from truth import random_set, scores
from vecd import ErrorCode
from vecd import protocol as p
from vecd.wire import Kind

K = 50


def rows(count: int, width: int = 2) -> np.ndarray:
    return np.arange(count * width, dtype=np.float32).reshape(count, width)


# -- scripted


def test_messages_about_biases_are_laid_out_as_documented():
    put = p.BiasRequest("ab", "u", 2, np.array([258, 1], "<u8"), np.array([1, -2], "<f4"))
    assert put.encode().hex() == (
        "0200" "6162" "0100" "75" "02000000" "0201000000000000" "0100000000000000" "0000803f" "000000c0")
    assert p.BiasReply(258).encode().hex() == "0201000000000000"
    for kind in (p.ForgetBiasesRequest, p.BiasesRequest):
        assert kind("ab", "u").encode().hex() == "0200" "6162" "0100" "75"
    assert p.ForgetBiasesReply(True).encode() == b"\1"
    held = p.BiasesReply(1, np.array([258], "<u8"), np.array([-2], "<f4"))
    assert held.encode().hex() == "01000000" "0201000000000000" "000000c0"
    search = p.SearchRequest("ab", "", 3, p.Effort.EXACT, 0, p.Index.AUTO, 1, 1, 1, np.array([1], "<f4"))
    asked = p.SearchRequest(**(vars(search) | {"log_sum_exp": 0.5, "bias": "u"}))
    assert asked.encode() == search.encode() + bytes.fromhex("0c00" "04000000" "0000003f" "0d00" "03000000" "0100" "75")
    for wrong in ("0d00" "02000000" "0100", "0d00" "04000000" "0100" "7575", "0d00" "03000000" "0100" "ff"):
        refused(ErrorCode.MALFORMED_FRAME, p.SearchRequest.decode, search.encode() + bytes.fromhex(wrong))


def test_what_is_wrong_is_refused_before_anything_is_sent(scripted):
    with vecd.connect(scripted.path) as db:
        before = len(scripted.seen)
        for call in (
            lambda: db.bias("x", "u", [], []), lambda: db.bias("x", "u", [-1], [1]),
            lambda: db.bias("x", "a b", [1], [1]), lambda: db.bias("x", "", [1], [1]),
            lambda: db.bias("x", "é", [1], [1]), lambda: db.bias("x", "u\n", [1], [1]),
            lambda: db.bias("x", "a" * 65, [1], [1]), lambda: db.bias("x", None, [1], [1]),
            lambda: db.bias("x", "u", [1, 2], [1]), lambda: db.bias("x", "u", [1], [1, 2]),
            lambda: db.bias("x", "u", [1], np.array([[1.0]])), lambda: db.bias("x", "u", [1], [True]),
            lambda: db.bias("x", "u", [1], ["1"]), lambda: db.bias("x", "u", [1], [None]),
            lambda: db.bias("x", "u", [1], np.array([True])), lambda: db.bias("x", "u", [1], np.array([1j])),
            lambda: db.bias("x", "u", [1], [10**400]), lambda: db.forget_biases("x", "-"),
            lambda: db.biases("x", None), lambda: db.search("x", rows(1), 1, bias="a b"),
            lambda: db.search("x", rows(1), 1, bias=""), lambda: db.search("x", rows(1), 1, bias=["a"]),
        ):
            assert isinstance(refused(ErrorCode.INVALID_ARGUMENT, call), ValueError)
        assert "bias set 'a b': use 1 to 64 of" in refused(ErrorCode.INVALID_ARGUMENT, db.biases, "x", "a b").message
        assert len(scripted.seen) == before


@pytest.mark.parametrize("dtype", ["list", "<f2", "<f4", "<f8", "<i8", "<u8"])
def test_a_bias_that_is_no_number_or_too_large_is_named(scripted, dtype):
    wrong = {
        "<f2": [np.nan, np.inf, -np.inf], "<i8": [1_000_000_001, -(2**63)], "<u8": [2**64 - 1],
    }.get(dtype, [np.nan, np.inf, -np.inf, 1.001e9, -1.001e9, 1e38])
    with vecd.connect(scripted.path) as db:
        before = len(scripted.seen)
        for value in wrong:
            values = [0, value, 5] if dtype == "list" else np.array([0, value, 5], dtype)
            told = refused(ErrorCode.INVALID_ARGUMENT, db.bias, "x", "u", [7, 8, 9], values)
            assert isinstance(told, ValueError) and told.message.startswith("the bias of id 8 is ")
            assert told.message.endswith(", expected a number between -1e+09 and 1e+09")
        assert len(scripted.seen) == before


def test_many_ids_go_in_several_requests_and_one_that_is_lost_goes_again(scripted):
    lose_the_second(scripted, p.BiasReply)
    with vecd.connect(scripted.path) as db:
        assert db.bias("x", "u", np.arange(70_000), np.arange(70_000)) == 1
        assert db.bias("x", "u", (1, 2), (1, -0.5)) == 2
    sent = [message for _, message in scripted.seen if isinstance(message, p.BiasRequest)]
    assert [len(part.ids) for part in sent] == [65_536, 4_464, 4_464, 2]
    for part in sent[:3]:
        assert (part.ids == part.values).all() and part.values.dtype == np.float32
    assert sent[3].values.tolist() == [1, -0.5]


def test_the_name_travels_with_every_request_of_a_search(scripted):
    scripted.script = lambda link, header, message: link.reply(header, answer(message))
    with vecd.connect(scripted.path) as db:
        db.search("x", rows(5), 1, bias="boost", batch_queries=2)
        db.search("x", rows(2), 1)
    sent = [message.bias for header, message in scripted.seen if header.kind == Kind.SEARCH]
    assert sent == ["boost", "boost", "boost", None]


@pytest.mark.parametrize("ids, values", [
    ([2, 1], [1, 1]), ([1, 1], [1, 1]), ([1], [0]), ([1], [-0.0]), ([1], [np.nan]), ([1], [np.inf]), ([1], [1.001e9]),
])
def test_biases_that_cannot_be_are_malformed(scripted, ids, values):
    reply = p.BiasesReply(len(ids), np.array(ids, "<u8"), np.array(values, "<f4"))
    scripted.script = lambda link, header, message: link.reply(header, reply)
    with vecd.connect(scripted.path) as db:
        refused(ErrorCode.MALFORMED_FRAME, db.biases, "x", "u")


# -- the real daemon


def clusters(rng, count: int, dimension: int = 24) -> np.ndarray:
    centres = rng.standard_normal((30, dimension)).astype(np.float32)
    return (centres[rng.integers(30, size=count)] + 0.4 * rng.standard_normal((count, dimension))).astype(np.float32)


def without_bias(db, name, queries, ids, **how) -> np.ndarray:
    """(queries, ids): the score of each item as a search without biases tells it, -inf for those that are no result."""
    found = db.search(name, queries, len(ids), exact=True, **how)
    told, order = np.full((len(found.ids), len(ids)), -np.inf, np.float32), np.argsort(ids)
    for query, (own, values) in enumerate(found):
        told[query, order[np.searchsorted(ids, own, sorter=order)]] = values
    return told


def check_sums(found, told, ids, biases, k) -> None:
    """Results are the best k by score + bias, both float32 and so their sum; equal sums are in the order of ids."""
    for query, (own, values) in enumerate(found):
        total = told[query] + biases
        order = np.lexsort((ids, -total))[: min(k, int(np.isfinite(total).sum()))]
        assert own.tolist() == ids[order].tolist()
        assert (values == total[order]).all()


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("index", ["flat", "ivf", "hnsw", "auto"])
def test_results_are_those_with_the_best_sums(db, name, metric, index):
    rng = np.random.default_rng(7)
    items, ids = clusters(rng, 8_000), rng.permutation(8_000).astype(np.uint64) + 1_000
    users = (items[rng.integers(8_000, size=240)] + 0.5 * items[rng.integers(8_000, size=240)]).astype(np.float32)
    sample, queries = users[:200], users[200:]
    db.create(name, 24, metric)
    db.ingest(name, ids, items, "g")
    wish = {} if index == "flat" else {"target_recall": 0.95, "queries": sample}
    report = db.build_index(name, "g", index, **wish).report
    by_index = [dict(recall=0.9, index=entry["index"]) for entry in (report["indexes"] if wish else [])]
    db.publish(name, "g")
    exact = scores(queries, items, metric)
    told = without_bias(db, name, queries, ids)
    for few, share in (("some", 0.01), ("all", 1.0)):
        chosen = rng.permutation(8_000)[: int(8_000 * share)]
        biases = np.zeros(8_000, np.float32)
        biases[chosen] = rng.normal(0, exact.std(), len(chosen))
        biases[chosen[0]] = 3 * exact.max()
        assert db.bias(name, few, ids[chosen], biases[chosen]) == len(chosen)
        truth = exact + biases
        for how in (dict(exact=True), dict(exact=True, index="flat", batch_queries=7), dict(), *by_index):
            found = db.search(name, queries, K, bias=few, **how)
            assert (found.counts == K).all() and (found.ids[:, 0] == ids[chosen[0]]).all()
            if "exact" in how:
                check_sums(found, told, ids, biases, K)
                np.testing.assert_allclose(found.scores, -np.sort(-truth, axis=1)[:, :K], rtol=1e-5, atol=1e-5)
            own = np.argsort(ids)[found.ids.astype(np.int64) - 1_000]
            np.testing.assert_allclose(found.scores, np.take_along_axis(truth, own, 1), rtol=1e-5, atol=1e-5)
            assert (np.diff(found.scores, axis=1) <= 0).all()
            best = ids[np.argsort(-truth, axis=1)[:, :K]]
            shared = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found.ids, best)]) / K
            assert shared >= 0.9, (few, how)
            with_bias = np.isin(found.ids, ids[chosen]).mean()
            assert with_bias == 1 if few == "all" else 0.02 < with_bias < 0.9


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("seed", range(16))
def test_sums_are_exact_whatever_the_items(db, name, metric, seed):
    ids, items, queries, k = random_set(seed, metric)
    fill(db, name, ids, items, metric)
    rng = np.random.default_rng(seed)
    told = without_bias(db, name, queries, ids)
    biases, size = np.zeros(len(ids), np.float32), rng.choice([0.01, 1, 100]) * np.abs(told).max()
    own = rng.permutation(len(ids))[: 1 + int(rng.choice([0.01, 0.3, 1]) * len(ids))]
    biases[own] = size * rng.standard_normal(len(own))
    assert db.bias(name, "b", ids[own], biases[own]) == len(own)
    for how in (dict(), dict(index="flat"), dict(batch_queries=1)):
        check_sums(db.search(name, queries, k, exact=True, bias="b", **how), told, ids, biases, k)


def test_sums_that_float32_cannot_tell_apart_are_in_the_order_of_ids(db, name):
    rng = np.random.default_rng(2)
    items, ids = rng.standard_normal((3_000, 16)).astype(np.float32), rng.permutation(3_000).astype(np.uint64)
    queries = rng.standard_normal((4, 16)).astype(np.float32)
    fill(db, name, ids, items, "ip")
    told = without_bias(db, name, queries, ids)
    for number, choose in enumerate((
        lambda: np.full(3_000, 1e9), lambda: np.full(3_000, -1e9), lambda: rng.choice([-1e9, 0, 1e9], 3_000),
        lambda: rng.choice([0, 1e6, 1e6 + 0.0625], 3_000), lambda: rng.choice([0, 1e-30, -1e-40], 3_000),
        lambda: np.where(ids < 100, 1e4, 0),
    )):
        biases = choose().astype(np.float32)
        own = np.flatnonzero(biases)
        db.bias(name, f"s{number}", ids[own], biases[own])
        for k in (1, 50, 120, 3_000):
            check_sums(db.search(name, queries, k, exact=True, bias=f"s{number}"), told, ids, biases, k)
        held = db.biases(name, f"s{number}")
        order = own[np.argsort(ids[own])]
        assert held.ids.tolist() == ids[order].tolist() and (held.values == biases[order]).all()
        assert held.values.dtype == np.float32 and len(held) == len(own)


def test_changes_of_biases_and_of_items_are_seen_at_once(db, name):
    rng = np.random.default_rng(3)
    db.create(name, 8, "ip")
    ids = np.arange(900, dtype=np.uint64)
    biases, vectors = np.zeros(900, np.float32), np.full((900, 8), np.nan, np.float32)
    queries = rng.standard_normal((3, 8)).astype(np.float32)

    def put(size):
        own = rng.integers(900, size=size)
        values = np.where(rng.random(size) < 0.3, 0, rng.normal(0, 3, size)).astype(np.float32)
        for i, value in zip(own, values):
            biases[i] = value
        assert db.bias(name, "b", own, values) == np.count_nonzero(biases)

    def upsert(size):
        own = rng.permutation(900)[:size]
        vectors[own] = rng.standard_normal((size, 8))
        db.upsert(name, own, vectors[own])

    def delete(size):
        own = rng.permutation(900)[:size]
        vectors[own] = np.nan
        db.delete(name, own)

    def forget(size):
        assert db.forget_biases(name, "b") == bool(biases.any())
        biases[:] = 0

    steps = [lambda size: db.seal(name), lambda size: db.compact(name), forget, delete, *[upsert] * 2, *[put] * 4]
    put(200)  # of ids that are not there yet
    upsert(500)
    for step in range(250):
        steps[rng.integers(len(steps))](int(rng.choice([1, 3, 40, 300])))
        there = ~np.isnan(vectors[:, 0])
        held = db.biases(name, "b")
        assert held.ids.tolist() == np.flatnonzero(biases).tolist() and (held.values == biases[held.ids]).all()
        found = db.search(name, queries, 30, exact=True, bias="b")
        check_sums(found, without_bias(db, name, queries, ids), ids, biases, 30)
        best = -np.sort(-(scores(queries, vectors[there], "ip") + biases[there]), axis=1)[:, :30]
        np.testing.assert_allclose(found.scores[found.mask], best.reshape(-1), rtol=1e-5, atol=1e-5)
    assert db.verify(name).findings == []


@pytest.mark.parametrize("index", ["flat", "ivf", "hnsw"])
def test_rows_that_come_after_a_set_have_their_biases(db, name, index):
    rng = np.random.default_rng(4)
    items = clusters(rng, 3_000)
    db.create(name, 24, "cosine")
    db.ingest(name, np.arange(2_000), items[:2_000])
    db.publish(name, db.build_index(name, index=index).generation)
    db.bias(name, "new", np.arange(1_990, 3_000), np.full(1_010, 5.0))
    found = db.search(name, items[0], 100, bias="new")
    assert set(found.ids[0, :10].tolist()) == set(range(1_990, 2_000)) and (found.scores[0, 10:] <= 1).all()
    for start, finish in ((2_000, 0), (2_300, db.seal), (2_700, db.compact)):
        db.upsert(name, np.arange(start, start + 300), items[start : start + 300])
        if finish:
            finish(name)
        found = db.search(name, items[start + 7], 2, bias="new")
        assert found.ids[0, 0] == start + 7 and found.scores[0, 0] == 6 and 4 < found.scores[0, 1] <= 6
    db.upsert(name, [5, 2_999], items[[2_999, 5]])
    assert db.search(name, items[5], 1, bias="new").ids.tolist() == [[2_999]]


def biased(db, name, ids, share, width, rng):
    """A set of biases for a share of the ids, and the bias of each."""
    biases = np.zeros(len(ids), np.float32)
    chosen = rng.permutation(len(ids))[: int(len(ids) * share)]
    biases[chosen] = rng.normal(0, width, len(chosen))
    db.bias(name, "b", ids[chosen], biases[chosen])
    return biases


@pytest.mark.parametrize("share", [0.02, 1.0])
def test_biases_go_together_with_interests_exclusions_filters_and_limits(db, name, share):
    rng = np.random.default_rng(5)
    items, ids = rng.standard_normal((2_000, 8)).astype(np.float32), rng.permutation(2_000).astype(np.uint64)
    price = rng.integers(10, size=2_000)
    db.create(name, 8, "ip", attributes={"price": "int"})
    db.ingest(name, ids, items, attributes={"price": price.tolist()})
    db.publish(name, db.build_index(name).generation)
    users = rng.standard_normal((5, 3, 8)).astype(np.float32)
    biases = biased(db, name, ids, share, 4, rng)

    def find(k=40, **how):
        return db.search(name, users, k, exact=True, bias="b", **how)

    plain = find()
    check_sums(plain, without_bias(db, name, users, ids), ids, biases, 40)
    truth = scores(users, items, "ip") + biases
    np.testing.assert_allclose(plain.scores, -np.sort(-truth, axis=1)[:, :40], rtol=1e-5, atol=1e-5)

    seen = [own[:25] for own in plain.ids]
    db.exclude(name, "user", seen[0])
    for how in (
        dict(exclude=seen), dict(exclude=seen[2]), dict(exclude_set="user"), dict(exclude=seen[1], exclude_set="user"),
        dict(filter="price < 3"), dict(filter="price = 4", exclude=seen), dict(filter="price = 11"),
        dict(weights=[1, 0.25, 2]),
    ):
        check_sums(find(**how), without_bias(db, name, users, ids, **how), ids, biases, 40)

    limit = float(plain.scores[1, 6])
    limited = find(score_limit=limit)
    assert limited.counts.tolist() == (plain.scores >= limit).sum(axis=1).tolist() and limited.counts[1] == 7
    assert all((own == plain.ids[query, : len(own)]).all() for query, (own, _) in enumerate(limited))

    told = find(fields="attributes")
    assert (told.ids == plain.ids).all()
    assert [own["price"] for own in told.attributes[0]] == price[np.argsort(ids)[told.ids[0].astype(np.int64)]].tolist()

    for t in (0.5, 10):
        each = (users.astype(np.float64) @ items.T.astype(np.float64)) / t
        joint = t * (each.max(axis=1) + np.log(np.exp(each - each.max(axis=1, keepdims=True)).sum(axis=1))) + biases
        soft = find(log_sum_exp=t)
        np.testing.assert_allclose(soft.scores, -np.sort(-joint, axis=1)[:, :40], rtol=1e-5, atol=1e-5)
        own = np.argsort(ids)[soft.ids.astype(np.int64)]
        np.testing.assert_allclose(soft.scores, np.take_along_axis(joint, own, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("share", [0.02, 1.0])
def test_groups_quotas_and_diversity_choose_by_the_sums(db, name, share):
    rng = np.random.default_rng(6)
    items, ids = rng.standard_normal((1_000, 8)).astype(np.float32), np.arange(1_000, dtype=np.uint64)
    shelf = rng.integers(20, size=1_000)
    db.create(name, 8, "cosine", attributes={"shelf": "int"})
    db.ingest(name, ids, items, attributes={"shelf": shelf.tolist()})
    db.publish(name, db.build_index(name).generation)
    users = rng.standard_normal((4, 2, 8)).astype(np.float32)
    biases = biased(db, name, ids, share, 0.5, rng)
    total = without_bias(db, name, users, ids) + biases

    found = db.search(name, users, 40, exact=True, bias="b", group_by="shelf", group_limit=3)
    for query, (own, values) in enumerate(found):
        held, right = dict.fromkeys(range(20), 0), []
        for i in np.lexsort((ids, -total[query])).tolist():
            held[shelf[i]] += 1
            if held[shelf[i]] <= 3:
                right.append(i)
        assert own.tolist() == right[:40] and (values == total[query, right[:40]]).all()

    won = db.search(name, users, 40, exact=True, bias="b", quotas=[(15, 25), (0.25, None)])
    for query, (own, values) in enumerate(won):
        assert 15 <= np.count_nonzero(won.interests[query] == 0) <= 25
        assert (values == total[query, own]).all()
    plain = db.search(name, users, 40, exact=True, bias="b")
    by_score = db.search(name, users, 40, exact=True, bias="b", diversity=1)
    assert (by_score.ids == plain.ids).all() and (by_score.scores == plain.scores).all()
    mixed = db.search(name, users, 40, exact=True, bias="b", diversity=0.3)
    assert (mixed.ids != plain.ids).any() and (mixed.ids[:, 0] == plain.ids[:, 0]).all()
    assert (mixed.scores == np.take_along_axis(total, mixed.ids.astype(np.int64), 1)).all()


def test_a_set_that_is_not_there_adds_nothing(db, name):
    rng = np.random.default_rng(8)
    items, ids = rng.standard_normal((500, 8)).astype(np.float32), np.arange(500, dtype=np.uint64)
    fill(db, name, ids, items, "ip")
    plain = db.search(name, items[:5], 20)

    def same(found):
        assert (found.ids == plain.ids).all() and (found.scores == plain.scores).all()

    same(db.search(name, items[:5], 20, bias="nobody"))
    assert len(db.biases(name, "nobody")) == 0 and not db.forget_biases(name, "nobody")
    assert db.bias(name, "b", [1, 2], [0, -0.0]) == 0 and not db.forget_biases(name, "b")
    assert db.bias(name, "b", [3, 3, 4, 4], [1, 2, 3, 0]) == 1
    held = db.biases(name, "b")
    assert held.ids.tolist() == [3] and held.values.tolist() == [2]
    assert db.bias(name, "elsewhere", np.arange(500, 600), np.full(100, 1e9)) == 100  # no item has these ids
    same(db.search(name, items[:5], 20, bias="elsewhere"))
    assert db.bias(name, "b", [3], [0]) == 0
    same(db.search(name, items[:5], 20, bias="b"))
    assert code_of(db.bias, "no-such", "b", [1], [1]) is ErrorCode.COLLECTION_NOT_FOUND
    assert code_of(db.biases, "no-such", "b") is ErrorCode.COLLECTION_NOT_FOUND
    assert code_of(db.forget_biases, "no-such", "b") is ErrorCode.COLLECTION_NOT_FOUND


def test_biases_are_refused_under_l2(db, name):
    fill(db, name, np.arange(3, dtype=np.uint64), rows(3), "l2")
    for set_name in ("b", "nobody"):
        with pytest.raises(vecd.VecdError, match="l2") as caught:
            db.search(name, rows(1), 1, bias=set_name)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert db.search(name, rows(1), 1).ids.tolist() == [[0]]


def test_the_daemon_too_refuses_what_is_no_bias(db, name):
    db.create(name, 2, "ip")

    def send(values, ids=(1, 2), set_name="b"):
        ids, values = np.array(ids, "<u8"), np.array(values, "<f4")
        return db._call(p.BiasRequest(name, set_name, len(ids), ids, values)).ids

    for wrong in (np.nan, np.inf, -np.inf, 1.001e9, -3e38):
        with pytest.raises(vecd.VecdError, match="the bias of id 2 is") as caught:
            send([1, wrong])
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert code_of(send, [], ()) is ErrorCode.INVALID_ARGUMENT
    assert code_of(send, [1, 2], set_name="a b") is ErrorCode.INVALID_ARGUMENT
    assert code_of(send, np.ones(65_537), range(65_537)) is ErrorCode.LIMIT_EXCEEDED
    search = p.SearchRequest(
        name, "", 1, p.Effort.EXACT, 0, p.Index.AUTO, 1, 1, 2, np.ones(2, "<f4"), bias="a b")
    assert code_of(db._call, search) is ErrorCode.INVALID_ARGUMENT
    assert len(db.biases(name, "b")) == 0
    assert send([1e9, -1e9]) == 2


def test_the_limits_of_sets_are_kept(db, name):
    db.create(name, 2, "ip")
    ids = np.arange(1_000_001)
    assert db.bias(name, "s0", ids[:-1], np.ones(1_000_000)) == 1_000_000
    assert code_of(db.bias, name, "s0", ids[-1:], [1]) is ErrorCode.LIMIT_EXCEEDED
    assert db.bias(name, "s0", [0, 1_000_000], [0, 1]) == 1_000_000
    held = db.biases(name, "s0")
    assert (held.ids == ids[1:]).all() and (held.values == 1).all()
    for number in range(1, 64):
        assert db.bias(name, f"s{number}", [1], [1]) == 1
    assert code_of(db.bias, name, "s64", [1], [1]) is ErrorCode.LIMIT_EXCEEDED
    assert db.bias(name, "s63", [2], [1]) == 2 and db.forget_biases(name, "s63")
    assert db.bias(name, "s64", [1], [1]) == 1


def test_sets_survive_kill_9_and_a_restart_and_go_with_their_collection(own_daemon):
    rng = np.random.default_rng(9)
    items = rng.standard_normal((400, 8)).astype(np.float32)
    with own_daemon.connect() as db:
        fill(db, "x", np.arange(300, dtype=np.uint64), items[:300], "ip")
        db.upsert("x", np.arange(300, 400), items[300:])
        for i in range(210):  # past the number of parts after which they become one
            db.bias("x", f"u{i % 5}", rng.integers(400, size=20), rng.normal(0, 2, 20).round(1))
        db.forget_biases("x", "u4")
        before = [db.biases("x", f"u{i}") for i in range(5)]
        found = [db.search("x", items[:3], 20, exact=True, bias=f"u{i}") for i in range(5)]
        assert [len(own) > 100 for own in before] == [True, True, True, True, False]
        assert all((told.ids != found[4].ids).any() for told in found[:4])
        assert db.stats()["bias_sets"]["sets"] == 4 and db.stats()["bias_sets"]["ids"] == sum(map(len, before))
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        own_daemon.stop(how)
        own_daemon.start()
        with own_daemon.connect() as db:
            for i, (old, told) in enumerate(zip(before, found)):
                now, again = db.biases("x", f"u{i}"), db.search("x", items[:3], 20, exact=True, bias=f"u{i}")
                assert now.ids.tolist() == old.ids.tolist() and now.values.tolist() == old.values.tolist()
                assert (again.ids == told.ids).all() and (again.scores == told.scores).all()
            assert db.verify().findings == []
    with own_daemon.connect() as db:
        db.drop("x")
        assert db.stats()["bias_sets"] == {"sets": 0, "ids": 0, "bytes": 0, "damaged": 0}
        refused(ErrorCode.COLLECTION_NOT_FOUND, db.bias, "x", "u", [1], [1])
        db.create("x", 8, "ip")
        assert len(db.biases("x", "u0")) == 0


def test_a_set_outlives_its_generation(db, name):
    items = np.array([[1, 0], [2, 0], [3, 0]], np.float32)
    fill(db, name, np.arange(3, dtype=np.uint64), items, "ip")
    db.bias(name, "b", [1], [10])
    db.ingest(name, np.arange(3, dtype=np.uint64), -items, generation="next")
    db.build_index(name, "next")
    db.publish(name, "next")
    found = db.search(name, np.array([1, 0], np.float32), 3, bias="b")
    assert found.ids.tolist() == [[1, 0, 2]] and found.scores.tolist() == [[8, -1, -3]]
    db.rollback(name)
    found = db.search(name, np.array([1, 0], np.float32), 3, bias="b")
    assert found.ids.tolist() == [[1, 2, 0]] and found.scores.tolist() == [[12, 3, 1]]


def test_sets_of_biases_and_sets_to_exclude_are_apart(db, name):
    fill(db, name, np.arange(4, dtype=np.uint64), rows(4), "ip")
    db.exclude(name, "same", [3])
    db.bias(name, "same", [0], [100])
    query = np.array([1, 0], np.float32)
    assert db.search(name, query, 4, bias="same", exclude_set="same").ids[0, :3].tolist() == [0, 2, 1]
    assert db.forget_exclusions(name, "same") and len(db.biases(name, "same")) == 1
    assert db.search(name, query, 2, bias="same", exclude_set="same").ids.tolist() == [[0, 3]]


def test_a_search_sees_a_set_before_or_after_a_change_and_nothing_between(daemon, db, name):
    rng = np.random.default_rng(10)
    items, ids = rng.standard_normal((2_000, 8)).astype(np.float32), np.arange(2_000, dtype=np.uint64)
    fill(db, name, ids, items, "ip")
    states = [rng.normal(0, 3, 2_000).astype(np.float32) for _ in range(2)]
    found = []
    for values in states:
        db.bias(name, "b", ids, values)
        found.append(db.search(name, items[0], 50, exact=True, bias="b"))
    assert (found[0].ids != found[1].ids).any()
    wrong, ended = [], threading.Event()

    def look():
        with daemon.connect() as own:
            while not ended.is_set():
                now = own.search(name, items[0], 50, exact=True, bias="b")
                if not any((now.ids == old.ids).all() and (now.scores == old.scores).all() for old in found):
                    wrong.append(now)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        db.bias(name, "b", ids, states[turn % 2])
        now = db.search(name, items[0], 50, exact=True, bias="b")
        assert (now.ids == found[turn % 2].ids).all()
    ended.set()
    for reader in readers:
        reader.join()
    assert not wrong


# -- vecctl


def test_vecctl_keeps_shows_and_forgets_sets(daemon, db, name, tmp_path):
    fill(db, name, np.arange(10, dtype=np.uint64), np.eye(10, dtype=np.float32), "ip")
    np.save(tmp_path / "ids.npy", np.array([7, 3], np.int64))
    np.save(tmp_path / "values.npy", np.array([-2.5, 20], np.float32))
    done = vecctl(daemon, "bias", name, "fresh", "--ids", "9,7", "--value", "-1")
    assert done.returncode == 0 and "2 biases put into fresh, which has 2 " in done.stdout, done
    files = ("--ids-file", tmp_path / "ids.npy", "--values-file", tmp_path / "values.npy")
    assert json.loads(vecctl(daemon, "--json", "bias", name, "fresh", *files).stdout)["ids"] == 3
    held = db.biases(name, "fresh")
    assert held.ids.tolist() == [3, 7, 9] and held.values.tolist() == [20, -2.5, -1]
    shown = json.loads(vecctl(daemon, "--json", "bias", name, "fresh", "--list").stdout)
    assert shown["biases"] == [{"id": 3, "bias": 20}, {"id": 7, "bias": -2.5}, {"id": 9, "bias": -1}]
    vector = ",".join(str(float(i)) for i in range(10))
    found = json.loads(vecctl(daemon, "--json", "search", name, "--vector", vector, "-k", 4, "--bias", "fresh").stdout)
    assert [(item["id"], item["score"]) for item in found["results"][0]] == [(3, 23), (8, 8), (9, 8), (6, 6)]
    np.save(tmp_path / "values.npy", np.array([1, 2, 3], np.float32))
    done = vecctl(daemon, "bias", name, "fresh", *files)
    assert done.returncode == 65 and "holds 3 biases, must be 2, one per id of" in done.stderr
    assert vecctl(daemon, "bias", name, "fresh", "--ids", "3", "--value", "0").returncode == 0
    assert db.biases(name, "fresh").ids.tolist() == [7, 9]
    assert "fresh is forgotten" in vecctl(daemon, "bias", name, "fresh", "--forget").stdout
    assert "there was no bias set fresh" in vecctl(daemon, "bias", name, "fresh", "--forget").stdout
    assert "has no biases" in vecctl(daemon, "bias", name, "fresh", "--list").stdout


@pytest.mark.parametrize("arguments, said", [
    (["u"], "needs one of --ids, --ids-file, --list and --forget"),
    (["u", "--ids", "1", "--value", "1", "--list"], "needs one of"),
    (["u", "--ids", "1"], "needs a --value"),
    (["u", "--ids", "1", "--value", "nan"], "must be a number between"),
    (["u", "--ids", "1", "--value", "2e9"], "must be a number between"),
    (["a b", "--ids", "1", "--value", "1"], "bias set \"a b\""),
    (["u", "--ids", "1,x", "--value", "1"], "\"x\" is not an integer"),
])
def test_vecctl_says_what_would_be_right(daemon, db, name, arguments, said):
    db.create(name, 2)
    done = vecctl(daemon, "bias", name, *arguments)
    assert done.returncode == 64 and said in done.stderr and done.stderr.count("\n") == 1, done
