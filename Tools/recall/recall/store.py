"""Every call to the daemon, in one place. The model version is the label of the generation, which carries it as its model
besides: every search states it, and is refused if the label was given to vectors of another model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import vecd

from .problem import Problem

MOST_RESULTS = int(vecd.Limits.K)


@dataclass(frozen=True)
class Found:
    """ids (n, k) int64, -1 for none; scores; interests: which of the user's vectors found it; who answered, and how.

    payloads: if asked for, of each user's results, b"" for none.
    """

    ids: np.ndarray
    scores: np.ndarray
    interests: np.ndarray
    version: str
    index: str
    payloads: list[list[bytes]] | None = None


class Store:
    """One collection of one daemon, whose generations are model versions."""

    def __init__(self, client: vecd.Client, collection: str) -> None:
        self.client, self.collection = client, collection

    def prepare(self, dimension: int, metric: str) -> None:
        """Makes the collection, or checks that the one there is for vectors like these."""
        for known in self.client.collections():
            if known.name == self.collection:
                there = vecd.Metric(known.metric).name.lower()
                if (known.dimension, there) != (dimension, metric):
                    raise Problem(
                        f"collection {self.collection} has dimension {known.dimension} and metric {there}, the model "
                        f"{dimension} and {metric}; name another collection"
                    )
                return
        self.client.create(self.collection, dimension, metric)

    def live(self) -> str | None:
        """The model version that answers now."""
        for known in self.client.collections():
            if known.name == self.collection:
                return known.live_generation or None
        return None

    def versions(self) -> dict[str, int]:
        """Rows by model version, of every generation there is."""
        return {generation.label: generation.rows for generation in self.client.generations(self.collection)}

    def push(
        self, ids: np.ndarray, vectors: np.ndarray, version: str, progress: Callable[[int, int], Any] | None = None,
        payloads: list[bytes | None] | None = None,
    ) -> None:
        if version in self.versions():
            raise Problem(f"collection {self.collection} has a generation {version} already; give the model another version")
        self.client.ingest(
            self.collection, ids, vectors, generation=version, progress=progress, payloads=payloads, model=version
        )

    def build(self, version: str, users: np.ndarray, target_recall: float, index: str = "auto") -> dict[str, Any]:
        """The index, calibrated and shaped by real user vectors: (n, K, d), each interest counts as a query."""
        flat = users.reshape(-1, users.shape[-1])
        sample = flat[: int(vecd.Limits.SAMPLE_QUERIES)]
        built = self.client.build_index(
            self.collection, version, index, wait=True, target_recall=target_recall, queries=sample if index != "flat" else None
        )
        return built.report or {}

    def search(
        self, users: np.ndarray, k: int, version: str, seen: list[np.ndarray] | None = None, *, exact: bool = False,
        recall: float | None = None, payloads: bool = False,
    ) -> Found:
        """The k best items of each user by one model version and no other. users: (n, K, d), all K vectors in one request.

        seen: per user store ids to leave out; the k are the best of all other items. recall: what to aim at instead of the
        target of the build. payloads: those of the results, in the same reply.
        """
        if not 1 <= k <= MOST_RESULTS:
            raise Problem(f"k is {k}, expected 1 to {MOST_RESULTS}")
        reply = self.client.search(
            self.collection, users, k, generation=version, exact=exact, recall=None if exact else recall, exclude=seen,
            fields="payload" if payloads else None, model=version,
        )
        name = vecd.Index(reply.index).name.lower()
        return Found(reply.ids.astype(np.int64), reply.scores, reply.interests, reply.generation, name, reply.payloads)

    def payloads(self, ids: np.ndarray, version: str) -> list[bytes | None]:
        """Of items by id, in their order: b"" for none, None for an item that the version does not have."""
        return (self.client.get(self.collection, ids, version, fields="payload").payloads or []) if len(ids) else []

    def publish(self, version: str, expect: str | None) -> None:
        """Live at once, if `expect` is still what is live (None: nothing is)."""
        self.client.publish(self.collection, version, expect=expect or "")
