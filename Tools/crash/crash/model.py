"""The oracle: what the store must hold after a prefix of the steps.

The rule every method checks: after recovery the state is that of a prefix of the steps in order, and the prefix holds at
least everything acknowledged and at most everything begun. A state is a mapping of collections; a generation is
{id -> vector}, so a batch that is half there, a row lost or a deleted row that is back all make it differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

# Names of the exclude sets that steps append to; crashcheck looks for the same.
SETS = ("s1", "s2")
# Of the bias sets.
BIASES = ("b1", "b2")
# What `configure` sets, as long as it has not: model policy, captured queries, gauge share.
SETTINGS: tuple[str, int, float] = ("refuse", 0, 0.0)

_MASK = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def _mixed(value: np.ndarray) -> np.ndarray:
    """The first number of SplitMix64 seeded with each value; the Swift side computes the same."""
    z = value + np.uint64(0x9E37_79B9_7F4A_7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return z ^ (z >> np.uint64(31))


def digest(ids: np.ndarray, vectors: np.ndarray) -> str:
    """One number for a set of rows, whatever their order: the sum of a hash of each id with its vector."""
    with np.errstate(over="ignore"):
        rows = _mixed(np.asarray(ids, dtype=np.uint64))
        bits = np.ascontiguousarray(vectors, dtype="<f4").view("<u4").astype(np.uint64)
        for column in bits.T:
            rows = _mixed(rows ^ column)
        return f"{int(rows.sum(dtype=np.uint64) & _MASK):x}"


class _Untold:
    """What an answer does not tell: equal to whatever the model says."""

    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "untold"


UNTOLD = _Untold()

_DIGESTS: dict[int, tuple[dict[int, bytes], str]] = {}


@dataclass(frozen=True)
class Generation:
    label: str
    state: str = "building"
    rows: dict[int, bytes] = field(default_factory=dict)  # id -> float32 vector
    replaced: str | None = None  # what was live before it was
    model: str | None = None  # the version of what made its vectors

    def digest(self) -> str:
        """Kept with the rows, which most states share."""
        known = _DIGESTS.get(id(self.rows))
        if known is None or known[0] is not self.rows:
            if len(_DIGESTS) > 1000:
                _DIGESTS.clear()
            known = _DIGESTS[id(self.rows)] = (self.rows, self._digest())
        return known[1]

    def _digest(self) -> str:
        ids = np.fromiter(self.rows, dtype=np.uint64, count=len(self.rows))
        width = len(next(iter(self.rows.values()))) // 4 if self.rows else 1
        vectors = np.frombuffer(b"".join(self.rows.values()), dtype="<f4").reshape(len(self.rows), width)
        return digest(ids, vectors)


@dataclass(frozen=True)
class Collection:
    name: str
    dimension: int
    metric: str
    generations: tuple[Generation, ...] = ()  # oldest first
    sets: tuple[tuple[str, tuple[int, ...]], ...] = ()  # exclude sets by name, their ids ascending
    biases: tuple[tuple[str, tuple[tuple[int, float], ...]], ...] = ()  # by name of the set, by id
    settings: tuple[str, int, float] = SETTINGS

    @property
    def live(self) -> Generation | None:
        return next((g for g in self.generations if g.state == "live"), None)

    def find(self, label: str) -> Generation | None:
        return next((g for g in self.generations if g.label == label), None)

    def put(self, *changed: Generation) -> Collection:
        """With these generations in the place of those of their labels, or at the end."""
        by_label = {g.label: g for g in self.generations} | {g.label: g for g in changed}
        return replace(self, generations=tuple(by_label.values()))

    def without(self, label: str) -> Collection:
        """Its label may be given anew, so nobody goes back to it any more."""
        left = (g for g in self.generations if g.label != label)
        return replace(self, generations=tuple(replace(g, replaced=None) if g.replaced == label else g for g in left))

    def fresh_label(self) -> str:
        """Of the generation that a first single write makes."""
        number = len(self.generations) + 1
        while self.find(f"g{number}"):
            number += 1
        return f"g{number}"


State = dict[str, Collection]


def view(state: State) -> tuple[Any, ...]:
    """What can be seen of a state from outside. Rows of a generation that is being built can only be counted."""
    return tuple(
        (
            c.name, c.dimension, c.metric, c.live.label if c.live else None,
            tuple(
                (g.label, g.state, len(g.rows), None if g.state == "building" else g.digest(), g.model) for g in c.generations
            ),
            c.sets, c.biases, c.settings,
        )
        for c in sorted(state.values(), key=lambda c: c.name)
    )


def seen(answer: dict[str, Any]) -> tuple[Any, ...]:
    """The same of what crashcheck, or `programs.observe`, saw; models and settings only of who tells them."""
    return tuple(
        (
            c["name"], c["dimension"], c["metric"], c["live"],
            tuple(
                (g["label"], g["state"], g.get("found", g["rows"]), g.get("digest"), g.get("model", UNTOLD))
                for g in c["generations"]
            ),
            tuple((name, tuple(ids)) for name, ids in c["sets"]),
            tuple((name, tuple((key, value) for key, value in own)) for name, own in c["biases"]),
            tuple(c["settings"]) if "settings" in c else UNTOLD,
        )
        for c in answer["collections"]
    )


def complaint(answer: dict[str, Any], views: list[Any], acknowledged: int, begun: int) -> str | None:
    """Why what was found is not the state after `acknowledged` to `begun` steps; None when it is.

    views: of the states after 0, 1, 2, ... steps.
    """
    if "error" in answer:
        return f"does not open: {answer['error']}"
    for collection in answer["collections"]:
        if collection["fence"] is not None:
            return f"collection {collection['name']} is fenced: {collection['fence']}"
    found = seen(answer)
    if found in views[acknowledged : begun + 1]:
        return None
    known = [n for n, v in enumerate(views) if v == found]
    if known and known[-1] < acknowledged:
        return f"acknowledged steps are lost: {acknowledged} were, the state is that after {known[-1]}"
    if known:
        return f"the state is that after {known[0]} steps, only {begun} were begun"
    return f"the state is that of no prefix of the steps (between {acknowledged} and {begun}): {found}"
