"""Structured click logs by seed, for tests and benchmarks, as no real log may be shipped.

What real logs have and a model must find: users with one to four interests that drift, sessions about one interest, items in
clusters of topics, popularity after Zipf, fresh items that rise and fade beside evergreen ones, series whose next part is
clicked next, clicks on whatever is popular, and items that nobody clicks. The same recipe gives the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..problem import Problem

START = 1_700_000_000
DAY = 86_400.0


@dataclass(frozen=True)
class Recipe:
    items: int = 2_000
    users: int = 4_000
    clicks: int = 60_000
    topics: int = 16
    clusters: int = 6          # per topic
    days: int = 28
    fresh: float = 0.3         # share of items born during the log, which rise and fade
    sequel: float = 0.25       # of clicks in a session: the next part of the series
    astray: float = 0.15       # of clicks: anything popular, whatever the interests
    drift: float = 0.3         # of users: the first interest gives way to a new one halfway
    seed: int = 1


@dataclass(frozen=True)
class World:
    """What was drawn. Arrays over items, then over clicks in order of time; ids are those of the tables."""

    item_ids: np.ndarray
    topic: np.ndarray
    cluster: np.ndarray
    created: np.ndarray
    users: np.ndarray
    items: np.ndarray
    times: np.ndarray


def generate(recipe: Recipe) -> World:
    """Draws items, users, sessions, clicks, in that order, each from its own stream of the seed."""
    if min(recipe.items, recipe.users, recipe.clicks) < 1 or recipe.items < recipe.topics * recipe.clusters:
        raise Problem(f"{recipe.items} items do not fill {recipe.topics} topics of {recipe.clusters} clusters; ask for more")
    cluster, created, weight = _items(recipe, np.random.default_rng([recipe.seed, 1]))
    interests, weights = _users(recipe, np.random.default_rng([recipe.seed, 2]))
    users, sessions, times = _sessions(recipe, np.random.default_rng([recipe.seed, 3]))
    rng = np.random.default_rng([recipe.seed, 4])
    wanted = _wanted_clusters(recipe, rng, users, sessions, times, interests, weights)
    items = _choose_items(recipe, rng, wanted, times, sessions, cluster, created, weight)
    # A user clicks an item once; then as many clicks as were asked for, if there are so many, in order of time.
    once = np.unique(users * np.int64(recipe.items) + items, return_index=True)[1]
    rows = rng.permutation(once)[: recipe.clicks]
    rows = rows[np.lexsort((users[rows], times[rows]))]
    item_ids = 1 + np.random.default_rng([recipe.seed, 5]).permutation(recipe.items * 3)[: recipe.items].astype(np.int64)
    return World(item_ids, cluster // recipe.clusters, cluster, START + np.floor(created).astype(np.int64),
                 1 + users[rows], item_ids[items[rows]], START + np.floor(times[rows]).astype(np.int64))


def _zipf(size: int, exponent: float) -> np.ndarray:
    shares = 1.0 / np.arange(1, size + 1) ** exponent
    return shares / shares.sum()


def _draw(rng: np.random.Generator, shares: np.ndarray, count: int) -> np.ndarray:
    return np.minimum(np.searchsorted(np.cumsum(shares), rng.random(count)), len(shares) - 1)


def _items(recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cluster, time of birth in seconds from the start (evergreen: before it), and Zipf weight of each item."""
    topic = _draw(rng, _zipf(recipe.topics, 0.6), recipe.items)
    inside = _draw(rng, _zipf(recipe.clusters, 0.4), recipe.items)
    first = min(recipe.topics * recipe.clusters, recipe.items)
    topic[:first], inside[:first] = np.divmod(np.arange(first), recipe.clusters)  # no cluster is empty
    fresh = rng.random(recipe.items) < recipe.fresh
    fresh[:first] = False
    created = np.where(fresh, rng.random(recipe.items) * recipe.days, -400 * rng.random(recipe.items) - 1) * DAY
    weight = rng.permutation(_zipf(recipe.items, 0.9)) * recipe.items
    return topic * recipe.clusters + inside, created, weight


def _users(recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Five clusters per user (four interests, and one to drift to) and the weights of the four; 1 to 4 are above 0."""
    shape = (recipe.users, 5)
    topic = _draw(rng, rng.permutation(_zipf(recipe.topics, 0.5)), recipe.users * 5).reshape(shape)
    interests = topic * recipe.clusters + rng.integers(0, recipe.clusters, shape)
    held = 1 + rng.binomial(3, 0.45, recipe.users)
    weights = rng.gamma(2.0, size=(recipe.users, 4)) * (np.arange(4) < held[:, None])
    return interests, weights / weights.sum(axis=1, keepdims=True)


def _sessions(recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, session and time of each click; a third more than asked for, as repeated ones are dropped."""
    length = 4.0
    activity = rng.lognormal(0.0, 0.8, recipe.users)
    count = np.maximum(2, rng.poisson(activity / activity.sum() * recipe.clicks * 1.35 / length))
    owner = np.repeat(np.arange(recipe.users), count)
    start = rng.random(len(owner)) * recipe.days
    evening = np.floor(start) + rng.beta(4, 2, len(owner))  # a day has a busy end
    size = 1 + rng.poisson(length - 1, len(owner))
    sessions = np.repeat(np.arange(len(owner)), size)
    gaps = 20 + rng.exponential(90.0, len(sessions))
    begun = np.concatenate([[0], np.cumsum(size)[:-1]])
    inside = np.cumsum(gaps) - np.repeat(np.cumsum(gaps)[begun] - gaps[begun], size)
    return owner[sessions], sessions, evening[sessions] * DAY + inside


def _wanted_clusters(recipe: Recipe, rng, users, sessions, times, interests, weights) -> np.ndarray:
    """The cluster that each click is about: mostly the session's interest, sometimes a neighbour within the topic."""
    first = np.unique(sessions, return_index=True)[1]
    owner = users[first]
    chosen = (rng.random(len(first))[:, None] > np.cumsum(weights, axis=1)[owner]).sum(axis=1).clip(0, 3)
    drifts = (rng.random(recipe.users) < recipe.drift)[owner] & (times[first] > recipe.days * DAY / 2) & (chosen == 0)
    wanted = interests[owner, np.where(drifts, 4, chosen)][sessions]
    near = rng.random(len(users)) < 0.2
    return np.where(near, wanted // recipe.clusters * recipe.clusters + rng.integers(0, recipe.clusters, len(users)), wanted)


def _choose_items(recipe: Recipe, rng, wanted, times, sessions, cluster, created, weight) -> np.ndarray:
    """Evergreen items by weight, fresh ones by how new they are, the sequel of the last click, or anything popular."""
    evergreen = created < 0
    items = _by_weight(rng, wanted, cluster, np.where(evergreen, weight, 0.0))
    newest = _newest(rng, wanted, times, cluster, created)
    items = np.where((rng.random(len(items)) < recipe.fresh) & (newest >= 0), newest, items)
    popular = _draw(rng, np.where(evergreen, weight, 0.0) / weight[evergreen].sum(), len(items))
    items = np.where(rng.random(len(items)) < recipe.astray, popular, items)
    # The next part of a series is the next evergreen item of the cluster. A run of sequels is resolved one step per round.
    follows = (rng.random(len(items)) < recipe.sequel) & np.concatenate([[False], sessions[1:] == sessions[:-1]])
    after = _next_in_cluster(cluster, evergreen)
    depth = np.arange(len(items)) - np.maximum.accumulate(np.where(follows, 0, np.arange(len(items))))
    for step in range(1, int(depth.max(initial=0)) + 1):
        rows = np.flatnonzero(depth == step)
        items[rows] = after[items[rows - 1]]
    return items


def _by_weight(rng, wanted, cluster, weight) -> np.ndarray:
    """An item of each wanted cluster with probability in proportion to its weight, by one cumulative sum over all clusters."""
    order = np.argsort(cluster, kind="stable")
    edges = np.searchsorted(cluster[order], np.arange(cluster.max() + 2))
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    low, high = total[edges[wanted]], total[edges[wanted + 1]]
    at = np.searchsorted(total, low + rng.random(len(wanted)) * (high - low), side="right") - 1
    return order[np.clip(at, edges[wanted], edges[wanted + 1] - 1)]


def _newest(rng, wanted, times, cluster, created) -> np.ndarray:
    """One of the last fresh items of the cluster, the newest most often; -1 where none is born yet."""
    fresh = np.flatnonzero(created >= 0)
    span = 1e9
    key = np.sort(cluster[fresh] * span + created[fresh])
    order = fresh[np.argsort(cluster[fresh] * span + created[fresh], kind="stable")]
    born = np.searchsorted(key, wanted * span + times) - 1
    first = np.searchsorted(key, wanted * span)
    at = born - rng.geometric(0.3, len(wanted)) + 1
    return np.where(at >= first, order[np.clip(at, 0, max(len(order) - 1, 0))], -1) if len(order) else np.full(len(wanted), -1)


def _next_in_cluster(cluster: np.ndarray, evergreen: np.ndarray) -> np.ndarray:
    """The evergreen item that follows an item within its cluster, in a ring; a fresh item is followed by the ring's start."""
    after = np.empty(len(cluster), dtype=np.int64)
    for group in np.unique(cluster):
        ring = np.flatnonzero((cluster == group) & evergreen)
        after[cluster == group] = ring[0]
        after[ring] = np.roll(ring, -1)
    return after


def write(recipe: Recipe, directory: Path) -> World:
    """clicks.parquet (user, item, time), items.parquet (item, title, category, created) and recipe.json."""
    import json

    import pyarrow
    from pyarrow import parquet

    world = generate(recipe)
    directory.mkdir(parents=True, exist_ok=True)
    described = zip(world.topic, world.cluster, world.item_ids)
    title = [f"Topic {topic}, series {group}, number {key}" for topic, group, key in described]
    parquet.write_table(
        pyarrow.table({"user": world.users, "item": world.items, "time": world.times}), directory / "clicks.parquet"
    )
    columns = {"item": world.item_ids, "title": title, "category": world.cluster, "created": world.created}
    parquet.write_table(pyarrow.table(columns), directory / "items.parquet")
    (directory / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n")
    return world
