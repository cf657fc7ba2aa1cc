"""From vectors to a live model version, or to the reasons why not.

push into a new generation -> build with users' vectors as the query sample -> gates -> publish if all of them pass.
A generation that fails stays built and unpublished, to be looked at or dropped; what was live stays live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .evaluate import Quality, by_depth, recall_of
from .health import Health
from .store import Store


@dataclass(frozen=True)
class Gates:
    """What must hold before anybody is answered from a new version."""

    depth: int = 100                 # k of recall and HitRate below
    recall: float = 0.95             # of the index against exact search, on users that the build did not see
    build_recall: float | None = None  # what it is built for, where the sample of the build is easier than real users
    recall_slack: float = 0.01       # a sample may fall below the target by so much
    hit_rate_margin: float = 0.02    # HitRate may be below the live version's by this share of it
    beat_popularity: float = 1.0     # HitRate must be at least so many times that of popularity
    most_dropped: float = 0.5        # share of item vectors that may be left out (zero, not finite, untrained)


@dataclass(frozen=True)
class Gate:
    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Asked:
    """Held-out users: their vectors (n, K, d), what each has seen and clicked next, as store ids."""

    users: np.ndarray
    seen: list[np.ndarray]
    answers: np.ndarray


@dataclass(frozen=True)
class Verdict:
    version: str
    replaced: str | None
    published: bool
    gates: list[Gate]
    through_vecd: Quality
    recall: float
    build: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "version": self.version, "replaced": self.replaced, "published": self.published, "recall": round(self.recall, 5),
            "gates": [{"name": gate.name, "passed": gate.passed, "detail": gate.detail} for gate in self.gates],
            "through_vecd": self.through_vecd.as_dict(), "build": self.build,
        }


def publish(
    store: Store, version: str, ids: np.ndarray, vectors: np.ndarray, health: Health, metric: str, sample: np.ndarray,
    asked: Asked, catalogue: int, popularity: Quality, live_hit_rate: Callable[[str], float | None], gates: Gates = Gates(),
    index: str = "auto", depths: tuple[int, ...] = (50, 100, 500), progress: Callable[[int, int], Any] | None = None,
    payloads: list[bytes | None] | None = None,
) -> Verdict:
    """sample: vectors of users that are not asked about, for the build. catalogue: items of the log, for coverage.
    payloads: the cards of the items, in the order of ids.

    live_hit_rate(version): HitRate at gates.depth of the live version on the same users, or None when it cannot be known.
    """
    store.prepare(vectors.shape[1], metric)
    live = store.live()
    store.push(ids, vectors, version, progress, payloads)
    report = store.build(version, sample, gates.build_recall or gates.recall, index)

    measured = by_depth(
        lambda k: store.search(asked.users, k, version, asked.seen).ids, asked.answers, catalogue,
        tuple(sorted({*depths, gates.depth})))
    near = store.search(asked.users, gates.depth, version)  # as a service asks: by the target of the build
    best = store.search(asked.users, gates.depth, version, exact=True)
    recall = recall_of(near.ids, best.ids)

    checked = [
        _vectors(vectors, health, gates), _rows(store.versions().get(version, 0), len(vectors)),
        _recall(recall, near.index, gates), _popularity(measured, popularity, gates),
        _live(measured, live, live_hit_rate, gates),
    ]
    passed = all(gate.passed for gate in checked)
    if passed:
        store.publish(version, live)
    return Verdict(version, live, passed, checked, measured, recall, report)


def _vectors(vectors: np.ndarray, health: Health, gates: Gates) -> Gate:
    sound = bool(np.isfinite(vectors).all()) and bool((np.linalg.norm(vectors.astype(np.float64), axis=1) > 0).all())
    dropped = 1.0 - health.kept / max(health.rows, 1)
    passed = sound and health.not_finite == 0 and dropped <= gates.most_dropped
    return Gate("vectors are sound", passed, f"{health.line()}; at most {gates.most_dropped:.0%} may be left out, all finite")


def _rows(stored: int, pushed: int) -> Gate:
    return Gate("every vector is stored", stored == pushed, f"{stored:,} rows in the generation, {pushed:,} pushed")


def _recall(recall: float, index: str, gates: Gates) -> Gate:
    floor = gates.recall - gates.recall_slack
    detail = f"recall@{gates.depth} {recall:.4f} of {index} against exact search, at least {floor:.3f} wanted"
    return Gate("the index finds what exact search finds", recall >= floor, detail)


def _popularity(measured: Quality, popularity: Quality, gates: Gates) -> Gate:
    mine, theirs = measured.hit_rate[gates.depth], popularity.hit_rate[gates.depth]
    detail = f"HitRate@{gates.depth} {mine:.4f}, popularity {theirs:.4f}, at least {gates.beat_popularity:g} times that wanted"
    return Gate("better than popularity", mine >= gates.beat_popularity * theirs, detail)


def _live(measured: Quality, live: str | None, live_hit_rate: Callable[[str], float | None], gates: Gates) -> Gate:
    name = "not worse than the live version"
    if live is None:
        return Gate(name, True, "no version is live yet")
    before = live_hit_rate(live)
    if before is None:
        return Gate(name, False, f"{live} is live, and its model is not here to compare with; give its folder with --models")
    mine, floor = measured.hit_rate[gates.depth], before * (1.0 - gates.hit_rate_margin)
    detail = f"HitRate@{gates.depth} {mine:.4f}, live {live} {before:.4f}, at least {floor:.4f} wanted"
    return Gate(name, mine >= floor, detail)
