"""Scores with biases: an item's score is its inner product with the query, plus its own bias.

vecd keeps them in a named set, which a search names. Faiss and hnswlib have none; they get vectors of one more dimension
that is the bias, and queries with a 1 there. That makes them an index for each set, built with the biases in place, which is
an advantage: a bias that changes means to remove and add its row, in the list or place in the graph that fits then, where
vecd takes the number. Nothing of that is timed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines import Case, Engine, Faiss, Hnswlib, Settings, Vecd
from measure import loaded

PERCENTS = (1, 10, 100)


def widened(vectors: np.ndarray, last: np.ndarray | float) -> np.ndarray:
    return np.column_stack([vectors, np.broadcast_to(last, len(vectors))]).astype(np.float32)


class Widened(Engine):
    def settings(self, case: Case) -> Settings:
        return super().settings(replace(case, queries=widened(case.queries, 1)))


class WideFaiss(Widened, Faiss):
    name = "Faiss IVF-Flat, bias as a dimension"


class WideHnswlib(Widened, Hnswlib):
    name = "hnswlib, bias as a dimension"


class Without(Engine):
    """vecd's search for as many results by the scores alone: what biases cost it."""

    name = "vecd without biases"

    def __init__(self, vecd: Vecd) -> None:
        self.vecd = vecd

    def settings(self, case: Case) -> Settings:
        return self.vecd.settings(replace(case, bias=None))

    def truth(self, case: Case) -> list[np.ndarray]:
        return case.truth_without


WIDE = {"faiss": WideFaiss, "hnswlib": WideHnswlib}


@dataclass
class Share:
    percent: int
    set: str
    biases: np.ndarray
    engines: dict[str, Engine | None]


def shares(items: np.ndarray, queries: np.ndarray, vecd: Vecd, peers: Iterable[str], parent: Path) -> list[Share]:
    """Items with a bias are drawn independently of the vectors; biases are normal, as wide as scores of random pairs."""
    generator = np.random.default_rng(11)
    pairs = [generator.integers(0, len(of), 100_000) for of in (queries, items)]
    width = float(np.std(np.einsum("nd,nd->n", queries[pairs[0]], items[pairs[1]])))
    found = []
    for percent in PERCENTS:
        ids = generator.choice(len(items), len(items) * percent // 100, replace=False)
        biases = np.zeros(len(items), np.float32)
        biases[ids] = generator.normal(0, width, len(ids))
        name = f"b{percent}"
        vecd.client.bias("c", name, ids.astype(np.uint64), biases[ids])
        engines = {Vecd.name: vecd, Without.name: Without(vecd)}
        for kind in (WIDE[peer] for peer in peers if peer in WIDE):
            engines[kind.name] = loaded(kind, f"{percent} %", widened(items, biases), biases, parent)
        found.append(Share(percent, name, biases, engines))
    return found


def cases(queries: np.ndarray, items: np.ndarray, of: list[Share], ks: list[int]) -> Iterator[tuple[dict, Case, dict]]:
    scores = queries @ items.T
    for k in ks:
        without = best(scores, k)
        for share in of:
            case = Case(k, queries, best(scores + share.biases, k), bias=share.set, truth_without=without)
            yield {"k": k, "percent": share.percent}, case, share.engines


def best(scores: np.ndarray, k: int) -> list[np.ndarray]:
    return list(np.argpartition(-scores, k - 1, axis=1)[:, :k])
