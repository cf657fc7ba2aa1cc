"""The steps of a workload: each knows what it does to the model and how it is asked of a daemon.

A new operation of vecd is a new class here, and a line in `valid`: every method then tries it. `change` must be pure.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import vecd
from vecd import protocol

from .model import Collection, Generation, State

DIMENSION = 8
# Ids of single writes: few, so that they meet each other and the rows of ingests.
WRITTEN = range(900, 1100)


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
        client.create(self.collection, DIMENSION, self.metric)


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
        return np.arange(self.first, self.first + self.count, dtype=np.uint64)

    @cached_property
    def vectors(self) -> np.ndarray:
        return np.random.default_rng(self.seed).standard_normal((self.count, DIMENSION), dtype=np.float32)

    @cached_property
    def rows(self) -> dict[int, bytes]:
        return {int(key): row.tobytes() for key, row in zip(self.ids, self.vectors)}


@dataclass(frozen=True)
class Ingest(Rows):
    label: str = ""

    def changed(self, collection: Collection) -> Collection:
        old = collection.find(self.label) or Generation(self.label)
        return collection.put(replace(old, state="building", rows=old.rows | self.rows))

    def run(self, client: vecd.Client) -> None:
        client.ingest(self.collection, self.ids, self.vectors, self.label)


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
class Rollback(Step):
    def changed(self, collection: Collection) -> Collection:
        live = collection.live
        assert live is not None and live.replaced is not None
        back = collection.find(live.replaced)
        assert back is not None
        return collection.put(replace(live, state="retired"), replace(back, state="live"))

    def run(self, client: vecd.Client) -> None:
        client.rollback(self.collection)


@dataclass(frozen=True)
class Write(Step):
    """A single write to the live generation, or to a named one. Several are sent together by `send_together`."""

    ids: tuple[int, ...] = ()
    seed: int = 0
    label: str | None = None

    def changed(self, collection: Collection) -> Collection:
        old = collection.live if self.label is None else collection.find(self.label)
        old = old or Generation(collection.fresh_label(), "live")
        return collection.put(replace(old, rows=self.written(old.rows)))

    def written(self, rows: dict[int, bytes]) -> dict[int, bytes]:
        raise NotImplementedError

    def message(self) -> protocol.Message:
        raise NotImplementedError

    @property
    def token(self) -> bytes:
        return random.Random(f"{self.kind} {self.seed} {self.ids}").randbytes(16)

    @property
    def count(self) -> int:
        return len(self.ids)

    def run(self, client: vecd.Client) -> None:
        if error := send_together(client, [self])[1]:
            raise error


@dataclass(frozen=True)
class Upsert(Write):
    @cached_property
    def vectors(self) -> np.ndarray:
        return np.random.default_rng(self.seed).standard_normal((len(self.ids), DIMENSION), dtype=np.float32)

    def written(self, rows: dict[int, bytes]) -> dict[int, bytes]:
        return rows | {key: row.tobytes() for key, row in zip(self.ids, self.vectors)}  # the last of equal ids counts

    def message(self) -> protocol.Message:
        ids = np.array(self.ids, dtype=np.uint64)
        return protocol.UpsertRequest(
            self.collection, self.label or "", self.token, DIMENSION, len(ids), ids, self.vectors
        )


@dataclass(frozen=True)
class Delete(Write):
    def written(self, rows: dict[int, bytes]) -> dict[int, bytes]:
        gone = set(self.ids)
        return {key: row for key, row in rows.items() if key not in gone}

    def message(self) -> protocol.Message:
        ids = np.array(self.ids, dtype=np.uint64)
        return protocol.DeleteRequest(self.collection, self.label or "", self.token, len(ids), ids)


@dataclass(frozen=True)
class Seal(Step):
    label: str = ""

    def run(self, client: vecd.Client) -> None:
        client.seal(self.collection, self.label)


@dataclass(frozen=True)
class Compact(Seal):
    def run(self, client: vecd.Client) -> None:
        client.compact(self.collection, self.label)


@dataclass(frozen=True)
class Merged(Seal):
    """Waits until the daemon has merged a generation's small segments by itself, if it does so soon."""

    def run(self, client: vecd.Client) -> None:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            if all(g.segments < 4 for g in client.generations(self.collection) if g.label == self.label):
                return
            time.sleep(0.005)


@dataclass(frozen=True)
class Snapshot(Step):
    """Of the whole store; what is there under the name already was made by this very step before a crash."""

    name: str = ""

    def change(self, state: State) -> State:
        return state

    def run(self, client: vecd.Client) -> None:
        try:
            client.snapshot(self.name)
        except vecd.VecdError as error:
            if error.code is not vecd.ErrorCode.CANNOT_CREATE:
                raise


def send_together(client: vecd.Client, writes: Sequence[Write]) -> tuple[int, vecd.VecdError | None]:
    """Sends writes without waiting in between, so that the daemon commits several at once, and without sending any again.

    Returns how many of them were acknowledged, the first ones, and the error that ended it.
    """
    link, done = client._connection(), 0
    try:
        numbers = [link.send(write.message(), client.timeout) for write in writes]
        for number in numbers:
            link.wait(number, client.timeout)
            done += 1
    except vecd.VecdError as error:
        return done, error
    return done, None


def random_write(collection: Collection, rng: random.Random, label: str | None) -> Write:
    count = rng.choice((1, 1, 1, 2, 3, 8, 30))
    target = collection.live if label is None else collection.find(label)
    there = list(target.rows) if target else []
    ids = tuple(rng.choice(there) if there and rng.random() < 0.4 else rng.choice(WRITTEN) for _ in range(count))
    return rng.choice((Upsert, Upsert, Delete))(collection.name, ids, rng.getrandbits(32), label)


def valid(state: State, rng: random.Random, number: int) -> Iterator[Step]:
    """One step of each kind that is possible in a state. `number` is never given twice: it makes labels and ids new."""
    free = [name for name in ("alpha", "beta") if name not in state]
    if free:
        yield Create(rng.choice(free), rng.choice(["ip", "cosine", "l2"]))
    for c in state.values():
        if len(c.generations) > 6:
            yield from (Drop(c.name, g.label) for g in c.generations if g.state != "live")
            continue
        building = [g.label for g in c.generations if g.state == "building"]
        label = rng.choice([f"m{number}", *building])
        yield Ingest(c.name, number * 1000, rng.randint(1, 60), rng.getrandbits(32), label)
        for g in c.generations:
            if g.state == "building":
                yield Build(c.name, g.label, rng.choice(["flat", "flat", "ivf", "hnsw"]))
            if g.state in ("built", "retired"):
                yield Publish(c.name, g.label)
            if g.state != "live":
                yield Drop(c.name, g.label)
        ready = [g.label for g in c.generations if g.state != "building"]
        yield random_write(c, rng, rng.choice([None, None, *ready]))
        if ready:
            yield Seal(c.name, rng.choice(ready))
            yield Compact(c.name, rng.choice(ready))
            yield Snapshot(c.name, f"s{number}")
        if c.live and c.live.replaced and (old := c.find(c.live.replaced)) and old.state == "retired":
            yield Rollback(c.name)
        if len(c.generations) > 2:
            yield Drop(c.name)


WEIGHTS = {
    "create": 8, "ingest": 4, "build": 5, "publish": 4, "rollback": 3, "drop": 1, "upsert": 8, "delete": 8, "seal": 2,
    "compact": 1, "snapshot": 0.3,
}


def random_step(state: State, rng: random.Random, number: int) -> Step:
    options = list(valid(state, rng, number))
    return rng.choices(options, [WEIGHTS[option.kind] for option in options])[0]


def random_steps(seed: int, count: int, state: State | None = None, start: int = 1) -> list[Step]:
    """A list of steps, each valid after those before it."""
    rng, state, chosen = random.Random(seed), dict(state or {}), []
    for number in range(start, start + count):
        step = random_step(state, rng, number)
        chosen.append(step)
        state = step.change(state)
    return chosen


def states(steps: list[Step], first: State | None = None) -> list[State]:
    """After 0, 1, 2, ... steps."""
    out = [dict(first or {})]
    for step in steps:
        out.append(step.change(out[-1]))
    return out
