"""What takes the place of vecd in the recall service: an index of Faiss or hnswlib in the service's own process.

It does what the service needs of a store and no more: the newest model version of a collection is live, several interests are
searched one after the other and merged by their best score, and what a user has seen is dropped from as many more results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from recall.bundle import Bundle
from recall.store import Found

Ask = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]  # (K, d), count -> scores, rows; both (K, count), best first
ROWS_OF_A_LIST = 64


def faiss_settings(rows: np.ndarray, most: int) -> Iterator[tuple[str, Ask]]:
    """Flat, IVF and HNSW by inner product; of each the settings from cheap to good."""
    import faiss

    faiss.omp_set_num_threads(1)
    n, d = rows.shape
    flat = faiss.IndexFlatIP(d)
    flat.add(rows)
    yield "Flat", flat.search
    lists = max(1, n // ROWS_OF_A_LIST)
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, lists, faiss.METRIC_INNER_PRODUCT)
    ivf.train(rows)
    ivf.add(rows)
    for nprobe in (8, 16, 32, 64, 128, 256):
        if nprobe < lists:
            yield f"IVF{lists}, nprobe {nprobe}", _with(ivf.search, lambda nprobe=nprobe: setattr(ivf, "nprobe", nprobe))
    graph = faiss.IndexHNSWFlat(d, 16, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 200
    graph.add(rows)
    for ef in _efs(most):
        yield f"HNSW16, efSearch {ef}", _with(graph.search, lambda ef=ef: setattr(graph.hnsw, "efSearch", ef))


def hnswlib_settings(rows: np.ndarray, most: int) -> Iterator[tuple[str, Ask]]:
    import hnswlib

    graph = hnswlib.Index("ip", rows.shape[1])
    graph.init_index(len(rows), ef_construction=200, M=16, random_seed=1)
    graph.set_num_threads(1)
    graph.add_items(rows, np.arange(len(rows)))

    def ask(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        found, distances = graph.knn_query(vectors, count)
        return 1.0 - distances, found.astype(np.int64)

    for ef in _efs(most):
        yield f"M 16, ef {ef}", _with(ask, lambda ef=ef: graph.set_ef(ef))


SETTINGS = {"faiss": faiss_settings, "hnswlib": hnswlib_settings}


def _efs(most: int) -> list[int]:
    """hnswlib wants ef of at least the number of results."""
    return [max(ef, most) for ef in (100, 200, 400, 800, 1600, 3200) if 2 * ef > most]


def _with(ask: Ask, prepare: Callable[[], Any]) -> Ask:
    def prepared(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        prepare()
        return ask(vectors, count)

    return prepared


@dataclass(frozen=True)
class InProcess:
    """One model version, with the interface that the service knows of `recall.store.Store`."""

    name: str
    version: str
    ids: np.ndarray     # of the rows
    cosine: bool
    ask: Ask
    setting: str = ""

    def live(self) -> str:
        return self.version

    def search(self, users: np.ndarray, k: int, version: str, seen: list[np.ndarray], *, payloads: bool = False) -> Found:
        assert version == self.version and not payloads and len(users) == 1
        distinct, interest_of = np.unique(users[0], axis=0, return_index=True)  # interests may repeat
        vectors = distinct / np.linalg.norm(distinct, axis=1, keepdims=True) if self.cosine else distinct
        count = min(k + len(seen[0]), len(self.ids))
        scores, rows = (found.ravel() for found in self.ask(np.ascontiguousarray(vectors, np.float32), count))
        places = np.argsort(-scores, kind="stable")
        places = places[rows[places] >= 0]
        places = places[np.sort(np.unique(rows[places], return_index=True)[1])]  # of each row its best score
        ids = self.ids[rows[places]].astype(np.int64)
        left = np.flatnonzero(~np.isin(ids, seen[0]))[:k]
        places = places[left]
        return Found(ids[left][None], scores[places][None], interest_of[places // count][None], version, self.name)


def cheapest(
    name: str, bundle: Bundle, users: np.ndarray, seen: list[np.ndarray], truth: np.ndarray, recall: float
) -> InProcess | None:
    """The fastest setting that finds so much of the truth (n, k) for these users (n, K, d); None if none does."""
    rows = bundle.items[bundle.published].astype(np.float32)
    cosine = bundle.metric == "cosine"
    if cosine:
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    ids, k = bundle.store_ids[bundle.published], truth.shape[1]
    best, least = None, np.inf
    for setting, ask in SETTINGS[name](np.ascontiguousarray(rows), k + max(len(one) for one in seen)):
        one = InProcess(name, bundle.version, ids, cosine, ask, setting)
        begun, found = time.process_time(), 0
        for user, excluded, wanted in zip(users, seen, truth):
            found += np.isin(wanted, one.search(user[None], k, bundle.version, [excluded]).ids).sum()
        spent = time.process_time() - begun
        if found >= recall * truth.size and spent < least:
            best, least = one, spent
    return best
