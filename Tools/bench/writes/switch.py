"""How long searches take while another process publishes without a pause, against the same searches without it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

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
    """Items of g2 have other ids than those of g1, so that an answer of both would show."""
    generator = np.random.default_rng(2)
    found: dict = {"part": "switch", "rows": rows, "dimension": DIMENSION, "rounds": rounds, "seconds": seconds, "searches": {}}
    with Daemon(program, parent) as daemon, daemon.connect() as client:
        client.create("items", DIMENSION, "ip", attributes={"bucket": "int"})
        for number, label in enumerate(("g1", "g2")):
            items = generator.standard_normal((rows, DIMENSION)).astype(np.float32)
            ids = np.arange(rows, dtype=np.uint64) + number * rows
            client.ingest("items", ids, items, generation=label, attributes={"bucket": [i % 100 for i in range(rows)]})
            client.build_index("items", generation=label, index="ivf", wait=True)
        client.publish("items", "g1")
        queries = generator.standard_normal((1000, DIMENSION)).astype(np.float32)
        for name, filter in (("plain", None), ("filtered", "bucket < 10")):
            idle, busy, published, answers = [], [], [], 0
            for number in range(rounds + 1):
                quiet, _ = _p99(client, queries, seconds, rows, filter)
                with _Publisher(daemon, rows) as publisher:
                    loaded, count = _p99(client, queries, seconds, rows, filter)
                if number:
                    idle.append(quiet)
                    busy.append(loaded)
                    published.append(publisher.rate)
                    answers += count
                print(f"{name}, round {number}: p99 {quiet * 1e6:.0f} us idle, {loaded * 1e6:.0f} us at {publisher.rate:.0f} publishes/s")
            ratios = sorted(b / a for a, b in zip(idle, busy))
            found["searches"][name] = {
                "publishes_per_second": published, "answers": answers,
                "p99_ratio": {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]},
            }
    found["p99_ratio"] = {name: one["p99_ratio"] for name, one in found["searches"].items()}
    return found


def _p99(client: object, queries: np.ndarray, seconds: float, rows: int, filter: str | None) -> tuple[float, int]:
    """Seconds, and how many were answered. A search that fails, or an answer from two generations, ends the benchmark."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        query = queries[len(times) % len(queries)]
        begun = time.perf_counter()
        reply = client.search("items", query, 100, filter=filter)
        times.append(time.perf_counter() - begun)
        first = 0 if reply.generation == "g1" else rows
        ids = np.asarray(reply.ids[0])
        assert len(ids) == 100 and ((ids >= first) & (ids < first + rows)).all(), f"{reply.generation} answered {ids}"
    return float(np.percentile(times, 99)), len(times)


class _Publisher:
    """A process that publishes one generation after the other, 20 ms between; `rate` is known at the end."""

    def __init__(self, daemon: Daemon, rows: int) -> None:
        python = str(Path(__file__).resolve().parents[2] / "python")
        text = PUBLISHER.format(python=python, socket=daemon.socket, rows=rows)
        self.process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
        self.rate = 0.0

    def __enter__(self) -> "_Publisher":
        assert self.process.stdout.readline() == "ready\n"
        self.begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self.begun
        self.process.terminate()
        lines = self.process.stdout.read().split()
        self.rate = (int(lines[-1]) if lines else 0) / spent
