"""Steps of single writes, and of the work that they make necessary."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import vecd
from vecd import protocol
from vecd.attributes import RecordEncoder

from .model import Collection, Generation, State
from .steps import ATTRIBUTES, DIMENSION, Step, key, payloads, texts


@dataclass(frozen=True)
class Write(Step):
    """A single write to the live generation, or to a named one. Several are sent together by `send_together`."""

    ids: tuple[int, ...] = ()
    seed: int = 0
    label: str | None = None
    model: str | None = None  # that an upsert states: of a new generation any, else the one that is there

    def changed(self, collection: Collection) -> Collection:
        old = collection.live if self.label is None else collection.find(self.label)
        old = old or Generation(collection.fresh_label(), "live", model=self.model)
        return collection.put(replace(old, rows=self.written(old.rows)))

    def written(self, rows: dict[int, bytes]) -> dict[int, bytes]:
        raise NotImplementedError

    def message(self) -> protocol.Message:
        raise NotImplementedError

    @property
    def keys(self) -> list[int]:
        return [key(self.collection, number) for number in self.ids]

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
        return rows | {own: row.tobytes() for own, row in zip(self.keys, self.vectors)}  # the last of equal ids counts

    def message(self) -> protocol.Message:
        keys, encode = self.keys, RecordEncoder(ATTRIBUTES).encode
        names = texts(self.collection, keys) or [None] * len(keys)
        records = b"".join(
            encode({"id": own}, payload, name) for own, payload, name in zip(keys, payloads(self.vectors), names))
        return protocol.UpsertRequest(
            self.collection, self.label or "", self.token, DIMENSION, len(keys), np.array(keys, dtype=np.uint64),
            self.vectors, records, self.model)


@dataclass(frozen=True)
class Delete(Write):
    def written(self, rows: dict[int, bytes]) -> dict[int, bytes]:
        gone = set(self.keys)
        return {own: row for own, row in rows.items() if own not in gone}

    def message(self) -> protocol.Message:
        ids = np.array(self.keys, dtype=np.uint64)
        return protocol.DeleteRequest(self.collection, self.label or "", self.token, len(ids), ids)


@dataclass(frozen=True)
class Exclude(Step):
    """Appends to an exclude set; its ids are excluded for ever."""

    name: str = "s1"
    ids: tuple[int, ...] = ()

    def changed(self, collection: Collection) -> Collection:
        sets = dict(collection.sets)
        sets[self.name] = tuple(sorted({*sets.get(self.name, ()), *self.ids}))
        return replace(collection, sets=tuple(sorted(sets.items())))

    def run(self, client: vecd.Client) -> None:
        # Not the client's own method: that sends it again when the connection is lost.
        ids = np.array(self.ids, dtype=np.uint64)
        client._call(protocol.ExcludeRequest(self.collection, self.name, 0, len(ids), ids))


@dataclass(frozen=True)
class Forget(Step):
    name: str = "s1"

    def changed(self, collection: Collection) -> Collection:
        return replace(collection, sets=tuple(one for one in collection.sets if one[0] != self.name))

    def run(self, client: vecd.Client) -> None:
        client.forget_exclusions(self.collection, self.name)


@dataclass(frozen=True)
class Bias(Step):
    """Puts one bias into a set for some ids; 0 takes them out."""

    name: str = "b1"
    ids: tuple[int, ...] = ()
    value: float = 0.5  # that float32 has exactly

    def changed(self, collection: Collection) -> Collection:
        sets = dict(collection.biases)
        own = dict(sets.pop(self.name, ())) | dict.fromkeys(self.ids, self.value)
        if left := {key: value for key, value in own.items() if value}:
            sets[self.name] = tuple(sorted(left.items()))
        return replace(collection, biases=tuple(sorted(sets.items())))

    def run(self, client: vecd.Client) -> None:
        # Not the client's own method: that sends it again when the connection is lost.
        ids = np.array(self.ids, dtype=np.uint64)
        values = np.full(len(ids), self.value, dtype=np.float32)
        client._call(protocol.BiasRequest(self.collection, self.name, len(ids), ids, values))


@dataclass(frozen=True)
class Unbias(Step):
    name: str = "b1"

    def changed(self, collection: Collection) -> Collection:
        return replace(collection, biases=tuple(one for one in collection.biases if one[0] != self.name))

    def run(self, client: vecd.Client) -> None:
        client.forget_biases(self.collection, self.name)


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
            # The code is also that of a file that cannot be opened.
            if error.code is not vecd.ErrorCode.CANNOT_CREATE or "already" not in str(error):
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
