"""How long searches take while another process upserts as fast as it can, against the same searches without it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

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
        idle, busy, written = [], [], []
        for number in range(rounds + 1):
            quiet = _p99(client, queries, seconds)
            with _Writer(daemon, rows, batch) as writer:
                loaded = _p99(client, queries, seconds)
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


def _p99(client: object, queries: np.ndarray, seconds: float) -> float:
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        query = queries[len(times) % len(queries)]
        begun = time.perf_counter()
        client.search("items", query, 100)
        times.append(time.perf_counter() - begun)
    return float(np.percentile(times, 99))


class _Writer:
    """A process that writes without a pause; `rate` is known at the end."""

    def __init__(self, daemon: Daemon, count: int, batch: int) -> None:
        python = str(Path(__file__).resolve().parents[2] / "python")
        text = WRITER.format(python=python, socket=daemon.socket, dimension=DIMENSION, count=count, batch=batch)
        self.process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
        self.rate = 0.0

    def __enter__(self) -> "_Writer":
        assert self.process.stdout.readline() == "ready\n"
        self.begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self.begun
        self.process.terminate()
        lines = self.process.stdout.read().split()
        self.rate = (int(lines[-1]) if lines else 0) / spent
