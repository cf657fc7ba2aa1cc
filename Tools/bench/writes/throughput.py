"""Durable upserts a second, one client, in batches of 1, 100 and 1000 rows, side by side on one disk."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np

from peers import DIMENSION, PEERS

BATCHES = (1, 100, 1000)


def run(program: str, parent: Path, rounds: int, seconds: float) -> dict:
    """Rates per peer and batch, one per round; the peers take turns within a round."""
    generator = np.random.default_rng(1)
    pool = generator.standard_normal((100_000, DIMENSION)).astype(np.float32)
    opened = {name: peer(program, parent) for name, peer in PEERS.items()}
    rates: dict[str, dict[int, list[float]]] = {name: {batch: [] for batch in BATCHES} for name in opened}
    next_id = dict.fromkeys(opened, 0)
    try:
        for number in range(rounds + 1):
            for batch in BATCHES:
                for name, peer in opened.items():
                    rate, next_id[name] = _rate(peer, pool, batch, seconds, next_id[name])
                    # The first round warms up.
                    if number:
                        rates[name][batch].append(rate)
                    print(f"round {number}, {name}, batches of {batch}: {rate:.0f} rows/s", flush=True)
    finally:
        for peer in opened.values():
            peer.close()
    return {
        "part": "throughput", "dimension": DIMENSION, "rounds": rounds, "seconds": seconds,
        "rows_per_second": {name: {str(batch): values for batch, values in of.items()} for name, of in rates.items()},
        "ratio": {
            peer: {str(batch): _ratio(rates["vecd"][batch], rates[peer][batch]) for batch in BATCHES}
            for peer in rates if peer != "vecd"
        },
    }


def _rate(peer: object, pool: np.ndarray, batch: int, seconds: float, first: int) -> tuple[float, int]:
    """New ids three times in four, known ones else, as a catalogue that grows and changes."""
    begun = time.perf_counter()
    written = 0
    while (spent := time.perf_counter() - begun) < seconds:
        at = (first + written) % (len(pool) - batch)
        back = (first + written) // 4 if ((first + written) // batch) % 4 == 3 else first + written
        peer.write(np.arange(back, back + batch, dtype=np.uint64), pool[at : at + batch])
        written += batch
    return written / spent, first + written


def _ratio(ours: list[float], theirs: list[float]) -> dict:
    """Of each round, so that what slows a round down slows both."""
    ratios = sorted(a / b for a, b in zip(ours, theirs))
    return {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]}
