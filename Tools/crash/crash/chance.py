"""Workloads by chance: lists of steps that are valid one after the other, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations

from .model import BIASES, SETS, Collection, Generation, State
from .steps import Build, Configure, Create, Drop, Ingest, Publish, Rollback, Step, Together
from .writes import Bias, Compact, Delete, Exclude, Forget, Seal, Snapshot, Unbias, Upsert, Write

# Ids of single writes: few, so that they meet each other and the rows of ingests.
WRITTEN = range(900, 1100)
MODELS = ("dssm@1", "dssm@2", "mind/a:7")


def _model(of: Generation | None, rng: random.Random) -> str | None:
    """What may be stated of vectors for a generation, None for one that is made: nothing, or what is right."""
    return rng.choice((None, *(MODELS if of is None else [of.model])))


def random_write(collection: Collection, rng: random.Random, label: str | None) -> Write:
    count = rng.choice((1, 1, 1, 2, 3, 8, 30))
    target = collection.live if label is None else collection.find(label)
    there = list(target.rows) if target else []
    ids = tuple(rng.choice(there) if there and rng.random() < 0.4 else rng.choice(WRITTEN) for _ in range(count))
    if rng.random() < 1 / 3:
        return Delete(collection.name, ids, rng.getrandbits(32), label)
    return Upsert(collection.name, ids, rng.getrandbits(32), label, _model(target, rng))


def _configure(collection: Collection, rng: random.Random) -> Configure:
    policy, captured = rng.choice((None, "refuse", "route", "count")), rng.choice((None, 0, 20, 1000))
    gauge = rng.choice((None, 0.0, 0.25, 1.0))
    if policy is captured is gauge is None:
        gauge = 0.5
    return Configure(collection.name, policy, captured, gauge)


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
        yield Ingest(c.name, number * 1000, rng.randint(1, 60), rng.getrandbits(32), label, _model(c.find(label), rng))
        for g in c.generations:
            if g.state == "building":
                yield Build(c.name, g.label, rng.choice(["flat", "flat", "ivf", "hnsw"]))
            if g.state in ("built", "retired"):
                yield Publish(c.name, g.label)
            if g.state != "live":
                yield Drop(c.name, g.label)
        yield Exclude(c.name, rng.choice(SETS), tuple(rng.sample(WRITTEN, rng.choice((1, 1, 2, 20)))))
        yield Forget(c.name, rng.choice(SETS))
        value = rng.choice((0.0, -0.5, 0.25, 3.0))
        yield Bias(c.name, rng.choice(BIASES), tuple(rng.sample(WRITTEN, rng.choice((1, 1, 2, 20)))), value)
        yield Unbias(c.name, rng.choice(BIASES))
        yield _configure(c, rng)
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
    parts = [Publish(c.name, g.label) for c in state.values() for g in c.generations if g.state in ("built", "retired")]
    if pairs := [pair for pair in combinations(parts, 2) if pair[0].collection != pair[1].collection]:
        yield Together(parts=rng.choice(pairs))


WEIGHTS = {
    "create": 8, "ingest": 4, "build": 5, "publish": 4, "rollback": 3, "drop": 1, "upsert": 8, "delete": 8, "seal": 2,
    "compact": 1, "snapshot": 0.3, "exclude": 5, "forget": 1, "bias": 3, "unbias": 0.5, "configure": 3, "together": 12,
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
