"""Searches whose results are narrowed or biased, beside Faiss, hnswlib, Qdrant and pgvector on one core.

    exclude   the best items of each query themselves are excluded, the worst there is: an engine that asks for more and drops
              what is excluded must ask for all of them; and as many items drawn at random, of which few are near the query
    filter    a share of the items passes a filter, drawn independently of the vectors: the same filter in every query, and one
              that is new in every query
    bias      a share of the items, drawn likewise, has a bias that is added to its score; beside Faiss and hnswlib alone, and
              vecd without biases

Every engine is asked one query at a time; each of its settings is tried on the first queries, and the cheapest one that
reaches the recall is timed on the rest, in interleaved rounds. All processes are on one core then, not while indexes are
built. An engine that cannot be loaded, or reaches the recall at no setting, is null in the result.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "writes"))
from daemon import ROOT, Daemon, towers  # noqa: E402

import biased  # noqa: E402
from databases import PgVector, Qdrant  # noqa: E402
from engines import DIMENSION, TIMED, TRIED, VALUES, Case, Faiss, Hnswlib, Vecd, VecdFromSwift, VecdInProcess  # noqa: E402
from measure import loaded, measure, on_one_core, told  # noqa: E402

PEERS = {"faiss": Faiss, "hnswlib": Hnswlib, "qdrant": Qdrant, "pgvector": PgVector}


def exclusions(queries: np.ndarray, items: np.ndarray, ks: list[int]) -> Iterator[tuple[dict, Case]]:
    scores = queries @ items.T
    for k in ks:
        for count in (0, 100, 1_000, 5_000):
            order = np.argpartition(-scores, k + count, axis=1)[:, : k + count]
            order = np.take_along_axis(order, np.argsort(-np.take_along_axis(scores, order, axis=1), axis=1), axis=1)
            case = Case(k, queries, list(order[:, count:]), seen=list(order[:, :count]))
            yield {"k": k, "excluded": count, "which": "best"}, case
        drawn = np.random.default_rng(8).integers(0, len(items), (len(queries), 5_000))
        left = scores.copy()
        np.put_along_axis(left, drawn, -np.inf, axis=1)
        best = list(np.argpartition(-left, k, axis=1)[:, :k])
        yield {"k": k, "excluded": 5_000, "which": "random"}, Case(k, queries, best, seen=list(drawn))


def filters(queries: np.ndarray, items: np.ndarray, values: np.ndarray, ks: list[int]) -> Iterator[tuple[dict, Case]]:
    for k in ks:
        for below in (1, 10, 100, 500):
            passing = np.flatnonzero(values < below)
            scores = queries @ items[passing].T
            most = min(k, len(passing))
            truth = passing[np.argpartition(-scores, most - 1, axis=1)[:, :most]]
            for is_new in (False, True):
                case = Case(k, queries, list(truth), below=below, is_new=is_new)
                yield {"k": k, "percent": below / 10, "filter": "new" if is_new else "same"}, case


def chosen_peers(text: str) -> list[str]:
    names = [name for name in text.split(",") if name != "vecd"]
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of vecd, {', '.join(PEERS)}")
    return names


def chosen_ks(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("exclude", "filter", "bias"))
    parser.add_argument("--vecd", required=True)
    parser.add_argument("--vecctl", required=True)
    parser.add_argument("--vecbench", required=True)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--k", type=chosen_ks, default=[100, 500], help="numbers of results, with commas")
    parser.add_argument(
        "--engines", type=chosen_peers, default=list(PEERS), metavar="NAMES",
        help=f"of vecd,{','.join(PEERS)}; vecd is always measured, and bias has no more than faiss and hnswlib beside it")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    out = given.out or ROOT / "docs" / "benchmarks" / f"{given.what}.json"
    items, queries = towers(given.dir, given.rows, DIMENSION)
    values = np.random.default_rng(7).integers(0, VALUES, len(items))
    sample, asked = queries[:2000], queries[2000 : 2000 + TRIED + TIMED]
    with Daemon(given.vecd, given.dir, "--threads", "1") as daemon, daemon.connect() as client:
        with told("vecd, index"):
            vecd = Vecd(client, items, values, sample, given.recall)
        engines = {Vecd.name: vecd}
        try:
            if given.what == "bias":
                shares = biased.shares(items, queries, vecd, given.engines, given.dir)
                cases = biased.cases(asked, items, shares, given.k)
            else:
                if given.what == "filter":
                    engines[VecdFromSwift.name] = VecdFromSwift(vecd, given.vecctl, given.dir)
                engines[VecdInProcess.name] = VecdInProcess(
                    vecd, given.vecbench, daemon.folder / "store", given.dir, asked)
                for kind in map(PEERS.get, given.engines):
                    engines[kind.name] = loaded(kind, "all", items, values, given.dir)
                narrowed = (
                    exclusions(asked, items, given.k) if given.what == "exclude"
                    else filters(asked, items, values, given.k))
                cases = ((facts, case, engines) for facts, case in narrowed)
            others = [process for engine in engines.values() if engine for process in engine.processes()]
            on_one_core([os.getpid(), daemon.process.pid, *others])
            found = {
                "rows": given.rows, "dimension": DIMENSION, "metric": "ip", "recall": given.recall,
                "load_before": os.getloadavg()[0], "cases": [],
            }
            for facts, case, compared in cases:
                measured = facts | {"engines": measure(compared, case, given.recall, given.rounds)}
                found["cases"].append(measured)
                print(json.dumps(measured), flush=True)
                out.write_text(json.dumps(found, indent=1) + "\n")
        finally:
            for engine in engines.values():
                if engine:
                    engine.close()


if __name__ == "__main__":
    main()
