"""vecd as one more index of torch-rechub's retrieval interface (torch_rechub.serving, 0.9.0).

    from recall.rechub import builder_factory               # "vecd", and whatever torch-rechub itself knows
    with builder_factory("vecd", d=64, metric="cosine").from_embeddings(items) as indexer:
        ids, scores = indexer.query(users, top_k=100)       # (n, d), or (n, interests, d): one request per user

Three things that the interface has no word for: rows that no similarity can find (zero, not finite) are left out and counted in
`indexer.left_out`, and such queries get no results (id -1); `metric` decides what scores mean as in vecd; with `collection`
the index stays in the daemon after the `with` block, without it everything is dropped.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import vecd

from .health import inspect
from .problem import Problem

try:  # its serving package needs annoy, faiss and pymilvus all installed; without them the same methods do
    from torch_rechub.serving.base import BaseBuilder, BaseIndexer
except ImportError:
    BaseBuilder = BaseIndexer = object  # type: ignore[assignment,misc]

METRICS = {"cosine": "cosine", "angular": "cosine", "ip": "ip", "dot": "ip", "l2": "l2", "euclidean": "l2"}


def builder_factory(model: str, **builder_config: Any) -> Any:
    """torch_rechub.serving.builder_factory with one more name."""
    if model == "vecd":
        return VecdBuilder(**builder_config)
    from torch_rechub.serving import builder_factory as theirs

    return theirs(model, **builder_config)


class VecdBuilder(BaseBuilder):
    def __init__(
        self, d: int, metric: str = "cosine", *, index_type: str = "auto", target_recall: float = 0.95, socket: str | None = None,
        collection: str | None = None, queries: torch.Tensor | None = None, model: str | None = None,
    ) -> None:
        """metric: cosine, IP or L2 (or Annoy's names). index_type: auto, flat, ivf, hnsw. queries: real user vectors (n, d) to
        calibrate and shape the index with. socket: of the daemon, else as vecctl finds it. model: version of the model that made
        the embeddings, which every query then states too (docs/models.md)."""
        if metric.lower() not in METRICS:
            raise Problem(f"metric is {metric!r}, expected one of {', '.join(METRICS)}")
        self._d, self._metric, self._index_type, self._target = d, METRICS[metric.lower()], index_type.lower(), target_recall
        self._socket, self._collection, self._model = socket, collection, model
        self._queries = None if queries is None else _array(queries)

    @contextlib.contextmanager
    def from_embeddings(self, embeddings: torch.Tensor) -> Iterator[VecdIndexer]:
        """Ids are row numbers, as in the other builders."""
        with self._filled(np.arange(len(embeddings)), _array(embeddings)) as indexer:
            yield indexer

    @contextlib.contextmanager
    def from_index_file(self, index_file: str | os.PathLike[str]) -> Iterator[VecdIndexer]:
        """A file of `save`: the vectors go into the daemon again and the index is built again."""
        try:
            with np.load(index_file, allow_pickle=False) as file:
                ids, vectors = file["ids"], file["vectors"]
        except (OSError, ValueError, KeyError) as error:
            raise Problem(f"{index_file} was not written by VecdIndexer.save: {error}") from None
        with self._filled(ids, vectors) as indexer:
            yield indexer

    @contextlib.contextmanager
    def _filled(self, ids: np.ndarray, vectors: np.ndarray) -> Iterator[VecdIndexer]:
        if vectors.ndim != 2 or vectors.shape[1] != self._d:
            raise Problem(f"the embeddings have shape {vectors.shape}, expected (items, {self._d})")
        keep, health = inspect(vectors)
        name, label = self._collection or f"rechub-{uuid.uuid4().hex[:16]}", uuid.uuid4().hex[:16]
        with vecd.connect(self._socket) as client:
            if name not in [known.name for known in client.collections()]:
                client.create(name, self._d, self._metric)
            try:
                client.ingest(name, ids[keep], vectors[keep], generation=label, model=self._model)
                queries = None if self._index_type == "flat" else self._queries
                client.build_index(name, label, self._index_type, target_recall=self._target, queries=queries)
                client.publish(name, label)
                yield VecdIndexer(client, name, label, ids[keep], health.rows - health.kept, self._model)
            finally:
                if self._collection is None:
                    client.drop(name)


class VecdIndexer(BaseIndexer):
    def __init__(
        self, client: vecd.Client, collection: str, generation: str, ids: np.ndarray, left_out: int, model: str | None = None
    ) -> None:
        self._client, self.collection, self.generation, self._ids, self.left_out = client, collection, generation, ids, left_out
        self.model = model

    def query(self, embeddings: torch.Tensor, top_k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, top_k) ids and scores, best first; id -1 and score nan where there are fewer.

        embeddings (n, K, d): an item's score is its best over a user's K vectors; all-zero ones among them are ignored.
        """
        queries = _array(embeddings)
        queries = queries[:, None, :] if queries.ndim == 2 else queries
        usable = np.isfinite(queries).all(axis=2) & (np.abs(queries).max(axis=2) > 0)
        asked = usable.any(axis=1)
        ids = np.full((len(queries), top_k), -1, np.int64)
        scores = np.full((len(queries), top_k), np.nan, np.float32)
        if asked.any():
            first = usable.argmax(axis=1)
            filled = np.where(usable[:, :, None], queries, queries[np.arange(len(queries)), first][:, None, :])
            found = self._client.search(
                self.collection, filled[asked], top_k, generation=self.generation, model=self.model)
            ids[asked], scores[asked] = found.ids.astype(np.int64), found.scores
        return torch.from_numpy(ids), torch.from_numpy(scores)

    def save(self, file_path: str | os.PathLike[str]) -> None:
        """ids and vectors as npz, under exactly this name. The daemon keeps its own files."""
        vectors = self._client.get(self.collection, self._ids, self.generation).vectors
        with open(file_path, "wb") as file:
            np.savez(file, ids=self._ids, vectors=vectors)


def _array(vectors: torch.Tensor | np.ndarray) -> np.ndarray:
    return torch.as_tensor(vectors).detach().cpu().to(torch.float32).numpy()
