"""Which model version answers. A request takes one release at its beginning and keeps it: tower, vocabulary and generation are
those of one version, whatever is published meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from recall import bundle as bundles
from recall.problem import Problem
from recall.store import Store
from recall.tower import Tower

log = logging.getLogger("recall.service")


@dataclass(frozen=True)
class Release:
    """A model version ready to serve; never changed once made."""

    bundle: bundles.Bundle
    tower: Tower

    @property
    def version(self) -> str:
        return self.bundle.version

    @cached_property
    def _by_item(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.bundle.item_ids, kind="stable")
        return self.bundle.item_ids[order], order

    @cached_property
    def _by_store_id(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.bundle.store_ids, kind="stable")
        return self.bundle.store_ids[order].astype(np.int64), order

    def rows_of_items(self, items: list[str]) -> np.ndarray:
        """Catalogue indexes of ids as text; -1 for items that this version does not know."""
        ids, order = self._by_item
        if ids.dtype.kind in "iu":
            wanted = np.array([int(item) if item.isdecimal() and len(item) < 19 else -1 for item in items], np.int64)
        else:
            wanted = np.array(items, dtype=str)
        return _find(ids, order, wanted)

    def items_of_store_ids(self, keys: np.ndarray) -> list[str]:
        """The ids of the log behind the store's keys."""
        rows = _find(*self._by_store_id, keys)
        if (rows < 0).any():
            raise Problem(f"generation {self.version} holds an id that its model does not know")
        return [str(item) for item in self.bundle.item_ids[rows].tolist()]

    def feature_codes(self, features: dict[str, str]) -> np.ndarray:
        """(1, F): code 0, unknown, for what is not given or was never seen."""
        return np.array([[codes.get(str(features.get(name, "")), 0) for name, codes in self._vocabularies]], np.int64)

    @cached_property
    def _vocabularies(self) -> list[tuple[str, dict[str, int]]]:
        described = self.bundle.about["user_features"]
        return [(one["name"], {value: code for code, value in enumerate(one["values"])}) for one in described]


def _find(ids: np.ndarray, order: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    if not len(ids) or not len(wanted):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[at] == wanted, order[at], -1)


class Releases:
    """The current release of one channel. `refresh` follows what is live in the daemon; `current` never waits for it."""

    def __init__(self, store: Callable[[], Store], models: Path) -> None:
        self._store, self._models = store, models
        self._current: Release | None = None
        self._lock = threading.Lock()
        self.problem: str | None = None

    def current(self) -> Release | None:
        return self._current

    def refresh(self) -> Release | None:
        """Loads the live version if it is another one. A version whose model is not here leaves the old one in place: its
        generation still answers by its label, with the right tower."""
        with self._lock:
            live = self._store().live()
            if live is None or (self._current is not None and self._current.version == live):
                self.problem = None if live else "no version is live"
                return self._current
            try:
                bundle = bundles.find(self._models, live)
                if bundle is None:
                    raise Problem(f"{live} is live, but {self._models} has no model of that version")
                made = Release(bundle, Tower(bundle.tower_path))
                empty = made.tower.windows([np.empty(0, np.int64)], [np.empty(0)])
                made.tower(*empty, made.feature_codes({}))  # it works, and is warm
            except Exception as error:
                if str(error) != self.problem:
                    log.warning("stays with %s: %s", self._current.version if self._current else "nothing", error)
                self.problem = str(error)
                return self._current
            log.info("%s takes over from %s", live, self._current.version if self._current else "nothing")
            self._current, self.problem = made, None  # one assignment: requests see the old release or the new one
            return made
