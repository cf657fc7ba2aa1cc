"""How long searches take while another process publishes without a pause, against the same searches without it."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import vecd

from busy import Busy, p99
from daemon import Daemon

DIMENSION = 64
PUBLISHER = """
import sys; sys.path[:0] = [{python!r}]
import time
import vecd
client = vecd.connect({socket!r}, timeout=600)
checks = vecd.PublishChecks(min_rows={rows}, min_share=0.5)
print("ready", flush=True)
count = 0
while True:
    client.publish("items", ("g1", "g2")[count % 2], checks=checks)
    count += 1
    print(count, flush=True)
    time.sleep(0.02)
"""


def run(program: str, parent: Path, rounds: int, seconds: float, rows: int) -> dict:
    generator = np.random.default_rng(2)
    found: dict = {"part": "switch", "rows": rows, "dimension": DIMENSION, "rounds": rounds, "seconds": seconds, "searches": {}}
    with Daemon(program, parent) as daemon, daemon.connect() as client:
        _fill(client, generator, rows)
        queries = generator.standard_normal((1000, DIMENSION)).astype(np.float32)
        for name, filter in (("plain", None), ("filtered", "bucket < 10")):
            found["searches"][name] = _measure(name, filter, daemon, client, queries, rounds, seconds, rows)
    found["p99_ratio"] = {name: one["p99_ratio"] for name, one in found["searches"].items()}
    return found


def _fill(client: vecd.Client, generator: np.random.Generator, rows: int) -> None:
    """Items of g2 have other ids than those of g1, so that an answer of both would show."""
    client.create("items", DIMENSION, "ip", attributes={"bucket": "int"})
    for number, label in enumerate(("g1", "g2")):
        items = generator.standard_normal((rows, DIMENSION)).astype(np.float32)
        ids = np.arange(rows, dtype=np.uint64) + number * rows
        client.ingest("items", ids, items, generation=label, attributes={"bucket": [i % 100 for i in range(rows)]})
        client.build_index("items", generation=label, index="ivf", wait=True)
    client.publish("items", "g1")


def _measure(
    name: str, filter: str | None, daemon: Daemon, client: vecd.Client, queries: np.ndarray, rounds: int, seconds: float,
    rows: int,
) -> dict:
    def search(query: np.ndarray) -> None:
        """One that fails, or is answered by two generations, ends the benchmark."""
        reply = client.search("items", query, 100, filter=filter)
        first = 0 if reply.generation == "g1" else rows
        ids = reply.ids[0]
        if len(ids) != 100 or not ((ids >= first) & (ids < first + rows)).all():
            raise SystemExit(f"{reply.generation} answered {ids}")

    idle, busy, published, answers = [], [], [], 0
    for number in range(rounds + 1):
        quiet, _ = p99(search, queries, seconds)
        with Busy(PUBLISHER, daemon, rows=rows) as publisher:
            loaded, count = p99(search, queries, seconds)
        if number:
            idle.append(quiet)
            busy.append(loaded)
            published.append(publisher.rate)
            answers += count
        times = f"p99 {quiet * 1e6:.0f} us idle, {loaded * 1e6:.0f} us at {publisher.rate:.0f} publishes/s"
        print(f"{name}, round {number}: {times}", flush=True)
    ratios = sorted(b / a for a, b in zip(idle, busy))
    return {
        "publishes_per_second": published, "answers": answers,
        "p99_ratio": {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]},
    }
