"""The steps of a workload, first those of the catalogue: each knows what it does to the model and how it is asked of a daemon.

A new operation of vecd is a new class, and a line in `chance.valid`: every method then tries it. `change` must be pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import vecd
from vecd import Attribute, protocol
from vecd.string_ids import string_id_hash

from .model import Collection, Generation, State

DIMENSION = 8
# Every row carries its id as its attribute and the bytes of its vector as its payload, so that whoever reads it can tell
# whether they belong together.
ATTRIBUTES = [Attribute("id", "int")]


# The collection whose items are known by texts. The model knows its rows by the hashes of these, as the daemon does.
STRINGS = "beta"
_TEXTS: dict[int, str] = {}


def key(collection: str, number: int) -> int:
    """The id of an item by its number, or by its id."""
    if collection != STRINGS or number in _TEXTS:
        return number
    text = f"item {number}"
    own = string_id_hash(text)
    _TEXTS[own] = text
    return own


def texts(collection: str, keys: Iterable[int]) -> list[str] | None:
    """The texts of ids that `key` gave, empty for others; None where items are known by numbers."""
    return [_TEXTS.get(int(one), "") for one in keys] if collection == STRINGS else None


def payloads(vectors: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.asarray(vectors, dtype="<f4")]


@dataclass(frozen=True)
class Step:
    collection: str

    @property
    def kind(self) -> str:
        return type(self).__name__.lower()

    def change(self, state: State) -> State:
        """The state after the step, which was valid in `state`."""
        return state | {self.collection: self.changed(state[self.collection])}

    def changed(self, collection: Collection) -> Collection:
        return collection

    def run(self, client: vecd.Client) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Create(Step):
    metric: str = "ip"

    def change(self, state: State) -> State:
        return state | {self.collection: Collection(self.collection, DIMENSION, self.metric)}

    def run(self, client: vecd.Client) -> None:
        client.create(self.collection, DIMENSION, self.metric, ATTRIBUTES, "string" if self.collection == STRINGS else "number")


@dataclass(frozen=True)
class Drop(Step):
    label: str | None = None  # None: the whole collection

    def change(self, state: State) -> State:
        if self.label is None:
            return {name: c for name, c in state.items() if name != self.collection}
        return state | {self.collection: state[self.collection].without(self.label)}

    def run(self, client: vecd.Client) -> None:
        client.drop(self.collection, self.label)


@dataclass(frozen=True)
class Rows(Step):
    """A step that sends rows; they are a function of `seed`, so a log of steps stays short."""

    first: int = 0
    count: int = 1
    seed: int = 0

    @property
    def ids(self) -> np.ndarray:
        numbers = range(self.first, self.first + self.count)
        return np.array([key(self.collection, number) for number in numbers], dtype=np.uint64)

    @cached_property
    def vectors(self) -> np.ndarray:
        return np.random.default_rng(self.seed).standard_normal((self.count, DIMENSION), dtype=np.float32)

    @cached_property
    def rows(self) -> dict[int, bytes]:
        return {int(key): row.tobytes() for key, row in zip(self.ids, self.vectors)}


@dataclass(frozen=True)
class Ingest(Rows):
    label: str = ""
    model: str | None = None  # that it states: of a new generation any, else the one that is there

    def changed(self, collection: Collection) -> Collection:
        old = collection.find(self.label) or Generation(self.label, model=self.model)
        return collection.put(replace(old, state="building", rows=old.rows | self.rows))

    def run(self, client: vecd.Client) -> None:
        client.ingest(
            self.collection, texts(self.collection, self.ids) or self.ids, self.vectors, self.label,
            attributes={"id": self.ids}, payloads=payloads(self.vectors), model=self.model)


@dataclass(frozen=True)
class Build(Step):
    label: str = ""
    index: str = "flat"

    def changed(self, collection: Collection) -> Collection:
        old = collection.find(self.label)
        assert old is not None
        return collection.put(replace(old, state="built"))

    def run(self, client: vecd.Client) -> None:
        client.build_index(self.collection, self.label, self.index)


@dataclass(frozen=True)
class Publish(Step):
    label: str = ""

    def changed(self, collection: Collection) -> Collection:
        old, new = collection.live, collection.find(self.label)
        assert new is not None
        retired = [replace(old, state="retired")] if old else []
        return collection.put(*retired, replace(new, state="live", replaced=old.label if old else None))

    def run(self, client: vecd.Client) -> None:
        client.publish(self.collection, self.label)


@dataclass(frozen=True)
class Together(Step):
    """Publishes generations of several collections, all at once or none; with a check, by which another thread does it."""

    collection: str = ""
    parts: tuple[Publish, ...] = ()

    def change(self, state: State) -> State:
        for part in self.parts:
            state = part.change(state)
        return state

    def run(self, client: vecd.Client) -> None:
        generations = {part.collection: part.label for part in self.parts}
        client.publish_together(generations, checks=vecd.PublishChecks(min_rows=0))


@dataclass(frozen=True)
class Configure(Step):
    """None: stays as it is."""

    policy: str | None = None
    captured: int | None = None
    gauge: float | None = None

    def changed(self, collection: Collection) -> Collection:
        policy, captured, gauge = collection.settings
        return replace(collection, settings=(
            policy if self.policy is None else self.policy, captured if self.captured is None else self.captured,
            gauge if self.gauge is None else self.gauge))

    def run(self, client: vecd.Client) -> None:
        # Not the client's own method: that sends it again when the connection is lost.
        policy = None if self.policy is None else vecd.ModelPolicy[self.policy.upper()]
        client._call(protocol.ConfigureRequest(self.collection, policy, self.captured, self.gauge))


@dataclass(frozen=True)
class Rollback(Step):
    def changed(self, collection: Collection) -> Collection:
        live = collection.live
        assert live is not None and live.replaced is not None
        back = collection.find(live.replaced)
        assert back is not None
        return collection.put(replace(live, state="retired"), replace(back, state="live"))

    def run(self, client: vecd.Client) -> None:
        client.rollback(self.collection)


def states(steps: list[Step], first: State | None = None) -> list[State]:
    """After 0, 1, 2, ... steps."""
    out = [dict(first or {})]
    for step in steps:
        out.append(step.change(out[-1]))
    return out
