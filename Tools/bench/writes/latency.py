"""How long searches take while another process upserts as fast as it can, against the same searches without it."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from busy import Busy, p99
from daemon import Daemon

DIMENSION = 64
WRITER = """
import sys; sys.path[:0] = [{python!r}]
import numpy as np, vecd
client = vecd.connect({socket!r}, timeout=600)
generator = np.random.default_rng(3)
rows = generator.standard_normal((4096, {dimension})).astype(np.float32)
print("ready", flush=True)
written = 0
while True:
    ids = generator.integers(0, {count}, {batch}, dtype=np.uint64)
    try:
        client.upsert("items", ids, rows[:{batch}])
        written += {batch}
    except vecd.VecdError as error:
        if error.code.name != "OVERLOADED":
            raise
    print(written, flush=True)
"""


def run(program: str, parent: Path, rounds: int, seconds: float, rows: int, batch: int = 100) -> dict:
    generator = np.random.default_rng(2)
    with Daemon(program, parent) as daemon, daemon.connect() as client:
        client.create("items", DIMENSION, "ip")
        items = generator.standard_normal((rows, DIMENSION)).astype(np.float32)
        client.ingest("items", np.arange(rows, dtype=np.uint64), items, generation="g1")
        client.build_index("items", generation="g1", index="ivf", wait=True)
        client.publish("items", "g1")
        queries = generator.standard_normal((1000, DIMENSION)).astype(np.float32)
        def search(query: np.ndarray) -> None:
            client.search("items", query, 100)

        idle, busy, written = [], [], []
        for number in range(rounds + 1):
            quiet, _ = p99(search, queries, seconds)
            with Busy(WRITER, daemon, dimension=DIMENSION, count=rows, batch=batch) as writer:
                loaded, _ = p99(search, queries, seconds)
            if number:
                idle.append(quiet)
                busy.append(loaded)
                written.append(writer.rate)
            print(f"round {number}: p99 {quiet * 1e6:.0f} us idle, {loaded * 1e6:.0f} us at {writer.rate:.0f} rows/s", flush=True)
    ratios = sorted(b / a for a, b in zip(idle, busy))
    return {
        "part": "latency", "rows": rows, "dimension": DIMENSION, "batch": batch, "rounds": rounds, "seconds": seconds,
        "rows_per_second": written,
        "p99_ratio": {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]},
    }
