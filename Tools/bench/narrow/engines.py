"""Engines whose results can be narrowed: vecd through its socket, Faiss and hnswlib inside this process. The databases are
in databases.py.

A *case* says which items may be results, per query: `seen` are ids that may not, `below` a bound on the attribute u of
every item.
Faiss and hnswlib get their selector made outside of the clock; vecd gets ids or filter over its socket, within it.
It is asked from Python like the others; once more, where the filter stays the same, by its Swift client (vecctl bench); and in
process like the libraries.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Ask = Callable[[int], np.ndarray]
Settings = Iterator[tuple[str, Ask]]
DIMENSION = 64
VALUES = 1_000
TRIED, TIMED = 100, 300


@dataclass
class Case:
    k: int
    queries: np.ndarray
    truth: list[np.ndarray] = field(default_factory=list)
    seen: list[np.ndarray] | None = None
    #: Items pass whose u, 0 to 999, is below.
    below: int | None = None
    #: Every query brings a filter that nobody has brought before.
    is_new: bool = False
    #: The set of biases that vecd adds, and the best items by the scores without them.
    bias: str | None = None
    truth_without: list[np.ndarray] = field(default_factory=list)


class Engine:
    name = ""

    def settings(self, case: Case) -> Settings:
        """From the cheapest to the dearest."""
        raise NotImplementedError

    def ways(self, case: Case) -> list[Settings]:
        """Settings of different kinds, where it cannot be said beforehand which kind is cheaper."""
        return [self.settings(case)]

    def truth(self, case: Case) -> list[np.ndarray]:
        return case.truth

    def suits(self, case: Case) -> bool:
        return True

    def timed(self, ask: Ask, case: Case) -> float:
        """Seconds per query, over those that no setting was tried on."""
        begun = time.perf_counter()
        for n in range(TRIED, TRIED + TIMED):
            ask(n)
        return (time.perf_counter() - begun) / TIMED

    def processes(self) -> list[int]:
        """Those it has beside this one."""
        return []

    def close(self) -> None:
        pass


class Vecd(Engine):
    name = "vecd"

    def __init__(self, client: object, items: np.ndarray, values: np.ndarray, sample: np.ndarray, recall: float) -> None:
        self.client, self.recall, self.asked = client, recall, 0
        client.create("c", DIMENSION, "ip", attributes={"u": "int"})
        client.ingest("c", np.arange(len(items), dtype=np.uint64), items, generation="g", attributes={"u": values})
        client.build_index("c", generation="g", index="auto", queries=sample, wait=True)
        client.publish("c", "g")

    def settings(self, case: Case) -> Settings:
        """The recall itself; more where these few queries happen to be harder than those of the build."""
        for recall in (self.recall, *(r for r in (0.96, 0.97, 0.98, 0.99, 1.0) if r > self.recall)):

            def ask(n: int, recall: float = recall) -> np.ndarray:
                exclude = None if case.seen is None else case.seen[n]
                return self.client.search(
                    "c", case.queries[n], case.k, recall=recall, exclude=exclude, filter=self._filter(case),
                    bias=case.bias).ids[0]

            yield f"recall {recall}", ask

    def _filter(self, case: Case) -> str | None:
        if case.below is None:
            return None
        self.asked += 1
        return f"u < {case.below}" + (f" and u != -{self.asked}" if case.is_new else "")


class VecdFromSwift(Engine):
    """The same daemon, asked by a process in Swift: what the Python client takes is left out of the time."""

    name = "vecd, Swift client"

    def __init__(self, vecd: Vecd, vecctl: str, directory: Path) -> None:
        self.vecd, self.vecctl, self.queries = vecd, vecctl, directory / "timed-queries.npy"

    def suits(self, case: Case) -> bool:
        return case.below is not None and not case.is_new

    def settings(self, case: Case) -> Settings:
        for setting, ask in self.vecd.settings(case):
            self.recall = setting.split()[1]
            yield setting, ask

    def timed(self, ask: Ask, case: Case) -> float:
        np.save(self.queries, case.queries[TRIED : TRIED + TIMED])
        done = subprocess.run(
            [
                self.vecctl, "--json", "--socket", str(self.vecd.client.path), "bench", "c", "--queries", str(self.queries),
                "-k", str(case.k), "--recall", self.recall, "--filter", f"u < {case.below}", "--seconds", "1",
            ],
            check=True, capture_output=True, text=True)
        return json.loads(done.stdout)["latency_us"]["mean"] / 1e6


class VecdInProcess(Engine):
    """The same store without daemon and socket, as the libraries beside it are asked: vecbench in a process of its own, which is
    told once which queries to ask. It has the rows from a snapshot."""

    name = "vecd, in process"

    def __init__(self, vecd: Vecd, vecbench: str, store: Path, directory: Path, queries: np.ndarray) -> None:
        self.vecd, self.recall, self.excluded = vecd, "", directory / "all-excluded.npy"
        path, snapshot = directory / "all-queries.npy", vecd.client.snapshot("bench")
        np.save(path, queries)
        self.process = subprocess.Popen(
            [vecbench, "store", str(store / "snapshots" / "bench"), "c", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert snapshot and self._say("ready") == {}

    def _say(self, line: str) -> dict:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def settings(self, case: Case) -> Settings:
        for setting, ask in self.vecd.settings(case):
            self.recall = setting.split()[1]
            yield setting, ask

    def timed(self, ask: Ask, case: Case) -> float:
        np.save(self.excluded, np.concatenate(case.seen).astype(np.int64) if case.seen else np.empty(0, np.int64))
        self._say(f"exclude {self.excluded}")
        text = "" if case.below is None else f"u < {case.below}" + (" and u != -#" if case.is_new else "")
        return self._say(f"search {TRIED} {TIMED} {case.k} {self.recall} {text}")["seconds"] / TIMED

    def processes(self) -> list[int]:
        return [self.process.pid]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)


class Faiss(Engine):
    name = "Faiss IVF-Flat, IDSelector"

    def __init__(self, items: np.ndarray, values: np.ndarray, _: Path) -> None:
        import faiss

        self.faiss, self.values = faiss, values
        faiss.omp_set_num_threads(1)
        lists = 4 * int(len(items) ** 0.5)
        self.index = faiss.index_factory(items.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
        self.index.train(items)
        self.index.add(items)

    def settings(self, case: Case) -> Settings:
        selectors, kept = self._selectors(case)
        for nprobe in (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 1788):
            # The parameters hold no reference to what they point at.
            ask = [
                self.faiss.SearchParametersIVF(sel=one, nprobe=nprobe) if one else self.faiss.SearchParametersIVF(nprobe=nprobe)
                for one in selectors
            ]
            yield f"nprobe {nprobe}", lambda n, ask=ask, kept=kept: (
                self.index.search(case.queries[n : n + 1], case.k, params=ask[n])[1][0])

    def _selectors(self, case: Case) -> tuple[list, object]:
        """One per query, and what they borrow."""
        f = self.faiss
        if case.seen is not None:
            batches = [f.IDSelectorBatch(ids.astype(np.int64)) if len(ids) else None for ids in case.seen]
            return [f.IDSelectorNot(one) if one is not None else None for one in batches], batches
        if case.below is None:
            return [None] * len(case.queries), None
        bits = np.packbits(self.values < case.below, bitorder="little")
        return [f.IDSelectorBitmap(bits)] * len(case.queries), bits


class Hnswlib(Engine):
    name = "hnswlib, filter function"

    def __init__(self, items: np.ndarray, values: np.ndarray, _: Path) -> None:
        import hnswlib

        self.values = values

        self.index = hnswlib.Index("ip", items.shape[1])
        self.index.init_index(len(items), M=16, ef_construction=200, random_seed=1)
        self.index.add_items(items, num_threads=os.cpu_count())
        self.index.set_num_threads(1)

    def settings(self, case: Case) -> Settings:
        passes = self._passes(case)
        for ef in (200, 400, 800, 1600, 3200):

            def ask(n: int, ef: int = ef) -> np.ndarray:
                self.index.set_ef(max(ef, case.k))
                try:
                    return self.index.knn_query(case.queries[n : n + 1], case.k, filter=passes(n))[0][0]
                except RuntimeError:
                    return np.empty(0, np.int64)  # it found fewer than k

            yield f"ef {ef}", ask

    def _passes(self, case: Case) -> Callable[[int], Callable[[int], bool] | None]:
        if case.seen is not None:
            sets = [set(ids.tolist()) for ids in case.seen]
            return lambda n: lambda label: label not in sets[n]
        if case.below is None:
            return lambda n: None
        allowed = (self.values < case.below).tolist()
        return lambda n: allowed.__getitem__
