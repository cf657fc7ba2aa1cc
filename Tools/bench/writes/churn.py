"""What is left of recall and speed after every item was replaced in random order in 20 rounds, against fresh builds of the
same vectors: several, with the rows in random orders too, because builds of one set of vectors differ in recall."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np

from daemon import Daemon, towers

DIMENSION, STEPS, K = 64, 20, 100
FRESH = 4


def run(program: str, parent: Path, rounds: int, rows: int) -> dict:
    items, queries = towers(parent, rows, DIMENSION)
    sample, asked = queries[:2000], queries[2000:3000]
    generator = np.random.default_rng(4)
    ids = np.arange(rows, dtype=np.uint64)
    result: dict = {"part": "churn", "rows": rows, "dimension": DIMENSION, "k": K, "steps": STEPS, "indexes": {}}
    with Daemon(program, parent) as daemon, daemon.connect() as client:
        for index in ("ivf", "hnsw", "auto"):
            churned, fresh = f"churned-{index}", f"fresh-{index}"
            # The rows that replace others are those of a later training: the same items, moved.
            moved = (items + 0.15 * items[generator.permutation(rows)]).astype(np.float32)
            _build(client, churned, ids, items, index, sample)
            for part in np.array_split(generator.permutation(rows), STEPS):
                client.upsert(churned, ids[part], moved[part])
            _settle(client, churned)
            recalls = []
            for _ in range(FRESH):
                order = generator.permutation(rows)
                _build(client, fresh, ids[order], moved[order], index, sample)
                recalls.append(_recall(client, fresh, asked))
                if len(recalls) < FRESH:
                    client.drop(fresh)
            found = {
                "recall_churned": _recall(client, churned, asked), "recall_fresh": statistics.mean(recalls),
                "recall_fresh_least": min(recalls), "recall_fresh_greatest": max(recalls),
                "speed_ratio": _speed(client, churned, fresh, asked, rounds),
                "segments": client.generations(churned)[0].segments,
            }
            result["indexes"][index] = found
            print(index, found, flush=True)
            client.drop(churned)
            client.drop(fresh)
    return result


def _build(client: object, name: str, ids: np.ndarray, vectors: np.ndarray, index: str, sample: np.ndarray) -> None:
    client.create(name, DIMENSION, "ip")
    client.ingest(name, ids, vectors, generation="g1")
    client.build_index(name, generation="g1", index=index, queries=sample, wait=True)
    client.publish(name, "g1")


def _settle(client: object, name: str) -> None:
    """Until the daemon's own upkeep has nothing more to do."""
    quiet = 0
    while quiet < 20:
        before = client.generations(name)
        time.sleep(0.1)
        after = client.generations(name)
        quiet = quiet + 1 if before == after and after[0].build_progress in (None, -1) else 0


def _recall(client: object, name: str, queries: np.ndarray) -> float:
    truth = client.search(name, queries, K, exact=True).ids
    found = client.search(name, queries, K).ids
    return float(np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(truth, found)]))


def _speed(client: object, churned: str, fresh: str, queries: np.ndarray, rounds: int) -> dict:
    speeds: dict[str, list[float]] = {churned: [], fresh: []}
    for _ in range(rounds):
        for name in (churned, fresh):
            begun = time.perf_counter()
            for _ in range(5):
                client.search(name, queries, K)
            speeds[name].append(5 * len(queries) / (time.perf_counter() - begun))
    ratios = sorted(a / b for a, b in zip(speeds[churned], speeds[fresh]))
    return {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]}
