"""The data sets that the benchmark runs on, by name.

    reddit-50k                   ships with the project: item and user vectors of a DSSM, cosine
    reddit-500k                  the same model, 500,000 items; --dssm FOLDER or $VECD_BENCH_DSSM says where
    towers-<metric>-<rows>-<d>   made by generate.py, e.g. towers-ip-1m-128, towers-cosine-200k-64
    clusters-<metric>-<rows>-<d> made by generate.py, metric l2 or cosine, e.g. clusters-l2-200k-96
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import generate

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "reddit-sample"
GENERATED_QUERIES = 10_000
HELD_MIN, HELD_MAX = 200, 3_000
SEED = 1


@dataclass(frozen=True)
class Data:
    """items: (n, d) float32, possibly mapped from `items_path`; queries: (q, d) float32, in memory.

    Rows and queries of cosine data are of unit length, so that inner product, cosine and l2 give the same order and
    every library may be used with the metric it is best at.
    """

    name: str
    metric: str
    about: str
    items: np.ndarray
    queries: np.ndarray
    items_path: Path
    queries_path: Path
    held_path: Path | None
    """Queries that are not among those asked: what an index may be tuned with. None where there are too few."""

    @property
    def facts(self) -> dict:
        return {
            "name": self.name,
            "metric": self.metric,
            "about": self.about,
            "rows": len(self.items),
            "dimension": self.items.shape[1],
            "queries": len(self.queries),
        }


def load(name: str, queries: int, cache: Path, dssm: str | None = None) -> Data:
    """The data set of that name with its first `queries` queries; made or converted in `cache` when it is not there."""
    if name == "reddit-50k":
        return _reddit(name, SAMPLE, queries, cache)
    if name == "reddit-500k":
        folder = dssm or os.environ.get("VECD_BENCH_DSSM")
        if not folder or not (Path(folder) / "items.f16.npy").exists():
            raise SystemExit("error: reddit-500k needs --dssm FOLDER with items.f16.npy and queries.npy in it")
        return _reddit(name, Path(folder), queries, cache)
    spec = re.fullmatch(r"(towers|clusters)-(ip|cosine|l2)-(\d+)(k|m)?-(\d+)", name)
    if not spec:
        raise SystemExit(f"error: no data set is named {name!r}; names are listed by --help")
    kind, metric, rows, unit, dimension = spec.groups()
    count = int(rows) * {"k": 1_000, "m": 1_000_000, None: 1}[unit]
    folder = cache / f"{name}-seed{SEED}"
    if not (folder / "meta.json").exists():
        generate.generate(folder, kind, metric, count, int(dimension), GENERATED_QUERIES, SEED)
    about = {
        "towers": f"synthetic two-tower vectors, generate.py --kind towers, seed {SEED}",
        "clusters": f"synthetic clusters, generate.py --kind clusters, seed {SEED}",
    }[kind]
    return _open(name, metric, about, folder, np.load(folder / "queries.npy"), queries)


def _reddit(name: str, source: Path, queries: int, cache: Path) -> Data:
    folder = cache / name
    if not (folder / "items.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        rows = np.load(source / "items.f16.npy").astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        np.save(folder / "items.partial.npy", rows)
        (folder / "items.partial.npy").replace(folder / "items.npy")
    asked = np.load(source / "queries.npy").astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    return _open(name, "cosine", "trained two-tower vectors of Reddit posts (real)", folder, asked, queries)


def _open(name: str, metric: str, about: str, folder: Path, asked: np.ndarray, queries: int) -> Data:
    if queries > len(asked):
        raise SystemExit(f"error: {name} has {len(asked)} queries, {queries} were asked for")
    held = np.ascontiguousarray(asked[queries:][:HELD_MAX], dtype=np.float32)
    asked = np.ascontiguousarray(asked[:queries], dtype=np.float32)
    queries_path = folder / f"queries-{queries}.npy"
    np.save(queries_path, asked)
    held_path = folder / f"held-{queries}.npy" if len(held) >= HELD_MIN else None
    if held_path:
        np.save(held_path, held)
    items_path = folder / "items.npy"
    return Data(name, metric, about, np.load(items_path, mmap_mode="r"), asked, items_path, queries_path, held_path)
