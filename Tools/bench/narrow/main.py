"""Searches whose results are narrowed, beside Faiss and hnswlib on one core.

    exclude   the best items of each query themselves are excluded, the worst there is: an engine that asks for more and drops
              what is excluded must ask for all of them
    filter    a share of the items passes a filter, drawn independently of the vectors: the same filter in every query, and one
              that is new in every query

Every engine is asked one query at a time; each of its settings is tried on the first queries, and the cheapest one that
reaches the recall is timed on the rest, in interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "writes"))
from daemon import ROOT, Daemon, towers  # noqa: E402

from engines import DIMENSION, VALUES, Ask, Case, Faiss, Hnswlib, Vecd  # noqa: E402

TRIED, TIMED = 100, 300


def recall_of(ask: Ask, case: Case) -> float:
    shares = [
        len(np.intersect1d(ask(n).astype(np.int64), case.truth[n])) / max(1, len(case.truth[n])) for n in range(TRIED)]
    return float(np.mean(shares))


def chosen(engine: object, case: Case, least: float) -> tuple[str, float, Ask] | None:
    """The first setting that reaches the recall, and what it reaches; None when none does."""
    for setting, ask in engine.settings(case):
        reached = recall_of(ask, case)
        if reached >= least:
            return setting, reached, ask
    return None


def measure(engines: list, case: Case, least: float, rounds: int) -> dict:
    found = {engine.name: chosen(engine, case, least) for engine in engines}
    times: dict[str, list[float]] = {name: [] for name, choice in found.items() if choice}
    for _ in range(rounds):
        for name in times:
            ask, begun = found[name][2], time.perf_counter()
            for n in range(TRIED, TRIED + TIMED):
                ask(n)
            times[name].append((time.perf_counter() - begun) / TIMED)
    result: dict = {}
    for name, choice in found.items():
        if choice is None:
            result[name] = None
            continue
        ratios = sorted(other / own for other, own in zip(times[name], times["vecd"]))
        spread = {"median": statistics.median(ratios), "least": ratios[0], "greatest": ratios[-1]}
        result[name] = {
            "setting": choice[0], "recall": round(choice[1], 4),
            "time_of_vecd": {key: round(value, 2) for key, value in spread.items()},
        }
    return result


def exclusions(queries: np.ndarray, items: np.ndarray) -> Iterator[tuple[dict, Case]]:
    scores = queries @ items.T
    for k in (100, 500):
        for count in (0, 100, 1_000, 5_000):
            order = np.argpartition(-scores, k + count, axis=1)[:, : k + count]
            order = np.take_along_axis(order, np.argsort(-np.take_along_axis(scores, order, axis=1), axis=1), axis=1)
            case = Case(k, queries, list(order[:, count:]), seen=list(order[:, :count]))
            yield {"k": k, "excluded": count}, case


def filters(queries: np.ndarray, items: np.ndarray, values: np.ndarray) -> Iterator[tuple[dict, Case]]:
    for k in (100, 500):
        for below in (1, 10, 100, 500):
            passing = np.flatnonzero(values < below)
            scores = queries @ items[passing].T
            most = min(k, len(passing))
            truth = passing[np.argpartition(-scores, most - 1, axis=1)[:, :most]]
            for is_new in (False, True):
                case = Case(k, queries, list(truth), below=below, is_new=is_new)
                yield {"k": k, "percent": below / 10, "filter": "new" if is_new else "same"}, case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("exclude", "filter"))
    parser.add_argument("--vecd", required=True)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    out = given.out or ROOT / "docs" / "benchmarks" / f"{given.what}.json"
    items, queries = towers(given.dir, given.rows, DIMENSION)
    values = np.random.default_rng(7).integers(0, VALUES, len(items))
    sample, asked = queries[:2000], queries[2000 : 2000 + TRIED + TIMED]
    with Daemon(given.vecd, given.dir, "--threads", "1") as daemon, daemon.connect() as client:
        engines = [Vecd(client, items, values, sample, given.recall), Faiss(items, values), Hnswlib(items, values)]
        # From here on everything is on one core.
        for process in (0, daemon.process.pid):
            for thread in os.listdir(f"/proc/{process or os.getpid()}/task"):
                os.sched_setaffinity(int(thread), {0})
        found = {
            "rows": given.rows, "dimension": DIMENSION, "metric": "ip", "recall": given.recall,
            "load_before": os.getloadavg()[0], "cases": [],
        }
        cases = exclusions(asked, items) if given.what == "exclude" else filters(asked, items, values)
        for facts, case in cases:
            measured = facts | {"engines": measure(engines, case, given.recall, given.rounds)}
            found["cases"].append(measured)
            print(json.dumps(measured), flush=True)
            out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
