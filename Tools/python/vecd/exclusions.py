"""Named sets of excluded ids that the daemon keeps: a user's seen items, which a search then only names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import protocol as p
from .arrays import as_ids, bad, whole
from .wire import Limits
from .writes import send_again

if TYPE_CHECKING:
    from .client import Client

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


@dataclass
class Exclusions:
    """What a set excludes now. ids: (n,) uint64, ascending. ends: (n,) int64, until when in milliseconds since 1970, -1 for
    ever."""

    ids: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def append(client: Client, collection: str, name: str, ids: Any, ttl: Any, timeout: Any) -> int:
    keys = as_ids(ids)
    if not len(keys):
        raise bad("there are no ids; pass at least one")
    seconds = 0 if ttl is None else whole(ttl, "ttl", 1, Limits.LIFETIME_SECONDS)
    check_name(name)
    held = 0
    for start in range(0, len(keys), Limits.EXCLUDE_IDS):
        part = keys[start : start + Limits.EXCLUDE_IDS]
        # Ids that are appended twice are in the set once.
        held = send_again(client, p.ExcludeRequest(collection, name, seconds, len(part), part), timeout).ids
    return held


def as_set_names(value: Any, count: int) -> tuple[str, ...] | None:
    """One name for all queries from a string, or one for each of `count` queries from a sequence, in which None and an empty
    name are none. None for none at all."""
    if value is None:
        return None
    names = (value,) if isinstance(value, str) else tuple("" if name is None else name for name in value)
    if not isinstance(value, str) and len(names) != count:
        raise bad(f"exclude_set holds {len(names)} names for {count} queries; give one for all, or one for each")
    for name in names:
        if name != "":
            check_name(name)
    return names if any(names) else None


def check_name(name: Any, what: str = "exclude set") -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise bad(
            f"{what} {name!r}: use 1 to {Limits.NAME_BYTES} of A-Z a-z 0-9 . _ : -, starting with a letter or digit")
