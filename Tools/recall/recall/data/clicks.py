"""A click log in memory: flat arrays, one user after the other, each user's clicks in order of time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from ..problem import Problem


@dataclass(frozen=True)
class Feature:
    """A categorical feature of users or items: a code per row, and what the codes stand for. Code 0 is "unknown"."""

    codes: np.ndarray
    values: list[str]

    @staticmethod
    def of(raw: np.ndarray) -> Feature:
        """Codes of arbitrary values; empty strings and None are unknown."""
        text = np.array(["" if value is None else str(value) for value in raw], dtype=object).astype(str)
        values, codes = np.unique(text, return_inverse=True)
        if len(values) and values[0] == "":  # sorts first, so it has code 0 already
            return Feature(codes.astype(np.int64), ["(unknown)", *values[1:].tolist()])
        return Feature(codes.astype(np.int64) + 1, ["(unknown)", *values.tolist()])

    @property
    def size(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Clicks:
    """users, items: index into user_ids, item_ids. times: seconds since 1970.

    The catalogue (item_ids, features, titles, covers) may hold items that nobody clicked.
    """

    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    user_ids: np.ndarray
    item_ids: np.ndarray
    user_features: dict[str, Feature] = field(default_factory=dict)
    item_features: dict[str, Feature] = field(default_factory=dict)
    titles: np.ndarray | None = None
    covers: np.ndarray | None = None
    created: np.ndarray | None = None
    terms: str = "the owner's of the log"

    @staticmethod
    def build(
        users: np.ndarray, items: np.ndarray, times: np.ndarray, catalogue: np.ndarray | None = None, terms: str = ""
    ) -> Clicks:
        """Sorts a log by user and time. Clicks at the same time stay in the order of the file."""
        if not len(users) == len(items) == len(times):
            raise Problem(f"{len(users)} users, {len(items)} items and {len(times)} times: a log has one of each per click")
        if not len(users):
            raise Problem("the log holds no clicks")
        user_ids, user_index = np.unique(users, return_inverse=True)
        item_ids = np.unique(items if catalogue is None else np.concatenate([catalogue, items]))
        item_index = np.searchsorted(item_ids, items)
        seconds = np.asarray(times, dtype=np.float64)
        if not np.isfinite(seconds).all():
            raise Problem(f"the time of click {int(np.flatnonzero(~np.isfinite(seconds))[0])} is not a number")
        order = np.lexsort((seconds, user_index))  # stable: ties keep their order
        return Clicks(
            user_index[order].astype(np.int64), item_index[order].astype(np.int64), seconds[order], user_ids, item_ids,
            terms=terms or "the owner's of the log",
        )

    def __len__(self) -> int:
        return len(self.users)

    @property
    def offsets(self) -> np.ndarray:
        """Clicks of user u are rows offsets[u] to offsets[u + 1]."""
        counts = np.bincount(self.users, minlength=len(self.user_ids))
        return np.concatenate([[0], np.cumsum(counts)])

    @property
    def item_counts(self) -> np.ndarray:
        return np.bincount(self.items, minlength=len(self.item_ids))

    def only(self, rows: np.ndarray) -> Clicks:
        """The same users and catalogue with some of the clicks."""
        return replace(self, users=self.users[rows], items=self.items[rows], times=self.times[rows])

    def first_per_user_and_item(self) -> Clicks:
        """Without repeated clicks of a user on an item: the first one stays."""
        key = self.users * np.int64(len(self.item_ids)) + self.items
        return self.only(np.sort(np.unique(key, return_index=True)[1]))

    def cards(self) -> list[dict[str, str]]:
        """Title and cover of each item, as far as the log has them."""
        named = [(name, texts.tolist()) for name, texts in (("title", self.titles), ("cover", self.covers)) if texts is not None]
        return [{name: texts[row] for name, texts in named if texts[row]} for row in range(len(self.item_ids))]

    def store_ids(self) -> np.ndarray:
        """The key of each item in vecd: its id where that is a whole number, else 64 bits of its hash."""
        return store_ids(self.item_ids)


def store_ids(item_ids: np.ndarray) -> np.ndarray:
    """uint64 keys that depend on the ids alone, so that they are the same in every model version."""
    if item_ids.dtype.kind in "iu" and (not len(item_ids) or item_ids.min() >= 0):
        return item_ids.astype(np.uint64)
    hashes = [hashlib.blake2b(str(value).encode(), digest_size=8).digest() for value in item_ids.tolist()]
    keys = np.frombuffer(b"".join(hashes), dtype="<u8") >> np.uint64(1)  # the top bit stays clear: -1 means "none"
    if len(np.unique(keys)) != len(keys):
        raise Problem("two item ids have the same hash of 63 bits; number the items and pass whole numbers")
    return keys
