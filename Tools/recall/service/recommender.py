"""One request from beginning to end. Plain synchronous code; the app runs it on a worker thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis

import vecd
from recall.cards import from_payload
from recall.problem import Problem
from recall.store import Found, Store

from .merge import Candidate, merge
from .releases import Release, Releases
from .shelf import Known, Shelf

MOST = 1000
TITLES = ("redis", "vecd")
# The generation of a release was dropped, or dropped and its label given to vectors of another model.
GONE = (vecd.ErrorCode.GENERATION_NOT_FOUND, vecd.ErrorCode.MODEL_MISMATCH)


@dataclass(frozen=True)
class Settings:
    """channels: name to collection of the daemon. quotas: shares of the answer; popular and newest need no collection.

    titles: what fills in titles and covers, "redis" or "vecd" (the payloads that train-and-publish stored with the vectors).
    """

    models: Path
    socket: str | None = None
    redis_url: str = "redis://127.0.0.1:6379/0"
    channels: dict[str, str] = field(default_factory=lambda: {"two-tower": "recall-dssm", "multi-interest": "recall-mind"})
    quotas: dict[str, float] = field(
        default_factory=lambda: {"two-tower": 0.4, "multi-interest": 0.4, "popular": 0.1, "newest": 0.1}
    )
    poll_seconds: float = 1.0
    titles: str = "redis"

    def __post_init__(self) -> None:
        if self.titles not in TITLES:
            raise ValueError(f"titles is {self.titles!r}, expected {' or '.join(TITLES)}")


class Unavailable(Exception):
    """Something that the answer cannot do without does not answer."""


@dataclass(frozen=True)
class Wish:
    """A request. Either a user, whose history the shelf has, or a history itself."""

    user: str | None = None
    history: Known | None = None
    k: int = 100
    quotas: dict[str, float] | None = None
    now: float | None = None


class Recommender:
    def __init__(self, settings: Settings, open_store: Callable[[str], Store] | None = None) -> None:
        """open_store: the store of a collection, called by every thread for each request; else the daemon at settings.socket."""
        self.settings = settings
        self._store = open_store or self._store_of_daemon
        self.shelf = Shelf(settings.redis_url)
        self._mine = threading.local()
        self.releases = {
            channel: Releases(lambda collection=collection: self._store(collection), settings.models)
            for channel, collection in settings.channels.items()
        }

    def _store_of_daemon(self, collection: str) -> Store:
        """Each thread has its own connection: requests do not wait for each other's turns."""
        if not hasattr(self._mine, "client"):
            self._mine.client = vecd.connect(self.settings.socket, timeout=5.0, name="recall-service")
        return Store(self._mine.client, collection)

    def refresh(self) -> None:
        for releases in self.releases.values():
            try:
                releases.refresh()
            except vecd.VecdError as error:
                releases.problem = str(error)

    def health(self) -> dict[str, Any]:
        state = {}
        for channel, releases in self.releases.items():
            current = releases.current()
            state[channel] = {"version": current.version if current else None, "problem": releases.problem}
        return {"ready": all(one["version"] for one in state.values()), "channels": state}

    def recommend(self, wish: Wish) -> dict[str, Any]:
        begun = time.monotonic()
        known = self._known(wish)
        now = wish.now if wish.now is not None else time.time()
        # The releases of this request, taken once. Only a generation that was dropped makes one give way, and then as a whole.
        pinned = {channel: releases.current() for channel, releases in self.releases.items()}
        quotas = wish.quotas or self.settings.quotas
        found: dict[str, list[Candidate]] = {}
        about: dict[str, Any] = {}
        for channel, release in pinned.items():
            if quotas.get(channel, 0.0) <= 0:
                continue
            if release is None:
                about[channel] = {"version": None, "problem": self.releases[channel].problem}
                continue
            found[channel], about[channel], pinned[channel] = self._recall(channel, release, known, now, wish.k)
        rest = next((release for release in pinned.values() if release is not None), None)
        for channel in ("popular", "newest"):
            if rest is not None and quotas.get(channel, 0.0) > 0:
                found[channel] = _ranked(channel, rest, known, wish.k)
                about[channel] = {"version": rest.version}
        if not found:
            raise Unavailable("no channel has a model version to answer with")
        merged = merge(found, quotas, wish.k)
        shown = list(dict.fromkeys([one.item for one in merged] + known.items[-50:]))
        cards, cards_problem = self._cards_of_vecd(shown, found, pinned) if self.settings.titles == "vecd" else self._cards(shown)
        answer = {
            "user": wish.user, "k": wish.k, "seen": len(set(known.items)), "channels": about,
            "items": [_shown(one, cards) for one in merged],
            "history": [{"item": item, **cards.get(item, {})} for item in reversed(known.items[-50:])],
            "milliseconds": round((time.monotonic() - begun) * 1000, 2),
        }
        return answer if cards_problem is None else {**answer, "cards_problem": cards_problem}

    def _known(self, wish: Wish) -> Known:
        if wish.history is not None:
            return wish.history
        try:
            return self.shelf.user(str(wish.user))
        except redis.RedisError as error:
            raise Unavailable(f"histories are not to be had: {error}") from None

    def _cards(self, items: list[str]) -> tuple[dict[str, dict[str, str]], str | None]:
        """Titles are worth less than an answer: without Redis the items come bare."""
        try:
            return self.shelf.cards(items), None
        except redis.RedisError as error:
            return {}, f"titles are not to be had: {error}"

    def _cards_of_vecd(
        self, items: list[str], found: dict[str, list[Candidate]], pinned: dict[str, Release | None]
    ) -> tuple[dict[str, dict[str, str]], str | None]:
        """What the searches brought along. The history, and what only popular and newest have, are asked for by id: one get,
        and one more for each further collection as long as items are missing (a model need not have published all)."""
        payloads: dict[str, bytes] = {}
        for one in (one for candidates in found.values() for one in candidates if one.payload is not None):
            payloads[one.item] = one.payload or payloads.get(one.item, b"")
        problem = None
        for channel, release in pinned.items():
            missing = [item for item in items if item not in payloads]
            if release is None or not missing:
                continue
            rows = release.rows_of_items(missing)
            ids, asked = release.bundle.store_ids[rows[rows >= 0]], [item for item, row in zip(missing, rows) if row >= 0]
            try:
                got = self._store(self.settings.channels[channel]).payloads(ids, release.version)
            except vecd.VecdError as error:
                problem = f"titles are not to be had: {error}"
                continue
            payloads.update({item: payload for item, payload in zip(asked, got) if payload is not None})
        cards = {item: card for item in items if (card := from_payload(payloads.get(item, b"")))}
        return cards, problem if any(item not in payloads for item in items) else None

    def _recall(
        self, channel: str, release: Release, known: Known, now: float, k: int
    ) -> tuple[list[Candidate], dict[str, Any], Release]:
        """Candidates, what to tell of them, and the release that they are of."""
        store, payloads = self._store(self.settings.channels[channel]), self.settings.titles == "vecd"
        try:
            return *_vector_channel(channel, store, release, known, now, k, payloads), release
        except vecd.VecdError as error:
            if error.code not in GONE:
                raise
            # Begin again with the live version, tower and all; never only with its items.
            newer = self.releases[channel].refresh()
            if newer is None or newer is release:
                raise
            return *_vector_channel(channel, store, newer, known, now, k, payloads), newer


def _vector_channel(
    channel: str, store: Store, release: Release, known: Known, now: float, k: int, payloads: bool
) -> tuple[list[Candidate], dict[str, Any]]:
    """History -> user vectors -> vecd (all interests in one request, payloads in its reply), by one version."""
    rows = release.rows_of_items(known.items)
    ages = (now - np.asarray(known.times, np.float64)) / 86_400.0
    items, days = release.tower.windows([rows], [ages])
    vectors = release.tower(items, days, release.feature_codes(known.features))
    seen = release.bundle.store_ids[np.unique(rows[rows >= 0])]
    reply: Found = store.search(vectors, k, release.version, [seen], payloads=payloads)
    if reply.version != release.version:
        raise Problem(f"asked {release.version}, answered by {reply.version}")
    there = reply.ids[0] >= 0
    names = release.items_of_store_ids(reply.ids[0][there])
    came_along = reply.payloads[0] if reply.payloads is not None else [None] * len(names)
    found = [
        Candidate(name, channel, float(score), int(interest), payload=payload)
        for name, score, interest, payload in zip(names, reply.scores[0][there], reply.interests[0][there], came_along)
    ]
    return found, {
        "version": release.version, "model": release.bundle.about["model"], "index": reply.index, "found": len(found),
        "interests": _interests(release, vectors[0], known, rows),
    }


def _interests(release: Release, vectors: np.ndarray, known: Known, rows: np.ndarray) -> list[dict[str, Any]]:
    """Each interest that is not a repetition, with the three clicks that it is most about."""
    clicked = np.flatnonzero(rows >= 0)
    out = []
    for number, vector in enumerate(vectors):
        if any(np.array_equal(vector, vectors[earlier]) for earlier in range(number)):
            continue
        near = release.bundle.items[rows[clicked]] @ vector if len(clicked) else np.empty(0)
        out.append({"interest": number, "about": [known.items[clicked[place]] for place in np.argsort(-near, kind="stable")[:3]]})
    return out


def _ranked(channel: str, release: Release, known: Known, k: int) -> list[Candidate]:
    """The first k of the version's popular or newest list that are not seen."""
    order: np.ndarray = getattr(release.bundle, channel)
    seen = set(release.rows_of_items(known.items).tolist())
    rows = [row for row in order[: k + len(seen)].tolist() if row not in seen][:k]
    return [Candidate(str(item), channel) for item in release.bundle.item_ids[rows].tolist()]


def _shown(one: Candidate, cards: dict[str, dict[str, str]]) -> dict[str, Any]:
    card = cards.get(one.item, {})
    return {
        "item": one.item, "title": card.get("title"), "cover": card.get("cover"), "channel": one.channel, "also": one.also,
        "score": one.score, "interest": one.interest,
    }


__all__ = ["Recommender", "Settings", "Unavailable", "Wish"]
