#!/usr/bin/env python3
"""Vectors by seed that behave like those of trained models: an item tower and a user tower, or plain clusters.

    generate.py --out DIR --kind towers --metric ip --rows 1000000 --dimension 128

writes, little-endian:

    items.npy      (rows, dimension) float32
    ids.npy        (rows,) uint64             unique, not the row number
    queries.npy    (queries, dimension) float32          one vector per user
    interests.npy  (users, 4, dimension) float32         several per user; unused ones are all zero (towers only)
    meta.json      every setting, so that the files can be made again

`towers` has the traits that make recall data hard, each one a setting of `Traits`:

 * topics of very uneven size, each a thin slab of its own: the local dimension is far below the real one;
 * hubs: the popularity of an item is Pareto, a popular item is longer (ip) and leans towards where users are, so a
   few items are the answer to a large part of all queries;
 * cold rows: an unpopular item was only ever a negative sample; it was pushed to the far side from the users, and its
   place says little about its topic;
 * dead rows: weight decay took them to zero, some to exactly zero, some to norms whose square underflows float32
   (ip and l2 only: a direction of nothing has no cosine);
 * duplicates: rows equal to the byte, a few in a row and one value shared by thousands (a default embedding), and
   near duplicates (the same work uploaded twice);
 * users lie outside the item cloud: a user is a blend of one to three topics, which is nowhere near an item, seen through
   a tower that is turned and shifted against that of the items. Users also like other topics than the catalogue has.

`clusters` is the plain case: Gaussian clusters of uneven size and width around centres, queries from the same
distribution. For the metrics l2 and cosine.

Row i depends on the seed, the kind, the metric and the dimension alone, never on how many rows are asked for: the
smaller set is the beginning of the larger one. Rows are made in blocks of 16,384, each with a generator of its own, and
written as they are made, so memory stays below 200 MB however many rows there are.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

BLOCK = 16_384
METRICS = ("ip", "cosine", "l2")
KINDS = ("towers", "clusters")
TINY_NORM = 1e-24  # its square is below the smallest float32


@dataclass(frozen=True)
class Traits:
    """What the vectors look like. Shares are of all rows; lengths are relative to a unit topic centre."""

    topics: int = 600
    topic_skew: float = 0.85  # exponent of the Zipf law of topic sizes
    slab: int = 12  # directions that a topic spreads in
    slab_width: float = 0.65
    haze: float = 0.28  # spread in all directions
    popularity_tail: float = 1.1  # exponent of the Pareto law; smaller is heavier
    length_by_popularity: float = 0.12  # growth of the norm per unit of log popularity (ip)
    lean_by_popularity: float = 0.07  # pull towards the users per unit of log popularity
    cold_share: float = 0.30
    cold_push: float = 0.5  # how far a cold row went to the far side
    dead_share: float = 0.02
    dead_exact: float = 0.4  # of the dead rows, those exactly zero
    twin_share: float = 0.03  # rows equal to an earlier one of their block
    near_share: float = 0.03
    default_share: float = 0.01  # rows equal to one of `defaults` vectors
    defaults: int = 6
    user_turn: float = 0.30  # radians, about, that the user tower is turned by
    user_shift: float = 0.45
    user_noise: float = 0.30
    interests: int = 4


def _random(seed: int, *purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=purpose)))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def _zipf(count: int, exponent: float) -> np.ndarray:
    weight = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return weight / weight.sum()


class Towers:
    """The two towers: everything about the world that is not an item or a user of its own."""

    def __init__(self, dimension: int, metric: str, seed: int, traits: Traits | None = None) -> None:
        self.dimension, self.metric, self.seed = dimension, metric, seed
        self.traits = t = traits or Traits()
        world = _random(seed, 0, dimension)
        # Few directions carry most of the difference between topics, as in every trained embedding.
        scale = np.exp(-3.0 * np.arange(dimension) / dimension)
        frame = np.linalg.qr(world.standard_normal((dimension, dimension)))[0]
        self.centres = (_unit(world.standard_normal((t.topics, dimension)) * scale) @ frame).astype(np.float32)
        slabs = world.standard_normal((t.topics, t.slab, dimension)) * np.sqrt(scale)
        fading = np.linspace(1.4, 0.5, t.slab)[None, :, None]
        self.slabs = ((_unit(slabs) * fading) @ frame).astype(np.float32)
        self.widths = (t.slab_width * world.lognormal(0.0, 0.4, t.topics)).astype(np.float32)
        self.topic_share = _zipf(t.topics, t.topic_skew)
        self.taste = world.permutation(self.topic_share) * 0.5 + self.topic_share * 0.5
        # The user tower: a turn (Cayley transform of a small skew matrix) and a shift.
        skew = np.triu(world.standard_normal((dimension, dimension)), 1) * t.user_turn / np.sqrt(dimension)
        skew -= skew.T
        eye = np.eye(dimension)
        self.turn = np.linalg.solve(eye - skew / 2, eye + skew / 2).astype(np.float32)
        self.shift = _unit(world.standard_normal(dimension)).astype(np.float32)
        self.user_side = _unit((self.taste @ self.centres) @ self.turn + t.user_shift * self.shift).astype(np.float32)
        self.default_rows = _unit(world.standard_normal((t.defaults, dimension)) - 6 * self.user_side).astype(np.float32)

    def _places(self, draw: np.random.Generator, topics: np.ndarray) -> np.ndarray:
        """A place of each row inside its topic, before anything else happens to it; (n, dimension)."""
        t = self.traits
        weights = draw.standard_normal((len(topics), t.slab), dtype=np.float32)
        weights *= (self.widths[topics] / np.sqrt(t.slab))[:, None]
        places = self.centres[topics]
        for topic in np.unique(topics):
            rows = np.flatnonzero(topics == topic)
            places[rows] += weights[rows] @ self.slabs[topic]
        haze = draw.standard_normal(places.shape, dtype=np.float32) * np.float32(t.haze / np.sqrt(self.dimension))
        return _unit(places + haze)

    def items(self, block: int) -> np.ndarray:
        """All rows of a block, (BLOCK, dimension) float32."""
        t, draw = self.traits, _random(self.seed, 1, block, self.dimension)
        topics = draw.choice(t.topics, BLOCK, p=self.topic_share)
        places = self._places(draw, topics)
        log_popularity = draw.exponential(1.0 / t.popularity_tail, BLOCK).astype(np.float32)
        quantile = -np.expm1(-t.popularity_tail * log_popularity)  # 0 is the least popular
        places += (t.lean_by_popularity * log_popularity)[:, None] * self.user_side
        cold = quantile < t.cold_share
        lost = draw.standard_normal((int(cold.sum()), self.dimension), dtype=np.float32) / np.sqrt(self.dimension)
        places[cold] = 0.5 * places[cold] + 0.5 * lost - t.cold_push * self.user_side
        places = _unit(places)
        length = (1.0 + t.length_by_popularity * log_popularity) * draw.lognormal(0.0, 0.1, BLOCK)
        if self.metric == "cosine":
            length = np.ones(BLOCK)
        rows = (places * length[:, None]).astype(np.float32)
        self._repeat(draw, rows)
        if self.metric != "cosine":
            self._kill(draw, rows, quantile)
        return rows

    def _repeat(self, draw: np.random.Generator, rows: np.ndarray) -> None:
        t, kind = self.traits, draw.random(BLOCK)
        kind[0] = 1.0
        source = (draw.random(BLOCK) * np.arange(BLOCK)).astype(np.int64)
        jitter = draw.standard_normal(rows.shape, dtype=np.float32) * np.float32(0.02 / np.sqrt(self.dimension))
        near = np.flatnonzero(kind < t.near_share)
        rows[near] = rows[source[near]] + jitter[near]
        if self.metric == "cosine":
            rows[near] = _unit(rows[near])
        twin = np.flatnonzero((kind >= t.near_share) & (kind < t.near_share + t.twin_share))
        rows[twin] = rows[source[twin]]
        default = np.flatnonzero(kind > 1.0 - t.default_share)
        default = default[default != 0]
        rows[default] = self.default_rows[draw.integers(0, t.defaults, len(default))]

    def _kill(self, draw: np.random.Generator, rows: np.ndarray, quantile: np.ndarray) -> None:
        t = self.traits
        dead = np.flatnonzero(quantile < t.dead_share)
        exact = draw.random(len(dead)) < t.dead_exact
        rows[dead] = _unit(rows[dead]) * np.float32(TINY_NORM)
        rows[dead[exact]] = 0.0

    def users(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """All users of a block: (BLOCK, dimension) and (BLOCK, interests, dimension), float32."""
        t, draw = self.traits, _random(self.seed, 2, block, self.dimension)
        live = np.minimum(1 + draw.poisson(1.2, BLOCK), t.interests)
        topics = draw.choice(t.topics, (BLOCK, t.interests), p=self.taste)
        used = np.arange(t.interests)[None, :] < live[:, None]
        places = self._places(draw, topics.ravel()).reshape(BLOCK, t.interests, self.dimension)
        blend = draw.dirichlet(np.full(t.interests, 0.7), BLOCK).astype(np.float32) * used
        mean = _unit(np.einsum("ui,uid->ud", blend, places))
        own = draw.standard_normal((BLOCK, self.dimension), dtype=np.float32) / np.float32(np.sqrt(self.dimension))
        queries = self._user_tower(mean, own)
        several = self._user_tower(_unit(places + 0.4 * mean[:, None]), np.broadcast_to(own[:, None], places.shape))
        if self.metric != "cosine":
            length = draw.lognormal(0.3, 0.25, BLOCK).astype(np.float32)
            queries, several = queries * length[:, None], several * length[:, None, None]
        return queries.astype(np.float32), (several * used[..., None]).astype(np.float32)

    def _user_tower(self, x: np.ndarray, own: np.ndarray) -> np.ndarray:
        t = self.traits
        return _unit(x @ self.turn + t.user_shift * self.shift + t.user_noise * own)


class Clusters:
    """Plain Gaussian clusters; queries come from where the items come from."""

    def __init__(self, dimension: int, metric: str, seed: int, clusters: int = 2_000) -> None:
        self.dimension, self.metric, self.seed = dimension, metric, seed
        world = _random(seed, 10, dimension)
        self.share = _zipf(clusters, 0.6)
        inner = min(dimension, 24)
        frame = world.standard_normal((inner, dimension)).astype(np.float32) / np.float32(np.sqrt(inner))
        self.centres = world.standard_normal((clusters, inner), dtype=np.float32) @ frame
        self.frame = frame
        self.widths = world.lognormal(-0.6, 0.3, clusters).astype(np.float32)

    def _rows(self, draw: np.random.Generator) -> np.ndarray:
        cluster = draw.choice(len(self.share), BLOCK, p=self.share)
        inner = draw.standard_normal((BLOCK, len(self.frame)), dtype=np.float32) * self.widths[cluster][:, None]
        rows = self.centres[cluster] + inner @ self.frame
        rows += draw.standard_normal(rows.shape, dtype=np.float32) * np.float32(0.15)
        return _unit(rows).astype(np.float32) if self.metric == "cosine" else rows

    def items(self, block: int) -> np.ndarray:
        return self._rows(_random(self.seed, 11, block, self.dimension))

    def users(self, block: int) -> tuple[np.ndarray, None]:
        return self._rows(_random(self.seed, 12, block, self.dimension)), None


def ids_of(rows: np.ndarray, seed: int) -> np.ndarray:
    """Unique 63-bit ids that say nothing about the row: multiplication by an odd number is a bijection."""
    with np.errstate(over="ignore"):
        mixed = rows.astype(np.uint64) * np.uint64(0x2545F4914F6CDD1D) + np.uint64(seed)
    return mixed & np.uint64((1 << 63) - 1)


class _Stream:
    """An .npy file written from front to back."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self.file, self.left, self.dtype = open(path, "wb"), shape[0], dtype
        np.lib.format.write_array_header_1_0(self.file, {"descr": dtype, "fortran_order": False, "shape": shape})

    def write(self, rows: np.ndarray) -> None:
        rows = rows[: self.left]
        self.left -= len(rows)
        np.ascontiguousarray(rows, dtype=self.dtype).tofile(self.file)
        if self.left == 0:
            self.file.close()


def generate(out: Path, kind: str, metric: str, rows: int, dimension: int, queries: int, seed: int) -> None:
    """Writes the files named at the top of this page."""
    if kind not in KINDS or metric not in METRICS or (kind == "clusters" and metric == "ip"):
        raise SystemExit(f"error: no data of kind {kind!r} for metric {metric!r}; clusters are for l2 and cosine")
    if min(rows, queries) < 1 or not 8 <= dimension <= 4096:
        raise SystemExit("error: rows and queries must be at least 1 and dimension from 8 to 4096")
    out.mkdir(parents=True, exist_ok=True)
    world = Towers(dimension, metric, seed) if kind == "towers" else Clusters(dimension, metric, seed)
    items = _Stream(out / "items.npy", (rows, dimension), "<f4")
    ids = _Stream(out / "ids.npy", (rows,), "<u8")
    for block in range(-(-rows // BLOCK)):
        items.write(world.items(block))
        ids.write(ids_of(np.arange(block * BLOCK, (block + 1) * BLOCK), seed))
    single = _Stream(out / "queries.npy", (queries, dimension), "<f4")
    several = None
    for block in range(-(-queries // BLOCK)):
        one, many = world.users(block)
        single.write(one)
        if many is not None:
            several = several or _Stream(out / "interests.npy", (queries, *many.shape[1:]), "<f4")
            several.write(many)
    traits = asdict(world.traits) if isinstance(world, Towers) else {}
    meta = {"kind": kind, "metric": metric, "rows": rows, "dimension": dimension, "queries": queries, "seed": seed}
    (out / "meta.json").write_text(json.dumps({**meta, "traits": traits}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=KINDS, default="towers")
    parser.add_argument("--metric", choices=METRICS, default="ip")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    generate(given.out, given.kind, given.metric, given.rows, given.dimension, given.queries, given.seed)


if __name__ == "__main__":
    main()
