"""The peers, each behind the same four things: a name, what it is built with, the settings to try, and a search.

Adapters are as a user of the library would write them after reading its manual: one thread, parameters of the size that its
authors recommend, float32 in, ids out. Rows and queries of cosine data are of unit length, so peers may use the inner
product for them.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def graph_settings(k: int) -> list[int]:
    """Lengths of a candidate list: from k upwards in steps of about a third."""
    values, value = [], max(k, 10)
    while value <= 4096:
        values.append(value)
        value = math.ceil(value * 1.35)
    return values


def list_settings(lists: int) -> list[int]:
    values, value = [], 1
    while value < lists:
        values.append(value)
        value = math.ceil(value * 1.35)
    return [*values, lists]


class Peer:
    """One index of one library. `about` is what it was built with, for the report."""

    about = ""
    held: np.ndarray | None = None
    """Queries that an index may be tuned with; the worker sets them before `build`."""

    def build(self, items: np.ndarray, metric: str) -> None:
        raise NotImplementedError

    def settings(self, k: int) -> list[int]:
        raise NotImplementedError

    def search(self, queries: np.ndarray, k: int, setting: int) -> np.ndarray:
        """(q, k) ids; -1 where there are fewer."""
        raise NotImplementedError


class FaissFlat(Peer):
    about = "IndexFlat, the better of sgemm and its own kernels"

    def build(self, items, metric):
        import faiss

        faiss.omp_set_num_threads(1)
        self.faiss = faiss
        kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
        self.index = faiss.IndexFlat(items.shape[1], kind)
        self.index.add(np.ascontiguousarray(items))

    def settings(self, k):
        return [1, 1 << 30]  # the least number of queries for which sgemm is used

    def search(self, queries, k, setting):
        self.faiss.cvar.distance_compute_blas_threshold = setting
        return self.index.search(queries, k)[1]


class FaissHNSW(Peer):
    about = "IndexHNSWFlat, M 16, efConstruction 200"

    def build(self, items, metric):
        import faiss

        faiss.omp_set_num_threads(1)
        kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
        self.index = faiss.IndexHNSWFlat(items.shape[1], 16, kind)
        self.index.hnsw.efConstruction = 200
        self.index.add(np.ascontiguousarray(items))

    def settings(self, k):
        return graph_settings(k)

    def search(self, queries, k, setting):
        self.index.hnsw.efSearch = setting
        return self.index.search(queries, k)[1]


class FaissIVFPQ(Peer):
    """Inverted lists, 4-bit product quantisation scanned in registers, then exact rescoring of 3 k or 10 k candidates."""

    def build(self, items, metric):
        import faiss

        faiss.omp_set_num_threads(1)
        self.faiss = faiss
        n, d = items.shape
        lists = int(4 * math.sqrt(n))
        self.lists = lists
        self.about = f"IVF{lists},PQ{d // 2}x4fs,RFlat, k_factor 3 or 10"
        kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
        self.index = faiss.index_factory(d, f"IVF{lists},PQ{d // 2}x4fs,RFlat", kind)
        rows = np.ascontiguousarray(items)
        self.index.train(rows)
        self.index.add(rows)

    def settings(self, k):
        return [probes * 100 + factor for probes in list_settings(self.lists) for factor in (3, 10)]

    def search(self, queries, k, setting):
        probes, factor = divmod(setting, 100)
        quantised = self.faiss.IVFSearchParameters(nprobe=probes)
        parameters = self.faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=quantised)
        return self.index.search(queries, k, params=parameters)[1]


class Hnswlib(Peer):
    about = "M 16, ef_construction 200"

    def build(self, items, metric):
        import hnswlib

        self.index = hnswlib.Index(space="l2" if metric == "l2" else "ip", dim=items.shape[1])
        self.index.init_index(max_elements=len(items), ef_construction=200, M=16, random_seed=1)
        self.index.set_num_threads(1)
        self.index.add_items(items, num_threads=1)

    def settings(self, k):
        return graph_settings(k)

    def search(self, queries, k, setting):
        self.index.set_ef(setting)
        return self.index.knn_query(queries, k=k, num_threads=1)[0].astype(np.int64)


class Usearch(Peer):
    about = "connectivity 16, expansion_add 200, int8"

    def build(self, items, metric):
        from usearch.index import Index

        self.index = Index(
            ndim=items.shape[1], metric="l2sq" if metric == "l2" else "cos" if metric == "cosine" else "ip",
            dtype="i8" if metric == "cosine" else "f32", connectivity=16, expansion_add=200)
        if metric != "cosine":
            self.about = "connectivity 16, expansion_add 200, f32"
        self.index.add(np.arange(len(items), dtype=np.uint64), np.ascontiguousarray(items), threads=1)

    def settings(self, k):
        return graph_settings(k)

    def search(self, queries, k, setting):
        self.index.expansion_search = setting
        found = self.index.search(queries, k, threads=1)
        keys = np.atleast_2d(found.keys).astype(np.int64)
        full = np.full((len(queries), k), -1, dtype=np.int64)
        full[:, : keys.shape[1]] = keys
        return full


class Voyager(Peer):
    about = "M 16, ef_construction 200, float32"

    def build(self, items, metric):
        from voyager import Index, Space

        space = Space.Euclidean if metric == "l2" else Space.InnerProduct
        self.index = Index(space, num_dimensions=items.shape[1], M=16, ef_construction=200, random_seed=1)
        self.index.add_items(np.ascontiguousarray(items), num_threads=1)

    def settings(self, k):
        return graph_settings(k)

    def search(self, queries, k, setting):
        return self.index.query(queries, k=k, num_threads=1, query_ef=setting)[0].astype(np.int64)


class Scann(Peer):
    def build(self, items, metric):
        import scann

        n, d = items.shape
        lists = int(2 * math.sqrt(n))
        self.lists, self.rows = lists, n
        self.about = f"{lists} leaves, 2 dimensions a block, anisotropic 0.2, reorder of 2, 4 or 10 k"
        measure = "squared_l2" if metric == "l2" else "dot_product"
        builder = scann.scann_ops_pybind.builder(np.ascontiguousarray(items), 10, measure)
        builder = builder.tree(num_leaves=lists, num_leaves_to_search=10, training_sample_size=min(n, 250_000))
        builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2 if metric != "l2" else float("nan"))
        self.index = builder.reorder(200).set_n_training_threads(1).build()

    REORDERS = (2, 4, 10)  # rows scored exactly, in units of k

    def settings(self, k):
        return [leaves * 100 + reorder for leaves in list_settings(self.lists) for reorder in self.REORDERS]

    def search(self, queries, k, setting):
        leaves, reorder = divmod(setting, 100)
        ids, _ = self.index.search_batched(
            queries, final_num_neighbors=k, leaves_to_search=leaves,
            pre_reorder_num_neighbors=min(self.rows, max(30, reorder * k)))
        return np.asarray(ids, dtype=np.int64)


class RabitqIVF(Peer):
    """Inverted lists of RaBitQ codes; `nbits` 32 rescores with the vectors themselves."""

    nbits = 8

    def build(self, items, metric):
        import rabitqlib

        n, d = items.shape
        lists = int(4 * math.sqrt(n))
        self.lists = lists
        self.about = f"IvfIndex, {lists} lists, {'raw rerank' if self.nbits == 32 else f'{self.nbits} bits'}"
        rows = np.ascontiguousarray(items, dtype=np.float32)
        means = rabitqlib.QGKMeans(d, lists, num_threads=1)
        means.train(rows)
        self.index = rabitqlib.IvfIndex(d, n, lists, self.nbits, "l2" if metric == "l2" else "ip")
        self.index.build(rows, means.centroids, np.asarray(means.assignments, dtype=np.uint32), num_threads=1)

    def settings(self, k):
        return list_settings(self.lists)

    def search(self, queries, k, setting):
        found = self.index.search(queries, k, setting, num_threads=1)
        arrays = [np.asarray(part) for part in found]
        ids = next(part for part in arrays if part.dtype.kind in "iu").astype(np.int64)
        return np.where(ids == 2**32 - 1, -1, ids)  # what it writes where it found fewer than k


class RabitqIVFRaw(RabitqIVF):
    nbits = 32


class SymphonyQG(Peer):
    about = "SymqgIndex, degree 32, ef_construction 200"

    def build(self, items, metric):
        import rabitqlib

        self.index = rabitqlib.SymqgIndex(items.shape[1], 32, "l2" if metric == "l2" else "ip")
        self.index.build(np.ascontiguousarray(items, dtype=np.float32), 200, num_threads=1)

    def settings(self, k):
        return graph_settings(k)

    def search(self, queries, k, setting):
        found = self.index.search_batch(queries, k, setting, num_threads=1)
        ids = next(np.asarray(part) for part in found if np.asarray(part).dtype.kind in "iu")
        return ids.astype(np.int64)


class Vsag(Peer):
    about = "hgraph, sq8 with reorder by fp32, max_degree 32, ef_construction 200"

    def build(self, items, metric):
        import pyvsag

        pyvsag.set_logger_off()
        n, d = items.shape
        parameters = {
            "dtype": "float32", "metric_type": "l2" if metric == "l2" else "ip", "dim": d,
            "index_param": {
                "base_quantization_type": "sq8", "use_reorder": True, "precise_quantization_type": "fp32",
                "max_degree": 32, "ef_construction": 200, "build_thread_count": 1}}
        self.index = pyvsag.Index("hgraph", json.dumps(parameters))
        rows = np.ascontiguousarray(items, dtype=np.float32)
        self.index.build(vectors=rows.ravel(), ids=np.arange(n, dtype=np.int64), num_elements=n, dim=d)

    def settings(self, k):
        return graph_settings(k)

    def search(self, queries, k, setting):
        parameters = json.dumps({"hgraph": {"ef_search": setting}})
        found = np.full((len(queries), k), -1, dtype=np.int64)
        for at, query in enumerate(queries):  # it has no call for several queries
            ids = self.index.knn_search(vector=query, k=k, parameters=parameters)[0]
            found[at, : len(ids)] = ids
        return found


class Ngt(Peer):
    """ANNG; the graphs that its optimizer and its command line make of it are not to be had by the package alone."""

    about = "ANNG, edge_size_for_creation 20"

    def build(self, items, metric):
        import ngtpy

        self.longer = None
        rows = np.ascontiguousarray(items, dtype=np.float32)
        if metric == "ip":  # no inner product: one more component makes all rows equally long, so that distances order them
            squares = (rows.astype(np.float64) ** 2).sum(axis=1)
            self.longer = np.sqrt(np.maximum(squares.max() - squares, 0))[:, None].astype(np.float32)
            rows = np.ascontiguousarray(np.concatenate([rows, self.longer], axis=1))
        path = f"{tempfile.mkdtemp()}/index"
        ngtpy.create(path, rows.shape[1], distance_type="L2", edge_size_for_creation=20, edge_size_for_search=40)
        self.index = ngtpy.Index(path, log_disabled=True)
        self.index.batch_insert(rows, num_threads=1)

    def settings(self, k):
        return list(range(0, 40))  # epsilon in hundredths

    def search(self, queries, k, setting):
        if self.longer is not None:
            queries = np.concatenate([queries, np.zeros((len(queries), 1), np.float32)], axis=1)
        found = np.full((len(queries), k), -1, dtype=np.int64)
        for at, query in enumerate(queries):
            ids = self.index.search(query, k, epsilon=setting / 100, with_distance=False)
            found[at, : len(ids)] = ids
        return found


class Zvec(Peer):
    about = "HNSW on int8, m 16, ef_construction 200"

    def build(self, items, metric):
        import zvec

        self.zvec = zvec
        zvec.init(query_threads=1, optimize_threads=1, log_level=zvec.LogLevel.ERROR)
        kind = zvec.HnswIndexParam(
            metric_type=zvec.MetricType.L2 if metric == "l2" else zvec.MetricType.IP, m=16, ef_construction=200,
            quantize_type=zvec.QuantizeType.INT8)
        schema = zvec.CollectionSchema(
            "bench", vectors=zvec.VectorSchema("vector", zvec.DataType.VECTOR_FP32, items.shape[1], kind))
        path = f"{tempfile.mkdtemp()}/collection"
        writer = zvec.create_and_open(path, schema)
        for start in range(0, len(items), 1000):
            writer.insert([
                zvec.Doc(id=str(start + at), vectors={"vector": row}) for at, row in enumerate(items[start : start + 1000])])
        writer.optimize()
        writer.flush()
        writer.close()
        self.index = zvec.open(path, zvec.CollectionOption(read_only=True))
        # It numbers rows itself; what it calls them is asked for once, not while it is timed.
        self.names = np.array([int(name) for name in self.index.resolve_internal_ids(np.arange(len(items)))])

    def settings(self, k):
        return graph_settings(k)

    def search(self, queries, k, setting):
        parameters = self.zvec.HnswQueryParam(ef=setting)
        found = np.stack([
            self.index.query_internal_ids(self.zvec.Query("vector", vector=query, param=parameters), topk=k)
            for query in queries])
        return np.where(found >= 0, self.names[found], -1)


class VecdSocket(Peer):
    """vecd as its users meet it: the daemon on the core that everybody has, this client on another one. Settings are
    recall targets in thousandths."""

    about = "vecd serve --threads 1, index auto, the Python client through the socket"

    def build(self, items, metric):
        sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
        import vecd

        folder = tempfile.mkdtemp()
        daemon = subprocess.Popen(
            [os.environ["VECD_BIN"], "serve", "--store", folder, "--threads", "1", "--log-level", "error"],
            stdin=subprocess.DEVNULL)
        atexit.register(lambda: (daemon.terminate(), daemon.wait(), shutil.rmtree(folder, ignore_errors=True)))
        others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
        if others:
            os.sched_setaffinity(0, others)
        while daemon.poll() is None:
            try:
                self.store = vecd.connect(f"{folder}/vecd.sock")
                break
            except vecd.VecdError:  # it is starting
                time.sleep(0.01)
        self.store.create("bench", items.shape[1], metric)
        self.store.ingest("bench", np.arange(len(items), dtype=np.uint64), items, generation="g")
        self.store.build_index("bench", "g", index="auto", queries=self.held)
        self.store.publish("bench", "g")

    def settings(self, k):
        return [900, 950, 990, 995]

    def search(self, queries, k, setting):
        found = self.store.search("bench", queries, k=k, recall=setting / 1000)
        return np.where(found.mask, found.ids.astype(np.int64), -1)


# Name to adapter, and the package that brings it.
PEERS: dict[str, tuple[type[Peer], str]] = {
    "vecd socket": (VecdSocket, "numpy"),
    "faiss-flat": (FaissFlat, "faiss-cpu"),
    "faiss-hnsw": (FaissHNSW, "faiss-cpu"),
    "faiss-ivfpq": (FaissIVFPQ, "faiss-cpu"),
    "hnswlib": (Hnswlib, "hnswlib"),
    "usearch": (Usearch, "usearch"),
    "voyager": (Voyager, "voyager"),
    "scann": (Scann, "scann"),
    "rabitq-ivf": (RabitqIVF, "rabitqlib"),
    "rabitq-ivf-raw": (RabitqIVFRaw, "rabitqlib"),
    "symphonyqg": (SymphonyQG, "rabitqlib"),
    "vsag": (Vsag, "pyvsag"),
    "ngt": (Ngt, "ngt"),
    "zvec": (Zvec, "zvec"),
}
