"""Searches that exclude what each user has seen: vecd through its socket, Faiss and hnswlib inside this process.

What is excluded is the worst there is: the best items of each query themselves, so that an engine that asks for more and drops
what is excluded must ask for all of them. Every engine is asked one query at a time, on one core; each of its settings is tried
on the first queries, and the cheapest one that reaches the recall is timed on the rest. Faiss and hnswlib get their selector
made outside of the clock; vecd gets the ids over its socket, within it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "writes"))
from daemon import ROOT, Daemon, towers  # noqa: E402

Ask = Callable[[int], np.ndarray]
DIMENSION, TRIED, TIMED = 64, 100, 300


class Vecd:
    name = "vecd"

    def __init__(self, client: object, items: np.ndarray, sample: np.ndarray, recall: float) -> None:
        self.client, self.recall = client, recall
        client.create("c", DIMENSION, "ip")
        client.ingest("c", np.arange(len(items), dtype=np.uint64), items, generation="g")
        client.build_index("c", generation="g", index="auto", queries=sample, wait=True)
        client.publish("c", "g")

    def settings(self, queries: np.ndarray, seen: list[np.ndarray], k: int) -> Iterator[tuple[str, Ask]]:
        """The recall itself; more where these few queries happen to be harder than those of the build."""
        for recall in (self.recall, *(r for r in (0.96, 0.97, 0.98, 0.99, 1.0) if r > self.recall)):

            def ask(n: int, recall: float = recall) -> np.ndarray:
                return self.client.search("c", queries[n], k, recall=recall, exclude=seen[n]).ids[0]

            yield f"recall {recall}", ask


class Faiss:
    name = "Faiss IVF-Flat, IDSelectorNot(IDSelectorBatch)"

    def __init__(self, items: np.ndarray) -> None:
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.index_factory(DIMENSION, f"IVF{4 * int(len(items) ** 0.5)},Flat", faiss.METRIC_INNER_PRODUCT)
        self.index.train(items)
        self.index.add(items)

    def settings(self, queries: np.ndarray, seen: list[np.ndarray], k: int) -> Iterator[tuple[str, Ask]]:
        f = self.faiss
        kept = [f.IDSelectorBatch(ids.astype(np.int64)) if len(ids) else None for ids in seen]
        nots = [f.IDSelectorNot(one) if one is not None else None for one in kept]
        for nprobe in (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512):
            # The parameters hold no reference to what they point at.
            ask = [
                f.SearchParametersIVF(sel=one, nprobe=nprobe) if one else f.SearchParametersIVF(nprobe=nprobe) for one in nots
            ]
            yield f"nprobe {nprobe}", lambda n, ask=ask, kept=kept: self.index.search(queries[n : n + 1], k, params=ask[n])[1][0]


class Hnswlib:
    name = "hnswlib, filter function"

    def __init__(self, items: np.ndarray) -> None:
        import hnswlib

        self.index = hnswlib.Index("ip", DIMENSION)
        self.index.init_index(len(items), M=16, ef_construction=200, random_seed=1)
        self.index.add_items(items, num_threads=os.cpu_count())
        self.index.set_num_threads(1)

    def settings(self, queries: np.ndarray, seen: list[np.ndarray], k: int) -> Iterator[tuple[str, Ask]]:
        sets = [set(ids.tolist()) for ids in seen]
        for ef in (200, 400, 800, 1600, 3200):

            def ask(n: int, ef: int = ef) -> np.ndarray:
                self.index.set_ef(max(ef, k))
                try:
                    return self.index.knn_query(queries[n : n + 1], k, filter=lambda label: label not in sets[n])[0][0]
                except RuntimeError:
                    return np.empty(0, np.int64)  # it found fewer than k

            yield f"ef {ef}", ask


def recall_of(ask: Ask, truth: list[np.ndarray], numbers: range) -> float:
    return float(np.mean([len(np.intersect1d(ask(n).astype(np.int64), truth[n])) / len(truth[n]) for n in numbers]))


def chosen(engine: object, queries: np.ndarray, seen: list[np.ndarray], truth: list[np.ndarray], k: int, least: float):
    """The first setting that reaches the recall, and what it reaches; None when none does."""
    for setting, ask in engine.settings(queries, seen, k):
        reached = recall_of(ask, truth, range(TRIED))
        if reached >= least:
            return setting, reached, ask
    return None


def measure(engines: list, queries: np.ndarray, items: np.ndarray, k: int, count: int, least: float, rounds: int) -> dict:
    scores = queries @ items.T
    order = np.argpartition(-scores, k + count, axis=1)[:, : k + count]
    order = np.take_along_axis(order, np.argsort(-np.take_along_axis(scores, order, axis=1), axis=1), axis=1)
    seen, truth = list(order[:, :count]), list(order[:, count:])
    found = {engine.name: chosen(engine, queries, seen, truth, k, least) for engine in engines}
    times: dict[str, list[float]] = {name: [] for name, choice in found.items() if choice}
    for _ in range(rounds):
        for name in times:
            ask, begun = found[name][2], time.perf_counter()
            for n in range(TRIED, TRIED + TIMED):
                ask(n)
            times[name].append((time.perf_counter() - begun) / TIMED)
    result: dict = {"k": k, "excluded": count, "engines": {}}
    for name, choice in found.items():
        if choice is None:
            result["engines"][name] = None
            continue
        ratios = sorted(other / own for other, own in zip(times[name], times["vecd"]))
        spread = {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]}
        result["engines"][name] = {
            "setting": choice[0], "recall": round(choice[1], 4),
            "time_of_vecd": {key: round(value, 2) for key, value in spread.items()},
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vecd", required=True)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "exclude.json")
    given = parser.parse_args()
    items, queries = towers(given.dir, given.rows, DIMENSION)
    sample, asked = queries[:2000], queries[2000 : 2000 + TRIED + TIMED]
    with Daemon(given.vecd, given.dir, "--threads", "1") as daemon, daemon.connect() as client:
        engines = [Vecd(client, items, sample, given.recall), Faiss(items), Hnswlib(items)]
        # From here on everything is on one core.
        for process in (0, daemon.process.pid):
            for thread in os.listdir(f"/proc/{process or os.getpid()}/task"):
                os.sched_setaffinity(int(thread), {0})
        found = {
            "rows": given.rows, "dimension": DIMENSION, "metric": "ip", "recall": given.recall,
            "load_before": os.getloadavg()[0], "cases": [],
        }
        for k in (100, 500):
            for count in (0, 100, 1_000, 5_000):
                case = measure(engines, asked, items, k, count, given.recall, given.rounds)
                found["cases"].append(case)
                print(json.dumps(case), flush=True)
                given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
