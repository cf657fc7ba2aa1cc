"""torch-rechub's own interface with vecd behind it. Its serving package imports three other libraries; empty modules do."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

import vecd
from recall.exact import top_k
from recall.problem import Problem


@pytest.fixture(scope="module")
def rechub():
    pytest.importorskip("torch_rechub")
    planted = []
    for name in ("annoy", "faiss", "pymilvus"):
        if name not in sys.modules:
            module = types.ModuleType(name)
            module.__getattr__ = lambda attribute: type(attribute, (), {})  # type: ignore[method-assign]
            sys.modules[name] = module
            planted.append(name)
    sys.modules.pop("recall.rechub", None)
    import recall.rechub as made

    yield made
    for name in [*planted, *(name for name in sys.modules if name.startswith("torch_rechub.serving"))]:
        sys.modules.pop(name, None)


def vectors(count: int, width: int = 16, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("metric", ["cosine", "IP", "angular"])
def test_builder_and_indexer_are_those_of_the_interface(rechub, socket, metric: str, tmp_path) -> None:
    from torch_rechub.serving.base import BaseBuilder, BaseIndexer

    items, users = vectors(500), vectors(20, seed=2)
    builder = rechub.builder_factory("vecd", d=16, metric=metric, socket=socket, index_type="flat")
    assert isinstance(builder, BaseBuilder)
    with builder.from_embeddings(items) as indexer:
        assert isinstance(indexer, BaseIndexer)
        ids, scores = indexer.query(users, top_k=10)
        indexer.save(tmp_path / "index")
    exact = top_k(items.numpy(), np.arange(500), users.numpy()[:, None], 10, "ip" if metric == "IP" else "cosine")
    assert ids.dtype == torch.int64 and ids.shape == scores.shape == (20, 10)
    assert (ids.numpy() == exact).mean() > 0.99 and (scores[:, :-1] >= scores[:, 1:]).all()
    with builder.from_index_file(tmp_path / "index") as again:
        assert torch.equal(again.query(users, top_k=10)[0], ids)


def test_nothing_stays_behind_unless_named(rechub, client, socket) -> None:
    before = {known.name for known in client.collections()}
    with rechub.VecdBuilder(16, socket=socket).from_embeddings(vectors(300)):
        assert len({known.name for known in client.collections()}) == len(before) + 1
    assert {known.name for known in client.collections()} == before
    with rechub.VecdBuilder(16, socket=socket, collection="rechub-kept").from_embeddings(vectors(300)) as indexer:
        live = indexer.generation
    assert {known.name: known.live_generation for known in client.collections()}["rechub-kept"] == live
    client.drop("rechub-kept")


def test_zero_rows_and_zero_interests_do_no_harm(rechub, socket) -> None:
    items = vectors(100)
    items[3], items[4] = 0.0, float("nan")
    users = vectors(6, seed=3).reshape(2, 3, 16).repeat(2, 1, 1)
    users[1, 1:] = 0.0   # one interest
    users[2] = 0.0       # none
    with rechub.VecdBuilder(16, socket=socket, index_type="flat").from_embeddings(items) as indexer:
        assert indexer.left_out == 2
        ids, scores = indexer.query(users, top_k=98)
        assert not {3, 4} & set(ids.flatten().tolist())
        assert (ids[2] == -1).all() and torch.isnan(scores[2]).all()
        assert torch.equal(ids[1], indexer.query(users[1, :1], top_k=98)[0][0])


def test_embeddings_carry_the_version_of_their_model_and_queries_state_it(rechub, client, socket) -> None:
    builder = rechub.VecdBuilder(16, socket=socket, index_type="flat", collection="rechub-model", model="towers-7")
    with builder.from_embeddings(vectors(50)) as indexer:
        assert [one.model for one in client.generations("rechub-model")] == ["towers-7"]
        assert (indexer.query(vectors(2), top_k=5)[0] >= 0).all()
        indexer.model = "towers-8"
        with pytest.raises(vecd.VecdError, match="towers-8"):
            indexer.query(vectors(2), top_k=5)
    client.drop("rechub-model")


def test_what_does_not_fit_is_said(rechub, socket, tmp_path) -> None:
    with pytest.raises(Problem, match="metric is 'hamming'"):
        rechub.VecdBuilder(16, "hamming")
    with pytest.raises(Problem, match=r"shape \(5, 8\), expected \(items, 16\)"):
        with rechub.VecdBuilder(16, socket=socket).from_embeddings(vectors(5, 8)):
            pass
    (tmp_path / "x").write_bytes(b"no index")
    with pytest.raises(Problem, match="was not written by"):
        with rechub.VecdBuilder(16, socket=socket).from_index_file(tmp_path / "x"):
            pass
