"""The offline side as steps: read and split, train, measure, bundle, publish. The command line and the tests call these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vecd.records import PAYLOAD_BYTES

from . import bundle as bundles
from .cards import to_payload
from .data.clicks import Clicks
from .embed import item_vectors, user_vectors
from .evaluate import DEPTHS, Quality, baselines, by_exact_search, quality, seen_rows
from .export import export_user_tower, largest_difference
from .health import Health, inspect
from .histories import user_batch
from .models import options_of
from .problem import Problem
from .publish import Asked, Gates, Verdict, publish
from .split import Split, leave_last_out
from .store import Store
from .tower import Tower
from .train import Trained, Training, train

MOST_ASKED = 10_000
MOST_SAMPLED = 8_192


@dataclass(frozen=True)
class Experiment:
    """A log, its split, and what follows from them for every model alike."""

    clicks: Clicks
    split: Split
    depths: tuple[int, ...] = DEPTHS

    @staticmethod
    def of(
        clicks: Clicks, max_users: int = MOST_ASKED, seed: int = 0, before: float | None = None, depths: tuple[int, ...] = DEPTHS
    ) -> Experiment:
        """At most four fifths of the users are asked about: the others are the query sample of index builds."""
        most = min(max_users, max(1, len(clicks.user_ids) * 4 // 5))
        return Experiment(clicks, leave_last_out(clicks, most, seed, before=before), depths)

    @cached_property
    def store_ids(self) -> np.ndarray:
        return self.clicks.store_ids()

    @cached_property
    def payloads(self) -> list[bytes | None]:
        """The card of each item for the store, None for none."""
        made = [to_payload(card) for card in self.clicks.cards()]
        for item, payload in zip(self.clicks.item_ids.tolist(), made):
            if payload is not None and len(payload) > PAYLOAD_BYTES:
                size = f"{len(payload):,} bytes, a payload has at most {PAYLOAD_BYTES:,}"
                raise Problem(f"title and cover of item {item} take {size}")
        return made

    @cached_property
    def seen(self) -> list[np.ndarray]:
        return seen_rows(self.split)

    @cached_property
    def answers(self) -> np.ndarray:
        return self.store_ids[self.split.items].astype(np.int64)

    @cached_property
    def baselines(self) -> dict[str, Quality]:
        return baselines(self.split, self.store_ids, self.seen, self.depths)

    @property
    def popularity(self) -> Quality:
        """The better of the baselines at depth 100, or the nearest depth."""
        return max(self.baselines.values(), key=lambda one: one.hit_rate[self.depths[min(1, len(self.depths) - 1)]])

    @cached_property
    def sample_users(self) -> np.ndarray:
        """Users that are not asked about, with at least one click to embed."""
        active = np.flatnonzero(np.diff(self.split.train.offsets) > 0)
        left = np.setdiff1d(active, self.split.users)
        chosen = left if len(left) else active
        return chosen[:: max(1, len(chosen) // MOST_SAMPLED)][:MOST_SAMPLED]


@dataclass(frozen=True)
class Fitted:
    """A trained model with all its vectors. items: whole catalogue; keep: what may be published of it."""

    name: str
    options: Any
    trained: Trained
    items: np.ndarray
    keep: np.ndarray
    health: Health
    asked: np.ndarray
    sample: np.ndarray
    exact: Quality

    @property
    def metric(self) -> str:
        return self.trained.model.metric


def fit(
    name: str, given: dict[str, Any], experiment: Experiment, training: Training,
    progress: Callable[[int, int, float], Any] | None = None,
) -> Fitted:
    """Trains a model and measures it by exact search."""
    options = options_of(name, given)
    split = experiment.split
    done = train(name, options, split.train, training, progress)
    with_vectors = item_vectors(done.model)
    # DSSM describes an item without clicks by its features; the other two have nothing but an untrained row for it.
    clicked = split.train.item_counts > 0
    trained = None if name == "dssm" and split.train.item_features else clicked
    keep, health = inspect(with_vectors, trained)
    asked = user_vectors(done.model, split.train, split.users, split.times)
    users = experiment.sample_users
    sample = user_vectors(done.model, split.train, users, np.full(len(users), split.train.times.max()))
    k = max(experiment.depths)
    found = by_exact_search(with_vectors, keep, experiment.store_ids, asked, experiment.seen, k, done.model.metric)
    exact = quality(found, experiment.answers, len(experiment.store_ids), experiment.depths)
    return Fitted(name, options, done, with_vectors, keep, health, asked, sample, exact)


def save_bundle(fitted: Fitted, experiment: Experiment, version: str, models: Path, training: Training) -> bundles.Bundle:
    """Writes the model version; the ONNX tower must say what torch says, on real users, or nothing is written."""
    split, model = experiment.split, fitted.trained.model
    names = tuple(split.train.user_features)
    first_click = np.full(len(split.train.item_ids), -np.inf)
    order = np.argsort(-split.train.times, kind="stable")
    first_click[split.train.items[order]] = split.train.times[order]  # the earliest is written last
    born = first_click if experiment.clicks.created is None else experiment.clicks.created
    now = split.train.times.max()
    newest = np.argsort(-np.where(np.isfinite(born) & (born <= now), born, -np.inf), kind="stable")
    about = {
        "version": version, "model": fitted.name, "options": _plain(asdict(fitted.options)), "training": asdict(training),
        "metric": fitted.metric, "dimension": model.dimension, "interests": model.interests,
        "history_length": fitted.options.history_length,
        "user_features": [{"name": name, "values": split.train.user_features[name].values} for name in names],
        "item_features": {name: feature.size for name, feature in split.train.item_features.items()},
        "health": fitted.health.as_dict(), "exact": fitted.exact.as_dict(),
        "losses": [round(x, 5) for x in fitted.trained.losses],
        "terms_of_data": experiment.clicks.terms,
    }
    arrays = {
        "item_ids": split.train.item_ids, "store_ids": experiment.store_ids, "items": fitted.items, "published": fitted.keep,
        "popular": np.argsort(-split.train.item_counts, kind="stable"), "newest": newest,
    }

    def write_more(folder: Path) -> None:
        torch.save(model.state_dict(), folder / "model.pt")
        export_user_tower(model, len(names), folder / "user_tower.onnx")
        users, times = split.users[:64], split.times[:64]
        batch = user_batch(split.train, users, split.train.offsets[users + 1], times, fitted.options.history_length, names)
        about["onnx_difference"] = largest_difference(model, folder / "user_tower.onnx", batch)

    return bundles.save(models / version, about, arrays, write_more)


def asked_of(experiment: Experiment, vectors: np.ndarray) -> Asked:
    return Asked(vectors, [experiment.store_ids[rows] for rows in experiment.seen], experiment.answers)


def vectors_of_bundle(bundle: bundles.Bundle, experiment: Experiment) -> np.ndarray:
    """The held-out users as the ONNX tower of a bundle embeds them, whatever catalogue it was trained on."""
    train, tower = experiment.split.train, Tower(bundle.tower_path)
    order = np.argsort(bundle.item_ids, kind="stable")
    sorted_ids = bundle.item_ids[order]
    if sorted_ids.dtype.kind != train.item_ids.dtype.kind and "U" in (sorted_ids.dtype.kind, train.item_ids.dtype.kind):
        raise Problem(f"{bundle.version} was trained on a log with item ids of another type; give it the data it belongs to")
    at = np.minimum(np.searchsorted(sorted_ids, train.item_ids), len(order) - 1)
    row_of = np.where(sorted_ids[at] == train.item_ids, order[at], -1)
    codes = np.zeros((len(train.user_ids), len(bundle.about["user_features"])), np.int64)
    for column, feature in enumerate(bundle.about["user_features"]):
        if feature["name"] in train.user_features:
            mine = train.user_features[feature["name"]]
            known = {value: code for code, value in enumerate(feature["values"])}
            codes[:, column] = np.array([known.get(value, 0) for value in mine.values])[mine.codes]
    offsets, parts = train.offsets, []
    for start in range(0, len(experiment.split), 1024):
        users, times = experiment.split.users[start : start + 1024], experiment.split.times[start : start + 1024]
        spans = [slice(offsets[user], offsets[user + 1]) for user in users]
        histories = [row_of[train.items[span]] for span in spans]
        ages = [(time - train.times[span]) / 86_400.0 for span, time in zip(spans, times)]
        parts.append(tower(*tower.windows(histories, ages), codes[users]))
    return np.concatenate(parts)


def live_hit_rate(store: Store, experiment: Experiment, models: Path, depth: int) -> Callable[[str], float | None]:
    """For the gate against the live version: its own tower and its own generation, on the same held-out users."""

    def measure(version: str) -> float | None:
        bundle = bundles.find(models, version)
        if bundle is None:
            return None
        asked = asked_of(experiment, vectors_of_bundle(bundle, experiment))
        found = store.search(asked.users, depth, version, asked.seen)
        return quality(found.ids, asked.answers, len(experiment.store_ids), (depth,)).hit_rate[depth]

    return measure


def publish_fitted(
    store: Store, fitted: Fitted, experiment: Experiment, version: str, models: Path, gates: Gates = Gates(), index: str = "auto",
    progress: Callable[[int, int], Any] | None = None,
) -> Verdict:
    """Pushes, builds, checks, publishes. The gates' depth must be one of the experiment's."""
    if gates.depth not in experiment.depths:
        raise Problem(f"gates look at depth {gates.depth}, which is none of {experiment.depths}")
    cards = [experiment.payloads[row] for row in np.flatnonzero(fitted.keep).tolist()]
    return publish(
        store, version, experiment.store_ids[fitted.keep], fitted.items[fitted.keep], fitted.health, fitted.metric, fitted.sample,
        asked_of(experiment, fitted.asked), len(experiment.store_ids), experiment.popularity,
        live_hit_rate(store, experiment, models, gates.depth), gates, index, experiment.depths, progress,
        cards if any(cards) else None,
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: pow_p is written as text."""
    return {key: "inf" if value == float("inf") else value for key, value in values.items()}
